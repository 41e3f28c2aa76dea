"""Certificates of every kind, sound and unsound, at a fixed moment; made apart from the product's own code."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from twoway.x509 import der
from twoway.x509.certificates import Certificate
from twoway.x509.keys import PrivateKey, public_der
from twoway.x509.revocation import RevocationList

AT = datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CLIENT = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.2")
SERVER = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.1")
# The order of P-256. Source: NIST SP 800-186, 3.2.1.3
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
SHA256_RSA = bytes.fromhex("2a864886f70d01010b")
SHA1_RSA = bytes.fromhex("2a864886f70d010105")
MD5_RSA = bytes.fromhex("2a864886f70d010104")


@dataclass(frozen=True)
class Holder:
    """A certificate and its key."""

    certificate: Certificate
    key: PrivateKey


@functools.cache
def rsa_key(bits: int = 2048, which: int = 0) -> rsa.RSAPrivateKey:
    """Return an RSA key, made once: making one takes long. ``which`` tells several of one size apart."""
    _ = which
    return rsa.generate_private_key(65537, bits)


def name(common_name: str) -> x509.Name:
    """Return a name of one common name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def made(
    subject: str | x509.Name = "leaf",
    *,
    by: Holder | None = None,
    key: PrivateKey | None = None,
    ca: bool = False,
    path_length: int | None = None,
    usages: Sequence[x509.ObjectIdentifier] = (),
    key_usages: Iterable[str] | None = None,
    names: Sequence[x509.GeneralName] = (),
    start: datetime = AT - DAY,
    end: datetime = AT + 365 * DAY,
    serial: int = 0x1234,
    extensions: Iterable[tuple[x509.ExtensionType, bool]] = (),
    identifiers: bool = True,
    constraints: bool = True,
    rsa_padding: padding.PSS | None = None,
) -> Holder:
    """Make a certificate: self-signed without ``by``, with whatever is wanted, allowed or not."""
    own = key or ec.generate_private_key(ec.SECP256R1())
    signing_key = by.key if by else own
    subject = name(subject) if isinstance(subject, str) else subject
    builder = x509.CertificateBuilder(
        by.certificate.parsed.subject if by else subject, subject, own.public_key(), serial
    )
    builder = builder.not_valid_before(start).not_valid_after(end)
    if constraints:
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length), critical=True)
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    if key_usages is not None:
        builder = builder.add_extension(key_usage(key_usages), critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if identifiers:
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key())
        builder = builder.add_extension(authority, critical=False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    digest = (
        hashes.SHA256() if isinstance(signing_key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) else None
    )
    signed = builder.sign(signing_key, digest, rsa_padding=rsa_padding)
    return Holder(Certificate(signed.public_bytes(Encoding.DER)), own)


def key_usage(bits: Iterable[str]) -> x509.KeyUsage:
    """Return a key usage of cryptography's names of the bits."""
    every = (
        *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
        *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    )
    wanted = set(bits)
    return x509.KeyUsage(**{bit: bit in wanted for bit in every})


def resigned(certificate: Certificate, key: PrivateKey, *changes: tuple[bytes, bytes]) -> Certificate:
    """Return the certificate with bytes of equal length exchanged, and signed again: what no library would make."""
    tbs, algorithm = certificate.parsed.tbs_certificate_bytes, parts(certificate)[1].whole
    for old, new in changes:
        assert len(old) == len(new)
        assert old in tbs
        tbs, algorithm = tbs.replace(old, new), algorithm.replace(old, new)
    if isinstance(key, rsa.RSAPrivateKey):
        digest = next(made() for oid, made in _RSA_DIGESTS.items() if oid in algorithm)
        signature = key.sign(tbs, padding.PKCS1v15(), digest)
    else:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        signature = key.sign(tbs, ec.ECDSA(hashes.SHA256()))
    return assembled(tbs, algorithm, signature)


def twin(certificate: Certificate) -> Certificate:
    """Return the malleated twin of a certificate that a P-256 key signed: as valid, and of another fingerprint."""
    r, s = utils.decode_dss_signature(certificate.parsed.signature)
    signature = utils.encode_dss_signature(r, P256_ORDER - s)
    return assembled(certificate.parsed.tbs_certificate_bytes, parts(certificate)[1].whole, signature)


def version_1(holder: Holder) -> Holder:
    """Return the certificate without its version and its extensions, signed again by its own RSA key."""
    assert isinstance(holder.key, rsa.RSAPrivateKey)
    fields = list(der.elements(parts(holder.certificate)[0].content))
    tbs = encoded(der.SEQUENCE, b"".join(element.whole for element in fields[1:7]))
    signature = holder.key.sign(tbs, padding.PKCS1v15(), hashes.SHA256())
    return Holder(assembled(tbs, fields[2].whole, signature), holder.key)


def with_modulus(certificate: Certificate, modulus: int) -> Certificate:
    """Return the certificate with another RSA key, its signature left as it was."""
    fields = [element.whole for element in der.elements(parts(certificate)[0].content)]
    fields[6] = public_der(rsa.RSAPublicNumbers(65537, modulus).public_key())
    return assembled(encoded(der.SEQUENCE, b"".join(fields)), fields[2], certificate.parsed.signature)


def crl(
    *serials: int,
    by: Holder,
    issuer: str = "root",
    start: datetime = AT - DAY,
    end: datetime = AT + DAY,
    extensions: Iterable[x509.ExtensionType] = (),
    reason: x509.ReasonFlags | None = None,
) -> RevocationList:
    """Make a revocation list."""
    builder = x509.CertificateRevocationListBuilder(name(issuer), start, end)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder(serial, start)
        if reason:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        builder = builder.add_revoked_certificate(entry.build())
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    digest = hashes.SHA256()
    return RevocationList(builder.sign(by.key, digest).public_bytes(Encoding.DER))


def assembled(tbs: bytes, algorithm: bytes, signature: bytes) -> Certificate:
    """Put a certificate together."""
    return Certificate(encoded(der.SEQUENCE, tbs + algorithm + encoded(der.BIT_STRING, b"\0" + signature)))


def encoded(tag: int, content: bytes) -> bytes:
    """Return one DER element."""
    octets = len(content).to_bytes((len(content).bit_length() + 7) // 8 or 1, "big")
    length = octets if len(content) < 0x80 else bytes([0x80 | len(octets)]) + octets
    return bytes([tag]) + length + content


def parts(certificate: Certificate) -> list[der.Element]:
    """Return what is to be signed, the algorithm and the signature."""
    return list(der.elements(der.first(certificate.der).content))


_RSA_DIGESTS: dict[bytes, Callable[[], hashes.HashAlgorithm]] = {
    SHA256_RSA: hashes.SHA256,
    SHA1_RSA: hashes.SHA1,
    MD5_RSA: hashes.MD5,
}
