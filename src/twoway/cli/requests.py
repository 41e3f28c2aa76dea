"""``twoway csr``: certificate signing requests."""

from __future__ import annotations

from pathlib import Path

import click

from twoway.cli.files import force_option
from twoway.cli.keys import IN_CLEAR, algorithm_option, existing_key, key_facts, key_pem
from twoway.cli.options import PasswordSource, json_option, password_options, type_of_file
from twoway.cli.output import Output, note
from twoway.cli.written import STDOUT, can_write, type_of_output, write
from twoway.errors import UsageError

subject_option = click.option(
    "--subject", required=True, metavar="NAME", help="Whom it is for: a name, or CN=name,O=organisation."
)
names_option = click.option(
    "--name",
    "--san",
    "names",
    multiple=True,
    metavar="NAME",
    help="An alternative name, such as api.example.com or URI:...; repeatable. A server needs its host here.",
)


@click.group()
def csr() -> None:
    """Certificate signing requests."""


@csr.command()
@subject_option
@names_option
@click.option(
    "--key", "key_file", type=type_of_file, metavar="FILE", help="The private key (default: a new one)."
)
@password_options("key-password", "The password of --key")
@click.option(
    "--key-out",
    type=type_of_output,
    metavar="FILE",
    help="Where a new key goes (default: beside the request).",
)
@algorithm_option
@password_options("out-password", "Encrypts a new key (default: it is not encrypted)")
@click.option("--output", "-o", type=type_of_output, metavar="FILE", help="The request (default: stdout).")
@force_option
@json_option
def new(
    subject: str,
    names: tuple[str, ...],
    key_file: Path | None,
    key_password: PasswordSource,
    key_out: Path | None,
    algorithm: str,
    out_password: PasswordSource,
    output: Path | None,
    force: bool,
    out: Output,
) -> None:
    """Make a request for a certificate, with a key of yours or a new one; the key stays with you."""
    from twoway.x509.keys import new_key
    from twoway.x509.names import distinguished_name, subject_alternative_name
    from twoway.x509.requests import load_request, new_request

    to_stdout = output is None or output == STDOUT
    if out.json and to_stdout:
        raise UsageError("--json and the request cannot both go to stdout", "name a file with --output")
    wanted = distinguished_name(subject)
    alternatives = [subject_alternative_name(name) for name in names]
    place = None if key_file else key_place(key_out, output)
    if key_file is not None and key_out is not None:
        raise UsageError(
            "--key and --key-out exclude each other", "give the key that is there, or make a new one"
        )
    can_write(output, force=force)
    can_write(place, force=force)
    password = None if key_file else out_password.given()
    key = existing_key(key_file, key_password) if key_file else new_key(algorithm)
    request = new_request(key, wanted, alternatives)
    if place is not None:
        write(place, key_pem(key, password), secret=True, force=force)
    write(output, request, secret=False, force=force)
    made = load_request(request)
    facts = {
        "file": None if to_stdout else str(output),
        "subject": made.subject_text,
        "san": list(made.names_text),
        "key": key_facts(key, place or key_file, password),
    }
    text = f"{'stdout' if to_stdout else output}: a request of {made.subject_text}"
    out.done(f"{text}; its new key is in {place}" if place else text, facts)
    if place is not None and password is None and not out.json:
        note(IN_CLEAR)


def key_place(key_out: Path | None, output: Path | None) -> Path:
    """Return where a new key goes.

    Raises:
        UsageError: nobody said, and the request goes to stdout.
    """
    if key_out is not None and key_out != STDOUT:
        return key_out
    if output is None or STDOUT in {output, key_out}:
        raise UsageError(
            "a new key needs a file", "say --key-out FILE, or give a key that is there with --key"
        )
    place = output.with_suffix(".key")
    if place == output:
        raise UsageError("the request and its key cannot be one file", "say --key-out FILE")
    return place
