"""JKS and JCEKS: Java's own keystores, as every JDK since 1.2 writes them.

Rules of this file:
- A length is held against the bytes that are there before anything of it is taken; nothing is read twice.
- The structure is read first, then its digest is checked, then keys are opened: so a wrong password, damage and a
  cut-off file are told apart.

Source: OpenJDK 17, ``sun.security.provider.JavaKeyStore`` and ``com.sun.crypto.provider.JceKeyStore``.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from struct import Struct
from struct import error as StructError  # noqa: N812  # the module's own name is that of nothing

from twoway.errors import (
    AlgorithmUnsupported,
    KeystoreDamaged,
    KeystoreError,
    KeystoreTooCostly,
    KeystoreTruncated,
    PasswordMissing,
    WrongPassword,
)
from twoway.findings import Finding, Severity
from twoway.keystores import asn1
from twoway.keystores.captions import listed
from twoway.keystores.derivation import Budget
from twoway.keystores.java_protection import recovered
from twoway.keystores.java_text import from_modified_utf8
from twoway.keystores.jks_writing import (
    DIGEST_SIZE,
    MAGIC_JCEKS,
    MAGIC_JKS,
    PRIVATE_KEY,
    SECRET_KEY,
    TRUSTED_CERTIFICATE,
    X509_TYPE,
    digest_of,
    dump,
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
from twoway.keystores.sealed_secrets import SealedSecret, opened_secret, sealed_secret
from twoway.x509.certificates import Certificate
from twoway.x509.names import printable

__all__ = ["dump", "load", "recognises"]

# 5,000 identities of RSA-4096 with chains of three have 33 MB: each repeats its issuers.
MAX_SIZE = 48 * 1024 * 1024
MAX_ENTRIES = 50_000
# What a file of few bytes each would make of memory; 5,000 identities have 15,000 to 25,000.
MAX_CERTIFICATES = 200_000
# TLS stacks stop at 10 to 100.
MAX_CHAIN = 100
# No certificate and no key comes near; a length above it was never one.
MAX_LENGTH = 16 * 1024 * 1024
# Keys that are tried where the digest does not fit, to tell a wrong password from damage.
MAX_TRIED = 3

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HEAD = Struct(">4sII")
# kind of entry, bytes of the alias
ENTRY = Struct(">IH")
# milliseconds since 1970, then the length or the type's length of what follows
CREATED = Struct(">q")
U16 = Struct(">H")
U32 = Struct(">I")


def recognises(data: bytes) -> bool:
    """Whether the bytes begin with one of the two magic numbers."""
    return data.startswith((MAGIC_JKS, MAGIC_JCEKS))


def load(data: bytes, password: Password, key_passwords: Mapping[str, Password]) -> Keystore:
    """Read a JKS or JCEKS keystore.

    As in Java, certificates are there for everybody: without a password all entries are listed, keys locked, and
    nothing shows whether the store was changed, which is a finding.

    Args:
        data: the file.
        password: of the store and its keys.
        key_passwords: of single keys, by alias in lower case.

    Raises:
        WrongPassword: the digest does not fit; the structure is sound.
        PasswordMissing, AlgorithmUnsupported: there is nothing but secret keys, and none can be opened.
        KeystoreDamaged: the bytes break the format's rules, or the password is right and the digest is not.
        KeystoreTruncated, KeystoreTooCostly: as their names say.
    """
    format = Format.JKS if data.startswith(MAGIC_JKS) else Format.JCEKS  # noqa: A001  # the errors' own word
    name = format.upper()
    with asn1.speaking_of(name):
        try:
            structure = _Structure(data)
        except StructError as cut:
            raise KeystoreTruncated(name, f"it ends within a field, after {len(data)} bytes") from cut
        opening = _Opening(name, password, key_passwords)
        authenticated = opening.authenticated(structure)
        structure.require_known_types()
        entries = opening.entries(structure)
    return Keystore(entries, format, tuple(_oddities(structure, entries, name, authenticated=authenticated)))


@dataclass(frozen=True, slots=True)
class _Raw:
    """An entry as it stands: protected key bytes, a sealed secret, or nothing but certificates."""

    alias: str
    created: datetime | None
    protected: bytes | SealedSecret | AlgorithmUnsupported | None
    certificates: tuple[Certificate, ...]


class _Structure:
    """The entries of the bytes, none opened, and the digest behind them."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.raws: list[_Raw] = []
        self.repeated: list[str] = []
        self._types: dict[str, str] = {}
        self._known: dict[bytes, Certificate] = {}
        self._certificates = 0
        magic, version, count = HEAD.unpack_from(data)
        if version not in {1, 2}:
            raise asn1.damaged(f"version {version}")
        if count > MAX_ENTRIES:
            raise KeystoreTooCostly("the number of entries", count, MAX_ENTRIES)
        self._typed = version == 2
        self._secrets = magic == MAGIC_JCEKS
        self._at = HEAD.size
        for _ in range(count):
            self._entry()
        self.end = self._at
        self.digest = self._taken(DIGEST_SIZE)
        self.followed = len(data) - self._at

    def require_known_types(self) -> None:
        """Refuse certificates that say that they are none of X.509."""
        for alias, kind in self._types.items():
            raise AlgorithmUnsupported(
                f"the entry {alias!r}", f"certificates of type {printable(kind[:40])!r}"
            )

    def _entry(self) -> None:
        kind, size = ENTRY.unpack_from(self.data, self._at)
        self._at += ENTRY.size
        alias = from_modified_utf8(self._taken(size))
        (milliseconds,) = CREATED.unpack_from(self.data, self._at)
        self._at += CREATED.size
        protected: bytes | SealedSecret | AlgorithmUnsupported | None = None
        certificates: tuple[Certificate, ...] = ()
        if kind == TRUSTED_CERTIFICATE:
            certificates = (self._certificate(alias),)
        elif kind == PRIVATE_KEY:
            protected = self._taken(self._number())
            length = self._number()
            if length > MAX_CHAIN:
                raise KeystoreTooCostly(f"the length of the chain of {alias!r}", length, MAX_CHAIN)
            certificates = tuple([self._certificate(alias) for _ in range(length)])
        elif kind == SECRET_KEY and self._secrets:
            protected, self._at = sealed_secret(self.data, self._at, f"the secret {alias!r}")
        else:
            raise asn1.damaged(f"an entry of kind {kind} at byte {self._at}")
        self.raws.append(_Raw(alias, moment(milliseconds), protected, certificates))

    def _number(self) -> int:
        (number,) = U32.unpack_from(self.data, self._at)
        self._at += 4
        return int(number)

    def _taken(self, size: int) -> bytes:
        end = self._at + size
        taken = self.data[self._at : end]
        if len(taken) != size:
            if size > MAX_LENGTH:
                raise asn1.damaged(f"a length of {size} bytes")
            raise KeystoreTruncated("JKS", f"{end} bytes are announced, there are {len(self.data)}")
        self._at = end
        return taken

    def _certificate(self, alias: str) -> Certificate:
        if self._typed:
            if self.data.startswith(X509_TYPE, self._at):
                self._at += len(X509_TYPE)
            else:
                self._odd_type(alias)
        self._certificates += 1
        if self._certificates > MAX_CERTIFICATES:
            raise KeystoreTooCostly("the number of certificates", self._certificates, MAX_CERTIFICATES)
        der = self._taken(self._number())
        # Issuers stand in every entry again: one object for all, which is then parsed once.
        known = self._known.get(der)
        if known is None:
            known = self._known[der] = Certificate(der)
        return known

    def _odd_type(self, alias: str) -> None:
        (size,) = U16.unpack_from(self.data, self._at)
        self._at += 2
        kind = from_modified_utf8(self._taken(size))
        # Java compares algorithms' names without case, and knows X.509 by a second name.
        if kind.upper() not in {"X.509", "X509"}:
            self._types[alias] = kind


