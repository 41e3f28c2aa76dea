"""``twoway quickstart``: all of it, for real, as a story."""

from __future__ import annotations

import click

from twoway.cli.options import json_option
from twoway.cli.output import Output


@click.command()
@click.option(
    "--once", is_flag=True, help="End after the story; the status is 0 only if every step came out right."
)
@json_option
def quickstart(once: bool, out: Output) -> int:
    """Show a realm, a gateway and clients of all kinds on free local ports, for real, in a few seconds.

    Then it stays up, and prints what to try. Nothing of it is kept.
    """
    from twoway.lab import quickstart as story

    return story.run(once=once, as_json=out.json)
