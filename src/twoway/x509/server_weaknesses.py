"""What is wrong, or will be, with a certificate that the gateway is to show for a host of ours.

An error works with no client, or not even in the gateway; a warning works with some clients and not with others.

Source: experiment with Envoy 1.40 and curl 7.88 (OpenSSL 3.0), Go 1.19, Node 20, Java 17 and Chromium 156: what is said
of clients below is what these did (tests/interop/test_server_weaknesses.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID

from twoway.errors import CertificateUnreadable
from twoway.findings import Finding, Severity, worst_first
from twoway.x509.certificates import Certificate, iso
from twoway.x509.chains import WEAK_DIGESTS, in_order
from twoway.x509.hosts import is_for_host
from twoway.x509.keys import ENVOY_ALGORITHMS, RSA_BITS_LEAST
from twoway.x509.names import host_matches
from twoway.x509.purposes import Purpose, can_sign_handshakes, extended_usage_permits

# Browsers have neither, whatever else they take.
_UNCOMMON = {"ec-p521", "ed25519"}


def server_weaknesses(
    chain: Sequence[Certificate], *, at: datetime, host: str | None, soon_days: int = 30
) -> tuple[Finding, ...]:
    """Return every weakness of a server certificate, the errors first.

    Not checked: whether the chain leads to a root that anybody trusts, and whether it is revoked.

    Args:
        chain: the leaf, then what is sent along with it.
        at: now, aware.
        host: the name that clients call, lower-case ASCII; None where any will do.
        soon_days: how many days before its end a certificate should be renewed; a third of its life if that is less.

    Raises:
        CertificateUnreadable: the leaf cannot be read.
    """
    leaf, *others = chain
    found = (
        *_dates(leaf, at, soon_days),
        *_key(leaf),
        *_uses(leaf),
        *_names(leaf, host),
        *_chain(leaf, others, at),
    )
    return worst_first(found)


def _dates(leaf: Certificate, at: datetime, soon_days: int) -> Iterator[Finding]:
    soon = min(timedelta(days=soon_days), (leaf.not_after - leaf.not_before) / 3)
    if at > leaf.not_after:
        yield _expired(leaf)
    elif at > leaf.not_after - soon:
        yield _expires_soon(leaf, (leaf.not_after - at).days)
    if at < leaf.not_before:
        yield _not_yet_valid(leaf)


def _key(leaf: Certificate) -> Iterator[Finding]:
    key = leaf.key
    if key.algorithm not in ENVOY_ALGORITHMS:
        yield _key_unusable(leaf)
    elif key.algorithm == "rsa" and key.bits < RSA_BITS_LEAST:
        yield _key_small(leaf)
    elif key.algorithm in _UNCOMMON:
        yield _key_uncommon(leaf)


def _uses(leaf: Certificate) -> Iterator[Finding]:
    if not extended_usage_permits(leaf, Purpose.SERVER):
        yield _no_server_auth(leaf)
    elif leaf.extended_key_usage and Purpose.SERVER not in leaf.extended_key_usage:
        yield _any_purpose(leaf)
    if not can_sign_handshakes(leaf):
        yield _cannot_sign(leaf) if leaf.key.algorithm.startswith("ec-") else _hardly_signs(leaf)
    feature = leaf.extension(x509.TLSFeature)
    if feature is not None and x509.TLSFeatureType.status_request in feature:
        yield _staple_demanded(leaf)
    if leaf.is_ca:
        yield _authority(leaf)


def _names(leaf: Certificate, host: str | None) -> Iterator[Finding]:
    if leaf.extension(x509.SubjectAlternativeName) is None:
        yield _no_names(leaf)
    if host is not None and not is_for_host(leaf, host) and not _has_common_name(leaf, host):
        yield _other_names(leaf, host)


def _has_common_name(leaf: Certificate, host: str) -> bool:
    """Whether the host is its one common name, which curl, Node and Java still read where nothing else is there."""
    common = leaf.subject_name.get_attributes_for_oid(NameOID.COMMON_NAME)
    alone = leaf.extension(x509.SubjectAlternativeName) is None and len(common) == 1
    return alone and host_matches(str(common[0].value).lower(), host)


def _chain(leaf: Certificate, others: Sequence[Certificate], at: datetime) -> Iterator[Finding]:
    readable = [one for one in others if _readable(one)]
    if len(readable) < len(others):
        yield _chain_unreadable(leaf)
    way = in_order(leaf, readable).certificates
    if len(way) == 1 and not leaf.self_signed:
        yield _chain_incomplete(leaf)
    for one in way:
        if one.signature_digest in WEAK_DIGESTS and (one == leaf or not one.self_signed):
            yield _signature_weak(one)
    for issuer in way[1:]:
        if at > issuer.not_after:
            yield _chain_expired(issuer)


def _readable(certificate: Certificate) -> bool:
    try:
        return bool(certificate.not_after)
    except CertificateUnreadable:
        return False


def _facts(certificate: Certificate, **more: object) -> dict[str, object]:
    return {"subject": certificate.subject, "sha256": certificate.sha256, **more}


def _expired(leaf: Certificate) -> Finding:
    return Finding(
        code="host-certificate-expired",
        severity=Severity.ERROR,
        title=f"the certificate of {leaf.subject} ended at {iso(leaf.not_after)}",
        cause="it was not renewed in time, or this is an old file, or the clock here is ahead",
        remedy="bring its successor",
        facts=_facts(leaf, not_after=iso(leaf.not_after)),
    )


def _expires_soon(leaf: Certificate, days: int) -> Finding:
    return Finding(
        code="host-certificate-expires-soon",
        severity=Severity.WARNING,
        title=f"the certificate of {leaf.subject} ends in {days} days, at {iso(leaf.not_after)}",
        cause="its validity is nearly over",
        remedy="renew it: what replaces its file is served at once",
        facts=_facts(leaf, not_after=iso(leaf.not_after), days=days),
    )


def _not_yet_valid(leaf: Certificate) -> Finding:
    return Finding(
        code="host-certificate-not-yet-valid",
        severity=Severity.ERROR,
        title=f"the certificate of {leaf.subject} begins at {iso(leaf.not_before)}",
        cause="it was made ahead of time, or the clock here is behind",
        remedy="set the clock right, or bring it again once it has begun",
        facts=_facts(leaf, not_before=iso(leaf.not_before)),
    )


def _key_unusable(leaf: Certificate) -> Finding:
    return Finding(
        code="host-key-unusable",
        severity=Severity.ERROR,
        title=f"the gateway cannot serve with a {leaf.key} key",
        cause="its TLS library has RSA, EC P-256, P-384, P-521 and Ed25519, and no other",
        remedy="have the certificate issued for an EC P-256 or RSA 2048 key",
        facts=_facts(leaf, key=str(leaf.key), bits=leaf.key.bits),
    )


def _key_small(leaf: Certificate) -> Finding:
    return Finding(
        code="host-key-small",
        severity=Severity.ERROR,
        title=f"the RSA key of {leaf.subject} has only {leaf.key.bits} bits, and the gateway takes none below 2048",
        cause="keys below 2048 bits can be factored by whoever has the means",
        remedy="have the certificate issued for an EC P-256 or RSA 2048 key",
        facts=_facts(leaf, bits=leaf.key.bits),
    )


def _key_uncommon(leaf: Certificate) -> Finding:
    return Finding(
        code="host-key-uncommon",
        severity=Severity.WARNING,
        title=f"no browser shakes hands with an {leaf.key} key",
        cause="Chromium has RSA, P-256 and P-384 alone; curl, Go, Node and Java 17 take it",
        remedy="have the certificate issued for an EC P-256 key, if browsers or old clients are to call",
        facts=_facts(leaf, key=str(leaf.key)),
    )


def _no_server_auth(leaf: Certificate) -> Finding:
    return Finding(
        code="host-certificate-no-server-auth",
        severity=Severity.ERROR,
        title=f"the certificate of {leaf.subject} is not for servers (no serverAuth)",
        cause="its issuer made it for something else, most often for a client, and clients refuse it for a server",
        remedy="have a certificate issued with extended key usage serverAuth",
        facts=_facts(leaf, extended_key_usage=list(leaf.extended_key_usage)),
    )


def _any_purpose(leaf: Certificate) -> Finding:
    return Finding(
        code="host-certificate-any-purpose",
        severity=Severity.WARNING,
        title=f"the certificate of {leaf.subject} is for any purpose, and does not name serverAuth",
        cause="curl, Node and all else that uses OpenSSL refuse it; Go, Java and browsers take it",
        remedy="have a certificate issued with extended key usage serverAuth",
        facts=_facts(leaf, extended_key_usage=list(leaf.extended_key_usage)),
    )


def _cannot_sign(leaf: Certificate) -> Finding:
    return Finding(
        code="host-certificate-cannot-sign",
        severity=Severity.ERROR,
        title=f"the key usage of {leaf.subject} has no digitalSignature, and the gateway refuses it",
        cause="a server proves an EC key by a signature, and its certificate forbids signatures",
        remedy="have a certificate issued with key usage digitalSignature",
        facts=_facts(leaf, key_usage=list(leaf.key_usage)),
    )


def _hardly_signs(leaf: Certificate) -> Finding:
    return Finding(
        code="host-certificate-cannot-sign",
        severity=Severity.WARNING,
        title=f"the key usage of {leaf.subject} has no digitalSignature, and Java and browsers refuse it",
        cause="a server proves its key by a signature, and its certificate forbids them; OpenSSL and Go let that pass",
        remedy="have a certificate issued with key usage digitalSignature",
        facts=_facts(leaf, key_usage=list(leaf.key_usage)),
    )


def _staple_demanded(leaf: Certificate) -> Finding:
    return Finding(
        code="host-certificate-staple-demanded",
        severity=Severity.ERROR,
        title=f"the certificate of {leaf.subject} demands an OCSP staple (must-staple), and the gateway has none",
        cause="it was requested with the TLS feature status_request",
        remedy="have it issued again without must-staple",
        facts=_facts(leaf),
    )


def _authority(leaf: Certificate) -> Finding:
    return Finding(
        code="host-certificate-is-authority",
        severity=Severity.WARNING,
        title=f"the certificate of {leaf.subject} is that of a certificate authority (CA:TRUE)",
        cause="openssl req -x509 makes such certificates if not told otherwise; who trusts it trusts what it issues",
        remedy='make the next one with: -addext "basicConstraints=critical,CA:FALSE"',
        facts=_facts(leaf),
    )


def _no_names(leaf: Certificate) -> Finding:
    return Finding(
        code="host-certificate-no-names",
        severity=Severity.WARNING,
        title=f"the certificate of {leaf.subject} has no subject alternative name, and Go and browsers refuse it",
        cause="it was made without one, and the common name has not counted as a host's since RFC 2818",
        remedy='have it issued with the host as subjectAltName (openssl req: -addext "subjectAltName=DNS:HOST")',
        facts=_facts(leaf),
    )


def _other_names(leaf: Certificate, host: str) -> Finding:
    return Finding(
        code="host-certificate-other-names",
        severity=Severity.ERROR,
        title=f"the certificate of {leaf.subject} is not for {host} but for {', '.join(leaf.san) or 'no host'}",
        cause="clients hold the name that they call against those of the certificate, and refuse it",
        remedy=f"have a certificate issued for {host}, or name the host that it is for (--host)",
        facts=_facts(leaf, host=host, san=list(leaf.san)),
    )


def _signature_weak(certificate: Certificate) -> Finding:
    return Finding(
        code="host-certificate-signature-weak",
        severity=Severity.WARNING,
        title=f"the certificate of {certificate.subject} is signed with {certificate.signature_digest}",
        cause="another one with the same signature can be made: OpenSSL, Go and browsers refuse it, Java 17 does not",
        remedy="have it issued again with SHA-256",
        facts=_facts(certificate, digest=certificate.signature_digest),
    )


def _chain_unreadable(leaf: Certificate) -> Finding:
    return Finding(
        code="host-chain-unreadable",
        severity=Severity.ERROR,
        title=f"what comes along with the certificate of {leaf.subject} cannot all be read",
        cause="a certificate of the chain is damaged, and the gateway would take none of it",
        remedy="bring the issuers' certificates again, as their CA publishes them",
        facts=_facts(leaf),
    )


def _chain_incomplete(leaf: Certificate) -> Finding:
    return Finding(
        code="host-chain-incomplete",
        severity=Severity.WARNING,
        title=f"the certificate of {leaf.issuer}, which issued {leaf.subject}, did not come along",
        cause="only the leaf was brought: clients that trust the root alone find no way up to it",
        remedy="bring the intermediates too (--chain, or the full chain's file); nothing, if this issuer is a root",
        facts=_facts(leaf, issuer=leaf.issuer),
    )


def _chain_expired(issuer: Certificate) -> Finding:
    return Finding(
        code="host-chain-expired",
        severity=Severity.WARNING,
        title=f"the issuer {issuer.subject}, which is sent along, ended at {iso(issuer.not_after)}",
        cause="its CA has a newer certificate of the same key, or all that it issued is over",
        remedy="bring the issuer's current certificate with --chain, or leave the old one out",
        facts=_facts(issuer, not_after=iso(issuer.not_after)),
    )
