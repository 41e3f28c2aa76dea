"""What gateways and their authorizer read, learn and acknowledge. Reading here takes no lock and no key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from cryptography.x509 import Name
from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, or_, select, update

from twoway.realm import tables
from twoway.realm.realm import revisions
from twoway.realm.records import BindingRecord, CertificateRecord, GatewayNodeRecord, ServiceRecord
from twoway.realm.states import NODE, BindingKind, BindingState, ClientState, NodeState
from twoway.x509.certificates import load_certificates

# Fingerprints that one partner CA may have learned: what an honest partner stays far below, and what keeps one that
# issues without end from filling the gateways. Those above it are asked for each time.
LEARNED_LIMIT = 10_000
# Parameters of one query; SQLite takes 32,766.
_CHUNK = 10_000


class Leaf(NamedTuple):
    """A fingerprint that knows an active client. ``client_id`` is a key of ``GatewayView.permissions``."""

    sha256: str
    client_id: int
    client: str
    not_before: datetime
    not_after: datetime
    binding_id: int


class Partner(NamedTuple):
    """An active partner CA: the anchor, what its clients may forget to send, and the rule for their names."""

    binding_id: int
    client_id: int
    client: str
    rule: str
    der: bytes
    chain: bytes
    sha256: str
    not_after: datetime


class Pinned(NamedTuple):
    """A pinned certificate of an active client."""

    binding_id: int
    client_id: int
    der: bytes


class Ended(NamedTuple):
    """A fingerprint that has lost its right to a service, and has none now; ``service_id`` None: to every one."""

    id: int
    sha256: str
    service_id: int | None
    revision: int
    at: datetime
    not_after: datetime


@dataclass(frozen=True)
class GatewayView:
    """One moment of the realm, as far as gateways need it.

    Args:
        revision: the realm's.
        learned_revision: raised whenever a fingerprint is learned.
        services: all of them.
        permissions: the ids of the services that each active client may call, by the client's id.
        leaves: issued and pinned certificates with an active binding of an active client.
        learned: what the authorizer has decided on; not_before is when.
        partners: the active partner CAs.
        ended: what is refused ahead of any map.
    """

    revision: int
    learned_revision: int
    services: tuple[ServiceRecord, ...]
    permissions: Mapping[int, frozenset[int]]
    leaves: list[Leaf]
    learned: list[Leaf]
    partners: tuple[Partner, ...]
    ended: tuple[Ended, ...]


@dataclass(frozen=True)
class Candidate(BindingRecord):
    """A binding that has to do with a presented certificate, and what its client may do.

    Args:
        services: the names of the services that the client may call.
    """

    client: str
    client_state: str
    services: frozenset[str]


@dataclass(frozen=True)
class Candidates:
    """Everything in the realm that has to do with one presented certificate, whatever its state.

    Args:
        exact: bindings of this very certificate, the newest first.
        same_key: bindings of other certificates of the same key: a twin, or a renewal.
        same_serial: bindings of other certificates of the same issuer and serial number: a twin, or a namesake.
        issued: what our authority issued with this key, or under this serial number and issuer name.
    """

    exact: tuple[Candidate, ...]
    same_key: tuple[Candidate, ...]
    same_serial: tuple[Candidate, ...]
    issued: tuple[CertificateRecord, ...]


def view(connection: Connection) -> GatewayView:
    """Return all that gateways need, of one moment."""
    moved = revisions(connection)
    permissions = _permissions(connection)
    query = ServiceRecord.query().order_by(tables.service.c.id)
    return GatewayView(
        revision=moved.realm,
        learned_revision=moved.learned,
        services=tuple(ServiceRecord.many(connection, query)),
        permissions=permissions,
        leaves=_leaves(connection),
        learned=_learned(connection),
        partners=_partners(connection),
        ended=ended_since(connection, 0),
    )


def ended_since(connection: Connection, revision: int) -> tuple[Ended, ...]:
    """Return what lost a right after a revision and has it not again: all that a revocation needs to push.

    A fingerprint that lost all its rights and has some again is listed once for each service that it has not.
    """
    column = tables.ended.c
    query = (
        select(*(column[name] for name in Ended._fields))
        .where(column.revision > revision)
        .order_by(column.id)
    )
    rows = [Ended(*row) for row in connection.execute(query)]
    allowed = _allowed_services(connection, {row.sha256 for row in rows})
    if not allowed:
        return tuple(rows)
    every = frozenset(connection.execute(select(tables.service.c.id)).scalars())
    return tuple(_still_ended(rows, allowed, every))


def pinned(connection: Connection) -> tuple[Pinned, ...]:
    """Return the pinned certificates of active clients."""
    binding = tables.binding.c
    query = (
        select(binding.id, tables.client.c.id.label("client_id"), binding.der)
        .select_from(tables.binding)
        .join(tables.client)
        .where(_active_client(), binding.state == BindingState.ACTIVE, binding.kind == BindingKind.PINNED)
    )
    return tuple(Pinned(*row) for row in connection.execute(query))


def candidates(
    connection: Connection, *, sha256: str, spki_sha256: str, issuer: str, serial_hex: str
) -> Candidates:
    """Return what has to do with a presented certificate.

    Args:
        connection: any.
        sha256: the certificate's fingerprint.
        spki_sha256: its key's.
        issuer: as ``Certificate.issuer`` has it.
        serial_hex: as ``Certificate.serial_hex`` has it.
    """
    binding, certificate = tables.binding.c, tables.certificate.c
    leaf = binding.kind != BindingKind.PARTNER_CA
    same_serial = and_(binding.serial_hex == serial_hex, binding.issuer == issuer)
    related = or_(binding.sha256 == sha256, binding.spki_sha256 == spki_sha256, same_serial)
    found = _candidates(connection, related & leaf)
    ours = or_(
        certificate.sha256 == sha256, certificate.spki_sha256 == spki_sha256, _issued(issuer, serial_hex)
    )
    others = [one for one in found if one.sha256 != sha256]
    return Candidates(
        exact=tuple(one for one in found if one.sha256 == sha256),
        same_key=tuple(one for one in others if one.spki_sha256 == spki_sha256),
        same_serial=tuple(one for one in others if (one.serial_hex, one.issuer) == (serial_hex, issuer)),
        issued=tuple(CertificateRecord.many(connection, CertificateRecord.query(ours))),
    )


def partner_candidates(connection: Connection, issuers: Iterable[Name]) -> tuple[Candidate, ...]:
    """Return the partner CAs, in every state, that issue under one of the names.

    Two CAs of the same name are both returned: which one signed is for the path to show.

    Args:
        connection: any.
        issuers: the issuer names of the presented certificates, as ``Certificate.parsed.issuer`` has them.
    """
    from twoway.realm.partners import name_key

    keys = {name_key(issuer) for issuer in issuers}
    found: tuple[Candidate, ...] = ()
    more = keys
    while more:
        named = select(tables.partner_name.c.binding_id).where(tables.partner_name.c.name.in_(keys))
        found = _candidates(connection, tables.binding.c.id.in_(named))
        # What the partner's clients need not send may stand below further CAs that are known.
        below = {issuer.der: issuer for one in found if one.chain for issuer in load_certificates(one.chain)}
        more = {name_key(issuer.issuer_name) for issuer in below.values()} - keys
        keys |= more
    return found


def learn(
    connection: Connection,
    sha256: str,
    binding_id: int,
    *,
    spki_sha256: str,
    not_after: datetime,
    decided_revision: int,
    at: datetime,
) -> bool:
    """Let gateways know a fingerprint that was decided on, unless the decision has been overtaken.

    Nobody may have lost a right since: a certificate that was revoked while it was being decided on stays out.

    Args:
        connection: of ``Realm.writing``.
        sha256: the certificate's.
        binding_id: the partner CA's binding that it was accepted for.
        spki_sha256: its key's: where that is revoked with another certificate, this one goes too.
        not_after: the first end on the path.
        decided_revision: the one that the decision was made at.
        at: now.

    Returns:
        Whether it is known now.
    """
    realm, binding, learned = tables.realm.c, tables.binding.c, tables.learned.c
    active = exists().where(
        binding.id == binding_id,
        binding.kind == BindingKind.PARTNER_CA,
        binding.state == BindingState.ACTIVE,
        tables.client.c.id == binding.client_id,
        tables.client.c.state == ClientState.ACTIVE,
    )
    overtaken = connection.execute(select(realm.ended_revision > decided_revision)).scalar_one()
    if overtaken or not connection.execute(select(active)).scalar_one():
        return False
    known = connection.execute(
        select(learned.binding_id).where(learned.sha256 == sha256)
    ).scalar_one_or_none()
    if known is not None:
        return bool(known == binding_id)
    connection.execute(delete(tables.learned).where(learned.binding_id == binding_id, learned.not_after < at))
    count = select(func.count()).select_from(tables.learned).where(learned.binding_id == binding_id)
    if not_after <= at or connection.execute(count).scalar_one() >= LEARNED_LIMIT:
        return False
    connection.execute(
        insert(tables.learned).values(
            sha256=sha256,
            spki_sha256=spki_sha256,
            binding_id=binding_id,
            not_after=not_after,
            revision=decided_revision,
            at=at,
        )
    )
    connection.execute(update(tables.realm).values(learned_revision=realm.learned_revision + 1))
    return True


def acknowledge(
    connection: Connection, node: str, revision: int, at: datetime, *, ended: int | None = None
) -> None:
    """Write down that a gateway is there and has taken over a revision.

    Args:
        connection: of ``Realm.writing``.
        node: the gateway's name.
        revision: of everything; 0 when it has only just come.
        ended: of what lost its rights, which may be newer; ``revision`` if left out.
        at: now.
    """
    before = GatewayNodeRecord.one(connection, tables.gateway_node.c.name == node)
    values = {
        "acknowledged_revision": revision,
        "ended_revision": revision if ended is None else ended,
        "at": at,
    }
    if before is None:
        connection.execute(insert(tables.gateway_node).values(name=node, state=NodeState.CONNECTED, **values))
        return
    if before.state != NodeState.CONNECTED:
        NODE.check(node, before.state, NodeState.CONNECTED)
    _write_node(connection, node, state=NodeState.CONNECTED, **values)


def away(connection: Connection, node: str, at: datetime) -> None:
    """Write down that a gateway's stream has ended."""
    before = GatewayNodeRecord.one(connection, tables.gateway_node.c.name == node)
    if before is not None and before.state == NodeState.CONNECTED:
        NODE.check(node, before.state, NodeState.AWAY)
        _write_node(connection, node, state=NodeState.AWAY, at=at)


