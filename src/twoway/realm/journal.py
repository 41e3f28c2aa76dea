"""The journal: handshakes and refusals at the gateway, each with its reason; bounded, and escaped for display.

Writing into it is no change: it raises no revision, needs no unlock key and is not audited.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, func, insert, select

from twoway.realm import tables
from twoway.realm.records import JournalEntryRecord

if TYPE_CHECKING:
    from twoway.realm.realm import Realm

# Rows that are kept; the oldest go first.
ROWS = 100_000
# Characters of one text of a stranger, and of the whole detail.
TEXT_LIMIT = 1000
DETAIL_LIMIT = 8000


@dataclass(frozen=True, kw_only=True)
class JournalEntry:
    """What happened at the gateway, once or many times alike.

    Args:
        kind: ``handshake``, ``refusal``, ``alarm`` ...
        code: the finding's.
        at: the last time.
        first_at: the first time; ``at`` if left out.
        count: how often in between.
        ticket: what the partner was told to name.
        service: the service's name.
        client: the client's name, if it is known.
        source: the address that it came from.
        sha256: of the certificate that was presented; likewise the fields below.
        detail: what else there is to know, ready for JSON.
    """

    kind: str
    code: str
    at: datetime
    first_at: datetime | None = None
    count: int = 1
    ticket: str | None = None
    service: str | None = None
    client: str | None = None
    source: str | None = None
    sha256: str | None = None
    subject: str | None = None
    issuer: str | None = None
    serial: str | None = None
    not_after: datetime | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def record(realm: Realm, entries: Iterable[JournalEntry]) -> None:
    """Write entries, all in one transaction, and let the oldest go."""
    rows = [_row(entry) for entry in entries]
    if not rows:
        return
    with realm.writing() as connection:
        connection.execute(insert(tables.journal_entry), rows)
        newest = select(func.max(tables.journal_entry.c.id)).scalar_subquery()
        connection.execute(delete(tables.journal_entry).where(tables.journal_entry.c.id <= newest - ROWS))


def entries(connection: Connection, *, since: int = 0, limit: int = 100) -> tuple[JournalEntryRecord, ...]:
    """Return the entries after the id ``since``, oldest first: what a follower asks for again and again."""
    column = tables.journal_entry.c.id
    query = JournalEntryRecord.query(column > since).order_by(column).limit(limit)
    return tuple(JournalEntryRecord.many(connection, query))


def latest(
    connection: Connection,
    *,
    limit: int = 100,
    ticket: str | None = None,
    client: str | None = None,
    service: str | None = None,
) -> tuple[JournalEntryRecord, ...]:
    """Return the last entries, oldest first, or those of a ticket, a client or a service."""
    columns = tables.journal_entry.c
    wanted = ((columns.ticket, ticket), (columns.client, client), (columns.service, service))
    where = [column == value for column, value in wanted if value is not None]
    query = JournalEntryRecord.query(*where).order_by(columns.id.desc()).limit(limit)
    return tuple(reversed(tuple(JournalEntryRecord.many(connection, query))))


def _row(entry: JournalEntry) -> dict[str, Any]:
    row = {name.name: _escaped(getattr(entry, name.name)) for name in fields(entry)}
    row["first_at"] = entry.first_at or entry.at
    detail = json.dumps(_escaped(entry.detail), sort_keys=True, default=str)
    row["detail"] = (
        detail if len(detail) <= DETAIL_LIMIT else json.dumps({"cut": detail[: DETAIL_LIMIT // 2]})
    )
    return row


def _escaped(value: Any) -> Any:
    """Escape every text of a stranger, however deep it lies."""
    from twoway.x509.names import printable

    match value:
        case str():
            text = printable(value[: TEXT_LIMIT + 1])
            return text if len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT] + "..."
        case Mapping():
            return {_escaped(str(key)): _escaped(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_escaped(inner) for inner in value]
    return value
