"""``twoway inspect``: what a file, or a live server, really is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from twoway.cli.failures import REFUSED_BY_THE_SYSTEM, say, wrong_place
from twoway.cli.options import json_option
from twoway.cli.output import Output, echo_json, printable
from twoway.cli.reading import STDIN, Loaded, Passwords, material_options, opened, read_source
from twoway.cli.trees import (
    DETAILED,
    chain_lines,
    contents_in_words,
    entry_lines,
)
from twoway.errors import FormatUnknown, PasswordMissing, TwowayError, UsageError
from twoway.findings import Finding, Severity

if TYPE_CHECKING:
    from twoway.diagnosis.probe import Address, Probed

SERVER = "tls"
HOST_AND_PORT = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.%\w]{2,60})\]|(?P<host>[^\s:/\[\]@?#]{1,253})):(?P<port>\d{1,5})"
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one source turned out to be.

    Args:
        source: as the user named it.
        format: of the bytes, ``tls`` for a server; None where it cannot be read.
        entries: ready for JSON.
        findings: the errors among them make the exit status.
        lines: the same for people.
        connection: of a server.
        error: why it cannot be read.
    """

    source: str
    format: str | None = None
    entries: tuple[dict[str, Any], ...] = ()
    findings: tuple[Finding, ...] = ()
    lines: tuple[str, ...] = ()
    connection: dict[str, Any] = field(default_factory=dict)
    error: TwowayError | None = None

    @property
    def status(self) -> int:
        """The exit status that this one source asks for."""
        if self.error is not None:
            return self.error.exit_status
        return int(any(found.severity is Severity.ERROR for found in self.findings))

    def as_json(self) -> dict[str, Any]:
        """Return it as --json shows it."""
        shown: dict[str, Any] = {
            "source": self.source,
            "format": self.format,
            "entries": list(self.entries),
            "findings": [found.as_json() for found in self.findings],
        }
        return {**shown, "tls": self.connection} if self.connection else shown


@click.command()
@click.argument(
    "sources",
    metavar="SOURCE...",
    nargs=-1,
    required=True,
    type=click.Path(allow_dash=True),
    help="A file, -, HOST:PORT or a URL.",
)
@material_options
@click.option("--sni", metavar="NAME", help="The host name to ask a server for (default: that of SOURCE).")
@click.option(
    "--connect", metavar="HOST:PORT", help="Where to connect to instead of SOURCE's own host and port."
)
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 600),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long one server may take.",
)
@json_option
def inspect(
    sources: tuple[str, ...],
    passwords: Passwords,
    sni: str | None,
    connect: str | None,
    timeout: float,
    out: Output,
) -> int:
    """Show what files and servers really hold: keys, chains, names, purposes, ends, and what is odd.

    SOURCE is a file (- is stdin), HOST:PORT or an https URL. The format is found from the bytes, whatever the file is
    called. Keys are never shown. Of a server it shows the chain as sent and what it asks of its clients; nothing about
    it is verified. Without a password, what is not encrypted is listed all the same.

    The status is 0 also where certificates have ended; 1 where something cannot be opened, or a key does not fit its
    certificate; 3 where a server cannot be reached; of several sources, the worst.
    """
    if sources.count(STDIN) + [passwords.store.file, passwords.key.file].count(STDIN) > 1:
        raise UsageError("stdin can be read once", "give - once, and the others as files")
    passwords.ready()
    elsewhere = address(connect, "--connect") if connect is not None else None
    at = datetime.now(UTC)
    seen: list[Seen] = []
    for source in sources:
        try:
            target = None if is_file(source) else server(source)
            if target is None:
                one = file_seen(source, passwords, at)
            else:
                one = server_seen(source, target, elsewhere, sni, timeout, at)
        except TwowayError as error:
            one = Seen(source, findings=(error.finding(),), error=error)
        except OSError as error:
            if error.errno not in REFUSED_BY_THE_SYSTEM:
                raise
            refused = wrong_place(error)
            one = Seen(source, findings=(refused.finding(),), error=refused)
        seen.append(one)
        if not out.json:
            show(one, out, first=len(seen) == 1)
    if out.json:
        as_json(seen)
    return max(one.status for one in seen)


def is_file(source: str) -> bool:
    """Whether a source is stdin, or a file that is there."""
    try:
        return source == STDIN or Path(source).exists()
    except (OSError, ValueError):
        return False


def as_json(seen: Iterable[Seen]) -> None:
    """Write one document; the error of a source that cannot be read stands at the top too, as for every command."""
    document: dict[str, Any] = {"sources": [one.as_json() for one in seen]}
    errors = [one.error for one in seen if one.error is not None]
    if errors:
        document["error"] = max(errors, key=lambda error: error.exit_status).finding()
    echo_json(document)


