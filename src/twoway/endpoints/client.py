"""An endpoint that can be called: its certificate, its own trust and its authentication, all from the realm."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from twoway.endpoints.tls import Handshake, context
from twoway.errors import EndpointUnreachable, HandshakeRefused, ServerUntrusted
from twoway.realm import endpoints
from twoway.realm.places import named_directory
from twoway.realm.realm import Realm

if TYPE_CHECKING:
    import httpx2

    from twoway.x509.identity import Identity

# Seconds to connect, and between two pieces of an answer: a partner's batch job may think for a while.
TIMEOUT = 30.0


class Endpoint:
    """An API of a partner.

    ``with twoway.endpoint("External_System") as system: system.request("GET", "/users").json()``

    Args:
        name: the endpoint's.
        url: what all its calls begin with.
        identity: what is shown to a server that asks.
        trust: PEM of its own anchors; empty for the system's.
        auth: how it is authenticated to beside the certificate.
    """

    def __init__(
        self, name: str, url: str, *, identity: Identity | None, trust: str, auth: endpoints.Auth
    ) -> None:
        self.name = name
        self.url = url
        self._auth = auth
        self._context, self._observed = context(identity, trust)

    def ssl_context(self) -> ssl.SSLContext:
        """Return the TLS context of its calls, for other clients than this one."""
        return self._context

    @property
    def handshake(self) -> Handshake | None:
        """What the server asked for and was sent in the last handshake; None before the first."""
        return self._observed.handshake()

    def request(
        self,
        method: str,
        path: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        **more: Any,
    ) -> httpx2.Response:
        """Call the endpoint. Redirects are not followed: they could lead to somebody else.

        Args:
            method: such as ``GET``.
            path: below the endpoint's URL, with a query if need be.
            headers: further ones.
            content: the body.
            more: whatever else ``httpx2.Client.request`` takes.

        Raises:
            EndpointUnreachable: no answer came.
            ServerUntrusted: the server's certificate or name is not what it should be.
            HandshakeRefused: the server ended the handshake.
        """
        import httpx2

        url = f"{self.url}/{path.lstrip('/')}" if path else self.url
        try:
            return self._client.request(method, url, headers=headers, content=content, **more)
        except (httpx2.TransportError, httpx2.InvalidURL) as error:
            raise self._explained(error) from error

    @cached_property
    def _client(self) -> httpx2.Client:
        import httpx2

        match self._auth:
            case endpoints.Basic(user, password):
                return httpx2.Client(
                    verify=self._context, timeout=TIMEOUT, auth=httpx2.BasicAuth(user, password)
                )
            case endpoints.Bearer(token):
                headers = {"Authorization": f"Bearer {token}"}
                return httpx2.Client(verify=self._context, timeout=TIMEOUT, headers=headers)
            case _:
                return httpx2.Client(verify=self._context, timeout=TIMEOUT)

    def _explained(self, error: Exception) -> EndpointUnreachable | ServerUntrusted | HandshakeRefused:
        for cause in _causes(error):
            if isinstance(cause, ssl.SSLCertVerificationError):
                return ServerUntrusted(self.name, self.url, cause.verify_message)
            if isinstance(cause, ssl.SSLError):
                certificate = str(self.handshake or "before anything was asked for")
                return HandshakeRefused(self.name, self.url, _reason(cause), certificate)
        return EndpointUnreachable(self.name, self.url, str(error) or type(error).__name__)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()


def opened(name: str, directory: Path | str | None = None) -> Endpoint:
    """Return an endpoint of the realm in a folder.

    Args:
        name: the endpoint's.
        directory: the realm's; what TWOWAY_REALM names, or else the user's own, if left out.

    Raises:
        RealmAbsent: there is no realm.
        NotInRealm: there is no such endpoint.
    """
    with Realm.open(Path(directory) if directory else named_directory()) as realm:
        return of_realm(realm, name)


def of_realm(realm: Realm, name: str) -> Endpoint:
    """Return an endpoint of an open realm; it can be called when the realm is closed again.

    Raises:
        NotInRealm: there is no such endpoint.
    """
    with realm.reading() as connection:
        record = endpoints.find(connection, name)
    identity, auth = endpoints.identity(realm, record), endpoints.auth(realm, record)
    return Endpoint(record.name, record.url, identity=identity, trust=record.trust, auth=auth)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _reason(error: ssl.SSLError) -> str:
    """Return what the other side said, such as ``tlsv13 alert certificate required``."""
    return error.reason.replace("_", " ").lower() if error.reason else str(error)