def stopped(connection: Connection, node: str, at: datetime) -> None:
    """Write down that a gateway was stopped in order, and lets nobody in."""
    before = GatewayNodeRecord.one(connection, tables.gateway_node.c.name == node)
    if before is not None and before.state != NodeState.STOPPED:
        NODE.check(node, before.state, NodeState.STOPPED)
        _write_node(connection, node, state=NodeState.STOPPED, at=at)


def nodes(connection: Connection) -> tuple[GatewayNodeRecord, ...]:
    """Return all gateways by name."""
    query = GatewayNodeRecord.query().order_by(tables.gateway_node.c.name)
    return tuple(GatewayNodeRecord.many(connection, query))


def _write_node(connection: Connection, node: str, **values: object) -> None:
    connection.execute(update(tables.gateway_node).where(tables.gateway_node.c.name == node).values(**values))


def _active_client() -> ColumnElement[bool]:
    return tables.client.c.state == ClientState.ACTIVE


def _permissions(connection: Connection) -> dict[int, frozenset[int]]:
    columns = tables.permission.c
    found: dict[int, list[int]] = defaultdict(list)
    query = select(columns.client_id, columns.service_id).join(tables.client).where(_active_client())
    for client_id, service_id in connection.execute(query):
        found[client_id].append(service_id)
    # Most clients have one of a few sets: one object each.
    sets: dict[tuple[int, ...], frozenset[int]] = {}
    return {client_id: sets.setdefault(tuple(ids), frozenset(ids)) for client_id, ids in found.items()}


