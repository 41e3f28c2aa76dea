"""Names that the realm gives: one form for all nouns, and some words that mean something else."""

from __future__ import annotations

import re

from twoway.errors import NameRefused

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
# Words that stand for something else where a name would be: in the gateway's map, a header, a log.
RESERVED = frozenset(
    {
        "all",
        "allow",
        "allowed",
        "anonymous",
        "any",
        "denied",
        "deny",
        "ended",
        "none",
        "null",
        "others",
        "unknown",
    }
)


# Characters of a name that cannot be one: more are not repeated.
SHOWN = 63


def check_name(noun: str, name: str) -> None:
    """Return if the name may be given.

    Raises:
        NameRefused: it may not.
    """
    if name in RESERVED:
        raise NameRefused(noun=noun, name=repr(name), problem="the word means something else")
    if not NAME.fullmatch(name):
        problem = f"it has {len(name)} characters" if len(name) > SHOWN else "it has another form"
        raise NameRefused(noun=noun, name=repr(short(name)), problem=problem)


def short(name: str) -> str:
    """Return a name as a message repeats it, whatever was given in its place."""
    return name if len(name) <= SHOWN else name[:40] + "..."
