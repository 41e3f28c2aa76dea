"""``twoway kit``: the files that one platform accepts, with the steps and what was checked."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from twoway.cli.files import SECRET_MODE, delivery, force_option, read_file
from twoway.cli.issue import new_password
from twoway.cli.material import (
    NamedFile,
    chain_option,
    identity_in,
    named_certificates,
    trust_option,
)
from twoway.cli.options import (
    PasswordSource,
    dry_run_option,
    json_option,
    password_options,
    type_of_directory,
    type_of_file,
)
from twoway.cli.output import Output, note
from twoway.errors import UsageError

if TYPE_CHECKING:
    from twoway.platforms.kit import Kit


@click.command()
@click.argument("platform", metavar="PLATFORM")
@click.option("--use", "use_name", metavar="USE", help="What for: see twoway platform show PLATFORM.")
@click.option(
    "--identity", type=type_of_file, metavar="FILE", help="A keystore or PEM file with key and chain."
)
@click.option("--key", type=type_of_file, metavar="FILE", help="Instead of --identity: the private key,")
@click.option("--certificate", type=type_of_file, metavar="FILE", help="and its certificate.")
@chain_option
@trust_option
@click.option(
    "--crl",
    "crl_files",
    type=type_of_file,
    multiple=True,
    metavar="FILE",
    help="A revocation list of a CA of the other side, for a server to look at; repeatable.",
)
@click.option(
    "--alias", help="What the identity is called in the kit (default: as in the file, or by its name)."
)
@click.option("--peer", metavar="URL", default="", help="The other side's URL; for a server, its own.")
@click.option(
    "--set", "given", multiple=True, metavar="NAME=VALUE", help="A setting of the platform; repeatable."
)
@click.option(
    "-o", "--output", type=type_of_directory, metavar="DIR", help="Where it goes (default: PLATFORM-kit)."
)
@click.option("--zip", "zipped", is_flag=True, help="One zip file instead of a folder.")
@password_options("password", "The identity's password")
@password_options("key-password", "The key's password")
@password_options("out-password", "The password of the kit's files (default: one is made and shown)")
@dry_run_option
@force_option
@json_option
def kit(
    platform: str,
    use_name: str | None,
    identity: Path | None,
    key: Path | None,
    certificate: Path | None,
    chain: tuple[NamedFile, ...],
    trust: tuple[NamedFile, ...],
    crl_files: tuple[Path, ...],
    alias: str | None,
    peer: str,
    given: tuple[str, ...],
    output: Path | None,
    zipped: bool,
    password: PasswordSource,
    key_password: PasswordSource,
    out_password: PasswordSource,
    dry_run: bool,
    force: bool,
    out: Output,
) -> int:
    """Make a kit: what PLATFORM accepts for its side of a link, checked by its own rules, with the steps.

    DIR/keep stays with you; DIR/send is for the other side and never holds a key; STEPS.md says what to do;
    preflight.json what was checked. A certificate given with --chain that issued the identity goes into its chain;
    another one becomes a trusted entry.
    """
    from twoway.platforms import catalogue
    from twoway.platforms import kit as kits
    from twoway.platforms import settings as platform_settings
    from twoway.platforms.order import Order, alias_of, arranged
    from twoway.verdicts import concluded
    from twoway.x509.revocation import load_crl

    target = catalogue.find(platform)
    use = catalogue.use_of(target, use_name)
    settings = platform_settings.chosen(use, given)
    if (identity is None) == (key is None):
        raise UsageError(
            "an identity is needed", "give --identity FILE, or --key FILE and --certificate FILE"
        )
    found = identity_in(identity, key, certificate, password, key_password)
    at = datetime.now(UTC).replace(microsecond=0)
    wanted = alias or found.alias or alias_of(found.certificates[0])
    entry, trusted, strays = arranged(
        found.key,
        found.certificates,
        named_certificates(chain),
        (*found.trusted, *named_certificates(trust)),
        alias=wanted,
        at=at,
    )
    chosen = out_password.given()
    # Where a platform's files have none, nobody is told or asked for one.
    secret = chosen or _password(needed=use.accepts.password is not None, dry_run=dry_run)
    crls = tuple(load_crl(read_file(file)) for file in crl_files)
    made = kits.made(target, use, Order(entry, trusted, at, secret, peer, settings, crls), strays)
    place = _place(output or Path(f"{target.name}-kit"), zipped=zipped)
    if not dry_run:
        _write(made, place, zipped=zipped, force=force)
    report = concluded(f"{target.name} {use.name}", made.findings).as_json()
    files = [file.name for file in made.files]
    verb = "would be made" if dry_run else "made"
    out.done(
        f"kit {verb} for {target.title} in {place}: {', '.join(files)}",
        {"kit": str(place), "files": files, **report},
    )
    out.findings(made.findings)
    if chosen is None and secret and not dry_run:
        note(f"password of the kit's files, shown this once: {secret}")
    return 1 if report["verdict"] == "broken" else 0


def _password(*, needed: bool, dry_run: bool) -> str:
    if not needed:
        return ""
    return "dry-run" if dry_run else new_password()


def _place(output: Path, *, zipped: bool) -> Path:
    return output.with_name(output.name + ".zip") if zipped and output.suffix != ".zip" else output


def _write(made: Kit, place: Path, *, zipped: bool, force: bool) -> None:
    """Write the kit, whole or not at all."""
    if zipped:
        with delivery(place.absolute().parent, [place.name], force=force) as prepared:
            prepared.put(place.name, _archive(made), secret=True)
            prepared.publish()
        return
    with delivery(place, [file.name for file in made.files], force=force) as prepared:
        for file in made.files:
            prepared.put(file.name, file.content, secret=file.secret)
        prepared.publish()


def _archive(made: Kit) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in made.files:
            entry = zipfile.ZipInfo(file.name)
            entry.external_attr = (SECRET_MODE if file.secret else 0o644) << 16
            archive.writestr(entry, file.content)
    return buffer.getvalue()
