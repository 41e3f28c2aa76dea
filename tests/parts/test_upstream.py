from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.parts.upstream import Upstream, upstream


@pytest.fixture
def plain() -> Iterator[Upstream]:
    """Serve without TLS."""
    with upstream() as server:
        yield server


def test_headers_are_recorded_as_they_came(plain: Upstream) -> None:
    """Order, case, duplicates and the body of each request are kept."""
    body = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", plain.port)) as client:
        client.sendall(f"POST /x?y HTTP/1.1\r\nB: 1\r\na: 2\r\nb:3\r\n{body}".encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
    (request,) = plain.requests
    assert (("B", "1"), ("a", "2"), ("b", "3")) == request.headers[:3]
    assert ("POST", "/x?y", b"abc") == (request.method, request.target, request.body)


def test_malformed_request_is_kept_apart(plain: Upstream) -> None:
    """What is no request is recorded, answered with 400 and counted nowhere else."""
    with socket.create_connection(("127.0.0.1", plain.port)) as client:
        client.sendall(b"nonsense\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 400 ")
    assert ([b"nonsense\r\n\r\n"], []) == (plain.malformed, plain.requests)


def test_websocket_echoes(plain: Upstream) -> None:
    """A masked frame comes back unmasked."""
    with socket.create_connection(("127.0.0.1", plain.port)) as client:
        stream = client.makefile("rb")
        client.sendall(
            b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        head = b"".join(iter(stream.readline, b"\r\n"))
        # RFC 6455 section 1.3 has the key and its answer.
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        client.sendall(b"\x81\x82\x01\x02\x03\x04" + bytes([ord("h") ^ 1, ord("i") ^ 2]))
        assert b"\x81\x02hi" == stream.read(4)
        stream.close()


def test_stream_does_not_end(plain: Upstream) -> None:
    """Chunks go on for as long as the client reads, and end with the server."""
    with socket.create_connection(("127.0.0.1", plain.port)) as client, client.makefile("rb") as stream:
        client.sendall(b"GET /stream HTTP/1.1\r\n\r\n")
        ticks = [line for line in (stream.readline() for _ in range(20)) if line.startswith(b"tick")]
        assert [b"tick 0\n", b"tick 1\n"] == ticks[:2]
        plain.close()
        assert b"" == stream.read().rpartition(b"\n")[2].strip()
