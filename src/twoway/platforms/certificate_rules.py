"""What the certificates in a file must be like: key, chain, dates, purposes, strength. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise

from twoway.errors import CertificateUnreadable, KeyMismatch
from twoway.findings import Finding, Severity
from twoway.keystores.model import IdentityEntry
from twoway.platforms.file_rules import either
from twoway.platforms.platform import Accepts, Root
from twoway.platforms.presented import Presented
from twoway.x509.certificates import Certificate, iso
from twoway.x509.chains import WEAK_DIGESTS, in_order
from twoway.x509.purposes import Purpose, can_sign_handshakes, extended_usage_permits
from twoway.x509.weaknesses import from_public_ca

SOON = timedelta(days=30)
# From here to there public CAs stop. Source: Chrome Root Program Policy, 1.7 (2026-06-15) and 1.8 (2027-03-15)
PUBLIC_CLIENT_AUTH_ENDS = "15 March 2027"


def keys(file: Presented, accepts: Accepts) -> Iterator[Finding]:
    """The key is the certificate's, and of a kind that the platform takes."""
    for entry in file.identities:
        try:
            entry.identity()
        except KeyMismatch as error:
            yield error.finding()
            continue
        except CertificateUnreadable:
            continue
        yield from key_kind(file.name, entry.alias, entry.certificates[0], accepts)


def key_kind(name: str, alias: str, leaf: Certificate, accepts: Accepts) -> Iterator[Finding]:
    """The key of a certificate is of a kind that the platform takes."""
    if str(leaf.key) not in accepts.keys:
        yield Finding(
            "platform-key-refused",
            Severity.ERROR,
            f"the key {alias!r} is {leaf.key}, and this takes {either(list(accepts.keys))}",
            "the platform knows no other keys",
            f"make one with twoway key new --algorithm {accepts.keys[0]}, and have a certificate issued for it",
            facts={"file": name, "alias": alias, "key": str(leaf.key), "accepted": list(accepts.keys)},
        )


def chains(file: Presented, accepts: Accepts) -> Iterator[Finding]:
    """The chain is in the key's entry, whole and in order."""
    for entry in file.identities:
        chain = entry.certificates
        if len(set(chain)) < len(chain):
            yield Finding(
                "chain-repeats",
                Severity.WARNING,
                f"the chain of {entry.alias!r} has a certificate twice",
                "a file was given both as certificate and as chain",
                f"twoway convert {file.name} puts it in order",
                facts={"file": file.name, "alias": entry.alias},
            )
        if any(not child.signed_by(issuer) for child, issuer in pairwise(chain)):
            yield Finding(
                "chain-out-of-order",
                Severity.ERROR,
                f"the chain of {entry.alias!r} is not in order: leaf, then who signed it, and so on",
                "the files were put together in another order, or one of them is no issuer of the others",
                f"twoway convert {file.name} puts it in order",
                facts={"file": file.name, "alias": entry.alias, "chain": [one.subject for one in chain][:10]},
            )
            continue
        if not accepts.signs_only:
            yield from _ends(file, entry, accepts)


def _ends(file: Presented, entry: IdentityEntry, accepts: Accepts) -> Iterator[Finding]:
    last, leaf = entry.certificates[-1], entry.certificates[0]
    rooted = last.self_signed
    beside = [one.certificate for one in file.keystore.trusted]
    if not rooted and len(in_order(last, beside).certificates) > 1:
        yield Finding(
            "issuers-beside-the-key",
            Severity.ERROR,
            f"issuers of {entry.alias!r} lie beside it as trusted entries, and are not sent",
            "a client sends the chain that is in the key's own entry, and nothing else",
            f"twoway convert {file.name} puts them into it",
            facts={"file": file.name, "alias": entry.alias, "issuer": last.issuer},
        )
    elif not rooted and len(entry.certificates) == 1:
        yield Finding(
            "chain-incomplete",
            Severity.WARNING,
            f"the certificate of {last.issuer}, which issued {leaf.subject}, is not in the file",
            "only the leaf was put in",
            "give the issuer with --chain: without it many servers cannot verify, and Java and Go send nothing",
            facts={"file": file.name, "alias": entry.alias, "missing": last.issuer},
        )
    elif not rooted and accepts.root is Root.IN:
        yield Finding(
            "root-missing",
            Severity.WARNING,
            f"the chain of {entry.alias!r} ends at {last.subject}, before its root",
            "the platform wants the chain up to the root",
            "give the root with --chain",
            facts={"file": file.name, "alias": entry.alias, "missing": last.issuer},
        )
    if rooted and len(entry.certificates) > 1 and accepts.root is Root.OUT:
        yield Finding(
            "root-included",
            Severity.INFO,
            f"the chain of {entry.alias!r} has its root, which nobody needs to be sent",
            "whoever verifies has the root, or does not trust it",
            "nothing; it costs a kilobyte a handshake",
            facts={"file": file.name, "alias": entry.alias, "root": last.subject},
        )


