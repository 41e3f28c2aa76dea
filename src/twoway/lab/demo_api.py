"""A small API to stand behind a gateway: it says whom it sees. A process of its own.

python -m twoway.lab.demo_api

It listens on a free port of 127.0.0.1 and prints it, and ends when its standard input closes.
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Orders(BaseHTTPRequestHandler):
    """Answers every GET with who asked, as the gateway says, and how many requests have come."""

    protocol_version = "HTTP/1.1"
    # Head and body are two small packets: together with delayed acknowledgements they would cost 40 ms.
    disable_nagle_algorithm = True
    answered = 0

    def do_GET(self) -> None:
        """Answer."""
        Orders.answered += 1
        answer = {
            "path": self.path,
            "client": self.headers.get("X-Client-Id"),
            "requests": Orders.answered,
        }
        body = json.dumps(answer).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library's names
        """Say nothing: the story is told by whoever called."""


def main() -> None:
    """Serve until standard input closes."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Orders) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)  # noqa: T201  whoever started us reads it
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
