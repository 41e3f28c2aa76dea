"""A file as it would be handed to a platform. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from twoway.errors import CertificateUnreadable
from twoway.keystores.model import IdentityEntry, Keystore
from twoway.x509.certificates import Certificate


@dataclass(frozen=True, slots=True)
class Presented:
    """A file as it would be handed to a platform.

    Args:
        name: the file's.
        octets: its size.
        keystore: what is in it.
        at: now, aware UTC.
        password: the store's, where it has one.
        profile: how a PKCS#12 is encrypted, by the name of a profile, or ``legacy`` (RC2) or ``mixed``.
    """

    name: str
    octets: int
    keystore: Keystore
    at: datetime
    password: str | None = field(default=None, repr=False)
    profile: str | None = None

    @property
    def identities(self) -> tuple[IdentityEntry, ...]:
        """The identities in it that have a certificate."""
        return tuple(entry for entry in self.keystore.identities if entry.certificates)

    @property
    def certificates(self) -> Iterator[Certificate]:
        """Each certificate that can be read, once."""
        chains = [one for entry in self.keystore.identities for one in entry.certificates]
        trusted = [entry.certificate for entry in self.keystore.trusted]
        for certificate in dict.fromkeys((*chains, *trusted)):
            try:
                certificate.parsed  # noqa: B018  raises where it cannot be read
            except CertificateUnreadable:
                continue
            yield certificate
