"""What a handshake really did: whether the server asked for a certificate, and whether it was sent one.

It is seen in the messages of the very connection that is used: a second connection could go another way. OpenSSL
shows them to ``SSLContext._msg_callback`` decrypted, in TLS 1.3 too. Where Python has no such thing, nothing is
claimed.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any
from weakref import WeakKeyDictionary

from twoway.endpoints.alerts import CLOSURES, Alert, alert
from twoway.x509.certificates import Certificate

# Record types. Source: RFC 8446 section 5.1.
_ALERT, _HANDSHAKE = 21, 22
_TLS_1_3 = 0x0304
# Bytes. A Certificate message without a certificate has 4, and its context of up to 32 where it is asked for late.
_EMPTY_SIZE = 100
_VERSIONS = {0x0303: "TLSv1.2", _TLS_1_3: "TLSv1.3"}


class _Kind(IntEnum):
    """Handshake messages. Source: RFC 8446 section 4, RFC 8879 section 4."""

    SERVER_HELLO = 2
    CERTIFICATE = 11
    CERTIFICATE_REQUEST = 13
    FINISHED = 20
    COMPRESSED_CERTIFICATE = 25


class Presented(StrEnum):
    """What became of our certificate."""

    SENT = "sent"
    NOT_SENT = "not-sent"
    NOT_ASKED = "not-asked"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Handshake:
    """What one handshake did.

    Args:
        certificate: asked for and sent; asked for and not sent; not asked for; or not to be found out.
        tls: ``TLSv1.2`` or ``TLSv1.3``; None if it did not come that far.
        late: the server asked only after the handshake, as some do for single paths.
        why: why it could not be found out.
    """

    certificate: Presented
    tls: str | None = None
    late: bool = False
    why: str = ""

    def __str__(self) -> str:
        """Say it in words."""
        when = ", after the handshake," if self.late else ""
        match self.certificate:
            case Presented.SENT:
                return f"the server asked for a certificate{when} and was sent ours"
            case Presented.NOT_SENT:
                return f"the server asked for a certificate{when} and was sent none"
            case Presented.NOT_ASKED:
                return "the server did not ask for a certificate, so this was not two-way TLS"
            case Presented.UNKNOWN:
                return f"whether the server asked for a certificate could not be found out: {self.why}"

    def as_json(self) -> dict[str, Any]:
        """Return it as every --json shows it; ``asked`` and ``sent`` are null where they are not known."""
        known = self.certificate is not Presented.UNKNOWN
        return {
            "certificate": str(self.certificate),
            "asked": self.certificate in {Presented.SENT, Presented.NOT_SENT} if known else None,
            "sent": self.certificate is Presented.SENT if known else None,
            "late": self.late,
            "tls": self.tls,
            "words": str(self),
        }


class Messages:
    """What was seen on one connection so far."""

    def __init__(self) -> None:
        self.answered = False
        self.finished = False
        self._asked = False
        self._late = False
        self._sent = False
        self._version = 0
        self._server: tuple[bytes, int] | None = None
        self._alert: int | None = None

    def take_handshake(self, *, read: bool, version: int, kind: int, data: bytes) -> None:
        """Take note of a handshake message, its header of four bytes included."""
        match read, kind:
            case True, _Kind.SERVER_HELLO:
                self.answered = True
            case True, _Kind.CERTIFICATE:
                self._server = data, version
            case True, _Kind.CERTIFICATE_REQUEST:
                self._asked, self._late = True, self._late or self.finished
            case False, _Kind.CERTIFICATE:
                self._sent = bool(_certificates(data, version))
            case False, _Kind.COMPRESSED_CERTIFICATE:
                # After the header come the algorithm and the length before compression (RFC 8879 section 4).
                self._sent = int.from_bytes(data[6:9]) > _EMPTY_SIZE
            case False, _Kind.FINISHED:
                self.finished = True
        if read and kind != _Kind.SERVER_HELLO:
            # ServerHello itself still comes under the newest version that was offered.
            self._version = version

    def take_alert(self, number: int) -> None:
        """Take note of an alert that the server sent."""
        if number not in CLOSURES:
            self._alert = number

    @property
    def alert(self) -> Alert | None:
        """The alert that the server ended the connection with."""
        return None if self._alert is None else alert(self._alert)

    @property
    def server(self) -> tuple[Certificate, ...]:
        """The certificates that the server showed, as it ordered them; nothing about them is checked here."""
        return tuple(Certificate(der) for der in _certificates(*self._server or (b"", 0)))

    def handshake(self) -> Handshake:
        """Return what these messages say."""
        tls = _VERSIONS.get(self._version)
        if self._asked:
            return Handshake(Presented.SENT if self._sent else Presented.NOT_SENT, tls, self._late)
        if not self.finished:
            return Handshake(Presented.UNKNOWN, tls, why="the handshake ended before the server could ask")
        if self._server is None:
            # A resumed session: whoever was asked then is not asked again.
            return Handshake(Presented.UNKNOWN, tls, why="an earlier session was resumed")
        return Handshake(Presented.NOT_ASKED, tls)


class Call:
    """What one call saw: the messages of the connection that it used last, if it came to one."""

    def __init__(self) -> None:
        self.messages: Messages | None = None


class Watch:
    """Sees the handshakes of a context, each connection apart."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._connections: WeakKeyDictionary[object, Messages] = WeakKeyDictionary()
        self._call: ContextVar[Call | None] = ContextVar("call", default=None)
        self.available = hasattr(context, "_msg_callback")
        if self.available:
            # Private, undocumented and the only way that ssl has; hence `available`.
            context._msg_callback = self._saw  # type: ignore[attr-defined]  # noqa: SLF001

    @contextmanager
    def calling(self) -> Iterator[Call]:
        """Watch what happens within the block, in this thread or task, on connections of the context."""
        made = Call()
        token = self._call.set(made)
        try:
            yield made
        finally:
            self._call.reset(token)

    def handshake(self, call: Call) -> Handshake | None:
        """Return what the handshake of a call's connection did; None if there was no connection."""
        if not self.available:
            return Handshake(Presented.UNKNOWN, why="this Python does not show the messages of a handshake")
        return None if call.messages is None else call.messages.handshake()

    def _saw(
        self, connection: object, direction: str, version: int, content: int, kind: int, data: bytes
    ) -> None:
        # The header of each record comes here too, so that a call on an open connection is seen as well.
        if connection is None:
            return
        messages = self._connections.get(connection)
        if messages is None:
            messages = self._connections[connection] = Messages()
        call = self._call.get()
        if call is not None:
            call.messages = messages
        read = direction == "read"
        if content == _HANDSHAKE:
            messages.take_handshake(read=read, version=int(version), kind=int(kind), data=data)
        elif content == _ALERT and read and len(data) == 2:
            messages.take_alert(data[1])


def _certificates(message: bytes, version: int) -> list[bytes]:
    """Return the DER of each certificate of a Certificate message; what does not fit is left out.

    Source: RFC 5246 section 7.4.2; RFC 8446 section 4.4.2, which adds a context and extensions to each entry.
    """
    modern = version >= _TLS_1_3
    at = 4 + (1 + message[4] if modern and len(message) > 4 else 0)
    end = at + 3 + int.from_bytes(message[at : at + 3])
    at += 3
    found = []
    while at + 3 < min(end, len(message)):
        size = int.from_bytes(message[at : at + 3])
        found.append(message[at + 3 : at + 3 + size])
        at += 3 + size
        if modern:
            at += 2 + int.from_bytes(message[at : at + 2])
    return found
