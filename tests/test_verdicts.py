from __future__ import annotations

from twoway.findings import Finding, Severity
from twoway.verdicts import Outcome, Undone, concluded

ERROR, WARNING = (
    Finding(code, severity, code, "", "")
    for code, severity in (("e", Severity.ERROR), ("w", Severity.WARNING))
)


def test_error_is_the_cause():
    """The first one, and it stands first."""
    verdict = concluded("x", [WARNING, ERROR, WARNING])
    assert (Outcome.BROKEN, 1, ERROR, (ERROR, WARNING)) == (
        verdict.outcome,
        verdict.exit_status,
        verdict.cause,
        verdict.findings,
    )


def test_warning_breaks_nothing():
    """It works today."""
    verdict = concluded("x", [WARNING])
    assert (Outcome.OK, 0, None) == (verdict.outcome, verdict.exit_status, verdict.cause)


def test_what_could_not_be_checked_is_no_yes():
    """Nor a no: the status is 3."""
    verdict = concluded("x", [], [Undone("crl", "it is out of date")])
    assert (Outcome.UNKNOWN, 3) == (verdict.outcome, verdict.exit_status)
    assert [{"check": "crl", "why": "it is out of date"}] == verdict.as_json()["unknown"]


def test_error_outweighs_what_could_not_be_checked():
    """Broken is broken."""
    assert Outcome.BROKEN is concluded("x", [ERROR], [Undone("crl", "away")]).outcome
