"""Sound files of every format to begin with, made by twoway and the tests' material."""

from __future__ import annotations

from collections.abc import Iterator
from struct import pack

from tests.keystores.material import (
    CHAIN,
    IDENTITY,
    KEY_DER,
    LEAF,
    OTHER,
    STRANGER,
    TRUSTED,
    certificate_bag,
    foreign_pkcs12,
    key_bag,
    key_id,
    open_pkcs12,
    store,
)
from twoway.keystores import Format, Keystore, SecretEntry, TrustedEntry, asn1, dump, jks_writing
from twoway.keystores import pkcs12_bags as bags
from twoway.keystores.derivation import Budget
from twoway.keystores.encryption import sealed, sealed_legacy
from twoway.keystores.passwords import as_password
from twoway.x509.pem import encode

PASSWORD = "changeit"  # noqa: S105  # of seeds
SECRET = SecretEntry("token", "AES", bytes(range(16)))
EVERYTHING = Keystore((IDENTITY, TRUSTED, SECRET), Format.PKCS12)


def encrypted_key(*, legacy: bool = False) -> bytes:
    """Return an encrypted PKCS#8 of so few iterations that thousands can be read."""
    password, salt = as_password(PASSWORD), b"saltsalt"
    algorithm, content = (
        sealed_legacy(KEY_DER, password, iterations=1, salt=salt, budget=Budget())
        if legacy
        else sealed(KEY_DER, password, iterations=1, salt=salt, iv=bytes(16), budget=Budget())
    )
    return asn1.sequence(algorithm, asn1.octet_string_der(content))


def pem() -> Iterator[bytes]:
    """Bundles in clear and encrypted, with text around them."""
    yield dump(store(IDENTITY, OTHER, TRUSTED), Format.PEM)
    yield b"Bag Attributes\r\n" + dump(store(TRUSTED), Format.PEM).replace(b"\n", b"\r\n")
    yield encode("ENCRYPTED PRIVATE KEY", encrypted_key())
    yield dump(store(IDENTITY), Format.PEM).decode().encode("utf-16")
    yield encode("PKCS7", dump(store(TRUSTED, TrustedEntry("leaf", LEAF)), Format.DER))
    header = b"Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
    yield encode("EC PRIVATE KEY", bytes(128)).replace(b"-----\n", b"-----\n" + header, 1)


def der() -> Iterator[bytes]:
    """Certificates, keys and chains."""
    yield LEAF.der
    yield LEAF.der + STRANGER.der
    yield KEY_DER
    yield encrypted_key()
    yield encrypted_key(legacy=True)
    yield dump(store(*(TrustedEntry(str(at), one) for at, one in enumerate(CHAIN))), Format.DER)


def pkcs12() -> Iterator[bytes]:
    """Files with a MAC and without, encrypted and open, in DER and in BER."""
    yield foreign_pkcs12(PASSWORD)
    crl = asn1.sequence(asn1.oid_der(bags.CRL_BAG), asn1.encoded(asn1.CONTEXT_0, asn1.sequence()))
    yield open_pkcs12(
        key_bag(KEY_DER, key_id(b"1")), certificate_bag(LEAF, key_id(b"1")), certificate_bag(STRANGER), crl
    )
    for legacy in (False, True):
        value = asn1.encoded(asn1.CONTEXT_0, encrypted_key(legacy=legacy))
        yield open_pkcs12(asn1.sequence(asn1.oid_der(bags.SHROUDED_KEY_BAG), value))
    safe = asn1.sequence(certificate_bag(LEAF))
    pieces = b"\x24\x80" + asn1.octet_string_der(safe[:100]) + asn1.octet_string_der(safe[100:]) + b"\0\0"
    content = b"\x30\x80" + asn1.oid_der(bags.DATA) + b"\xa0\x80" + pieces + b"\0\0\0\0"
    outer = b"\x30\x80" + asn1.oid_der(bags.DATA) + b"\xa0\x80\x24\x80"
    yield b"\x30\x80" + asn1.integer_der(3) + outer + asn1.octet_string_der(asn1.sequence(content)) + bytes(8)


def jks() -> Iterator[bytes]:
    """Java's oldest."""
    yield dump(store(IDENTITY, OTHER, TRUSTED), Format.JKS, PASSWORD)
    yield dump(store(TRUSTED), Format.JKS, PASSWORD)


def jceks() -> Iterator[bytes]:
    """The same with secret keys, which are Java's serialised objects."""
    for keystore in (EVERYTHING, Keystore((SECRET,), Format.JCEKS)):
        yield jks_writing.dump(keystore, Format.JCEKS, as_password(PASSWORD), {}, iterations=1)


def bouncycastle() -> Iterator[bytes]:
    """BKS with a certificate and a key in clear, as its own writer has them, and something of UBER's size."""
    head = pack(">II20sI", 2, 20, bytes(20), 1)
    chain = pack(">H5sI", 5, b"X.509", len(LEAF.der)) + LEAF.der
    certificate = pack(">BH4sqI", 1, 4, b"leaf", 0, 0) + chain
    key = pack(">BH3sqI", 2, 3, b"key", 0, 0) + pack(">BH3sH3sI", 2, 3, b"RAW", 3, b"AES", 16) + bytes(16)
    yield head + certificate + key + b"\0" + bytes(20)
    yield head + b"\0" + bytes(20)
    yield head + bytes(range(1, 161))
