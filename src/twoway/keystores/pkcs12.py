"""PKCS#12 through ``cryptography``: one identity or trusted certificates a file.

Source: RFC 7292.
"""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PrivateFormat,
    pkcs12,
)

from twoway.errors import FormatCannotHold, KeystoreDamaged, PasswordMissing, WrongPassword
from twoway.keystores import asn1
from twoway.keystores.arrangement import Naming, suggested_alias
from twoway.keystores.model import Entry, Format, IdentityEntry, Keystore, TrustedEntry
from twoway.keystores.passwords import Password
from twoway.x509.certificates import Certificate
from twoway.x509.keys import load_private_key, private_der

PROFILES = ("modern", "compat", "java-trust")
ROUNDS = {"modern": 100_000, "compat": 50_000}


def recognises(data: bytes) -> bool:
    """Whether the bytes begin like a PFX: a SEQUENCE whose first element is the version, 3."""
    if data[:1] != b"\x30" or len(data) < 2:
        return False
    body = 2 + (data[1] & 0x7F if data[1] > 0x80 else 0)
    return data[body : body + 3] == b"\x02\x01\x03"


def load(data: bytes, password: Password, key_passwords: Mapping[str, Password]) -> Keystore:  # noqa: ARG001  # soon
    """Read a PKCS#12 file."""
    with asn1.speaking_of("PKCS#12"):
        asn1.element(data)
    try:
        store = pkcs12.load_pkcs12(data, password.octets if password.given else None)
    except ValueError as error:
        if "password" not in str(error).lower():
            raise KeystoreDamaged("PKCS#12", "cryptography cannot read it") from error
        raise (WrongPassword if password.given else PasswordMissing)("the PKCS#12 keystore") from error
    naming = Naming()
    entries: list[Entry] = []
    others = list(store.additional_certs)
    if store.key is not None:
        leaf = [store.cert] if store.cert else []
        chain = tuple(Certificate(one.certificate.public_bytes(Encoding.DER)) for one in (*leaf, *others))
        alias = store.cert.friendly_name if store.cert else None
        entries.append(IdentityEntry(naming.alias((alias or b"1").decode()), private_der(store.key), chain))  # type: ignore[arg-type]  # wider than ours
        others = []
    for one in others:
        certificate = Certificate(one.certificate.public_bytes(Encoding.DER))
        name = one.friendly_name.decode() if one.friendly_name else suggested_alias(certificate)
        entries.append(TrustedEntry(naming.alias(name), certificate))
    return Keystore(tuple(entries), Format.PKCS12)


def dump(keystore: Keystore, password: Password, profile: str = "modern") -> bytes:
    """Write a PKCS#12 file."""
    if not password.given:
        raise PasswordMissing("a PKCS#12 keystore")
    if profile == "compat":
        builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(ROUNDS["compat"])
        protection = builder.key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC).hmac_hash(
            hashes.SHA1()
        )
    else:
        builder = PrivateFormat.PKCS12.encryption_builder().kdf_rounds(ROUNDS["modern"])
        protection = builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).hmac_hash(
            hashes.SHA256()
        )
    built = protection.build(password.octets)
    trusted = [
        pkcs12.PKCS12Certificate(entry.certificate.parsed, entry.alias.encode()) for entry in keystore.trusted
    ]
    if len(trusted) == len(keystore.entries):
        return pkcs12.serialize_java_truststore(trusted, built)
    match keystore.entries:
        case (IdentityEntry() as entry,) if profile != "java-trust":
            key = load_private_key(entry.key_der)
            leaf, *rest = [certificate.parsed for certificate in entry.certificates] or [None]
            return pkcs12.serialize_key_and_certificates(entry.alias.encode(), key, leaf, rest, built)  # type: ignore[arg-type]
    raise FormatCannotHold(
        "PKCS#12", "more than one identity, or one beside trusted certificates", "write one file each"
    )
