"""Who did what: an append-only chain of entries that nobody can change, cut or reorder unseen.

Each entry's MAC covers the entry and the MAC before it, under a key derived from the unlock key. The realm's row
holds the count, the last MAC and a MAC over both, so that cutting the tail is found too. What it cannot find is
the whole database put back to an earlier state: for that the head has to be kept elsewhere as well.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from twoway.errors import AuditBroken
from twoway.realm import tables
from twoway.realm.records import AuditEntryRecord
from twoway.realm.tables import moment_text

if TYPE_CHECKING:
    from twoway.realm.realm import Realm

# What the first entry follows.
ORIGIN = bytes(32)


@dataclass(frozen=True)
class AuditVerified:
    """The audit is as it was written.

    Args:
        count: entries.
        head: hex of the last entry's MAC; kept elsewhere, it also shows a realm that was put back.
    """

    count: int
    head: str


def entries(
    connection: Connection, *, since: int = 0, limit: int | None = None
) -> Iterator[AuditEntryRecord]:
    """Yield the entries after the sequence number ``since``, oldest first."""
    column = tables.audit_entry.c.sequence
    query = AuditEntryRecord.query(column > since).order_by(column).limit(limit)
    return AuditEntryRecord.many(connection, query)


def latest(connection: Connection, *, limit: int = 100) -> tuple[AuditEntryRecord, ...]:
    """Return the last entries, oldest first."""
    column = tables.audit_entry.c.sequence
    query = AuditEntryRecord.query().order_by(column.desc()).limit(limit)
    return tuple(reversed(tuple(AuditEntryRecord.many(connection, query))))


def verify(realm: Realm) -> AuditVerified:
    """Return if every entry is as it was written, none is missing and none was added.

    Raises:
        AuditBroken: with the sequence number of the first entry that is not.
    """
    key = realm.keys.audit
    with realm.reading() as connection:
        count, last, _ = _head(connection, key)
        mac, expected = ORIGIN, 1
        for entry in entries(connection):
            if entry.sequence != expected:
                raise AuditBroken(
                    sequence=expected, problem=f"is missing, {entry.sequence} follows in its place"
                )
            if expected > count:
                raise AuditBroken(sequence=expected, problem=f"was inserted after the last one, {count}")
            mac = _mac(key, mac, entry)
            if not hmac.compare_digest(mac, entry.mac):
                raise AuditBroken(sequence=expected, problem="is not what was written")
            expected += 1
    if expected <= count:
        raise AuditBroken(sequence=expected, problem=f"is missing, there were {count} entries")
    if not hmac.compare_digest(mac, last):
        raise AuditBroken(sequence=count, problem="is not the one that was written last")
    return AuditVerified(count=count, head=mac.hex())


@dataclass(frozen=True)
class Entry:
    """One entry before it has its MAC."""

    sequence: int
    at: datetime
    actor: str
    revision: int
    action: str
    subject: str
    facts: str


def append(
    connection: Connection,
    key: bytes,
    *,
    at: datetime,
    actor: str,
    revision: int,
    action: str,
    subject: str,
    facts: Mapping[str, Any],
) -> None:
    """Write one entry and the new head, in the caller's transaction.

    Raises:
        AuditBroken: the head is not what was written; another entry must not hide that.
    """
    count, last, _ = _head(connection, key)
    entry = Entry(count + 1, at, actor, revision, action, subject, canonical(facts))
    mac = _mac(key, last, entry)
    connection.execute(insert(tables.audit_entry).values(**vars(entry), mac=mac))
    connection.execute(update(tables.realm).values(**first_head(key, count + 1, mac)))


def first_head(key: bytes, count: int = 0, last: bytes = ORIGIN) -> dict[str, Any]:
    """Return the columns of the realm's row that hold the head."""
    return {"audit_count": count, "audit_mac": last, "audit_head": _head_mac(key, count, last)}


def canonical(facts: Mapping[str, Any]) -> str:
    """Return facts as JSON of one form: sorted, without blanks; moments as text, never bytes."""
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} does not belong into the audit")


def _head(connection: Connection, key: bytes) -> tuple[int, bytes, bytes]:
    realm = tables.realm.c
    count, last, head = connection.execute(select(realm.audit_count, realm.audit_mac, realm.audit_head)).one()
    if not hmac.compare_digest(head, _head_mac(key, count, last)):
        raise AuditBroken(
            sequence=count, problem="is not the last one that was written, the head was changed"
        )
    return count, last, head


def _head_mac(key: bytes, count: int, last: bytes) -> bytes:
    return hmac.digest(key, b"head\0" + str(count).encode() + b"\0" + last, "sha256")


def _mac(key: bytes, before: bytes, entry: Entry | AuditEntryRecord) -> bytes:
    values = [entry.sequence, moment_text(entry.at), entry.actor, entry.revision, entry.action, entry.subject]
    text = json.dumps([*values, entry.facts], separators=(",", ":"))
    return hmac.digest(key, b"entry\0" + before + text.encode(), "sha256")
