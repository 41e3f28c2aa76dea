"""Password-based encryption as PKCS#5 and PKCS#12 define it: everything in the field is read, two forms are written.

Source: RFC 8018 (PBES1, PBES2), RFC 7292 appendix C (PKCS#12's own), RFC 7914 section 7 (scrypt).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers import algorithms as decrepit
from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.ciphers import algorithms, modes

from twoway.errors import AlgorithmUnsupported, KeystoreError, KeystoreTooCostly, WrongPassword
from twoway.keystores import asn1, rc2
from twoway.keystores.derivation import Budget
from twoway.keystores.passwords import Password

PBES2 = "1.2.840.113549.1.5.13"
PBKDF2 = "1.2.840.113549.1.5.12"
SCRYPT = "1.3.6.1.4.1.11591.4.11"
AES_256_CBC = "2.16.840.1.101.3.4.1.42"
HMAC_SHA_256 = "1.2.840.113549.2.9"
SHA1_TRIPLE_DES = "1.2.840.113549.1.12.1.3"

# Ours is in Python: half a megabyte a second. No store with certificates that old is larger.
MAX_RC2_BYTES = 4 * 1024 * 1024

# The pseudo-random function that PBKDF2 takes where none is named (RFC 8018 appendix A.2).
DEFAULT_PRF = "sha1"
PRFS = {
    "1.2.840.113549.2.6": "md5",
    "1.2.840.113549.2.7": "sha1",
    "1.2.840.113549.2.8": "sha224",
    HMAC_SHA_256: "sha256",
    "1.2.840.113549.2.10": "sha384",
    "1.2.840.113549.2.11": "sha512",
    "1.2.840.113549.2.12": "sha512_224",
    "1.2.840.113549.2.13": "sha512_256",
    "2.16.840.1.101.3.4.2.13": "sha3_224",
    "2.16.840.1.101.3.4.2.14": "sha3_256",
    "2.16.840.1.101.3.4.2.15": "sha3_384",
    "2.16.840.1.101.3.4.2.16": "sha3_512",
}


@dataclass(frozen=True, slots=True)
class Cipher:
    """A cipher, the size of its key and block in bytes, and its mode; a block of 0 is a stream.

    Args:
        name: as ``_library_cipher`` knows it.
        key: of its key, in bytes.
        block: of its block and initialisation vector, in bytes.
        mode: ``cbc`` or ``gcm``.
        tag: of GCM's tag behind the text, in bytes.
    """

    name: str
    key: int
    block: int
    mode: str = "cbc"
    tag: int = 0


DES = Cipher("des", 8, 8)
TRIPLE_DES = Cipher("3des", 24, 8)
# PKCS#5 version 1 and PKCS#12 name their ciphers together with the hash.
PKCS12_SCHEMES = {
    "1.2.840.113549.1.12.1.1": Cipher("rc4", 16, 0),
    "1.2.840.113549.1.12.1.2": Cipher("rc4", 5, 0),
    SHA1_TRIPLE_DES: TRIPLE_DES,
    "1.2.840.113549.1.12.1.4": Cipher("3des", 16, 8),
    "1.2.840.113549.1.12.1.5": Cipher("rc2", 16, 8),
    "1.2.840.113549.1.12.1.6": Cipher("rc2", 5, 8),
}
PKCS5_SCHEMES = {
    "1.2.840.113549.1.5.3": ("md5", DES),
    "1.2.840.113549.1.5.6": ("md5", Cipher("rc2", 8, 8)),
    "1.2.840.113549.1.5.10": ("sha1", DES),
    "1.2.840.113549.1.5.11": ("sha1", Cipher("rc2", 8, 8)),
}
PBES2_CIPHERS = {
    "1.3.14.3.2.7": DES,
    "1.2.840.113549.3.2": Cipher("rc2", 16, 8),
    "1.2.840.113549.3.7": TRIPLE_DES,
    "2.16.840.1.101.3.4.1.2": Cipher("aes", 16, 16),
    "2.16.840.1.101.3.4.1.22": Cipher("aes", 24, 16),
    AES_256_CBC: Cipher("aes", 32, 16),
    "2.16.840.1.101.3.4.1.6": Cipher("aes", 16, 16, "gcm"),
    "2.16.840.1.101.3.4.1.26": Cipher("aes", 24, 16, "gcm"),
    "2.16.840.1.101.3.4.1.46": Cipher("aes", 32, 16, "gcm"),
    "1.3.6.1.4.1.3029.1.2": Cipher("blowfish", 16, 8),
    "1.2.840.113533.7.66.10": Cipher("cast5", 16, 8),
    "1.2.410.200004.1.4": Cipher("seed", 16, 16),
    "1.2.156.10197.1.104.2": Cipher("sm4", 16, 16),
    "1.2.392.200011.61.1.1.1.2": Cipher("camellia", 16, 16),
    "1.2.392.200011.61.1.1.1.3": Cipher("camellia", 24, 16),
    "1.2.392.200011.61.1.1.1.4": Cipher("camellia", 32, 16),
}
# What GCM's tag is where nothing is said (RFC 5084 section 3.2), and what it may be, in bytes.
GCM_TAG = 12
GCM_TAGS = range(12, 17)
# RFC 8018 appendix B.2.3: how the effective key bits of RC2 are spelled.
RC2_VERSIONS = {160: 40, 120: 64, 58: 128}


# Blocks in CBC mode, as the library has them.
LIBRARY_CIPHERS: dict[str, Callable[[bytes], ciphers.BlockCipherAlgorithm]] = {
    "aes": algorithms.AES,
    "blowfish": decrepit.Blowfish,
    "camellia": decrepit.Camellia,
    "cast5": decrepit.CAST5,
    "idea": decrepit.IDEA,
    "seed": decrepit.SEED,
    "sm4": algorithms.SM4,
}

Accept = Callable[[bytes], bool]


def decrypt(
    algorithm: asn1.Element, data: bytes, password: Password, *, budget: Budget, what: str, accept: Accept
) -> bytes:
    """Decrypt what an AlgorithmIdentifier says how to.

    Args:
        algorithm: the AlgorithmIdentifier.
        data: the encrypted bytes.
        password: as it was given; each form that the scheme may have made of it is tried.
        budget: what deriving keys may cost.
        what: what is opened, for messages.
        accept: says whether a plain text can be right: one padding in 256 is right by chance.

    Raises:
        WrongPassword: no form of the password gives anything acceptable.
        AlgorithmUnsupported: the scheme, its derivation or its cipher is not known.
        KeystoreTooCostly: the derivation passes a bound.
        KeystoreDamaged: the parameters break the rules.
    """
    identifier, *parameters = asn1.fields(algorithm, 1)
    scheme = asn1.oid(identifier)
    if not parameters or scheme not in {PBES2, *PKCS12_SCHEMES, *PKCS5_SCHEMES}:
        raise AlgorithmUnsupported(what, scheme)
    for cipher, key, iv in _keys(scheme, parameters[0], password, budget, what):
        plain = deciphered(cipher, key, iv, data)
        if plain is not None and accept(plain):
            return plain
    raise WrongPassword(what)


def opened_key(encrypted: asn1.Element, password: Password, budget: Budget, what: str) -> bytes:
    """Open an EncryptedPrivateKeyInfo and return the PrivateKeyInfo's DER.

    Raises:
        WrongPassword: what comes out is no PrivateKeyInfo.
        AlgorithmUnsupported, KeystoreTooCostly, KeystoreDamaged: as for ``decrypt``.
    """
    algorithm, content, *_ = asn1.fields(encrypted, 2)
    data = asn1.octet_string(content)
    return decrypt(algorithm, data, password, budget=budget, what=what, accept=is_private_key_info)


def is_private_key_info(data: bytes) -> bool:
    """Whether the bytes have the shape of a PrivateKeyInfo: a version, an algorithm and a key (RFC 5958)."""
    return shape(data)[:3] == (asn1.INTEGER, asn1.SEQUENCE, asn1.OCTET_STRING)


def shape(data: bytes) -> tuple[int, ...]:
    """List the identifier octets inside the outermost SEQUENCE; nothing where the bytes are no such thing."""
    try:
        return tuple(child.tag for child in asn1.children(asn1.whole(data)))
    except KeystoreError:
        return ()


def sealed(
    plain: bytes, password: Password, *, iterations: int, salt: bytes, iv: bytes, budget: Budget
) -> tuple[bytes, bytes]:
    """Encrypt with PBES2, AES-256-CBC and PBKDF2-HMAC-SHA-256.

    Returns:
        The AlgorithmIdentifier's DER and the encrypted bytes.
    """
    key = budget.pbkdf2("sha256", password.octets, salt, iterations, 32)
    derivation = asn1.sequence(
        asn1.octet_string_der(salt), asn1.integer_der(iterations), asn1.algorithm_der(HMAC_SHA_256)
    )
    parameters = asn1.sequence(
        asn1.algorithm_der(PBKDF2, derivation), asn1.algorithm_der(AES_256_CBC, asn1.octet_string_der(iv))
    )
    return asn1.algorithm_der(PBES2, parameters), enciphered(PBES2_CIPHERS[AES_256_CBC], key, iv, plain)


def sealed_legacy(
    plain: bytes, password: Password, *, iterations: int, salt: bytes, budget: Budget
) -> tuple[bytes, bytes]:
    """Encrypt with PKCS#12's own scheme, SHA-1 and three-key triple DES, for consumers that know nothing newer.

    Returns:
        The AlgorithmIdentifier's DER and the encrypted bytes.
    """
    form = password.forms[0]
    key = budget.pkcs12("sha1", form, salt, iterations, 1, TRIPLE_DES.key)
    iv = budget.pkcs12("sha1", form, salt, iterations, 2, TRIPLE_DES.block)
    parameters = asn1.sequence(asn1.octet_string_der(salt), asn1.integer_der(iterations))
    return asn1.algorithm_der(SHA1_TRIPLE_DES, parameters), enciphered(TRIPLE_DES, key, iv, plain)


def iteration_count(found: asn1.Element) -> int:
    """Read an iteration count, which is at least 1."""
    count = asn1.integer(found)
    if count < 1:
        raise asn1.damaged(f"an iteration count of {count}")
    return count


def _keys(
    scheme: str, parameters: asn1.Element, password: Password, budget: Budget, what: str
) -> Iterator[tuple[Cipher, bytes, bytes]]:
    """Derive cipher, key and initialisation vector, once for each form that the password may have had."""
    if scheme == PBES2:
        derivation, encryption, *_ = asn1.fields(parameters, 2)
        cipher, iv = _encryption_scheme(encryption, what)
        for octets in password.octet_forms:
            for named in (cipher, *_longer(cipher, derivation)):
                yield named, derived_key(derivation, octets, named.key, budget, what), iv
        return
    salted, counted, *_ = asn1.fields(parameters, 2)
    salt, iterations = asn1.octet_string(salted), iteration_count(counted)
    if scheme in PKCS5_SCHEMES:
        digest, cipher = PKCS5_SCHEMES[scheme]
        for octets in password.octet_forms:
            derived = budget.pbkdf1(digest, octets, salt, iterations)
            yield cipher, derived[:8], derived[8:16]
        return
    cipher = PKCS12_SCHEMES[scheme]
    for form in password.forms:
        key = budget.pkcs12("sha1", form, salt, iterations, 1, cipher.key)
        iv = budget.pkcs12("sha1", form, salt, iterations, 2, cipher.block) if cipher.block else b""
        yield cipher, key, iv


def _encryption_scheme(encryption: asn1.Element, what: str) -> tuple[Cipher, bytes]:
    """Read which cipher PBES2 has a key derived for, and its initialisation vector."""
    identifier, *given = asn1.fields(encryption, 1)
    name = asn1.oid(identifier)
    cipher = PBES2_CIPHERS.get(name)
    if cipher is None or not given:
        raise AlgorithmUnsupported(what, name)
    if cipher.name == "rc2":
        cipher, iv = _rc2_parameters(given[0], what)
    elif cipher.mode == "gcm":
        return _gcm_parameters(cipher, given[0])
    else:
        iv = asn1.octet_string(given[0])
    if len(iv) != cipher.block:
        raise asn1.damaged(f"an initialisation vector of {len(iv)} bytes")
    return cipher, iv


def _longer(cipher: Cipher, derivation: asn1.Element) -> Iterator[Cipher]:
    """Return the same cipher with the key length that PBKDF2 names, where that is another one.

    NSS named AES-128 and took 32 bytes of key.
    """
    lengths = [part for part in asn1.fields(asn1.fields(derivation, 2)[1], 2)[2:] if part.tag == asn1.INTEGER]
    if cipher.name == "aes" and len(lengths) == 1 and asn1.integer(lengths[0]) in {16, 24, 32} - {cipher.key}:
        yield replace(cipher, key=asn1.integer(lengths[0]))


def derived_key(derivation: asn1.Element, octets: bytes, size: int, budget: Budget, what: str) -> bytes:
    """Derive a key as PBES2 and PBMAC1 name it: PBKDF2 or scrypt.

    Args:
        derivation: the AlgorithmIdentifier.
        octets: the password in one of its forms.
        size: of the key, in bytes.
        budget: what deriving keys may cost.
        what: what is opened, for messages.
    """
    identifier, *given = asn1.fields(derivation, 1)
    name = asn1.oid(identifier)
    if name not in {PBKDF2, SCRYPT} or not given:
        raise AlgorithmUnsupported(what, name)
    salted, *rest = asn1.fields(given[0], 2)
    # A salt may also come from elsewhere, by an AlgorithmIdentifier; nobody has ever done so.
    salt = asn1.octet_string(salted)
    if name == SCRYPT:
        if len(rest) < 3:
            raise asn1.damaged("scrypt parameters that lack N, r or p")
        n, r, p = (iteration_count(part) for part in rest[:3])
        if n < 2 or n & (n - 1):
            raise asn1.damaged(f"a scrypt cost of {n}, which is no power of two")
        return budget.scrypt(octets, salt, (n, r, p), size)
    prf = DEFAULT_PRF
    for part in rest[1:]:
        if part.tag == asn1.SEQUENCE:
            named = asn1.oid(asn1.fields(part, 1)[0])
            if named not in PRFS:
                raise AlgorithmUnsupported(what, named)
            prf = PRFS[named]
    return budget.pbkdf2(prf, octets, salt, iteration_count(rest[0]), size)


def _gcm_parameters(cipher: Cipher, found: asn1.Element) -> tuple[Cipher, bytes]:
    """Read GCMParameters, the nonce and the size of the tag (RFC 5084 section 3.2), or what RustCrypto writes."""
    if found.tag == asn1.OCTET_STRING:
        iv, tag = found.content, GCM_TAGS[-1]
    else:
        nonce, *sized = asn1.fields(found, 1)
        iv, tag = asn1.octet_string(nonce), asn1.integer(sized[0]) if sized else GCM_TAG
    # OpenSSL takes nonces of 8 to 128 bytes.
    if tag not in GCM_TAGS or not 8 <= len(iv) <= 128:
        raise asn1.damaged(f"a GCM tag of {tag} bytes and a nonce of {len(iv)}")
    return replace(cipher, tag=tag), iv


def _rc2_parameters(found: asn1.Element, what: str) -> tuple[Cipher, bytes]:
    *version, iv = asn1.fields(found, 1)
    spelled = asn1.integer(version[0]) if version else 0
    bits = RC2_VERSIONS.get(spelled, 32 if not version else spelled)
    if bits % 8 or not 32 <= bits <= 128:
        raise AlgorithmUnsupported(what, f"RC2 with {bits} effective key bits")
    return Cipher("rc2", bits // 8, 8), asn1.octet_string(iv)


def deciphered(cipher: Cipher, key: bytes, iv: bytes, data: bytes) -> bytes | None:
    """Decrypt and take the padding off; nothing where the padding, or GCM's tag, is wrong."""
    if cipher.mode == "gcm":
        return _deciphered_gcm(cipher, key, iv, data)
    if cipher.block and (not data or len(data) % cipher.block):
        raise asn1.damaged(f"{len(data)} encrypted bytes, which is not a number of whole blocks")
    if cipher.name == "rc2":
        if len(data) > MAX_RC2_BYTES:
            raise KeystoreTooCostly("the size of what RC2 encrypts", len(data), MAX_RC2_BYTES)
        plain = rc2.decrypt_cbc(key, 8 * len(key), iv, data)
    else:
        decryptor = _library_cipher(cipher, key, iv).decryptor()
        plain = decryptor.update(data) + decryptor.finalize()
    if not cipher.block:
        return plain
    padding = plain[-1]
    if not 0 < padding <= cipher.block or plain[-padding:] != bytes((padding,)) * padding:
        return None
    return plain[:-padding]


