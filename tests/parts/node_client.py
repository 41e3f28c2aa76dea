"""Node's https, with a PKCS#12 keystore."""

from __future__ import annotations

import json
from pathlib import Path

from tests.parts.answers import Answer, from_json
from tests.parts.credentials import P12
from tests.parts.presence import require
from tests.parts.programs import check

CLIENT = Path(__file__).parent / "node/client.mjs"


def get(
    url: str,
    *,
    ca: Path | None = None,
    identity: P12 | None = None,
    version: str | None = None,
    requests: int = 1,
    keep_alive: bool = True,
) -> list[Answer]:
    """GET a URL, once or several times, one after the other.

    Args:
        ca: a PEM file with what the server's certificate must chain to.
        version: ``TLSv1.2`` or ``TLSv1.3``; both if None.
        keep_alive: all requests on one connection; otherwise a connection each, with the session resumed.

    Raises:
        NoAnswer: with Node's code and message; several requests end at the first that fails.
    """
    require("nodejs")
    ask = {
        "url": url,
        "ca": ca and str(ca),
        "identity": identity and str(identity.path),
        "password": identity and identity.password,
        "version": version,
        "requests": requests,
        "keep_alive": keep_alive,
    }
    return [from_json(line) for line in check(["node", CLIENT], stdin=json.dumps(ask).encode()).splitlines()]
