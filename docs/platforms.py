"""Print docs/platforms.md: every platform of the catalogue and how it is known. Run by ``make docs``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from twoway.platforms.catalogue import PLATFORMS
from twoway.platforms.platform import Platform, Proven, Use

HEAD = """\
# Platforms

What `twoway kit NAME` makes files for, and `twoway check FILE --for NAME` holds files against. *Proven* means that a
real one took the kit in a test of this repository; *by document* that the vendor's pages are all there is, so that its
own rules only warn. `twoway platform show NAME` says more. This page is made from the catalogue by `make docs`.
"""


def main() -> None:
    """Print the page."""
    sys.stdout.write("\n".join([HEAD, *table(), "", *(line for one in PLATFORMS for line in section(one))]))


def table() -> Iterator[str]:
    """All platforms at a glance."""
    yield "| name | platform | uses | known |"
    yield "| --- | --- | --- | --- |"
    for one in PLATFORMS:
        known = "proven" if isinstance(one.proof, Proven) else "by document"
        yield f"| [`{one.name}`](#{one.name}) | {one.title} | {', '.join(use.name for use in one.uses)} | {known} |"


def section(one: Platform) -> Iterator[str]:
    """One platform."""
    yield from (f"## {one.name}", "", f"{one.title}, {one.versions}. {known_by(one)}", "")
    for use in one.uses:
        yield f"- `{use.name}`: {use.title}. {accepted(use)}"
    yield ""


def known_by(one: Platform) -> str:
    """How its rules are known."""
    if isinstance(one.proof, Proven):
        return f"Proven by {one.proof.by}."
    return f"By document: {one.proof.source} (read on {one.proof.read})."


def accepted(use: Use) -> str:
    """What it takes, in one sentence or two."""
    formats = ", ".join(str(one) for one in use.accepts.formats)
    settings = ", ".join(f"`{one.name}`" for one in use.settings)
    said = f"Takes {formats}; keys {', '.join(use.accepts.keys)}."
    return f"{said} Settings: {settings}." if settings else said


if __name__ == "__main__":
    main()
