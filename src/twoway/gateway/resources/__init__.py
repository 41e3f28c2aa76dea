"""The desired state as Envoy's resources. Pure: values in, bytes out.

snapshot    all resources of one desired state
listeners   the handshake, and the connection manager
filters     what every request passes, in order
routes      which path belongs to which service
matchers    the maps of known certificates
secrets     server identities and what handshakes check
clusters    upstreams
refusals    what the gateway itself answers
"""

from __future__ import annotations

from google.protobuf.any_pb2 import Any

from twoway.gateway.desired import Desired
from twoway.gateway.resources import clusters, filters, listeners, routes, secrets
from twoway.gateway.resources.matchers import ended_certificates
from twoway.gateway.resources.messages import (
    CLUSTER,
    EXTENSION,
    LISTENER,
    ROUTES,
    SECRET,
    ExtensionConfig,
)

Snapshot = dict[str, dict[str, Any]]

# In this order they are sent: what takes rights away goes first, and nothing is named before it is there.
TYPES = (EXTENSION, CLUSTER, SECRET, LISTENER, ROUTES)


def snapshot(desired: Desired) -> Snapshot:
    """Return every resource of the desired state, by type URL and name; without a service there is nothing to do."""
    made: Snapshot = {kind: {} for kind in TYPES}
    if not desired.hosts:
        return made
    made[EXTENSION][filters.ENDED] = ended(desired.ended)
    made[LISTENER][listeners.NAME] = _any(listeners.listener(desired))
    for host in desired.hosts:
        made[SECRET][listeners.identity_name(host)] = _any(secrets.identity(host))
        if host.asks:
            made[SECRET][listeners.trust_name(host)] = _any(secrets.trust(host))
        made[ROUTES][listeners.routes_name(host)] = _any(routes.route_configuration(host, desired))
        for service in host.services:
            made[CLUSTER][f"upstream:{service.name}"] = _any(clusters.upstream(service))
    return made


def ended(fingerprints: frozenset[str]) -> Any:
    """Return the small resource that ends certificates at once, named ``filters.ENDED``."""
    made = ExtensionConfig(name=filters.ENDED)
    made.typed_config.Pack(ended_certificates(fingerprints), deterministic=True)
    return _any(made)


def _any(message_: object) -> Any:
    packed = Any()
    packed.Pack(message_, deterministic=True)  # type: ignore[arg-type]  # the stubs want a concrete class
    return packed
