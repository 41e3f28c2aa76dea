"""Whether a chain verifies, and if not, where it breaks. Pure: the anchors and the time come in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from twoway.diagnosis import contents
from twoway.errors import CertificateUnreadable, ChainBroken
from twoway.findings import Finding, Severity, Who
from twoway.keystores.captions import names_of
from twoway.keystores.model import IdentityEntry, Keystore, LockedEntry
from twoway.x509 import chains
from twoway.x509.certificates import Certificate
from twoway.x509.hosts import is_for_host
from twoway.x509.purposes import Purpose, extended_usage_permits

# Found both by the path and by the look at each certificate: the path says it as the error that it is.
_SAID_BY_PATH = {
    "certificate-ended": "certificate-expired",
    "certificate-begins-later": "certificate-not-yet-valid",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """One leaf, what came with it, and what the path came to.

    Args:
        leaf: what was verified.
        purpose: which side of TLS it was verified for.
        path: from the leaf to the anchor; empty where there is none.
        findings: why there is none, and what else is worth knowing.
    """

    leaf: Certificate
    purpose: Purpose
    path: tuple[Certificate, ...]
    findings: tuple[Finding, ...]


def subjects(keystore: Keystore) -> tuple[tuple[Certificate, ...], ...]:
    """Return what there is to verify: each identity's chain, or, where there is none, each leaf and all the others.

    A certificate that another one of the file names as its issuer is no leaf, unless there are no others.
    """
    keyed = [
        entry.certificates
        for entry in keystore.entries
        if isinstance(entry, IdentityEntry | LockedEntry) and entry.certificates
    ]
    trusted = tuple(entry.certificate for entry in keystore.trusted)
    if keyed:
        return tuple((*chain, *trusted) for chain in keyed)
    named = {one: names_of(one) for one in trusted}
    issuers = {names[0] for names in named.values() if names and names[0] != names[1]}
    leaves = [one for one, names in named.items() if names is None or names[1] not in issuers]
    return tuple((leaf, *(one for one in named if one != leaf)) for leaf in leaves or trusted[:1])


def tried(
    chain: Sequence[Certificate],
    anchors: Sequence[Certificate],
    *,
    at: datetime,
    purpose: Purpose | None = None,
    host: str | None = None,
) -> Trial:
    """Verify a leaf against the anchors.

    Args:
        chain: the leaf, then whatever came with it.
        anchors: what is trusted; nothing else is.
        at: now, or the time that is asked about, aware.
        purpose: which side of TLS; None: server where a host is given or the certificate allows nothing else, else
            client.
        host: the name that a client would ask for.
    """
    leaf = chain[0]
    try:
        side = purpose or _likely_purpose(leaf, host)
        try:
            path = chains.path(leaf, _related(chain), anchors, at=at, purpose=side)
            why: list[Finding] = []
        except ChainBroken as error:
            path, why = (), [error.finding()]
        why += list(about_host(leaf, host))
    except CertificateUnreadable as error:
        return Trial(leaf, purpose or Purpose.CLIENT, (), (error.finding(),))
    return Trial(leaf, side, path, (*why, *_worth_knowing(path or _related_chain(chain), why, at)))


def _likely_purpose(leaf: Certificate, host: str | None) -> Purpose:
    if host is not None or not extended_usage_permits(leaf, Purpose.CLIENT):
        return Purpose.SERVER
    return Purpose.CLIENT


def _related(chain: Sequence[Certificate]) -> Sequence[Certificate]:
    """The issuers that a path could use: a file may hold hundreds of certificates that have nothing to do with it."""
    found = _related_chain(chain)[1:]
    others = [one for one in dict.fromkeys(chain[1:]) if one not in found and one != chain[0]]
    return [*found, *others] if len(found) + len(others) < 10 else found


def _related_chain(chain: Sequence[Certificate]) -> tuple[Certificate, ...]:
    return chains.in_order(chain[0], chain[1:]).certificates


def about_host(leaf: Certificate, host: str | None) -> Iterator[Finding]:
    """Yield what a client finds that calls this host and is shown this certificate."""
    if host is not None and not is_for_host(leaf, host):
        yield _host_not_named(leaf, host)


def _worth_knowing(path: Sequence[Certificate], why: Sequence[Finding], at: datetime) -> Iterator[Finding]:
    said = {found.code for found in why}
    for certificate in path:
        for found in contents.about_certificate(certificate, at=at):
            if _SAID_BY_PATH.get(found.code) not in said:
                yield found


def _host_not_named(leaf: Certificate, host: str) -> Finding:
    named = ", ".join(leaf.san) or "no host at all"
    return Finding(
        code="host-not-named",
        severity=Severity.ERROR,
        title=f"the certificate of {leaf.subject} is for {named}, not for {host}",
        cause="clients compare the host of the URL with the alternative names, and with nothing else",
        remedy=f"have it issued for DNS:{host} too, or call the server by a name that it has",
        who=Who.EITHER,
        facts={"subject": leaf.subject, "sha256": leaf.sha256, "host": host, "san": list(leaf.san)},
    )
