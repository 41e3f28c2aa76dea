"""What is odd about the certificates of a keystore, whatever its format: they are kept all the same.

Old keytools wrote EC and DSA certificates, and other programs dates and extensions, that strict parsers refuse. They
are listed, converted and exported as the bytes that they are; whoever is to use them must hear of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from twoway.errors import CertificateUnreadable
from twoway.findings import Finding, Severity
from twoway.keystores.captions import MAX_LISTED, called, listed
from twoway.x509.certificates import Certificate

# What every user of a certificate asks for; 50 microseconds each.
ASKED = ("parsed", "public_key", "subject_name", "issuer_name", "not_before", "not_after")


def odd_certificates(certificates: Iterable[tuple[Certificate, str]]) -> tuple[Finding, ...]:
    """Say which certificates of a keystore a strict parser refuses, one finding for each kind of problem.

    Args:
        certificates: each with the alias of its entry; one that stands under several is told of under the first.
    """
    problems: dict[str, dict[Certificate, str]] = {}
    distinct: dict[Certificate, str] = {}
    for certificate, alias in certificates:
        distinct.setdefault(certificate, alias)
    for certificate, alias in distinct.items():
        problem = problem_of(certificate)
        if problem is not None:
            problems.setdefault(problem, {})[certificate] = alias
    return tuple(certificates_unparsable(problem, found) for problem, found in problems.items())


def problem_of(certificate: Certificate) -> str | None:
    """Say what about a certificate cannot be understood; None where everything can."""
    try:
        for name in ASKED:
            getattr(certificate, name)
        certificate.extended_key_usage  # noqa: B018  # one extension asked for reads them all
    except CertificateUnreadable as unreadable:
        return unreadable.problem
    return None


def certificates_unparsable(problem: str, certificates: dict[Certificate, str]) -> Finding:
    """Make the finding about certificates that a strict parser refuses, by the alias of each."""
    named = listed([f"{called(certificate)} ({alias})" for certificate, alias in certificates.items()])
    fingerprints = [certificate.sha256 for certificate in certificates]
    return Finding(
        code="certificate-unparsable",
        severity=Severity.WARNING,
        title=f"strict parsers refuse these certificates, which are kept as they are: {named}",
        cause=f"{problem}; such certificates were written by old keytools, or were damaged before they came here",
        remedy="have them issued again; until then use them only where their consumer was seen to take them",
        facts={"problem": problem, "count": len(certificates), "sha256": fingerprints[:MAX_LISTED]},
    )
