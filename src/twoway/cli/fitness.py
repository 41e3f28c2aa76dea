"""``twoway check --for PLATFORM``: files that somebody has already, held against what a platform accepts."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli import completing
from twoway.cli.options import Command
from twoway.cli.reading import STDIN, Loaded, may_be_java
from twoway.errors import EntryMissing, UsageError
from twoway.findings import Finding, Severity
from twoway.verdicts import Undone

if TYPE_CHECKING:
    from twoway.platforms.handed import Handed
    from twoway.platforms.platform import Platform, Use
    from twoway.platforms.presented import Presented


@dataclass(frozen=True, slots=True)
class Target:
    """What files are to be fit for.

    Args:
        platform: the product.
        use: what for there.
        settings: what it wants to know besides.
    """

    platform: Platform
    use: Use
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What --for, --use and --set name.

    Args:
        platform: the platform's name; None where none is named.
        use: the use's name.
        given: settings, each as NAME=VALUE.
    """

    platform: str | None
    use: str | None
    given: tuple[str, ...]

    def target(self) -> Target | None:
        """Return the platform and what for, None where no platform is named.

        Raises:
            UsageError: there is no such platform, use or setting; or no platform is named, but one of these.
        """
        from twoway.platforms import catalogue, settings

        if self.platform is None:
            if self.use is not None or self.given:
                raise UsageError("--use and --set go with a platform", "say --for PLATFORM")
            return None
        found = catalogue.find(self.platform)
        use = catalogue.use_of(found, self.use)
        return Target(found, use, settings.chosen(use, self.given))


def platform_options(command: Command) -> Command:
    """Add --for, --use and --set, which the command gets as ``wanted``."""

    @functools.wraps(command)
    def combined(platform: str | None, use_name: str | None, given: tuple[str, ...], **values: Any) -> Any:
        return command(wanted=Wanted(platform, use_name, given), **values)

    decorated: Command = combined
    for option in reversed(OPTIONS):
        decorated = option(decorated)
    return decorated


OPTIONS = (
    click.option(
        "--for",
        "platform",
        metavar="PLATFORM",
        help="What a platform accepts, by its name: see twoway platform list.",
        shell_complete=completing.platforms,
    ),
    click.option(
        "--use",
        "use_name",
        metavar="USE",
        help="What for: see twoway platform show PLATFORM.",
        shell_complete=completing.uses,
    ),
    click.option(
        "--set",
        "given",
        multiple=True,
        metavar="NAME=VALUE",
        help="A setting of the platform; repeatable.",
        shell_complete=completing.settings,
    ),
)


@dataclass(frozen=True, slots=True)
class Fitness:
    """What a platform's rules say of the files.

    Args:
        findings: what speaks against them, and what they were taken for.
        unknown: what could not be looked at.
    """

    findings: tuple[Finding, ...]
    unknown: tuple[Undone, ...]


def fitness(
    target: Target, loaded: Sequence[Loaded], *, at: datetime, alias: str | None, host: str | None
) -> Fitness:
    """Hold files against what a platform accepts.

    Args:
        target: the platform and what for.
        loaded: the files; several may be one identity.
        at: as of when, aware.
        alias: the only identity that counts.
        host: what clients call a server.

    Raises:
        EntryMissing: there is no entry of that name.
    """
    from twoway.platforms.handed import sorted_out

    handed = sorted_out([presented(one, target, at) for one in loaded], target.use.accepts)
    if alias is not None:
        handed = _only(handed, alias)
    findings: list[Finding] = []
    unknown: list[Undone] = []
    for one in handed:
        said, undone = _looked_at(target, one)
        findings += [*said, *_about_host(one, host)]
        unknown += undone
    if handed and all(one.trust for one in handed):
        findings += [_taken_for_trust(one.file) for one in handed]
    return Fitness(tuple(findings), tuple(unknown))


def presented(loaded: Loaded, target: Target, at: datetime) -> Presented:
    """Return a file as the platform will see it."""
    from twoway.keystores.model import Format
    from twoway.keystores.pkcs12_profile import profile_of
    from twoway.platforms.presented import Presented

    profile = profile_of(loaded.content) if loaded.keystore.format is Format.PKCS12 else None
    return Presented(
        loaded.name,
        loaded.size,
        loaded.keystore,
        at,
        loaded.password,
        profile,
        content=loaded.content,
        settings=target.settings,
        key_password=_key_has_its_own(loaded),
        mode=None if loaded.source == STDIN else Path(loaded.source).stat().st_mode & 0o777,
    )


def _key_has_its_own(loaded: Loaded) -> bool:
    """Whether a key opened with another password than the file's."""
    from twoway import keystores

    if loaded.password is None or loaded.keystore.locked or not may_be_java(loaded.content):
        return False
    return bool(keystores.load(loaded.content, loaded.password).locked)


def _only(handed: Sequence[Handed], alias: str) -> tuple[Handed, ...]:
    """Return the files with that identity alone in the one that holds it.

    Raises:
        EntryMissing: none does.
    """
    chosen = []
    for one in handed:
        keystore = one.file.keystore
        try:
            entry = keystore.entry(alias)
        except EntryMissing:
            continue
        entries = (entry, *(other for other in keystore.trusted if other is not entry))
        chosen.append(replace(one, file=replace(one.file, keystore=replace(keystore, entries=entries))))
    if not chosen:
        raise EntryMissing(f"entry named {alias!r}", "others")
    return (*chosen, *(one for one in handed if one.trust))


def _looked_at(target: Target, handed: Handed) -> tuple[tuple[Finding, ...], list[Undone]]:
    from twoway.platforms.preflight import preflight, unopened

    file = handed.file
    use = target.use.for_trust() if handed.trust else target.use
    if file.keystore.locked and file.password is None:
        why = f"the key in {file.name} is locked, and no password was given: say --password-file FILE"
        return unopened(target.platform, use, file), [Undone("platform-rules", why)]
    return preflight(target.platform, use, file), []


def _about_host(handed: Handed, host: str | None) -> Iterator[Finding]:
    from twoway.diagnosis.verification import about_host

    for entry in () if handed.trust else handed.file.identities:
        yield from about_host(entry.certificates[0], host)


def _taken_for_trust(file: Presented) -> Finding:
    return Finding(
        "file-taken-for-truststore",
        Severity.INFO,
        f"{file.name} holds no private key, and was judged as a file that says whom to trust",
        "certificates alone are what the other side is verified with; an identity has its key",
        "if it was to be the identity, name the file with the key too",
        facts={"file": file.name, "certificates": len(file.keystore.trusted)},
    )
