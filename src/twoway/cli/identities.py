"""``--identity``, or the same spelled out as ``--key``, ``--certificate`` and ``--chain``."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.files import read_file
from twoway.cli.options import Command, PasswordSource, password_options, type_of_file
from twoway.errors import UsageError

if TYPE_CHECKING:
    from twoway.realm.realm import Realm
    from twoway.realm.vault import Brought


@dataclass(frozen=True, slots=True)
class IdentitySource:
    """Where an identity comes from, if from anywhere.

    Args:
        identity: a keystore or PEM file, or an entry of the vault as ``owner/name``.
        parts: key, certificate and chain, as files.
        alias: which one of a keystore that holds several.
        password: of the keystore.
        key_password: of the key's own file.
    """

    identity: str | None
    parts: tuple[Path, ...]
    alias: str | None
    password: PasswordSource
    key_password: PasswordSource

    @property
    def named(self) -> bool:
        """Whether an option named one."""
        return self.identity is not None or bool(self.parts)

    def brought(self, realm: Realm) -> Brought | None:
        """Return the identity, or None where no option named one.

        Files are read here and remembered, so that the gateway sees when they are replaced.

        Raises:
            UsageError: the options contradict each other, or name nothing.
        """
        if self.identity is not None and self.parts:
            raise UsageError("--identity and --key exclude each other", "give a keystore, or its parts")
        if self.identity is None:
            return self._read(self.parts) if self.parts else None
        if Path(self.identity).exists():
            return self._read((Path(self.identity),))
        return self._in_vault(realm, self.identity)

    def _read(self, paths: tuple[Path, ...]) -> Brought:
        from twoway.errors import KeyPasswordNeeded, PasswordMissing
        from twoway.realm import vault

        for path in paths:
            read_file(path)  # for its errors in words: a folder, no rights, no such size
        source = self.key_password if self.identity is None else self.password
        given = source.given() or self.password.given() or self.key_password.given()
        try:
            return vault.read(paths, encoded(given), alias=self.alias)
        except (KeyPasswordNeeded, PasswordMissing):
            if given is not None or not sys.stdin.isatty():
                raise
        asked = source.or_asked(f"password of {paths[0]}")
        return vault.read(paths, encoded(asked), alias=self.alias)

    def _in_vault(self, realm: Realm, name: str) -> Brought:
        from twoway.realm import vault

        owner, _, rest = name.partition("/")
        with realm.reading() as connection:
            for entry in vault.entries(connection, owner):
                if entry.name == rest:
                    return vault.as_brought(realm.keys, connection, entry)
        raise UsageError(
            f"--identity {name}: there is neither such a file nor such an entry in the vault",
            "name a keystore or PEM file, or owner/name as twoway status lists them",
        )


def encoded(password: str | None) -> bytes | None:
    """Return a password as the bytes that keystores take."""
    return None if password is None else password.encode()


def identity_options(command: Command) -> Command:
    """Add --identity and its parts, which the command gets as one ``IdentitySource``."""

    @functools.wraps(command)
    def combined(
        identity: str | None,
        key: Path | None,
        certificate: Path | None,
        chain: tuple[Path, ...],
        alias: str | None,
        password: PasswordSource,
        key_password: PasswordSource,
        **values: Any,
    ) -> Any:
        if (certificate or chain) and not key:
            raise UsageError(
                "--certificate and --chain go with --key", "give the private key too, or --identity"
            )
        parts = tuple(path for path in (key, certificate, *chain) if path is not None)
        return command(identity=IdentitySource(identity, parts, alias, password, key_password), **values)

    decorated: Command = combined
    for option in reversed(OPTIONS):
        decorated = option(decorated)
    return decorated


OPTIONS: tuple[Callable[[Command], Command], ...] = (
    click.option(
        "--identity", metavar="FILE", help="A keystore or PEM file with key and chain, or a vault entry."
    ),
    click.option("--key", type=type_of_file, metavar="FILE", help="Instead of --identity: the private key,"),
    click.option("--certificate", type=type_of_file, metavar="FILE", help="its certificate,"),
    click.option("--chain", type=type_of_file, multiple=True, metavar="FILE", help="and its issuers."),
    click.option("--alias", help="Which one, where a keystore holds several."),
    password_options("password", "The keystore's password"),
    password_options("key-password", "The key's password"),
)
