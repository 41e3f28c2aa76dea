"""``twoway expiring``: what ends soon, and what to do about it."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from twoway.cli.options import json_option
from twoway.cli.output import Output
from twoway.cli.realms import RealmPlace, realm_option


@click.command()
@click.option(
    "--days", type=click.IntRange(0, 36500), default=30, show_default=True, help="How far to look ahead."
)
@realm_option
@json_option
def expiring(days: int, place: RealmPlace, out: Output) -> None:
    """List the certificates that end soon or have ended, ours and partners', and what to do.

    The status is 0 with rows and without; a script reads the rows.
    """
    from twoway.realm import expiry

    with place.reading() as connection:
        found = expiry.expiring(connection, datetime.now(UTC), days=days)
    rows = [(one.not_after, one.kind, one.name, one.subject, one.remedy) for one in found]
    out.table(["not after", "kind", "name", "subject", "remedy"], rows, list(found))
