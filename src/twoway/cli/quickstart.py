"""``twoway quickstart``: all of it, for real, as a story."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import click

from twoway.cli.options import json_option
from twoway.cli.output import Output, echo_json, printable

if TYPE_CHECKING:
    from twoway.lab.quickstart import Stage, Step


@click.command()
@click.option(
    "--once", is_flag=True, help="End after the story; the status is 0 only if every step came out right."
)
@json_option
def quickstart(once: bool, out: Output) -> int:
    """Show a realm, a gateway and clients of all kinds on free local ports, for real, in a few seconds.

    Then it stays up, and prints what to try. Nothing of it is kept.
    """
    from twoway.lab.quickstart import run

    steps: list[Step] = []
    began = time.monotonic()

    def tell(step: Step) -> None:
        steps.append(step)
        if not out.json:
            _show(step)

    def report(ok: bool) -> None:
        seconds = round(time.monotonic() - began, 1)
        if out.json:
            told = [{"name": one.name, "ok": one.ok, "seen": one.seen, "facts": one.facts} for one in steps]
            echo_json({"ok": ok, "seconds": seconds, "steps": told})
        else:
            right = sum(step.ok for step in steps)
            click.echo(f"\n{right} of {len(steps)} steps came out as they should, in {seconds} seconds.")

    def stay(stage: Stage) -> None:
        report(all(step.ok for step in steps))
        _stay(stage, out)

    # Whoever ends us ends all of it: what was started, and the folder.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    ok = run(tell=tell, stay=None if once else stay)
    if once:
        report(ok)
    return 0 if ok else 1


def _show(step: Step) -> None:
    mark = click.style("✓", fg="green") if step.ok else click.style("✗", fg="red", bold=True)
    click.echo(f" {mark} {printable(step.name):<45} {printable(step.seen)}")


def _stay(stage: Stage, out: Output) -> None:
    """Wait until Ctrl-C, with everything up."""
    from twoway.lab.quickstart import keep_for_curl

    commands = keep_for_curl(stage)
    if not out.json:
        click.echo("\nTry it yourself, in another terminal (Ctrl-C here ends it all):\n")
        click.echo("\n".join(f"  {command}" for command in commands) + "\n")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        click.echo("\nended; nothing of it is kept", err=True)
