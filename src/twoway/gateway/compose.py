"""The realm's view as the desired state of a gateway. Pure.

What is trusted in a strict handshake and which names a certificate request carries is decided here too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from twoway.gateway.carriers import carrier, names_size
from twoway.gateway.desired import LEASE, Allowed, Desired, Host, ServerIdentity, Service

if TYPE_CHECKING:
    from twoway.realm.gateways import Ended, GatewayView, Leaf
    from twoway.realm.records import ServiceRecord

# The names of a certificate request must fit into a handshake message: at 64 kB every handshake fails, for
# everyone, and nothing says why. Half of that is the limit.
NAMES_LIMIT = 32 * 1024

# A certificate that lost its rights is told to gateways until every one of them has taken over maps without it,
# and a moment longer; while one has not, for longer than any map that may hold it is honoured.
REMEMBERED = timedelta(hours=48)
SETTLED = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the gateway listens: an IP address and a TCP port."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Anchors:
    """What strict handshakes may chain to, by service id; DER certificates.

    Args:
        ours: the issuing authorities of the realm.
        pinned: the pinned certificates of clients that may call the service.
        partners: the partner CAs of clients that may call the service.
        issuers: DER names of the issuers of the pinned ones.
    """

    ours: tuple[bytes, ...] = ()
    pinned: Mapping[int, tuple[bytes, ...]] | None = None
    partners: Mapping[int, tuple[bytes, ...]] | None = None
    issuers: Mapping[int, tuple[bytes, ...]] | None = None


def desired(
    view: GatewayView,
    identities: Mapping[int, ServerIdentity],
    listen: Listen,
    *,
    at: datetime,
    acknowledged: int = 0,
    anchors: Anchors | None = None,
    lease: timedelta = LEASE,
) -> Desired:
    """Return what a gateway should do.

    Args:
        view: the realm, at one moment.
        identities: the servers' certificates and keys, by vault entry.
        listen: where to.
        at: now, UTC.
        acknowledged: the revision that every gateway has taken over.
        anchors: what strict hosts trust; None where there are none.
        lease: how long it holds without a control plane.
    """
    allowed = _allowed(view, at)
    by_host: dict[str | None, list[ServiceRecord]] = defaultdict(list)
    for record in view.services:
        by_host[record.host].append(record)
    hosts = tuple(
        _host(name, records, allowed, identities, anchors or Anchors()) for name, records in by_host.items()
    )
    return Desired(
        revision=view.revision,
        address=listen.address,
        port=listen.port,
        hosts=hosts,
        ended=ended_everywhere(view.ended, at, acknowledged),
        at=at,
        lease=lease,
    )


def ended_everywhere(ended: Iterable[Ended], at: datetime, acknowledged: int = 0) -> frozenset[str]:
    """Return the fingerprints that lost all their rights and that some gateway may still hold.

    Args:
        ended: what lost rights.
        at: now, UTC.
        acknowledged: the revision that every gateway has taken over.
    """

    def held(one: Ended) -> bool:
        remembered = SETTLED if one.revision <= acknowledged else REMEMBERED
        return at - one.at < remembered and one.not_after > at

    return frozenset(one.sha256 for one in ended if one.service_id is None and held(one))


def next_change(view: GatewayView, at: datetime) -> datetime | None:
    """Return when the desired state changes by itself next: the next certificate that begins or ends to be valid."""
    moments = (
        moment for leaf in (*view.leaves, *view.learned) for moment in (leaf.not_before, leaf.not_after)
    )
    return min((moment for moment in moments if moment > at), default=None)


def _allowed(view: GatewayView, at: datetime) -> dict[int, list[Allowed]]:
    """Return the certificates that may call each service, by service id."""
    found: dict[int, list[Allowed]] = defaultdict(list)
    for leaf in _valid((*view.leaves, *view.learned), at):
        entry = Allowed(leaf.sha256, leaf.client, leaf.not_after)
        for service_id in view.permissions.get(leaf.client_id, ()):
            found[service_id].append(entry)
    return found


def _valid(leaves: Iterable[Leaf], at: datetime) -> Iterable[Leaf]:
    return (leaf for leaf in leaves if leaf.not_before <= at < leaf.not_after)


def _host(
    name: str | None,
    records: Sequence[ServiceRecord],
    allowed: Mapping[int, list[Allowed]],
    identities: Mapping[int, ServerIdentity],
    anchors: Anchors,
) -> Host:
    strict = any(record.handshake == "strict" for record in records)
    names = tuple(dict.fromkeys(name for record in records for name in record.ca_subjects))
    trusted: tuple[bytes, ...] = ()
    if strict:
        ids = [record.id for record in records]
        trusted, issuers = _trusted(ids, anchors)
        names = tuple(dict.fromkeys((*names, *issuers)))
    return Host(
        name=name,
        identity=identities[records[0].vault_entry_id],
        services=tuple(_service(record, tuple(allowed.get(record.id, ()))) for record in records),
        strict=strict,
        ca_names=tuple(carrier(subject) for subject in names),
        trusted=trusted,
    )


def _trusted(service_ids: Sequence[int], anchors: Anchors) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return what a strict host trusts, and the names that its certificate request must carry besides.

    Pinned certificates are left out where their names would not fit: their clients are refused, nobody else.
    """

    def of(kind: Mapping[int, tuple[bytes, ...]] | None) -> tuple[bytes, ...]:
        return tuple(dict.fromkeys(der for one in service_ids for der in (kind or {}).get(one, ())))

    authorities = (*anchors.ours, *of(anchors.partners))
    pinned, issuers = of(anchors.pinned), of(anchors.issuers)
    if names_size((*authorities, *pinned)) + sum(map(len, issuers)) > NAMES_LIMIT:
        return authorities, ()
    return (*authorities, *pinned), issuers


def _service(record: ServiceRecord, allowed: tuple[Allowed, ...]) -> Service:
    return Service(
        name=record.name,
        path=record.path,
        upstream=record.upstream,
        client_certificate=record.client_certificate,
        explained=record.refusals == "explained",
        send=record.sends,
        max_stream=timedelta(seconds=record.max_stream_seconds) if record.max_stream_seconds else None,
        allowed=allowed,
    )
