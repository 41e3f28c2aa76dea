"""How a client's certificate is to be: the options of ``client issue`` and of ``kit --client``."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twoway.cli.files import read_file
from twoway.cli.init import ALGORITHMS
from twoway.cli.options import Command, type_of_file
from twoway.cli.sides import FileIdentity, OfClient
from twoway.errors import UsageError

if TYPE_CHECKING:
    from twoway.platforms.platform import Use

DEFAULT = "ec-p256"


@dataclass(frozen=True, slots=True)
class Issuing:
    """How a certificate is to be.

    Args:
        csr: the client's request, if it keeps its key to itself.
        days: of validity.
        names: alternative names.
        algorithm: of its key.
    """

    csr: Path | None = None
    days: int | None = None
    names: tuple[str, ...] = ()
    algorithm: str | None = None

    @property
    def given(self) -> bool:
        """Whether anything was said."""
        return self != Issuing()


def issuing_options(command: Command) -> Command:
    """Add --csr, --days, --san and --algorithm, which the command gets as one ``Issuing``."""

    @functools.wraps(command)
    def combined(
        csr: Path | None, days: int | None, names: tuple[str, ...], algorithm: str | None, **values: Any
    ) -> Any:
        return command(issuing=Issuing(csr, days, names, algorithm), **values)

    decorated: Command = combined
    for option in reversed(OPTIONS):
        decorated = option(decorated)
    return decorated


OPTIONS = (
    click.option(
        "--csr",
        type=type_of_file,
        metavar="FILE",
        help="The client's request, if it keeps its key to itself.",
    ),
    click.option("--days", type=click.IntRange(1), help="How long it is valid (default: 365)."),
    click.option(
        "--san",
        "names",
        multiple=True,
        metavar="NAME",
        help="An alternative name, such as DNS:a.b; repeatable.",
    ),
    click.option(
        "--algorithm",
        type=click.Choice(ALGORITHMS),
        help=f"Of its key (default: {DEFAULT}, or what the platform takes).",
    ),
)


def client_source(name: str, use: Use, files: FileIdentity, issuing: Issuing) -> OfClient:
    """Return where a client's identity comes from; its key is made here, before anything waits for the realm.

    Raises:
        UsageError: it is both given and to be issued.
    """
    from twoway.x509.keys import new_key

    if files.given:
        if issuing.given:
            raise UsageError(
                "the client's identity is given and to be issued", "give its files, or --csr and the like"
            )
        return OfClient(name, files)
    if files.chain:
        raise UsageError("--chain goes with --key", "leave it out: our own CAs are known")
    if issuing.csr is not None and issuing.algorithm is not None:
        raise UsageError(
            "--algorithm is of a key that is made here, and --csr brings its own", "leave one out"
        )
    request = read_file(issuing.csr) if issuing.csr else None
    key = None if request is not None else new_key(issuing.algorithm or algorithm_for(use))
    return OfClient(name, files, key, request, issuing.days, issuing.names)


def algorithm_for(use: Use) -> str:
    """Return the kind of key that is made where nobody said: ours, or the first that the platform takes."""
    if DEFAULT in use.accepts.keys:
        return DEFAULT
    return next((one for one in use.accepts.keys if one in ALGORITHMS), DEFAULT)
