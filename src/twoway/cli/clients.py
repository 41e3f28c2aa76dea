"""``twoway client``: its commands, and those of a client as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from twoway.cli.acknowledged import show_acknowledgement
from twoway.cli.lazy import LazyGroup
from twoway.cli.options import confirm, dry_run_option, json_option, yes_option
from twoway.cli.output import Output, note
from twoway.cli.realms import RealmPlace, actor, realm_option

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from twoway.realm.records import BindingRecord

COMMANDS = {
    "add": ("clients.add", "Add a partner that calls us."),
    "list": ("clients.list_clients", "List the clients."),
    "show": ("clients.show", "Show a client, what it may call and its bindings."),
    "allow": ("clients.allow", "Let a client call services."),
    "deny": ("clients.deny", "Take the right to call services away."),
    "issue": ("issue.issue", "Issue a certificate for a client."),
    "accept": ("bindings.accept", "Accept a certificate or a CA that a client brings."),
    "challenge": ("possession.challenge", "Have a client prove that it holds its key."),
    "confirm": ("bindings.confirm", "Make a proposed binding active."),
    "withdraw": ("bindings.withdraw", "Drop a proposed binding."),
    "retire": ("bindings.retire", "End a binding that was replaced."),
    "revoke": ("revoke.revoke", "Revoke a client's bindings, at every gateway."),
    "suspend": ("clients.suspend", "Let a client in no more until it is resumed."),
    "resume": ("clients.resume", "Let a suspended client in again."),
    "remove": ("clients.remove", "Remove a client; what it had is revoked."),
}


@click.group(cls=LazyGroup, package="twoway.cli", lazy=COMMANDS)
def client() -> None:
    """The partners that call us, and how we know them.

    A client is known by one or more bindings: a certificate that we issued, one of its own that we accepted, or its own
    CA with a rule for the names in its certificates. Several may be active at once; that is how one is replaced.
    """


@click.command()
@click.argument("name", help="At most 63 of a-z, 0-9, dot, dash and underscore.")
@click.option("--allow", "services", multiple=True, metavar="SERVICE", help="A service that it may call.")
@realm_option
@json_option
def add(name: str, services: tuple[str, ...], place: RealmPlace, out: Output) -> None:
    """Add a partner that calls us."""
    from twoway.realm import clients

    with place.changing() as change:
        clients.add(change, name, services)
        data = facts(change.connection, name)
    out.done(f"client {name} added" + (f", allowed: {', '.join(services)}" if services else ""), data)
    if not out.json:
        note(f"next: twoway client issue {name} -o DIR, or twoway client accept {name} --certificate FILE")


@click.command("list")
@click.option("--removed", is_flag=True, help="Those that were removed, too.")
@realm_option
@json_option
def list_clients(removed: bool, place: RealmPlace, out: Output) -> None:
    """List the clients."""
    from twoway.realm import clients

    with place.reading() as connection:
        found = clients.clients(connection, removed=removed)
    columns = ["name", "state", "allowed", "bindings", "first end"]
    rows = [(one.name, one.state, one.allowed, counted(one.bindings), one.not_after) for one in found]
    out.table(columns, rows, list(found))


@click.command()
@click.argument("name", help="The client.")
@realm_option
@json_option
def show(name: str, place: RealmPlace, out: Output) -> None:
    """Show a client, what it may call and its bindings."""
    with place.reading() as connection:
        data = facts(connection, name)
    if out.json:
        out.record(data)
        return
    out.record({key: value for key, value in data.items() if key != "bindings"})
    columns = ["binding", "kind", "state", "subject", "rule", "not after", "sha256"]
    keys = ["id", "kind", "state", "subject", "rule", "not_after", "sha256"]
    click.echo()
    out.table(columns, [[one[key] for key in keys] for one in data["bindings"]], data)


@click.command()
@click.argument("name", help="The client.")
@click.argument("services", nargs=-1, required=True, metavar="SERVICE...", help="What it may call.")
@realm_option
@json_option
def allow(name: str, services: tuple[str, ...], place: RealmPlace, out: Output) -> None:
    """Let a client call services."""
    from twoway.realm import clients

    with place.changing() as change:
        for service in services:
            clients.allow(change, name, service)
        data = facts(change.connection, name)
    out.done(f"client {name} may call {', '.join(services)}", data)


@click.command()
@click.argument("name", help="The client.")
@click.argument("services", nargs=-1, required=True, metavar="SERVICE...", help="What it may call no more.")
@realm_option
@json_option
def deny(name: str, services: tuple[str, ...], place: RealmPlace, out: Output) -> int:
    """Take the right to call services away, at every gateway."""
    from twoway.realm import clients

    with place.opened() as realm:
        with realm.changing(actor()) as change:
            for service in services:
                clients.deny(change, name, service)
            data = facts(change.connection, name)
        return show_acknowledgement(
            realm, change.revision, out, f"client {name} may no longer call {', '.join(services)}", data
        )


@click.command()
@click.argument("name", help="The client.")
@realm_option
@json_option
def suspend(name: str, place: RealmPlace, out: Output) -> int:
    """Let a client in no more until it is resumed."""
    from twoway.realm import clients

    with place.opened() as realm:
        with realm.changing(actor()) as change:
            clients.suspend(change, name)
            data = facts(change.connection, name)
        return show_acknowledgement(realm, change.revision, out, f"client {name} suspended", data, ended=True)


@click.command()
@click.argument("name", help="The client.")
@realm_option
@json_option
def resume(name: str, place: RealmPlace, out: Output) -> None:
    """Let a suspended client in again."""
    from twoway.realm import clients

    with place.changing() as change:
        clients.resume(change, name)
        data = facts(change.connection, name)
    out.done(f"client {name} resumed", data)


@click.command()
@click.argument("name", help="The client.")
@yes_option
@dry_run_option
@realm_option
@json_option
def remove(name: str, yes: bool, dry_run: bool, place: RealmPlace, out: Output) -> int:
    """Remove a client; what it had is revoked, and its name becomes free.

    The audit and the journal keep what it did.
    """
    from twoway.realm import clients

    with place.opened() as realm:
        with realm.reading() as connection:
            data = facts(connection, name)
        active = sum(one["state"] == "active" for one in data["bindings"])
        if dry_run:
            out.done(f"would remove client {name} and end its {active} active bindings", data)
            return 0
        confirm(f"remove client {name} and end its {active} active bindings?", yes=yes)
        with realm.changing(actor()) as change:
            clients.remove(change, name)
        return show_acknowledgement(realm, change.revision, out, f"client {name} removed", data, ended=True)


def facts(connection: Connection, name: str) -> dict[str, Any]:
    """Return a client as every --json shows it."""
    from twoway.realm import bindings, clients

    summary = clients.summary(connection, name)
    return {
        "name": summary.name,
        "state": summary.state,
        "created": summary.created,
        "allowed": summary.allowed,
        "bindings": [binding_facts(record) for record in bindings.bindings(connection, name)],
    }


def binding_facts(record: BindingRecord) -> dict[str, Any]:
    """Return a binding as every --json shows it."""
    names = (
        "id",
        "kind",
        "state",
        "sha256",
        "subject",
        "issuer",
        "serial_hex",
        "not_before",
        "not_after",
        "rule",
    )
    times = ("created", "activated", "ended", "reason")
    facts = {name.removesuffix("_hex"): getattr(record, name) for name in (*names, *times)}
    return {**facts, "chain": chain_subjects(record)}


def chain_subjects(record: BindingRecord) -> list[str]:
    """Return who the CAs are that are kept with a binding: above its certificate, or below its CA."""
    from twoway.realm import bindings

    return [issuer.subject for issuer in bindings.certificates_of(record)[1:]]


def counted(bindings: dict[str, int]) -> str:
    """Say how many bindings there are of each state."""
    return ", ".join(f"{count} {state}" for state, count in bindings.items())
