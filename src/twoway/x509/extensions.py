"""The parts that our own certificates are made of, by the names of RFC 5280."""

from __future__ import annotations

from collections.abc import Iterable

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519

from twoway.x509.certificates import EXTENDED_KEY_USAGES, KEY_USAGES, Certificate
from twoway.x509.keys import PrivateKey

_EXTENDED_OIDS = {name: x509.ObjectIdentifier(dotted) for dotted, name in EXTENDED_KEY_USAGES.items()}


def key_usage(names: Iterable[str]) -> x509.KeyUsage:
    """Return a key usage: ``digitalSignature``, ``keyCertSign``, ..."""
    wanted = set(names)
    return x509.KeyUsage(**{attribute: name in wanted for attribute, name in KEY_USAGES.items()})


def extended_key_usage(names: Iterable[str]) -> x509.ExtendedKeyUsage:
    """Return an extended key usage: ``clientAuth``, ``serverAuth``, ..."""
    return x509.ExtendedKeyUsage([_EXTENDED_OIDS[name] for name in names])


def authority_key_identifier(issuer: Certificate) -> x509.AuthorityKeyIdentifier:
    """Return the identifier of the issuer's key, as the issuer's own certificate gives it."""
    identifier = issuer.extension(x509.SubjectKeyIdentifier)
    if identifier is None:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def signing_digest(key: PrivateKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """Return the digest to sign with, as strong as the key; None for Ed25519 and Ed448, which bring their own."""
    match key:
        case ed25519.Ed25519PrivateKey() | ed448.Ed448PrivateKey():
            return None
        case ec.EllipticCurvePrivateKey() if key.key_size > 384:
            return hashes.SHA512()
        case ec.EllipticCurvePrivateKey() if key.key_size > 256:
            return hashes.SHA384()
    return hashes.SHA256()
