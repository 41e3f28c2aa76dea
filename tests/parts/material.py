"""Certificates of every kind, right and wrong, made apart from the product's own code."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.parts import credentials
from tests.parts.credentials import Key

CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER = ExtendedKeyUsageOID.SERVER_AUTH
# The order of P-256 (FIPS 186-5, SP 800-186 section 3.2.1.3).
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True)
class Holder:
    """A key and its certificates, leaf first."""

    key: Key
    certificates: tuple[x509.Certificate, ...]

    @property
    def leaf(self) -> x509.Certificate:
        """The holder's own certificate."""
        return self.certificates[0]

    def pem(self, directory: Path, name: str = "identity") -> credentials.Pem:
        """Write PEM files."""
        return credentials.pem(directory / name, self.key, self.certificates)

    def p12(self, directory: Path, name: str = "identity") -> credentials.P12:
        """Write a PKCS#12 file."""
        return credentials.p12(directory / name, self.key, self.certificates)

    def ca_file(self, directory: Path, name: str = "ca") -> Path:
        """Write the last certificate, the root, as a PEM file."""
        path = directory / f"{name}.pem"
        path.write_bytes(self.certificates[-1].public_bytes(Encoding.PEM))
        return path


def issue(
    subject: str,
    *,
    by: Holder | None = None,
    names: Iterable[str] = (),
    usage: Sequence[x509.ObjectIdentifier] = (),
    ca: bool = False,
    days: tuple[float, float] = (-1, 30),
    key: Key | None = None,
    extensions: Iterable[x509.ExtensionType] = (),
    serial: int | None = None,
) -> Holder:
    """Issue a certificate: self-signed without ``by``, with whatever is wanted, allowed or not.

    Args:
        subject: its common name.
        by: the issuer, whose own leaf need not be a CA.
        names: DNS names; ``127.0.0.1`` as an address; ``scheme:...`` as URI.
        usage: the extended key usages; none means no such extension.
        days: from and to, counted from now.
        key: EC P-256 if not given.
        extensions: further ones, not critical.
        serial: the serial number; random if not given.
    """
    own = key or ec.generate_private_key(ec.SECP256R1())
    issuer = by.leaf.subject if by else _name(subject)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder(
            issuer, _name(subject), own.public_key(), serial or x509.random_serial_number()
        )
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca, None), critical=True)
        .add_extension(_key_usage(ca), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
    )
    if by:
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key())
        builder = builder.add_extension(authority, critical=False)
    if usage:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
    if general := [_general_name(name) for name in names]:
        builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    signer = by.key if by else own
    digest = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return Holder(own, (builder.sign(signer, digest), *(by.certificates if by else ())))


def root(subject: str = "Root") -> Holder:
    """Make a root CA."""
    return issue(subject, ca=True)


def server(by: Holder, *names: str) -> Holder:
    """Issue a server certificate for localhost, 127.0.0.1 and the names."""
    return issue("server", by=by, names=("localhost", "127.0.0.1", *names), usage=[SERVER])


def client(by: Holder, subject: str) -> Holder:
    """Issue a client certificate with the subject as DNS name."""
    return issue(subject, by=by, names=[subject], usage=[CLIENT])


def malleated(certificate: x509.Certificate) -> x509.Certificate:
    """Return the twin of a certificate that a P-256 key signed: all the same but (r, n-s) for (r, s).

    Its signature holds as well, its fingerprint is another.
    """
    r, s = utils.decode_dss_signature(certificate.signature)
    twin = utils.encode_dss_signature(r, P256_ORDER - s)
    # The signature is the last thing in the certificate: a BIT STRING with no unused bits.
    body = certificate.tbs_certificate_bytes + _der(0x30, _ECDSA_WITH_SHA256) + _der(0x03, b"\x00" + twin)
    return x509.load_der_x509_certificate(_der(0x30, body))


def stolen(victim: Holder) -> bytes:
    """Return a key (PEM) that claims the public half of a P-256 victim's and signs with another.

    OpenSSL compares the public halves alone, so that clients load it beside the victim's certificate.
    """
    point = victim.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    secret = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32)
    # RFC 5915 ECPrivateKey: version 1, the secret, the curve, the public point.
    curve = _der(0xA0, bytes.fromhex("06082a8648ce3d030107"))
    inner = b"\x02\x01\x01" + _der(0x04, secret) + curve + _der(0xA1, _der(0x03, b"\x00" + point))
    body = base64.encodebytes(_der(0x30, inner))
    return b"-----BEGIN EC PRIVATE KEY-----\n" + body + b"-----END EC PRIVATE KEY-----\n"


_ECDSA_WITH_SHA256 = bytes.fromhex("06082a8648ce3d040302")


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.UniformResourceIdentifier(name) if ":" in name else x509.DNSName(name)


def _key_usage(ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )
