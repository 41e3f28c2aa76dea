"""``twoway endpoint``: the APIs of partners that we call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.files import read_file
from twoway.cli.identities import IdentitySource, identity_options
from twoway.cli.options import (
    Command,
    PasswordSource,
    confirm,
    dry_run_option,
    json_option,
    password_options,
    type_of_file,
    yes_option,
)
from twoway.cli.output import Output, note
from twoway.cli.realms import RealmPlace, actor, realm_option
from twoway.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from twoway.realm.endpoints import Auth
    from twoway.realm.records import EndpointRecord


@click.group()
def endpoint() -> None:
    """The APIs of partners that we call, each under a name with all that a call needs."""


OPTIONS: tuple[Callable[[Command], Command], ...] = (
    identity_options,
    click.option(
        "--trust",
        type=type_of_file,
        metavar="FILE",
        help="The CAs that the server's certificate may come from (default: the system's).",
    ),
    click.option(
        "--auth",
        type=click.Choice(["none", "basic", "bearer"]),
        help="How we say who we are beside the certificate (default: none).",
    ),
    click.option("--user", help="The user of --auth basic."),
    password_options("auth-password", "The password of --auth basic, or the token of --auth bearer"),
)


def endpoint_options(command: Command) -> Command:
    """Add what a call to an endpoint needs."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@endpoint.command()
@click.argument("name", help="The name that twoway call knows it by.")
@click.option(
    "--url", required=True, help="Where it is: https://, a host, and a path if all calls share one."
)
@endpoint_options
@realm_option
@json_option
def add(
    name: str,
    url: str,
    identity: IdentitySource,
    trust: Path | None,
    auth: str | None,
    user: str | None,
    auth_password: PasswordSource,
    place: RealmPlace,
    out: Output,
) -> None:
    """Add an API of a partner. Its identity goes into the vault, sealed."""
    from twoway.realm import endpoints

    given = authentication(auth, user, auth_password) or endpoints.NoAuth()
    with place.opened() as realm:
        brought = identity.brought(realm)
        with realm.changing(actor()) as change:
            anchors = read_file(trust) if trust else b""
            record = endpoints.add(change, name, url, identity=brought, trust=anchors, auth=given)
            data = facts(change.connection, record)
    out.done(f"endpoint {name} added", data)
    if not out.json:
        note(f"next: twoway call {name}/PATH")


@endpoint.command()
@click.argument("name", help="The endpoint.")
@click.option("--url", help="Where it is.")
@endpoint_options
@realm_option
@json_option
def edit(
    name: str,
    url: str | None,
    identity: IdentitySource,
    trust: Path | None,
    auth: str | None,
    user: str | None,
    auth_password: PasswordSource,
    place: RealmPlace,
    out: Output,
) -> None:
    """Change an endpoint; what is left out stays as it is."""
    from twoway.realm import endpoints

    given = authentication(auth, user, auth_password)
    if url is None and trust is None and given is None and not identity.named:
        raise UsageError("there is nothing to change", "see twoway endpoint edit --help")
    with place.opened() as realm:
        brought = identity.brought(realm)
        with realm.changing(actor()) as change:
            anchors = read_file(trust) if trust else None
            record = endpoints.edit(change, name, url=url, identity=brought, trust=anchors, auth=given)
            data = facts(change.connection, record)
    out.done(f"endpoint {name} changed", data)


@endpoint.command("list")
@realm_option
@json_option
def list_endpoints(place: RealmPlace, out: Output) -> None:
    """List the endpoints."""
    from twoway.realm import endpoints

    with place.reading() as connection:
        found = [facts(connection, record) for record in endpoints.endpoints(connection)]
    rows = [[one["name"], one["url"], one["auth"], (one["identity"] or {}).get("subject")] for one in found]
    out.table(["name", "url", "auth", "identity"], rows, found)


@endpoint.command()
@click.argument("name", help="The endpoint.")
@realm_option
@json_option
def show(name: str, place: RealmPlace, out: Output) -> None:
    """Show an endpoint, its identity and whom it trusts."""
    from twoway.realm import endpoints

    with place.reading() as connection:
        data = facts(connection, endpoints.find(connection, name))
    flat = {key: value for key, value in data.items() if key not in {"identity", "trust"}}
    for key, value in (data["identity"] or {}).items():
        flat[f"identity_{key}"] = value
    flat["trust"] = [anchor["subject"] for anchor in data["trust"]] or "the system's"
    out.record(flat, data)


@endpoint.command()
@click.argument("name", help="The endpoint.")
@yes_option
@dry_run_option
@realm_option
@json_option
def remove(name: str, yes: bool, dry_run: bool, place: RealmPlace, out: Output) -> None:
    """Remove an endpoint, and its identity from the vault."""
    from twoway.realm import endpoints

    with place.opened() as realm:
        with realm.reading() as connection:
            data = facts(connection, endpoints.find(connection, name))
        if dry_run:
            out.done(f"would remove endpoint {name} and its identity", data)
            return
        confirm(f"remove endpoint {name} and its identity?", yes=yes)
        with realm.changing(actor()) as change:
            endpoints.remove(change, name)
    out.done(f"endpoint {name} removed", data)


def authentication(auth: str | None, user: str | None, password: PasswordSource) -> Auth | None:
    """Return what the options say of authentication, or None where they say nothing."""
    from twoway.realm import endpoints

    if user is not None and auth != "basic":
        raise UsageError("--user goes with --auth basic", "add --auth basic, or leave --user out")
    if auth == "basic":
        if not user:
            raise UsageError("--auth basic needs a user", "give it with --user NAME")
        return endpoints.Basic(user, password.or_asked(f"password of {user}"))
    if auth == "bearer":
        return endpoints.Bearer(password.or_asked("token"))
    if password.file or password.variable:
        raise UsageError("a password without --auth is for nothing", "add --auth basic or --auth bearer")
    return endpoints.NoAuth() if auth == "none" else None


def facts(connection: Connection, record: EndpointRecord) -> dict[str, Any]:
    """Return an endpoint as every --json shows it; never a password."""
    from twoway.realm import vault
    from twoway.x509.certificates import load_certificates

    identity = None
    if record.vault_entry_id is not None:
        entry = vault.entry(connection, record.vault_entry_id)
        leaf = vault.certificates(entry)[0]
        identity = {"subject": leaf.subject, "sha256": entry.sha256, "not_after": entry.not_after}
    anchors = load_certificates(record.trust.encode()) if record.trust else ()
    return {
        "name": record.name,
        "url": record.url,
        "auth": record.auth,
        "user": record.auth_user,
        "identity": identity,
        "trust": [{"subject": anchor.subject, "sha256": anchor.sha256} for anchor in anchors],
        "created": record.created,
    }
