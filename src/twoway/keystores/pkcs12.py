"""PKCS#12: identities, trusted certificates and secret keys, as Java, OpenSSL, Windows and NSS write them.

Source: RFC 7292; what Java makes of a file: OpenJDK 17's ``PKCS12KeyStore``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from twoway.errors import AlgorithmUnsupported, KeystoreError, WrongPassword
from twoway.findings import Finding, Severity
from twoway.keystores import asn1
from twoway.keystores.arrangement import Naming, Pool
from twoway.keystores.captions import MAX_LISTED, listed
from twoway.keystores.der import PADDING
from twoway.keystores.encryption import is_private_key_info, opened_key
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
from twoway.keystores.pkcs12_bags import (
    CERTIFICATE_BAG,
    CRL_BAG,
    KEY_BAG,
    SECRET_BAG,
    SHROUDED_KEY_BAG,
    X509_CERTIFICATE,
    Bag,
    Opened,
    opened_file,
    refused,
)
from twoway.keystores.pkcs12_writing import PROFILES, SECRET_ALGORITHMS, dump
from twoway.keystores.private_keys import bare, public_half
from twoway.x509.certificates import Certificate

__all__ = ["PROFILES", "dump", "load", "recognises"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Java keeps the creation date of a key here, in milliseconds since 1970.
JAVA_TIME = b"Time "
SECRET_NAMES = {identifier: name for name, identifier in SECRET_ALGORITHMS.items()}


def recognises(data: bytes) -> bool:
    """Whether the bytes begin like a PFX: a SEQUENCE whose first element is the version, 3."""
    if data[:1] != b"\x30" or len(data) < 2:
        return False
    body = 2 + (data[1] & 0x7F if data[1] > asn1.INDEFINITE else 0)
    return data[body : body + 3] == b"\x02\x01\x03"


def load(data: bytes, password: Password, key_passwords: Mapping[str, Password]) -> Keystore:
    """Read a PKCS#12 file.

    Certificates that Java does not list (they carry no mark of Oracle's and belong to no key) are trusted entries
    here, with a finding.

    Args:
        data: the file.
        password: of the file and its keys.
        key_passwords: of single keys, by alias in lower case.

    Raises:
        WrongPassword, PasswordMissing: the password does not fit, or there is none.
        AlgorithmUnsupported: the MAC or the encryption is of an unknown kind.
        KeystoreDamaged, KeystoreTruncated, KeystoreTooCostly: as their names say.
    """
    with asn1.speaking_of("PKCS#12"):
        outer, end = asn1.element(data)
        found = opened_file(outer, password)
        reading = Reading(found, key_passwords)
        entries = tuple(reading.entries())
    findings = list(reading.findings)
    if not found.authenticated:
        findings.append(keystore_unauthenticated())
    if data[end:].strip(PADDING):
        findings.append(keystore_followed(len(data) - end))
    return Keystore(entries, Format.PKCS12, tuple(findings))


class Leaves:
    """The certificates of a file, and which of them belongs to a key."""

    def __init__(self, certificates: Sequence[tuple[Bag, Certificate]], *, only_key: bool) -> None:
        self._pool = Pool(certificate for _, certificate in certificates)
        self._only_key = only_key
        self._tied: dict[bytes, list[Certificate]] = {}
        for bag, certificate in certificates:
            if bag.key_id:
                self._tied.setdefault(bag.key_id, []).append(certificate)

    def chain(self, bag: Bag, key: bytes | None) -> tuple[Certificate, ...]:
        """Return a key's certificate and its issuers; nothing where the file has none for it."""
        leaf = self._leaf(bag, key)
        return () if leaf is None else self._pool.chain(leaf)

    def _leaf(self, bag: Bag, key: bytes | None) -> Certificate | None:
        """Find a key's certificate: by the local key id, else by the key itself, else by being the first."""
        tied = self._tied.get(bag.key_id or b"", [])
        if len(tied) == 1:
            return tied[0]
        public = None if key is None else public_half(key)
        leaf = None if public is None else (Pool(tied) if tied else self._pool).leaf(public)
        if leaf is None and (tied or self._only_key):
            leaf = next(iter(tied or self._pool.certificates), None)
        return leaf


@dataclass
class Reading:
    """What is known while the bags of one file become entries."""

    opened: Opened
    key_passwords: Mapping[str, Password]
    findings: list[Finding] = field(default_factory=list)
    naming: Naming = field(default_factory=Naming)
    nameless: int = 0

    def entries(self) -> list[Entry]:
        """Make the entries: keys with their chains and secret keys in the file's order, then certificates."""
        bags = self.opened.bags
        certificates = [(bag, certificate) for bag in bags if (certificate := certificate_of(bag))]
        keys = sum(bag.kind in {KEY_BAG, SHROUDED_KEY_BAG} for bag in bags)
        leaves = Leaves(certificates, only_key=keys == 1)
        entries: list[Entry] = []
        for bag in bags:
            if bag.kind == SECRET_BAG:
                entries.append(self._secret(bag))
            elif bag.kind in {KEY_BAG, SHROUDED_KEY_BAG}:
                entries.append(self._identity(bag, leaves))
        trusted = self._trusted(certificates, entries)
        self._notice_others()
        return [*entries, *trusted]

    def _notice_others(self) -> None:
        """Say what the file has besides that is neither key nor X.509 certificate."""
        known = {KEY_BAG, SHROUDED_KEY_BAG, SECRET_BAG}
        others = [bag.kind for bag in self.opened.bags if bag.kind not in known and not certificate_of(bag)]
        if others:
            self.findings.append(bags_passed_over(others))

    def _identity(self, bag: Bag, leaves: Leaves) -> Entry:
        alias = self._alias(bag)
        key = self._key(bag, alias)
        if isinstance(key, KeystoreError):
            return LockedEntry(alias, key, leaves.chain(bag, None), created_of(bag))
        return IdentityEntry(alias, key, leaves.chain(bag, key), created_of(bag))

    def _key(self, bag: Bag, alias: str) -> bytes | KeystoreError:
        """Open a key; where the rest of the file is proven, one that stays shut is its own affair."""
        if bag.kind == KEY_BAG:
            if not is_private_key_info(bag.value.raw):
                raise asn1.damaged(f"the key {alias!r} is no PKCS#8")
            return bare(bag.value.raw)
        key = self._unsealed(bag.value, alias)
        return key if isinstance(key, KeystoreError) else bare(key)

    def _unsealed(self, value: asn1.Element, alias: str) -> bytes | KeystoreError:
        what = f"the key {alias!r}"
        password = self.key_passwords.get(alias.lower(), self.opened.password)
        try:
            return opened_key(value, password, self.opened.budget, what)
        except WrongPassword:
            error = refused(password, what)
        except AlgorithmUnsupported as unsupported:
            return unsupported
        if not self.opened.authenticated:
            raise error
        return error

    def _secret(self, bag: Bag) -> Entry:
        """Read a secret key as Java writes it: a PKCS#8 whose algorithm and octets are the secret's."""
        alias = self._alias(bag)
        identifier, wrapped = asn1.fields(bag.value, 2)[:2]
        value = asn1.only(wrapped, asn1.CONTEXT_0)
        kind = asn1.oid(identifier)
        if kind != SHROUDED_KEY_BAG:
            return LockedEntry(
                alias, AlgorithmUnsupported(f"the secret {alias!r}", kind), (), created_of(bag)
            )
        sealed = asn1.inner(asn1.octet_string(value)) if value.tag != asn1.SEQUENCE else value
        plain = self._unsealed(sealed, alias)
        if isinstance(plain, KeystoreError):
            return LockedEntry(alias, plain, (), created_of(bag))
        _, algorithm, octets = asn1.fields(asn1.inner(plain), 3)[:3]
        name = asn1.oid(asn1.fields(algorithm, 1)[0])
        return SecretEntry(alias, SECRET_NAMES.get(name, name), asn1.octet_string(octets), created_of(bag))

    def _trusted(
        self, certificates: Sequence[tuple[Bag, Certificate]], entries: Sequence[Entry]
    ) -> list[Entry]:
        """List the certificates that stand for themselves."""
        held = {
            certificate
            for entry in entries
            if isinstance(entry, IdentityEntry | LockedEntry)
            for certificate in entry.certificates
        }
        trusted: list[TrustedEntry] = []
        unmarked: list[TrustedEntry] = []
        for bag, certificate in certificates:
            if bag.java_trusted:
                trusted.append(TrustedEntry(self._alias(bag), certificate))
                held.add(certificate)
        for bag, certificate in certificates:
            if not bag.java_trusted and certificate not in held:
                unmarked.append(TrustedEntry(self._alias(bag), certificate))
                held.add(certificate)
        if unmarked:
            self.findings.append(certificates_not_java_trusted(unmarked))
        return [*trusted, *unmarked]

    def _alias(self, bag: Bag) -> str:
        """Return the friendly name; Java numbers those that have none."""
        if bag.name is None:
            self.nameless += 1
        return self.naming.alias(bag.name or str(self.nameless))


def certificate_of(bag: Bag) -> Certificate | None:
    """Return the X.509 certificate of a bag; None for bags and certificates of other kinds."""
    if bag.kind != CERTIFICATE_BAG:
        return None
    kind, wrapped = asn1.fields(bag.value, 2)[:2]
    if asn1.oid(kind) != X509_CERTIFICATE:
        return None
    return Certificate(asn1.octet_string(asn1.only(wrapped, asn1.CONTEXT_0)))


def created_of(bag: Bag) -> datetime | None:
    """Return the date that Java hides in the local key id."""
    if bag.key_id is None or not bag.key_id.startswith(JAVA_TIME):
        return None
    try:
        return EPOCH + timedelta(milliseconds=int(bag.key_id.removeprefix(JAVA_TIME)[:20]))
    except (ValueError, OverflowError):
        return None


def certificates_not_java_trusted(entries: Sequence[TrustedEntry]) -> Finding:
    """Make the finding about certificates that other programs see and Java does not."""
    return Finding(
        code="certificates-not-java-trusted",
        severity=Severity.WARNING,
        title=f"Java does not see these certificates in the PKCS#12 file: {listed([one.alias for one in entries])}",
        cause="they belong to no key and lack the attribute by which Java knows a trusted certificate",
        remedy="write the file again with twoway convert, which adds the attribute",
        facts={"count": len(entries), "sha256": [one.certificate.sha256 for one in entries[:MAX_LISTED]]},
    )


def bags_passed_over(kinds: Sequence[str]) -> Finding:
    """Make the finding about what lies in the file and is no entry."""
    names = {CRL_BAG: "a revocation list", CERTIFICATE_BAG: "a certificate that is not X.509"}
    counted = Counter(names.get(kind, f"a bag of type {kind}") for kind in kinds)
    named = listed([f"{name} ({count})" for name, count in counted.items()])
    return Finding(
        code="bags-passed-over",
        severity=Severity.INFO,
        title=f"the PKCS#12 file also holds what is no entry and is passed over: {named}",
        cause="keystores are of keys and X.509 certificates; a file that is written anew lacks the rest",
        remedy="keep the file if something else needs what it holds",
        facts={"count": len(kinds), "kinds": list(dict.fromkeys(kinds))[:MAX_LISTED]},
    )


def keystore_unauthenticated() -> Finding:
    """Make the finding about a file without a MAC."""
    return Finding(
        code="keystore-unauthenticated",
        severity=Severity.WARNING,
        title="the PKCS#12 file has no MAC: nothing shows whether it was changed",
        cause="it was written without one, and NSS, Node.js and curl refuse such files",
        remedy="write the file again with twoway convert",
    )


def keystore_followed(count: int) -> Finding:
    """Make the finding about bytes after the end."""
    return Finding(
        code="keystore-followed",
        severity=Severity.WARNING,
        title=f"{count} bytes follow the end of the PKCS#12 file and are passed over",
        cause="two files were joined, or the file was written over a longer one",
        remedy="write the file again with twoway convert",
        facts={"count": count},
    )
