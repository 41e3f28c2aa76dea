"""``twoway journal``: handshakes and refusals at the gateway, with their reasons."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.options import json_option
from twoway.cli.output import Output, echo_json, echo_json_line, in_words, note, plain
from twoway.cli.realms import RealmPlace, realm_option
from twoway.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from twoway.realm.realm import Realm
    from twoway.realm.records import JournalEntryRecord

# Seconds between two looks at the journal; the gateway writes floods together about as often.
PAUSE = 0.2
# Entries at one look.
AT_ONCE = 500


@click.command()
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C; one entry a line.")
@click.option(
    "--limit", type=click.IntRange(0, 100_000), default=50, show_default=True, help="The last N entries."
)
@click.option("--ticket", help="Only the entry of this ticket, as a refused partner names it.")
@click.option("--client", "client_name", help="Only what this client did.")
@click.option("--service", "service_name", help="Only what happened at this service.")
@realm_option
@json_option
def journal(
    follow: bool,
    limit: int,
    ticket: str | None,
    client_name: str | None,
    service_name: str | None,
    place: RealmPlace,
    out: Output,
) -> None:
    """Show handshakes and refusals at the gateway, oldest first, each with its reason.

    Many alike are one entry with a count. With --json --follow every line is one JSON document.
    """
    from twoway.realm import journal as journals

    wanted = {"ticket": ticket, "client": client_name, "service": service_name}
    if follow and ticket is not None:
        raise UsageError("--ticket is of what has happened", "leave out --follow")
    with place.opened() as realm:
        with realm.reading() as connection:
            newest = journals.latest(connection, limit=1)
            found = journals.latest(connection, limit=limit, **wanted) if limit else ()
            if not found:
                check_known(connection, client_name, service_name)
        if out.json and not follow:
            echo_json([facts(entry) for entry in found])
            return
        show(found, out)
        if not found and not follow:
            note("no entries")
        if follow:
            watch(
                realm, newest[-1].id if newest else 0, {"client": client_name, "service": service_name}, out
            )


def check_known(connection: Connection, client: str | None, service: str | None) -> None:
    """Return if those who have no entries are at least in the realm; who was removed may have some.

    Raises:
        NotInRealm: there is no such client or service, which is why.
    """
    from twoway.realm import clients, services

    if client is not None:
        clients.find(connection, client)
    if service is not None:
        services.find(connection, service)


def watch(realm: Realm, since: int, wanted: dict[str, str | None], out: Output) -> None:
    """Show what comes after an entry, until it is interrupted."""
    from twoway.realm import journal as journals

    while True:
        with realm.reading() as connection:
            found = journals.entries(connection, since=since, limit=AT_ONCE)
        fits = [
            one for one in found if all(value in {None, getattr(one, name)} for name, value in wanted.items())
        ]
        show(fits, out)
        if found:
            since = found[-1].id
        if len(found) < AT_ONCE:
            time.sleep(PAUSE)


def show(entries: Iterable[JournalEntryRecord], out: Output) -> None:
    """Write entries, one a line."""
    for entry in entries:
        if out.json:
            echo_json_line(facts(entry))
        else:
            click.echo(line(entry))


# What a line names, in this order; the column is called otherwise where that reads better.
NAMED = ("service", "client", "source", "subject", "issuer", "serial", "not_after", "ticket")


def line(entry: JournalEntryRecord) -> str:
    """Return an entry as a person reads it."""
    detail = json.loads(entry.detail)
    told = (detail.pop("what", None) or title(entry.code), detail.pop("why", None))
    reason = "; ".join(in_words(part) for part in told if part)
    facts = {**{name: getattr(entry, name) for name in NAMED}, **detail}
    parts = [in_words(entry.at), entry.kind, entry.code]
    parts += [f"x{entry.count}"] if entry.count > 1 else []
    parts += [f"({reason})"] if reason else []
    parts += [
        f"{in_words(name)}={in_words(value)}" for name, value in facts.items() if value not in {None, ""}
    ]
    return "  ".join(map(in_words, parts))


def title(code: str) -> str:
    """Return what a code means, as the gateway says it, or nothing where it is none of the gateway's."""
    from twoway.gateway import reasons

    titles = {reason.code: reason.title for reason in (*reasons.DECISIONS, *reasons.ALARMS)}
    titles |= {
        failure.code: failure.title for failure in (*reasons.HANDSHAKE_FAILURES, reasons.HANDSHAKE_OTHER)
    }
    return titles.get(code, "")


def facts(entry: JournalEntryRecord) -> dict[str, Any]:
    """Return an entry as every --json shows it."""
    return {**plain(entry), "title": title(entry.code), "detail": json.loads(entry.detail)}
