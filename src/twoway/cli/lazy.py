"""A group of commands that imports a command's file only when that command is called."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class LazyGroup(click.Group):
    """Commands by name, their files unread until called.

    Args:
        package: the package that the files are in.
        lazy: by command, where it is (``file.name``) and its help in one line.
    """

    def __init__(
        self, *arguments: Any, package: str, lazy: Mapping[str, tuple[str, str]], **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self.package = package
        self.lazy = lazy
        # Click looks here for what a mistyped name may have meant.
        self.commands = dict.fromkeys(lazy, click.Command(None))

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click calls it
        """Return the names, in the order in which a user meets them."""
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click calls it
        """Import the command's file and return the command."""
        if cmd_name not in self.lazy:
            return None
        file, name = self.lazy[cmd_name][0].split(".")
        command: click.Command = getattr(importlib.import_module(f"{self.package}.{file}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click calls it
        """Write the list of commands from the table, importing none."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self.lazy.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name from the table, importing none."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=text)
            for name, (_, text) in self.lazy.items()
            if name.startswith(incomplete)
        ]
        return [*found, *click.Command.shell_complete(self, ctx, incomplete)]
