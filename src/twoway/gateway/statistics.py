"""What a running gateway counts, asked over the socket that only we may open. Shell."""

from __future__ import annotations

import http.client
import socket
from pathlib import Path

from twoway.errors import GatewayAway
from twoway.gateway.runtime import Runtime

_SECONDS = 5


def questions(place: Runtime) -> int:
    """Return how often the gateway has asked the control plane about a certificate.

    Raises:
        GatewayAway: no gateway answers.
    """
    counted = counters(place, "http.inbound.ext_authz")
    return sum(counted.get(f"http.inbound.ext_authz.{answer}", 0) for answer in ("ok", "denied", "error"))


def counters(place: Runtime, prefix: str) -> dict[str, int]:
    """Return the gateway's counters whose names begin with this.

    Raises:
        GatewayAway: no gateway answers.
    """
    connection = _Local(place.admin)
    try:
        connection.request("GET", f"/stats?filter=^{prefix}&type=Counters")
        text = connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException) as error:
        raise GatewayAway(str(place.folder), str(error)) from error
    finally:
        connection.close()
    pairs = (line.partition(": ") for line in text.splitlines())
    return {name: int(value) for name, _, value in pairs if value.isdigit()}


class _Local(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_SECONDS)
        self.sock.connect(str(self._path))
