"""What ends when a right ends: learned fingerprints go, and what gateways must refuse at once is written down.

``ended`` is the short list that travels to the gateways ahead of their big map. It never holds a fingerprint that
is allowed again: whatever gives a right back takes it off the list.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import ColumnElement, Row, and_, delete, insert, select, update

from twoway.realm import tables
from twoway.realm.change import Change
from twoway.realm.records import BindingRecord
from twoway.realm.states import BindingKind, BindingState

# How long a fingerprint stays on the list. Longer than the gateway's lease (24 h), after which no map that still
# allows it is in force anywhere.
KEEP = timedelta(hours=48)


def end_bindings(change: Change, which: ColumnElement[bool]) -> None:
    """Take the rights of active bindings away, on every service: call it before their state changes.

    Args:
        change: the change that does it.
        which: a condition on the table ``binding``.
    """
    _end(change, which, None)


def end_permission(change: Change, client_id: int, service_id: int) -> None:
    """Take the right to one service away from all bindings of a client."""
    _end(change, tables.binding.c.client_id == client_id, service_id)


def begin_bindings(change: Change, which: ColumnElement[bool]) -> None:
    """Take bindings off the list of what has ended: they are active again, or for the first time."""
    _forget_ended(change, which, tables.ended.c.service_id.is_(None))


def begin_permission(change: Change, client_id: int, service_id: int) -> None:
    """Take a client's bindings off the list of what has ended on one service."""
    _forget_ended(change, tables.binding.c.client_id == client_id, tables.ended.c.service_id == service_id)


def set_state(change: Change, record: BindingRecord, state: BindingState, reason: str | None = None) -> None:
    """Write a binding's new state; the move has been checked."""
    moment = "activated" if state is BindingState.ACTIVE else "ended"
    change.connection.execute(
        update(tables.binding)
        .where(tables.binding.c.id == record.id)
        .values({"state": state, moment: change.at, "reason": reason, "revision": change.revision})
    )


def _end(change: Change, which: ColumnElement[bool], service_id: int | None) -> None:
    binding, learned, ended = tables.binding.c, tables.learned.c, tables.ended.c
    active = and_(which, binding.state == BindingState.ACTIVE)
    leaves = select(binding.sha256, binding.not_after).where(active, binding.kind != BindingKind.PARTNER_CA)
    partners = select(binding.id).where(active, binding.kind == BindingKind.PARTNER_CA)
    taught = select(learned.sha256, learned.not_after).where(learned.binding_id.in_(partners))
    rows = [*change.connection.execute(leaves), *change.connection.execute(taught)]
    change.connection.execute(delete(tables.ended).where(ended.at < change.at - KEEP))
    if rows:
        change.connection.execute(insert(tables.ended), [_row(change, row, service_id) for row in rows])
    change.connection.execute(delete(tables.learned).where(learned.binding_id.in_(partners)))
    change.takes_rights()


def _row(change: Change, row: Row[tuple[object, ...]], service_id: int | None) -> dict[str, object]:
    return {
        "sha256": row.sha256,
        "not_after": row.not_after,
        "service_id": service_id,
        "revision": change.revision,
        "at": change.at,
    }


def _forget_ended(change: Change, which: ColumnElement[bool], scope: ColumnElement[bool]) -> None:
    binding, ended = tables.binding.c, tables.ended.c
    leaves = select(binding.sha256).where(
        which, binding.state == BindingState.ACTIVE, binding.kind != BindingKind.PARTNER_CA
    )
    change.connection.execute(delete(tables.ended).where(scope, ended.sha256.in_(leaves)))


