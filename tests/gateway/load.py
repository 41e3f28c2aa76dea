"""Known clients that call without pause, and what they were answered."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field

from tests.parts import raw
from tests.parts.answers import Answer, NoAnswer
from tests.parts.credentials import Pem

# Between two requests of one client: two cores also have a gateway to run.
PAUSE_SECONDS = 0.004


def connect(port: int, identity: Pem | None) -> AbstractContextManager[raw.Connection]:
    """Connect to a host that lets every handshake finish: no alert is waited for."""
    return raw.connect(port, identity=identity, verdict_seconds=0)


def ask(port: int, identity: Pem | None, target: str) -> Answer:
    """Return the answer to one request on a new connection."""
    with connect(port, identity) as connection:
        return connection.request(target)


@dataclass
class Load:
    """What happened so far.

    Args:
        answered: requests that were answered with 200, by client.
        failed: everything else, in words.
    """

    answered: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def count(self) -> int:
        """How many requests were answered."""
        return self.answered.total()


@contextmanager
def load(port: int, identities: Mapping[str, Pem], target: str) -> Iterator[Load]:
    """Let each client call on a connection that it keeps, and all of them in turn on new ones, until the block ends."""
    made, over = Load(), threading.Event()

    def keep_alive(name: str) -> None:
        while not over.is_set():
            with _noted(made, name), connect(port, identities[name]) as connection:
                while not over.is_set():
                    _call(made, name, connection, target)

    def handshakes() -> None:
        while not over.is_set():
            for name in identities:
                with _noted(made, f"{name} anew"), connect(port, identities[name]) as connection:
                    _call(made, f"{name} anew", connection, target)

    threads = [threading.Thread(target=keep_alive, args=(name,)) for name in identities]
    threads.append(threading.Thread(target=handshakes))
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _call(made: Load, name: str, connection: raw.Connection, target: str) -> None:
    answer = connection.request(target)
    if answer.status == 200:
        made.answered[name] += 1
    else:
        made.failed.append(f"{name}: {answer.status} {answer.body}")
    time.sleep(PAUSE_SECONDS)


@contextmanager
def _noted(made: Load, name: str) -> Iterator[None]:
    try:
        yield
    except (NoAnswer, OSError) as problem:
        made.failed.append(f"{name}: {type(problem).__name__} {problem}")
        time.sleep(PAUSE_SECONDS)


def answered_with(status: int, port: int, identity: Pem | None, target: str, *, seconds: float = 5) -> float:
    """Return the seconds until a new connection's request is answered with this status.

    Raises:
        TimeoutError: it is not.
    """
    began = time.monotonic()
    last: Answer | None = None
    while time.monotonic() - began < seconds:
        with suppress(NoAnswer, OSError):
            last = ask(port, identity, target)
            if last.status == status:
                return time.monotonic() - began
        time.sleep(0.005)
    raise TimeoutError(f"not answered with {status} in {seconds} s: {last}")
