"""``twoway call``: one request to an endpoint, with its certificate."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.files import force_option, read_file, refuse_existing, write_file
from twoway.cli.options import json_option
from twoway.cli.output import Output, note, printable
from twoway.cli.realms import RealmPlace, realm_option
from twoway.errors import UsageError

if TYPE_CHECKING:
    import httpx2

    from twoway.endpoints.client import Endpoint

REFUSED = 1


@click.command()
@click.argument("target", metavar="NAME/PATH", help="The endpoint, and the path below its URL.")
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
@force_option
@realm_option
@json_option
def call(
    target: str,
    method: str | None,
    headers: tuple[str, ...],
    data: str | None,
    output: Path | None,
    force: bool,
    place: RealmPlace,
    out: Output,
) -> int:
    """Call an endpoint with its certificate, and print the body of the answer.

    Stderr says whether the server asked for the certificate and whether it was sent: a server that does not ask is not
    calling back two-way, whatever was configured. The status is 1 for an HTTP status of 400 and more.
    """
    name, _, path = target.partition("/")
    refuse_existing([output] if output else [], force=force)
    content = body(data)
    named = dict(map(header, headers))
    from twoway.endpoints.client import of_realm

    with place.opened() as realm:
        endpoint = of_realm(realm, name)
    with endpoint:
        verb = method or ("GET" if content is None else "POST")
        response = endpoint.request(verb.upper(), path, headers=named, content=content)
    show(endpoint, response, output, force, out)
    return REFUSED if response.status_code >= 400 else 0


def show(
    endpoint: Endpoint, response: httpx2.Response, output: Path | None, force: bool, out: Output
) -> None:
    """Write the body to where it belongs, and say on stderr what was done."""
    if output is not None:
        write_file(output, response.content, force=force)
    if out.json:
        out.record(facts(endpoint, response, output))
        return
    if output is None:
        write_body(response.content)
    note(f"{response.request.method} {response.request.url}: {response.status_code}; {endpoint.handshake}")


def write_body(content: bytes) -> None:
    """Write a body to stdout: as it is into a pipe, harmless onto a terminal."""
    if sys.stdout.isatty():
        text = content.decode("utf-8", "backslashreplace")
        click.echo("\n".join(printable(line) for line in text.split("\n")))
    else:
        click.echo(content, nl=False)


def facts(endpoint: Endpoint, response: httpx2.Response, output: Path | None) -> dict[str, Any]:
    """Return an answer as --json shows it; a body that is no text is in base64."""
    import base64

    made = endpoint.handshake
    shown: dict[str, Any] = {
        "endpoint": endpoint.name,
        "url": str(response.request.url),
        "status": response.status_code,
        "headers": [[name, value] for name, value in response.headers.multi_items()],
        "handshake": {"asked": made.asked, "sent": made.sent} if made else None,
    }
    if output is not None:
        return {**shown, "file": output}
    try:
        return {**shown, "body": response.content.decode("utf-8")}
    except UnicodeDecodeError:
        return {**shown, "body_base64": base64.b64encode(response.content).decode()}


def body(data: str | None) -> bytes | None:
    """Return the bytes that --data names."""
    if data is None or not data.startswith("@"):
        return None if data is None else data.encode()
    if data == "@-":
        return sys.stdin.buffer.read()
    return read_file(Path(data[1:]))


def header(text: str) -> tuple[str, str]:
    """Return a header's name and value.

    Raises:
        UsageError: it has another form.
    """
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not text.isprintable():
        raise UsageError(f"{printable(text)} is no header", "write it as NAME:VALUE")
    return name.strip(), value.strip()
