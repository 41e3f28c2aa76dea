"""BouncyCastle's keystores: BKS and UBER are read, BCFKS is recognised and the way out named.

What is written here instead is PKCS#12, which BouncyCastle reads.

Source: BouncyCastle 1.80, ``BcKeyStoreSpi`` and ``org.bouncycastle.asn1.bc.ObjectStore``.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha1
from struct import Struct

from twoway.errors import (
    AlgorithmUnsupported,
    FormatUnread,
    KeystoreDamaged,
    KeystoreError,
    KeystoreTooCostly,
    KeystoreTruncated,
    PasswordMissing,
    WrongPassword,
)
from twoway.keystores import asn1
from twoway.keystores.derivation import Budget
from twoway.keystores.encryption import TRIPLE_DES, deciphered, is_private_key_info
from twoway.keystores.java_text import from_modified_utf8
from twoway.keystores.jks import (
    MAX_CERTIFICATES,
    MAX_CHAIN,
    MAX_ENTRIES,
    MAX_TRIED,
    integrity_unchecked,
    keystore_followed,
    moment,
)
from twoway.keystores.model import (
    Entry,
    Format,
    IdentityEntry,
    Keystore,
    LockedEntry,
    SecretEntry,
    TrustedEntry,
)
from twoway.keystores.passwords import Password
from twoway.keystores.private_keys import bare
from twoway.keystores.sealed_secrets import named
from twoway.x509.certificates import Certificate

BKS = "BKS"
UBER = "UBER"
BCFKS = "BCFKS"

# version, bytes of the salt, salt, iteration count
HEAD = Struct(">II20sI")
SALT_SIZE = 20
DIGEST_SIZE = 20
# Version 1 asked for a MAC key of 20 bits where it meant bytes, and got two bytes.
MAC_KEY_SIZES = {1: 2, 2: 20}
MAX_ITERATIONS = 1 << 24
# Ours is in Python: 150 kB a second.
MAX_UBER_BYTES = 1024 * 1024

END, CERTIFICATE, KEY, SECRET, SEALED = range(5)
PRIVATE, PUBLIC, SYMMETRIC = range(3)
# What PKCS#12's derivation is asked for.
FOR_KEY, FOR_IV, FOR_MAC = 1, 2, 3

U16 = Struct(">H")
U32 = Struct(">I")
I64 = Struct(">q")


def recognised(data: bytes) -> str | None:
    """Return the name of the format that the bytes begin like; None for any other."""
    if data.startswith(b"\x30"):
        return BCFKS if _is_object_store(data) else None
    if len(data) <= HEAD.size:
        return None
    version, size, _, iterations = HEAD.unpack_from(data)
    if version not in MAC_KEY_SIZES or size != SALT_SIZE or not 0 < iterations < MAX_ITERATIONS:
        return None
    return BKS if _begins_entries(data) else UBER


def _begins_entries(data: bytes) -> bool:
    """Whether an entry that is not encrypted begins behind the head: kind, alias, date; or the end of entries."""
    at = HEAD.size
    if data[at] == END:
        return len(data) == at + 1 + DIGEST_SIZE
    if data[at] > SEALED:
        return False
    size = int.from_bytes(data[at + 1 : at + 3], "big")
    # Dates until the year 10,889 begin with two zero bytes, those of any encrypted text hardly do.
    return data[at + 3 + size : at + 5 + size] in {b"", b"\0", b"\0\0"}


def _is_object_store(data: bytes) -> bool:
    """Whether the bytes are two sequences: encrypted data (algorithm, bytes) and the check of their integrity."""
    try:
        store, check = asn1.children(asn1.element(data)[0])
        inner = [part.tag for part in asn1.children(store)]
        return inner == [asn1.SEQUENCE, asn1.OCTET_STRING] and check.tag == asn1.SEQUENCE
    except (KeystoreError, ValueError):
        return False


def load(data: bytes, password: Password, key_passwords: Mapping[str, Password]) -> Keystore:
    """Read a BKS or UBER keystore.

    Args:
        data: the file, one that is ``recognised``.
        password: of the store and its keys; BKS shows its certificates without.
        key_passwords: of single keys, by alias in lower case.

    Raises:
        FormatUnread: it is BCFKS.
        WrongPassword, PasswordMissing: the password does not fit, or UBER was given none.
        KeystoreDamaged, KeystoreTruncated, KeystoreTooCostly, AlgorithmUnsupported: as their names say.
    """
    name = recognised(data)
    if name not in {BKS, UBER}:
        raise FormatUnread(f"a {name} keystore of BouncyCastle", way_out(BCFKS))
    with asn1.speaking_of(name):
        version, _, salt, iterations = HEAD.unpack_from(data)
        opening = _Opening(name, password, key_passwords, salt, iterations)
        if name == UBER:
            covered = opening.uncovered(data[HEAD.size :])
            reading = _Reading(covered, 0)
            if not hmac.compare_digest(_digest(covered[: reading.end]), reading.digest):
                raise asn1.damaged("its digest does not fit, though the password does")
            authenticated = True
        else:
            reading = _Reading(data, HEAD.size)
            authenticated = opening.authenticated(reading, MAC_KEY_SIZES[version])
        entries = tuple(opening.opened(raw) for raw in reading.raws.values())
    findings = [] if authenticated else [integrity_unchecked(name)]
    if reading.followed:
        findings.append(keystore_followed(name, reading.followed))
    return Keystore(entries, Format.BKS if name == BKS else Format.UBER, tuple(findings))


def way_out(name: str) -> str:
    """Return the command that makes PKCS#12 of a keystore of that format."""
    return (
        f"convert it with keytool -importkeystore -srckeystore FILE -srcstoretype {name} -destkeystore FILE.p12 "
        "-deststoretype PKCS12 -providerpath bcprov.jar "
        "-providerclass org.bouncycastle.jce.provider.BouncyCastleProvider"
    )


