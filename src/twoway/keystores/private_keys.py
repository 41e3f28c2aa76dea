"""Private keys in every encoding that files have them in, made PKCS#8 without being understood.

So a key that no library here can use (a small RSA key, an exotic curve) is still listed, converted and exported.

Source: RFC 5958 (PKCS#8), RFC 8017 appendix A.1.2 (PKCS#1), RFC 5915 (SEC 1), RFC 1421 as OpenSSL's PEM uses it.
"""

from __future__ import annotations

import binascii
from hashlib import md5

from twoway.errors import (
    AlgorithmUnsupported,
    KeystoreTruncated,
    MaterialError,
    PasswordMissing,
    WrongPassword,
)
from twoway.keystores import asn1
from twoway.keystores.derivation import Budget
from twoway.keystores.encryption import TRIPLE_DES, Cipher, deciphered, opened_key, shape
from twoway.keystores.passwords import Password
from twoway.x509.keys import load_own_key, spki_sha256
from twoway.x509.reading import lenient_reading

RSA = "1.2.840.113549.1.1.1"
EC = "1.2.840.10045.2.1"
DSA = "1.2.840.10040.4.1"

PKCS8 = "PRIVATE KEY"
ENCRYPTED_PKCS8 = "ENCRYPTED PRIVATE KEY"
PKCS1 = "RSA PRIVATE KEY"
SEC1 = "EC PRIVATE KEY"
TRADITIONAL_DSA = "DSA PRIVATE KEY"

# The ciphers that OpenSSL names in DEK-Info.
PEM_CIPHERS = {
    "DES-CBC": Cipher("des", 8, 8),
    "DES-EDE-CBC": Cipher("3des", 16, 8),
    "DES-EDE3-CBC": TRIPLE_DES,
    "AES-128-CBC": Cipher("aes", 16, 16),
    "AES-192-CBC": Cipher("aes", 24, 16),
    "AES-256-CBC": Cipher("aes", 32, 16),
    "CAMELLIA-128-CBC": Cipher("camellia", 16, 16),
    "CAMELLIA-192-CBC": Cipher("camellia", 24, 16),
    "CAMELLIA-256-CBC": Cipher("camellia", 32, 16),
    "BF-CBC": Cipher("blowfish", 16, 8),
    "CAST5-CBC": Cipher("cast5", 16, 8),
    "IDEA-CBC": Cipher("idea", 16, 8),
    "SEED-CBC": Cipher("seed", 16, 16),
    "SM4-CBC": Cipher("sm4", 16, 16),
    "RC2-CBC": Cipher("rc2", 16, 8),
    "RC2-64-CBC": Cipher("rc2", 8, 8),
    "RC2-40-CBC": Cipher("rc2", 5, 8),
}


def kind_of(der: bytes) -> str | None:
    """Say which encoding a private key has, by the label that PEM gives it; None for anything else."""
    match shape(der):
        case (asn1.INTEGER, asn1.SEQUENCE, asn1.OCTET_STRING, *_):
            return PKCS8
        case (asn1.SEQUENCE, tag) if tag in {asn1.OCTET_STRING, asn1.OCTET_STRING | asn1.CONSTRUCTED}:
            return ENCRYPTED_PKCS8
        case (asn1.INTEGER, asn1.OCTET_STRING, *_):
            return SEC1
        case tags if set(tags[:9]) == {asn1.INTEGER} and len(tags) in {9, 10}:
            return PKCS1
        case tags if set(tags) == {asn1.INTEGER} and len(tags) == 6:
            return TRADITIONAL_DSA
    return None


def as_pkcs8(der: bytes, kind: str, password: Password, budget: Budget) -> bytes:
    """Make PKCS#8 of a private key whose encoding is known.

    Raises:
        PasswordMissing, WrongPassword: it is encrypted.
        AlgorithmUnsupported, KeystoreTooCostly, KeystoreDamaged: as decryption and the bytes have it.
    """
    if kind == PKCS8:
        return bare(der)
    if kind == ENCRYPTED_PKCS8:
        return bare(opened(der, password, budget))
    parts = asn1.fields(asn1.inner(der), 2)
    version = asn1.integer_der(0)
    if kind == PKCS1:
        return asn1.sequence(version, asn1.algorithm_der(RSA), asn1.octet_string_der(der))
    if kind == TRADITIONAL_DSA:
        p, q, g, _, x = (part.raw for part in parts[1:6])
        return asn1.sequence(
            version, asn1.algorithm_der(DSA, asn1.sequence(p, q, g)), asn1.octet_string_der(x)
        )
    curve = next((part for part in parts if part.tag == asn1.CONTEXT_0), None)
    if curve is None:
        raise asn1.damaged("an EC key that does not name its curve")
    # The curve moves to the algorithm (RFC 5958); readers differ about one that stands in both places.
    key = asn1.sequence(*(part.raw for part in parts if part is not curve))
    algorithm = asn1.algorithm_der(EC, asn1.only(curve, asn1.CONTEXT_0).raw)
    return asn1.sequence(version, algorithm, asn1.octet_string_der(key))


