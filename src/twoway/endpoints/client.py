"""An endpoint that can be called: an httpx2 client with its certificate, its own trust and its authentication."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from twoway import __version__
from twoway.endpoints.authentication import authentication
from twoway.endpoints.boundary import Boundary
from twoway.endpoints.failures import Caller
from twoway.endpoints.handshakes import Handshake
from twoway.endpoints.tls import context
from twoway.endpoints.transport import EndpointTransport
from twoway.errors import AnswerBroken
from twoway.realm import endpoints
from twoway.realm.places import named_directory
from twoway.realm.realm import Realm
from twoway.x509.identity import Identity

# Seconds: to connect and for the handshake; and for each piece that is sent or awaited, where a partner may think.
CONNECT_TIMEOUT = 10.0
ANSWER_TIMEOUT = 30.0


class Endpoint(httpx2.Client):
    """An API of a partner, as a client that calls nothing else.

    ``with twoway.endpoint("External_System") as system: system.get("/users").json()``

    Paths are below the endpoint's URL. Redirects are not followed unless asked for, and never out of the endpoint.
    Failures are ``EndpointError``; the answer of a server, of whatever status, is none. The environment's proxies are
    not used.

    Args:
        name: the endpoint's.
        url: what all its calls begin with.
        identity: what is shown to a server that asks.
        trust: PEM of its own anchors; empty for the system's.
        auth: how it is authenticated to beside the certificate.

    Raises:
        IdentityUnusable, TrustUnusable: OpenSSL does not take a key or a certificate.
        EndpointUnresolved: the URL's host is none that a name server could know.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        identity: Identity | None = None,
        trust: str = "",
        auth: endpoints.Auth = endpoints.NO_AUTH,
    ) -> None:
        self.name = name
        self.url = url
        self._context = context(identity, trust)
        self._boundary = Boundary(name, url)
        subject = identity.leaf.subject if identity else None
        caller = Caller(name, url, self._boundary.host, subject)
        self._way_out = EndpointTransport(caller, self._boundary, self._context)
        super().__init__(
            base_url=url,
            transport=self._way_out,
            auth=authentication(auth),
            timeout=httpx2.Timeout(ANSWER_TIMEOUT, connect=CONNECT_TIMEOUT),
            headers={"User-Agent": f"twoway/{__version__}"},
            trust_env=False,
        )

    @property
    def handshake(self) -> Handshake | None:
        """What the handshake of the last call's connection did; None before the first, or if there was none."""
        return self._way_out.handshake

    def ssl_context(self) -> ssl.SSLContext:
        """Return the TLS context of its calls, for other clients than this one; what they call is not limited."""
        return self._context

    def build_request(self, method: str, url: httpx2.URL | str, **options: Any) -> httpx2.Request:
        """Build a request within the endpoint.

        Args:
            method: such as ``GET``.
            url: a path below the endpoint's URL, or an absolute URL within it.
            options: whatever else ``httpx2.Client.build_request`` takes.

        Raises:
            RequestLeavesEndpoint: it leads out of the endpoint.
        """
        return super().build_request(method, self._boundary.url(str(url)), **options)

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Send a request that ``build_request`` made.

        Raises:
            EndpointError: there is no answer, or none that can be read.
        """
        with self._reading():
            return super().send(request, **options)

    def pieces(self, response: httpx2.Response) -> Iterator[bytes]:
        """Return the body of a streamed answer as it arrives, decompressed.

        Raises:
            EndpointError: it is cut off, or not what it says that it is.
        """
        with self._reading():
            yield from response.iter_bytes()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        # All else that goes wrong passes the transport.
        try:
            yield
        except (httpx2.DecodingError, httpx2.TooManyRedirects) as error:
            raise AnswerBroken(self.name, self.url, str(error).lower()) from error


def opened(name: str, realm: Realm | Path | str | None = None) -> Endpoint:
    """Return an endpoint of a realm.

    Args:
        name: the endpoint's.
        realm: open, or the folder of one; what TWOWAY_REALM names, or else the user's own, if left out.

    Raises:
        RealmAbsent: there is no realm.
        NotInRealm: there is no such endpoint.
        IdentityUnusable, TrustUnusable: it cannot be called.
    """
    if isinstance(realm, Realm):
        return of_realm(realm, name)
    with Realm.open(Path(realm) if realm else named_directory()) as found:
        return of_realm(found, name)


def of_realm(realm: Realm, name: str) -> Endpoint:
    """Return an endpoint of an open realm; it can be called when the realm is closed again.

    Raises:
        NotInRealm: there is no such endpoint.
        IdentityUnusable, TrustUnusable: it cannot be called.
    """
    with realm.reading() as connection:
        record = endpoints.find(connection, name)
    identity, auth = endpoints.identity(realm, record), endpoints.auth(realm, record)
    return Endpoint(record.name, record.url, identity=identity, trust=record.trust, auth=auth)
