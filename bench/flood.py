"""A stranger that calls as fast as it can, until standard input closes; then it prints how often it was refused.

python -m bench.flood PORT CERTIFICATE KEY CONNECTIONS
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from bench.load import connected, context
from tests.parts.credentials import Pem

REQUEST = b"GET /orders HTTP/1.1\r\nHost: localhost\r\n\r\n"


def main(port: int, identity: Pem, count: int) -> None:
    """Hammer."""
    over = threading.Event()
    threading.Thread(target=_until_told, args=(over,), daemon=True).start()
    tls = context(identity)
    connections = [connected(port, tls) for _ in range(count)]
    print("ready", flush=True)
    refused = 0
    while not over.is_set():
        for each in connections:
            each.sendall(REQUEST)
        for each in connections:
            each.recv(65536)
            refused += 1
    print(refused)


def _until_told(over: threading.Event) -> None:
    sys.stdin.read()
    over.set()


if __name__ == "__main__":
    main(int(sys.argv[1]), Pem(Path(sys.argv[2]), Path(sys.argv[3])), int(sys.argv[4]))
