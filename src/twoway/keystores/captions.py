"""What messages call certificates and entries, also those that no parser takes."""

from __future__ import annotations

from collections.abc import Sequence

from twoway.errors import KeystoreError
from twoway.keystores import asn1
from twoway.x509.certificates import Certificate
from twoway.x509.names import printable

# Names that a message spells out.
MAX_LISTED = 10
# 2.5.4.3, as it stands in a certificate.
COMMON_NAME = b"\x55\x04\x03"


def listed(names: Sequence[str]) -> str:
    """Spell names out for a message, not more than fit in one."""
    shown = ", ".join(names[:MAX_LISTED])
    return shown if len(names) <= MAX_LISTED else f"{shown} and {len(names) - MAX_LISTED} more"


def called(certificate: Certificate) -> str:
    """Return what messages call a certificate: its common name, or the fingerprint of one that has none."""
    name = common_name(certificate)
    return f"CN={printable(name)}" if name else certificate.sha256


def common_name(certificate: Certificate) -> str | None:
    """Return the first common name in the subject, also of a certificate that no parser takes."""
    names = names_of(certificate)
    try:
        parts = [] if names is None else asn1.children(asn1.inner(names[1]))
        for part in parts:
            for attribute in asn1.children(part, asn1.SET):
                identifier, value = asn1.fields(attribute, 2)[:2]
                if identifier.content == COMMON_NAME:
                    return asn1.text(value)
    except KeystoreError:
        return None
    return None


def names_of(certificate: Certificate) -> tuple[bytes, bytes] | None:
    """Return the encoded issuer and subject of a certificate; None where even that much cannot be found."""
    try:
        to_be_signed = asn1.fields(asn1.element(certificate.der)[0], 1)[0]
        parts = [part for part in asn1.children(to_be_signed) if part.tag != asn1.CONTEXT_0]
    except KeystoreError:
        return None
    # serial number, signature algorithm, issuer, validity, subject (RFC 5280 section 4.1)
    return (parts[2].raw, parts[4].raw) if len(parts) > 4 else None
