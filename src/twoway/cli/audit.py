"""``twoway audit``: every change that anyone made."""

from __future__ import annotations

import json

import click

from twoway.cli.options import json_option
from twoway.cli.output import Output, plain
from twoway.cli.realms import RealmPlace, realm_option


@click.group()
def audit() -> None:
    """Every change that anyone made, append-only and hash-chained."""


@audit.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True, help="The last N entries."
)
@realm_option
@json_option
def list_entries(limit: int, place: RealmPlace, out: Output) -> None:
    """List the last changes, oldest first."""
    from twoway.realm import audit as audits

    with place.reading() as connection:
        entries = audits.latest(connection, limit=limit)
    columns = ["number", "at", "actor", "action", "subject", "facts"]
    rows = [
        (entry.sequence, entry.at, entry.actor, entry.action, entry.subject, entry.facts) for entry in entries
    ]
    data = [{**plain(entry), "facts": json.loads(entry.facts), "mac": entry.mac.hex()} for entry in entries]
    out.table(columns, rows, data)


@audit.command()
@realm_option
@json_option
def verify(place: RealmPlace, out: Output) -> None:
    """Check that every entry is as it was written and none is missing."""
    from twoway.realm import audit as audits

    with place.opened() as realm:
        verified = audits.verify(realm)
    out.done(
        f"the audit holds: {verified.count} entries, head {verified.head}",
        {"count": verified.count, "head": verified.head},
    )
