"""One look at a live server: its chain as sent, its TLS, and whether it wants a certificate of its clients.

Nothing is verified, so that a server with any certificate can be looked at; nothing but the handshake is sent.
OpenSSL bounds the server's messages (a chain of at most 100 kB); the time is bounded here.
"""

from __future__ import annotations

import queue
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import Any

from OpenSSL import SSL, crypto

from twoway.errors import ProbeNotTls, ProbeRefused, ProbeTimeout, ProbeUnreachable, ProbeUnresolved
from twoway.x509.certificates import Certificate
from twoway.x509.names import printable

# What OpenSSL calls the step in which a client reads a CertificateRequest.
_ASKED = b"read server certificate request"
# Seconds. In TLS 1.3 a refusal comes one way to the server and back after the handshake.
_LEAST_WAIT, _MOST_WAIT = 0.3, 2.0
# SSL_OP_LEGACY_SERVER_CONNECT of openssl/ssl.h: servers without secure renegotiation can be looked at too.
_OLD_SERVERS = 0x4
# OpenSSL's words for an answer that is no TLS record.
_NO_TLS = (
    "wrong version number",
    "http request",
    "https proxy request",
    "packet length too long",
    "record layer",
)
_SHORT = {b"emailAddress": "1.2.840.113549.1.9.1"}
_MEANINGFUL = ("\\", ",", "+", '"', "<", ">", ";", "=")


@dataclass(frozen=True, slots=True)
class Address:
    """A host, by name or address, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Wanted(StrEnum):
    """What the server wants of a client that has no certificate."""

    NOT_REQUESTED = "not-requested"
    REQUESTED = "requested"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True)
class Probed:
    """What one handshake with a server showed.

    Args:
        address: where the connection went.
        server_name: the name that was asked for (SNI), if any.
        tls: ``TLSv1.3``, ``TLSv1.2`` or older.
        cipher: OpenSSL's name of it.
        certificates: as the server ordered them; nothing about them is checked.
        client_certificate: whether it asks for one, and whether it goes on without.
        ca_names: the authorities that it names in asking; clients of most kinds send nothing of any other.
        alert: how it refused a client without a certificate.
    """

    address: Address
    server_name: str | None
    tls: str
    cipher: str | None
    certificates: tuple[Certificate, ...]
    client_certificate: Wanted
    ca_names: tuple[str, ...] = ()
    alert: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return what is said of the connection, apart from the chain."""
        return {
            "address": str(self.address),
            "server_name": self.server_name,
            "version": self.tls,
            "cipher": self.cipher,
            "client_certificate": str(self.client_certificate),
            "ca_names": list(self.ca_names),
            "alert": self.alert,
        }


def probe(
    address: Address, *, server_name: str | None = None, connect: Address | None = None, seconds: float = 10.0
) -> Probed:
    """Shake hands with a server, without a certificate of ours, and hang up.

    Args:
        address: the server.
        server_name: the name to ask for (SNI); the host's own where it is none of an address.
        connect: where to connect to instead.
        seconds: for all of it.

    Raises:
        ProbeUnresolved, ProbeUnreachable, ProbeTimeout: it cannot be reached.
        ProbeNotTls: it speaks something else.
        ProbeRefused: it ended the handshake before it showed a certificate.
    """
    clock = _Clock(connect or address, seconds)
    name = server_name or (None if _is_address(address.host) else address.host)
    with _connected(clock) as plain:
        return _Look(plain, clock, name).taken()


@dataclass
class _Clock:
    """How much time is left for one server."""

    address: Address
    seconds: float

    def __post_init__(self) -> None:
        self.end = time.monotonic() + self.seconds

    def left(self, step: str) -> float:
        """Return the seconds that are left for a step.

        Raises:
            ProbeTimeout: none are.
        """
        left = self.end - time.monotonic()
        if left <= 0:
            raise ProbeTimeout(str(self.address), step, self.seconds)
        return left


