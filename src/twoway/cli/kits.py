"""Kits on their way to a folder: made, and written whole or not at all, in step with the realm where it takes part.

The order is that of every command that issues: first it is made sure that the files can be written, then the realm
knows what was issued or exported, and only then the files appear. Where a kit of the realm's would not work, nothing
is issued, nothing leaves the vault and nothing is written.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoway.cli.files import PUBLIC_MODE, SECRET_MODE, Delivery, delivery, refuse_existing
from twoway.cli.new_passwords import new_password
from twoway.cli.output import Output, note
from twoway.cli.realms import RealmPlace, actor
from twoway.cli.sides import Material, Side
from twoway.findings import Finding
from twoway.verdicts import Outcome, Verdict, concluded

if TYPE_CHECKING:
    from twoway.cli.fitness import Wanted
    from twoway.cli.issuing import Issuing
    from twoway.platforms.kit import Kit
    from twoway.platforms.platform import File
    from twoway.realm.change import Change
    from twoway.realm.realm import Realm
    from twoway.x509.certificates import Certificate
    from twoway.x509.revocation import RevocationList


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made.

    Args:
        sides: one, or both of a link.
        realm: which realm, where one takes part.
        peer: the link's URL, where the user said.
        crls: lists that the user gave.
        password: of all files, where the user gave one.
        output: where it goes.
        zipped: one file instead of a folder.
        force: what is there may be replaced.
        dry_run: nothing is done.
        at: now, aware.
    """

    sides: tuple[Side, ...]
    realm: RealmPlace
    peer: str
    crls: tuple[RevocationList, ...]
    password: str | None = field(repr=False)
    output: Path
    zipped: bool
    force: bool
    dry_run: bool
    at: datetime

    @property
    def place(self) -> Path:
        """The folder, or the zip file."""
        if self.zipped and self.output.suffix != ".zip":
            return self.output.with_name(self.output.name + ".zip")
        return self.output

    @property
    def server(self) -> Side | None:
        """The side that asks for certificates, if it is among them."""
        from twoway.x509.purposes import Purpose

        return next((one for one in self.sides if one.use.accepts.purpose is Purpose.SERVER), None)


@dataclass(frozen=True, slots=True)
class Made:
    """One side's kit.

    Args:
        side: whose.
        kit: its files and findings.
        material: what it was made of.
        password: of its files; empty where they have none.
    """

    side: Side
    kit: Kit
    material: Material = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a plan.

    Args:
        plan: what was to be made.
        kits: a kit a side.
        written: they are there.
    """

    plan: Plan
    kits: tuple[Made, ...]
    written: bool

    @property
    def verdict(self) -> Verdict:
        """What the preflight says of all of it."""
        target = " to ".join(f"{one.side.platform.name} {one.side.use.name}" for one in self.kits)
        return concluded(target, [found for one in self.kits for found in one.kit.findings])

    @property
    def files(self) -> list[str]:
        """The files' names within the folder."""
        return [file.name for file in contents(self.kits)]


class _OnlyTriedError(Exception):
    """Takes a change back."""


def plan_for_client(
    name: str,
    wanted: Wanted,
    issuing: Issuing,
    *,
    alias: str | None,
    peer: str,
    output: Path,
    zipped: bool,
    password: str | None,
    dry_run: bool,
    force: bool,
    realm: RealmPlace,
) -> Plan:
    """Return the plan of a kit for a client that a certificate is issued for.

    Raises:
        UsageError: the platform never calls others, or there is none of that name.
    """
    from twoway.cli.issuing import client_source
    from twoway.cli.sides import no_files
    from twoway.platforms import catalogue
    from twoway.x509.purposes import Purpose

    platform = catalogue.find(str(wanted.platform))
    use = catalogue.use_as(platform, wanted.use, Purpose.CLIENT)
    source = client_source(name, use, no_files(alias), issuing)
    side = Side(platform, use, wanted.given, source)
    at = datetime.now(UTC).replace(microsecond=0)
    return ready(Plan((side,), realm, peer, (), password, output, zipped, force, dry_run, at))


def carried_out(plan: Plan) -> Result:
    """Make the kits, and write them unless it is a dry run.

    Raises:
        UsageError: something is missing, or in the way.
    """
    passwords = {side.folder: _password(plan, side) for side in plan.sides}
    if not any(side.source.of_realm for side in plan.sides):
        kits = made_of(plan, passwords, None)
        if plan.dry_run:
            return Result(plan, kits, written=False)
        with delivered(plan, kits) as prepared:
            prepared.publish()
        return Result(plan, kits, written=True)
    with plan.realm.opened() as realm, ExitStack() as stack:
        crls, notes = lists_of(plan, realm)
        kits = ()
        try:
            with realm.changing(actor(), at=plan.at) as change:
                kits = made_of(replace(plan, crls=crls), passwords, change, notes)
                if plan.dry_run or Result(plan, kits, written=False).verdict.outcome is Outcome.BROKEN:
                    raise _OnlyTriedError
                prepared = stack.enter_context(delivered(plan, kits))
        except _OnlyTriedError:
            return Result(plan, kits, written=False)
        prepared.publish()
    return Result(plan, kits, written=True)


def made_of(
    plan: Plan, passwords: Mapping[str, str], change: Change | None, notes: Sequence[Finding] = ()
) -> tuple[Made, ...]:
    """Make each side's kit, each of which trusts the other's issuers.

    Args:
        plan: what is to be made.
        passwords: by folder.
        change: of the realm, where it takes part.
        notes: findings about the server's side.
    """
    materials = [one.source.material(one, change) for one in plan.sides]
    peer = plan.peer or next((one.peer for one in materials if one.peer), "")
    return tuple(
        _made(
            replace(plan, peer=peer),
            side,
            own,
            tuple(voucher for other in materials if other is not own for voucher in other.vouchers),
            passwords[side.folder] if own.key is not None else "",
            notes if side is plan.server else (),
        )
        for side, own in zip(plan.sides, materials, strict=True)
    )


