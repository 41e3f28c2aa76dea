"""A TLS client that does what no honest client does, and tells what it saw.

It presents any certificate with any key, sends any bytes, keeps its connection, resumes its session anywhere,
and names the alert that ends it. The server's certificate is not checked: these tests attack the server.
"""

from __future__ import annotations

import http.client
import io
import select
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Literal

from OpenSSL import SSL

from tests.parts.answers import Answer, NoAnswer
from tests.parts.credentials import Pem

Version = Literal["TLSv1.2", "TLSv1.3"]
VERSIONS: dict[Version, int] = {"TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}

# RFC 8446 section 6 and RFC 5246 section 7.2.
ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    22: "record_overflow",
    40: "handshake_failure",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
}

# How long the tickets of a TLS 1.3 server are waited for; one that sends none only costs this.
TICKET_SECONDS = 0.5


class Alert(NoAnswer):
    """The server ended the connection with a TLS alert, whose name is the message."""


class Closed(NoAnswer):
    """The server closed the connection, or reset it, without an alert."""


class Connection:
    """One TLS connection, its handshake done."""

    def __init__(self, tls: SSL.Connection, seconds: float) -> None:
        self._tls = tls
        self._seconds = seconds
        self._states: list[bytes] = []
        self._alert: str | None = None
        self._reader = _Reader(self)
        tls.set_info_callback(self._saw)

    def handshake(self, verdict_seconds: float) -> None:
        """Do the handshake, and wait for what the server makes of our certificate.

        In TLS 1.3 it is over for us before the server has looked. It then sends session tickets, or an alert,
        which a reset would swallow if we had sent something meanwhile.
        """
        self._patiently(self._tls.do_handshake)
        if self.tls == "TLSv1.3" and select.select([self._tls.fileno()], [], [], verdict_seconds)[0]:
            self._step(self._tls.recv, 1, socket.MSG_PEEK)

    @property
    def tls(self) -> str:
        """``TLSv1.2`` or ``TLSv1.3``."""
        return self._tls.get_protocol_version_name()

    @property
    def alpn(self) -> str:
        """The protocol that the server chose; empty if none."""
        return self._tls.get_alpn_proto_negotiated().decode()

    @property
    def resumed(self) -> bool:
        """Whether the session was resumed: the server sent no certificate."""
        return not any(
            b"read server certificate" == state.removeprefix(b"SSLv3/TLS ") for state in self._states
        )

    @property
    def asked(self) -> bool:
        """Whether the server asked for a certificate."""
        return any(b"read server certificate request" in state for state in self._states)

    @property
    def acceptable_cas(self) -> list[str]:
        """The common names of the CAs that the server says it accepts."""
        return [str(name.CN) for name in self._tls.get_client_ca_list()]

    @property
    def session(self) -> SSL.Session:
        """The session to resume; in TLS 1.3 that of the last ticket."""
        session = self._tls.get_session()
        assert session is not None
        return session

    def send(self, data: bytes) -> None:
        """Send these very bytes."""
        try:
            while data:
                data = data[self._patiently(self._tls.send, data) :]
        except Closed:
            # The peer closed while we wrote: what it said before is still to be read.
            self.receive()
            raise

    def receive(self, size: int = 65536) -> bytes:
        """Return what comes next; empty when the server has closed in order."""
        data: bytes = self._patiently(self._tls.recv, size)
        return data

    def request(
        self,
        target: str = "/",
        *,
        method: str = "GET",
        host: str = "localhost",
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Answer:
        """Send an HTTP/1.1 request and read its answer; call it again for the next one."""
        length = [("Content-Length", str(len(body)))] if body else []
        lines = [f"{name}: {value}\r\n" for name, value in (("Host", host), *headers, *length)]
        self.send(f"{method} {target} HTTP/1.1\r\n{''.join(lines)}\r\n".encode("latin-1") + body)
        return self.answer(method)

    def answer(self, method: str = "GET") -> Answer:
        """Read one HTTP/1.1 answer, whatever was sent."""
        response = http.client.HTTPResponse(self, method=method)  # type: ignore[arg-type]  # it wants makefile
        try:
            response.begin()
            body = response.read()
        except http.client.HTTPException as problem:
            raise Closed(repr(problem)) from problem
        fields = tuple(response.getheaders())
        return Answer(response.status, "HTTP/1.1", self.tls, fields, body.decode(), self.resumed)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the connection's only reader, so that what follows an answer stays for the next one."""
        return self._reader

    def _patiently(self, step: Callable[..., Any], *arguments: object) -> Any:
        deadline = time.monotonic() + self._seconds
        while (result := self._step(step, *arguments)) is None:
            remaining = max(0.0, deadline - time.monotonic())
            watched = [self._tls.fileno()]
            reading, writing = ([], watched) if self._tls.want_write() else (watched, [])
            if not any(select.select(reading, writing, [], remaining)):
                raise NoAnswer(f"nothing came for {self._seconds} s")
        return result

    def _step(self, step: Callable[..., Any], *arguments: object) -> Any:
        """Take one step; return None if it has to wait for the server."""
        try:
            return step(*arguments) or b""
        except (SSL.WantReadError, SSL.WantWriteError):
            return None
        except SSL.ZeroReturnError:
            return b""
        except (SSL.Error, ConnectionError) as problem:
            reason = f"the server closed without an alert: {problem}"
            raise Alert(self._alert) if self._alert else Closed(reason) from problem

    def _saw(self, _connection: SSL.Connection, where: int, value: int) -> None:
        if where == SSL.SSL_CB_READ_ALERT and value & 0xFF:
            self._alert = ALERTS.get(value & 0xFF, f"alert {value & 0xFF}")
        elif where == SSL.SSL_CB_CONNECT_LOOP:
            self._states.append(self._tls.get_state_string())


@contextmanager
def connect(
    port: int,
    *,
    identity: Pem | None = None,
    server_name: str | None = "localhost",
    version: Version | None = None,
    alpn: Sequence[str] = ("http/1.1",),
    session: SSL.Session | None = None,
    address: str = "127.0.0.1",
    seconds: float = 5,
    verdict_seconds: float = TICKET_SECONDS,
) -> Iterator[Connection]:
    """Connect and do the handshake; the connection is closed when the block ends.

    Args:
        identity: files that need not belong together: ``credentials.Pem(chain of anything, key of anyone)``.
        server_name: sent as SNI; None sends none.
        version: the only one; both if None.
        alpn: empty sends none.
        session: to be resumed, from any other connection.
        seconds: how long each step may take.
        verdict_seconds: how long an alert to our certificate is waited for in TLS 1.3; Envoy sends its tickets
            with the first answer, so that this time is lost where it lets the handshake finish.

    Raises:
        NoAnswer: ``Alert``, ``Closed``, or nothing came in time.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    # Weak certificates are to be refused by the server, not here.
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    if version:
        context.set_min_proto_version(VERSIONS[version])
        context.set_max_proto_version(VERSIONS[version])
    if alpn:
        context.set_alpn_protos([name.encode() for name in alpn])
    if identity:
        context.use_certificate_chain_file(identity.certificate)
        context.use_privatekey_file(identity.key)
    with socket.create_connection((address, port), timeout=seconds) as plain:
        plain.setblocking(False)
        tls = SSL.Connection(context, plain)
        if server_name is not None:
            tls.set_tlsext_host_name(server_name.encode())
        if session is not None:
            # pyOpenSSL ties a session to the context of its identity; an attacker does not.
            session._context = context
            tls.set_session(session)
        tls.set_connect_state()
        connection = Connection(tls, seconds)
        connection.handshake(verdict_seconds)
        try:
            yield connection
        finally:
            # Without it OpenSSL holds that the session is not to be resumed.
            with suppress(SSL.Error):
                tls.shutdown()


class _Reader(io.BufferedReader):
    """A buffered reader that survives the end of an answer."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(_Stream(connection))

    def close(self) -> None:
        """Stay open: the connection is kept for further answers."""


class _Stream(io.RawIOBase):
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._connection.receive(len(buffer))
        buffer[: len(data)] = data
        return len(data)