class _Look:
    """One connection while it is looked at."""

    def __init__(self, plain: socket.socket, clock: _Clock, name: str | None) -> None:
        self.plain, self.clock, self.name = plain, clock, name
        self.asked = False
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        # To be looked at, not to be trusted with anything: whatever old servers speak is let through.
        context.set_min_proto_version(SSL.TLS1_VERSION)
        context.set_cipher_list(b"DEFAULT:@SECLEVEL=0")
        context.set_options(_OLD_SERVERS)
        context.set_info_callback(self._step_seen)
        self.connection = SSL.Connection(context, plain)
        if name is not None:
            self.connection.set_tlsext_host_name(_wire_name(name))
        self.connection.set_connect_state()

    def taken(self) -> Probed:
        """Shake hands and say what was seen."""
        alert = self._shaken()
        if alert is None and self.asked:
            alert = self._refused_late()
        chain = self.connection.get_peer_cert_chain() or []
        certificates = tuple(Certificate(crypto.dump_certificate(crypto.FILETYPE_ASN1, one)) for one in chain)
        if not certificates:
            raise ProbeRefused(str(self.clock.address), alert or "it has none")
        names = tuple(_name_text(one) for one in self.connection.get_client_ca_list())
        version = self.connection.get_protocol_version_name()
        cipher = self.connection.get_cipher_name()
        return Probed(
            self.clock.address, self.name, version, cipher, certificates, self._wanted(alert), names, alert
        )

    def _wanted(self, alert: str | None) -> Wanted:
        if not self.asked:
            return Wanted.NOT_REQUESTED
        return Wanted.REQUESTED if alert is None else Wanted.REQUIRED

    def _step_seen(self, connection: SSL.Connection, _where: int, _value: int) -> None:
        self.asked = self.asked or connection.get_state_string().endswith(_ASKED)

    def _shaken(self) -> str | None:
        """Shake hands; return how the server ended it, None if it went well."""
        start = time.monotonic()
        try:
            self._patiently(self.connection.do_handshake, lambda: self.clock.left("finish the handshake"))
        except SSL.Error as error:
            return self._ended(error)
        self.wait = min(_MOST_WAIT, max(_LEAST_WAIT, 3 * (time.monotonic() - start)))
        return None

    def _refused_late(self) -> str | None:
        """Wait for the refusal that TLS 1.3 has after the handshake; return it, None if there is none."""
        end = time.monotonic() + self.wait
        try:
            self._patiently(lambda: self.connection.recv(1), lambda: end - time.monotonic())
        except TimeoutError:
            return None
        except SSL.Error as error:
            return self._ended(error)
        return None

    def _patiently(self, step: Callable[[], object], left: Callable[[], float]) -> None:
        while True:
            try:
                step()
            except SSL.WantReadError:
                reading, writing = [self.plain], []
            except SSL.WantWriteError:
                reading, writing = [], [self.plain]
            else:
                return
            # Asked each time: a server that sends a little, always, would keep us here.
            seconds = left()
            if seconds <= 0:
                raise TimeoutError
            select.select(reading, writing, [], seconds)

    def _ended(self, error: SSL.Error) -> str:
        """Return the words for the end of a handshake.

        Raises:
            ProbeNotTls: it never was one.
        """
        match error:
            case SSL.ZeroReturnError() | SSL.SysCallError():
                return "the connection was closed without a word"
            case SSL.Error(args=([(_, _, str(reason)), *_],)):
                pass
            case _:
                reason = "of an unknown kind"
        if any(words in reason for words in _NO_TLS):
            raise ProbeNotTls(str(self.clock.address), reason)
        return f"alert {reason.partition(' alert ')[2]}" if " alert " in reason else reason


def _connected(clock: _Clock) -> socket.socket:
    """Connect to the first address of the host that answers."""
    found = _resolved(clock)
    problem = "it has no address"
    for family, kind, protocol, _, where in found:
        plain = socket.socket(family, kind, protocol)
        try:
            plain.settimeout(clock.left("answer"))
            plain.connect(where)
        except TimeoutError as error:
            plain.close()
            raise ProbeTimeout(str(clock.address), "answer", clock.seconds) from error
        except OSError as error:
            plain.close()
            problem = (error.strerror or str(error)).lower()
        else:
            plain.setblocking(False)
            return plain
    raise ProbeUnreachable(str(clock.address), problem)


def _resolved(clock: _Clock) -> list[Any]:
    """Resolve the host in a thread: the system's resolver knows no bound of ours."""
    answers: queue.SimpleQueue[list[Any] | Exception] = queue.SimpleQueue()
    host, port = clock.address.host, clock.address.port

    def resolve() -> None:
        try:
            answers.put(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=resolve, daemon=True).start()
    with suppress(queue.Empty):
        answer = answers.get(timeout=clock.left("be found"))
        if isinstance(answer, OSError):
            raise ProbeUnresolved(printable(host), (answer.strerror or str(answer)).lower()) from answer
        if isinstance(answer, Exception):
            raise ProbeUnresolved(printable(host), "it is no host name") from answer
        return answer
    raise ProbeTimeout(str(clock.address), "be found", clock.seconds)


def _wire_name(name: str) -> bytes:
    try:
        return name.removesuffix(".").encode("idna")
    except UnicodeError as error:
        raise ProbeUnresolved(printable(name), "it is no host name") from error


def _is_address(host: str) -> bool:
    with suppress(ValueError):
        return bool(ip_address(host.partition("%")[0]))
    return False


def _name_text(name: crypto.X509Name) -> str:
    """Return the name of an authority as RFC 4514 text, escaped for display."""
    parts = []
    for kind, value in reversed(name.get_components()):
        text = value.decode("utf-8", "replace")
        text = "".join(f"\\{one}" if one in _MEANINGFUL else one for one in text)
        parts.append(f"{_SHORT.get(kind, kind.decode('ascii', 'replace'))}={text}")
    return printable(",".join(parts))
