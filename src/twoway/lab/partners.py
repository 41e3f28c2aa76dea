"""Partners as they come: one with a self-signed certificate, one with a CA of its own, and a stranger. Pure.

Their certificates are made as their own tools would make them, not as we would.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from twoway.x509.certificates import Certificate
from twoway.x509.identity import Identity


def self_signed(name: str, *, at: datetime) -> Identity:
    """Return what ``openssl req -x509`` makes when it is told nothing else: CA:TRUE, and no purposes."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    builder = (
        _builder(_name(name), _name(name), key.public_key(), at, at + timedelta(days=365))
        .add_extension(own, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return Identity(key, (_signed(builder, key),))


def authority(name: str, *, at: datetime) -> Identity:
    """Return a CA, as a small company has one."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(_name(name), _name(name), key.public_key(), at, at + timedelta(days=3650))
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return Identity(key, (_signed(builder, key),))


def issued(by: Identity, name: str, *, begins: datetime, ends: datetime) -> Identity:
    """Return a client certificate that a partner's CA issued for a DNS name."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(_name(name), by.leaf.parsed.subject, key.public_key(), begins, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    return Identity(key, (_signed(builder, by.key),))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _signed(builder: x509.CertificateBuilder, key: object) -> Certificate:
    certificate = builder.sign(key, SHA256())  # type: ignore[arg-type]  # every key here is an elliptic curve's
    return Certificate(certificate.public_bytes(Encoding.DER))
