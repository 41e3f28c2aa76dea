"""The one way out of an endpoint: every request goes through it, a redirect's and an authentication's too.

It refuses what leaves the endpoint, watches the handshake, and puts failures into our words.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import httpx2

from twoway.endpoints.boundary import Boundary
from twoway.endpoints.failures import Caller
from twoway.endpoints.handshakes import Call, Handshake, Presented, Watch

_LOG = logging.getLogger(__name__)
# Connections that are kept open for further calls, and at most open at once.
_LIMITS = httpx2.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=5.0)


class EndpointTransport(httpx2.BaseTransport):
    """The transport of an endpoint's client.

    Args:
        caller: who calls whom.
        boundary: what must not be left.
        context: with our identity and the endpoint's trust.
    """

    def __init__(self, caller: Caller, boundary: Boundary, context: ssl.SSLContext) -> None:
        self._caller = caller
        self._boundary = boundary
        self._watch = Watch(context)
        # No proxies, no .netrc and no CA files from the environment.
        self._inner = httpx2.HTTPTransport(verify=context, trust_env=False, http2=False, limits=_LIMITS)
        self._last: Call | None = None
        self._told: Presented | None = None

    @property
    def handshake(self) -> Handshake | None:
        """What the handshake of the last call's connection did; None if there was none."""
        return None if self._last is None else self._watch.handshake(self._last)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request that stays within the endpoint.

        Raises:
            EndpointError: it does not, or there is no answer.
        """
        self._boundary.check(request.url)
        with self._watch.calling() as call:
            self._last = call
            with self.explaining(request, call):
                response = self._inner.handle_request(request)
        made = self._watch.handshake(call)
        self._tell(made)
        response.extensions["handshake"] = made
        response.stream = _Answer(cast("httpx2.SyncByteStream", response.stream), self, request, call)
        return response

    def close(self) -> None:
        """Close its connections."""
        self._inner.close()

    @contextmanager
    def explaining(self, request: httpx2.Request, call: Call) -> Iterator[None]:
        """Put what httpx2 raises within the block into our words."""
        try:
            yield
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            explained = self._caller.explained(
                error,
                messages=call.messages,
                handshake=self._watch.handshake(call),
                timeouts=request.extensions.get("timeout", {}),
            )
            if isinstance(error, httpx2.LocalProtocolError):
                # Its text holds what could not be sent, a password perhaps: it must not come along as the cause.
                raise explained from None
            raise explained from error

    def _tell(self, made: Handshake | None) -> None:
        """Log what the first handshake did, and each one that did otherwise."""
        if made is not None and made.certificate is not self._told:
            self._told = made.certificate
            expected = made.certificate is Presented.SENT or self._caller.subject is None
            level = logging.INFO if expected else logging.WARNING
            _LOG.log(level, "endpoint %s: %s", self._caller.name, made)


class _Answer(httpx2.SyncByteStream):
    """An answer's body, whose failures are in our words too."""

    def __init__(
        self, inner: httpx2.SyncByteStream, transport: EndpointTransport, request: httpx2.Request, call: Call
    ) -> None:
        self._inner = inner
        self._transport = transport
        self._request = request
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        with self._transport.explaining(self._request, self._call):
            yield from self._inner

    def close(self) -> None:
        self._inner.close()