def _made(
    plan: Plan,
    side: Side,
    own: Material,
    vouched: tuple[Certificate, ...],
    password: str,
    notes: Sequence[Finding],
) -> Made:
    from twoway.platforms import kit as platform_kits
    from twoway.platforms import settings
    from twoway.platforms.keyless import Keyless, made_without_key
    from twoway.platforms.order import Named, Order, arranged

    known = {setting.name: setting for setting in side.use.settings}
    of_realm = [
        f"{name}={value}"
        for name, value in own.settings.items()
        if name in known and re.fullmatch(known[name].pattern, value)
    ]
    chosen = settings.chosen(side.use, (*of_realm, *side.given))
    trusted = (*own.trusted, *(Named(one) for one in vouched))
    if own.key is None:
        anchors = tuple(dict.fromkeys(named.certificate for named in trusted))
        told = dict(text.split("=", 1) for text in side.given)
        order = Keyless(own.certificates, anchors, own.alias, plan.at, plan.peer, told)
        return Made(side, made_without_key(side.platform, side.use, order, own.findings), own, "")
    entry, entries, strays = arranged(
        own.key, own.certificates, own.others, trusted, alias=own.alias, at=plan.at
    )
    crls = plan.crls if side is plan.server or len(plan.sides) == 1 else ()
    complete = Order(entry, entries, plan.at, password, plan.peer, chosen, crls)
    made = platform_kits.made(side.platform, side.use, complete, (*own.findings, *notes, *strays))
    return Made(side, made, own, password)


def lists_of(plan: Plan, realm: Realm) -> tuple[tuple[RevocationList, ...], tuple[Finding, ...]]:
    """Return the revocation lists for the server's side: those that were given, and our CAs' if it trusts these."""
    from twoway.realm import kits

    server = plan.server
    if server is None:
        return plan.crls, ()
    with realm.reading() as connection:
        trusted = [
            *server.source.trusts(connection),
            *(one for side in plan.sides if side is not server for one in side.source.vouchers(connection)),
        ]
    ours, notes = kits.revocation_lists(
        realm, tuple(dict.fromkeys(trusted)), plan.crls, plan.at, signed=not plan.dry_run
    )
    return (*plan.crls, *ours), notes


def contents(kits: Sequence[Made]) -> Iterator[File]:
    """Yield every file under its path within the whole."""
    for one in kits:
        for file in one.kit.files:
            yield replace(file, name=one.side.folder + file.name)


@contextmanager
def delivered(plan: Plan, kits: Sequence[Made]) -> Iterator[Delivery]:
    """Put the files beside their place, from where they can appear at once.

    Raises:
        UsageError: one is there already.
    """
    place, files = plan.place, tuple(contents(kits))
    if plan.zipped:
        with delivery(place.absolute().parent, [place.name], force=plan.force) as prepared:
            prepared.put(place.name, archive(files), secret=True)
            yield prepared
        return
    with delivery(place, [file.name for file in files], force=plan.force) as prepared:
        for file in files:
            prepared.put(file.name, file.content, secret=file.secret)
        yield prepared


def archive(files: Sequence[File]) -> bytes:
    """Return files as a zip with their modes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for file in files:
            entry = zipfile.ZipInfo(file.name)
            entry.external_attr = (SECRET_MODE if file.secret else PUBLIC_MODE) << 16
            made.writestr(entry, file.content)
    return buffer.getvalue()


def show(result: Result, out: Output, **facts: Any) -> int:
    """Say what was made, and the passwords that nobody knows yet.

    Args:
        result: what came of it.
        out: where to.
        facts: more for ``--json``.

    Returns:
        The exit status.
    """
    plan, verdict = result.plan, result.verdict
    titles = " and ".join(one.side.platform.title for one in result.kits)
    verb = "made" if result.written else "would be made" if plan.dry_run else "not made"
    out.done(
        f"kit {verb} for {titles} in {plan.place}: {', '.join(result.files)}",
        {"kit": str(plan.place), "files": result.files, **_sides(result), **facts, **verdict.as_json()},
    )
    out.findings(verdict.findings)
    for one in result.kits:
        if result.written and one.password and plan.password is None:
            whose = f"files in {one.side.folder.rstrip('/')}" if one.side.folder else "kit's files"
            note(f"password of the {whose}, shown this once: {one.password}")
    return 1 if verdict.outcome is Outcome.BROKEN else 0


def _sides(result: Result) -> dict[str, Any]:
    if len(result.kits) == 1:
        return {}
    return {
        "sides": [
            {
                "platform": one.side.platform.name,
                "use": one.side.use.name,
                "folder": one.side.folder.rstrip("/"),
            }
            for one in result.kits
        ]
    }


def _password(plan: Plan, side: Side) -> str:
    """Return what protects a side's files; where a platform's have none, nobody is told or asked for one."""
    if side.use.accepts.password is None or side.source.keyless:
        return plan.password or ""
    return plan.password or ("dry-run" if plan.dry_run else new_password())


def ready(plan: Plan) -> Plan:
    """Return the plan, if nothing stands where a zip file is to go; a folder's files are looked for when known.

    Raises:
        UsageError: it is there already.
    """
    if plan.zipped:
        refuse_existing([plan.place], force=plan.force)
    return plan
