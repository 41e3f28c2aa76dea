"""PEM files: keys and certificates in any order, with any text around them.

Source: RFC 7468; RFC 1421's headers as OpenSSL encrypts keys with them.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field

from twoway.errors import (
    AlgorithmUnsupported,
    FormatCannotHold,
    FormatUnknown,
    KeystoreDamaged,
    KeystoreTruncated,
)
from twoway.keystores import asn1, der, private_keys
from twoway.keystores.arrangement import arranged
from twoway.keystores.derivation import Budget
from twoway.keystores.model import Format, IdentityEntry, Keystore, TrustedEntry
from twoway.keystores.passwords import Password
from twoway.x509.certificates import Certificate
from twoway.x509.pem import Block, blocks, encode

BEGIN = b"-----BEGIN "
CERTIFICATES = {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"}
CHAINS = {"PKCS7", "CMS"}
KEYS = {private_keys.PKCS8, private_keys.PKCS1, private_keys.SEC1, private_keys.TRADITIONAL_DSA}
# Editors on Windows put one before the first character; PowerShell's > writes UTF-16.
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
DEK_INFO = re.compile(rb"^DEK-Info:[ \t]*([^\r\n]{1,100})", re.MULTILINE)
# Each is tried with a password of its own derivation: many would be an attack on this machine.
MAX_KEYS = 1000


def recognises(data: bytes) -> bool:
    """Whether there is a PEM block anywhere in the bytes, whatever stands before it."""
    return BEGIN in readable(data)


def readable(data: bytes) -> bytes:
    """Return the text in single bytes, also where it was saved as UTF-16."""
    if data[:2] in UTF16_MARKS:
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    return data


@dataclass
class Contents:
    """What the blocks of one file hold, in the file's order."""

    password: Password
    budget: Budget = field(default_factory=Budget)
    keys: list[bytes] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    def take(self, block: Block) -> None:
        """Read one block; labels that hold neither keys nor certificates are only remembered."""
        if block.label in CERTIFICATES:
            # OpenSSL's TRUSTED CERTIFICATE has its trust settings behind the certificate.
            self.certificates.append(Certificate(asn1.element(decoded(block))[0].raw))
        elif block.label in CHAINS:
            self.certificates += der.pkcs7_certificates(asn1.inner(decoded(block)))
        elif block.label == private_keys.ENCRYPTED_PKCS8:
            self._add(private_keys.opened(decoded(block), self.password, self.budget))
        elif block.label in KEYS:
            self._add(self._key(block))
        elif block.label.endswith("PRIVATE KEY"):
            raise AlgorithmUnsupported("the private key", f"the encoding {block.label}")
        else:
            self.others.append(block.label)

    def _key(self, block: Block) -> bytes:
        headers = DEK_INFO.search(block.body)
        if headers is None:
            plain = decoded(block)
        else:
            body = block.body[headers.end() :]
            encrypted = from_base64(body)
            plain = private_keys.opened_traditional(encrypted, headers[1].decode("latin-1"), self.password)
        kind = private_keys.kind_of(plain)
        if kind is None:
            # A cut-off body, or bytes that are no key, under a key's label.
            asn1.inner(plain)
            raise asn1.damaged(f"a {block.label} block that holds no private key")
        return private_keys.as_pkcs8(plain, kind, self.password, self.budget)

    def _add(self, key: bytes) -> None:
        if len(self.keys) == MAX_KEYS:
            raise asn1.damaged(f"more than {MAX_KEYS} private keys")
        if key not in self.keys:
            self.keys.append(key)


def load(data: bytes, password: Password) -> Keystore:
    """Read a PEM file.

    The certificate of each key is found by the key and its issuers are put in order behind it; certificates that
    belong to no key become trusted entries.

    Raises:
        FormatUnknown: there are blocks, none of them of keys or certificates.
        PasswordMissing, WrongPassword: a key is encrypted.
        KeyMismatch: the certificates are other keys'.
        AlgorithmUnsupported, KeystoreTooCostly, KeystoreDamaged, KeystoreTruncated: as their names say.
    """
    text = readable(data)
    contents = Contents(password)
    with asn1.speaking_of("PEM"):
        found = list(blocks(text))
        refuse_cut_off(text, found)
        for block in found:
            contents.take(block)
    if not contents.keys and not contents.certificates:
        raise FormatUnknown(f"PEM of {', '.join(sorted(set(contents.others))[:5]) or 'nothing'}")
    entries, findings = arranged(contents.keys, contents.certificates)
    return Keystore(entries, Format.PEM, findings)


def dump(keystore: Keystore, password: Password) -> bytes:
    """Write keys, each followed by its chain, then trusted certificates.

    Keys are PKCS#8, encrypted where a password is given (PBES2, AES-256-CBC).

    Raises:
        FormatCannotHold: there is a secret key, or one that did not open.
    """
    parts: list[bytes] = []
    for entry in keystore.entries:
        match entry:
            case IdentityEntry():
                parts.append(_key_block(entry.key_der, password))
                parts += [certificate.pem for certificate in entry.certificates]
            case TrustedEntry():
                parts.append(entry.certificate.pem)
            case _:
                raise FormatCannotHold(
                    "PEM", f"the entry {entry.alias!r}", "leave the entry out, or choose PKCS#12"
                )
    return b"".join(parts)


def _key_block(key_der: bytes, password: Password) -> bytes:
    if not password.given:
        return encode(private_keys.PKCS8, key_der)
    return encode(private_keys.ENCRYPTED_PKCS8, der.encrypted_key(key_der, password))


def decoded(block: Block) -> bytes:
    """Return the DER of a block, which must be base64 and whole."""
    found = from_base64(block.body)
    if not found:
        raise KeystoreDamaged("PEM", f"an empty {block.label} block")
    return found


def from_base64(text: bytes) -> bytes:
    """Decode base64 in lines of any length; anything else in it is damage."""
    try:
        return binascii.a2b_base64(b"".join(text.split()), strict_mode=True)
    except ValueError as error:
        raise KeystoreDamaged("PEM", f"a block is not base64: {str(error)[:80]}") from error


def refuse_cut_off(text: bytes, found: list[Block]) -> None:
    """Refuse a text whose last block has no end, and one in which markers do not match.

    Raises:
        KeystoreTruncated: the last block has no end.
        KeystoreDamaged: a block before it has none.
    """
    begun = text.count(BEGIN)
    if begun == len(found):
        return
    last = text.rfind(BEGIN)
    if b"-----END " not in text[last:]:
        label = text[last + len(BEGIN) :].split(b"-----")[0][:40].decode("ascii", "replace")
        raise KeystoreTruncated("PEM", f"the block {label} has no end")
    raise KeystoreDamaged("PEM", f"{begun} blocks begin, {len(found)} of them end under the same label")
