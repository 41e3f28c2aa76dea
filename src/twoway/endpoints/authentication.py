"""How a call says who we are beside the certificate. A further way is one more class and one more case."""

from __future__ import annotations

from collections.abc import Generator

import httpx2

from twoway.realm import endpoints


class BearerToken(httpx2.Auth):
    """A bearer token that does not change (RFC 6750)."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token}"

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Send the token with the request."""
        request.headers["Authorization"] = self._header
        yield request


def authentication(auth: endpoints.Auth) -> httpx2.Auth | None:
    """Return what adds an endpoint's authentication to each request."""
    match auth:
        case endpoints.Basic(user, password):
            return httpx2.BasicAuth(user, password)
        case endpoints.Bearer(token):
            return BearerToken(token)
        case endpoints.NoAuth():
            return None
