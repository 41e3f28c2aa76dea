"""``twoway client accept``, ``confirm``, ``withdraw`` and ``retire``: how a client is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.acknowledged import show_acknowledgement
from twoway.cli.clients import binding_facts
from twoway.cli.files import read_file
from twoway.cli.options import Command, dry_run_option, json_option, type_of_file, type_of_number
from twoway.cli.output import Output, note
from twoway.cli.realms import RealmPlace, actor, realm_option
from twoway.errors import CertificateUnfit, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from twoway.realm.bindings import Accepted
    from twoway.realm.change import Change
    from twoway.realm.realm import Realm
    from twoway.realm.records import BindingRecord

# Accepts what a client brought, in a change, in spite of these findings.
Acceptance = Callable[["Change", tuple[str, ...]], "Accepted"]


@click.command()
@click.argument("name", help="The client.")
@click.option(
    "--certificate", type=type_of_file, metavar="FILE", help="Its own certificate, with its chain or without."
)
@click.option("--authority", type=type_of_file, metavar="FILE", help="The CA that issues its certificates.")
@click.option(
    "--san", "rule", metavar="RULE", help="With --authority: its names, such as DNS:*.umbrella.com."
)
@click.option(
    "--chain", type=type_of_file, multiple=True, metavar="FILE", help="Issuers between; repeatable."
)
@click.option("--proposed", is_flag=True, help="Without effect until client challenge or client confirm.")
@click.option("--despite", multiple=True, metavar="CODE", help="Accept in spite of this finding; repeatable.")
@dry_run_option
@realm_option
@json_option
def accept(
    name: str,
    certificate: Path | None,
    authority: Path | None,
    rule: str | None,
    chain: tuple[Path, ...],
    proposed: bool,
    despite: tuple[str, ...],
    dry_run: bool,
    place: RealmPlace,
    out: Output,
) -> int:
    """Accept a certificate or a CA that a client brings.

    With --certificate it is known by that very certificate. With --authority it is known by any certificate that
    chains to that CA and carries a name that fits the rule of --san. Every weakness is shown with its remedy; an error
    refuses. To accept the same again, with --chain, adds to its chain.
    """
    how = acceptance(name, certificate, authority, rule, chain, proposed)
    with place.opened() as realm:
        try:
            accepted = tried(realm, how, despite) if dry_run else done(realm, how, despite)
        except CertificateUnfit as unfit:
            from twoway.cli.failures import show_ours

            findings = tried(realm, how, (*despite, *unfit.codes.split(","))).findings
            out.findings(findings)
            return show_ours(unfit, as_json=out.json, findings=findings)
    out.findings(accepted.findings)
    binding = binding_facts(accepted.binding)
    data = {"client": name, "binding": binding, "findings": accepted.findings, "dry_run": dry_run}
    out.done(f"client {name}: {in_words(accepted, binding, dry_run=dry_run)}", data)
    if binding["state"] == "proposed" and not out.json and not dry_run:
        note(f"next: twoway client challenge {name}, or twoway client confirm {name}")
    return 0


def in_words(accepted: Accepted, binding: dict[str, Any], *, dry_run: bool) -> str:
    """Say what was accepted, or would be."""
    if accepted.again:
        has = "would have its chain" if dry_run else "has its chain now"
        return f"{binding['kind']} binding {binding['id']} {has}: {'; '.join(binding['chain']) or 'nothing'}"
    what = f"{binding['kind']} binding {'would be' if dry_run else binding['id']} {binding['state']}"
    return f"{what}, until {binding['not_after']:%Y-%m-%d}"


def acceptance(
    name: str,
    certificate: Path | None,
    authority: Path | None,
    rule: str | None,
    chain: tuple[Path, ...],
    proposed: bool,
) -> Acceptance:
    """Read the files and return what is to be done with them."""
    from twoway.realm import bindings

    if certificate is not None and authority is None and rule is None:
        brought = certificates_in((certificate, *chain))
        return lambda change, despite: bindings.accept_certificate(
            change, name, brought, despite=despite, proposed=proposed
        )
    if authority is not None and certificate is None:
        brought, between = certificates_in([authority]), certificates_in(chain)
        return lambda change, despite: bindings.accept_authority(
            change, name, brought, rule=rule, intermediates=between, despite=despite, proposed=proposed
        )
    raise UsageError("either --certificate alone or --authority with --san is needed", "give one of them")


def certificates_in(files: Iterable[Path]) -> bytes:
    """Return the certificates of files in any form as one PEM bundle."""
    from twoway.x509.certificates import load_certificates, pem_bundle

    return pem_bundle([certificate for file in files for certificate in load_certificates(read_file(file))])


def done(realm: Realm, how: Acceptance, despite: tuple[str, ...]) -> Accepted:
    """Accept."""
    with realm.changing(actor()) as change:
        return how(change, despite)


def tried(realm: Realm, how: Acceptance, despite: tuple[str, ...]) -> Accepted:
    """Accept, and take it back."""
    accepted: list[Accepted] = []
    try:
        with realm.changing(actor()) as change:
            accepted.append(how(change, despite))
            raise NotMeant
    except NotMeant:
        return accepted[0]


class NotMeant(Exception):
    """Rolls a change back."""


def proposed_argument(command: Command) -> Command:
    """Add the argument BINDING, which may be left out where one binding is proposed."""
    help_text = "Its binding, where several are proposed."
    return click.argument("binding", type=type_of_number, required=False, help=help_text)(command)


@click.command()
@click.argument("name", help="The client.")
@proposed_argument
@realm_option
@json_option
def confirm(name: str, binding: int | None, place: RealmPlace, out: Output) -> None:
    """Make a proposed binding active, without a proof that the client holds its key."""
    from twoway.realm import bindings

    move_proposed(bindings.confirm, name, binding, place, out)


@click.command()
@click.argument("name", help="The client.")
@proposed_argument
@realm_option
@json_option
def withdraw(name: str, binding: int | None, place: RealmPlace, out: Output) -> None:
    """Drop a proposed binding."""
    from twoway.realm import bindings

    move_proposed(bindings.withdraw, name, binding, place, out)


def move_proposed(
    move: Callable[[Change, str, int], BindingRecord],
    name: str,
    binding: int | None,
    place: RealmPlace,
    out: Output,
) -> None:
    """Do this with the proposed binding, and say what it is now."""
    with place.changing() as change:
        record = move(change, name, chosen(change.connection, name, binding, "proposed"))
    out.done(f"client {name}: binding {record.id} is {record.state}", binding_facts(record))


@click.command()
@click.argument("name", help="The client.")
@click.argument("binding", type=type_of_number, help="Its binding, as client show lists them.")
@realm_option
@json_option
def retire(name: str, binding: int, place: RealmPlace, out: Output) -> int:
    """End a binding that was replaced; nothing is wrong with it.

    A rotation without downtime is: issue or accept the new one, wait until it is used, retire the old one.
    """
    from twoway.realm import bindings

    with place.opened() as realm:
        with realm.changing(actor()) as change:
            record = bindings.retire(change, name, binding)
        done = f"client {name}: binding {record.id} is retired"
        return show_acknowledgement(realm, change.revision, out, done, binding_facts(record), ended=True)


def chosen(connection: Connection, client: str, binding: int | None, state: str) -> int:
    """Return the binding that was named, or the only one in a state.

    Raises:
        UsageError: there is none, or there are several.
    """
    from twoway.realm import bindings

    if binding is not None:
        return binding
    found = [record.id for record in bindings.bindings(connection, client) if record.state == state]
    if not found:
        raise UsageError(f"client {client} has no {state} binding", f"see twoway client show {client}")
    if len(found) > 1:
        which = ", ".join(map(str, found))
        raise UsageError(f"client {client} has {len(found)} {state} bindings: {which}", "say which one")
    return found[0]
