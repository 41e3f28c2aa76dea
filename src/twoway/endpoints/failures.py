"""Why a call failed, in our words: what httpx2 and ssl raise, and what the connection showed, as one of our errors."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2

from twoway.endpoints.alerts import Alert, alert_named
from twoway.endpoints.handshakes import Handshake, Messages, Presented
from twoway.endpoints.tls import words
from twoway.errors import (
    AnswerBroken,
    CertificateUnreadable,
    EndpointClosed,
    EndpointError,
    EndpointTimeout,
    EndpointUnreachable,
    EndpointUnresolved,
    HandshakeFailed,
    HandshakeRefused,
    IdentityDemanded,
    IdentityRefused,
    RequestUnsendable,
    ServerCertificateExpired,
    ServerCertificateNotYetValid,
    ServerCertificateRefused,
    ServerNameWrong,
    ServerNotTls,
    ServerUntrusted,
)
from twoway.x509.certificates import Certificate, iso
from twoway.x509.chains import in_order

# What OpenSSL's verifier says. Source: openssl/x509_vfy.h of OpenSSL 3.
_UNTRUSTED = {2, 18, 19, 20, 21, 27}
_NOT_YET_VALID, _EXPIRED = 9, 10
_WRONG_NAMES = {62, 64}
# What OpenSSL makes of bytes that are no TLS record. The last one is OpenSSL 3.2's.
_NO_TLS = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE"}
# What h11 says when the other side ends a connection that is due to answer.
_NO_ANSWER = "Server disconnected without sending a response."


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls whom.

    Args:
        name: the endpoint's.
        url: its URL.
        host: the host that is called.
        subject: whom our certificate names; None if we have none.
    """

    name: str
    url: str
    host: str
    subject: str | None

    def explained(
        self,
        error: Exception,
        *,
        messages: Messages | None,
        handshake: Handshake | None,
        timeouts: Mapping[str, float | None],
    ) -> EndpointError:
        """Return one of our errors for what httpx2 raised.

        Args:
            error: an ``httpx2.RequestError`` or ``httpx2.InvalidURL``.
            messages: what the connection showed, if there was one.
            handshake: what became of our certificate on it.
            timeouts: in seconds, as httpx2 names them.
        """
        tls = next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)), None)
        if isinstance(tls, ssl.SSLCertVerificationError):
            return self._server_refused(tls, messages.server if messages else ())
        alert = (messages and messages.alert) or _alert(tls)
        if alert is not None:
            return self._refused(alert, handshake)
        match error:
            case httpx2.TimeoutException():
                return self._timeout(error, messages, timeouts)
            case httpx2.NetworkError() if isinstance(tls, ssl.SSLError) and not _ended(tls):
                return self._tls_failed(tls, messages)
            case httpx2.NetworkError():
                return self._unconnected(error, messages, handshake)
            case httpx2.RemoteProtocolError() if str(error) == _NO_ANSWER:
                return self._closed(messages, handshake)
            case httpx2.RemoteProtocolError():
                return AnswerBroken(self.name, self.url, str(error))
            case _:
                return RequestUnsendable(self.name, self.url, _unsendable(error))

    def _refused(self, alert: Alert, handshake: Handshake | None) -> EndpointError:
        presented = handshake.certificate if handshake else Presented.UNKNOWN
        if alert.of_certificate and presented is Presented.SENT:
            subject = self.subject or "nobody"
            return IdentityRefused(self.name, self.url, subject, alert.name, alert.meaning)
        if alert.of_certificate and presented is Presented.NOT_SENT:
            reason = (
                "the endpoint has no identity"
                if self.subject is None
                else f"the server takes no key and signature of the kind that {self.subject} has"
            )
            return IdentityDemanded(self.name, self.url, alert.name, reason)
        return HandshakeRefused(self.name, self.url, alert.name, alert.meaning, str(handshake))

    def _server_refused(
        self, error: ssl.SSLCertVerificationError, chain: tuple[Certificate, ...]
    ) -> EndpointError:
        shown = _shown(chain)
        if error.verify_code in _WRONG_NAMES:
            return ServerNameWrong(self.name, self.url, self.host, shown.names)
        if error.verify_code in _UNTRUSTED:
            return ServerUntrusted(self.name, self.url, shown.subject, shown.issuer, error.verify_message)
        # Which one of the chain it is, OpenSSL knows and ssl does not tell; if it is none of these, it is an anchor.
        if error.verify_code == _EXPIRED and shown.ended:
            return ServerCertificateExpired(
                self.name, self.url, shown.ended.subject, iso(shown.ended.not_after)
            )
        if error.verify_code == _NOT_YET_VALID and shown.early:
            return ServerCertificateNotYetValid(
                self.name, self.url, shown.early.subject, iso(shown.early.not_before)
            )
        return ServerCertificateRefused(self.name, self.url, shown.subject, error.verify_message)

    def _timeout(
        self, error: httpx2.TimeoutException, messages: Messages | None, timeouts: Mapping[str, float | None]
    ) -> EndpointError:
        step, which = {
            httpx2.ConnectTimeout: ("accept the connection", "connect"),
            httpx2.WriteTimeout: ("take the request", "write"),
            httpx2.PoolTimeout: ("answer earlier calls", "pool"),
        }.get(type(error), ("answer", "read"))
        if which == "connect" and messages is not None:
            step = "do the handshake"
        return EndpointTimeout(self.name, self.url, step, timeouts.get(which) or 0)

    def _tls_failed(self, error: ssl.SSLError, messages: Messages | None) -> EndpointError:
        if messages is not None and messages.finished:
            return AnswerBroken(self.name, self.url, words(error))
        if error.reason in _NO_TLS and not (messages and messages.answered):
            return ServerNotTls(self.name, self.url)
        return HandshakeFailed(self.name, self.url, words(error))

    def _unconnected(
        self, error: Exception, messages: Messages | None, handshake: Handshake | None
    ) -> EndpointError:
        if messages is not None:
            return self._closed(messages, handshake)
        cause = next((cause for cause in _causes(error) if isinstance(cause, OSError)), None)
        problem = ((cause and cause.strerror) or str(error) or type(error).__name__).lower()
        if isinstance(cause, socket.gaierror):
            return EndpointUnresolved(self.name, self.url, self.host, problem)
        return EndpointUnreachable(self.name, self.url, problem)

    def _closed(self, messages: Messages | None, handshake: Handshake | None) -> EndpointError:
        step = "after the handshake" if messages and messages.finished else "during the handshake"
        return EndpointClosed(self.name, self.url, step, str(handshake or "nothing was seen of a handshake"))


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a server's chain says of itself.

    Args:
        subject: of its leaf.
        names: what the leaf is for.
        issuer: where the chain leads to.
        ended: the first certificate that has ended.
        early: the first one that has not begun.
    """

    subject: str = "an unknown subject"
    names: str = "other names"
    issuer: str = "an unknown issuer"
    ended: Certificate | None = None
    early: Certificate | None = None


def _shown(chain: tuple[Certificate, ...]) -> _Shown:
    """Return what can be said of a chain that was refused: nothing, where it was not seen or cannot be read."""
    if not chain:
        return _Shown()
    try:
        leaf, now = chain[0], datetime.now(UTC)
        ordered = in_order(leaf, chain[1:])
        return _Shown(
            leaf.subject,
            ", ".join(leaf.san) or leaf.subject,
            ordered.missing_issuer or ordered.certificates[-1].subject,
            next((one for one in chain if one.not_after < now), None),
            next((one for one in chain if one.not_before > now), None),
        )
    except CertificateUnreadable:
        return _Shown()


def _ended(error: ssl.SSLError) -> bool:
    """Whether the connection ended, rather than something wrong coming over it."""
    return isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)


def _alert(error: ssl.SSLError | None) -> Alert | None:
    """Return the alert of an error such as ``TLSV13_ALERT_CERTIFICATE_REQUIRED``, where no messages are shown."""
    _, found, name = (error.reason or "" if error else "").partition("_ALERT_")
    return alert_named(name.lower()) if found else None


def _unsendable(error: Exception) -> str:
    # h11 puts the header's value, which may be a password or a token, into its message.
    text = str(error)
    return "a header's value is not one line of text" if "header value" in text.lower() else text


def _causes(error: BaseException | None) -> Iterator[Any]:
    while error is not None:
        yield error
        # httpcore's connection pool raises "from None", which leaves what really happened as the context.
        error = error.__cause__ or error.__context__
