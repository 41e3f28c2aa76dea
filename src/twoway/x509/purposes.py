"""What a leaf certificate may be used for in TLS."""

from __future__ import annotations

from enum import StrEnum

from cryptography import x509

from twoway.x509.certificates import Certificate


class Purpose(StrEnum):
    """Which side of a TLS handshake; the value is the name of its extended key usage."""

    CLIENT = "clientAuth"
    SERVER = "serverAuth"


def permits(certificate: Certificate, purpose: Purpose) -> bool:
    """Return whether the certificate's own extensions allow the purpose.

    No extended key usage allows any, and so does ``anyExtendedKeyUsage``. A key usage, if there is one, must have
    digitalSignature: every handshake of TLS 1.3, and every client's in TLS 1.2, is a signature.

    Raises:
        CertificateUnreadable: its extensions cannot be read.

    Source: RFC 5280, 4.2.1.3 and 4.2.1.12; RFC 8446, 4.4.2.2
    """
    return extended_usage_permits(certificate, purpose) and can_sign_handshakes(certificate)


def extended_usage_permits(certificate: Certificate, purpose: Purpose) -> bool:
    """Return whether the extended key usage, of a leaf or of a CA above it, allows the purpose."""
    if certificate.extension(x509.ExtendedKeyUsage) is None:
        return True
    return not {str(purpose), "anyExtendedKeyUsage"}.isdisjoint(certificate.extended_key_usage)


def can_sign_handshakes(certificate: Certificate) -> bool:
    """Return whether the key usage, if there is one, has digitalSignature."""
    return certificate.extension(x509.KeyUsage) is None or "digitalSignature" in certificate.key_usage
