"""``twoway key``: private keys, and how every command here writes one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.files import force_option
from twoway.cli.init import ALGORITHMS
from twoway.cli.options import PasswordSource, json_option, password_options
from twoway.cli.output import Output, note
from twoway.cli.written import STDOUT, can_write, type_of_output, write
from twoway.errors import UsageError

if TYPE_CHECKING:
    from twoway.x509.keys import PrivateKey

algorithm_option = click.option(
    "--algorithm",
    type=click.Choice(ALGORITHMS),
    default="ec-p256",
    show_default=True,
    help="Of the key. Salesforce takes RSA only.",
)
IN_CLEAR = "the key is not encrypted; its file is for its owner only (0600). --out-password-file encrypts it"


@click.group()
def key() -> None:
    """Private keys."""


@key.command()
@click.option("--output", "-o", type=type_of_output, metavar="FILE", help="Where it goes (default: stdout).")
@algorithm_option
@password_options("out-password", "Encrypts the key (default: it is not encrypted)")
@force_option
@json_option
def new(output: Path | None, algorithm: str, out_password: PasswordSource, force: bool, out: Output) -> None:
    """Make a private key: PEM (PKCS#8), mode 0600.

    With --out-password-* it is encrypted (AES-256). Without it is in clear, as Apache and nginx take it.
    """
    from twoway.keystores import password_advice
    from twoway.x509.keys import new_key

    if out.json and output in {None, STDOUT}:
        raise UsageError("--json and the key cannot both go to stdout", "name a file with --output")
    can_write(output, force=force)
    password = out_password.given()
    made = new_key(algorithm)
    write(output, key_pem(made, password), secret=True, force=force)
    facts = key_facts(made, output, password)
    out.done(f"{output or 'stdout'}: a new private key, {facts['algorithm']}, {facts['bits']} bits", facts)
    if password is not None:
        out.findings(password_advice(password))
    elif not out.json and output not in {None, STDOUT}:
        note(IN_CLEAR)


def key_pem(made: PrivateKey, password: str | None) -> bytes:
    """Return a key as PEM, encrypted where there is a password."""
    from twoway.x509 import pem
    from twoway.x509.keys import encrypted_pem, private_der

    if password is not None:
        return encrypted_pem(made, password.encode())
    return pem.encode("PRIVATE KEY", private_der(made))


def key_facts(made: PrivateKey, output: Path | None, password: str | None) -> dict[str, Any]:
    """Return what --json says of a key; never the key."""
    from twoway.x509 import keys

    facts = keys.key_facts(made.public_key())
    return {
        "file": None if output in {None, STDOUT} else str(output),
        "algorithm": facts.algorithm,
        "bits": facts.bits,
        "encrypted": password is not None,
        "spki_sha256": keys.spki_sha256(made.public_key()),
    }


def existing_key(source: Path, password: PasswordSource) -> PrivateKey:
    """Read a private key from a file of any format, asking for its password if need be.

    Raises:
        UsageError: there is no key in it, or several.
        KeystoreError, MaterialError: it does not open, or is of a kind that makes no signatures.
    """
    from twoway.cli.reading import Passwords, load
    from twoway.errors import KeyPasswordNeeded, KeyPasswordWrong, PasswordMissing, WrongPassword
    from twoway.x509.keys import load_private_key

    try:
        loaded = load(str(source), Passwords(password, password), unlock=True).keystore
    except PasswordMissing as error:
        raise KeyPasswordNeeded from error
    except WrongPassword as error:
        raise KeyPasswordWrong from error
    for entry in loaded.locked:
        raise entry.why
    if len(loaded.identities) != 1:
        raise UsageError(f"{source} holds {len(loaded.identities)} private keys", "name a file with one key")
    return load_private_key(loaded.identities[0].key_der)
