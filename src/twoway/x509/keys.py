"""Private and public keys: make them, read them in every usual form, write them, and say what they are."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa

from twoway.errors import (
    KeyAlgorithmUnknown,
    KeyPasswordNeeded,
    KeyPasswordWrong,
    KeyUnreadable,
    MaterialTooLarge,
)
from twoway.x509 import pem
from twoway.x509.reading import UNREADABLE

# What can sign in TLS and X.509 today. DSA and Ed448 are read, to be able to say that they will not do.
PrivateKey: TypeAlias = (
    rsa.RSAPrivateKey
    | ec.EllipticCurvePrivateKey
    | ed25519.Ed25519PrivateKey
    | ed448.Ed448PrivateKey
    | dsa.DSAPrivateKey
)
PublicKey: TypeAlias = (
    rsa.RSAPublicKey
    | ec.EllipticCurvePublicKey
    | ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | dsa.DSAPublicKey
)

ALGORITHMS = ("rsa-2048", "rsa-3072", "rsa-4096", "ec-p256", "ec-p384", "ed25519")

# What BoringSSL (and so Envoy), and every signature check here, ends at.
RSA_BITS_MOST = 8192
# The least that is not broken or about to be. Source: CA/Browser Forum Baseline Requirements, 6.1.5
RSA_BITS_LEAST = 2048
# What BoringSSL, and so Envoy, has keys of, whichever side they are on. Source: experiment, Envoy 1.39 and 1.40;
# RSA-PSS keys, secp256k1, brainpool, P-192, P-224, Ed448 and DSA failed.
ENVOY_ALGORITHMS = frozenset({"rsa", "ec-p256", "ec-p384", "ec-p521", "ed25519"})

_RSA_PUBLIC_EXPONENT = 65537
_KEY_BYTES = 64 * 1024  # an RSA key of 16384 bits has 13 kB as PEM
_PRIVATE_KEYS = (
    rsa.RSAPrivateKey,
    ec.EllipticCurvePrivateKey,
    ed25519.Ed25519PrivateKey,
    ed448.Ed448PrivateKey,
    dsa.DSAPrivateKey,
)
# NIST's curves by their short names; others keep the name that OpenSSL has for them.
_CURVES = {
    "secp192r1": "p192",
    "secp224r1": "p224",
    "secp256r1": "p256",
    "secp384r1": "p384",
    "secp521r1": "p521",
}


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What kind of key it is: ``rsa``, ``rsa-pss``, ``ec-p256``, ``ed25519``, ... or a dotted OID, and its bits.

    ``bits`` is 0 where the kind is unknown.
    """

    algorithm: str
    bits: int

    def __str__(self) -> str:
        return (
            f"{self.algorithm}-{self.bits}" if self.algorithm in {"rsa", "rsa-pss", "dsa"} else self.algorithm
        )


def new_key(algorithm: str = "ec-p256") -> PrivateKey:
    """Make a private key.

    Args:
        algorithm: one of ``ALGORITHMS``. P-256 is the default: every platform but Salesforce (RSA only)
            takes it, and nothing is cheaper to sign with.

    Raises:
        KeyAlgorithmUnknown: it is none of them.
    """
    match algorithm:
        case "rsa-2048" | "rsa-3072" | "rsa-4096":
            return rsa.generate_private_key(_RSA_PUBLIC_EXPONENT, int(algorithm.removeprefix("rsa-")))
        case "ec-p256":
            return ec.generate_private_key(ec.SECP256R1())
        case "ec-p384":
            return ec.generate_private_key(ec.SECP384R1())
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
    raise KeyAlgorithmUnknown(algorithm, ", ".join(ALGORITHMS))


def load_private_key(data: bytes, password: bytes | None = None) -> PrivateKey:
    """Read a private key: PEM, with any text around it, or DER; PKCS#1, SEC 1 or PKCS#8, encrypted or not.

    A password that the key does not need is ignored.

    Raises:
        MaterialTooLarge: more than 64 kB.
        KeyPasswordNeeded: the key is encrypted and ``password`` is None or empty.
        KeyPasswordWrong: the password does not open it, or the encrypted part is damaged.
        KeyUnreadable: there is no key in the data, or none that signs.
    """
    if len(data) > _KEY_BYTES:
        raise MaterialTooLarge("private key", len(data), _KEY_BYTES)
    try:
        return _signing_key(_load(data, None))
    except TypeError:  # cryptography's way to say that it is encrypted
        if not password:
            raise KeyPasswordNeeded from None
    except UNREADABLE as error:
        raise KeyUnreadable(_problem(data, error)) from error
    try:
        return _signing_key(_load(data, password))
    except UnsupportedAlgorithm as error:
        raise KeyUnreadable(_problem(data, error)) from error
    except UNREADABLE as error:
        # A wrong password looks like a wrong padding, or, once in 256 times, like a damaged key.
        raise KeyPasswordWrong from error


