"""The database of a realm: SQLite with a write-ahead log, every COMMIT on the disk before it returns.

A transaction that writes begins IMMEDIATE, so it never fails half-way for a lock; one that reads sees one
moment and waits for nobody.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from twoway.errors import RealmAbsent, RealmBusy, RealmDamaged, RealmNewer, RealmUnwritable

FILE = "realm.db"
# The head of the migrations; a test holds it.
SCHEMA = "0001"
SCHEMAS = (SCHEMA,)
# Seconds that a transaction waits for another one's write lock.
BUSY_SECONDS = 5


def engine(path: Path) -> Engine:
    """Return the engine of a database file; nothing is opened yet."""
    url = URL.create("sqlite", database=str(path))
    made = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
    event.listen(made, "connect", _on_connect)
    event.listen(made, "begin", _on_begin)
    return made


def _on_connect(connection: Any, _record: Any) -> None:
    # sqlite3 would begin transactions on its own, and only before some statements: BEGIN is ours.
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("twoway_begin", "BEGIN"))


@contextmanager
def reading(database: Engine, directory: Path) -> Iterator[Connection]:
    """Open a transaction that sees one moment of the realm; what it would write is rolled back."""
    with _translated(directory), database.connect() as connection:
        try:
            yield connection
        finally:
            connection.rollback()


@contextmanager
def writing(database: Engine, directory: Path) -> Iterator[Connection]:
    """Open a transaction that writes: all of it is stored when the block ends, or nothing when it raises."""
    with (
        _translated(directory),
        database.connect().execution_options(twoway_begin="BEGIN IMMEDIATE") as connection,
        connection.begin(),
    ):
        yield connection


class Watch:
    """Tells whether another process has written to the database, for the price of a few microseconds.

    Args:
        directory: the realm's.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._connection: sqlite3.Connection | None = None
        self._version = 0

    def changed(self) -> bool:
        """Return whether it was written to since this was last asked; the first time it was.

        Raises:
            RealmDamaged: the database is gone.
        """
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)
            before, self._version = (
                self._version,
                self._connection.execute("PRAGMA data_version").fetchone()[0],
            )
        except sqlite3.Error as error:
            raise RealmDamaged(directory=str(self._path.parent), problem=str(error)) from error
        return before != self._version


@contextmanager
def _translated(directory: Path) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        problem = str(error.orig)
        if "locked" in problem or "busy" in problem:
            raise RealmBusy(directory=str(directory), seconds=BUSY_SECONDS) from error
        if "no such" in problem or "malformed" in problem:
            raise RealmDamaged(directory=str(directory), problem=problem) from error
        raise RealmUnwritable(directory=str(directory), problem=problem) from error
    except DBAPIError as error:
        raise RealmDamaged(directory=str(directory), problem=str(error.orig)) from error
    except SQLAlchemyError as error:
        raise RealmDamaged(directory=str(directory), problem=str(error)) from error


def create(directory: Path) -> Engine:
    """Make an empty database in a directory, by the migrations."""
    path = directory / FILE
    # Its log and shared memory take over the mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    made = engine(path)
    with writing(made, directory) as connection:
        _upgrade(connection)
    return made


def open_existing(directory: Path) -> Engine:
    """Open a realm's database and bring an older schema up to date.

    Raises:
        RealmAbsent: there is none.
        RealmNewer: a later twoway made it.
        RealmDamaged: it is none.
        RealmUnwritable: it cannot be opened.
    """
    path = directory / FILE
    try:
        present = path.is_file()
    except OSError as error:
        raise RealmUnwritable(directory=str(directory), problem=str(error.strerror)) from error
    if not present:
        raise RealmAbsent(directory=str(directory))
    opened = engine(path)
    try:
        with reading(opened, directory) as connection:
            found = _version(connection)
        if found not in SCHEMAS:
            raise RealmNewer(directory=str(directory), found=found, known=SCHEMA)
        if found != SCHEMA:
            with writing(opened, directory) as connection:
                _upgrade(connection)
    except BaseException:
        opened.dispose()
        raise
    return opened


def _version(connection: Connection) -> str:
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())


def _upgrade(connection: Connection) -> None:
    # Imported here: it takes longer than all of what a list does.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
