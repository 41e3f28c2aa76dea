"""``twoway completion``: what a shell needs to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

from twoway.cli.options import json_option
from twoway.cli.output import Output

SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


@click.command()
@click.argument("shell", type=click.Choice(list(SHELLS)), help="The shell.")
@json_option
@click.pass_context
def completion(context: click.Context, shell: str, out: Output) -> None:
    """Print the completion script of a shell.

    For bash: echo 'eval "$(twoway completion bash)"' >> ~/.bashrc
    """
    script = SHELLS[shell](context.find_root().command, {}, "twoway", "_TWOWAY_COMPLETE").source()
    out.text(script, {"shell": shell, "script": script})
