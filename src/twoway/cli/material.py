"""Keys and certificates from files, for commands that need no realm."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.files import read_file
from twoway.cli.options import PasswordSource
from twoway.errors import UsageError

if TYPE_CHECKING:
    from twoway.keystores.model import Keystore
    from twoway.platforms.order import Named
    from twoway.x509.certificates import Certificate
    from twoway.x509.keys import PrivateKey


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file, and what the certificate in it is to be called.

    Args:
        path: the file.
        alias: None where nobody said.
    """

    path: Path
    alias: str | None = None


class NamedFileType(click.ParamType[NamedFile]):
    """``FILE`` or ``FILE=ALIAS``; a file whose name has the equals sign in it is taken as it is."""

    name = "file[=alias]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> NamedFile:
        """Return the file and the alias."""
        if isinstance(value, NamedFile):
            return value
        text = str(value)
        if Path(text).is_file():
            return NamedFile(Path(text))
        file, equals, alias = text.rpartition("=")
        if not (equals and alias and Path(file).is_file()):
            self.fail(f"there is no file {file if equals else text}", param, ctx)
        return NamedFile(Path(file), alias)


@dataclass(frozen=True, slots=True)
class Found:
    """What the options named.

    Args:
        key: the private key.
        certificates: what came with it.
        alias: what it was called, where its file says.
        trusted: certificates that its file holds besides.
    """

    key: PrivateKey = field(repr=False)
    certificates: tuple[Certificate, ...]
    alias: str | None
    trusted: tuple[Named, ...] = ()


def identity_in(
    identity: Path | None,
    key: Path | None,
    certificate: Path | None,
    password: PasswordSource,
    key_password: PasswordSource,
) -> Found:
    """Return the key and the certificates that --identity, or --key and --certificate, name.

    Raises:
        UsageError: a part is missing.
        KeystoreError, MaterialError: a file is not what it should be.
    """
    from twoway.platforms.order import Named
    from twoway.x509.keys import load_private_key

    if identity is not None:
        store = opened(identity, password)
        entry = store.identity()
        called = next(one.alias for one in store.identities if one.certificates)
        trusted = tuple(Named(one.certificate, one.alias) for one in store.trusted)
        return Found(entry.key, entry.certificates, called, trusted)
    assert key is not None  # noqa: S101  one of the two was asked for
    if certificate is None:
        raise UsageError("--key needs --certificate", "give the certificate too, or --identity")
    keys = [one.key_der for one in opened(key, key_password).identities]
    if len(keys) != 1:
        raise UsageError(f"{key} holds {len(keys)} private keys", "name a file that holds one")
    return Found(load_private_key(keys[0]), certificates_in(certificate), None)


def named_certificates(files: Iterable[NamedFile]) -> tuple[Named, ...]:
    """Return the certificates of files; an alias goes to the first one of its file."""
    from twoway.platforms.order import Named

    found: list[Named] = []
    for file in files:
        first, *more = certificates_in(file.path)
        found += [Named(first, file.alias), *(Named(one) for one in more)]
    return tuple(found)


def certificates_in(path: Path) -> tuple[Certificate, ...]:
    """Return every certificate of a file of any format.

    Raises:
        UsageError: there is none.
    """
    from twoway import keystores

    store = keystores.load(read_file(path))
    found = [one for entry in store.identities for one in entry.certificates]
    found += [entry.certificate for entry in store.trusted]
    if not found:
        raise UsageError(f"{path} holds no certificate", "name the file that does")
    return tuple(found)


def opened(path: Path, password: PasswordSource) -> Keystore:
    """Return a file's entries, with its password asked for where it needs one."""
    from twoway import keystores
    from twoway.errors import PasswordMissing

    data, given = read_file(path), password.given()
    try:
        return keystores.load(data, given)
    except PasswordMissing:
        if given is not None or not sys.stdin.isatty():
            raise
    return keystores.load(data, password.or_asked(f"password of {path}"))
