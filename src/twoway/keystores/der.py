"""DER files: certificates, one private key, or a PKCS#7 chain.

Source: RFC 5280 (certificates), RFC 5958 and before (keys), RFC 2315 (PKCS#7).
"""

from __future__ import annotations

from secrets import token_bytes

from twoway.errors import FormatCannotHold, KeystoreTooCostly
from twoway.keystores import asn1, kinds, private_keys
from twoway.keystores.arrangement import arranged
from twoway.keystores.derivation import Budget
from twoway.keystores.encryption import sealed, shape
from twoway.keystores.model import Format, IdentityEntry, Keystore, TrustedEntry
from twoway.keystores.passwords import Password
from twoway.x509.certificates import Certificate

SIGNED_DATA = "1.2.840.113549.1.7.2"
DATA = "1.2.840.113549.1.7.1"
# OpenSSL's own default has been 2048 since 2000; this is Java's number, times ten.
ITERATIONS = 100_000

# Mozilla's root programme has 150; the smallest certificates have 250 bytes.
MAX_CERTIFICATES = 50_000
# What files are filled up with behind their end.
PADDING = b"\0\r\n\t "


def recognises(data: bytes) -> bool:
    """Whether the bytes begin as all DER files of keys and certificates do: with a SEQUENCE."""
    return data[:1] == b"\x30"


def load(data: bytes, password: Password) -> Keystore:
    """Read a DER file.

    Raises:
        FormatUnknown: it is DER of something else, such as a request or a CRL.
        PasswordMissing, WrongPassword: its key is encrypted.
        AlgorithmUnsupported, KeystoreTooCostly, KeystoreDamaged, KeystoreTruncated: as their names say.
    """
    with asn1.speaking_of("DER"):
        outer, end = asn1.element(data)
        kind = private_keys.kind_of(outer.raw)
        if kind is not None:
            _nothing_more(data, end)
            key = private_keys.as_pkcs8(outer.raw, kind, password, Budget())
            return Keystore(arranged([key], ())[0], Format.DER)
        certificates = pkcs7_certificates(outer) if is_pkcs7(outer.raw) else _certificates(data)
    entries, findings = arranged((), certificates)
    return Keystore(entries, Format.DER, findings)


def dump(keystore: Keystore, password: Password) -> bytes:
    """Write one private key as PKCS#8 (encrypted where a password is given), or certificates.

    A single certificate is written as itself, several as a PKCS#7 chain.

    Raises:
        FormatCannotHold: a DER file has no place for keys and certificates together.
    """
    match keystore.entries:
        case (IdentityEntry(key_der=key, certificates=()),):
            return encrypted_key(key, password) if password.given else key
        case (TrustedEntry(certificate=certificate),):
            return certificate.der
        case entries if entries and len(keystore.trusted) == len(entries):
            return pkcs7_chain([entry.certificate for entry in keystore.trusted])
    raise FormatCannotHold(
        "one DER file",
        f"these {len(keystore.entries)} entries",
        "write the key and the certificates as two files, or choose PEM or PKCS#12",
    )


def encrypted_key(key_der: bytes, password: Password, iterations: int = ITERATIONS) -> bytes:
    """Return an EncryptedPrivateKeyInfo: PBES2, AES-256-CBC, PBKDF2-HMAC-SHA-256."""
    algorithm, content = sealed(
        key_der, password, iterations=iterations, salt=token_bytes(16), iv=token_bytes(16), budget=Budget()
    )
    return asn1.sequence(algorithm, asn1.octet_string_der(content))


def is_pkcs7(der: bytes) -> bool:
    """Whether the bytes have the shape of a PKCS#7 ContentInfo."""
    return shape(der) == (asn1.OBJECT_IDENTIFIER, asn1.CONTEXT_0)


def pkcs7_certificates(outer: asn1.Element) -> tuple[Certificate, ...]:
    """Return the certificates of a PKCS#7 signed-data, which need not sign anything.

    Raises:
        FormatUnknown: it is PKCS#7 of another kind, or holds no certificates.
    """
    identifier, wrapped = asn1.fields(outer, 2)[:2]
    if asn1.oid(identifier) != SIGNED_DATA:
        raise kinds.unknown(kinds.MESSAGE)
    parts = asn1.children(asn1.only(wrapped, asn1.CONTEXT_0))
    found = [part for part in parts if part.tag == asn1.CONTEXT_0]
    certificates = asn1.children(found[0], asn1.CONTEXT_0) if found else []
    if not certificates:
        raise kinds.unknown(kinds.MESSAGE)
    return tuple(Certificate(each.raw) for each in certificates if each.tag == asn1.SEQUENCE)


def pkcs7_chain(certificates: list[Certificate]) -> bytes:
    """Return a PKCS#7 signed-data that carries certificates and signs nothing.

    They are a set, so that DER has them sorted by their bytes; readers put the chain in order themselves.
    """
    inside = asn1.encoded(asn1.CONTEXT_0, b"".join(sorted(certificate.der for certificate in certificates)))
    nothing = asn1.set_of(())
    signed = asn1.sequence(asn1.integer_der(1), nothing, asn1.sequence(asn1.oid_der(DATA)), inside, nothing)
    return asn1.sequence(asn1.oid_der(SIGNED_DATA), asn1.encoded(asn1.CONTEXT_0, signed))


def _certificates(data: bytes) -> tuple[Certificate, ...]:
    """Read certificates that stand one after the other."""
    found: list[Certificate] = []
    at = 0
    while at < len(data):
        if found and data[at] != asn1.SEQUENCE and not data[at:].strip(PADDING):
            break
        outer, at = asn1.element(data, at)
        what = kinds.kind_of_der(outer.raw)
        if what is not None:
            raise kinds.unknown(what)
        found.append(Certificate(outer.raw))
        if len(found) > MAX_CERTIFICATES:
            raise KeystoreTooCostly("the number of certificates", len(found), MAX_CERTIFICATES)
    return tuple(found)


def _nothing_more(data: bytes, end: int) -> None:
    if data[end:].strip(PADDING):
        raise asn1.damaged(f"{len(data) - end} bytes follow the end")
