"""A keystore file as what a program needs for TLS, without a realm."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from twoway import keystores
from twoway.endpoints.tls import context
from twoway.errors import TrustUnusable
from twoway.keystores import Keystore
from twoway.x509.certificates import Certificate, pem_bundle
from twoway.x509.identity import Identity


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a keystore file holds.

    Args:
        keystore: its entries.
    """

    keystore: Keystore

    @property
    def trusted(self) -> tuple[Certificate, ...]:
        """The certificates that stand alone: a truststore's anchors."""
        return tuple(entry.certificate for entry in self.keystore.trusted)

    def identity(self, alias: str | None = None) -> Identity:
        """Return the identity of that alias, or the only one.

        Raises:
            KeystoreError: there is none, or it does not open.
        """
        return self.keystore.identity(alias)

    def ssl_context(
        self, *, trust: Bundle | Path | str | None = None, alias: str | None = None
    ) -> ssl.SSLContext:
        """Return a context for clients that show this identity; chain and name of servers are checked, always.

        Args:
            trust: the servers' anchors: a file of certificates, or a loaded truststore; the system's if left out.
                Certificates that lie beside the identity are not trusted for that.
            alias: which identity, where there are several.

        Raises:
            KeystoreError: there is no such identity.
            IdentityUnusable, TrustUnusable: OpenSSL does not take it.
        """
        return context(self.identity(alias), "" if trust is None else _anchors(trust))


def load(
    path: Path | str,
    password: bytes | str | None = None,
    key_passwords: Mapping[str, bytes | str] = keystores.NO_KEY_PASSWORDS,
) -> Bundle:
    """Read a keystore file of any format that is known.

    Args:
        path: the file.
        password: of the file, and of its keys where ``key_passwords`` says nothing else.
        key_passwords: by alias.

    Raises:
        OSError: the file cannot be read.
        KeystoreError: its bytes are no keystore, or the password does not open it.
    """
    with Path(path).open("rb") as file:
        # One byte more than is taken, so that a larger one is refused by its size.
        data = file.read(keystores.MAX_SIZE + 1)
    return Bundle(keystores.load(data, password, key_passwords))


def _anchors(trust: Bundle | Path | str) -> str:
    found = trust if isinstance(trust, Bundle) else load(trust)
    if not found.trusted:
        raise TrustUnusable("there is no certificate in it that stands alone")
    return pem_bundle(found.trusted).decode("ascii")
