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
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError, SQLAlchemyError

from twoway.errors import RealmAbsent, RealmBusy, RealmDamaged, RealmNewer, RealmUnwritable

FILE = "realm.db"
# The head of the migrations; a test holds it.
SCHEMA = "0001"
SCHEMAS = (SCHEMA,)
# Seconds that a transaction waits for another one's write lock.
BUSY_SECONDS = 5


def engine(path: Path) -> Engine:
    """Return the engine of a database file; nothing is opened yet, and nothing is ever made by opening."""
    url = URL.create("sqlite", database=f"file:{quote(str(path))}", query={"mode": "rw", "uri": "true"})
    made = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})

    def on_connect(connection: Any, record: Any) -> None:
        _set_up(connection)
        record.info["file"] = _file(path)

    def on_checkout(_connection: Any, record: Any, _proxy: Any) -> None:
        # A file that was moved away or replaced can still be read, and would not change any more.
        if record.info["file"] != _file(path):
            raise InvalidatePoolError

    event.listen(made, "connect", on_connect)
    event.listen(made, "checkout", on_checkout)
    event.listen(made, "begin", _on_begin)
    return made


def _file(path: Path) -> tuple[int, int] | None:
    """Return what tells one file from another in its place, or None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116  at every transaction: Path.stat takes longer
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _set_up(connection: Any) -> None:
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
        self._file: tuple[int, int] | None = None
        self._version = 0

    def changed(self) -> bool:
        """Return whether it was written to since this was last asked; the first time, and when it is another, it was.

        Raises:
            RealmAbsent: the database is gone.
            RealmDamaged: it cannot be read.
        """
        file = _file(self._path)
        if file is None:
            self._close()
            raise RealmAbsent(directory=str(self._path.parent))
        if file != self._file:
            self._close()
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(f"file:{quote(str(self._path))}?mode=ro", uri=True)
                self._file, self._version = file, -1
            before, self._version = (
                self._version,
                self._connection.execute("PRAGMA data_version").fetchone()[0],
            )
        except sqlite3.Error as error:
            self._close()
            raise RealmDamaged(directory=str(self._path.parent), problem=str(error)) from error
        return before != self._version

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._file = None


@contextmanager
def _translated(directory: Path) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        problem = str(error.orig)
        if "locked" in problem or "busy" in problem:
            raise RealmBusy(directory=str(directory), seconds=BUSY_SECONDS) from error
        if "unable to open" in problem and _file(directory / FILE) is None:
            raise RealmAbsent(directory=str(directory)) from error
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
