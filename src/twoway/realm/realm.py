"""The realm: made whole or not at all, opened with a clear answer, read without waiting, changed in one piece."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import cached_property
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine, insert, select

from twoway.errors import (
    NameRefused,
    RealmDamaged,
    RealmDirectoryOccupied,
    RealmExists,
    RealmUnwritable,
    UnlockKeyWrong,
)
from twoway.realm import audit, database, tables
from twoway.realm.change import Change
from twoway.realm.change import changing as open_change
from twoway.realm.names import short
from twoway.realm.records import RealmRecord
from twoway.realm.sealing import Keys
from twoway.realm.unlocking import Environment, KeyFile, Passphrase, Unlock, unlock_key


@dataclass(frozen=True)
class Revisions:
    """How far the realm has moved: ``realm`` by changes, ``learned`` by fingerprints that were decided on."""

    realm: int
    learned: int


class Realm:
    """One installation's state.

    ``with Realm.open(directory) as realm:``; threads may share it, processes open their own.
    """

    def __init__(
        self,
        directory: Path,
        engine: Engine,
        *,
        passphrase: Callable[[], bytes] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self._engine = engine
        self._passphrase = passphrase
        self._environ = os.environ if environ is None else environ

    @classmethod
    def create(
        cls,
        directory: Path,
        *,
        name: str,
        at: datetime,
        unlock: Unlock | None = None,
        algorithm: str = "ec-p256",
        actor: str = "init",
    ) -> Self:
        """Make a realm: its database, its unlock key, a root and an issuing CA.

        It is built beside its place and renamed into it: whenever this is killed, there is a whole realm or none.

        Args:
            directory: where; its parent has to exist, it may itself be an empty directory.
            name: the organisation in every subject that we issue.
            at: now, aware.
            unlock: ``KeyFile()`` (the default), ``Passphrase(ask)`` or ``Environment()``.
            algorithm: of the CAs' keys.
            actor: who does it.

        Raises:
            RealmExists: there is one already.
            RealmDirectoryOccupied: something else is there.
            RealmUnwritable: nothing can be written there.
            NameRefused: the name cannot be an organisation in a certificate.
        """
        directory = directory.absolute()
        unlock = unlock or KeyFile()
        _check_name(name)
        try:
            _refuse_occupied(directory)
            _clean(directory)
            _make(directory, lambda building: _build(building, name, unlock, at, algorithm, actor))
        except OSError as error:
            problem = error.strerror or str(error)
            raise RealmUnwritable(directory=str(directory), problem=problem) from error
        except RealmUnwritable as error:  # it names where the realm is built
            raise RealmUnwritable(directory=str(directory), problem=error.problem) from error
        passphrase = unlock.ask if isinstance(unlock, Passphrase) else None
        environ = unlock.environ if isinstance(unlock, Environment) else None
        return cls.open(directory, passphrase=passphrase, environ=environ)

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        passphrase: Callable[[], bytes] | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Open a realm. Its unlock key is not asked for until something needs it.

        Args:
            directory: the realm's.
            passphrase: asks for the passphrase where the realm has one.
            environ: where TWOWAY_UNLOCK_KEY is looked for; the process's environment if left out.

        Raises:
            RealmAbsent: there is none.
            RealmDamaged: its database is none.
            RealmNewer: a later twoway made it.
        """
        directory = directory.absolute()
        return cls(directory, database.open_existing(directory), passphrase=passphrase, environ=environ)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one moment of the realm and waits for nobody."""
        with database.reading(self._engine, self.directory) as connection:
            yield connection

    @contextmanager
    def changing(self, actor: str, *, at: datetime | None = None) -> Iterator[Change]:
        """Open a change: everything in the block is stored together with its audit, or nothing is.

        Args:
            actor: who does it, such as ``cli:alice``.
            at: the moment; the clock is read if left out.
        """
        # Before the write lock is taken: a passphrase may have to be typed.
        keys = self.keys
        with open_change(self._engine, self.directory, keys, actor, at or datetime.now(UTC)) as change:
            yield change

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction for what is no change: the journal, learned fingerprints, acknowledgements."""
        with database.writing(self._engine, self.directory) as connection:
            yield connection

    @cached_property
    def keys(self) -> Keys:
        """The realm's keys, unlocked.

        Raises:
            UnlockKeyAbsent: the unlock key is not where it should be.
            UnlockKeyWrong: it is another realm's, or the passphrase is wrong.
        """
        record = self.record()
        key, source = unlock_key(
            self.directory,
            record.unlock_method,
            record.unlock_parameters,
            passphrase=self._passphrase,
            environ=self._environ,
        )
        keys = Keys(record.identifier, key)
        if not keys.fits(record.unlock_check):
            raise UnlockKeyWrong(source=source)
        return keys

    def record(self) -> RealmRecord:
        """Return the realm's own row."""
        with self.reading() as connection:
            found = RealmRecord.one(connection)
        if found is None:
            raise RealmDamaged(directory=str(self.directory), problem="the realm's own row is missing")
        return found

    def revisions(self) -> Revisions:
        """Return how far the realm has moved; a query that costs next to nothing."""
        with self.reading() as connection:
            return revisions(connection)

    def close(self) -> None:
        """Close the connections to the database."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def revisions(connection: Connection) -> Revisions:
    """Return how far the realm has moved, in the caller's transaction."""
    columns = tables.realm.c
    return Revisions(*connection.execute(select(columns.revision, columns.learned_revision)).one())