def _leaves(connection: Connection) -> list[Leaf]:
    binding, client = tables.binding.c, tables.client.c
    query = (
        select(
            binding.sha256,
            client.id,
            client.name,
            binding.not_before,
            binding.not_after,
            binding.id.label("binding"),
        )
        .join(tables.client)
        .where(
            _active_client(),
            binding.state == BindingState.ACTIVE,
            binding.kind.in_((BindingKind.ISSUED, BindingKind.PINNED)),
        )
    )
    return [Leaf._make(row) for row in connection.execute(query)]


def _learned(connection: Connection) -> list[Leaf]:
    learned, binding, client = tables.learned.c, tables.binding.c, tables.client.c
    query = (
        select(
            learned.sha256, client.id, client.name, learned.at, learned.not_after, binding.id.label("binding")
        )
        .select_from(tables.learned)
        .join(tables.binding)
        .join(tables.client)
        .where(_active_client(), binding.state == BindingState.ACTIVE, binding.kind == BindingKind.PARTNER_CA)
    )
    return [Leaf._make(row) for row in connection.execute(query)]


def _partners(connection: Connection) -> tuple[Partner, ...]:
    binding, client = tables.binding.c, tables.client.c
    query = (
        select(
            binding.id,
            client.id.label("client_id"),
            client.name,
            binding.rule,
            binding.der,
            binding.chain,
            binding.sha256,
            binding.not_after,
        )
        .join(tables.client)
        .where(_active_client(), binding.state == BindingState.ACTIVE, binding.kind == BindingKind.PARTNER_CA)
    )
    return tuple(Partner(*row) for row in connection.execute(query))


