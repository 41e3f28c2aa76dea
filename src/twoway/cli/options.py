"""Options that many commands share, and the questions that they may ask."""

from __future__ import annotations

import functools
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from twoway.cli.output import Output, printable
from twoway.errors import UsageError

type_of_file = click.Path(path_type=Path, dir_okay=False, exists=True)
# What SQLite and PostgreSQL number rows with.
type_of_number = click.IntRange(1, 2**63 - 1)
type_of_directory = click.Path(path_type=Path, file_okay=False)

Command = Callable[..., Any]


def json_option(command: Command) -> Command:
    """Add --json, which the command gets as ``out``."""
    return click.option(
        "--json",
        "out",
        is_flag=True,
        callback=lambda _context, _parameter, value: Output(json=value),
        help="One JSON document to stdout.",
    )(command)


@dataclass(frozen=True, slots=True)
class PasswordSource:
    """Where a password comes from: a file, an environment variable, or else a prompt.

    Args:
        option: the options' common name, such as ``out-password``.
        file: its first line is the password; ``-`` is stdin.
        variable: the environment variable's name.
    """

    option: str
    file: str | None
    variable: str | None

    def given(self) -> str | None:
        """Return the password that an option named, or None where none did.

        Raises:
            UsageError: both options, or a file or variable that is not there or empty.
        """
        if self.file and self.variable:
            raise UsageError(
                f"--{self.option}-file and --{self.option}-env exclude each other", "give one of them"
            )
        if self.file:
            return self._line_of(self.file)
        if self.variable:
            value = os.environ.get(self.variable)
            if not value:
                raise UsageError(
                    f"the environment variable {self.variable} is not set", f"set {self.variable}"
                )
            return value
        return None

    def or_asked(self, question: str, *, twice: bool = False) -> str:
        """Return the password that an option named, or ask for it on the terminal.

        Args:
            question: what the prompt says.
            twice: for a new password, which a slip of the finger would lose.
        """
        given = self.given()
        if given is not None:
            return given
        if not sys.stdin.isatty():
            advice = f"give it with --{self.option}-file FILE or --{self.option}-env NAME"
            raise UsageError(f"{question} is needed and there is no terminal to ask on", advice)
        asked: str = click.prompt(question, hide_input=True, confirmation_prompt=twice, err=True)
        return asked

    def _line_of(self, file: str) -> str:
        try:
            text = sys.stdin.readline() if file == "-" else Path(file).read_text()
        except UnicodeDecodeError as error:
            raise UsageError(
                f"the password file {file} is not text", "write the password in UTF-8"
            ) from error
        line = text.split("\n", 1)[0].removesuffix("\r")
        if not line:
            raise UsageError(f"the password file {file} has an empty first line", "write the password in it")
        return line


def password_options(name: str, what: str) -> Callable[[Command], Command]:
    """Add --NAME-file and --NAME-env, which the command gets as one ``PasswordSource``.

    Args:
        name: with dashes; the command's argument has underscores.
        what: what it is the password of, for the help.
    """
    key = name.replace("-", "_")

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def combined(**values: Any) -> Any:
            source = PasswordSource(name, values.pop(f"{key}_file"), values.pop(f"{key}_env"))
            return command(**values, **{key: source})

        in_file = click.option(
            f"--{name}-file", metavar="FILE", help=f"{what}: the first line of FILE (- is stdin)."
        )
        in_environment = click.option(
            f"--{name}-env", metavar="NAME", help=f"{what}: the environment variable NAME."
        )
        return in_file(in_environment(combined))

    return decorate


yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask whether it is meant.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something that cannot be undone.

    Raises:
        UsageError: there is nobody to ask, and --yes was not given.
        click.Abort: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError(f"this asks first: {printable(question)}", "say --yes if it is meant")
    click.confirm(printable(question), abort=True, err=True)


class Duration(click.ParamType[int]):
    """A time in seconds, written as ``90``, ``90s``, ``15m``, ``1h`` or ``1h30m``."""

    name = "duration"
    pattern = re.compile(r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s?)?", re.ASCII)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the seconds."""
        if isinstance(value, int):
            return value
        match = self.pattern.fullmatch(str(value).strip())
        if not match or not any(match.groups()):
            self.fail(f"{value!r} is no duration such as 90s, 15m or 1h", param, ctx)
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def duration_text(seconds: int) -> str:
    """Return seconds as ``Duration`` reads them, short: ``1h30m``."""
    parts = [(seconds // 3600, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"
