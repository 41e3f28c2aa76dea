"""How Java's own keystores protect a key: Sun's keystream of SHA-1 in JKS, MD5 and triple DES in JCEKS.

Neither is strong: the formats fix them. What can be chosen, the iteration count, is what the JDK chooses.

Source: OpenJDK 17, ``sun.security.provider.KeyProtector`` and ``com.sun.crypto.provider.KeyProtector``, ``PBES1Core``.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from hashlib import md5, sha1
from struct import Struct

from twoway.errors import KeystoreTooCostly, WrongPassword
from twoway.keystores import asn1
from twoway.keystores.derivation import Budget
from twoway.keystores.encryption import (
    TRIPLE_DES,
    deciphered,
    enciphered,
    is_private_key_info,
    iteration_count,
    opened_key,
)
from twoway.keystores.passwords import Password

KEYSTREAM = "1.3.6.1.4.1.42.2.17.1.1"
PBE_MD5_TRIPLE_DES = "1.3.6.1.4.1.42.2.19.1"
KEYSTREAM_ALGORITHM = asn1.algorithm_der(KEYSTREAM)

# The keystream's salt and its check are one SHA-1 each.
DIGEST_SIZE = 20
PBE_SALT_SIZE = 8
# RSA of 16,384 bits has 9 kB, and no newer kind of key more.
MAX_KEY_BYTES = 1024 * 1024
# What JDK 17 writes (jdk.jceks.iterationCount); JDK 8 and older wrote 20.
PBE_ITERATIONS = 200_000
# An EncryptedPrivateKeyInfo of 256 bytes to 64 kB around the algorithm: two lengths of two octets.
COMMON_HEAD = Struct(f">BBH{len(KEYSTREAM_ALGORITHM)}sBBH")
COMMON_SIZES = range(256, 0xFF00)
TWO_OCTETS = 0x82


def recovered(protected: bytes, password: Password, budget: Budget, what: str) -> bytes:
    """Open an EncryptedPrivateKeyInfo of a Java keystore and return the PrivateKeyInfo.

    Raises:
        WrongPassword: the password does not open it.
        AlgorithmUnsupported, KeystoreDamaged, KeystoreTooCostly: as their names say.
    """
    if len(protected) > MAX_KEY_BYTES:
        raise KeystoreTooCostly("the size of a protected key in bytes", len(protected), MAX_KEY_BYTES)
    size = len(protected) - COMMON_HEAD.size
    if size in COMMON_SIZES and protected.startswith(_common_head(size)):
        return _without_keystream(protected[COMMON_HEAD.size :], password, what)
    encrypted = asn1.inner(protected)
    algorithm, content, *_ = asn1.fields(encrypted, 2)
    identifier, *parameters = asn1.fields(algorithm, 1)
    scheme = asn1.oid(identifier)
    if scheme == KEYSTREAM:
        return _without_keystream(asn1.octet_string(content), password, what)
    if scheme == PBE_MD5_TRIPLE_DES and parameters:
        data = asn1.octet_string(content)
        return pbe_opened(parameters[0], data, password, budget=budget, what=what, accept=is_private_key_info)
    return opened_key(encrypted, password, budget, what)


def keystream_protected(plain: bytes, password: Password, salt: bytes) -> bytes:
    """Protect a PrivateKeyInfo as JKS does.

    Args:
        plain: the key.
        password: as it was given.
        salt: 20 random bytes.

    Returns:
        The EncryptedPrivateKeyInfo.
    """
    characters = password.characters
    check = sha1(characters + plain, usedforsecurity=False).digest()
    content = salt + _keystreamed(plain, characters, salt) + check
    if len(content) in COMMON_SIZES:
        return _common_head(len(content)) + content
    return asn1.sequence(KEYSTREAM_ALGORITHM, asn1.octet_string_der(content))


def _common_head(size: int) -> bytes:
    """Return what stands before protected bytes of a usual size."""
    inside = size + len(KEYSTREAM_ALGORITHM) + 4
    return COMMON_HEAD.pack(
        asn1.SEQUENCE, TWO_OCTETS, inside, KEYSTREAM_ALGORITHM, asn1.OCTET_STRING, TWO_OCTETS, size
    )


def _without_keystream(content: bytes, password: Password, what: str) -> bytes:
    if len(content) <= 2 * DIGEST_SIZE:
        raise asn1.damaged(f"a protected key of {len(content)} bytes")
    characters = password.characters
    salt, check = content[:DIGEST_SIZE], content[-DIGEST_SIZE:]
    plain = _keystreamed(content[DIGEST_SIZE:-DIGEST_SIZE], characters, salt)
    if not hmac.compare_digest(check, sha1(characters + plain, usedforsecurity=False).digest()):
        raise WrongPassword(what)
    return plain


def _keystreamed(data: bytes, characters: bytes, salt: bytes) -> bytes:
    """Combine the data with d1, d2, ... where d0 is the salt and each the SHA-1 of the password and the one before."""
    size = len(data)
    # To copy the state after the password is a sixth faster than to hash it each time.
    fresh = sha1(characters, usedforsecurity=False).copy
    digest = salt
    stream = []
    for _ in range(-(-size // DIGEST_SIZE)):
        state = fresh()
        state.update(digest)
        digest = state.digest()
        stream.append(digest)
    key = int.from_bytes(b"".join(stream)[:size], "big")
    return (int.from_bytes(data, "big") ^ key).to_bytes(size, "big")


def pbe_opened(
    parameters: asn1.Element,
    data: bytes,
    password: Password,
    *,
    budget: Budget,
    what: str,
    accept: Callable[[bytes], bool],
) -> bytes:
    """Decrypt with PBEWithMD5AndTripleDES.

    Args:
        parameters: the salt and the iteration count.
        data: what is encrypted.
        password: as it was given.
        budget: what deriving keys may cost.
        what: what is opened, for messages.
        accept: says whether a plain text can be right: one padding in 256 is right by chance.

    Raises:
        WrongPassword: nothing acceptable comes out.
        KeystoreDamaged, KeystoreTooCostly: the parameters break the rules, or pass a bound.
    """
    salted, counted = asn1.fields(parameters, 2)[:2]
    salt, iterations = asn1.octet_string(salted), iteration_count(counted)
    if len(salt) != PBE_SALT_SIZE:
        raise asn1.damaged(f"a salt of {len(salt)} bytes where {PBE_SALT_SIZE} belong")
    for one in _salts(salt):
        key, iv = _pbe_key(one, password, iterations, budget)
        plain = deciphered(TRIPLE_DES, key, iv, data)
        if plain is not None and accept(plain):
            return plain
    raise WrongPassword(what)


def pbe_sealed(
    plain: bytes, password: Password, *, salt: bytes, iterations: int, budget: Budget
) -> tuple[bytes, bytes]:
    """Encrypt with PBEWithMD5AndTripleDES.

    Args:
        plain: what to encrypt.
        password: of characters that are printable ASCII, or Java cannot open it.
        salt: 8 random bytes, whose halves differ.
        iterations: how often each half is hashed.
        budget: what deriving keys may cost.

    Returns:
        The parameters' DER and the encrypted bytes.
    """
    key, iv = _pbe_key(salt, password, iterations, budget)
    parameters = asn1.sequence(asn1.octet_string_der(salt), asn1.integer_der(iterations))
    return parameters, enciphered(TRIPLE_DES, key, iv, plain)


def pbe_protected(plain: bytes, password: Password, *, salt: bytes, iterations: int, budget: Budget) -> bytes:
    """Protect a PrivateKeyInfo as JCEKS does: ``pbe_sealed`` as an EncryptedPrivateKeyInfo."""
    parameters, content = pbe_sealed(plain, password, salt=salt, iterations=iterations, budget=budget)
    return asn1.sequence(asn1.algorithm_der(PBE_MD5_TRIPLE_DES, parameters), asn1.octet_string_der(content))


def pbe_salt(random: Callable[[int], bytes]) -> bytes:
    """Draw a salt whose halves differ: newer Javas refuse others, older ones garble them."""
    while True:
        salt = random(PBE_SALT_SIZE)
        if salt[:4] != salt[4:]:
            return salt


def _salts(salt: bytes) -> Iterator[bytes]:
    """Return the salt as it is used: of two equal halves Java turns the first round, until JDK 17 wrongly."""
    first, second = salt[:4], salt[4:]
    if first != second:
        yield salt
        return
    yield bytes((first[3], first[0], first[1], first[3])) + second
    yield first[::-1] + second


def _pbe_key(salt: bytes, password: Password, iterations: int, budget: Budget) -> tuple[bytes, bytes]:
    """Derive key and initialisation vector: each half of the salt hashed with the password again and again."""
    budget.spend(iterations, 2)
    octets = password.octets
    derived = b""
    for half in (salt[:4], salt[4:]):
        digest = half
        for _ in range(iterations):
            digest = md5(digest + octets).digest()  # noqa: S324  # the format's; saying so costs half the speed
        derived += digest
    return derived[:24], derived[24:]
