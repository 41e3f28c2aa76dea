"""Two-way (mutual) TLS, made to work."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from twoway.endpoints.bundle import Bundle
    from twoway.endpoints.client import Endpoint
    from twoway.realm.realm import Realm

__version__ = "0.1.0"


def endpoint(name: str, realm: Realm | Path | str | None = None) -> Endpoint:
    """Return an API of a partner as an ``httpx2.Client`` that shows our certificate.

    ``with twoway.endpoint("External_System") as system: system.get("/users").json()``

    Args:
        name: as ``twoway endpoint list`` has it.
        realm: open, or the folder of one; what TWOWAY_REALM names, or else the user's own, if left out.

    Raises:
        RealmAbsent: there is no realm.
        NotInRealm: there is no such endpoint.
    """
    from twoway.endpoints.client import opened

    return opened(name, realm)


def load(path: Path | str, password: bytes | str | None = None) -> Bundle:
    """Read a keystore file of any format that is known.

    ``twoway.load("bundle.p12", password).ssl_context()`` is an ``ssl.SSLContext`` that shows its identity.

    Args:
        path: the file.
        password: opens it and its keys; None where it has none.

    Raises:
        OSError: the file cannot be read.
        KeystoreError: its bytes are no keystore, or the password does not open it.
    """
    from twoway.endpoints.bundle import load as loaded

    return loaded(path, password)
