"""How long after its COMMIT a revocation bites on an open connection.

python -m bench.revocation

The clock starts when COMMIT has returned in a separate ``twoway client revoke`` process, and stops when a raw TLS
client reads a refusal on a connection that it had open; ``twoway serve`` is a third process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from bench.gateway import backend, populate
from bench.load import connected, context
from bench.measure import percentile
from tests.parts import material
from tests.parts.credentials import Pem
from tests.parts.served import Served, served

CLIENTS = 1000
SAMPLES = int(os.environ.get("SAMPLES", "100"))
FLOOD_CONNECTIONS = 32
REQUEST = b"GET /orders HTTP/1.1\r\nHost: localhost\r\n\r\n"


def main() -> None:
    """Take the figures, quiet and under a flood of a stranger's requests, and print them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        backend(Path(folder)) as api,
        served(Path(folder)) as gateway,
    ):
        gateway.service("orders", f"http://127.0.0.1:{api}")
        populate(gateway, CLIENTS - 2 * SAMPLES)
        quiet = [_identity(gateway, f"quiet-{number}") for number in range(SAMPLES)]
        flooded = [_identity(gateway, f"flooded-{number}") for number in range(SAMPLES)]
        gateway.settled(seconds=60)
        _show(f"quiet, {CLIENTS} clients", [_sample(gateway, name, files) for name, files in quiet])
        with _flood(gateway) as refused:
            times = [_sample(gateway, name, files) for name, files in flooded]
        _show(f"with a stranger on {FLOOD_CONNECTIONS} connections ({refused[0]} refusals)", times)


def _identity(gateway: Served, name: str) -> tuple[str, Pem]:
    gateway.client(name, "orders")
    return name, gateway.issue(name)[1]


def _sample(gateway: Served, name: str, identity: Pem) -> float:
    """Revoke one client in a process of its own; return the milliseconds until its open connection is refused."""
    connection = connected(gateway.port, context(identity))
    assert _status(connection) == 200
    command = [sys.executable, "-m", "twoway", "client", "revoke", name, "--yes", "--json"]
    revoking = subprocess.Popen([*command, "--realm", str(gateway.realm.directory)], stdout=subprocess.PIPE)
    end = time.monotonic() + 30
    while _status(connection) == 200:
        if time.monotonic() > end:
            raise TimeoutError(f"{name} was not refused")
    refused_at = time.time()
    connection.close()
    said = json.loads(revoking.communicate()[0])
    return (refused_at - datetime.fromisoformat(said["committed_at"]).timestamp()) * 1000


def _status(connection: object) -> int:
    connection.sendall(REQUEST)  # type: ignore[attr-defined]  # a socket
    answer: bytes = connection.recv(65536)  # type: ignore[attr-defined]  # as above
    return int(answer.split(b" ", 2)[1])


@contextmanager
def _flood(gateway: Served) -> Iterator[list[int]]:
    """Hammer the gateway with a certificate that nobody knows, from a process of its own."""
    stranger = material.client(material.root("Strange CA"), "stranger").pem(gateway.files, "flood")
    command = [
        sys.executable,
        "-m",
        "bench.flood",
        str(gateway.port),
        str(stranger.certificate),
        str(stranger.key),
    ]
    process = subprocess.Popen(
        [*command, str(FLOOD_CONNECTIONS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    refused = [0]
    try:
        yield refused
    finally:
        refused[0] = int(process.communicate()[0])


def _show(what: str, milliseconds: list[float]) -> None:
    print(
        f"revocation to refusal, {what}: median {percentile(milliseconds, 50):.1f} ms, "
        f"99th percentile {percentile(milliseconds, 99):.1f} ms, longest {max(milliseconds):.1f} ms "
        f"({len(milliseconds)} revocations)"
    )


if __name__ == "__main__":
    main()