def show(seen: Seen, out: Output, *, first: bool) -> None:
    """Write what one source is to stdout, and what is odd about it to stderr."""
    if seen.error is not None:
        say("error", named(seen.source, str(seen.error)))
        if seen.error.hint:
            say("hint", seen.error.hint)
        return
    if not first:
        click.echo()
    click.echo("\n".join(printable(line) for line in seen.lines))
    out.findings(found for found in seen.findings if not seen.lines[0].endswith(found.title))


def named(source: str, message: str) -> str:
    """Return a message that names its source."""
    return message if source in message or printable(source) in message else f"{source}: {message}"


def server(source: str) -> Address | None:
    """Return the server that a source names; None for a file.

    Raises:
        UsageError: it is a URL of something else than https.
    """
    from twoway.diagnosis.probe import Address

    if "://" not in source:
        return address(source, "SOURCE") if HOST_AND_PORT.fullmatch(source) else None
    try:
        url = urlsplit(source)
        host, port = url.hostname, url.port or 443
    except ValueError as error:
        raise UsageError(f"{printable(source[:200])} is no URL", "write it as https://HOST:PORT") from error
    if url.scheme != "https" or not host:
        raise UsageError(
            f"{printable(source[:200])} is no https URL", "only https has TLS: give HOST:PORT for others"
        )
    return Address(host, port)


def address(text: str, option: str) -> Address:
    """Read ``HOST:PORT``, an IPv6 address in brackets.

    Raises:
        UsageError: it is none.
    """
    from twoway.diagnosis.probe import Address

    found = HOST_AND_PORT.fullmatch(text)
    if not found or not 0 < int(found["port"]) < 65536:
        raise UsageError(
            f"{option} {printable(text[:200])} is no HOST:PORT",
            "write it as api.example.com:443 or [::1]:443",
        )
    return Address(found["v6"] or found["host"], int(found["port"]))


def server_seen(
    source: str, target: Address, elsewhere: Address | None, sni: str | None, timeout: float, at: datetime
) -> Seen:
    """Look at a live server."""
    from twoway.diagnosis import contents, servers
    from twoway.diagnosis.probe import probe
    from twoway.keystores.model import Format, LockedEntry

    probed = probe(target, server_name=sni, connect=elsewhere, seconds=timeout)
    host = sni or target.host
    # Its key is at home: what is seen is an identity that nobody here can use.
    entry = LockedEntry(host, PasswordMissing("the server's key"), probed.certificates)
    return Seen(
        source,
        SERVER,
        (contents.entry_json(entry, Format.DER),),
        servers.findings(probed, host, at=at),
        tuple(server_lines(source, probed, at)),
        probed.as_json(),
    )


def server_lines(source: str, probed: Probed, at: datetime) -> Iterator[str]:
    """Yield the lines about a server."""
    yield f"{source}: a server that speaks {probed.tls}{f', {probed.cipher}' if probed.cipher else ''}"
    alert = f" (without one: {probed.alert})" if probed.alert else ""
    yield f"  client certificate   {probed.client_certificate.replace('-', ' ')}{alert}"
    if probed.client_certificate != "not-requested":
        yield f"  CA names sent        {'; '.join(probed.ca_names) or 'none, so that clients send whatever they have'}"
    yield "  chain as sent"
    yield from chain_lines(probed.certificates, at)


def file_seen(source: str, passwords: Passwords, at: datetime) -> Seen:
    """Look at a file or at stdin."""
    from twoway.diagnosis import contents, others

    data = read_source(source)
    try:
        loaded = opened(source, data, passwords, listed=True)
    except FormatUnknown:
        found = others.recognised(data, at=at)
        if found is None:
            raise
        return Seen(source, found.format, (), (found.finding,), (f"{source}: {found.finding.title}",))
    keystore = loaded.keystore
    odd = contents.misnamed(loaded.name, keystore.format)
    return Seen(
        source,
        str(keystore.format),
        tuple(contents.entry_json(entry, keystore.format) for entry in keystore.entries),
        (*([odd] if odd else []), *contents.findings(keystore, at=at)),
        tuple(file_lines(loaded, at)),
    )


def file_lines(loaded: Loaded, at: datetime) -> Iterator[str]:
    """Yield the lines about a file."""
    from twoway.diagnosis.contents import TITLES

    keystore = loaded.keystore
    yield f"{loaded.source}: {TITLES[keystore.format]} with {contents_in_words(keystore)}"
    for entry in keystore.entries:
        yield from entry_lines(entry, keystore, at, detailed=len(keystore.entries) <= DETAILED)
