"""A backend that records exactly what arrives, so that a test can say what did, and that nothing did.

It answers every request with JSON about it. ``Upgrade: websocket`` gets an echo, ``/stream`` an answer that does
not end. With a TLS context it is also a plain mutual-TLS server.
"""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import json
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

# RFC 6455 section 1.3.
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TICK_SECONDS = 0.02


@dataclass(frozen=True)
class Request:
    """A request as it arrived: nothing is decoded, joined or put in order.

    Args:
        connection: which connection it came on, counted from 1.
        subject: the common name of the client certificate that the backend itself saw.
    """

    method: str
    target: str
    version: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    subject: str | None

    def values(self, name: str) -> list[str]:
        """Return every value of a header, whatever the case of its name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class Upstream(socketserver.ThreadingTCPServer):
    """The backend; ``requests`` and ``malformed`` grow while it serves.

    ``unfinished`` are requests whose head came, and whose body has not come whole.
    """

    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tls = tls
        self.requests: list[Request] = []
        self.unfinished: list[Request] = []
        self.malformed: list[bytes] = []
        self.numbers = itertools.count(1)
        self.connections: set[socket.socket] = set()

    @property
    def port(self) -> int:
        """The port, chosen by the system."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """Its URL, with no path."""
        return f"{'https' if self.tls else 'http'}://localhost:{self.port}"

    def close(self) -> None:
        """End every connection and wait for its thread."""
        self.shutdown()
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()


@contextmanager
def upstream(tls: ssl.SSLContext | None = None) -> Iterator[Upstream]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    server = Upstream(tls)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.close()
        thread.join()


class _Handler(socketserver.BaseRequestHandler):
    """One connection, with as many requests as the client sends."""

    server: Upstream

    def handle(self) -> None:
        connection: socket.socket = self.request
        if self.server.tls:
            connection = self.server.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            )
        self.server.connections.add(connection)
        try:
            with connection:
                if isinstance(connection, ssl.SSLSocket):
                    self._handshake(connection)
                with connection.makefile("rwb") as stream:
                    self._converse(connection, stream)
        except (OSError, ValueError):
            # The client left, in the middle of anything.
            pass
        finally:
            self.server.connections.discard(connection)

    def _handshake(self, connection: ssl.SSLSocket) -> None:
        try:
            connection.do_handshake()
        except ssl.SSLError:
            # To close before the client has read the alert would be a reset, and it would never see the alert.
            with socket.socket(fileno=connection.detach()) as plain:
                plain.settimeout(1)
                while plain.recv(65536):
                    pass
            raise

    def _converse(self, connection: socket.socket, stream: io.BufferedRWPair) -> None:
        number = next(self.server.numbers)
        subject = _common_name(connection) if isinstance(connection, ssl.SSLSocket) else None
        while head := _head(stream):
            try:
                bare = _request(head, number, subject)
                self.server.unfinished.append(bare)
                request = replace(bare, body=_body(bare, stream))
            except ValueError:
                self.server.malformed.append(head)
                stream.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                return
            self.server.requests.append(request)
            self.server.unfinished.remove(bare)
            if "websocket" in (value.lower() for value in request.values("Upgrade")):
                _websocket(request, stream)
            elif request.target.startswith("/stream"):
                _endless(stream)
            else:
                _answer(request, stream)


def _head(stream: io.BufferedRWPair) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n") and (line := stream.readline(65536)):
        head += line
    return head


def _request(head: bytes, number: int, subject: str | None) -> Request:
    first, *lines = head.removesuffix(b"\r\n\r\n").decode("latin-1").split("\r\n")
    method, target, version = first.split(" ")
    pairs = [line.split(":", 1) for line in lines]
    headers = tuple((name, value.strip(" \t")) for name, value in pairs)
    return Request(method, target, version, headers, b"", number, subject)


def _body(request: Request, stream: io.BufferedRWPair) -> bytes:
    if request.values("Transfer-Encoding"):
        body = b""
        while size := int(stream.readline(), 16):
            body += stream.read(size)
            stream.readline()
        while stream.readline().strip():
            pass
        return body
    return stream.read(int((request.values("Content-Length") or ["0"])[0]))


def _answer(request: Request, stream: io.BufferedRWPair) -> None:
    said: dict[str, Any] = {
        "method": request.method,
        "target": request.target,
        "headers": request.headers,
        "connection": request.connection,
        "subject": request.subject,
    }
    body = json.dumps(said).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    stream.write(head.encode() + body)
    stream.flush()


def _endless(stream: io.BufferedRWPair) -> None:
    """Send a chunk each tick until the client, or the server, ends the connection."""
    stream.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for n in itertools.count():
        tick = b"tick %d\n" % n
        stream.write(b"%x\r\n%s\r\n" % (len(tick), tick))
        stream.flush()
        time.sleep(TICK_SECONDS)


def _websocket(request: Request, stream: io.BufferedRWPair) -> None:
    """Echo every short frame, unmasked."""
    key = request.values("Sec-WebSocket-Key")[0].encode()
    accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest())  # noqa: S324  # RFC 6455 says SHA-1
    stream.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
    stream.write(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    stream.flush()
    while head := stream.read(2):
        size, mask = head[1] & 0x7F, stream.read(4)
        if size > 125:
            raise ValueError("only short frames are echoed")
        text = bytes(byte ^ mask[n % 4] for n, byte in enumerate(stream.read(size)))
        stream.write(bytes([head[0], size]) + text)
        stream.flush()


def _common_name(connection: ssl.SSLSocket) -> str | None:
    subject: Any = (connection.getpeercert() or {}).get("subject", ())
    return next((value for part in subject for name, value in part if name == "commonName"), None)
