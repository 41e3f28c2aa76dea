"""``twoway convert``: a keystore in another format, with nothing lost in silence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.files import force_option
from twoway.cli.options import PasswordSource, dry_run_option, json_option, password_options
from twoway.cli.output import Output, printable
from twoway.cli.reading import STDIN, Loaded, Passwords, can_ask, load, material_options, together
from twoway.cli.written import STDOUT, can_write, type_of_output, write
from twoway.errors import FormatCannotHold, UsageError
from twoway.findings import Finding, Severity

if TYPE_CHECKING:
    from twoway.keystores.model import Entry, Keystore

# By the names that people give and the ends that files have.
FORMATS = {
    "pem": "pem",
    "der": "der",
    "pkcs12": "pkcs12",
    "p12": "pkcs12",
    "pfx": "pkcs12",
    "jks": "jks",
    "jceks": "jceks",
}
SUFFIXES = {**FORMATS, "crt": "pem", "key": "pem"}
JAVA = {"jks", "jceks"}
# Formats without names.
BARE = {"pem", "der"}
# Formats that are never written without a password.
PROTECTED = {"pkcs12", *JAVA}
# As twoway.keystores has them; written out, so that --help need not import it. A test holds both alike.
PROFILES = ("modern", "compat", "java-trust", "pbmac1")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to make of the entries.

    Args:
        format: of the output.
        only: the aliases to keep; empty for all.
        alias: the name of the only identity, or else the only entry.
        renames: new names by old ones.
        certificates_only: leave keys out, and keep their certificates as trusted ones.
        key_only: leave certificates out.
    """

    format: str
    only: tuple[str, ...] = ()
    alias: str | None = None
    renames: tuple[tuple[str, str], ...] = ()
    certificates_only: bool = False
    key_only: bool = False


@click.command()
@click.argument("source", metavar="IN", type=click.Path(allow_dash=True), help="What is read; - is stdin.")
@click.argument(
    "output", metavar="[OUT]", required=False, type=type_of_output, help="What is written (default: stdout)."
)
@click.option(
    "--with",
    "more",
    multiple=True,
    metavar="FILE",
    type=click.Path(),
    help="What belongs to IN and lies in another file: a key's certificate, its chain; repeatable.",
)
@click.option(
    "--to",
    "format_",
    type=click.Choice(list(FORMATS), case_sensitive=False),
    metavar="FORMAT",
    help="pem, der, pkcs12, jks or jceks (default: as OUT is called).",
)
@click.option("--only", multiple=True, metavar="ALIAS", help="Only this entry; repeatable.")
@click.option("--alias", metavar="NAME", help="What to call the identity, where there is one.")
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="Another name for an entry; repeatable.")
@click.option(
    "--certificates-only", is_flag=True, help="No private keys: their certificates become trusted ones."
)
@click.option("--key-only", is_flag=True, help="The private key without its certificates.")
@click.option(
    "--profile",
    type=click.Choice(PROFILES),
    default="modern",
    show_default=True,
    help="For PKCS#12: modern (AES-256), compat (3DES, for old Windows, macOS and AEM), java-trust, or pbmac1 "
    "(RFC 9579, under FIPS rules).",
)
@material_options
@password_options("out-password", "The password of OUT (default: that of IN)")
@click.option(
    "--clear-key", is_flag=True, help="Write private keys in clear (PEM and DER): OUT gets mode 0600."
)
@force_option
@dry_run_option
@json_option
def convert(
    source: str,
    output: Path | None,
    more: tuple[str, ...],
    format_: str | None,
    only: tuple[str, ...],
    alias: str | None,
    rename: tuple[str, ...],
    certificates_only: bool,
    key_only: bool,
    profile: str,
    passwords: Passwords,
    out_password: PasswordSource,
    clear_key: bool,
    force: bool,
    dry_run: bool,
    out: Output,
) -> None:
    """Write a keystore, a key or certificates in another format.

    IN is a file of any format, - is stdin; OUT is stdout if left out. A key stays protected as it was: OUT has the
    password of IN, unless --out-password-* gives another or --clear-key leaves it out. What the format cannot hold is
    an error, and what gets lost on the way is said. A file with a private key has mode 0600.
    """
    from twoway import keystores

    wanted = Wanted(target_format(format_, output), only, alias, pairs(rename), certificates_only, key_only)
    if certificates_only and key_only:
        raise UsageError("--certificates-only and --key-only exclude each other", "give one of them")
    if out.json and not dry_run and output in {None, STDOUT}:
        raise UsageError("--json and the keystore cannot both go to stdout", "name a file to write to")
    can_write(output, force=force)
    loaded = load(source, passwords, unlock=True)
    others = [load(file, passwords, unlock=True).keystore for file in more]
    loaded = replace(loaded, keystore=together([loaded.keystore, *others]))
    now = datetime.now(UTC)
    made, findings = converted(loaded.keystore, wanted)
    password = (
        None
        if clear_key and wanted.format not in PROTECTED
        else protection(loaded, made, wanted, out_password)
    )
    data = keystores.dump(made, wanted.format, password, profile, at=now)
    if password is not None and password != loaded.password:
        findings += keystores.password_advice(password)
    if not dry_run:
        write(output, data, secret=holds_keys(made), force=force)
    told(loaded, made, output, wanted, password, findings, dry_run=dry_run, out=out)


