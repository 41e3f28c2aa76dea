"""``twoway client issue``: a certificate for a client, and the files to hand over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.clients import binding_facts
from twoway.cli.files import delivery, force_option, read_file, refuse_existing
from twoway.cli.fitness import Wanted, platform_options
from twoway.cli.issuing import DEFAULT, Issuing, issuing_options
from twoway.cli.new_passwords import new_password
from twoway.cli.options import (
    PasswordSource,
    dry_run_option,
    json_option,
    password_options,
    type_of_directory,
)
from twoway.cli.output import Output, note
from twoway.cli.realms import RealmPlace, actor, realm_option
from twoway.errors import UsageError

if TYPE_CHECKING:
    from twoway.cli.kits import Result
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
@issuing_options
@platform_options
@click.option("--alias", help="With --for: what the identity is called (default: as the client).")
@click.option(
    "--peer", metavar="URL", default="", help="With --for: where it calls us (default: its service)."
)
@click.option("--zip", "zipped", is_flag=True, help="With --for: one zip file instead of a folder.")
@password_options("out-password", "The password of client.p12 (default: one is made and shown)")
@dry_run_option
@force_option
@realm_option
@json_option
def issue(
    name: str,
    output: Path,
    issuing: Issuing,
    wanted: Wanted,
    alias: str | None,
    peer: str,
    zipped: bool,
    out_password: PasswordSource,
    dry_run: bool,
    force: bool,
    place: RealmPlace,
    out: Output,
) -> int:
    """Issue a certificate for a client, and write what to hand over into DIR.

    client.p12 has the key and the chain, certificate.pem the certificate alone, chain.pem its issuers, server-ca.pem
    what to trust when calling us. The binding is active at once, and earlier ones stay as they are. With --csr there is
    no client.p12: nothing but the public key is taken from the request.

    With --for DIR is a kit for that platform, as twoway kit PLATFORM --client NAME makes it: the files that it takes,
    configuration to paste, and the steps. A kit that would not work is not written, and nothing is issued for it.
    """
    if wanted.platform is not None:
        from twoway.cli import kits

        plan = kits.plan_for_client(
            name,
            wanted,
            issuing,
            alias=alias,
            peer=peer,
            output=output,
            zipped=zipped,
            password=out_password.given(),
            dry_run=dry_run,
            force=force,
            realm=place,
        )
        return show_kit(kits.carried_out(plan), name, out)
    if wanted.target() is None and (alias or peer or zipped):
        raise UsageError("--alias, --peer and --zip are of a platform's kit", "say --for PLATFORM")
    return plainly(name, output, issuing, out_password, place, out, force=force, dry_run=dry_run)


def plainly(
    name: str,
    output: Path,
    issuing: Issuing,
    out_password: PasswordSource,
    place: RealmPlace,
    out: Output,
    *,
    force: bool,
    dry_run: bool,
) -> int:
    """Issue a certificate and write the files that every platform can be made of."""
    from twoway.keystores import password_advice
    from twoway.realm import authorities, bindings, clients
    from twoway.x509.keys import new_key

    refuse_contradiction(issuing, out_password)
    request = read_file(issuing.csr) if issuing.csr else None
    given = None if request else out_password.given()
    password = None if request else given or ("dry-run" if dry_run else new_password())
    files = [CERTIFICATE, CHAIN, TRUST, *([] if request else [KEYSTORE])]
    if dry_run:
        refuse_existing([output / file for file in files], force=force)
        with place.reading() as connection:
            clients.find(connection, name)
        would = f"a certificate would be issued for client {name}, in {output}: {', '.join(files)}"
        out.done(would, {"client": name, "files": {file: str(output / file) for file in files}})
        return 0
    with place.opened() as realm, delivery(output, files, force=force) as prepared:
        key = None if request else new_key(issuing.algorithm or DEFAULT)
        # The realm knows the certificate before anybody has it.
        with realm.changing(actor()) as change:
            issued = bindings.issue(
                change, name, days=issuing.days, request=request, names=issuing.names, key=key
            )
            anchors = authorities.anchors(change.connection)
        for file, content in contents(name, issued, anchors, password).items():
            prepared.put(file, content, secret=file == KEYSTORE)
        prepared.publish()
    done = f"certificate {issued.certificate.serial_hex} issued for client {name}, in {output}: {', '.join(files)}"
    out.done(done, facts(name, issued, output, files))
    note_request(issued, out)
    if given is not None:
        out.findings(password_advice(given))
    elif password is not None:
        note(f"password of {KEYSTORE}, shown this once: {password}")
    return 0


def refuse_contradiction(issuing: Issuing, out_password: PasswordSource) -> None:
    """Return if nothing is said of a key that is not made here.

    Raises:
        UsageError: the request brings its own, and the rest would be without effect.
    """
    if issuing.csr is None:
        return
    if issuing.algorithm is not None:
        raise UsageError(
            "--algorithm is of a key that is made here, and --csr brings its own", "leave one out"
        )
    if out_password.file or out_password.variable:
        raise UsageError(f"with --csr there is no {KEYSTORE} that could have a password", "leave one out")


def show_kit(result: Result, name: str, out: Output) -> int:
    """Say what was issued with the kit that it went into, as ``kit --client`` does and more."""
    from twoway.cli import kits

    (made,) = result.kits
    issued = made.material.issued
    if issued is None or not result.written:
        return kits.show(result, out, client=name)
    issued_facts = facts(name, issued, result.plan.place, result.files)
    if not out.json:
        note(f"certificate {issued.certificate.serial_hex} issued for client {name}")
    note_request(issued, out)
    return kits.show(result, out, **issued_facts)


def note_request(issued: Issued, out: Output) -> None:
    """Say that whom a certificate names was not the request's to say."""
    wishes = ", ".join((issued.requested_subject or "", *issued.requested_names)).strip(", ")
    if wishes and not out.json:
        note(f"the request asked for {wishes}; who it is for is ours to say (--san gives names)")


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
