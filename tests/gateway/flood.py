"""A stranger in a process of its own, that asks as fast as it can on connections that it keeps.

    python -m tests.gateway.flood PORT CERTIFICATE KEY CONNECTIONS

It says ``ready``, goes on until its standard input closes, and prints how often it saw which status, as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.gateway.load import connect
from tests.parts.credentials import Pem

ROOT = Path(__file__).parents[2]


@contextmanager
def flood(port: int, identity: Pem, connections: int, answers: Counter[int]) -> Iterator[None]:
    """Flood until the block ends; how often it saw which status is in ``answers`` then."""
    command = [sys.executable, "-m", "tests.gateway.flood", str(port)]
    command += [str(identity.certificate), str(identity.key), str(connections)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            said, _ = process.communicate()
            answers.update({int(status): count for status, count in json.loads(said).items()})


def main(port: int, identity: Pem, connections: int) -> None:
    """Flood."""
    over = threading.Event()

    def wait() -> None:
        sys.stdin.read()
        over.set()

    threading.Thread(target=wait).start()
    answers: Counter[int] = Counter()
    with ExitStack() as stack:
        opened = [stack.enter_context(connect(port, identity)) for _ in range(connections)]
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while not over.is_set():
            for connection in opened:
                connection.send(b"GET /orders HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answers.update(connection.answer().status for connection in opened)
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    main(int(sys.argv[1]), Pem(Path(sys.argv[2]), Path(sys.argv[3])), int(sys.argv[4]))
