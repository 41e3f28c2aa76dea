"""One gateway's side of the incremental discovery protocol (delta ADS), without the network. Pure.

Requests go in through ``hear``, responses come out of ``owed``. What takes rights away is sent first. A refused
update (NACK) is an alarm: the gateway goes on with what it had.

Source: https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse, Resource
from google.protobuf.any_pb2 import Any

from twoway.gateway.desired import ResourceKey
from twoway.gateway.resources import TYPES, Snapshot
from twoway.gateway.resources.filters import ENDED
from twoway.gateway.resources.messages import EXTENSION


@dataclass(frozen=True, eq=False)
class Published:
    """A snapshot of resources and their versions.

    Args:
        revision: the realm's revision that the whole was made from.
        ended_revision: the one that its ended certificates were made from, which are pushed ahead of the whole.
        snapshot: the resources.
        versions: the versions of the resources, digests of their bytes.
    """

    revision: int
    ended_revision: int
    snapshot: Snapshot
    versions: dict[str, dict[str, str]]

    def ending(self, revision: int, kind: str, name: str, value: Any) -> Published:
        """Return the same state with one resource of a newer revision, which is pushed ahead of the rest.

        Args:
            revision: the newer revision.
            kind: the resource's type URL.
            name: its name.
            value: it.
        """
        snapshot = {**self.snapshot, kind: {**self.snapshot[kind], name: value}}
        versions = {**self.versions, kind: {**self.versions[kind], name: _version(value)}}
        return Published(self.revision, revision, snapshot, versions)


def published(revision: int, snapshot: Snapshot) -> Published:
    """Return the snapshot with the versions of its resources: digests of their bytes."""
    versions = {
        kind: {name: _version(value) for name, value in resources.items()}
        for kind, resources in snapshot.items()
    }
    return Published(revision, revision, snapshot, versions)


def _version(value: Any) -> str:
    return hashlib.sha256(value.value).hexdigest()[:16]


class Gateway:
    """A connected gateway: what it has subscribed to, what it holds, and what it has acknowledged.

    Args:
        name: its node's id.
        lease: how long it honours what it knows without hearing from us.

    Attributes:
        acknowledged: the newest revision of which it has acknowledged everything.
        ended: the newest revision whose ended certificates it has acknowledged.
    """

    def __init__(self, name: str, lease: timedelta) -> None:
        self.name = name
        self.acknowledged = 0
        self.ended = 0
        self._lease = lease
        self._subscribed: dict[str, set[str]] = {}
        self._holds: dict[str, dict[str, str]] = {}
        # What each response that is not answered yet holds, by its nonce.
        self._unanswered: dict[str, frozenset[ResourceKey]] = {}
        # A refused resource stays refused, whatever else of its kind is taken, until it is sent in another version.
        self._refused: dict[ResourceKey, str] = {}
        self._sent = 0

    @property
    def refused(self) -> dict[str, str]:
        """What the gateway said when it refused an update that still stands, by type URL."""
        return {kind: said for (kind, _), said in self._refused.items()}

    def hear(self, request: DeltaDiscoveryRequest) -> None:
        """Take in a subscription, an acknowledgement or a refusal."""
        kind = request.type_url
        if kind not in self._subscribed:
            # A first request that names nothing asks for everything.
            self._subscribed[kind] = set(request.resource_names_subscribe) or {"*"}
            self._holds[kind] = dict(request.initial_resource_versions)
            # One that returns has used up a part of its lease: it begins anew.
            self.renew()
        self._subscribed[kind].update(request.resource_names_subscribe)
        for name in set(request.resource_names_subscribe) - set(request.initial_resource_versions):
            # Asked for anew, it must be sent anew, also when we believe that the gateway has it.
            self._holds[kind].pop(name, None)
        for name in request.resource_names_unsubscribe:
            self._subscribed[kind].discard(name)
            self._holds[kind].pop(name, None)
        if request.response_nonce:
            self._answered(request)

    def owed(self, state: Published) -> Iterator[DeltaDiscoveryResponse]:
        """Yield what the gateway wants and does not hold, type by type in order.

        Each resource is a response of its own: a gateway takes a response as a whole or refuses it as a whole, and
        one host's bad certificate must not keep another's from it.
        """
        for kind in TYPES:
            if kind not in self._subscribed:
                continue
            versions, holds = state.versions[kind], self._holds[kind]
            new = {
                name: to for name, to in versions.items() if self._wants(kind, name) and holds.get(name) != to
            }
            gone = [name for name in holds if name not in versions]
            self._holds[kind] = {name: to for name, to in holds.items() if name in versions} | new
            if gone:
                yield self._response(state, kind, gone, removed_resources=gone)
            for name, to in new.items():
                resource = self._resource(kind, name, to, state.snapshot[kind][name])
                yield self._response(state, kind, [name], resources=[resource])

    def _response(
        self, state: Published, kind: str, names: Iterable[str], **fields: Sequence[object]
    ) -> DeltaDiscoveryResponse:
        """Return a response that an answer is expected to."""
        nonce = self._nonce()
        concerned = frozenset((kind, name) for name in names)
        self._unanswered[nonce] = concerned
        self._no_more_refused(concerned)
        return DeltaDiscoveryResponse(
            type_url=kind,
            nonce=nonce,
            system_version_info=str(state.revision),
            **fields,
        )

    def settle(self, state: Published) -> bool:
        """Note what of a state is acknowledged, now that all that is owed was sent; return whether that is news."""
        before = (self.acknowledged, self.ended)
        # What there is and was not asked for yet will be: a listener is followed by what it needs.
        outstanding = {
            kind for kind, made in state.snapshot.items() if any(not self._wants(kind, name) for name in made)
        }
        outstanding |= {kind for keys in self._unanswered.values() for kind, _ in keys} | set(self.refused)
        if EXTENSION not in outstanding:
            self.ended = state.ended_revision
        if not outstanding:
            self.acknowledged = state.revision
        return before != (self.acknowledged, self.ended)

    def renew(self) -> None:
        """Start the clock of the lease anew: it is owed again, as a whole.

        The protocol's heartbeat, a resource without a body, does nothing for a gateway whose lease has run out.
        """
        self._holds.get(EXTENSION, {}).pop(ENDED, None)

    def _answered(self, request: DeltaDiscoveryRequest) -> None:
        concerned = self._unanswered.pop(request.response_nonce, frozenset())
        self._no_more_refused(concerned)
        if request.HasField("error_detail"):
            self._refused |= dict.fromkeys(concerned, request.error_detail.message)

    def _no_more_refused(self, concerned: frozenset[ResourceKey]) -> None:
        self._refused = {key: said for key, said in self._refused.items() if key not in concerned}

    def _wants(self, kind: str, name: str) -> bool:
        return not self._subscribed.get(kind, set()).isdisjoint((name, "*"))

    def _nonce(self) -> str:
        self._sent += 1
        return str(self._sent)

    def _resource(self, kind: str, name: str, version: str, value: Any) -> Resource:
        made = Resource(name=name, version=version, resource=value)
        if (kind, name) == (EXTENSION, ENDED):
            made.ttl.FromTimedelta(self._lease)
        return made
