"""Files that a command writes: whole or not at all, never over something that is there, keys for their owner only."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from twoway.errors import UsageError

SECRET_MODE = 0o600
PUBLIC_MODE = 0o644


@dataclass(frozen=True, slots=True)
class Delivery:
    """Files that are made beside their folder, and appear in it when all are there.

    Args:
        directory: where they go.
        staging: where they are made; nobody else can read it.
    """

    directory: Path
    staging: Path

    def put(self, name: str, data: bytes, *, secret: bool = False) -> None:
        """Write one file to its waiting place.

        Args:
            name: in the folder; what comes before a slash is a folder in it.
            data: its content.
            secret: for its owner only.
        """
        place = self.staging / name
        place.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), SECRET_MODE if secret else PUBLIC_MODE)
            file.flush()
            os.fsync(file.fileno())

    def publish(self) -> None:
        """Let the files appear."""
        if self.directory.exists():
            for file in (path for path in self.staging.rglob("*") if path.is_file()):
                place = self.directory / file.relative_to(self.staging)
                place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                file.replace(place)
        else:
            self.staging.rename(self.directory)


@contextmanager
def delivery(directory: Path, names: Iterable[str], *, force: bool) -> Iterator[Delivery]:
    """Make sure that files can be written into a folder, before anything else is done.

    Args:
        directory: where they will go; made if it is not there.
        names: the files.
        force: replace files of these names.

    Raises:
        UsageError: one of them is there already, and ``force`` was not given.
    """
    refuse_existing([directory / name for name in names], force=force)
    directory = directory.absolute()
    directory.parent.mkdir(parents=True, exist_ok=True)
    beside = directory if directory.exists() else directory.parent
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=beside))
    except OSError as error:
        raise about(directory, error) from error
    try:
        yield Delivery(directory, staging)
    except OSError as error:
        if Path(str(error.filename)).is_relative_to(staging):
            raise about(directory, error) from error
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def about(directory: Path, error: OSError) -> OSError:
    """Return an error of a place of ours as one of the folder that the user named."""
    return OSError(error.errno, error.strerror, str(directory))


def write_file(path: Path, data: bytes, *, force: bool) -> None:
    """Write one public file, whole or not at all.

    Raises:
        UsageError: it is there already, and ``force`` was not given.
    """
    with delivery(path.absolute().parent, [path.name], force=force) as prepared:
        prepared.put(path.name, data)
        prepared.publish()


def refuse_existing(paths: Iterable[Path], *, force: bool) -> None:
    """Return if none of the files is there.

    Raises:
        UsageError: one is, and ``force`` was not given.
    """
    existing = [str(path) for path in paths if os.path.lexists(path)]
    if existing and not force:
        raise UsageError(
            f"{', '.join(existing)}: there already", "write elsewhere, or say --force to replace"
        )


def read_file(path: Path) -> bytes:
    """Return a file's bytes, at most what any of our readers takes.

    Raises:
        UsageError: it is larger.
    """
    limit = 10 * 1024 * 1024  # bytes; the keystores' own limit
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise UsageError(
            f"{path} has more than {limit} bytes", "name the file that holds the certificate or key alone"
        )
    return data


force_option = click.option("--force", is_flag=True, help="Replace files that are there already.")