def _refuse_occupied(directory: Path) -> None:
    if (directory / database.FILE).exists():
        raise RealmExists(directory=str(directory))
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise RealmDirectoryOccupied(directory=str(directory))


def _check_name(name: str) -> None:
    """Return if the name can be an organisation (RFC 5280, A.1: at most 64 characters)."""
    if not 1 <= len(name) <= 64 or not name.isprintable() or name != name.strip():
        problem = "it is not 1 to 64 characters that print, without blanks at its ends"
        advice = "choose the organisation as certificates are to name it, such as 'Acme GmbH'"
        raise NameRefused(noun="realm", name=repr(short(name)), problem=problem, advice=advice)


def _make(directory: Path, build: Callable[[Path], None]) -> None:
    """Build the realm beside its place and rename it into it."""
    building = directory.with_name(f".{directory.name}.init-{secrets.token_hex(8)}")
    building.mkdir(mode=0o700)
    try:
        with _locked(building):
            build(building)
            for path in (*building.iterdir(), building):
                _sync(path)
            _rename(building, directory)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    _sync(directory.parent)


def _clean(directory: Path) -> None:
    """Remove what a killed init has left beside the realm's place; one that still runs holds its lock."""
    for left in directory.parent.glob(f".{directory.name}.init-*"):
        with suppress(OSError), _locked(left):
            shutil.rmtree(left)


@contextmanager
def _locked(building: Path) -> Iterator[None]:
    descriptor = os.open(building, os.O_RDONLY | os.O_DIRECTORY)
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _build(building: Path, name: str, unlock: Unlock, at: datetime, algorithm: str, actor: str) -> None:
    from twoway.realm import authorities

    key, parameters = unlock.make(building)
    keys = Keys(secrets.token_hex(16), key)
    engine = database.create(building)
    try:
        with database.writing(engine, building) as connection:
            connection.execute(
                insert(tables.realm).values(
                    id=1,
                    identifier=keys.identifier,
                    name=name,
                    created=at,
                    revision=0,
                    ended_revision=0,
                    learned_revision=0,
                    unlock_method=unlock.method,
                    unlock_parameters=json.dumps(parameters),
                    unlock_check=keys.check(),
                    **audit.first_head(keys.audit),
                )
            )
        with open_change(engine, building, keys, actor, at) as change:
            change.audit("realm.create", name, unlock=unlock.method)
            authorities.create(change, algorithm=algorithm)
    finally:
        # The last connection that closes brings the log back into the database file.
        engine.dispose()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(building: Path, directory: Path) -> None:
    try:
        # Replaces an empty directory and nothing else.
        building.rename(directory)
    except OSError as error:
        if (directory / database.FILE).exists():
            raise RealmExists(directory=str(directory)) from error
        raise RealmDirectoryOccupied(directory=str(directory)) from error
