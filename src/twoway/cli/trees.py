"""Chains as a person reads them: the leaf, its issuers below it, and times in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from twoway.cli.output import printable

if TYPE_CHECKING:
    from twoway.keystores.model import Entry, Keystore
    from twoway.x509.certificates import Certificate

# More entries than this are shown with a line each.
DETAILED = 5
DAY = timedelta(days=1)
# Days up to which an end is told in days, and in months.
IN_DAYS, IN_MONTHS = 120, 730
NOUNS = {
    "identity": ("identity", "identities"),
    "trusted": ("trusted certificate", "trusted certificates"),
    "secret": ("secret key", "secret keys"),
}


def ending(not_after: datetime, at: datetime) -> str:
    """Return when a certificate ends, as a person says it: ``ends in 23 days, on 2026-12-15``."""
    day = not_after.astimezone(UTC).date().isoformat()
    left = not_after - at
    if abs(left) < DAY:
        clock = not_after.astimezone(UTC).strftime("%H:%M")
        return f"{'ends' if left >= timedelta(0) else 'ended'} on {day} at {clock} UTC"
    return f"ends in {span(left)}, on {day}" if left > timedelta(0) else f"ended {span(-left)} ago, on {day}"


def span(length: timedelta) -> str:
    """Return a length of time in days, months or years."""
    if length.days <= IN_DAYS:
        return counted(length.days, "day", "days")
    if length.days <= IN_MONTHS:
        return counted(round(length.days * 12 / 365), "month", "months")
    return counted(length.days // 365, "year", "years")


def counted(count: int, one: str, many: str) -> str:
    """Return a number with its noun."""
    return f"{count} {one if count == 1 else many}"


def contents_in_words(keystore: Keystore) -> str:
    """Return what a keystore holds: ``1 identity and 2 trusted certificates``."""
    from twoway.diagnosis.contents import kind_of

    kinds = [kind_of(entry, keystore.format) for entry in keystore.entries]
    parts = [counted(kinds.count(kind), *nouns) for kind, nouns in NOUNS.items() if kind in kinds]
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts) or "nothing"


def entry_lines(entry: Entry, keystore: Keystore, at: datetime, *, detailed: bool) -> Iterator[str]:
    """Yield the lines about one entry."""
    from twoway.diagnosis.contents import certificates_of, key_of, kind_of
    from twoway.keystores.model import LockedEntry, TrustedEntry

    certificates = certificates_of(entry)
    if isinstance(entry, TrustedEntry) and not detailed:
        yield f"  {printable(entry.alias)}: {brief(entry.certificate, at)}"
        return
    words = [kind_of(entry, keystore.format)]
    key = key_of(entry)
    if words[0] == "secret" and key is not None:
        words.append(f"{key.algorithm}, {key.bits} bits")
    elif words[0] == "identity" and key is not None:
        words.append(f"key {key}")
    if isinstance(entry, LockedEntry):
        words.append("locked")
    if entry.created is not None:
        words.append(f"made on {entry.created.astimezone(UTC).date().isoformat()}")
    yield ""
    yield f"  {printable(entry.alias)}: {', '.join(printable(word) for word in words)}"
    yield from chain_lines(certificates, at)


def chain_lines(certificates: Sequence[Certificate], at: datetime) -> Iterator[str]:
    """Yield the tree of a chain: all about the leaf, and what matters of each issuer, one step further in."""
    for depth, certificate in enumerate(certificates):
        indent = "    " + "  " * depth
        yield from certificate_lines(certificate, at, indent, leaf=depth == 0)


def certificate_lines(certificate: Certificate, at: datetime, indent: str, *, leaf: bool) -> Iterator[str]:
    """Yield the lines about one certificate; what cannot be read is left out and said to be unreadable."""
    from twoway.diagnosis.contents import sight

    seen = sight(certificate)
    mark = "" if leaf else "└ "
    inner = indent + "  "
    yield f"{indent}{mark}{seen.subject or '(no subject)'}{', unreadable in part' if seen.problem else ''}"
    facts = seen.facts
    if facts["issuer"] == facts["subject"] and facts["issuer"] is not None:
        yield f"{inner}issuer    itself"
    elif facts["issuer"] is not None:
        yield f"{inner}issuer    {facts['issuer']}"
    if leaf and facts["san"]:
        yield f"{inner}names     {', '.join(facts['san'])}"
    if uses := [*facts["extended_key_usage"], *facts["key_usage"]]:
        yield f"{inner}for       {', '.join(uses)}"
    if key := key_words(certificate):
        yield f"{inner}key       {key}"
    if facts["not_after"] is not None and facts["not_before"] is not None:
        later = "" if certificate.not_before <= at else f", begins on {facts['not_before'][:10]}"
        yield f"{inner}validity  {ending(certificate.not_after, at)}{later}"
    if leaf and facts["serial"] is not None:
        yield f"{inner}serial    {facts['serial']}"
    yield f"{inner}sha256    {certificate.sha256}"


def key_words(certificate: Certificate) -> str | None:
    """Return a key's kind and size, None where it cannot be read."""
    from twoway.errors import CertificateUnreadable

    try:
        key = certificate.key
    except CertificateUnreadable:
        return None
    return f"{key.algorithm}, {key.bits} bits" if key.bits else key.algorithm


def brief(certificate: Certificate, at: datetime) -> str:
    """Return a certificate in one line: who, until when, which."""
    from twoway.diagnosis.contents import sight

    seen = sight(certificate)
    parts = [seen.subject or "(no subject)"]
    if seen.facts["not_after"] is not None:
        parts.append(ending(certificate.not_after, at))
    return "; ".join([*parts, f"sha256 {certificate.sha256[:16]}..."])
