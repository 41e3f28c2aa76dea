"""The realm's view as the desired state of a gateway. Pure.

What is trusted in a strict handshake and which names a certificate request carries is decided here too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from twoway.gateway.carriers import carrier
from twoway.gateway.desired import LEASE, Allowed, Desired, Host, ServerIdentity, Service
from twoway.x509.names import CA_NAMES_OCTETS, ca_names_octets

if TYPE_CHECKING:
    from twoway.realm.gateways import Ended, GatewayView, Leaf
    from twoway.realm.records import ServiceRecord

# A certificate that lost its rights is told to gateways until every one of them has taken over maps without it,
# and a moment longer.
SETTLED = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Listen:
    """Where the gateway listens: an IP address and a TCP port."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Anchor:
    """A certificate that strict handshakes may chain to: an authority of ours, a partner's CA, or a pinned one.

    Args:
        der: the certificate.
        subject: its name, DER.
        services: the ids of the services that its clients may call.
        issuer: its issuer's name, DER, where clients must be told that too or would not send it; else empty.
    """

    der: bytes
    subject: bytes
    services: frozenset[int]
    issuer: bytes = b""


def desired(
    view: GatewayView,
    identities: Mapping[int, ServerIdentity],
    listen: Listen,
    *,
    at: datetime,
    acknowledged: int = 0,
    anchors: Sequence[Anchor] = (),
    lease: timedelta = LEASE,
) -> Desired:
    """Return what a gateway should do.

    Args:
        view: the realm, at one moment.
        identities: the servers' certificates and keys, by vault entry.
        listen: where to.
        at: now, UTC.
        acknowledged: the revision that every gateway has taken over.
        anchors: what strict hosts trust, the oldest first.
        lease: how long it holds without a control plane.
    """
    allowed = _allowed(view, at)
    by_host: dict[str | None, list[ServiceRecord]] = defaultdict(list)
    for record in view.services:
        by_host[record.host].append(record)
    hosts = tuple(_host(name, records, allowed, identities, anchors) for name, records in by_host.items())
    return Desired(
        revision=view.revision,
        address=listen.address,
        port=listen.port,
        hosts=hosts,
        ended=ended_somewhere(view.ended, at, acknowledged),
        at=at,
        lease=lease,
    )


def ended_somewhere(ended: Iterable[Ended], at: datetime, acknowledged: int = 0) -> frozenset[str]:
    """Return the fingerprints that lost a right that some gateway may still honour.

    One that lost some of its rights is in it as well: it is asked about everywhere until all gateways have maps
    without it, and is let in where it still may. A map that cannot be taken over would honour the right for ever.

    Args:
        ended: what lost rights.
        at: now, UTC.
        acknowledged: the revision that every gateway has taken over.
    """

    def held(one: Ended) -> bool:
        settled = one.revision <= acknowledged and at - one.at >= SETTLED
        return not settled and one.not_after > at

    return frozenset(one.sha256 for one in ended if held(one))


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
    anchors: Sequence[Anchor],
) -> Host:
    strict = any(record.handshake == "strict" for record in records)
    names = tuple(dict.fromkeys(name for record in records for name in record.ca_subjects))
    wanted: list[Anchor] = []
    trusted: tuple[Anchor, ...] = ()
    if strict:
        ids = frozenset(record.id for record in records)
        wanted = [anchor for anchor in anchors if anchor.services & ids]
        trusted = _fitting(wanted, names)
        names = _carried(trusted, names)
    return Host(
        name=name,
        identity=identities[records[0].vault_entry_id],
        services=tuple(_service(record, tuple(allowed.get(record.id, ()))) for record in records),
        strict=strict,
        ca_names=tuple(carrier(subject) for subject in names),
        trusted=tuple(anchor.der for anchor in trusted),
        left_out=len(wanted) - len(trusted),
    )


def _fitting(anchors: Iterable[Anchor], configured: Iterable[bytes]) -> tuple[Anchor, ...]:
    """Return the anchors whose names fit into a certificate request beside the configured ones.

    Each one that is trusted is named too. Where one does not fit its clients are refused, and nobody else:
    those that were there before it go on.
    """
    named = set(configured)
    room = CA_NAMES_OCTETS - ca_names_octets(named)
    found = []
    for anchor in anchors:
        names = {name for name in (anchor.subject, anchor.issuer) if name} - named
        if ca_names_octets(names) <= room:
            room -= ca_names_octets(names)
            named |= names
            found.append(anchor)
    return tuple(found)


def _carried(trusted: Iterable[Anchor], configured: Iterable[bytes]) -> tuple[bytes, ...]:
    """Return the names that must be sent and that no trusted certificate has."""
    subjects = {anchor.subject for anchor in trusted}
    issuers = [anchor.issuer for anchor in trusted if anchor.issuer]
    return tuple(name for name in dict.fromkeys((*configured, *issuers)) if name not in subjects)


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