def _deciphered_gcm(cipher: Cipher, key: bytes, iv: bytes, data: bytes) -> bytes | None:
    if len(data) < cipher.tag:
        raise asn1.damaged(f"{len(data)} encrypted bytes, of which {cipher.tag} are the tag")
    text, tag = data[: -cipher.tag], data[-cipher.tag :]
    mode = modes.GCM(iv, tag, min_tag_length=cipher.tag)
    decryptor = ciphers.Cipher(algorithms.AES(key), mode).decryptor()
    try:
        return decryptor.update(text) + decryptor.finalize()
    except InvalidTag:
        return None


def enciphered(cipher: Cipher, key: bytes, iv: bytes, plain: bytes) -> bytes:
    """Encrypt, padded to whole blocks."""
    padding = cipher.block - len(plain) % cipher.block
    encryptor = _library_cipher(cipher, key, iv).encryptor()
    return encryptor.update(plain + bytes((padding,)) * padding) + encryptor.finalize()


def _library_cipher(cipher: Cipher, key: bytes, iv: bytes) -> ciphers.Cipher[modes.CBC | None]:
    """Make the library's object for a cipher that it has."""
    if cipher.name == "rc4":
        return ciphers.Cipher(decrepit.ARC4(key), None)
    if cipher.name in {"des", "3des"}:
        # Single DES is triple DES with one key thrice; two-key triple DES repeats its first.
        return ciphers.Cipher(decrepit.TripleDES((key * 3)[:24]), modes.CBC(iv))
    return ciphers.Cipher(LIBRARY_CIPHERS[cipher.name](key), modes.CBC(iv))
