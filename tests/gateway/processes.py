"""The processes that a served realm consists of, found by what the system knows of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.parts.served import Served


def envoys(realm: Served) -> list[int]:
    """Return the running Envoys of a realm."""
    return _running(realm, "--config-yaml")


def authorizers(realm: Served) -> list[int]:
    """Return the running authorizers of a realm."""
    return _running(realm, "twoway.gateway.authorizer")


def become(
    wanted: Callable[[list[int]], bool], find: Callable[[Served], list[int]], realm: Served
) -> list[int]:
    """Return a realm's processes once they are as wanted.

    Raises:
        TimeoutError: they are not within some seconds.
    """
    end = time.monotonic() + 15
    while not wanted(found := find(realm)):
        if time.monotonic() > end:
            raise TimeoutError(f"these run: {found}")
        time.sleep(0.01)
    return found


def _running(realm: Served, word: str) -> list[int]:
    """Return the processes with this word in their command lines, in which the realm's runtime folder is too."""
    folder = str(realm.runtime.folder)
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            state = (entry / "stat").read_text().rpartition(") ")[2][0]
        except OSError:
            continue
        if word in words and any(folder in one for one in words) and state not in "ZX":
            found.append(int(entry.name))
    return sorted(found)
