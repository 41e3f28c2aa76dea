"""Keys and certificates as the files that other programs read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
PASSWORD = "changeit"


@dataclass(frozen=True)
class Pem:
    """A PEM file with the leaf and its issuers, and one with the key, not encrypted."""

    certificate: Path
    key: Path


@dataclass(frozen=True)
class P12:
    """A PKCS#12 file and its password."""

    path: Path
    password: str = PASSWORD


def pem(stem: Path, key: Key, certificates: Iterable[x509.Certificate]) -> Pem:
    """Write ``stem.pem`` and ``stem.key``, leaf first."""
    files = Pem(stem.with_suffix(".pem"), stem.with_suffix(".key"))
    files.certificate.write_bytes(b"".join(one.public_bytes(Encoding.PEM) for one in certificates))
    files.key.touch(mode=0o600)
    files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def p12(stem: Path, key: Key, certificates: Sequence[x509.Certificate], password: str = PASSWORD) -> P12:
    """Write ``stem.p12``, leaf first."""
    leaf, *issuers = certificates
    encryption = BestAvailableEncryption(password.encode())
    path = stem.with_suffix(".p12")
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(stem.name.encode(), key, leaf, issuers, encryption)
    )
    return P12(path, password)


def truststore(stem: Path, certificates: Iterable[x509.Certificate], password: str = PASSWORD) -> P12:
    """Write ``stem.p12`` with what Java is to trust."""
    entries = [pkcs12.PKCS12Certificate(one, b"trusted-%d" % n) for n, one in enumerate(certificates)]
    path = stem.with_suffix(".p12")
    path.write_bytes(pkcs12.serialize_java_truststore(entries, BestAvailableEncryption(password.encode())))
    return P12(path, password)
