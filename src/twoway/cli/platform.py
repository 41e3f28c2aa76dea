"""``twoway platform``: what is known about the products that take part in links."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from twoway.cli.options import json_option
from twoway.cli.output import Output

if TYPE_CHECKING:
    from twoway.platforms.platform import Platform, Use


@click.group()
def platform() -> None:
    """What platforms accept, and what kits there are for them."""


@platform.command("list")
@json_option
def list_platforms(out: Output) -> None:
    """List the platforms, and whether a real one was seen to take its kit."""
    from twoway.platforms.catalogue import PLATFORMS

    rows = [(one.name, one.title, ", ".join(use.name for use in one.uses), proof(one)) for one in PLATFORMS]
    out.table(("name", "title", "uses", "known by"), rows, {"platforms": [facts(one) for one in PLATFORMS]})


@platform.command()
@click.argument("name", help="The platform.")
@json_option
def show(name: str, out: Output) -> None:
    """Show what a platform accepts, use by use, with the source."""
    from twoway.platforms.catalogue import find

    found = find(name)
    if out.json:
        out.record({}, facts(found))
        return
    out.record({"platform": found.title, "versions": found.versions, "known by": proof(found)})
    for use in found.uses:
        click.echo()
        out.record({"use": use.name, "for": use.title, **_words(use)})


def proof(found: Platform) -> str:
    """Return in words how a platform's rules are known."""
    from twoway.platforms.platform import Proven

    if isinstance(found.proof, Proven):
        return f"proven: {found.proof.by}"
    return f"by document: {found.proof.source} ({found.proof.read})"


def facts(found: Platform) -> dict[str, Any]:
    """Return a platform as JSON."""
    return {
        "name": found.name,
        "title": found.title,
        "versions": found.versions,
        "proof": proof(found),
        "uses": [{"name": use.name, "title": use.title, **_words(use)} for use in found.uses],
        "failures": [{"says": one.says, "means": one.means, "remedy": one.remedy} for one in found.failures],
    }


def _words(use: Use) -> dict[str, Any]:
    accepts = use.accepts
    alias = accepts.alias.words if accepts.alias else None
    return {
        "formats": [str(one) for one in accepts.formats],
        "keys": list(accepts.keys),
        "root": str(accepts.root),
        "alias": alias,
        "settings": [f"{one.name}: {one.about}" for one in use.settings],
        "source": accepts.source,
    }
