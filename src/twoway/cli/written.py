"""Single files that a command writes, and what may go to stdout instead."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from twoway.cli.failures import REFUSED_BY_THE_SYSTEM
from twoway.cli.files import delivery, refuse_existing
from twoway.cli.output import printable
from twoway.errors import UsageError

STDOUT = Path("-")
type_of_output = click.Path(path_type=Path, dir_okay=False, allow_dash=True)


def can_write(path: Path | None, *, force: bool) -> None:
    """Return if a file can be written there, as far as that can be told before.

    Args:
        path: None or ``-`` is stdout.
        force: it may be there already.

    Raises:
        UsageError: it is there already, or its folder is not.
    """
    if path is None or path == STDOUT:
        return
    refuse_existing([path], force=force)
    if not path.absolute().parent.is_dir():
        raise UsageError(
            f"{printable(str(path.parent))}: no such folder", "make it first, or write elsewhere"
        )


def write(path: Path | None, data: bytes, *, secret: bool, force: bool) -> None:
    """Write a file, whole or not at all; or stdout, where nobody's terminal gets what it must not.

    Args:
        path: None or ``-`` is stdout.
        data: its content.
        secret: it holds a private key or another secret: mode 0600.
        force: it may be there already.

    Raises:
        UsageError: it is there already, or stdout is a terminal and the data is secret or no text.
    """
    can_write(path, force=force)
    if path is None or path == STDOUT:
        if sys.stdout.isatty() and (secret or not data.isascii()):
            why = "a private key is not shown on a terminal" if secret else "this is no text for a terminal"
            raise UsageError(why, "name a file to write to")
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    path = path.absolute()
    try:
        with delivery(path.parent, [path.name], force=force) as prepared:
            prepared.put(path.name, data, secret=secret)
            prepared.publish()
    except OSError as error:
        if error.errno not in REFUSED_BY_THE_SYSTEM:
            raise
        why = (error.strerror or str(error)).lower()
        raise UsageError(f"{printable(str(path))} cannot be written: {why}", "write elsewhere") from error