def load_own_key(pkcs8_der: bytes) -> PrivateKey:
    """Read a key that we wrote and sealed ourselves, without the slow check that an RSA key's primes are primes.

    Raises:
        KeyUnreadable: it is not such a key.
    """
    try:
        return _signing_key(
            serialization.load_der_private_key(pkcs8_der, None, unsafe_skip_rsa_key_validation=True)
        )
    except UNREADABLE as error:
        raise KeyUnreadable("it is not one of our own") from error


def private_der(key: PrivateKey) -> bytes:
    """Return the key in clear, as PKCS#8 DER: for sealing, never for a file."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def encrypted_pem(key: PrivateKey, password: bytes) -> bytes:
    """Return the key as encrypted PKCS#8 PEM (PBES2, AES-256-CBC), which every OpenSSL since 1.0 reads."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password),
    )


def public_der(key: PublicKey) -> bytes:
    """Return the public key as SubjectPublicKeyInfo DER."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def spki_sha256(key: PublicKey) -> str:
    """Return the SHA-256 of the public key's SubjectPublicKeyInfo, in lower-case hex: the name of a key."""
    return hashlib.sha256(public_der(key)).hexdigest()


def key_facts(key: PublicKey) -> KeyFacts:
    """Say what kind of key it is.

    A key that is restricted to RSA-PSS reads as ``rsa`` here: only its certificate tells (``Certificate.key``).
    """
    match key:
        case rsa.RSAPublicKey():
            return KeyFacts("rsa", key.key_size)
        case ec.EllipticCurvePublicKey():
            return KeyFacts(f"ec-{_CURVES.get(key.curve.name, key.curve.name)}", key.key_size)
        case ed25519.Ed25519PublicKey():
            return KeyFacts("ed25519", 256)
        case ed448.Ed448PublicKey():
            return KeyFacts("ed448", 456)
        case dsa.DSAPublicKey():
            return KeyFacts("dsa", key.key_size)


def _load(data: bytes, password: bytes | None) -> object:
    """Read the key, and check an RSA key's primes only if there are few enough bits in them.

    A key of 20,000 bits is checked for a minute, and it fits into 11 kB.
    """
    block = _private_key_block(data)
    if block is None:
        key = serialization.load_der_private_key(data, password, unsafe_skip_rsa_key_validation=True)
    else:
        key = serialization.load_pem_private_key(block.whole, password, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        return key
    if key.key_size > RSA_BITS_MOST:
        raise KeyUnreadable(
            f"an RSA key of {key.key_size} bits is more than the {RSA_BITS_MOST} that are used"
        )
    _check_primes(key)
    return key


def _check_primes(key: rsa.RSAPrivateKey) -> None:
    """Return if the key's primes are primes; those of one key are looked at once.

    A command meets the same key several times: in its file, in what it wrote, in the check of that.
    """
    der = private_der(key)
    name = hashlib.sha256(der).digest()
    if name in _SOUND:
        return
    serialization.load_der_private_key(der, None)
    if len(_SOUND) == _SOUND_MOST:
        _SOUND.clear()
    _SOUND.add(name)


# Digests of private keys whose primes have been checked.
_SOUND: set[bytes] = set()
_SOUND_MOST = 1000


def _private_key_block(data: bytes) -> pem.Block | None:
    return next((block for block in pem.blocks(data) if block.label.endswith("PRIVATE KEY")), None)


def _signing_key(key: object) -> PrivateKey:
    if not isinstance(key, _PRIVATE_KEYS):
        raise KeyUnreadable("it is of a kind that makes no signatures in TLS")
    return key


def _problem(data: bytes, error: Exception) -> str:
    block = _private_key_block(data)
    if block is None and b"-----BEGIN " in data:
        return "the PEM data holds no private key"
    if block is not None and block.label == "OPENSSH PRIVATE KEY":
        return "it is in OpenSSH's own format, which ssh-keygen -p -m PKCS8 -f KEY converts"
    if isinstance(error, UnsupportedAlgorithm):
        return "it is of a kind, or encrypted in a way, that is not supported"
    return "the bytes are not a PKCS#8, PKCS#1 or SEC 1 key"
