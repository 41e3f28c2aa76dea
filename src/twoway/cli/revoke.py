"""``twoway client revoke``: done when every gateway has acknowledged it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.acknowledged import show_acknowledgement
from twoway.cli.clients import binding_facts
from twoway.cli.options import confirm, dry_run_option, duration_text, json_option, type_of_number, yes_option
from twoway.cli.output import Output, echo_json, note
from twoway.cli.realms import RealmPlace, actor, realm_option

if TYPE_CHECKING:
    from twoway.realm.bindings import Ending


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
    request is refused, on open connections too. Every other binding of the same key goes too, whoever has it; that of
    a partner's CA if the reason is cACompromise or keyCompromise.
    """
    from twoway.realm import bindings

    with place.opened() as realm:
        with realm.reading() as connection:
            going = bindings.to_revoke(connection, name, binding, reason=reason)
        what = f"revoke {counted(len(going))}"
        if (dry_run or not yes) and not out.json:
            note("\n".join([f"would {what}:", *(f"  {line_of(one)}" for one in going)]))
        if dry_run:
            if out.json:
                echo_json({"client": name, "reason": reason, "bindings": facts_of(going), "dry_run": True})
            return 0
        confirm(f"{what}? It cannot be undone.", yes=yes)
        with realm.changing(actor()) as change:
            revoked = bindings.revoke(change, name, binding, reason=reason)
        committed = datetime.now(UTC)
        data = {
            "client": name,
            "reason": reason,
            "committed_at": committed.isoformat(),
            "bindings": facts_of(revoked.endings),
            "max_stream_seconds": revoked.max_stream_seconds,
        }
        bound = f"a stream that is open now may go on for {duration_text(revoked.max_stream_seconds)} at most"
        done = f"client {name}: {in_words(revoked.endings, named=name if binding is None else binding)}"
        return show_acknowledgement(realm, revoked.revision, out, done, data, ended=True, bound=bound)


def facts_of(endings: Sequence[Ending]) -> list[dict[str, Any]]:
    """Return bindings that end as --json shows them."""
    return [{"client": one.client, **binding_facts(one.binding)} for one in endings]


def line_of(one: Ending) -> str:
    """Say which binding ends."""
    found = one.binding
    withdrawn = ", only proposed: it is withdrawn" if found.state == "proposed" else ""
    rule = f" with {found.rule}" if found.rule else ""
    what = f"{found.kind}, {found.subject}{rule}, until {found.not_after:%Y-%m-%d}"
    return f"binding {found.id} of {one.client}: {what}{withdrawn}"


def in_words(endings: Sequence[Ending], *, named: str | int) -> str:
    """Say how many bindings have ended, and which of them were not named: by their client, or by their number."""
    states = [one.binding.state for one in endings]
    said = f"{counted(states.count('revoked'))} revoked"
    if "withdrawn" in states:
        said += f", {states.count('withdrawn')} withdrawn"
    along = [
        f"binding {one.binding.id} of {one.client}"
        for one in endings
        if named not in {one.client, one.binding.id}
    ]
    return f"{said}, among them of the same key: {', '.join(along)}" if along else said


def counted(count: int) -> str:
    """Return a number of bindings in words."""
    return "1 binding" if count == 1 else f"{count} bindings"
