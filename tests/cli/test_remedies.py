"""What the remedies tell people to do can be done: every command and option that they name exists."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from twoway.cli import root

ROOT = Path(__file__).parents[2]
# What an error is given with its facts stands in the source alone.
GIVEN = re.compile(r"\b(?:where|advice) = f?\"([^\"]+)\"|\bwhere=f?\"([^\"]+)\"")
PAGE = (ROOT / "docs" / "findings.md").read_text() + "\n".join(
    text
    for file in sorted((ROOT / "src" / "twoway").rglob("*.py"))
    for found in GIVEN.findall(file.read_text())
    for text in found
)
# "twoway client issue NAME", "twoway journal", and not "twoway does" or "twoway {noun} list".
COMMAND = re.compile(r"\btwoway ((?:[a-z]+)(?: [a-z-]+)?)(?![a-z{])")
PROSE = {"as", "does", "has", "knows", "made"}
# Commands that findings of the library name, and that come with the commands for keystores.
COMING = {"convert"}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
# Options of other programs that remedies name.
OTHERS = {"--upgrade"}


def every_option(command: click.Command) -> set[str]:
    """The options of a command and of all below it."""
    found = {flag for one in command.params for flag in one.opts}
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            found |= every_option(below)
    return found


@pytest.mark.parametrize("words", sorted({match[1] for match in COMMAND.finditer(PAGE)}))
def test_named_command_exists(words):
    """Whoever follows a remedy finds the command."""
    first, *rest = words.split()
    if first in PROSE | COMING:
        return
    command = root.get_command(click.Context(root), first)
    assert command is not None
    if isinstance(command, click.Group) and rest:
        assert command.get_command(click.Context(command), rest[0]) is not None


@pytest.mark.parametrize("option", sorted(set(OPTION.findall(PAGE)) - OTHERS))
def test_named_option_exists(option):
    """And the option."""
    assert option in every_option(root)
