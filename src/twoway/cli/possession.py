"""``twoway client challenge``: the client proves that it holds the key of the certificate that it brought."""

from __future__ import annotations

from pathlib import Path

import click

from twoway.cli.bindings import chosen, proposed_argument
from twoway.cli.clients import binding_facts
from twoway.cli.files import force_option, read_file, refuse_existing, write_file
from twoway.cli.options import json_option, type_of_file
from twoway.cli.output import Output, in_words, note
from twoway.cli.realms import RealmPlace, realm_option
from twoway.errors import UsageError


@click.command()
@click.argument("name", help="The client.")
@proposed_argument
@click.option(
    "--output", "-o", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to FILE."
)
@click.option("--answer", type=type_of_file, metavar="FILE", help="The signature that the client sent back.")
@force_option
@realm_option
@json_option
def challenge(
    name: str,
    binding: int | None,
    output: Path | None,
    answer: Path | None,
    force: bool,
    place: RealmPlace,
    out: Output,
) -> None:
    """Have a client prove that it holds its key, before its proposed binding becomes active.

    First without --answer: it prints a text for the client, and how stock openssl signs it. Then with --answer and the
    signature: if it is the key's, the binding becomes active.
    """
    if answer is not None:
        if output is not None:
            raise UsageError("--answer and --output exclude each other", "give one of them")
        take(name, binding, read_file(answer), place, out)
        return
    refuse_existing([output] if output else [], force=force)
    from twoway.realm import possession

    with place.changing() as change:
        number = chosen(change.connection, name, binding, "proposed")
        made = possession.challenge(change, name, number)
    facts = {
        "client": name,
        "binding": number,
        "text": made.text,
        "expires": made.expires,
        "command": made.command,
    }
    if output is None:
        out.text(made.text, facts)
    else:
        write_file(output, made.text.encode(), force=force)
        out.done(f"written to {output}", facts)
    if not out.json:
        note(f"send it to the client as challenge.txt, to be signed with: {made.command}")
        note(
            f"then: twoway client challenge {name} {number} --answer answer.bin, before {in_words(made.expires)}"
        )


def take(name: str, binding: int | None, signature: bytes, place: RealmPlace, out: Output) -> None:
    """Make the binding active if the signature is its key's."""
    from twoway.realm import possession

    with place.changing() as change:
        number = chosen(change.connection, name, binding, "proposed")
        record = possession.answer(change, name, number, signature)
    out.done(f"client {name} holds the key: binding {record.id} is active", binding_facts(record))
