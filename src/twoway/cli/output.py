"""What a command shows: data to stdout, as text or as one JSON document; everything else to stderr.

Text that a partner or an attacker chose is made harmless on its way to a terminal. In JSON it is escaped by JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import click

from twoway.findings import Finding, Severity


@dataclass(frozen=True, slots=True)
class Output:
    """Where a command's results go.

    Args:
        json: one JSON document to stdout instead of text.
    """

    json: bool = False

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], data: object) -> None:
        """Show rows under named columns; as JSON, the data that they were made from."""
        if self.json:
            echo_json(data)
            return
        cells = [[in_words(value) for value in row] for row in rows]
        if not cells:
            note("none")
        elif sys.stdout.isatty():
            from twoway.cli.tables import print_table

            print_table(columns, cells)
        else:
            click.echo("\n".join(aligned([[column.upper() for column in columns], *cells])))

    def record(self, facts: Mapping[str, object], data: object = None) -> None:
        """Show one thing, a fact a line; as JSON, the data or else the facts themselves."""
        if self.json:
            echo_json(facts if data is None else data)
            return
        lines = [[name.replace("_", " "), in_words(value)] for name, value in facts.items()]
        click.echo("\n".join(aligned(lines)))

    def done(self, text: str, data: object) -> None:
        """Say on stderr what was done; as JSON, the data on stdout."""
        if self.json:
            echo_json(data)
        else:
            note(text)

    def text(self, text: str, data: object) -> None:
        """Write text to stdout as it is, such as PEM that we made; as JSON, the data."""
        if self.json:
            echo_json(data)
        else:
            click.echo(text, nl=not text.endswith("\n"))

    def findings(self, findings: Iterable[Finding]) -> None:
        """Say findings with their remedies on stderr, the errors last; as JSON they belong to the data."""
        if self.json:
            return
        order = [Severity.INFO, Severity.WARNING, Severity.ERROR]
        for finding in sorted(findings, key=lambda found: order.index(found.severity)):
            note(f"{finding.severity}: {finding.title} ({finding.code})")
            if finding.remedy:
                note(f"  hint: {finding.remedy}")


def note(text: str) -> None:
    """Write lines to stderr, for a person."""
    for line in text.split("\n"):
        click.echo(printable(line), err=True)


def echo_json(value: object) -> None:
    """Write one JSON document to stdout."""
    click.echo(json.dumps(plain(value), indent=2, ensure_ascii=True))


def echo_json_line(value: object) -> None:
    """Write one JSON document on one line, for streams."""
    click.echo(json.dumps(plain(value), ensure_ascii=True))


def plain(value: Any) -> Any:
    """Return a value as what JSON has: times in UTC as RFC 3339, bytes never."""
    match value:
        case Finding():
            return plain(value.as_json())
        case Enum():
            return plain(value.value)
        case bool() | int() | float() | str() | None:
            return value
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        case Mapping():
            return {str(name): plain(item) for name, item in value.items()}
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {name: plain(item) for name, item in asdict(value).items() if not isinstance(item, bytes)}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case Path():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no form in JSON")


def in_words(value: object) -> str:
    """Return a value as a person reads it, on one line and harmless to a terminal."""
    match value:
        case None | "" | () | []:
            return "-"
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        case list() | tuple() | set() | frozenset():
            return ", ".join(in_words(item) for item in value)
        case _:
            return printable(str(value))


def printable(text: str) -> str:
    """Escape what could move a terminal's cursor, change its colours or turn its text around."""
    if text.isprintable():
        return text
    from twoway.x509 import names

    return names.printable(text)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines whose columns begin at the same place."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