@dataclass
class _Opening:
    """What is known of passwords while one structure's keys are opened."""

    name: str
    password: Password
    key_passwords: Mapping[str, Password]
    budget: Budget = field(default_factory=Budget)

    def authenticated(self, structure: _Structure) -> bool:
        """Check the digest; False where there is no password to check it with.

        Raises:
            WrongPassword, KeystoreDamaged: it does not fit.
        """
        covered = memoryview(structure.data)[: structure.end]
        if hmac.compare_digest(digest_of(covered, self.password), structure.digest):
            return True
        if not self.password.given:
            return False
        if structure.followed:
            raise asn1.damaged(f"{structure.followed} bytes follow a digest that does not fit")
        for raw in structure.raws:
            for certificate in raw.certificates:
                # One that was changed in a length is no longer one element.
                asn1.expect(asn1.inner(certificate.der), asn1.SEQUENCE)
        keys = [
            raw for raw in structure.raws if raw.protected and raw.alias.lower() not in self.key_passwords
        ]
        for raw in keys[:MAX_TRIED]:
            if not isinstance(self._opened(raw), LockedEntry):
                raise asn1.damaged(
                    f"its digest does not fit, though the password opens {raw.alias!r}: it was changed"
                )
        raise WrongPassword(f"the {self.name} keystore, or it was changed after it was written")

    def entries(self, structure: _Structure) -> tuple[Entry, ...]:
        """Open all entries; of several with one alias the last counts, as in Java."""
        by_alias = {raw.alias: raw for raw in structure.raws}
        if len(by_alias) < len(structure.raws):
            last = {id(raw) for raw in by_alias.values()}
            structure.repeated = [raw.alias for raw in structure.raws if id(raw) not in last]
        entries = tuple([self._opened(raw) for raw in by_alias.values()])
        # A store in which there is nothing to see at all is not one that opened.
        first = entries[0] if entries else None
        if isinstance(first, LockedEntry) and not any(
            not isinstance(entry, LockedEntry) or entry.certificates for entry in entries
        ):
            raise first.why
        return entries

    def _opened(self, raw: _Raw) -> Entry:
        match raw.protected:
            case None:
                return TrustedEntry(raw.alias, raw.certificates[0], raw.created)
            case AlgorithmUnsupported():
                return LockedEntry(raw.alias, raw.protected, (), raw.created)
        password = self.key_passwords.get(raw.alias.lower(), self.password)
        try:
            if isinstance(raw.protected, SealedSecret):
                what = f"the secret {raw.alias!r}"
                algorithm, key = opened_secret(raw.protected, password, self.budget, what)
                return SecretEntry(raw.alias, algorithm, key, raw.created)
            what = f"the key {raw.alias!r}"
            key_der = bare(recovered(raw.protected, password, self.budget, what))
        except WrongPassword as wrong:
            why: KeystoreError = wrong if password.given else PasswordMissing(what)
        except (AlgorithmUnsupported, KeystoreDamaged) as error:
            why = error
        else:
            return IdentityEntry(raw.alias, key_der, raw.certificates, raw.created)
        return LockedEntry(raw.alias, why, raw.certificates, raw.created)


