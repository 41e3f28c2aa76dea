"""Servers that answer with given bytes, or misbehave, each on a port of its own."""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from OpenSSL import SSL

from tests.parts.credentials import Pem

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
# SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION of openssl/ssl.h, which pyOpenSSL does not name.
NO_SESSION_RESUMPTION_ON_RENEGOTIATION = 1 << 16
Talk = Callable[[socket.socket], None]


@dataclass
class Server:
    """A server that runs.

    Args:
        port: on 127.0.0.1.
        heads: the head of every request that it read.
        accepted: how many connections came.
        ending: the next one is the last, and not served.
    """

    port: int
    heads: list[bytes] = field(default_factory=list)
    accepted: int = 0
    ending: bool = False

    @property
    def url(self) -> str:
        """Its URL, with no path."""
        return f"https://localhost:{self.port}"


def tls(identity: Pem, mode: ssl.VerifyMode = ssl.CERT_NONE) -> ssl.SSLContext:
    """Return a context that asks for a certificate, requires one, or does neither."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    context.verify_mode = mode
    return context


@contextmanager
def talking(talk: Talk) -> Iterator[Server]:
    """Serve until the block ends; ``talk`` gets each plain connection, one after the other."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Server(listener.getsockname()[1])
    thread = threading.Thread(target=_serve, args=(listener, server, talk))
    thread.start()
    try:
        yield server
    finally:
        # A thread in accept() does not notice that its socket is closed; a last connection wakes it up.
        server.ending = True
        with suppress(OSError), socket.create_connection(("127.0.0.1", server.port)):
            pass
        thread.join()
        listener.close()


@contextmanager
def answering(context: ssl.SSLContext | None, *answers: bytes, late: bool = False) -> Iterator[Server]:
    """Serve until the block ends: each request of a connection gets the next answer, the last one for ever.

    Args:
        context: None for no TLS.
        answers: whole, as they go over the wire; an empty one closes the connection.
        late: ask for a certificate only when a request has been read.
    """

    def talk(plain: socket.socket) -> None:
        connection = plain if context is None else context.wrap_socket(plain, server_side=True)
        with connection, connection.makefile("rb") as stream:
            waiting = list(answers)
            while head := _head(stream):
                made.heads.append(head)
                if late and isinstance(connection, ssl.SSLSocket):
                    connection.verify_client_post_handshake()
                answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
                if not answer:
                    return
                connection.sendall(answer)

    with talking(talk) as made:
        yield made


@contextmanager
def renegotiating(identity: Pem, ca: Path) -> Iterator[Server]:
    """Serve TLS 1.2 until the block ends, and ask for a certificate in a second handshake, when a request was read."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_max_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate_chain_file(identity.certificate)
    context.use_privatekey_file(identity.key)
    context.load_verify_locations(str(ca))
    context.set_session_id(b"tests")
    context.set_options(NO_SESSION_RESUMPTION_ON_RENEGOTIATION)

    def talk(plain: socket.socket) -> None:
        plain.setblocking(False)
        connection = SSL.Connection(context, plain)
        connection.set_accept_state()
        step = partial(_patiently, plain)
        made.heads.append(step(connection.recv, 65536))
        connection.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *said: bool(said[-1]))
        connection.renegotiate()
        step(connection.do_handshake)
        while connection.get_peer_certificate() is None:
            with suppress(SSL.WantReadError):
                connection.recv(1)
            select.select([plain], [], [], 1)
        step(connection.sendall, OK)
        step(connection.recv, 1)

    with talking(talk) as made:
        yield made


def _patiently(plain: socket.socket, step: Callable[..., Any], *arguments: object) -> Any:
    while True:
        try:
            return step(*arguments)
        except SSL.WantReadError:
            if not select.select([plain], [], [], 5)[0]:
                raise
        except SSL.Error as error:
            raise OSError from error


def _head(stream: object) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n") and (line := stream.readline()):  # type: ignore[attr-defined]  # a file
        head += line
    return head


def _serve(listener: socket.socket, server: Server, talk: Talk) -> None:
    while True:
        connection, _ = listener.accept()
        with connection:
            if server.ending:
                return
            server.accepted += 1
            connection.settimeout(5)
            with suppress(OSError):
                talk(connection)
