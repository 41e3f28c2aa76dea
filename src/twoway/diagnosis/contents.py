"""What a keystore's entries are, as data, and what is worth knowing about them. Pure: the time comes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from twoway.errors import CertificateUnreadable, KeyMismatch, MaterialError, PasswordMissing, WrongPassword
from twoway.findings import Finding, Severity, Who
from twoway.keystores.model import (
    Entry,
    Format,
    IdentityEntry,
    Keystore,
    LockedEntry,
    SecretEntry,
    TrustedEntry,
)
from twoway.keystores.private_keys import public_half
from twoway.x509.certificates import Certificate, iso
from twoway.x509.chains import WEAK_DIGESTS
from twoway.x509.keys import KeyFacts, key_facts, load_own_key

SOON_DAYS = 30
# Names that files have, and what their bytes then should be. PEM and DER share theirs.
SUFFIXES = {
    "jks": (Format.JKS,),
    "jceks": (Format.JCEKS,),
    "p12": (Format.PKCS12,),
    "pfx": (Format.PKCS12,),
    "pem": (Format.PEM,),
    "der": (Format.DER,),
}
TITLES = {
    Format.PEM: "PEM",
    Format.DER: "DER",
    Format.PKCS12: "PKCS#12",
    Format.JKS: "JKS",
    Format.JCEKS: "JCEKS",
    Format.BKS: "BKS",
    Format.UBER: "UBER",
}
# The least that is not broken. Source: CA/Browser Forum Baseline Requirements, 6.1.5
_LEAST_BITS = {"rsa": 2048, "rsa-pss": 2048, "dsa": 2048}


@dataclass(frozen=True, slots=True)
class Sight:
    """One certificate, as far as it can be read: what cannot is None.

    Args:
        certificate: the bytes.
        facts: what every output says of it, ready for JSON.
        problem: why some of it could not be read.
    """

    certificate: Certificate
    facts: dict[str, Any]
    problem: CertificateUnreadable | None

    @property
    def subject(self) -> str:
        """Its subject, or its fingerprint where it has none that can be read."""
        return self.facts["subject"] or f"(unreadable) {self.certificate.sha256}"


def sight(certificate: Certificate) -> Sight:
    """Read as much of a certificate as can be read; never raises."""
    problem: CertificateUnreadable | None = None
    reading: dict[str, Callable[[], Any]] = {
        "subject": lambda: certificate.subject,
        "issuer": lambda: certificate.issuer,
        "serial": lambda: certificate.serial_hex,
        "not_before": lambda: iso(certificate.not_before),
        "not_after": lambda: iso(certificate.not_after),
        "san": lambda: list(certificate.san),
        "key_usage": lambda: list(certificate.key_usage),
        "extended_key_usage": lambda: list(certificate.extended_key_usage),
    }
    facts: dict[str, Any] = {"sha256": certificate.sha256}
    for name, read in reading.items():
        try:
            facts[name] = read()
        except CertificateUnreadable as error:
            problem = problem or error
            facts[name] = [] if name in {"san", "key_usage", "extended_key_usage"} else None
    return Sight(certificate, facts, problem)


def certificates_of(entry: Entry) -> tuple[Certificate, ...]:
    """Return the certificates of any entry, leaf first."""
    match entry:
        case TrustedEntry():
            return (entry.certificate,)
        case IdentityEntry() | LockedEntry():
            return entry.certificates
    return ()


def kind_of(entry: Entry, format: Format) -> str:  # noqa: A002  # the word of every command
    """Return ``identity``, ``trusted`` or ``secret``; a locked entry is what it most likely holds."""
    match entry:
        case IdentityEntry():
            return "identity"
        case TrustedEntry():
            return "trusted"
        case LockedEntry() if entry.certificates or format in {Format.PEM, Format.DER}:
            return "identity"
    return "secret"


def key_of(entry: Entry) -> KeyFacts | None:
    """Return what kind of key an entry is about; None where that cannot be read."""
    if isinstance(entry, SecretEntry):
        return KeyFacts(entry.algorithm, len(entry.key) * 8)
    try:
        if certificates := certificates_of(entry):
            return certificates[0].key
    except CertificateUnreadable:
        pass
    try:
        return (
            key_facts(load_own_key(entry.key_der).public_key()) if isinstance(entry, IdentityEntry) else None
        )
    except MaterialError:
        return None


def entry_json(entry: Entry, format: Format) -> dict[str, Any]:  # noqa: A002  # as above
    """Return an entry as ``twoway inspect --json`` shows it; never a key."""
    key = key_of(entry)
    return {
        "alias": entry.alias,
        "kind": kind_of(entry, format),
        "key": {"algorithm": key.algorithm if key else None, "bits": key.bits if key else None},
        "created": None if entry.created is None else iso(entry.created),
        "certificates": [sight(one).facts for one in certificates_of(entry)],
    }


def findings(keystore: Keystore, *, at: datetime) -> tuple[Finding, ...]:
    """Return what is worth knowing about the entries, beside what the codec found odd.

    Nothing is an error here but a key whose certificate is another's: whether the rest matters, its use decides.

    Args:
        keystore: as it was read.
        at: now, aware.
    """
    found = list(keystore.findings)
    for entry in keystore.entries:
        found += _about_entry(entry, at)
    distinct: list[Finding] = []
    for one in found:
        # The keystore itself names, once and together, the certificates that cannot be read.
        if one not in distinct and one.code != CertificateUnreadable.code:
            distinct.append(one)
    return tuple(distinct)


def mismatches(keystore: Keystore) -> tuple[Finding, ...]:
    """Return the identities whose key is not that of their certificate."""
    return tuple(found for entry in keystore.identities for found in _mismatch(entry))


def locked(keystore: Keystore) -> tuple[Finding, ...]:
    """Return the entries whose key did not open."""
    return tuple(_locked(entry) for entry in keystore.locked)


def chain_findings(chain: Sequence[Certificate], *, at: datetime) -> Iterator[Finding]:
    """Yield what is worth knowing about a chain as it stands: its dates, strength, order and gaps."""
    for certificate in chain:
        yield from about_certificate(certificate, at=at)
    try:
        if any(not lower.signed_by(upper) for lower, upper in pairwise(chain)):
            yield _chain_disordered(chain)
        elif chain and not chain[-1].self_signed:
            yield _chain_ends_early(chain)
    except CertificateUnreadable:
        return  # which is a finding already


def about_certificate(certificate: Certificate, *, at: datetime) -> Iterator[Finding]:
    """Yield what is worth knowing about one certificate: that it cannot be read, its dates and its strength."""
    seen = sight(certificate)
    if seen.problem is not None:
        yield replace(seen.problem.finding(), severity=Severity.WARNING)
    if seen.facts["not_after"] is None or seen.facts["not_before"] is None:
        return
    if at > certificate.not_after:
        yield _ended(certificate)
    elif at > certificate.not_after - timedelta(days=SOON_DAYS):
        yield _ends_soon(certificate, (certificate.not_after - at).days)
    if at < certificate.not_before:
        yield _begins_later(certificate)
    key = certificate.key
    if 0 < key.bits < _LEAST_BITS.get(key.algorithm, 0):
        yield _weak(certificate, f"its key has only {key.bits} bits")
    if certificate.signature_digest in WEAK_DIGESTS and certificate.issuer != certificate.subject:
        yield _weak(certificate, f"it is signed with {certificate.signature_digest}")


def misnamed(name: str, found: Format) -> Finding | None:
    """Return the finding about a file whose name says another format than its bytes; None where they agree."""
    promised = SUFFIXES.get(name.rpartition(".")[2].lower(), ())
    if not promised or found in promised:
        return None
    return Finding(
        code="file-name-misleading",
        severity=Severity.WARNING,
        title=f"{name} is {TITLES[found]}, whatever its name says",
        cause="keytool of Java 9 and later writes PKCS#12 unless it is told -storetype JKS; others go by habit",
        remedy=f"rename it, or make what the name says: twoway convert {name} --to {promised[0]}",
        facts={"file": name, "format": str(found)},
    )


def _about_entry(entry: Entry, at: datetime) -> Iterator[Finding]:
    match entry:
        case IdentityEntry():
            yield from _mismatch(entry)
            yield from chain_findings(entry.certificates, at=at)
        case TrustedEntry():
            yield from about_certificate(entry.certificate, at=at)
        case LockedEntry():
            yield _locked(entry)
            yield from chain_findings(entry.certificates, at=at)


def _mismatch(entry: IdentityEntry) -> Iterator[Finding]:
    if not entry.certificates:
        return
    leaf = entry.certificates[0]
    public = public_half(entry.key_der)
    try:
        if public is not None and public != leaf.spki_sha256:
            found = KeyMismatch(sight(leaf).subject).finding()
            yield replace(found, facts={**found.facts, "alias": entry.alias})
    except CertificateUnreadable:
        return  # which is a finding already


def _locked(entry: LockedEntry) -> Finding:
    remedy = (
        "give its own password (--key-password-file, --key-password-env)"
        if isinstance(entry.why, WrongPassword)
        else entry.why.hint
    )
    return Finding(
        code="entry-locked",
        severity=Severity.INFO if isinstance(entry.why, PasswordMissing) else Severity.WARNING,
        title=f"the entry {entry.alias} stays locked: {entry.why}",
        cause="a key can have another password than the file that it is in, or be encrypted in a way of its own",
        remedy=remedy,
        facts={"alias": entry.alias, "why": entry.why.code},
    )


def _facts(certificate: Certificate, **more: object) -> dict[str, object]:
    return {"subject": certificate.subject, "sha256": certificate.sha256, **more}


def _ended(certificate: Certificate) -> Finding:
    return Finding(
        code="certificate-ended",
        severity=Severity.WARNING,
        title=f"the certificate of {certificate.subject} ended at {iso(certificate.not_after)}",
        cause="nobody renewed it in time, or this is an old copy",
        remedy="get the current certificate, or have it renewed",
        who=Who.EITHER,
        facts=_facts(certificate, not_after=iso(certificate.not_after)),
    )


def _ends_soon(certificate: Certificate, days: int) -> Finding:
    return Finding(
        code="certificate-ends-soon",
        severity=Severity.WARNING,
        title=f"the certificate of {certificate.subject} ends in {days} days, at {iso(certificate.not_after)}",
        cause="its validity is nearly over",
        remedy="have it renewed now, and give the new one to the other side before the old one ends",
        who=Who.EITHER,
        facts=_facts(certificate, not_after=iso(certificate.not_after), days=days),
    )


def _begins_later(certificate: Certificate) -> Finding:
    return Finding(
        code="certificate-begins-later",
        severity=Severity.WARNING,
        title=f"the certificate of {certificate.subject} begins at {iso(certificate.not_before)}",
        cause="it was made ahead of time, or the clock here is behind",
        remedy="set the clock right, or wait",
        who=Who.EITHER,
        facts=_facts(certificate, not_before=iso(certificate.not_before)),
    )


def _weak(certificate: Certificate, problem: str) -> Finding:
    return Finding(
        code="certificate-strength-low",
        severity=Severity.WARNING,
        title=f"the certificate of {certificate.subject} is weak: {problem}",
        cause="current TLS libraries refuse such certificates, because they can be forged",
        remedy="have it issued again with a key of at least RSA 2048 or EC P-256, and signed with SHA-256",
        who=Who.EITHER,
        facts=_facts(certificate, problem=problem),
    )


def _chain_disordered(chain: Sequence[Certificate]) -> Finding:
    return Finding(
        code="chain-out-of-order",
        severity=Severity.WARNING,
        title=f"the chain of {chain[0].subject} is not in order: each certificate must be signed by the next",
        cause="the certificates were put together in another order, or one in between is missing",
        remedy="put the leaf first, then its issuer, then that one's; twoway convert orders the chain of a PEM file",
        who=Who.EITHER,
        facts=_facts(chain[0], chain=[one.subject for one in chain]),
    )


def _chain_ends_early(chain: Sequence[Certificate]) -> Finding:
    return Finding(
        code="chain-ends-early",
        severity=Severity.INFO,
        title=f"the chain of {chain[0].subject} ends before its root: {chain[-1].issuer} is not in it",
        cause="roots are often left out, as the other side has them; a missing intermediate breaks the chain there",
        remedy=f"nothing if {chain[-1].issuer} is a root that the other side has; else add its certificate",
        who=Who.EITHER,
        facts=_facts(chain[0], issuer=chain[-1].issuer),
    )
