"""Findings: one thing wrong, or worth knowing, in a form that the CLI, the API and an exception share.

A finding names the facts, one cause, one remedy and who has to act. Its ``code`` is stable and documented
in ``docs/findings.md``: scripts may depend on it, its prose may change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad it is: only an error makes a command end with status 1."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Who(StrEnum):
    """Who has to act on a finding."""

    US = "us"
    PARTNER = "partner"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong, or worth knowing.

    Args:
        code: stable, kebab-case, documented in ``docs/findings.md``.
        severity: ``error``, ``warning`` or ``info``.
        title: one line, lower case, no period.
        cause: why it is so, one sentence.
        remedy: one command or one edit.
        who: who has to act.
        facts: the values that it is about, ready for JSON; never a secret.
    """

    code: str
    severity: Severity
    title: str
    cause: str
    remedy: str
    who: Who = Who.US
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the finding as the ``FINDING`` object of every ``--json`` output."""
        return {
            "code": self.code,
            "severity": str(self.severity),
            "title": self.title,
            "facts": dict(self.facts),
            "cause": self.cause,
            "remedy": self.remedy,
            "who": str(self.who),
        }


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings by how bad they are, the errors first."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))
