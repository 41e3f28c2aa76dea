"""What a leaf certificate may be used for in TLS."""

from __future__ import annotations

from enum import StrEnum

from cryptography import x509

from twoway.x509.certificates import Certificate


class Purpose(StrEnum):
    """Which side of a TLS handshake; the value is the name of its extended key usage."""

    CLIENT = "clientAuth"
    SERVER = "serverAuth"


def extended_usage_permits(certificate: Certificate, purpose: Purpose) -> bool:
    """Return whether the extended key usage, of a leaf or of a CA above it, allows the purpose.

    None allows any, and so does ``anyExtendedKeyUsage``.

    Raises:
        CertificateUnreadable: its extensions cannot be read.

    Source: RFC 5280, 4.2.1.12
    """
    if certificate.extension(x509.ExtendedKeyUsage) is None:
        return True
    return not {str(purpose), "anyExtendedKeyUsage"}.isdisjoint(certificate.extended_key_usage)


def can_sign_handshakes(certificate: Certificate) -> bool:
    """Return whether the key usage, if there is one, has digitalSignature.

    Every handshake of TLS 1.3, and every client's in TLS 1.2, is a signature.

    Raises:
        CertificateUnreadable: its extensions cannot be read.

    Source: RFC 5280, 4.2.1.3; RFC 8446, 4.4.2.2
    """
    return certificate.extension(x509.KeyUsage) is None or "digitalSignature" in certificate.key_usage
