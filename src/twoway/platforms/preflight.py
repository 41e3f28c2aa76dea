"""A file held against what a platform accepts, before anybody uploads it. Pure.

What a document says and nobody has seen is a warning, never an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from twoway.findings import Finding, Severity, worst_first
from twoway.platforms import certificate_rules, file_rules
from twoway.platforms.platform import ByDocument, Platform, Use
from twoway.platforms.presented import Presented

# True of every platform, and seen on real ones.
_UNIVERSAL = {
    "key-mismatch",
    "identity-missing",
    "certificate-ended",
    "key-usage-cannot-sign",
    "purpose-missing",
    "chain-out-of-order",
    "issuers-beside-the-key",
    "truststore-with-key",
}


def preflight(platform: Platform, use: Use, file: Presented) -> tuple[Finding, ...]:
    """Return everything that speaks against this file on this platform, the errors first.

    Args:
        platform: what it is for.
        use: what for there.
        file: the file.
    """
    rules = (*file_rules.RULES, *certificate_rules.RULES)
    said = (
        *file.keystore.findings,
        *(finding for rule in rules for finding in rule(file, use.accepts)),
        *(finding for check in use.checks for finding in check(file)),
    )
    return weighed(platform, said)


def unopened(platform: Platform, use: Use, file: Presented) -> tuple[Finding, ...]:
    """Return what speaks against a file whose password nobody gave, as far as that shows, the errors first.

    Args:
        platform: what it is for.
        use: what for there.
        file: the file, its keys locked.
    """
    said = (finding for rule in file_rules.OUTSIDE for finding in rule(file, use.accepts))
    return weighed(platform, (*file.keystore.findings, *said))


def weighed(platform: Platform, said: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return each finding once, as heavy as the platform is known well, the errors first."""
    found: list[Finding] = []
    for finding in said:
        if finding not in found:
            found.append(finding)
    return worst_first(_weighed(one, platform) for one in found)


def _weighed(finding: Finding, platform: Platform) -> Finding:
    """What breaks everywhere stays an error; a rule of this platform's own counts as it is proven."""
    if not isinstance(platform.proof, ByDocument) or finding.severity is not Severity.ERROR:
        return finding
    if finding.code in _UNIVERSAL:
        return finding
    return replace(
        finding, severity=Severity.WARNING, facts={**finding.facts, "source": platform.proof.source}
    )
