"""Certificate revocation lists (RFC 5280, section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from twoway.authority.issuing import Signer
from twoway.errors import RevocationReasonUnknown
from twoway.x509.extensions import authority_key_identifier, signing_digest

# RFC 5280, 5.3.1, without removeFromCRL, which only a delta CRL may say.
REASONS = (
    "unspecified",
    "keyCompromise",
    "cACompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "certificateHold",
    "privilegeWithdrawn",
    "aACompromise",
)


@dataclass(frozen=True, slots=True)
class Revocation:
    """One certificate that no longer counts: its serial number, since when (aware), and why (one of ``REASONS``).

    Raises:
        RevocationReasonUnknown: the reason is none of them.
    """

    serial: int
    at: datetime
    reason: str = "unspecified"

    def __post_init__(self) -> None:
        if self.reason not in REASONS:
            raise RevocationReasonUnknown(self.reason, ", ".join(REASONS))


def crl(
    signer: Signer, revoked: Iterable[Revocation], *, number: int, at: datetime, next_update: datetime
) -> bytes:
    """Return the authority's whole CRL as DER.

    Args:
        signer: the authority that issued the certificates.
        revoked: the revoked certificates that have not ended yet.
        number: higher than that of every CRL of this authority before (RFC 5280, 5.2.3).
        at: now, aware.
        next_update: when the next one will be there at the latest, aware.

    Raises:
        SignerNotAuthority: the authority's key usage leaves cRLSign out.
    """
    signer.check_usage("cRLSign", "revocation lists")
    # All entries at once: add_revoked_certificate() copies the whole list each time.
    entries = [_entry(revocation) for revocation in revoked]
    builder = (
        x509.CertificateRevocationListBuilder(revoked_certificates=entries)
        .issuer_name(signer.certificate.subject_name)
        .last_update(at.replace(microsecond=0))
        .next_update(next_update.replace(microsecond=0))
        .add_extension(authority_key_identifier(signer.certificate), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    return builder.sign(signer.key, signing_digest(signer.key)).public_bytes(Encoding.DER)


def _entry(revocation: Revocation) -> x509.RevokedCertificate:
    builder = (
        x509.RevokedCertificateBuilder()
        .serial_number(revocation.serial)
        .revocation_date(revocation.at.replace(microsecond=0))
    )
    if revocation.reason != "unspecified":  # which RFC 5280, 5.3.1 wants left out
        builder = builder.add_extension(x509.CRLReason(x509.ReasonFlags(revocation.reason)), critical=False)
    return builder.build()
