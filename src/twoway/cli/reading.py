"""Key material as commands read it: from files and stdin, with the passwords that it needs."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twoway.cli.files import read_file
from twoway.cli.options import Command, PasswordSource, password_options
from twoway.cli.output import printable
from twoway.errors import UsageError

if TYPE_CHECKING:
    from twoway.keystores.model import Entry, Keystore

STDIN = "-"


@dataclass(slots=True)
class Passwords:
    """The password of what is read, and that of keys which have one of their own; each is read or asked for once.

    Args:
        store: of the file.
        key: of keys inside it.
    """

    store: PasswordSource
    key: PasswordSource
    _known: dict[str, str | None] = field(default_factory=dict)

    def given(self, source: PasswordSource) -> str | None:
        """Return what an option named, None where none did."""
        if source.option not in self._known:
            self._known[source.option] = source.given()
        return self._known[source.option]

    def ready(self) -> None:
        """Read what the options name, before anything else is done.

        Raises:
            UsageError: a file or a variable is not there.
        """
        self.given(self.store)
        self.given(self.key)


def material_options(command: Command) -> Command:
    """Add the passwords of what is read, which the command gets as ``passwords``."""

    @functools.wraps(command)
    def combined(password: PasswordSource, key_password: PasswordSource, **values: Any) -> Any:
        return command(passwords=Passwords(password, key_password), **values)

    decorated: Command = combined
    for option in reversed(OPTIONS):
        decorated = option(decorated)
    return decorated


OPTIONS: tuple[Callable[[Command], Command], ...] = (
    password_options("password", "The password of what is read"),
    password_options("key-password", "Where a key inside has another one"),
)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file that was read.

    Args:
        source: as the user named it; ``-`` is stdin.
        size: in bytes.
        keystore: what is in it.
        password: what opened it, None where nothing was needed.
        content: its bytes.
    """

    source: str
    size: int
    keystore: Keystore
    password: str | None = field(default=None, repr=False)
    content: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> str:
        """The file's name without its folders."""
        return "stdin" if self.source == STDIN else Path(self.source).name


def read_source(source: str) -> bytes:
    """Return the bytes of a file or of stdin, at most 10 MB.

    Raises:
        UsageError: there is no such file, it is a folder, or it is larger.
    """
    if source == STDIN:
        limit = 10 * 1024 * 1024  # bytes; the keystores' own limit
        data = sys.stdin.buffer.read(limit + 1)
        if len(data) > limit:
            raise UsageError(f"stdin has more than {limit} bytes", "give the keystore alone")
        return data
    path = Path(source)
    try:
        return read_file(path)
    except FileNotFoundError:
        advice = "give a file that is there, - for stdin, or HOST:PORT for a server"
        raise UsageError(f"{printable(source)}: no such file", advice) from None
    except IsADirectoryError:
        raise UsageError(f"{printable(source)} is a folder", "name one of its files") from None
    except PermissionError:
        raise UsageError(f"{printable(source)} may not be read", "mend its rights: chmod u+r") from None
    except (OSError, ValueError) as error:
        words = (getattr(error, "strerror", None) or str(error)).lower()
        raise UsageError(f"{printable(source[:80])} cannot be read: {words}", "name another file") from error


def load(source: str, passwords: Passwords, *, unlock: bool = False, listed: bool = False) -> Loaded:
    """Read a file, asking for its password where one is needed and somebody is there to ask.

    Args:
        source: a file, or ``-``.
        passwords: what the user gave.
        unlock: ask for the passwords of single keys too.
        listed: what shows without a password will do, where there is none.

    Raises:
        UsageError: it cannot be read.
        KeystoreError: it does not open.
    """
    return opened(source, read_source(source), passwords, unlock=unlock, listed=listed)


def opened(
    source: str, data: bytes, passwords: Passwords, *, unlock: bool = False, listed: bool = False
) -> Loaded:
    """Open bytes that were read, as ``load`` does."""
    from twoway import keystores
    from twoway.errors import PasswordMissing

    given = passwords.given(passwords.store)
    if given is None and not may_be_java(data):
        given = passwords.given(passwords.key)
    try:
        keystore = keystores.load(data, given)
    except PasswordMissing:
        if given is not None or not can_ask(source):
            shown = without_password(data) if listed and given is None else None
            if shown is None:
                raise
            return Loaded(source, len(data), shown, content=data)
        given = passwords.store.or_asked(f"password of {printable(source)}")
        keystore = keystores.load(data, given)
    if (
        given is None
        and unlock
        and can_ask(source)
        and any(isinstance(entry.why, PasswordMissing) for entry in keystore.locked)
    ):
        given = passwords.store.or_asked(f"password of {printable(source)}")
        keystore = keystores.load(data, given)
    if keystore.locked:
        keystore = _unlocked(source, data, given, passwords, keystore, ask=unlock)
    return Loaded(source, len(data), keystore, given, data)


def without_password(data: bytes) -> Keystore | None:
    """Return what can be seen of it all the same, None for nothing."""
    from twoway.diagnosis import others

    return others.without_password(data)


def may_be_java(data: bytes) -> bool:
    """Whether it is a JKS or a JCEKS, whose password opens no key by itself."""
    return data[:4] in {b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce"}


def can_ask(source: str = "") -> bool:
    """Whether somebody is there to type a password."""
    return source != STDIN and sys.stdin.isatty()


def _unlocked(
    source: str, data: bytes, given: str | None, passwords: Passwords, before: Keystore, *, ask: bool
) -> Keystore:
    """Try the password of single keys on those that did not open."""
    from twoway import keystores

    key = passwords.given(passwords.key)
    if key is None and ask and can_ask(source):
        names = ", ".join(printable(entry.alias) for entry in before.locked)
        key = passwords.key.or_asked(f"password of the key {names}")
    if key is None:
        return before
    own: Mapping[str, str] = {entry.alias: key for entry in before.locked}
    return keystores.load(data, given, own)


def together(keystores: Sequence[Keystore]) -> Keystore:
    """Return what several files hold as one: keys that lie alone get their certificates from the other files.

    Raises:
        KeyMismatch: there are certificates, and none is for one of the keys.
    """
    from twoway.keystores.arrangement import Naming, arranged
    from twoway.keystores.model import IdentityEntry, Keystore, LockedEntry, TrustedEntry

    if len(keystores) == 1:
        return keystores[0]
    entries = [entry for keystore in keystores for entry in keystore.entries]
    lone = [entry.key_der for entry in entries if isinstance(entry, IdentityEntry) and not entry.certificates]
    loose = [entry.certificate for entry in entries if isinstance(entry, TrustedEntry)]
    whole: list[Entry] = [
        entry
        for entry in entries
        if not isinstance(entry, TrustedEntry)
        and not (isinstance(entry, IdentityEntry | LockedEntry) and not entry.certificates)
    ]
    made, findings = arranged(lone, loose)
    naming = Naming()
    named = tuple(replace(entry, alias=naming.alias(entry.alias)) for entry in [*whole, *made])
    said = tuple(finding for keystore in keystores for finding in keystore.findings)
    return Keystore(named, keystores[0].format, (*said, *findings))
