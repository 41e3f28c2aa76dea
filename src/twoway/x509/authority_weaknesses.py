"""What is wrong, or worth knowing, with a CA that a partner brings to be known by, and with those that come with it.

An error leads to a refusal of all that it issued; a warning works today, or on most hosts; an info is worth knowing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from twoway.findings import Finding, Severity, Who, worst_first
from twoway.x509.certificates import Certificate, iso
from twoway.x509.chains import WEAK_DIGESTS, in_order
from twoway.x509.keys import RSA_BITS_LEAST, RSA_BITS_MOST
from twoway.x509.purposes import Purpose, extended_usage_permits
from twoway.x509.weaknesses import Dates, from_public_ca

# Days before its end at which a CA should have a successor: partners need longer for a CA than for a leaf.
SOON_DAYS = 90

# What BoringSSL, and so a strict handshake, verifies a CA's signature with. OpenSSL, and so a host that explains,
# has the others too. Source: experiment, Envoy 1.39; secp256k1, brainpoolP256r1 and Ed448 failed, P-224 did not
_USABLE_KEYS = {"rsa", "ec-p224", "ec-p256", "ec-p384", "ec-p521", "ed25519"}


def authority_weaknesses(
    authority: Certificate, chain: Sequence[Certificate] = (), *, at: datetime
) -> tuple[Finding, ...]:
    """Return every weakness of a partner's CA and of the CAs below it, the errors first.

    Not checked: whether they are CAs at all, and revocation.

    Args:
        authority: the CA's certificate, the trust anchor.
        chain: the CAs below it that came with it, in any order.
        at: now, aware.
    """
    found = [finding for certificate in (authority, *chain) for finding in _of_each(certificate, at)]
    found += [finding for below in chain for finding in _of_chain(below, (authority, *chain))]
    if any(from_public_ca(certificate) for certificate in (authority, *chain)):
        found.append(_public(authority))
    if not authority.self_signed:
        found.append(_not_a_root(authority))
    return worst_first(found)


def _of_each(authority: Certificate, at: datetime) -> Iterator[Finding]:
    yield from Dates(_expired, _expires_soon, _not_yet_valid).of(authority, at, SOON_DAYS)
    key = authority.key
    if key.algorithm in {"rsa", "rsa-pss", "dsa"} and key.bits < RSA_BITS_LEAST:
        yield _key_small(authority)
    elif key.algorithm not in _USABLE_KEYS or (key.algorithm == "rsa" and key.bits > RSA_BITS_MOST):
        yield _key_unusable(authority)
    if not extended_usage_permits(authority, Purpose.CLIENT):
        yield _no_client_auth(authority)


def _of_chain(below: Certificate, authorities: Sequence[Certificate]) -> Iterator[Finding]:
    """Yield what is wrong on the way from a CA up to the anchor, which comes first among the authorities."""
    anchor = authorities[0]
    way = in_order(below, authorities).certificates
    if anchor not in way:
        yield _leads_elsewhere(below, anchor)
        return
    if below.signature_digest in WEAK_DIGESTS:
        yield _signature_weak(below)
    # Those that issued themselves, as at a change of keys, do not count. Source: RFC 5280, 4.2.1.9
    between = 0
    for certificate in way[: way.index(anchor) + 1]:
        if certificate.path_length is not None and certificate.path_length < between:
            yield _path_too_long(below, certificate)
        between += not certificate.self_issued


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


def _not_yet_valid(authority: Certificate) -> Finding:
    return Finding(
        code="partner-authority-not-yet-valid",
        severity=Severity.WARNING,
        title=f"the CA {authority.subject} begins at {iso(authority.not_before)}",
        cause="it was made ahead of time, or the clock here is behind",
        remedy="accept it, and expect no call with its certificates before its begin",
        who=Who.EITHER,
        facts=_facts(authority, not_before=iso(authority.not_before)),
    )


def _key_small(authority: Certificate) -> Finding:
    return Finding(
        code="partner-authority-key-small",
        severity=Severity.ERROR,
        title=f"the {authority.key.algorithm} key of the CA {authority.subject} has only {authority.key.bits} bits",
        cause="whoever breaks it can issue certificates in the partner's name, so its certificates are refused",
        remedy="ask the partner for a CA with an RSA 2048 or EC P-256 key, or pin its clients' certificates",
        who=Who.PARTNER,
        facts=_facts(authority, key=str(authority.key), bits=authority.key.bits),
    )


def _key_unusable(authority: Certificate) -> Finding:
    return Finding(
        code="partner-authority-key-unusable",
        severity=Severity.WARNING,
        title=f"strict handshakes cannot verify what the CA {authority.subject} signs with its {authority.key} key",
        cause="the gateway's TLS library has RSA up to 8192 bits, EC P-224 to P-521 and Ed25519, and no other",
        remedy="ask the partner for a CA with an RSA 2048 or EC P-256 key; services that explain work with this one",
        who=Who.PARTNER,
        facts=_facts(authority, key=str(authority.key), bits=authority.key.bits),
    )


def _no_client_auth(authority: Certificate) -> Finding:
    return Finding(
        code="partner-authority-no-client-auth",
        severity=Severity.ERROR,
        title=f"the CA {authority.subject} may not issue for clients (no clientAuth)",
        cause="its extended key usage limits what it issues, so every client certificate below it is refused",
        remedy="ask the partner for the CA that issues its client certificates",
        who=Who.PARTNER,
        facts=_facts(authority, extended_key_usage=list(authority.extended_key_usage)),
    )


def _signature_weak(below: Certificate) -> Finding:
    return Finding(
        code="partner-authority-signature-weak",
        severity=Severity.ERROR,
        title=f"the intermediate CA {below.subject} is signed with {below.signature_digest}",
        cause="another CA with the same signature can be made, so certificates below it are refused",
        remedy="ask the partner for an intermediate that is signed with SHA-256, or accept this one as the CA itself",
        who=Who.PARTNER,
        facts=_facts(below, digest=below.signature_digest),
    )


def _path_too_long(below: Certificate, limit: Certificate) -> Finding:
    return Finding(
        code="partner-authority-path-length",
        severity=Severity.ERROR,
        title=f"{below.subject} is further below {limit.subject} than that allows (path length {limit.path_length})",
        cause="its path length constraint limits how many CAs may follow, so certificates of this one are refused",
        remedy="ask the partner for the right intermediates, or accept this one as the CA itself",
        who=Who.PARTNER,
        facts=_facts(below, issuer=limit.subject, path_length=limit.path_length),
    )


def _leads_elsewhere(below: Certificate, authority: Certificate) -> Finding:
    return Finding(
        code="partner-authority-chain-foreign",
        severity=Severity.WARNING,
        title=f"{below.subject} does not lead to the CA {authority.subject}",
        cause="neither that CA nor one that came along has issued it, so it helps no client",
        remedy="give the CAs between the partner's certificates and its CA with --chain",
        who=Who.PARTNER,
        facts=_facts(below, issuer=below.issuer, wanted=authority.subject),
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
