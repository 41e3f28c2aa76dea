"""Which realm a command works on, and as whom."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.options import Command, PasswordSource, password_options, type_of_directory
from twoway.realm.places import VARIABLE, default_directory

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from twoway.realm.change import Change
    from twoway.realm.realm import Realm


@dataclass(frozen=True, slots=True)
class RealmPlace:
    """A realm that is not open yet.

    Args:
        directory: where it is.
        passphrase: where its passphrase comes from, if it has one.
    """

    directory: Path
    passphrase: PasswordSource

    @contextmanager
    def opened(self) -> Iterator[Realm]:
        """Open the realm; a passphrase is asked for only when a secret is needed."""
        from twoway.realm.realm import Realm

        with Realm.open(self.directory, passphrase=self.ask) as realm:
            yield realm

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open the realm for one look at it."""
        with self.opened() as realm, realm.reading() as connection:
            yield connection

    @contextmanager
    def changing(self) -> Iterator[Change]:
        """Open the realm for one change, made whole or not at all."""
        with self.opened() as realm, realm.changing(actor()) as change:
            yield change

    def ask(self) -> bytes:
        """Return the realm's passphrase, from an option or the terminal."""
        return self.passphrase.or_asked("the realm's passphrase").encode()


def realm_option(command: Command) -> Command:
    """Add --realm and where its passphrase comes from, which the command gets as ``place``."""

    @functools.wraps(command)
    def placed(realm: Path | None, passphrase: PasswordSource, **values: Any) -> Any:
        return command(place=RealmPlace(realm or default_directory(), passphrase), **values)

    option = click.option(
        "--realm",
        type=type_of_directory,
        envvar=VARIABLE,
        help="The realm's folder (or TWOWAY_REALM; default: the user's data folder).",
    )
    return option(password_options("passphrase", "The realm's passphrase")(placed))


def actor() -> str:
    """Return who does it, as the audit names it: the system's user, not what the environment claims."""
    import pwd

    user = os.getuid()
    try:
        return f"cli:{pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"cli:{user}"
