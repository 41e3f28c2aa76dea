"""``twoway kit``: the files that one platform accepts, or both sides of a link, with the steps and what was checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from twoway.cli import completing
from twoway.cli.files import force_option, read_file
from twoway.cli.issuing import Issuing, client_source, issuing_options
from twoway.cli.options import (
    PasswordSource,
    dry_run_option,
    json_option,
    password_options,
    type_of_directory,
    type_of_file,
)
from twoway.cli.output import Output
from twoway.cli.realms import RealmPlace, realm_option
from twoway.cli.sides import FileIdentity, OfEndpoint, OfService, Side, Source, file_identity_options
from twoway.errors import UsageError

if TYPE_CHECKING:
    from twoway.platforms.platform import Platform, Use


@click.command()
@click.argument(
    "platform", help="Whose it is: see twoway platform list.", shell_complete=completing.platforms
)
@click.option(
    "--use",
    "use_name",
    metavar="USE",
    help="What for: see twoway platform show PLATFORM.",
    shell_complete=completing.uses,
)
@file_identity_options("files", "", "the identity's")
@click.option(
    "--client",
    help="A client of ours, which is to call us: a certificate is issued for it.",
    shell_complete=completing.clients,
)
@issuing_options
@click.option(
    "--endpoint",
    help="An API that we call: its identity and trust, from the realm.",
    shell_complete=completing.endpoints,
)
@click.option(
    "--service",
    help="An API of ours: its host's identity, and the clients that may call it.",
    shell_complete=completing.services,
)
@click.option(
    "--to",
    "other",
    metavar="PLATFORM",
    help="The other side of the link, for which a kit is made as well.",
    shell_complete=completing.platforms,
)
@click.option("--to-use", metavar="USE", help="What for there.")
@file_identity_options("others", "peer-", "the other side's")
@click.option(
    "--crl",
    "crl_files",
    type=type_of_file,
    multiple=True,
    metavar="FILE",
    help="A revocation list of a CA of the other side, for a server to look at; repeatable.",
)
@click.option("--peer", metavar="URL", default="", help="The other side's URL; for a server, its own.")
@click.option(
    "--set",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the platform; repeatable.",
    shell_complete=completing.settings,
)
@click.option(
    "--peer-set", multiple=True, metavar="NAME=VALUE", help="A setting of the other side's platform."
)
@click.option(
    "-o", "--output", type=type_of_directory, metavar="DIR", help="Where it goes (default: PLATFORM-kit)."
)
@click.option("--zip", "zipped", is_flag=True, help="One zip file instead of a folder.")
@password_options("out-password", "The password of the kit's files (default: one is made and shown)")
@dry_run_option
@force_option
@realm_option
@json_option
def kit(
    platform: str,
    use_name: str | None,
    files: FileIdentity,
    client: str | None,
    issuing: Issuing,
    endpoint: str | None,
    service: str | None,
    other: str | None,
    to_use: str | None,
    others: FileIdentity,
    crl_files: tuple[Path, ...],
    peer: str,
    given: tuple[str, ...],
    peer_set: tuple[str, ...],
    output: Path | None,
    zipped: bool,
    out_password: PasswordSource,
    dry_run: bool,
    force: bool,
    place: RealmPlace,
    out: Output,
) -> int:
    """Make a kit: what PLATFORM accepts for its side of a link, checked by its own rules, with the steps.

    DIR/keep stays with you; DIR/send is for the other side and never holds a key; STEPS.md says what to do;
    preflight.json what was checked. A certificate given with --chain that issued the identity goes into its chain;
    another one becomes a trusted entry.

    The identity is given as files, or the realm has it: --client issues a certificate as twoway client issue --for
    does, --endpoint and --service take theirs out of the vault, which the audit notes. Of these a kit that would not
    work is not written, and nothing is issued for it.

    With --to both sides are made, for each other, in DIR/PLATFORM each: the --peer-... options, or --client and
    --service together, give the other one's identity.
    """
    from twoway.cli.kits import Plan, carried_out, ready, show
    from twoway.platforms import catalogue
    from twoway.x509.revocation import load_crl

    ours = catalogue.find(platform)
    theirs = None if other is None else catalogue.find(other)
    named = OfRealm(client, endpoint, service, issuing)
    if theirs is None:
        if others.given or to_use or peer_set:
            raise UsageError("--to-use and the --peer-... options go with --to", "say --to PLATFORM")
        sides: tuple[Side, ...] = (alone(ours, use_name, files, given, named),)
    else:
        uses = both_uses(ours, use_name, theirs, to_use)
        sides = link(ours, theirs, uses, (files, others), (given, peer_set), named)
    plan = Plan(
        sides,
        place,
        peer,
        tuple(load_crl(read_file(file)) for file in crl_files),
        out_password.given(),
        output or Path(f"{ours.name}-kit" if theirs is None else f"{ours.name}-{theirs.name}-kit"),
        zipped,
        force,
        dry_run,
        datetime.now(UTC).replace(microsecond=0),
    )
    return show(carried_out(ready(plan)), out)


@dataclass(frozen=True, slots=True)
class OfRealm:
    """What of the realm the options name.

    Args:
        client: a client's name.
        endpoint: an endpoint's.
        service: a service's.
        issuing: how a client's certificate is to be.
    """

    client: str | None
    endpoint: str | None
    service: str | None
    issuing: Issuing

    def __post_init__(self) -> None:
        """Refuse what contradicts itself."""
        if self.client is not None and self.endpoint is not None:
            raise UsageError("--client and --endpoint are both the side that calls", "give one of them")
        if self.client is None and self.issuing.given:
            raise UsageError(
                "--csr, --days, --san and --algorithm are for a certificate that is issued",
                "say --client NAME",
            )

    @property
    def caller(self) -> bool:
        """Whether the realm has the side that calls."""
        return self.client is not None or self.endpoint is not None

    def calling(self, use: Use, files: FileIdentity) -> Source:
        """Return where the identity of the side that calls comes from."""
        if self.client is not None:
            return client_source(self.client, use, files, self.issuing)
        if self.endpoint is not None:
            return OfEndpoint(self.endpoint, without_identity(files, "--endpoint"))
        return files

    def called(self, files: FileIdentity) -> Source:
        """Return where the identity of the side that is called comes from."""
        if self.service is not None:
            return OfService(self.service, without_identity(files, "--service"))
        return files


def without_identity(files: FileIdentity, option: str) -> FileIdentity:
    """Return the files, if they do not name an identity too.

    Raises:
        UsageError: they do.
    """
    if files.given or files.chain:
        raise UsageError(
            f"{option} has an identity of its own", f"leave out {option}, or the files of another one"
        )
    return files


def alone(
    platform: Platform, use_name: str | None, files: FileIdentity, given: tuple[str, ...], named: OfRealm
) -> Side:
    """Return the one side that a kit is made for.

    Raises:
        UsageError: the options name two.
    """
    from twoway.platforms import catalogue
    from twoway.x509.purposes import Purpose

    if named.caller and named.service is not None:
        raise UsageError(
            "--service is the other side of that", "say --to PLATFORM to have both, or leave it out"
        )
    if named.caller:
        use = catalogue.use_as(platform, use_name, Purpose.CLIENT)
        return Side(platform, use, given, named.calling(use, files))
    if named.service is not None:
        use = catalogue.use_as(platform, use_name, Purpose.SERVER)
        return Side(platform, use, given, named.called(files))
    return Side(platform, catalogue.use_of(platform, use_name), given, files)


def both_uses(ours: Platform, use_name: str | None, theirs: Platform, to_use: str | None) -> tuple[Use, Use]:
    """Return what each platform does in a link: the first one calls, if it can and the other can be called.

    Raises:
        UsageError: they do not fit together.
    """
    from twoway.platforms import catalogue
    from twoway.x509.purposes import Purpose

    first: UsageError | None = None
    for one, other in ((Purpose.CLIENT, Purpose.SERVER), (Purpose.SERVER, Purpose.CLIENT)):
        try:
            return catalogue.use_as(ours, use_name, one), catalogue.use_as(theirs, to_use, other)
        except UsageError as error:
            first = first or error
    assert first is not None  # noqa: S101  both ways failed
    raise first


def link(
    ours: Platform,
    theirs: Platform,
    uses: tuple[Use, Use],
    files: tuple[FileIdentity, FileIdentity],
    given: tuple[tuple[str, ...], tuple[str, ...]],
    named: OfRealm,
) -> tuple[Side, Side]:
    """Return both sides of a link, the first platform's first.

    Raises:
        UsageError: one of them has no identity.
    """
    from twoway.x509.purposes import Purpose

    folders = (
        (ours.name, theirs.name)
        if ours is not theirs
        else (f"{ours.name}-{uses[0].name}", f"{theirs.name}-{uses[1].name}")
    )
    sides = []
    for platform, use, own, settings, folder in zip((ours, theirs), uses, files, given, folders, strict=True):
        calls = use.accepts.purpose is Purpose.CLIENT
        source = named.calling(use, own) if calls else named.called(own)
        if source is own and not own.given:
            realm = "--client NAME, or --endpoint NAME" if calls else "--service NAME"
            raise UsageError(
                f"{platform.title}, which {'calls' if calls else 'is called'}, has no identity",
                f"give --{own.prefix}identity FILE, or --{own.prefix}key and --{own.prefix}certificate; or {realm}",
            )
        sides.append(Side(platform, use, settings, source, f"{folder}/"))
    return sides[0], sides[1]