def moment(milliseconds: int) -> datetime | None:
    """Return Java's date; None for one that no calendar has."""
    try:
        return EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None


def _oddities(
    structure: _Structure, entries: tuple[Entry, ...], name: str, *, authenticated: bool
) -> list[Finding]:
    findings = []
    if not authenticated:
        findings.append(integrity_unchecked(name))
    if structure.followed:
        findings.append(keystore_followed(name, structure.followed))
    if structure.repeated:
        findings.append(aliases_repeated(structure.repeated))
    capital = [entry.alias for entry in entries if entry.alias != entry.alias.lower()]
    if capital:
        findings.append(aliases_not_found(capital))
    return findings


def integrity_unchecked(name: str) -> Finding:
    """Make the finding about a store that was read without its password."""
    return Finding(
        code="keystore-unauthenticated",
        severity=Severity.WARNING,
        title=f"the {name} keystore was read without its password: nothing shows whether it was changed",
        cause="its digest is made with the password; anybody can read its certificates without",
        remedy="give its password (--password-file, --password-env)",
    )


def keystore_followed(name: str, count: int) -> Finding:
    """Make the finding about bytes after the digest."""
    return Finding(
        code="keystore-followed",
        severity=Severity.WARNING,
        title=f"{count} bytes follow the end of the {name} keystore and are passed over",
        cause="two files were joined, or the file was written over a longer one",
        remedy="write the file again with twoway convert",
        facts={"count": count},
    )


def aliases_repeated(aliases: list[str]) -> Finding:
    """Make the finding about entries that others of the same alias hide."""
    named = listed([repr(alias) for alias in aliases])
    return Finding(
        code="aliases-repeated",
        severity=Severity.WARNING,
        title=f"several entries have one alias, and only the last of each is seen: {named}",
        cause="no Java writes such a file; Java, too, sees the last one only",
        remedy="ask whoever made the file for one with an alias for each entry",
        facts={"aliases": aliases[:10]},
    )


def aliases_not_found(aliases: list[str]) -> Finding:
    """Make the finding about entries that Java lists and yet does not find."""
    return Finding(
        code="aliases-not-lower-case",
        severity=Severity.WARNING,
        title=f"Java lists these entries but does not find them: {listed([repr(alias) for alias in aliases])}",
        cause="their aliases have capital letters, and Java looks for every alias in lower case",
        remedy="write the file again with twoway convert, which writes aliases in lower case",
        facts={"aliases": aliases[:10]},
    )
