"""An identity: a private key and its certificate chain, leaf first."""

from __future__ import annotations

from dataclasses import dataclass, field

from twoway.errors import CertificateNotFound, KeyMismatch
from twoway.x509.certificates import Certificate
from twoway.x509.keys import PrivateKey, spki_sha256


@dataclass(frozen=True)
class Identity:
    """A private key and the certificates that stand for it, leaf first.

    Only the key and the leaf are held against each other; whether the rest is a chain is for ``chains`` to say.

    Raises:
        CertificateNotFound: there is no certificate.
        KeyMismatch: the first certificate is for another key.
    """

    key: PrivateKey = field(repr=False)
    certificates: tuple[Certificate, ...]

    def __post_init__(self) -> None:
        if not self.certificates:
            raise CertificateNotFound("a private key alone is no identity")
        if spki_sha256(self.key.public_key()) != self.leaf.spki_sha256:
            raise KeyMismatch(self.leaf.subject)

    @property
    def leaf(self) -> Certificate:
        """The certificate of the key."""
        return self.certificates[0]

    @property
    def issuers(self) -> tuple[Certificate, ...]:
        """The certificates that come with the leaf, its issuer first if they are in order."""
        return self.certificates[1:]