def _allowed_services(connection: Connection, fingerprints: set[str]) -> dict[str, frozenset[int]]:
    """Return the services that fingerprints may call now; those without an active binding are not in it."""
    binding, learned, permission = tables.binding.c, tables.learned.c, tables.permission.c
    found: dict[str, set[int]] = defaultdict(set)
    for chunk in _chunks(sorted(fingerprints)):
        states = (binding.state, tables.client.c.state.label("client_state"), permission.service_id)
        own = (
            select(binding.sha256, *states)
            .select_from(tables.binding)
            .join(tables.client)
            .join(tables.permission, permission.client_id == tables.client.c.id)
            .where(binding.sha256.in_(chunk), binding.kind != BindingKind.PARTNER_CA)
        )
        taught = (
            select(learned.sha256, *states)
            .select_from(tables.learned)
            .join(tables.binding)
            .join(tables.client)
            .join(tables.permission, permission.client_id == tables.client.c.id)
            .where(learned.sha256.in_(chunk))
        )
        for query in (own, taught):
            # States are compared here: SQLite would rather walk over all active bindings than look a few up.
            for sha256, state, client_state, service_id in connection.execute(query):
                if state == BindingState.ACTIVE and client_state == ClientState.ACTIVE:
                    found[sha256].add(service_id)
    return {sha256: frozenset(ids) for sha256, ids in found.items()}


def _still_ended(
    rows: Iterable[Ended], allowed: Mapping[str, frozenset[int]], every: frozenset[int]
) -> Iterator[Ended]:
    for row in rows:
        now = allowed.get(row.sha256)
        if now is None:
            yield row
        elif row.service_id is None:
            yield from (row._replace(service_id=service_id) for service_id in sorted(every - now))
        elif row.service_id not in now:
            yield row


def _candidates(connection: Connection, which: ColumnElement[bool]) -> tuple[Candidate, ...]:
    client = tables.client.c
    query = (
        BindingRecord.query(which)
        .add_columns(client.name, client.state.label("client_state"))
        .join(tables.client)
        .order_by(tables.binding.c.id.desc())
    )
    rows = connection.execute(query).all()
    services = _service_names(connection, {row.client_id for row in rows})
    found: Iterator[Sequence[Any]] = ((*row, services.get(row.client_id, frozenset())) for row in rows)
    return tuple(Candidate(*values) for values in found)


def _service_names(connection: Connection, clients: set[int]) -> dict[int, frozenset[str]]:
    columns = tables.permission.c
    found: dict[int, set[str]] = defaultdict(set)
    for chunk in _chunks(sorted(clients)):
        query = (
            select(columns.client_id, tables.service.c.name)
            .join(tables.service)
            .where(columns.client_id.in_(chunk))
        )
        for client_id, name in connection.execute(query):
            found[client_id].add(name)
    return {client_id: frozenset(names) for client_id, names in found.items()}


def _issued(issuer: str, serial_hex: str) -> ColumnElement[bool]:
    authority, certificate = tables.authority.c, tables.certificate.c
    named = select(authority.id).where(authority.subject == issuer)
    return and_(certificate.authority_id.in_(named), certificate.serial_hex == serial_hex)


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]
