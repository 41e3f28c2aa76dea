"""Java's HttpClient, with a PKCS#12 keystore and truststore."""

from __future__ import annotations

from tests.parts.answers import Answer, from_json
from tests.parts.credentials import P12
from tests.parts.java import command
from tests.parts.programs import check


def get(
    url: str,
    *,
    trust: P12,
    identity: P12 | None = None,
    version: str | None = None,
    http2: bool = False,
    requests: int = 1,
    keep_alive: bool = True,
) -> list[Answer]:
    """GET a URL, once or several times, one after the other.

    Args:
        trust: as ``credentials.truststore`` makes it.
        version: ``TLSv1.2`` or ``TLSv1.3``; both if None.
        keep_alive: all requests on one connection; otherwise a connection each, with the session resumed.

    Raises:
        NoAnswer: with the chain of Java's exceptions; several requests end at the first that fails.
    """
    ask = {
        "URL": url,
        "PROTOCOL": "HTTP_2" if http2 else "HTTP_1_1",
        "TRUSTSTORE": str(trust.path),
        "TRUSTSTORE_PASSWORD": trust.password,
        "REQUESTS": str(requests),
        "KEEP_ALIVE": str(keep_alive).lower(),
    }
    if identity:
        ask |= {"KEYSTORE": str(identity.path), "KEYSTORE_PASSWORD": identity.password}
    if version:
        ask["VERSION"] = version
    said = check(command("Client"), env=ask)
    return [from_json(line) for line in said.splitlines()]
