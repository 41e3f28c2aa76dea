"""``twoway call``: one request to an endpoint, with its certificate."""

from __future__ import annotations

import base64
import codecs
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.files import delivery, force_option, read_file, refuse_existing
from twoway.cli.options import Duration, json_option
from twoway.cli.output import Output, note, printable
from twoway.cli.realms import RealmPlace, realm_option
from twoway.errors import AnswerTooLarge, UsageError

if TYPE_CHECKING:
    import httpx2

    from twoway.endpoints.client import Endpoint

REFUSED = 1
# Bytes. A JSON document is made in memory, as a whole.
JSON_LIMIT = 10 * 1024 * 1024


@click.command()
@click.argument("target", metavar="NAME[/PATH]", help="The endpoint, and the path below its URL.")
@click.option("--method", "-X", help="The method (default: GET, or POST with --data).")
@click.option("--header", "-H", "headers", multiple=True, metavar="NAME:VALUE", help="A header; repeatable.")
@click.option("--data", "-d", metavar="TEXT|@FILE", help="The body, or the file that holds it (@- is stdin).")
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the body to FILE.",
)
@click.option(
    "--timeout", type=Duration(), metavar="DURATION", help="How long the server may think (default: 30s)."
)
@force_option
@realm_option
@json_option
def call(
    target: str,
    method: str | None,
    headers: tuple[str, ...],
    data: str | None,
    output: Path | None,
    timeout: int | None,
    force: bool,
    place: RealmPlace,
    out: Output,
) -> int:
    """Call an endpoint with its certificate, and print the body of the answer.

    Stderr says whether the server asked for the certificate and whether it was sent: where a server does not ask, the
    call was not two-way, whatever was configured. JSON in --data is sent as application/json, other text as a form,
    as curl does; -H "Content-Type: ..." says otherwise. Redirects are shown, not followed. The status is 1 for an
    HTTP status of 400 and more.
    """
    refuse_existing([output] if output else [], force=force)
    name, path = parted(target)
    named = [header(text) for text in headers]
    content = body(data)
    if content is not None and not any(field.lower() == "content-type" for field, _ in named):
        named.append(("Content-Type", content_type(data, content)))
    from twoway.endpoints.client import of_realm

    # What it logs of the handshake is said below.
    logging.getLogger("twoway").addHandler(logging.NullHandler())
    with place.opened() as realm:
        endpoint = of_realm(realm, name)
    with endpoint:
        if timeout is not None:
            endpoint.timeout = seconds(timeout)
        verb = (method or ("GET" if content is None else "POST")).upper()
        with endpoint.stream(verb, path, headers=named, content=content) as response:
            show(endpoint, response, output, force=force, out=out)
    return REFUSED if response.status_code >= 400 else 0


def parted(target: str) -> tuple[str, str]:
    """Return an endpoint's name, and what is called below its URL, query and all."""
    found = re.fullmatch(r"([^/?#]+)(.*)", target, re.DOTALL)
    if not found:
        raise UsageError(f"{printable(target)} names no endpoint", "write it as NAME or NAME/PATH")
    return found[1], found[2]


def body(data: str | None) -> bytes | None:
    """Return the bytes that --data names."""
    if data is None or not data.startswith("@"):
        return None if data is None else data.encode()
    if data == "@-":
        return sys.stdin.buffer.read()
    return read_file(Path(data[1:]))


def content_type(data: str | None, content: bytes) -> str:
    """Return what a body most likely is."""
    try:
        if content.lstrip()[:1] in {b"{", b"["}:
            json.loads(content)
            return "application/json"
    except ValueError:
        pass
    return "application/octet-stream" if (data or "").startswith("@") else "application/x-www-form-urlencoded"


def header(text: str) -> tuple[str, str]:
    """Return a header's name and value.

    Raises:
        UsageError: it has another form.
    """
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not text.isprintable():
        raise UsageError(f"{printable(name)} is no header", "write it as NAME:VALUE")
    return name.strip(), value.strip()


def seconds(timeout: int) -> httpx2.Timeout:
    """Return how long each step of a call may take."""
    if timeout < 1:
        raise UsageError("a timeout of 0 leaves the server no time", "give --timeout a second or more")
    import httpx2

    from twoway.endpoints.client import CONNECT_TIMEOUT

    return httpx2.Timeout(timeout, connect=min(timeout, CONNECT_TIMEOUT))


def show(
    endpoint: Endpoint, response: httpx2.Response, output: Path | None, *, force: bool, out: Output
) -> None:
    """Write the body to where it belongs as it arrives, and say on stderr what was done."""
    if output is not None:
        save(endpoint.pieces(response), output, force=force)
    if out.json:
        content = {"file": output} if output else whole(endpoint, endpoint.pieces(response))
        out.record(facts(endpoint, response, content))
        return
    if output is None:
        write(endpoint.pieces(response))
    request = response.request
    note(f"{request.method} {request.url}: {response.status_code} {response.reason_phrase}".rstrip())
    if response.has_redirect_location:
        note(f"it redirects to {response.headers['Location']}, which is not followed")
    note(str(endpoint.handshake))


def save(pieces: Iterator[bytes], output: Path, *, force: bool) -> None:
    """Write the body to a file, which appears when it is whole."""
    with delivery(output.absolute().parent, [output.name], force=force) as prepared:
        with (prepared.staging / output.name).open("wb") as file:
            file.writelines(pieces)
        prepared.publish()


def write(pieces: Iterator[bytes]) -> None:
    """Write the body to stdout: as it is into a pipe, harmless onto a terminal."""
    if not sys.stdout.isatty():
        for piece in pieces:
            click.echo(piece, nl=False)
        return
    last = "\n"
    for text in decoded(pieces):
        last = text or last
        click.echo(re.sub(r"[^\n\t]+", lambda found: printable(found[0]), text), nl=False)
    click.echo("" if last.endswith("\n") else "\n", nl=False)


def decoded(pieces: Iterator[bytes]) -> Iterator[str]:
    """Return the body as text, whatever is in it."""
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def whole(endpoint: Endpoint, pieces: Iterator[bytes]) -> dict[str, str]:
    """Return the body as --json shows it; one that is no text is in base64.

    Raises:
        AnswerTooLarge: it is larger than a JSON document should be.
    """
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > JSON_LIMIT:
            raise AnswerTooLarge(endpoint.name, endpoint.url, JSON_LIMIT)
    try:
        return {"body": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(content).decode("ascii")}


def facts(endpoint: Endpoint, response: httpx2.Response, content: Mapping[str, object]) -> dict[str, Any]:
    """Return an answer as --json shows it."""
    made = endpoint.handshake
    return {
        "endpoint": endpoint.name,
        "method": response.request.method,
        "url": str(response.request.url),
        "status": response.status_code,
        "headers": [[name, value] for name, value in response.headers.multi_items()],
        "handshake": made.as_json() if made else None,
        **content,
    }
