"""What is wrong, or worth knowing, with a CA that a partner brings to be known by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from twoway.findings import Finding, Severity, Who
from twoway.x509.certificates import Certificate, iso
from twoway.x509.weaknesses import from_public_ca

# Days before its end at which a CA should have a successor: partners need longer for a CA than for a leaf.
SOON_DAYS = 90

# What a path is refused for anyway, said before anyone relies on it. Source: NIST SP 800-57 part 1, table 2.
_RSA_BITS_LEAST = 2048


def authority_weaknesses(authority: Certificate, *, at: datetime) -> tuple[Finding, ...]:
    """Return every weakness of a partner's CA, the errors first.

    Args:
        authority: the CA's certificate.
        at: now, aware.
    """
    order = list(Severity)
    return tuple(sorted(_weaknesses(authority, at), key=lambda found: order.index(found.severity)))


def _weaknesses(authority: Certificate, at: datetime) -> Iterator[Finding]:
    if at > authority.not_after:
        yield _expired(authority)
    elif at > authority.not_after - timedelta(days=SOON_DAYS):
        yield _expires_soon(authority, (authority.not_after - at).days)
    if authority.key.algorithm == "rsa" and authority.key.bits < _RSA_BITS_LEAST:
        yield _key_small(authority)
    if from_public_ca(authority):
        yield _public(authority)
    if not authority.self_signed:
        yield _not_a_root(authority)


def _expired(authority: Certificate) -> Finding:
    return Finding(
        code="partner-authority-expired",
        severity=Severity.ERROR,
        title=f"the CA {authority.subject} ended at {iso(authority.not_after)}",
        cause="no certificate that it issued is accepted after its end",
        remedy="ask the partner for its current CA",
        who=Who.PARTNER,
        facts=_facts(authority, not_after=iso(authority.not_after)),
    )


def _expires_soon(authority: Certificate, days: int) -> Finding:
    return Finding(
        code="partner-authority-expires-soon",
        severity=Severity.WARNING,
        title=f"the CA {authority.subject} ends in {days} days, at {iso(authority.not_after)}",
        cause="its validity is nearly over, and with it that of all it issued",
        remedy="ask the partner for its next CA now: both can be accepted at once",
        who=Who.PARTNER,
        facts=_facts(authority, not_after=iso(authority.not_after), days=days),
    )


def _key_small(authority: Certificate) -> Finding:
    return Finding(
        code="partner-authority-key-small",
        severity=Severity.ERROR,
        title=f"the RSA key of the CA {authority.subject} has only {authority.key.bits} bits",
        cause="whoever factors it can issue certificates in the partner's name, so its certificates are refused",
        remedy="ask the partner for a CA with an RSA 2048 or EC P-256 key, or pin its clients' certificates",
        who=Who.PARTNER,
        facts=_facts(authority, bits=authority.key.bits),
    )


def _public(authority: Certificate) -> Finding:
    return Finding(
        code="partner-authority-public",
        severity=Severity.WARNING,
        title=f"{authority.subject} is a public CA: everyone can have a certificate of it",
        cause="whoever controls a name of the rule passes, and public CAs end clientAuth by 15 March 2027",
        remedy="issue the partner a certificate of ours, or pin the one that it has",
        who=Who.EITHER,
        facts=_facts(authority),
    )


def _not_a_root(authority: Certificate) -> Finding:
    return Finding(
        code="partner-authority-intermediate",
        severity=Severity.INFO,
        title=f"{authority.subject} is an intermediate CA, issued by {authority.issuer}",
        cause="it is the anchor itself here: whether its own issuer revokes it is not asked",
        remedy="nothing, if this is the CA that is meant",
        who=Who.EITHER,
        facts=_facts(authority, issuer=authority.issuer),
    )


def _facts(authority: Certificate, **more: object) -> dict[str, object]:
    return {"subject": authority.subject, "sha256": authority.sha256, **more}