def dates(file: Presented, _accepts: Accepts) -> Iterator[Finding]:
    """Every certificate is valid, and not for a few days only."""
    for certificate in file.certificates:
        if file.at > certificate.not_after:
            yield Finding(
                "certificate-ended",
                Severity.ERROR,
                f"the certificate of {certificate.subject} ended at {iso(certificate.not_after)}",
                "it was not renewed in time, or this is an old file",
                "renew it, and make the file anew",
                facts={
                    "subject": certificate.subject,
                    "sha256": certificate.sha256,
                    "not_after": iso(certificate.not_after),
                },
            )
        elif file.at > certificate.not_after - SOON:
            days = (certificate.not_after - file.at).days
            yield Finding(
                "certificate-ends-soon",
                Severity.WARNING,
                f"the certificate of {certificate.subject} ends in {days} days, at {iso(certificate.not_after)}",
                "its validity is nearly over",
                "renew it before anybody installs this file",
                facts={
                    "subject": certificate.subject,
                    "sha256": certificate.sha256,
                    "not_after": iso(certificate.not_after),
                },
            )
        if file.at < certificate.not_before:
            yield Finding(
                "certificate-not-yet-valid",
                Severity.WARNING,
                f"the certificate of {certificate.subject} begins at {iso(certificate.not_before)}",
                "it was made ahead of time, or the clock here is behind",
                "wait until then, or set the clock",
                facts={
                    "subject": certificate.subject,
                    "sha256": certificate.sha256,
                    "not_before": iso(certificate.not_before),
                },
            )


def purposes(file: Presented, accepts: Accepts) -> Iterator[Finding]:
    """The certificate may be used for what it is to be used for."""
    purpose = None if accepts.signs_only else accepts.purpose
    for entry in file.identities if purpose else ():
        assert purpose is not None  # noqa: S101  the line above says so
        leaf = entry.certificates[0]
        if not can_sign_handshakes(leaf):
            yield Finding(
                "key-usage-cannot-sign",
                Severity.ERROR,
                f"the key usage of {leaf.subject} has no digitalSignature, so that no handshake can work",
                "whoever proves its key does so by a signature, and the certificate forbids signatures",
                "have it issued with key usage digitalSignature",
                facts={"subject": leaf.subject, "key_usage": list(leaf.key_usage)},
            )
        if not extended_usage_permits(leaf, purpose):
            yield Finding(
                "purpose-missing",
                Severity.ERROR,
                f"the extended key usage of {leaf.subject} lacks {purpose}",
                "its issuer made it for something else",
                f"have it issued with extended key usage {purpose}",
                facts={"subject": leaf.subject, "extended_key_usage": list(leaf.extended_key_usage)},
            )
        elif purpose is Purpose.CLIENT and from_public_ca(leaf):
            yield Finding(
                "public-authority-client-auth",
                Severity.WARNING,
                f"{leaf.subject} was issued by a public CA: its next renewal will have no clientAuth",
                f"browsers' rules end clientAuth in public certificates, all by {PUBLIC_CLIENT_AUTH_ENDS}",
                "agree on a certificate of a private CA, or on a pinned one, before this one ends",
                facts={"subject": leaf.subject, "issuer": leaf.issuer, "not_after": iso(leaf.not_after)},
            )


def strength(file: Presented, _accepts: Accepts) -> Iterator[Finding]:
    """Every signature is one that today's software accepts."""
    for certificate in file.certificates:
        if certificate.signature_digest in WEAK_DIGESTS and not certificate.self_signed:
            yield Finding(
                "signature-weak",
                Severity.WARNING,
                f"the certificate of {certificate.subject} is signed with {certificate.signature_digest}",
                "OpenSSL 3, Java 17 and most platforms refuse such signatures",
                "have it issued anew with SHA-256",
                facts={"subject": certificate.subject, "digest": certificate.signature_digest},
            )


def namesakes(file: Presented, _accepts: Accepts) -> Iterator[Finding]:
    """Two trusted CAs of one name: many verifiers try the first and give up."""
    trusted = {entry.certificate for entry in file.keystore.trusted}
    for subject, count in Counter(certificate.subject for certificate in trusted).items():
        if count > 1:
            yield Finding(
                "trusted-namesakes",
                Severity.WARNING,
                f"{count} trusted certificates are called {subject}",
                "an authority was renewed with a new key, or two made CAs of one name; some verifiers try one only",
                "keep the one that the other side's chain was issued by",
                facts={"file": file.name, "subject": subject, "count": count},
            )


def _facts(certificate: Certificate, **more: object) -> dict[str, object]:
    return {"subject": certificate.subject, "sha256": certificate.sha256, **more}


RULES = (keys, chains, dates, purposes, strength, namesakes)
