"""What lies within an endpoint: its own scheme, host and port, and the paths below its own.

The certificate and the credentials are for that alone. It holds for what a caller asks for, in whatever spelling, and
for where a redirect leads.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import httpx2

from twoway.errors import EndpointUnresolved, RequestLeavesEndpoint

_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# How often a path is decoded to look for ``..``: each proxy on the way may decode it once.
_DECODINGS = 3
# Bytes of one label of a host name (RFC 1035 section 2.3.4).
_LABEL = 63


class Boundary:
    """The limits of one endpoint.

    Args:
        name: the endpoint's.
        url: what all its calls begin with.

    Raises:
        EndpointUnresolved: its host is none that a name server could know.
    """

    def __init__(self, name: str, url: str) -> None:
        self._name = name
        self._text = url.rstrip("/")
        try:
            self._base = httpx2.URL(self._text)
        except httpx2.InvalidURL as error:
            raise EndpointUnresolved(name, url, urlsplit(url).hostname or "", "it is no host name") from error
        if not all(0 < len(label) <= _LABEL for label in self._base.raw_host.rstrip(b".").split(b".")):
            # The system's resolver would raise what is no OSError.
            raise EndpointUnresolved(name, url, self.host, "it is no host name")
        self._path = _path(self._base).rstrip(b"/")

    @property
    def host(self) -> str:
        """The endpoint's host."""
        return self._base.host

    def url(self, target: str) -> httpx2.URL:
        """Return the URL that a target means.

        Args:
            target: a path below the endpoint's URL, with a query if need be; or an absolute URL within the endpoint,
                such as a link in an answer.

        Raises:
            RequestLeavesEndpoint: it leads out of the endpoint, or could be understood so.
        """
        if not target.isprintable():
            raise self._left(target, "it holds control characters")
        if target.startswith(("//", "/\\", "\\")):
            raise self._left(target, "it names a host")
        if _climbs(re.split("[?#]", target)[0]):
            raise self._left(target, "it holds . or .. as a segment")
        try:
            found = httpx2.URL(self._joined(target))
        except httpx2.InvalidURL as error:
            raise self._left(target, "it is no URL") from error
        self.check(found)
        return found

    def check(self, url: httpx2.URL) -> None:
        """Return if a URL is within the endpoint; it is that very URL that is sent.

        Raises:
            RequestLeavesEndpoint: it is not.
        """
        if url.userinfo:
            raise self._left(str(url.copy_with(userinfo=b"")), "it holds a user or a password")
        if (url.scheme, url.raw_host, url.port) != ("https", self._base.raw_host, self._base.port):
            raise self._left(str(url), "it is at another scheme, host or port")
        path = _path(url)
        if _climbs(path.decode("ascii")):
            raise self._left(str(url), "it holds . or .. as a segment")
        if path.rstrip(b"/") != self._path and not path.startswith(self._path + b"/"):
            raise self._left(str(url), "it is not below the endpoint's path")

    def _joined(self, target: str) -> str:
        if _ABSOLUTE.match(target):
            return target
        if not target or target.startswith("?"):
            return self._text + target
        return f"{self._text}/{target.removeprefix('/')}"

    def _left(self, target: str, problem: str) -> RequestLeavesEndpoint:
        # The query stays out of messages and logs: some APIs want their key in it.
        return RequestLeavesEndpoint(self._name, self._text, repr(re.split("[?#]", target)[0]), problem)


def _path(url: httpx2.URL) -> bytes:
    return url.raw_path.split(b"?", 1)[0]


def _climbs(path: str) -> bool:
    """Whether some server may read ``.`` or ``..`` in a path: encoded, behind a backslash, or with ``;parameters``."""
    for _ in range(_DECODINGS):
        segments = re.split(r"[/\\]", path)
        if any(segment.split(";")[0].strip("\0\t\r\n ") in {".", ".."} for segment in segments):
            return True
        path = unquote(path)
    return False
