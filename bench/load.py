"""Calls to a gateway, as many as are asked for, by Python's own TLS."""

from __future__ import annotations

import socket
import ssl

from tests.parts.credentials import Pem

_OK = b"HTTP/1.1 200"


def context(identity: Pem) -> ssl.SSLContext:
    """Return a context of this client; the server is not checked."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    made.load_cert_chain(identity.certificate, identity.key)
    made.set_alpn_protocols(["http/1.1"])
    return made


def connected(port: int, tls: ssl.SSLContext) -> ssl.SSLSocket:
    """Return an open connection."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=10)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return tls.wrap_socket(plain, server_hostname="localhost")


def requests(port: int, path: str, identity: Pem, count: int, connections: int = 8) -> None:
    """Send requests on kept-alive connections, one under way on each.

    Raises:
        RuntimeError: an answer was not 200.
    """
    tls = context(identity)
    sockets = [connected(port, tls) for _ in range(connections)]
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    for _ in range(count // connections):
        for each in sockets:
            each.sendall(request)
        for each in sockets:
            _expect_ok(each.recv(65536))
    for each in sockets:
        each.close()


def handshakes(port: int, path: str, identity: Pem, count: int) -> None:
    """Make full handshakes, with one request on each connection.

    Raises:
        RuntimeError: an answer was not 200.
    """
    tls = context(identity)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    for _ in range(count):
        with connected(port, tls) as each:
            each.sendall(request)
            _expect_ok(each.recv(65536))


def _expect_ok(answer: bytes) -> None:
    if not answer.startswith(_OK):
        raise RuntimeError(f"not answered: {answer[:200]!r}")
