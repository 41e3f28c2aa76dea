"""What a client gets: an answer, or the reason why there is none."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What an HTTP server answered.

    Args:
        status: the HTTP status.
        protocol: ``HTTP/1.1`` or ``HTTP/2``.
        tls: ``TLSv1.2`` or ``TLSv1.3``.
        headers: in their order, duplicates kept; names as they came.
        body: decoded as UTF-8.
        resumed: whether the TLS session was resumed.
    """

    status: int
    protocol: str
    tls: str
    headers: tuple[tuple[str, str], ...]
    body: str
    resumed: bool = False

    @property
    def json(self) -> Any:
        """The body read as JSON."""
        return json.loads(self.body)

    def values(self, name: str) -> list[str]:
        """Return every value of a header, whatever the case of its name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class NoAnswer(Exception):
    """The connection or the handshake failed; the message is what the client itself said."""


def from_json(line: bytes) -> Answer:
    """Read one line that the Java, Go and Node clients print for each request."""
    said = json.loads(line)
    if "error" in said:
        raise NoAnswer(said["error"])
    said["headers"] = tuple((name, value) for name, value in said["headers"])
    return Answer(**said)
