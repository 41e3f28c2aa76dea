"""``twoway certificate``: self-signed certificates, to be pinned, with all the files that go with one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.files import delivery, force_option
from twoway.cli.keys import IN_CLEAR, algorithm_option, existing_key, key_facts, key_pem
from twoway.cli.options import PasswordSource, json_option, password_options, type_of_directory, type_of_file
from twoway.cli.output import Output, note
from twoway.cli.requests import names_option, subject_option
from twoway.cli.written import can_write, type_of_output, write
from twoway.errors import UsageError

if TYPE_CHECKING:
    from twoway.x509.certificates import Certificate
    from twoway.x509.keys import PrivateKey

KEY = "key.pem"
CERTIFICATE = "certificate.pem"
REQUEST = "request.pem"
# By the option that asks for it.
KEYSTORES = {"pkcs12": "keystore.p12", "jks": "keystore.jks"}
SECRET = {KEY, *KEYSTORES.values()}


@click.group()
def certificate() -> None:
    """Self-signed certificates."""


@certificate.command(name="self-sign")
@subject_option
@names_option
@click.option(
    "--days",
    type=click.IntRange(1, 36500),
    default=365,
    show_default=True,
    help="How long it is valid.",
)
@click.option(
    "--purpose",
    "purposes",
    type=click.Choice(["client", "server"]),
    multiple=True,
    help="What it is for; repeatable (default: client).",
)
@click.option(
    "--key", "key_file", type=type_of_file, metavar="FILE", help="The private key (default: a new one)."
)
@password_options("key-password", "The password of --key")
@algorithm_option
@click.option(
    "--output",
    "-o",
    type=type_of_directory,
    metavar="DIR",
    help=f"A folder for all of it: {KEY}, {CERTIFICATE}; made if need be.",
)
@click.option(
    "--certificate-out", type=type_of_output, metavar="FILE", help="Instead of --output: the certificate,"
)
@click.option("--key-out", type=type_of_output, metavar="FILE", help="and the new key.")
@click.option("--csr", is_flag=True, help=f"{REQUEST} too: a request for the same.")
@click.option("--pkcs12", "--p12", is_flag=True, help=f"{KEYSTORES['pkcs12']} too.")
@click.option("--jks", is_flag=True, help=f"{KEYSTORES['jks']} too.")
@click.option("--alias", metavar="NAME", help="Its name in the keystores (default: made of the subject).")
@password_options("out-password", "Of the keystores, and encrypts the key (default: it is not encrypted)")
@click.option("--clear-key", is_flag=True, help=f"{KEY} in clear, also with --out-password-*.")
@force_option
@json_option
def self_sign(
    subject: str,
    names: tuple[str, ...],
    days: int,
    purposes: tuple[str, ...],
    key_file: Path | None,
    key_password: PasswordSource,
    algorithm: str,
    output: Path | None,
    certificate_out: Path | None,
    key_out: Path | None,
    csr: bool,
    pkcs12: bool,
    jks: bool,
    alias: str | None,
    out_password: PasswordSource,
    clear_key: bool,
    force: bool,
    out: Output,
) -> None:
    """Make a certificate that nobody but its own key vouches for: the other side pins it, as Salesforce does.

    It is right for TLS as those of openssl req -x509 are not: version 3, no CA, with purposes and names. The key is
    new, or the one of --key, which then is not written again. Keystores need --out-password-*.
    """
    from cryptography.x509 import random_serial_number

    from twoway.x509.keys import new_key
    from twoway.x509.names import distinguished_name, subject_alternative_name
    from twoway.x509.purposes import Purpose
    from twoway.x509.selfsigned import self_signed

    extras = {"pkcs12": pkcs12, "jks": jks}
    stores = [name for name, wanted in extras.items() if wanted]
    check_places(output, certificate_out, key_out, key_file, more=csr or bool(stores))
    who = distinguished_name(subject)
    alternatives = [subject_alternative_name(name) for name in names]
    sides = {"client": Purpose.CLIENT, "server": Purpose.SERVER}
    wanted = [sides[purpose] for purpose in dict.fromkeys(purposes or ("client",))]
    if Purpose.SERVER in wanted and not names:
        raise UsageError("a server's certificate needs the names that clients call", "say --name HOST")
    if output is None:
        can_write(certificate_out, force=force)
        can_write(None if key_file else key_out, force=force)
    password = store_password(out_password, stores)
    key = existing_key(key_file, key_password) if key_file else new_key(algorithm)
    at = datetime.now(UTC)
    made = self_signed(
        key, who, alternatives, at=at, days=days, serial=random_serial_number(), purposes=wanted
    )
    own = None if clear_key else password
    files = {} if key_file else {KEY: key_pem(key, own)}
    files[CERTIFICATE] = made.pem
    if csr:
        from twoway.x509.requests import new_request

        files[REQUEST] = new_request(key, who, alternatives)
    for store in stores:
        files[KEYSTORES[store]] = keystore(store, key, made, alias, password or "", at)
    places = deliver(files, output, certificate_out, key_out, force=force)
    told(made, key, places, own, out, new=key_file is None)
    if password is not None:
        from twoway.keystores import password_advice

        out.findings(password_advice(password))


def check_places(
    output: Path | None,
    certificate_out: Path | None,
    key_out: Path | None,
    key_file: Path | None,
    *,
    more: bool,
) -> None:
    """Return if it is clear where everything goes.

    Raises:
        UsageError: it is not.
    """
    if output is not None and (certificate_out or key_out):
        raise UsageError("--output excludes --certificate-out and --key-out", "give a folder, or the files")
    if output is None and certificate_out is None:
        raise UsageError(
            "where does it go?", "say --output DIR, or --certificate-out FILE and --key-out FILE"
        )
    if output is None and key_file is None and key_out is None:
        raise UsageError("a new key needs a file", "say --key-out FILE, or --output DIR for all of it")
    if key_file is not None and key_out is not None:
        raise UsageError(
            "--key and --key-out exclude each other", "give the key that is there, or make a new one"
        )
    if output is None and more:
        raise UsageError("requests and keystores go into a folder", "say --output DIR")
    if certificate_out is not None and certificate_out == key_out:
        raise UsageError("certificate and key cannot be one file here", "name two files")


def store_password(source: PasswordSource, stores: list[str]) -> str | None:
    """Return the password of keystores and key, None where there is none.

    Raises:
        UsageError: a keystore needs one, and there is nobody to ask.
    """
    if stores:
        return source.or_asked("password of the keystore", twice=True)
    return source.given()


def keystore(
    format_: str, key: PrivateKey, made: Certificate, alias: str | None, password: str, at: datetime
) -> bytes:
    """Return a keystore with the identity in it."""
    from twoway import keystores
    from twoway.keystores.arrangement import suggested_alias
    from twoway.keystores.model import Format, IdentityEntry, Keystore
    from twoway.x509.keys import private_der

    entry = IdentityEntry(alias or suggested_alias(made), private_der(key), (made,), at)
    return keystores.dump(Keystore((entry,), Format(format_)), format_, password, at=at)


def deliver(
    files: dict[str, bytes],
    output: Path | None,
    certificate_out: Path | None,
    key_out: Path | None,
    *,
    force: bool,
) -> dict[str, str]:
    """Write the files, and return where they are."""
    if output is None:
        places = {KEY: key_out, CERTIFICATE: certificate_out}
        for name, content in files.items():
            write(places[name], content, secret=name in SECRET, force=force)
        return {name: str(places[name]) for name in files}
    with delivery(output, files, force=force) as prepared:
        for name, content in files.items():
            prepared.put(name, content, secret=name in SECRET)
        prepared.publish()
    return {name: str(output / name) for name in files}


def told(
    made: Certificate,
    key: PrivateKey,
    places: dict[str, str],
    password: str | None,
    out: Output,
    *,
    new: bool,
) -> None:
    """Say what was made and where it is."""
    from twoway.cli.trees import ending

    facts: dict[str, Any] = {
        "certificate": made.as_json(),
        "key": key_facts(key, Path(places[KEY]) if KEY in places else None, password),
        "files": places,
    }
    until = ending(made.not_after, datetime.now(UTC))
    out.done(f"{', '.join(places.values())}: a certificate of {made.subject}, {until}", facts)
    if out.json:
        return
    note(f"sha256 {made.sha256}")
    if new and password is None:
        note(IN_CLEAR)
