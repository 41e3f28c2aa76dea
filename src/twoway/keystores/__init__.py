"""Keystores: one model, one codec a format, the format found from the bytes. Pure: bytes in, entries out.

A new format is one file with ``recognises``, ``load`` and ``dump``, and one line each in the two functions here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from twoway.errors import FormatCannotHold, FormatUnknown, FormatUnread, KeystoreTooCostly, KeystoreTruncated
from twoway.keystores import der, pem, pkcs12
from twoway.keystores.model import (
    Entry,
    Format,
    IdentityEntry,
    Keystore,
    LockedEntry,
    SecretEntry,
    TrustedEntry,
)
from twoway.keystores.passwords import as_password, password_advice

__all__ = [
    "PROFILES",
    "Entry",
    "Format",
    "IdentityEntry",
    "Keystore",
    "LockedEntry",
    "SecretEntry",
    "TrustedEntry",
    "dump",
    "load",
    "password_advice",
]

# 5,000 entries with their chains have 10 MB.
MAX_SIZE = 10 * 1024 * 1024
PROFILES = pkcs12.PROFILES
MAGIC_JKS = b"\xfe\xed\xfe\xed"
MAGIC_JCEKS = b"\xce\xce\xce\xce"
KeyPasswords = Mapping[str, bytes | str]
NO_KEY_PASSWORDS: KeyPasswords = MappingProxyType({})


def load(
    data: bytes, password: bytes | str | None = None, key_passwords: KeyPasswords = NO_KEY_PASSWORDS
) -> Keystore:
    """Read a keystore, a key or certificates in any format that is known.

    Args:
        data: the whole file, at most 10 MB.
        password: of the store, and of its keys where ``key_passwords`` says nothing else. None: there is none,
            which opens what an empty password opens.
        key_passwords: by alias, for keys whose password is not the store's.

    Returns:
        The entries and the format that the bytes were in.

    Raises:
        FormatUnknown, FormatUnread: nothing here reads the bytes.
        WrongPassword, PasswordMissing: the password does not open it, or is needed.
        KeystoreDamaged, KeystoreTruncated: the bytes break their format's rules, or end too early.
        AlgorithmUnsupported: it is encrypted in a way that is not known.
        KeystoreTooCostly: its size, or what it asks for, passes a bound.
        KeyMismatch: a PEM file's certificates are another key's.
    """
    if len(data) > MAX_SIZE:
        raise KeystoreTooCostly("the size of the data in bytes", len(data), MAX_SIZE)
    if not data.strip():
        raise KeystoreTruncated("keystore", "there is nothing in it")
    secret = as_password(password)
    if data.startswith((MAGIC_JKS, MAGIC_JCEKS)):
        raise FormatUnread(
            "a JKS or JCEKS keystore", "convert it with keytool -importkeystore -deststoretype PKCS12"
        )
    if pkcs12.recognises(data):
        opened = {alias.lower(): as_password(given) for alias, given in key_passwords.items()}
        return pkcs12.load(data, secret, opened)
    if der.recognises(data):
        return der.load(data, secret)
    if pem.recognises(data):
        return pem.load(data, secret)
    raise FormatUnknown(f"data of {len(data)} bytes that begins with {data[:4].hex(' ')}")


def dump(
    keystore: Keystore,
    format: Format | str,  # noqa: A002  # the word of every command
    password: bytes | str | None = None,
    profile: str = "modern",
) -> bytes:
    """Write a keystore in a format.

    Args:
        keystore: what to write; its own format does not matter.
        format: ``pem``, ``der`` or ``pkcs12``.
        password: protects the keys. None: PEM and DER keys are written in clear; PKCS#12 must have one.
        profile: for PKCS#12 ``modern`` (AES-256, SHA-256), ``compat`` (triple DES, SHA-1, for old Windows, macOS
            and AEM) or ``java-trust`` (modern, and nothing but certificates that Java sees as trusted).

    Raises:
        FormatCannotHold: the format has no place for one of the entries.
        PasswordMissing, PasswordUnusable: the format needs a password, or another one.
    """
    secret = as_password(password)
    match format:
        case Format.PEM:
            return pem.dump(keystore, secret)
        case Format.DER:
            return der.dump(keystore, secret)
        case Format.PKCS12:
            return pkcs12.dump(keystore, secret, profile)
    raise FormatCannotHold(f"the format {format}", "anything here", "choose pem, der or pkcs12")
