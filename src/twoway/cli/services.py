"""``twoway service``: the APIs of ours behind the gateway."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.acknowledged import show_acknowledgement
from twoway.cli.files import read_file
from twoway.cli.identities import IdentitySource, identity_options
from twoway.cli.options import (
    Command,
    Duration,
    confirm,
    dry_run_option,
    duration_text,
    json_option,
    yes_option,
)
from twoway.cli.output import Output
from twoway.cli.realms import RealmPlace, actor, realm_option
from twoway.errors import UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from twoway.realm.records import ServiceRecord
    from twoway.x509.certificates import Certificate


@click.group()
def service() -> None:
    """The APIs of ours behind the gateway."""


OPTIONS: tuple[Callable[[Command], Command], ...] = (
    click.option(
        "--host",
        help="The name that partners call it by; without one, any that no other service has.",
    ),
    click.option("--path", help="The path that it owns, such as /orders (default: /)."),
    click.option(
        "--client-certificate",
        type=click.Choice(["required", "optional", "off"]),
        help="Whether callers need one (default: required). Optional: anonymous without, refused with a wrong one.",
    ),
    click.option(
        "--handshake",
        type=click.Choice(["explain", "strict"]),
        help="Answer a stranger with a reason (the default), or end the handshake.",
    ),
    click.option(
        "--refusals",
        type=click.Choice(["bare", "explained"]),
        help="A bare 403 (the default), or problem+json with the facts of the certificate and a ticket.",
    ),
    click.option(
        "--send",
        multiple=True,
        metavar="HEADER",
        help="An identity header for the upstream: x-client-id (the default), x-forwarded-client-cert, "
        "client-cert, client-cert-chain, or none. May be repeated.",
    ),
    click.option(
        "--max-stream",
        type=Duration(),
        metavar="DURATION",
        help="How long one request, stream or WebSocket may last, such as 15m (default: 1h).",
    ),
    click.option(
        "--ca-name",
        "ca_names",
        multiple=True,
        metavar="NAME|FILE",
        help="A CA that the handshakes of the whole host name: its certificate file, its subject (some clients compare "
        "bytes, which only the file has), or none. May be repeated.",
    ),
)


def service_options(command: Command) -> Command:
    """Add what a service may say of itself; an option that is left out is None."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


@service.command()
@click.argument("name", help="At most 63 of a-z, 0-9, dot, dash and underscore.")
@click.option(
    "--upstream", required=True, metavar="URL", help="Where requests go, such as http://127.0.0.1:8080."
)
@service_options
@identity_options
@realm_option
@json_option
def add(
    name: str, upstream: str, identity: IdentitySource, place: RealmPlace, out: Output, **options: Any
) -> int:
    """Add a service: a host and a path of ours, and where its requests go.

    Its host's certificate is issued and renewed by our own CA unless --identity brings one. The files of one that is
    brought are watched: what replaces them is served, if it can be, and no connection is dropped.
    """
    from twoway.realm import services

    wanted = services.ServiceOptions(**chosen(options))
    with place.opened() as realm:
        brought = identity.brought(realm)
        with realm.changing(actor()) as change:
            services.add(change, name, upstream, options=wanted, identity=brought)
            found = services.findings(change.connection, name, brought, at=change.at)
            data = {**shown(change.connection, name), "findings": found}
        out.findings(found)
        return show_acknowledgement(realm, change.revision, out, f"service {name} added", data)


@service.command()
@click.argument("name", help="The service.")
@click.option("--upstream", metavar="URL", help="Where requests go, such as http://127.0.0.1:8080.")
@service_options
@identity_options
@realm_option
@json_option
def edit(
    name: str, upstream: str | None, identity: IdentitySource, place: RealmPlace, out: Output, **options: Any
) -> int:
    """Change a service; what is left out stays as it is."""
    from twoway.realm import services

    wanted = chosen(options)
    if upstream is None and not wanted and not identity.named:
        raise UsageError("there is nothing to change", "see twoway service edit --help")
    with place.opened() as realm:
        brought = identity.brought(realm)
        with realm.changing(actor()) as change:
            services.edit(change, name, upstream=upstream, identity=brought, **wanted)
            found = services.findings(change.connection, name, brought, at=change.at)
            data = {**shown(change.connection, name), "findings": found}
        out.findings(found)
        return show_acknowledgement(realm, change.revision, out, f"service {name} changed", data)