def target_format(given: str | None, output: Path | None) -> str:
    """Return the format to write.

    Raises:
        UsageError: neither --to nor OUT says it.
    """
    if given is not None:
        return FORMATS[given.lower()]
    suffix = "" if output is None else output.suffix.lower().removeprefix(".")
    if suffix not in SUFFIXES:
        raise UsageError("the format to write is not known", "say --to pem, der, pkcs12, jks or jceks")
    return SUFFIXES[suffix]


def pairs(texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Read ``OLD=NEW``.

    Raises:
        UsageError: it has no such form.
    """
    found = [text.partition("=") for text in texts]
    for text, (old, equals, new) in zip(texts, found, strict=True):
        if not (old and equals and new):
            raise UsageError(
                f"--rename {printable(text[:200])} is not OLD=NEW", "write the old alias, =, and the new one"
            )
    return tuple((old, new) for old, _, new in found)


def protection(loaded: Loaded, made: Keystore, wanted: Wanted, source: PasswordSource) -> str | None:
    """Return the password of what is written, None for none.

    Raises:
        UsageError: the format needs one, and there is nobody to ask.
    """
    given = source.given()
    if given is not None:
        return given
    if loaded.password and (holds_keys(made) or wanted.format in PROTECTED):
        return loaded.password
    if wanted.format in PROTECTED:
        if not can_ask(loaded.source):
            advice = "give it with --out-password-file FILE or --out-password-env NAME"
            raise UsageError(f"{wanted.format} needs a password, and IN has none", advice)
        return source.or_asked("password of OUT", twice=True)
    return None


def converted(keystore: Keystore, wanted: Wanted) -> tuple[Keystore, tuple[Finding, ...]]:
    """Return the keystore to write, and what changes on the way.

    Raises:
        EntryMissing: there is no entry of a name.
        KeystoreError: an entry is locked.
        FormatCannotHold: two entries would have the same name, or there is nothing left to write.
    """
    from twoway.keystores.model import Format

    chosen = [keystore.entry(alias) for alias in wanted.only] or list(keystore.entries)
    named = [renamed(entry, keystore, wanted) for entry in chosen]
    kept = list(reduced(named, wanted))
    if not kept:
        what = "keys" if wanted.key_only else "certificates" if wanted.certificates_only else "entries"
        raise FormatCannotHold(
            wanted.format, f"nothing: there are no {what}", "see twoway inspect for what IN has"
        )
    made = replace(keystore, entries=tuple(kept), format=Format(wanted.format), noticed=())
    whole = [entry for entry in made.identities if entry.certificates]
    if wanted.format == Format.DER and whole:
        raise FormatCannotHold(
            "one DER file",
            f"the key {whole[0].alias!r} and its certificates together",
            "make two files with --key-only and --certificates-only, or choose pem or pkcs12",
        )
    if wanted.format == Format.PKCS12:
        refuse_namesakes(kept, wanted.format)
    return made, tuple(losses(made, keystore, wanted))


def renamed(entry: Entry, keystore: Keystore, wanted: Wanted) -> Entry:
    """Return an entry under its new name, if it gets one."""
    for old, new in wanted.renames:
        if keystore.entry(old) is entry:
            return replace(entry, alias=new)
    if wanted.alias is None:
        return entry
    from twoway.keystores.model import IdentityEntry, LockedEntry

    chosen = [keystore.entry(name) for name in wanted.only] or list(keystore.entries)
    candidates = [one for one in chosen if isinstance(one, IdentityEntry | LockedEntry)] or chosen
    if len(candidates) != 1:
        raise UsageError(
            f"--alias names one entry, and there are {len(candidates)}", "say which with --rename OLD=NEW"
        )
    return replace(entry, alias=wanted.alias) if candidates[0] is entry else entry


def reduced(entries: Sequence[Entry], wanted: Wanted) -> Iterator[Entry]:
    """Yield the entries without what is to be left out."""
    from twoway.keystores.arrangement import Naming, suggested_alias
    from twoway.keystores.model import IdentityEntry, LockedEntry, TrustedEntry

    naming, met = Naming(), set()
    for entry in entries:
        match entry:
            case IdentityEntry() | LockedEntry() if wanted.certificates_only:
                for depth, certificate in enumerate(entry.certificates):
                    if certificate not in met:
                        met.add(certificate)
                        alias = entry.alias if depth == 0 else suggested_alias(certificate)
                        yield TrustedEntry(naming.alias(alias), certificate, entry.created)
            case TrustedEntry() if wanted.certificates_only:
                if entry.certificate not in met:
                    met.add(entry.certificate)
                    yield replace(entry, alias=naming.alias(entry.alias))
            case LockedEntry():
                raise entry.why
            case IdentityEntry() if wanted.key_only:
                yield replace(entry, certificates=())
            case _ if not (wanted.certificates_only or wanted.key_only):
                yield entry


def refuse_namesakes(entries: Sequence[Entry], format_: str) -> None:
    """Return if every entry has a name of its own; case does not tell two apart, as in Java.

    Raises:
        FormatCannotHold: two have the same.
    """
    met: set[str] = set()
    for entry in entries:
        alias = entry.alias.lower()
        if alias in met:
            raise FormatCannotHold(
                format_, f"two entries named {alias!r}", "give one of them another name: --rename OLD=NEW"
            )
        met.add(alias)


def losses(made: Keystore, before: Keystore, wanted: Wanted) -> Iterator[Finding]:
    """Yield what gets lost or changed on the way."""
    from twoway.keystores import aliases_lowered

    if wanted.format in JAVA:
        yield from aliases_lowered(made)
    # PKCS#12 has a place for the dates of keys, as Java writes them.
    dated = made.entries if wanted.format in BARE else made.trusted
    if wanted.format not in JAVA and any(entry.created is not None for entry in dated):
        yield dates_lost(wanted.format)
    if wanted.format in BARE and before.format not in BARE and len(made.entries) > 1:
        yield aliases_lost([entry.alias for entry in made.entries], wanted.format)


def dates_lost(format_: str) -> Finding:
    """Make the finding about creation dates that the format has no place for."""
    return Finding(
        code="creation-dates-lost",
        severity=Severity.INFO,
        title=f"the entries' creation dates are not in the {format_} file",
        cause="the format has no standard place for them",
        remedy="nothing: only keytool -list shows them",
        facts={"format": format_},
    )


def aliases_lost(aliases: Sequence[str], format_: str) -> Finding:
    """Make the finding about aliases that the format has no place for."""
    return Finding(
        code="aliases-lost",
        severity=Severity.INFO,
        title=f"the entries' names are not in the {format_} file: {', '.join(aliases[:10])}",
        cause="the format has no place for names; they are made of the certificates when it is read again",
        remedy="nothing, or choose pkcs12 or jks where the names matter",
        facts={"format": format_, "aliases": list(aliases)},
    )


def holds_keys(keystore: Keystore) -> bool:
    """Whether a private or a secret key is among the entries."""
    return bool(keystore.identities or keystore.secrets)


def told(
    loaded: Loaded,
    made: Keystore,
    output: Path | None,
    wanted: Wanted,
    password: str | None,
    findings: Sequence[Finding],
    *,
    dry_run: bool,
    out: Output,
) -> None:
    """Say what was written, or would be."""
    from twoway.cli.trees import contents_in_words
    from twoway.diagnosis.contents import TITLES, entry_json

    place = "stdout" if output in {None, STDOUT} else str(output)
    data: dict[str, Any] = {
        "source": loaded.source,
        "output": None if output in {None, STDOUT} else str(output),
        "format": wanted.format,
        "encrypted": password is not None,
        "written": not dry_run,
        "entries": [entry_json(entry, made.format) for entry in made.entries],
        "findings": list(findings),
    }
    shown = f"{place}: {TITLES[made.format]} with {contents_in_words(made)}"
    if password is not None and password == loaded.password:
        shown += f", protected with the password of {'stdin' if loaded.source == STDIN else loaded.source}"
    elif password is None and holds_keys(made):
        shown += ", the key in clear: the file is for its owner only (0600)"
    out.done(f"would write {shown}" if dry_run else shown, data)
    out.findings(findings)
