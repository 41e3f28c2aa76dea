"""Clients: the partners that call us, and the services that each of them may call."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from twoway.errors import NameRefused, NameTaken, NotInRealm
from twoway.realm import endings, services, tables
from twoway.realm.change import Change
from twoway.realm.records import BindingRecord, ClientRecord
from twoway.realm.states import BINDING, CLIENT, BindingKind, BindingState, ClientState

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
# Words that stand for something else where a client's name would be: in the gateway's map, a header, a log.
RESERVED = frozenset(
    {"-", "all", "allow", "allowed", "anonymous", "any", "denied", "deny", "none", "null", "unknown"}
)


@dataclass(frozen=True)
class ClientSummary:
    """A client as a list shows it.

    Args:
        name: the client's.
        state: active, suspended or removed.
        created: when it was added.
        allowed: the services that it may call.
        bindings: how many it has in each state, such as ``{"active": 2}``.
        not_after: the first end of an active binding.
    """

    name: str
    state: str
    created: datetime
    allowed: tuple[str, ...]
    bindings: dict[str, int]
    not_after: datetime | None


def add(change: Change, name: str, allow: Iterable[str] = ()) -> ClientRecord:
    """Add a client.

    Args:
        change: the change that does it.
        name: ``[a-z0-9][a-z0-9._-]{0,62}``; it goes into headers and certificates.
        allow: the services that it may call.

    Raises:
        NameRefused: the name has another form, or means something else.
        NameTaken: there is such a client.
        NotInRealm: there is no such service.
    """
    checked_name("client", name)
    if _find(change.connection, name) is not None:
        raise NameTaken(noun="client", name=name)
    change.connection.execute(
        insert(tables.client).values(
            name=name, state=ClientState.ACTIVE, created=change.at, revision=change.revision
        )
    )
    change.audit("client.add", name)
    for service in allow:
        globals()["allow"](change, name, service)
    return find(change.connection, name)


def checked_name(noun: str, name: str) -> None:
    """Return if the name may be given.

    Raises:
        NameRefused: it may not.
    """
    if name in RESERVED:
        raise NameRefused(noun=noun, name=repr(name), problem="the word means something else")
    if not NAME.fullmatch(name):
        raise NameRefused(noun=noun, name=repr(name), problem="it has another form")
