"""PEM files: keys and certificates in any order, with any text around them.

Source: RFC 7468; RFC 1421's headers as OpenSSL encrypts keys with them.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass, field

from twoway.errors import FormatCannotHold, FormatUnread, KeystoreDamaged, KeystoreTruncated
from twoway.keystores import asn1, der, kinds, pkcs12, private_keys
from twoway.keystores.arrangement import arranged
from twoway.keystores.derivation import Budget
from twoway.keystores.model import Format, IdentityEntry, Keystore, TrustedEntry
from twoway.keystores.passwords import Password
from twoway.x509.certificates import Certificate
from twoway.x509.pem import Block, blocks, encode

BEGIN = b"-----BEGIN "
CERTIFICATES = {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"}
CHAINS = {"PKCS7", "CMS", "PKCS #7 SIGNED DATA"}
# Editors on Windows put one before the first character; PowerShell's > writes UTF-16.
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UTF16_BEGIN = {
    "utf-16-le": BEGIN.decode().encode("utf-16-le"),
    "utf-16-be": BEGIN.decode().encode("utf-16-be"),
}
# Also where all line ends were lost, so that the body begins right behind the initialisation vector.
DEK_INFO = re.compile(rb"DEK-Info:[ \t]*([A-Za-z0-9-]{1,40}),[ \t]*([0-9A-Fa-f]{0,100})")
# Headers of RFC 1421 that need no understanding, and what goes on in the line below.
HEADERS = re.compile(rb"^[A-Za-z][A-Za-z0-9-]*:.*(\r?\n[ \t]+.*)*$", re.MULTILINE)
MAX_HEADERS = 100
WHITE_SPACE = b" \t\r\n\v\f"
BEGUN = re.compile(rb"-----BEGIN ([^-\r\n]{1,60})")
# Each is tried with a password of its own derivation: many would be an attack on this machine.
MAX_KEYS = 1000


def recognises(data: bytes) -> bool:
    """Whether there is a PEM block anywhere in the bytes, whatever stands before it."""
    return BEGIN in readable(data)


def readable(data: bytes) -> bytes:
    """Return the text in single bytes, also where it was saved as UTF-16."""
    if data[:2] in UTF16_MARKS:
        return data.decode("utf-16", "replace").encode("utf-8", "replace")
    for encoding, begin in UTF16_BEGIN.items():
        if data.find(begin) % 2 == 0:
            return data.decode(encoding, "replace").encode("utf-8", "replace")
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
            self.certificates += self._certificates(block)
        elif block.label in CHAINS:
            self.certificates += der.pkcs7_certificates(first(decoded(block)))
        elif block.label == kinds.OPENSSH:
            raise kinds.openssh_key()
        elif block.label.endswith("PRIVATE KEY"):
            self._add(self._key(block))
        else:
            self.others.append(block.label)

    def _certificates(self, block: Block) -> tuple[Certificate, ...]:
        """Read a block that says it is a certificate: Windows' certutil -encode calls every file one."""
        found = decoded(block)
        if pkcs12.recognises(found):
            raise FormatUnread(
                "PKCS#12 in a PEM block", "take it out: openssl base64 -d, without the first and last line"
            )
        # OpenSSL's TRUSTED CERTIFICATE has its trust settings behind the certificate.
        outer = first(found)
        if der.is_pkcs7(outer.raw):
            return der.pkcs7_certificates(outer)
        return (Certificate(asn1.expect(outer, asn1.SEQUENCE).raw),)

    def _key(self, block: Block) -> bytes:
        header = DEK_INFO.search(block.body)
        plain = decoded(block) if header is None else self._opened(block.body, header)
        plain = first(plain).raw
        kind = private_keys.kind_of(plain)
        if kind is None:
            raise asn1.damaged(f"a {block.label} block that holds no private key")
        return private_keys.as_pkcs8(plain, kind, self.password, self.budget)

    def _opened(self, body: bytes, header: re.Match[bytes]) -> bytes:
        """Open a key that OpenSSL's own headers say how to."""
        name, digits = header[1].decode("ascii"), header[2]
        cipher = private_keys.PEM_CIPHERS.get(name.upper())
        if cipher is not None:
            digits = digits[: 2 * cipher.block]
        encrypted = from_base64(body[header.start(2) + len(digits) :])
        return private_keys.opened_traditional(encrypted, f"{name},{digits.decode()}", self.password)

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
        raise kinds.unknown_pem(contents.others)
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
    found = from_base64(HEADERS.sub(b"", block.body, MAX_HEADERS))
    if not found:
        raise KeystoreDamaged("PEM", f"an empty {block.label} block")
    return found


def first(data: bytes) -> asn1.Element:
    """Read the element that a block begins with: what follows it there was passed over by OpenSSL, too."""
    return asn1.element(data)[0]


def from_base64(text: bytes) -> bytes:
    """Decode base64 in lines of any length, whose ends may be spelled as in JSON; anything else is damage."""
    bare = text.replace(b"\\n", b"").replace(b"\\r", b"").translate(None, WHITE_SPACE)
    try:
        return binascii.a2b_base64(bare, strict_mode=True)
    except ValueError as error:
        raise KeystoreDamaged("PEM", f"a block is not base64: {str(error)[:80]}") from error


def refuse_cut_off(text: bytes, found: list[Block]) -> None:
    """Refuse a text with a block of keys or certificates that has no end.

    Raises:
        KeystoreTruncated: it is the last block.
        KeystoreDamaged: it is another one.
    """
    begun = [label.decode("ascii", "replace").strip() for label in BEGUN.findall(text)]
    wanted = [label for label in begun if matters(label)]
    ended = [block for block in found if matters(block.label)]
    if len(wanted) == len(ended):
        return
    last = text.rfind(BEGIN)
    if b"-----END " not in text[last:]:
        raise KeystoreTruncated("PEM", f"the block {begun[-1][:40]} has no end")
    raise KeystoreDamaged("PEM", f"{len(wanted)} blocks begin, {len(ended)} of them end under the same label")


def matters(label: str) -> bool:
    """Whether a block of that label holds a key or certificates."""
    return label in CERTIFICATES or label in CHAINS or label.endswith("PRIVATE KEY")
