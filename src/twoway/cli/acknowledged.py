"""Waiting until every gateway has taken over a change: only then is a right gone.

What ends for good (a binding, a client) travels ahead of everything else, and counts as soon as that has arrived.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from twoway.cli.output import Output, echo_json, note

if TYPE_CHECKING:
    from twoway.realm.realm import Realm

# Seconds. A gateway answers in milliseconds; one that does not in this time has a problem that waiting will not mend.
PATIENCE = 5.0
# Seconds between two looks: a query costs a fraction of a millisecond.
PAUSE = 0.005
COULD_NOT_FIND_OUT = 3


def show_acknowledgement(
    realm: Realm,
    revision: int,
    out: Output,
    done: str,
    data: dict[str, Any],
    *,
    ended: bool = False,
    bound: str = "",
) -> int:
    """Say what was done, wait for the gateways, and say what they answered.

    Args:
        realm: the realm, changed just now.
        revision: the change's.
        out: where to.
        done: what was done, in words.
        data: what was done, for --json; what the gateways answered goes in with it.
        ended: it took rights away on every service, which is told ahead of all else.
        bound: what goes on for a while all the same, in words.

    Returns:
        0, or 3 where a gateway that runs has not answered in time.
    """
    # A change that changed nothing has raised no revision.
    revision = min(revision, realm.revisions().realm)
    started = time.monotonic()
    nodes = waited_for(realm, revision, ended=ended)
    milliseconds = round((time.monotonic() - started) * 1000)
    late = [name for name, acknowledged in nodes.items() if acknowledged < revision]
    if out.json:
        answer = {"gateways": list(nodes), "waiting_for": late, "milliseconds": milliseconds}
        echo_json({**data, "revision": revision, **answer})
    else:
        note(f"{done}: {in_words(len(nodes), late, milliseconds)}")
        if late:
            note("\n".join(why_late(realm)))
        elif bound and nodes:
            note(bound)
    return COULD_NOT_FIND_OUT if late else 0


def waited_for(realm: Realm, revision: int, *, ended: bool) -> dict[str, int]:
    """Return what every gateway that may run has acknowledged, once all have this revision or patience ends."""
    from twoway.realm import gateways
    from twoway.realm.states import NodeState

    end = time.monotonic() + PATIENCE
    while True:
        with realm.reading() as connection:
            nodes = {
                node.name: node.ended_revision if ended else node.acknowledged_revision
                for node in gateways.nodes(connection)
                if node.state != NodeState.STOPPED
            }
        if all(acknowledged >= revision for acknowledged in nodes.values()) or time.monotonic() > end:
            return nodes
        time.sleep(PAUSE)


def in_words(running: int, late: list[str], milliseconds: int) -> str:
    """Say what the gateways answered."""
    if not running:
        return "no gateway is running, one that starts will know"
    if late:
        return f"not yet acknowledged by {', '.join(late)} after {milliseconds} ms"
    return f"acknowledged by {running} of {running} gateways after {milliseconds} ms"


def why_late(realm: Realm) -> Iterator[str]:
    """Say what a gateway does that has not answered, and what to do about it."""
    from twoway.gateway.runtime import control_plane

    if control_plane(realm.directory):
        yield "until it does, it lets in whom it knew, for as long as its lease lasts"
        yield "  hint: see twoway status, and the log of twoway serve"
    else:
        yield "no control plane runs on this machine: a gateway that goes on lets in whom it knew until its lease ends"
        yield "  hint: start it: twoway serve"
