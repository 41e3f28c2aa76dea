"""``twoway client issue``: a certificate for a client, and the files to hand over."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.clients import binding_facts
from twoway.cli.files import delivery, force_option, read_file
from twoway.cli.init import ALGORITHMS
from twoway.cli.options import PasswordSource, json_option, password_options, type_of_directory, type_of_file
from twoway.cli.output import Output, note
from twoway.cli.realms import RealmPlace, actor, realm_option
from twoway.errors import UsageError

if TYPE_CHECKING:
    from twoway.realm.bindings import Issued
    from twoway.x509.certificates import Certificate

KEYSTORE = "client.p12"
CERTIFICATE = "certificate.pem"
CHAIN = "chain.pem"
TRUST = "server-ca.pem"


@click.command()
@click.argument("name", help="The client.")
@click.option(
    "--output",
    "-o",
    type=type_of_directory,
    required=True,
    metavar="DIR",
    help="Where the files go; made if need be.",
)
@click.option(
    "--csr", type=type_of_file, metavar="FILE", help="The client's request, if it keeps its key to itself."
)
@click.option("--days", type=click.IntRange(1), help="How long it is valid (default: 365).")
@click.option(
    "--san", "names", multiple=True, metavar="NAME", help="An alternative name, such as DNS:a.b; repeatable."
)
@click.option(
    "--algorithm", type=click.Choice(ALGORITHMS), default="ec-p256", show_default=True, help="Of its key."
)
@password_options("out-password", "The password of client.p12 (default: one is made and shown)")
@force_option
@realm_option
@json_option
def issue(
    name: str,
    output: Path,
    csr: Path | None,
    days: int | None,
    names: tuple[str, ...],
    algorithm: str,
    out_password: PasswordSource,
    force: bool,
    place: RealmPlace,
    out: Output,
) -> None:
    """Issue a certificate for a client, and write what to hand over into DIR.

    client.p12 has the key and the chain, certificate.pem the certificate alone, chain.pem its issuers, server-ca.pem
    what to trust when calling us. The binding is active at once, and earlier ones stay as they are. With --csr there is
    no client.p12: nothing but the public key is taken from the request.
    """
    from twoway.keystores import password_advice
    from twoway.realm import authorities, bindings
    from twoway.x509.keys import new_key

    request = read_file(csr) if csr else None
    given = None if csr else out_password.given()
    password = None if csr else given or new_password()
    files = [CERTIFICATE, CHAIN, TRUST, *([] if csr else [KEYSTORE])]
    with place.opened() as realm, delivery(output, files, force=force) as prepared:
        key = None if csr else new_key(algorithm)
        # The realm knows the certificate before anybody has it.
        with realm.changing(actor()) as change:
            issued = bindings.issue(change, name, days=days, request=request, names=names, key=key)
            anchors = authorities.anchors(change.connection)
        for file, content in contents(name, issued, anchors, password).items():
            prepared.put(file, content, secret=file == KEYSTORE)
        prepared.publish()
    done = f"certificate {issued.certificate.serial_hex} issued for client {name}, in {output}: {', '.join(files)}"
    out.done(done, facts(name, issued, output, files))
    if issued.requested_subject and not out.json:
        note(f"the request asked for {issued.requested_subject}; who it is for is ours to say")
    if given is not None:
        out.findings(password_advice(given))
    elif password is not None:
        note(f"password of {KEYSTORE}, shown this once: {password}")


def new_password() -> str:
    """Make a password of 130 bits, if there is a terminal to show it on.

    Raises:
        UsageError: there is none.
    """
    import secrets

    if not sys.stderr.isatty():
        advice = "give one with --out-password-file or --out-password-env"
        raise UsageError("there is no terminal to show a new password on", advice)
    # No letters and digits that look alike: 32 of them, 26 times.
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    text = "".join(secrets.choice(alphabet) for _ in range(26))
    return "-".join(text[start : start + 5] for start in range(0, 26, 5))


def contents(
    name: str, issued: Issued, anchors: tuple[Certificate, ...], password: str | None
) -> dict[str, bytes]:
    """Return the files to hand over."""
    from twoway import keystores
    from twoway.keystores.model import Format, IdentityEntry, Keystore
    from twoway.x509.certificates import pem_bundle
    from twoway.x509.keys import private_der

    files = {
        CERTIFICATE: issued.certificate.pem,
        CHAIN: pem_bundle(issued.chain),
        TRUST: pem_bundle(anchors),
    }
    if issued.key is not None:
        entry = IdentityEntry(name, private_der(issued.key), (issued.certificate, *issued.chain))
        files[KEYSTORE] = keystores.dump(Keystore((entry,), Format.PKCS12), Format.PKCS12, password)
    return files


def facts(name: str, issued: Issued, output: Path, files: list[str]) -> dict[str, Any]:
    """Return what was issued as --json shows it; never a key or a password."""
    return {
        "client": name,
        "certificate": issued.certificate.as_json(),
        "binding": binding_facts(issued.binding),
        "files": {file: str(output / file) for file in files},
        "requested": {"subject": issued.requested_subject, "names": issued.requested_names},
    }
