"""Keystores: one model, one codec a format, the format found from the bytes. Pure: bytes in, entries out.

A new format is one file with ``recognises``, ``load`` and ``dump``, and one line each in the two functions here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType

from twoway.errors import FormatCannotHold, KeystoreTooCostly, KeystoreTruncated
from twoway.keystores import bouncycastle, der, jks, kinds, pem, pkcs12
from twoway.keystores.jks_writing import EPOCH, aliases_lowered
from twoway.keystores.model import (
    Entry,
    Format,
    IdentityEntry,
    Keystore,
    LockedEntry,
    SecretEntry,
    TrustedEntry,
)
from twoway.keystores.passwords import Password, as_password, password_advice

__all__ = [
    "PROFILES",
    "Entry",
    "Format",
    "IdentityEntry",
    "Keystore",
    "LockedEntry",
    "SecretEntry",
    "TrustedEntry",
    "aliases_lowered",
    "dump",
    "load",
    "password_advice",
]

# PEM, DER and PKCS#12: 5,000 entries with their chains have 10 MB, as issuers stand there once.
MAX_SIZE = 10 * 1024 * 1024
PROFILES = pkcs12.PROFILES
WRITTEN = (Format.PEM, Format.DER, Format.PKCS12, Format.JKS, Format.JCEKS)
KeyPasswords = Mapping[str, bytes | str]
NO_KEY_PASSWORDS: KeyPasswords = MappingProxyType({})


def load(
    data: bytes, password: bytes | str | None = None, key_passwords: KeyPasswords = NO_KEY_PASSWORDS
) -> Keystore:
    """Read a keystore, a key or certificates in any format that is known.

    Args:
        data: the whole file, at most 10 MB; JKS and JCEKS, which repeat each issuer, at most 48 MB.
        password: of the store, and of its keys where ``key_passwords`` says nothing else. None: there is none,
            which opens what an empty password opens; JKS and JCEKS show their certificates to anybody.
        key_passwords: by alias, for keys whose password is not the store's.

    Returns:
        The entries, the format that the bytes were in, and what is odd about them.

    Raises:
        FormatUnknown, FormatUnread: nothing here reads the bytes.
        WrongPassword, PasswordMissing: the password does not open it, or is needed.
        KeystoreDamaged, KeystoreTruncated: the bytes break their format's rules, or end too early.
        AlgorithmUnsupported: it is encrypted in a way that is not known.
        KeystoreTooCostly: its size, or what it asks for, passes a bound.
        KeyMismatch: a PEM file's certificates are another key's.
    """
    limit = jks.MAX_SIZE if jks.recognises(data) else MAX_SIZE
    if len(data) > limit:
        raise KeystoreTooCostly("the size of the data in bytes", len(data), limit)
    if not data.strip():
        raise KeystoreTruncated("keystore", "there is nothing in it")
    secret = as_password(password)
    if jks.recognises(data):
        return jks.load(data, secret, _by_alias(key_passwords))
    if pkcs12.recognises(data):
        return pkcs12.load(data, secret, _by_alias(key_passwords))
    if bouncycastle.recognised(data):
        return bouncycastle.load(data, secret, _by_alias(key_passwords))
    if der.recognises(data):
        return der.load(data, secret)
    if pem.recognises(data):
        return pem.load(data, secret)
    raise kinds.unknown_data(data)


def dump(
    keystore: Keystore,
    format: Format | str,  # noqa: A002  # the word of every command
    password: bytes | str | None = None,
    profile: str = "modern",
    *,
    key_passwords: KeyPasswords = NO_KEY_PASSWORDS,
    at: datetime = EPOCH,
) -> bytes:
    """Write a keystore in a format.

    Args:
        keystore: what to write; its own format does not matter.
        format: ``pem``, ``der``, ``pkcs12``, ``jks`` or ``jceks``. The last two have aliases in lower case:
            ``aliases_lowered`` says which that changes.
        password: protects the keys. None: PEM and DER keys are written in clear; the others must have one.
        profile: for PKCS#12 ``modern`` (AES-256, SHA-256), ``compat`` (triple DES, SHA-1, for old Windows, macOS
            and AEM), ``java-trust`` (modern, and nothing but certificates that Java sees as trusted) or ``pbmac1``
            (modern, with the MAC of RFC 9579, which OpenSSL knows from 3.4 on and older programs do not).
        key_passwords: by alias, for keys of JKS and JCEKS whose password is not the store's.
        at: the creation date in JKS and JCEKS of entries that have none; 1970 where it is not given.

    Raises:
        FormatCannotHold: the format has no place for one of the entries.
        PasswordMissing, PasswordUnusable: the format needs a password, or another one.
    """
    secret = as_password(password)
    if format in {Format.JKS, Format.JCEKS}:
        return jks.dump(keystore, Format(format), secret, _by_alias(key_passwords), at=at)
    if key_passwords:
        raise FormatCannotHold(
            f"the format {format}", "passwords of single keys", "choose jks or jceks, or one password for all"
        )
    match format:
        case Format.PEM:
            return pem.dump(keystore, secret)
        case Format.DER:
            return der.dump(keystore, secret)
        case Format.PKCS12:
            return pkcs12.dump(keystore, secret, profile)
    raise FormatCannotHold(f"the format {format}", "anything here", f"choose one of {', '.join(WRITTEN)}")


def _by_alias(key_passwords: KeyPasswords) -> dict[str, Password]:
    return {alias.lower(): as_password(given) for alias, given in key_passwords.items()}