def bare(pkcs8: bytes) -> bytes:
    """Return a PKCS#8 key in its first version, without attributes and without its public half.

    Windows adds attributes and Ed25519 keys their public half; Java's stores and older readers take neither.
    """
    if _is_bare(pkcs8):
        return pkcs8
    version, algorithm, key, *more = asn1.fields(asn1.inner(pkcs8), 3)
    if not more and version.content == b"\0":
        return pkcs8
    return asn1.sequence(asn1.integer_der(0), algorithm.raw, key.raw)


def _is_bare(pkcs8: bytes) -> bool:
    """Whether a key has version 0, an algorithm, a key and nothing else, by its lengths alone: the usual case."""
    try:
        _, size, at = asn1.header(pkcs8, 0)
        if size != len(pkcs8) - at or pkcs8[at : at + 3] != b"\x02\x01\x00":
            return False
        tag, size, at = asn1.header(pkcs8, at + 3)
        if tag != asn1.SEQUENCE or size is None:
            return False
        tag, size, at = asn1.header(pkcs8, at + size)
    except KeystoreTruncated:
        return False
    return tag == asn1.OCTET_STRING and size == len(pkcs8) - at


def opened(der: bytes, password: Password, budget: Budget) -> bytes:
    """Open an EncryptedPrivateKeyInfo, asking for a password where an empty one does not do.

    Raises:
        PasswordMissing: it is encrypted and no password was given.
        WrongPassword: the password does not open it.
    """
    try:
        return opened_key(asn1.inner(der), password, budget, "the private key")
    except WrongPassword as wrong:
        if password.given:
            raise
        raise PasswordMissing("the private key") from wrong


def opened_traditional(encrypted: bytes, dek_info: str, password: Password) -> bytes:
    """Open a key that PEM's own headers encrypt (``Proc-Type: 4,ENCRYPTED``).

    Args:
        encrypted: the decoded body.
        dek_info: the header's value, cipher and initialisation vector.
        password: as it was given.

    Raises:
        PasswordMissing: no password was given.
        WrongPassword: the password does not open it.
        AlgorithmUnsupported: the cipher is not known.
    """
    name, _, spelled = dek_info.partition(",")
    cipher = PEM_CIPHERS.get(name.strip().upper())
    if cipher is None:
        raise AlgorithmUnsupported("the private key", name.strip()[:40])
    try:
        iv = binascii.unhexlify(spelled.strip())
    except ValueError as error:
        raise asn1.damaged("a DEK-Info header that is not hexadecimal") from error
    if len(iv) != cipher.block:
        raise asn1.damaged(f"an initialisation vector of {len(iv)} bytes")
    if not password.given:
        raise PasswordMissing("the private key")
    # OpenSSL's EVP_BytesToKey with one round of MD5: the format fixes it.
    derived = b""
    while len(derived) < cipher.key:
        derived += md5(derived[-16:] + password.octets + iv[:8], usedforsecurity=False).digest()
    plain = deciphered(cipher, derived[: cipher.key], iv, encrypted)
    if plain is None or kind_of(plain) is None:
        raise WrongPassword("the private key")
    return plain


def public_half(pkcs8: bytes) -> str | None:
    """Return the SHA-256 of a private key's public half; None where the key is of a kind that is only kept.

    Whether an RSA key's primes are primes is not checked: that takes a second for some, and only the public half is
    looked at. Whoever uses the key (``IdentityEntry.identity``) has it checked.
    """
    try:
        # Of kinds that it is about to drop, such as Diffie-Hellman, the library warns before it says what it is.
        with lenient_reading():
            return spki_sha256(load_own_key(pkcs8).public_key())
    except MaterialError:
        return None
