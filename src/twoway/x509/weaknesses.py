"""What is wrong, or will be, with a certificate that a partner brings as its client certificate.

An error cannot work, or must not be accepted without saying so; a warning works today; an info is worth knowing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from twoway.findings import Finding, Severity, Who, worst_first
from twoway.x509.certificates import Certificate, iso
from twoway.x509.chains import WEAK_DIGESTS, in_order
from twoway.x509.keys import ENVOY_ALGORITHMS, RSA_BITS_LEAST, RSA_BITS_MOST
from twoway.x509.public_roots import KEYS as PUBLIC_ROOT_KEYS
from twoway.x509.purposes import Purpose, can_sign_handshakes, extended_usage_permits

# CA/Browser Forum's reserved policies (DV, OV, IV, EV): only public CAs assert them.
# Source: Baseline Requirements, 7.1.6.1
_PUBLIC_POLICY = "2.23.140.1."


def weaknesses(chain: Sequence[Certificate], *, at: datetime, soon_days: int = 30) -> tuple[Finding, ...]:
    """Return every weakness of a client certificate, the errors first.

    Args:
        chain: the leaf, then what came with it, in any order.
        at: now, aware.
        soon_days: how many days before its end a certificate should be renewed.

    Raises:
        CertificateUnreadable: the leaf cannot be read.
    """
    leaf = chain[0]
    dates = Dates(_expired, _expires_soon, _not_yet_valid).of(leaf, at, soon_days)
    return worst_first([*dates, *_algorithms(leaf), *_uses(leaf), *_origin(leaf, chain[1:])])


@dataclass(frozen=True, slots=True)
class Dates:
    """What is said of a certificate that is over, soon over (with the days that are left), or not valid yet."""

    expired: Callable[[Certificate], Finding]
    expires_soon: Callable[[Certificate, int], Finding]
    not_yet_valid: Callable[[Certificate], Finding]

    def of(self, certificate: Certificate, at: datetime, soon_days: int) -> Iterator[Finding]:
        """Yield what is to be said at a moment."""
        if at > certificate.not_after:
            yield self.expired(certificate)
        elif at > certificate.not_after - timedelta(days=soon_days):
            yield self.expires_soon(certificate, (certificate.not_after - at).days)
        if at < certificate.not_before:
            yield self.not_yet_valid(certificate)


def _algorithms(leaf: Certificate) -> Iterator[Finding]:
    key = leaf.key
    if key.algorithm not in ENVOY_ALGORITHMS or (key.algorithm == "rsa" and key.bits > RSA_BITS_MOST):
        yield _key_unusable(leaf)
    elif key.algorithm == "rsa" and key.bits < RSA_BITS_LEAST:
        yield _key_small(leaf)
    if leaf.signature_digest in WEAK_DIGESTS:
        yield _signature_weak(leaf)


def _uses(leaf: Certificate) -> Iterator[Finding]:
    if leaf.is_ca:
        yield _authority(leaf)
    if not can_sign_handshakes(leaf):
        yield _cannot_sign(leaf)
    if not extended_usage_permits(leaf, Purpose.CLIENT):
        yield _no_client_auth(leaf)
    if leaf.version < 3:
        yield _old_version(leaf)
    elif not leaf.san:
        yield _no_names(leaf)


def _origin(leaf: Certificate, others: Sequence[Certificate]) -> Iterator[Finding]:
    chain = in_order(leaf, others).certificates
    if not leaf.self_signed and len(chain) == 1:
        yield _issuer_missing(leaf)
    if any(from_public_ca(certificate) for certificate in chain):
        yield _public_ca(leaf)


def from_public_ca(certificate: Certificate) -> bool:
    """Whether it is one of public CAs: by a policy or a log that only those use, or as one of their roots."""
    if certificate.spki_sha256 in PUBLIC_ROOT_KEYS:
        return True
    policies = certificate.extension(x509.CertificatePolicies) or ()
    return (
        any(policy.policy_identifier.dotted_string.startswith(_PUBLIC_POLICY) for policy in policies)
        or certificate.extension(x509.PrecertificateSignedCertificateTimestamps) is not None
    )


def _facts(leaf: Certificate, **more: object) -> dict[str, object]:
    return {"subject": leaf.subject, "sha256": leaf.sha256, **more}


def _expired(leaf: Certificate) -> Finding:
    return Finding(
        code="client-certificate-expired",
        severity=Severity.ERROR,
        title=f"the certificate of {leaf.subject} ended at {iso(leaf.not_after)}",
        cause="the partner has not renewed it in time, or sent an old one",
        remedy="ask the partner for its current certificate",
        who=Who.PARTNER,
        facts=_facts(leaf, not_after=iso(leaf.not_after)),
    )


def _expires_soon(leaf: Certificate, days: int) -> Finding:
    return Finding(
        code="client-certificate-expires-soon",
        severity=Severity.WARNING,
        title=f"the certificate of {leaf.subject} ends in {days} days, at {iso(leaf.not_after)}",
        cause="its validity is nearly over",
        remedy="ask the partner for its next certificate now: both can be accepted at once",
        who=Who.PARTNER,
        facts=_facts(leaf, not_after=iso(leaf.not_after), days=days),
    )


def _not_yet_valid(leaf: Certificate) -> Finding:
    return Finding(
        code="client-certificate-not-yet-valid",
        severity=Severity.WARNING,
        title=f"the certificate of {leaf.subject} begins at {iso(leaf.not_before)}",
        cause="it was made ahead of time, or the clock here is behind",
        remedy="accept it, and expect no call before its begin",
        who=Who.EITHER,
        facts=_facts(leaf, not_before=iso(leaf.not_before)),
    )


def _key_unusable(leaf: Certificate) -> Finding:
    return Finding(
        code="client-key-unusable",
        severity=Severity.ERROR,
        title=f"the gateway cannot verify signatures of a {leaf.key} key",
        cause="its TLS library has RSA up to 8192 bits, EC P-256, P-384, P-521 and Ed25519, and no other",
        remedy="ask the partner for a certificate with an RSA 2048 or EC P-256 key",
        who=Who.PARTNER,
        facts=_facts(leaf, key=str(leaf.key), bits=leaf.key.bits),
    )


def _key_small(leaf: Certificate) -> Finding:
    return Finding(
        code="client-key-small",
        severity=Severity.WARNING,
        title=f"the RSA key of {leaf.subject} has only {leaf.key.bits} bits",
        cause="keys below 2048 bits can be factored by whoever has the means",
        remedy="ask the partner for a certificate with an RSA 2048 or EC P-256 key",
        who=Who.PARTNER,
        facts=_facts(leaf, bits=leaf.key.bits),
    )


def _signature_weak(leaf: Certificate) -> Finding:
    return Finding(
        code="client-certificate-signature-weak",
        severity=Severity.WARNING,
        title=f"the certificate of {leaf.subject} is signed with {leaf.signature_digest}",
        cause="another certificate with the same signature can be made, so its issuer's word counts for nothing",
        remedy="pin this very certificate rather than its authority, and ask the partner for one with SHA-256",
        who=Who.PARTNER,
        facts=_facts(leaf, digest=leaf.signature_digest),
    )


def _authority(leaf: Certificate) -> Finding:
    return Finding(
        code="client-certificate-is-authority",
        severity=Severity.WARNING,
        title=f"the certificate of {leaf.subject} is that of a certificate authority (CA:TRUE)",
        cause="openssl req -x509 makes such certificates unless it is told otherwise; what it issues is not accepted",
        remedy='ask the partner to make the next one with: -addext "basicConstraints=critical,CA:FALSE"',
        who=Who.PARTNER,
        facts=_facts(leaf),
    )


def _cannot_sign(leaf: Certificate) -> Finding:
    return Finding(
        code="client-certificate-cannot-sign",
        severity=Severity.ERROR,
        title=f"the key usage of {leaf.subject} has no digitalSignature, so that no handshake can work",
        cause="a client proves its key by a signature, and its certificate forbids signatures",
        remedy="ask the partner for a certificate with key usage digitalSignature",
        who=Who.PARTNER,
        facts=_facts(leaf, key_usage=list(leaf.key_usage)),
    )


def _no_client_auth(leaf: Certificate) -> Finding:
    return Finding(
        code="client-certificate-no-client-auth",
        severity=Severity.WARNING,
        title=f"the certificate of {leaf.subject} is not for clients (no clientAuth)",
        cause="its issuer made it for something else, most often for a server",
        remedy="ask the partner for a certificate with extended key usage clientAuth",
        who=Who.PARTNER,
        facts=_facts(leaf, extended_key_usage=list(leaf.extended_key_usage)),
    )


def _old_version(leaf: Certificate) -> Finding:
    return Finding(
        code="client-certificate-version-1",
        severity=Severity.WARNING,
        title=f"the certificate of {leaf.subject} is of X.509 version {leaf.version}",
        cause="openssl x509 -req makes such certificates where no extensions are given",
        remedy="ask the partner for a version 3 certificate, which says what it may be used for",
        who=Who.PARTNER,
        facts=_facts(leaf, version=leaf.version),
    )


def _no_names(leaf: Certificate) -> Finding:
    return Finding(
        code="client-certificate-no-names",
        severity=Severity.INFO,
        title=f"the certificate of {leaf.subject} has no subject alternative name",
        cause="it was made without one",
        remedy="nothing, unless a name rule other than CN is to match it",
        who=Who.PARTNER,
        facts=_facts(leaf),
    )


def _issuer_missing(leaf: Certificate) -> Finding:
    return Finding(
        code="client-chain-incomplete",
        severity=Severity.WARNING,
        title=f"the certificate of {leaf.issuer}, which issued {leaf.subject}, did not come along",
        cause="the partner sent its leaf alone",
        remedy="ask the partner for the leaf and its intermediate certificates",
        who=Who.PARTNER,
        facts=_facts(leaf, issuer=leaf.issuer),
    )


def _public_ca(leaf: Certificate) -> Finding:
    # Source: Chrome Root Program Policy: 1.7 had leaves issued from 2026-06-15 on, 1.8 has those from 2027-03-15 on.
    return Finding(
        code="client-certificate-public-authority",
        severity=Severity.WARNING,
        title=f"{leaf.subject} was issued by a public CA: its next renewal will have no clientAuth",
        cause="browsers' rules end clientAuth in public certificates: some since 15 June 2026, all by 15 March 2027",
        remedy="issue the partner a certificate of ours, or have it make a self-signed one to be pinned",
        who=Who.EITHER,
        facts=_facts(leaf, issuer=leaf.issuer, not_after=iso(leaf.not_after)),
    )
