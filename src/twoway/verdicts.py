"""What a check concludes: sound, broken, or not to be found out, the same for every command that checks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from twoway.findings import Finding, Severity, worst_first


class Outcome(StrEnum):
    """What a check came to."""

    OK = "ok"
    BROKEN = "broken"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Undone:
    """A check that could not be made.

    Args:
        check: its name.
        why: one sentence.
    """

    check: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check concludes about one thing.

    Args:
        target: what was checked, as the user named it.
        findings: all that is worth knowing, the one that breaks it first.
        unknown: what could not be checked.
    """

    target: str
    findings: tuple[Finding, ...]
    unknown: tuple[Undone, ...] = ()

    @property
    def cause(self) -> Finding | None:
        """The first finding that is an error."""
        return next((found for found in self.findings if found.severity is Severity.ERROR), None)

    @property
    def outcome(self) -> Outcome:
        """Broken if anything is an error; unknown if nothing is, and not everything could be checked."""
        if self.cause is not None:
            return Outcome.BROKEN
        return Outcome.UNKNOWN if self.unknown else Outcome.OK

    @property
    def exit_status(self) -> int:
        """0 ok, 1 broken, 3 could not find out."""
        return {Outcome.OK: 0, Outcome.BROKEN: 1, Outcome.UNKNOWN: 3}[self.outcome]

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as every ``--json`` shows it."""
        return {
            "target": self.target,
            "verdict": str(self.outcome),
            "cause": None if self.cause is None else self.cause.as_json(),
            "findings": [found.as_json() for found in self.findings],
            "unknown": [{"check": undone.check, "why": undone.why} for undone in self.unknown],
        }


def concluded(target: str, findings: Iterable[Finding], unknown: Iterable[Undone] = ()) -> Verdict:
    """Return the verdict on what was found, the errors first and otherwise in order, each finding once."""
    distinct: list[Finding] = []
    for found in findings:
        if found not in distinct:
            distinct.append(found)
    return Verdict(target, worst_first(distinct), tuple(unknown))