@service.command("list")
@realm_option
@json_option
def list_services(place: RealmPlace, out: Output) -> None:
    """List the services."""
    from twoway.realm import services

    with place.reading() as connection:
        who = callers(connection)
        found = [facts(connection, record, who) for record in services.services(connection)]
    columns = ["name", "host", "path", "upstream", "client_certificate", "handshake", "clients"]
    rows = [[one[column] or "*" if column == "host" else one[column] for column in columns] for one in found]
    out.table([column.replace("_", " ") for column in columns], rows, found)


@service.command()
@click.argument("name", help="The service.")
@realm_option
@json_option
def show(name: str, place: RealmPlace, out: Output) -> None:
    """Show a service, its certificate and who may call it."""
    with place.reading() as connection:
        data = shown(connection, name)
    flat = {**data, "max_stream_seconds": duration_text(data["max_stream_seconds"]), **data["certificate"]}
    out.record({key: value for key, value in flat.items() if key != "certificate"}, data)


@service.command()
@click.argument("name", help="The service.")
@yes_option
@dry_run_option
@realm_option
@json_option
def remove(name: str, yes: bool, dry_run: bool, place: RealmPlace, out: Output) -> int:
    """Remove a service and the permissions to call it."""
    from twoway.realm import services

    with place.opened() as realm:
        with realm.reading() as connection:
            data = shown(connection, name)
        what = f"remove service {name}, which {len(data['clients'])} clients may call"
        if dry_run:
            out.done(f"would {what}", data)
            return 0
        confirm(f"{what}?", yes=yes)
        with realm.changing(actor()) as change:
            services.remove(change, name)
        return show_acknowledgement(realm, change.revision, out, f"service {name} removed", data)


def chosen(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that were given, as the realm takes them.

    Raises:
        UsageError: none beside others, or a file that is not there.
    """
    given = {name: value for name, value in options.items() if value not in {None, ()}}
    if "max_stream" in given:
        given["max_stream_seconds"] = given.pop("max_stream")
    if "send" in given:
        given["send"] = some("--send", given["send"])
    if "ca_names" in given:
        texts = some("--ca-name", given["ca_names"])
        given["ca_names"] = tuple(name for text in texts for name in ca_names(text))
    return given


def some(option: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values of an option that may be repeated, of which ``none`` stands for no value."""
    if "none" not in values:
        return values
    if {*values} != {"none"}:
        raise UsageError(f"{option} none excludes every other {option}", f"leave out {option} none")
    return ()


def ca_names(text: str) -> list[str | Certificate]:
    """Return the CAs that an option names: those of a certificate file, or a subject as it is written."""
    from twoway.x509.certificates import load_certificates

    if Path(text).is_file():
        return list(load_certificates(read_file(Path(text))))
    if "=" not in text:
        raise UsageError(
            f"--ca-name {text}: no such file", "name a CA's certificate file, or its subject as CN=name"
        )
    return [text]


def shown(connection: Connection, name: str) -> dict[str, Any]:
    """Return one service as every --json shows it."""
    from twoway.realm import services

    return facts(connection, services.find(connection, name), callers(connection))


def callers(connection: Connection) -> dict[str, list[str]]:
    """Return the names of those who may call, by service."""
    from twoway.realm import clients

    found: dict[str, list[str]] = {}
    for one in clients.clients(connection):
        for name in one.allowed:
            found.setdefault(name, []).append(one.name)
    return found


def facts(connection: Connection, record: ServiceRecord, who: dict[str, list[str]]) -> dict[str, Any]:
    """Return a service as every --json shows it."""
    from twoway.realm import vault

    entry = vault.entry(connection, record.vault_entry_id)
    names = ("name", "host", "path", "upstream", "client_certificate", "handshake", "refusals")
    return {
        **{name: getattr(record, name) for name in names},
        "send": record.sends,
        "max_stream_seconds": record.max_stream_seconds,
        "ca_names": [name_in_words(der) for der in record.ca_subjects],
        "certificate": {
            "sha256": entry.sha256,
            "not_after": entry.not_after,
            "issued_by_us": entry.certificate_id is not None,
            "files": entry.source_paths,
        },
        "clients": who.get(record.name, []),
        "created": record.created,
    }


def name_in_words(der: bytes) -> str:
    """Return a subject of a certificate request as text."""
    from cryptography.x509 import Name

    from twoway.x509.names import name_text

    return name_text(Name.from_bytes(der))
