"""What servers that verify their clients with OpenSSL have in common: whom they let in, how deep, who is revoked. Pure.

Source: experiments with Debian's httpd 2.4, nginx 1.22, HAProxy 2.6 and PostgreSQL 15 (tests/interop/platforms).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from twoway.findings import Finding, Severity
from twoway.platforms.order import Order
from twoway.platforms.parts import Address, crl_file, trust_file
from twoway.platforms.platform import File
from twoway.platforms.presented import Presented
from twoway.x509.certificates import Certificate, iso, load_certificates
from twoway.x509.chains import in_order
from twoway.x509.hosts import is_for_host
from twoway.x509.weaknesses import from_public_ca

_PEM = b"-----BEGIN CERTIFICATE"
# A client may send one CA below the root that is trusted: most chains have one.
_CAS_LEAST = 2


def authorities_deep(order: Order) -> int:
    """Return how many CAs a client's chain may have: as many as were given, and at least a root and one below it."""
    trusted = [entry.certificate for entry in order.trusted]
    return max([_CAS_LEAST, *(len(in_order(one, trusted).certificates) for one in trusted)])


def whole_to_the_root(file: Presented) -> Iterator[Finding]:
    """OpenSSL goes up to a root: a CA in between is trusted only together with those above it."""
    for name, missing in _unrooted(entry.certificate for entry in file.keystore.trusted):
        yield Finding(
            "anchor-without-root",
            Severity.ERROR,
            f"{name} is to be trusted, and {missing}, which issued it, is not in {file.name}",
            "this server goes up to a self-signed root, and refuses everybody whose chain does not get there",
            "give the root too, with --trust",
            facts={"file": file.name, "certificate": name, "missing": missing},
        )


def public_anchors(file: Presented) -> Iterator[Finding]:
    """A public CA lets in everybody who buys a certificate of it."""
    for entry in file.keystore.trusted:
        if from_public_ca(entry.certificate):
            yield Finding(
                "client-authority-public",
                Severity.WARNING,
                f"{entry.certificate.subject} is a public CA: whoever has a certificate of it is let in",
                "a server that trusts a CA trusts all that it issued, whoever asked for it",
                "compare the subject or the fingerprint too, or issue the partner a certificate of your own CA",
                facts={"file": file.name, "certificate": entry.certificate.subject},
            )


def leaf_first(file: Presented) -> Iterator[Finding]:
    """A server holds its key against the first certificate of the file, and sends them as they stand."""
    certificates = load_certificates(file.content) if _PEM in file.content else ()
    for entry in file.identities[:1]:
        if certificates and certificates[0] != entry.certificates[0]:
            yield Finding(
                "leaf-not-first",
                Severity.ERROR,
                f"{file.name} begins with {certificates[0].subject}, not with the key's own certificate",
                "the server takes the first certificate for its own, and says that the key does not match"
                " (key values mismatch)",
                f"twoway convert {file.name} --to pem puts it in order: leaf, intermediates",
                facts={
                    "file": file.name,
                    "first": certificates[0].subject,
                    "leaf": entry.certificates[0].subject,
                },
            )


TRUST_CHECKS = (whole_to_the_root, public_anchors)


def server_notes(order: Order, here: Address | None) -> tuple[Finding, ...]:
    """Return what speaks against a server that asks for client certificates.

    Args:
        order: what its kit is made of.
        here: what its clients call it; None where nobody said.
    """
    return (*_nobody_trusted(order), *_other_host(order, here), *_revocation(order))


def unlisted(order: Order) -> tuple[Certificate, ...]:
    """Return those of the trusted CAs that no revocation list was given of."""
    return tuple(
        entry.certificate
        for entry in order.trusted
        if not any(crl.is_from(entry.certificate) for crl in order.crls)
    )


def renewal(order: Order, how: str) -> str:
    """Return the paragraph that says until when the revocation lists count.

    Args:
        order: what the kit is made of.
        how: what makes the server read them, such as ``reload httpd``.
    """
    ends = [end for crl in order.crls if (end := crl.parsed.next_update_utc)]
    if not ends:
        return ""
    return f"""
The revocation lists end at {min(ends):%Y-%m-%d %H:%M} UTC: from then on *everybody* of these CAs is refused.
Replace `client-ca.crl` before, and {how} each time: the lists are read at no other time.
"""


def authorities(order: Order) -> tuple[File, ...]:
    """Return the files that say whom a server lets in, and who of them is revoked; none where nobody was named."""
    if not order.trusted:
        return ()
    crls = (crl_file(order, "client-ca.crl"),) if order.crls else ()
    return (trust_file(order, "client-ca.pem", "whose clients are let in"), *crls)


def crl_missing(order: Order) -> Iterator[Finding]:
    """One list given means that one is wanted of every CA."""
    for certificate in unlisted(order) if order.crls else ():
        yield Finding(
            "crl-missing",
            Severity.ERROR,
            f"no revocation list of {certificate.subject} was given, and there is one of others",
            "with one list this server wants one of every CA of a chain, and refuses everybody of those that have none",
            "give its list too, with --crl, or none at all",
            facts={"certificate": certificate.subject, "sha256": certificate.sha256},
        )


def _nobody_trusted(order: Order) -> Iterator[Finding]:
    if not order.trusted:
        yield Finding(
            "client-verification-without-ca",
            Severity.ERROR,
            "the server is to ask for client certificates, and no CA of clients was given",
            "without one some servers do not start, others start and can verify nobody",
            "give the CA that issues your clients' certificates with --trust, or a client's own certificate",
        )


def _other_host(order: Order, here: Address | None) -> Iterator[Finding]:
    if here is not None and not is_for_host(order.leaf, here.host):
        yield Finding(
            "server-certificate-other-host",
            Severity.ERROR,
            f"the certificate of {order.leaf.subject} is not for {here.host} but for {_names(order.leaf)}",
            "clients hold the name that they call against the alternative names of the certificate, and refuse it",
            f"have it issued with {here.host} as subjectAltName, or say what it is called with --peer",
            facts={"subject": order.leaf.subject, "host": here.host, "san": list(order.leaf.san)},
        )


def _revocation(order: Order) -> Iterator[Finding]:
    for crl in order.crls:
        end = crl.parsed.next_update_utc
        if not crl.current(order.at):
            yield Finding(
                "crl-not-current",
                Severity.ERROR,
                f"the revocation list of {crl.issuer} is not current: its next one was due at {_when(end)}",
                "OpenSSL refuses every certificate whose list is too old, as it cannot know who was revoked since",
                "fetch the CA's list of today, and again before each end",
                facts={"issuer": crl.issuer, "next_update": _when(end)},
            )
        if not any(crl.is_from(entry.certificate) for entry in order.trusted):
            yield Finding(
                "crl-foreign",
                Severity.WARNING,
                f"the revocation list of {crl.issuer} is of no CA that is trusted here",
                "its CA was not given with --trust, or it was signed with another key than that CA has now",
                "give the CA with --trust, or leave the list out",
                facts={"issuer": crl.issuer},
            )


def _unrooted(trusted: Iterable[Certificate]) -> Iterator[tuple[str, str]]:
    """Yield the certificates whose way up ends before a root, with who is missing."""
    pool = list(trusted)
    for certificate in pool:
        last = in_order(certificate, pool).certificates[-1]
        if not last.self_signed:
            yield certificate.subject, last.issuer


def _names(leaf: Certificate) -> str:
    return ", ".join(leaf.san) or "no host"


def _when(end: datetime | None) -> str:
    return iso(end) if end else "no time"