@dataclass(frozen=True, slots=True)
class _Raw:
    """An entry as it stands."""

    alias: str
    created: datetime | None
    kind: int
    certificates: tuple[Certificate, ...]
    content: bytes = field(default=b"", repr=False)


class _Bytes:
    """Where in the bytes we are."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data = data
        self.at = at

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise KeystoreTruncated(BKS, f"{end} bytes are announced, there are {len(self.data)}")
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def octet(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        (number,) = U32.unpack(self.take(4))
        return int(number)

    def text(self) -> str:
        (size,) = U16.unpack(self.take(2))
        return from_modified_utf8(self.take(size))

    def counted(self) -> bytes:
        return self.take(self.number())


class _Reading(_Bytes):
    """The entries of the bytes, none opened, and the digest behind them."""

    def __init__(self, data: bytes, at: int) -> None:
        super().__init__(data, at)
        self.begin = at
        self.raws: dict[str, _Raw] = {}
        self.certificates = 0
        while (kind := self.octet()) != END:
            if len(self.raws) == MAX_ENTRIES:
                raise KeystoreTooCostly("the number of entries", MAX_ENTRIES + 1, MAX_ENTRIES)
            raw = self._entry(kind)
            self.raws[raw.alias] = raw
        self.end = self.at
        self.digest = self.take(DIGEST_SIZE)
        self.followed = len(data) - self.at

    def _entry(self, kind: int) -> _Raw:
        alias = self.text()
        (milliseconds,) = I64.unpack(self.take(8))
        created = moment(milliseconds)
        length = self.number()
        if length > MAX_CHAIN:
            raise KeystoreTooCostly(f"the length of the chain of {alias!r}", length, MAX_CHAIN)
        chain = tuple([self._certificate(alias) for _ in range(length)])
        if kind == CERTIFICATE:
            return _Raw(alias, created, kind, (self._certificate(alias),))
        if kind == KEY:
            begin = self.at
            _key(self)
            return _Raw(alias, created, kind, chain, self.data[begin : self.at])
        if kind in {SECRET, SEALED}:
            return _Raw(alias, created, kind, chain, self.counted())
        raise asn1.damaged(f"an entry of kind {kind}")

    def _certificate(self, alias: str) -> Certificate:
        kind = self.text()
        if kind.upper() not in {"X.509", "X509"}:
            raise AlgorithmUnsupported(f"the entry {alias!r}", f"certificates of type {named(kind)!r}")
        self.certificates += 1
        if self.certificates > MAX_CERTIFICATES:
            raise KeystoreTooCostly("the number of certificates", self.certificates, MAX_CERTIFICATES)
        return Certificate(self.counted())


def _key(found: _Bytes) -> tuple[int, str, str, bytes]:
    """Read a key that is not encrypted: its kind, its format, its algorithm and its bytes."""
    return found.octet(), found.text(), found.text(), found.counted()


@dataclass
class _Opening:
    """What is known of passwords while one store's keys are opened."""

    name: str
    password: Password
    key_passwords: Mapping[str, Password]
    salt: bytes
    iterations: int
    budget: Budget = field(default_factory=Budget)

    def uncovered(self, encrypted: bytes) -> bytes:
        """Decrypt all of an UBER store."""
        # Its tables take milliseconds to make, which no other store is to wait for.
        from twoway.keystores import twofish

        what = "the UBER keystore"
        if len(encrypted) > MAX_UBER_BYTES:
            raise KeystoreTooCostly("the size of what Twofish encrypts", len(encrypted), MAX_UBER_BYTES)
        if not self.password.given:
            raise PasswordMissing(what)
        if len(encrypted) % twofish.BLOCK:
            raise KeystoreTruncated(UBER, "it ends within a block of the cipher")
        key = self._derived(self.password, self.salt, self.iterations, FOR_KEY, twofish.KEY_SIZE)
        iv = self._derived(self.password, self.salt, self.iterations, FOR_IV, twofish.BLOCK)
        # Where the first block is no beginning of entries, the rest need not be decrypted.
        plain = twofish.decrypt_cbc(key, iv, encrypted[: twofish.BLOCK])
        if plain[0] > SEALED:
            raise WrongPassword(what)
        plain = twofish.decrypt_cbc(key, iv, encrypted)
        padding = plain[-1]
        if not 0 < padding <= twofish.BLOCK or plain[-padding:] != bytes((padding,)) * padding:
            # Right by chance once in fifty, or cut off: nothing tells the two apart.
            raise WrongPassword(what)
        return plain[:-padding]

    def authenticated(self, reading: _Reading, size: int) -> bool:
        """Check the MAC of a BKS store; False where there is no password to check it with, or an empty one."""
        if not self.password.octets:
            return False
        key = self._derived(self.password, self.salt, self.iterations, FOR_MAC, size)
        mac = hmac.digest(key, reading.data[reading.begin : reading.end], "sha1")
        if hmac.compare_digest(mac, reading.digest):
            return True
        if reading.followed:
            raise asn1.damaged(f"{reading.followed} bytes follow a MAC that does not fit")
        sealed = [one for one in reading.raws.values() if one.kind == SEALED]
        for raw in [one for one in sealed if one.alias.lower() not in self.key_passwords][:MAX_TRIED]:
            if not isinstance(self.opened(raw), LockedEntry):
                raise asn1.damaged(
                    f"its MAC does not fit, though the password opens {raw.alias!r}: it was changed"
                )
        raise WrongPassword("the BKS keystore, or it was changed after it was written")

    def opened(self, raw: _Raw) -> Entry:
        """Make an entry, locked where its key does not open or is of a kind that is not read."""
        if raw.kind == CERTIFICATE:
            return TrustedEntry(raw.alias, raw.certificates[0], raw.created)
        what = f"the key {raw.alias!r}"
        password = self.key_passwords.get(raw.alias.lower(), self.password)
        try:
            if raw.kind == SECRET:
                raise AlgorithmUnsupported(what, "bytes that another program protected")
            content = raw.content if raw.kind == KEY else self._unsealed(raw.content, password, what)
            return self._entry(raw, content, what)
        except WrongPassword as wrong:
            why: KeystoreError = wrong if password.given else PasswordMissing(what)
        except (AlgorithmUnsupported, KeystoreDamaged) as error:
            why = error
        return LockedEntry(raw.alias, why, raw.certificates, raw.created)

    def _entry(self, raw: _Raw, content: bytes, what: str) -> Entry:
        kind, encoding, algorithm, key = _key(_Bytes(content))
        if kind == PRIVATE and is_private_key_info(key):
            return IdentityEntry(raw.alias, bare(key), raw.certificates, raw.created)
        if kind == SYMMETRIC:
            return SecretEntry(raw.alias, algorithm, key, raw.created)
        sort = "a public key" if kind == PUBLIC else f"a key of kind {kind}"
        raise AlgorithmUnsupported(what, f"{sort} in the form {named(encoding)}")

    def _unsealed(self, content: bytes, password: Password, what: str) -> bytes:
        """Decrypt a key: PKCS#12's SHA-1 and triple DES, salt and iteration count before it."""
        sealed = _Bytes(content)
        try:
            salt, iterations = sealed.counted(), sealed.number()
        except KeystoreTruncated as cut:
            raise asn1.damaged(f"inside, {cut.detail}") from cut
        if not iterations:
            raise asn1.damaged("an iteration count of 0")
        key = self._derived(password, salt, iterations, FOR_KEY, TRIPLE_DES.key)
        iv = self._derived(password, salt, iterations, FOR_IV, TRIPLE_DES.block)
        plain = deciphered(TRIPLE_DES, key, iv, content[sealed.at :])
        if plain is None or not _is_key(plain):
            raise WrongPassword(what)
        return plain

    def _derived(self, password: Password, salt: bytes, iterations: int, purpose: int, size: int) -> bytes:
        # BouncyCastle takes nothing at all for an empty password, the two NULs follow any other.
        form = password.forms[0] if password.octets else b""
        return self.budget.pkcs12("sha1", form, salt, iterations, purpose, size)


def _is_key(plain: bytes) -> bool:
    """Whether decrypted bytes are a key and nothing else."""
    found = _Bytes(plain)
    try:
        kind, *_ = _key(found)
    except KeystoreError:
        return False
    return kind in {PRIVATE, PUBLIC, SYMMETRIC} and found.at == len(plain)


def _digest(covered: bytes) -> bytes:
    return sha1(covered, usedforsecurity=False).digest()
