"""Processes that do one thing to a realm and are killed while they do it.

They are forked off a server that has imported everything already, so that most of their life is the work itself.
"""

from __future__ import annotations

import multiprocessing
import random
import statistics
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

from tests.x509.pki import AT
from twoway.realm import bindings
from twoway.realm.realm import Realm

Work = Callable[..., None]

CONTEXT = multiprocessing.get_context("forkserver")
PRELOAD = [
    __name__,
    "alembic.command",
    "alembic.autogenerate",
    "twoway.authority.issuing",
    "twoway.x509.keys",
]


def init(directory: Path) -> None:
    """Make a realm."""
    Realm.create(directory, name="Acme", at=AT).close()


def issue(directory: Path, client: str, out: Path) -> None:
    """Issue a certificate and hand it out, as a command does: after it is stored."""
    with Realm.open(directory) as realm:
        with realm.changing("test", at=AT) as change:
            issued = bindings.issue(change, client)
        out.write_bytes(issued.certificate.der)


def revoke(directory: Path, client: str) -> None:
    """Revoke all that a client has."""
    with Realm.open(directory) as realm, realm.changing("test", at=AT) as change:
        bindings.revoke(change, client)


class Killer:
    """Runs a piece of work in a process, and kills it at a random moment of its life.

    Args:
        work: what is done.
        rehearsals: arguments of whole runs, by which its length is measured.
    """

    def __init__(self, work: Work, rehearsals: Sequence[tuple[object, ...]]) -> None:
        self.work = work
        self.killed = 0
        self._random = random.Random(f"{work.__name__} killed")
        self.length = statistics.median(self._measured(arguments) for arguments in rehearsals)

    def kill(self, *arguments: object) -> None:
        """Do the work and kill -9 it somewhere between its begin and its end."""
        process = self._start(arguments)
        time.sleep(self._random.uniform(0, 1.1 * self.length))
        process.kill()
        process.join()
        self.killed += process.exitcode != 0

    def _measured(self, arguments: tuple[object, ...]) -> float:
        process = self._start(arguments)
        began = time.monotonic()
        process.join()
        assert process.exitcode == 0
        return time.monotonic() - began

    def _start(self, arguments: tuple[object, ...]) -> multiprocessing.process.BaseProcess:
        CONTEXT.set_forkserver_preload(PRELOAD)
        here, there = CONTEXT.Pipe(duplex=False)
        process = CONTEXT.Process(target=_run, args=(there, self.work, arguments))
        process.start()
        there.close()
        here.recv()
        here.close()
        return process


def _run(ready: Connection, work: Work, arguments: tuple[object, ...]) -> None:
    ready.send(None)
    work(*arguments)
