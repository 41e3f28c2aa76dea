"""Clients: the partners that call us, and the services that each of them may call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, exists, func, insert, select, update

from twoway.errors import NameTaken
from twoway.realm import endings, services, tables
from twoway.realm.change import Change
from twoway.realm.names import check_name
from twoway.realm.records import ClientRecord, ServiceRecord
from twoway.realm.states import CLIENT, BindingState, ClientState


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
    check_name("client", name)
    if ClientRecord.one(change.connection, *_named(name)) is not None:
        raise NameTaken(noun="client", name=name)
    change.connection.execute(
        insert(tables.client).values(
            name=name, state=ClientState.ACTIVE, created=change.at, revision=change.revision
        )
    )
    change.audit("client.add", name)
    client = find(change.connection, name)
    for service in dict.fromkeys(allow):
        _permit(change, client, services.find(change.connection, service))
    return client


def find(connection: Connection, name: str) -> ClientRecord:
    """Return the client of that name.

    Raises:
        NotInRealm: there is none, or it was removed.
    """
    return ClientRecord.named(connection, name)


def clients(connection: Connection, *, removed: bool = False) -> tuple[ClientSummary, ...]:
    """Return all clients by name; those that were removed only if asked for."""
    condition = () if removed else (tables.client.c.state != ClientState.REMOVED,)
    return _summaries(connection, *condition)


def summary(connection: Connection, name: str) -> ClientSummary:
    """Return one client as the list shows it."""
    find(connection, name)
    return _summaries(connection, *_named(name))[0]


def allow(change: Change, client: str, service: str) -> ClientRecord:
    """Let a client call a service; nothing happens if it may already."""
    found = find(change.connection, client)
    permitted = services.find(change.connection, service)
    if not _may(change.connection, found, permitted):
        _permit(change, found, permitted)
        _touch(change, found)
    return find(change.connection, client)


def deny(change: Change, client: str, service: str) -> ClientRecord:
    """Let a client call a service no longer; nothing happens if it may not."""
    found = find(change.connection, client)
    permitted = services.find(change.connection, service)
    if _may(change.connection, found, permitted):
        columns = tables.permission.c
        change.connection.execute(
            delete(tables.permission).where(columns.client_id == found.id, columns.service_id == permitted.id)
        )
        endings.end_permission(change, found.id, permitted.id)
        _touch(change, found)
        change.audit("client.deny", client, service=service)
    return find(change.connection, client)


def allowed(connection: Connection, client: str) -> tuple[str, ...]:
    """Return the services that a client may call, by name."""
    return summary(connection, client).allowed


def suspend(change: Change, client: str) -> ClientRecord:
    """Let a client in no longer, until it is resumed; its bindings stay as they are."""
    found = _move(change, client, ClientState.SUSPENDED)
    # The bindings stay active, so that the client's return needs no more than its own state.
    endings.end_bindings(change, tables.binding.c.client_id == found.id)
    change.audit("client.suspend", client)
    return found


def resume(change: Change, client: str) -> ClientRecord:
    """Let a suspended client in again."""
    found = _move(change, client, ClientState.ACTIVE)
    change.audit("client.resume", client)
    return found


def remove(change: Change, client: str) -> ClientRecord:
    """Remove a client: what we issued for it is revoked, what it brought is retired, its name is free again."""
    from twoway.realm import bindings

    found = find(change.connection, client)
    bindings.end_all(change, found)
    change.connection.execute(delete(tables.permission).where(tables.permission.c.client_id == found.id))
    moved = _move(change, client, ClientState.REMOVED)
    change.audit("client.remove", client)
    return moved


def _named(name: str) -> tuple[ColumnElement[bool], ...]:
    return tables.client.c.name == name, tables.client.c.state != ClientState.REMOVED


def _move(change: Change, name: str, state: ClientState) -> ClientRecord:
    found = find(change.connection, name)
    CLIENT.check(name, found.state, state)
    ended = change.at if state is ClientState.REMOVED else None
    change.connection.execute(
        update(tables.client)
        .where(tables.client.c.id == found.id)
        .values(state=state, ended=ended, revision=change.revision)
    )
    moved = ClientRecord.one(change.connection, tables.client.c.id == found.id)
    return moved or found


def _touch(change: Change, client: ClientRecord) -> None:
    change.connection.execute(
        update(tables.client).where(tables.client.c.id == client.id).values(revision=change.revision)
    )


def _may(connection: Connection, client: ClientRecord, service: ServiceRecord) -> bool:
    columns = tables.permission.c
    condition = exists().where(columns.client_id == client.id, columns.service_id == service.id)
    return bool(connection.execute(select(condition)).scalar_one())


def _permit(change: Change, client: ClientRecord, service: ServiceRecord) -> None:
    change.connection.execute(
        insert(tables.permission).values(client_id=client.id, service_id=service.id, created=change.at)
    )
    change.audit("client.allow", client.name, service=service.name)


def _summaries(connection: Connection, *where: ColumnElement[bool]) -> tuple[ClientSummary, ...]:
    """Three queries, however many clients there are."""
    client, binding = tables.client.c, tables.binding.c
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    first_ends: dict[int, datetime] = {}
    grouped = (
        select(
            binding.client_id, binding.state, func.count(), func.min(binding.not_after, type_=tables.Moment)
        )
        .join(tables.client)
        .where(*where)
        .group_by(binding.client_id, binding.state)
    )
    for client_id, state, count, not_after in connection.execute(grouped):
        counts[client_id][state] = count
        if state == BindingState.ACTIVE:
            first_ends[client_id] = not_after
    permitted: dict[int, list[str]] = defaultdict(list)
    granted = (
        select(tables.permission.c.client_id, tables.service.c.name)
        .join(tables.service)
        .join(tables.client)
        .where(*where)
        .order_by(tables.service.c.name)
    )
    for client_id, service in connection.execute(granted):
        permitted[client_id].append(service)
    query = select(client.id, client.name, client.state, client.created).where(*where).order_by(client.name)
    return tuple(
        ClientSummary(
            row.name, row.state, row.created, tuple(permitted[row.id]), counts[row.id], first_ends.get(row.id)
        )
        for row in connection.execute(query)
    )
