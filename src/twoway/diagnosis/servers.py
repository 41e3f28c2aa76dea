"""What is worth knowing about a server, from one look at it. Pure: the time comes in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from twoway.diagnosis.contents import chain_findings, sight
from twoway.errors import CertificateUnreadable
from twoway.findings import Finding, Severity, Who
from twoway.x509.hosts import is_for_host

if TYPE_CHECKING:
    from twoway.diagnosis.probe import Probed

# Source: RFC 8996
_OLD_VERSIONS = {"TLSv1", "TLSv1.1"}


def findings(probed: Probed, host: str, *, at: datetime) -> tuple[Finding, ...]:
    """Return what is worth knowing; whether it is in the way, the client decides.

    Args:
        probed: what was seen.
        host: the name that clients call.
        at: now, aware.
    """
    return (
        *_about_connection(probed),
        *_about_name(probed, host),
        *chain_findings(probed.certificates, at=at),
    )


def _about_connection(probed: Probed) -> Iterator[Finding]:
    if probed.tls in _OLD_VERSIONS:
        yield Finding(
            code="server-tls-old",
            severity=Severity.WARNING,
            title=f"{probed.address} speaks {probed.tls} at most",
            cause="clients of today refuse TLS before 1.2",
            remedy="turn on TLS 1.2 and 1.3 there",
            who=Who.PARTNER,
            facts={"address": str(probed.address), "tls": probed.tls},
        )


def _about_name(probed: Probed, host: str) -> Iterator[Finding]:
    leaf = probed.certificates[0]
    try:
        if is_for_host(leaf, host):
            return
    except CertificateUnreadable:
        return  # which is a finding already
    facts = sight(leaf).facts
    yield Finding(
        code="server-name-not-covered",
        severity=Severity.WARNING,
        title=f"the server's certificate is for {', '.join(facts['san']) or 'no host at all'}, not for {host}",
        cause="clients compare the host of the URL with the alternative names, and with nothing else",
        remedy=f"call it by a name that it has, or have the certificate issued for {host} too",
        who=Who.EITHER,
        facts={"host": host, "san": facts["san"], "sha256": leaf.sha256},
    )
