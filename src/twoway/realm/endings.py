"""What ends when a right ends: learned fingerprints go, and what gateways must refuse at once is written down.

``ended`` is the short list that travels to the gateways ahead of their big map. Rows are only ever added, and
dropped when they are old; whether a fingerprint on it has a right again is found when the list is read.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, func, insert, or_, select, true

from twoway.realm import tables
from twoway.realm.change import Change
from twoway.realm.states import BindingKind, BindingState, NodeState

# How long a fingerprint stays on the list at least. It stays until every gateway has taken over what is newer: one
# that refused it may honour an older map for as long as its lease is renewed.
KEEP = timedelta(hours=48)


def end_bindings(change: Change, which: ColumnElement[bool]) -> None:
    """Take the rights of active bindings away on every service; call it before their state changes.

    Args:
        change: the change that does it.
        which: a condition on the table ``binding``.
    """
    _end(change, which & (tables.binding.c.state == BindingState.ACTIVE), None)


def end_permission(change: Change, client_id: int, service_id: int) -> None:
    """Take the right to one service away from all bindings of a client, those that may come back included."""
    _end(change, tables.binding.c.client_id == client_id, service_id)


def end_learned(change: Change, sha256: str, spki_sha256: str) -> None:
    """Take away what was learned of a certificate, or of another one of its key: it is to be decided on anew.

    Args:
        change: the change that revokes the certificate or its key, or that binds it to a client itself.
        sha256: the certificate's fingerprint.
        spki_sha256: its key's.
    """
    columns = tables.learned.c
    _forget(change, or_(columns.sha256 == sha256, columns.spki_sha256 == spki_sha256))


def end_taught(change: Change, binding_ids: Collection[int] | None = None) -> None:
    """Take away what was learned through partners' CAs: it is to be decided on anew, what is being decided too.

    Args:
        change: the change that takes a key from all CAs, or that makes certificates of a CA another client's too.
        binding_ids: of which partner CAs; None for all of them.
    """
    _forget(change, true() if binding_ids is None else tables.learned.c.binding_id.in_(binding_ids))
    change.takes_rights()


def _forget(change: Change, which: ColumnElement[bool]) -> None:
    columns = tables.learned.c
    rows = _rows(change, select(columns.sha256, columns.not_after).where(which), None)
    if rows:
        change.connection.execute(insert(tables.ended), rows)
        change.connection.execute(delete(tables.learned).where(which))
        change.takes_rights()


def _end(change: Change, which: ColumnElement[bool], service_id: int | None) -> None:
    binding, learned = tables.binding.c, tables.learned.c
    leaves = select(binding.sha256, binding.not_after).where(which, binding.kind != BindingKind.PARTNER_CA)
    partners = select(binding.id).where(which, binding.kind == BindingKind.PARTNER_CA)
    taught = select(learned.sha256, learned.not_after).where(learned.binding_id.in_(partners))
    rows = [*_rows(change, leaves, service_id), *_rows(change, taught, service_id)]
    _prune(change)
    if rows:
        change.connection.execute(insert(tables.ended), rows)
    change.connection.execute(delete(tables.learned).where(learned.binding_id.in_(partners)))
    change.takes_rights()


def _prune(change: Change) -> None:
    """Drop what is old, and what ended by itself; not what a gateway has yet to take over."""
    node, ended = tables.gateway_node.c, tables.ended.c
    behind = select(func.min(node.acknowledged_revision)).where(node.state != NodeState.STOPPED)
    least = change.connection.execute(behind).scalar_one()
    old = ended.at < change.at - KEEP
    if least is not None:
        old &= ended.revision <= least
    change.connection.execute(delete(tables.ended).where(or_(old, ended.not_after <= change.at)))


def _rows(change: Change, query: Select[Any], service_id: int | None) -> list[dict[str, Any]]:
    return [
        {
            "sha256": sha256,
            "not_after": not_after,
            "service_id": service_id,
            "revision": change.revision,
            "at": change.at,
        }
        for sha256, not_after in change.connection.execute(query)
        if not_after > change.at
    ]
