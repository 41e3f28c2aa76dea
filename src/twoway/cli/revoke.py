"""``twoway client revoke``: done when every gateway has acknowledged it."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from twoway.cli.acknowledged import show_acknowledgement
from twoway.cli.clients import binding_facts
from twoway.cli.options import confirm, dry_run_option, duration_text, json_option, type_of_number, yes_option
from twoway.cli.output import Output
from twoway.cli.realms import RealmPlace, actor, realm_option


@click.command()
@click.argument("name", help="The client.")
@click.option(
    "--binding", type=type_of_number, metavar="ID", help="This binding alone, as client show lists them."
)
@click.option(
    "--reason", default="unspecified", help="As RFC 5280 names it, such as keyCompromise or superseded."
)
@yes_option
@dry_run_option
@realm_option
@json_option
def revoke(
    name: str, binding: int | None, reason: str, yes: bool, dry_run: bool, place: RealmPlace, out: Output
) -> int:
    """Revoke a client's bindings, all or one, at every gateway.

    It waits until every gateway that runs has acknowledged it, and says how long that took. From then on the next
    request is refused, on open connections too. Every other binding of the same key goes too, whoever has it.
    """
    from twoway.realm import bindings

    with place.opened() as realm:
        with realm.reading() as connection:
            found = bindings.bindings(connection, name)
            named = [bindings.binding(connection, name, binding)] if binding is not None else found
        going = [record for record in named if record.state not in {"revoked", "withdrawn"}]
        what = f"revoke {in_words(len(going))} of client {name}"
        if dry_run:
            data = {"client": name, "bindings": [binding_facts(record) for record in going], "dry_run": True}
            out.done(f"would {what}", data)
            return 0
        confirm(f"{what}? It cannot be undone.", yes=yes)
        with realm.changing(actor()) as change:
            revoked = bindings.revoke(change, name, binding, reason=reason)
        committed = datetime.now(UTC)
        data = {
            "client": name,
            "reason": reason,
            "committed_at": committed.isoformat(),
            "bindings": [binding_facts(record) for record in revoked.bindings],
            "max_stream_seconds": revoked.max_stream_seconds,
        }
        bound = f"a stream that is open now may go on for {duration_text(revoked.max_stream_seconds)} at most"
        done = f"client {name}: {in_words(len(revoked.bindings))} revoked"
        return show_acknowledgement(realm, revoked.revision, out, done, data, ended=True, bound=bound)


def in_words(count: int) -> str:
    """Return a number of bindings in words."""
    return "1 binding" if count == 1 else f"{count} bindings"
