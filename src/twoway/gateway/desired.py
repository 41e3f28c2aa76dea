"""What a gateway should be doing, as plain values: the one input of everything that is sent to Envoy.

This file is pure: the realm is read elsewhere, and the clock comes in as an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

# How long known clients go on without a control plane (DESIGN decision 2).
LEASE = timedelta(hours=24)

# An entry that ends within the lease and this much longer carries its own end, so that it needs nobody to take it
# out: whatever ends later is taken out, or given its end, before the lease runs out. A state is an hour old at most.
_LONGER_THAN_THE_LEASE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Allowed:
    """A certificate that may call a service without asking anyone.

    Args:
        sha256: fingerprint of the certificate's DER, 64 lower-case hex digits.
        client: name of the client that it stands for.
        not_after: when it stops being allowed, UTC.
    """

    sha256: str
    client: str
    not_after: datetime


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """The certificate chain and the key with which the gateway answers for a host; in memory only.

    Args:
        chain: PEM, leaf first.
        key: PEM, PKCS#8, in clear: it goes over a socket that nobody else can open.
    """

    chain: bytes
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Service:
    """An API of ours, as the gateway sees it.

    Args:
        name: the service's name.
        path: the path that it owns, ``/`` or ``/orders``, never with a slash at the end.
        upstream: ``http://host:port`` or ``https://host:port``.
        client_certificate: ``required``, ``optional`` or ``off``.
        explained: whether a refused partner is told why.
        send: names of the identity headers that the upstream gets, lower case.
        max_stream: the longest that one request, stream or WebSocket may last; None for no limit.
        allowed: certificates that may call it without asking.
    """

    name: str
    path: str
    upstream: str
    client_certificate: str
    explained: bool
    send: tuple[str, ...]
    max_stream: timedelta | None
    allowed: tuple[Allowed, ...] = ()


@dataclass(frozen=True, slots=True)
class Host:
    """One name that the gateway answers to, with one certificate and one way to shake hands.

    Args:
        name: the DNS name, or None for callers that name no host, or an unknown one.
        identity: what the gateway shows.
        services: the services of this host.
        strict: end the handshake where there is no certificate or an unknown one.
        ca_names: certificates (DER) whose subjects go into the certificate request; empty: no names.
        trusted: strict hosts only, certificates (DER) of partner CAs and pins that a handshake may chain to.
        left_out: how many of these found no room in the certificate request, so that their clients are refused.
    """

    name: str | None
    identity: ServerIdentity
    services: tuple[Service, ...]
    strict: bool = False
    ca_names: tuple[bytes, ...] = ()
    trusted: tuple[bytes, ...] = ()
    left_out: int = 0

    @property
    def asks(self) -> bool:
        """Whether the handshake asks for a certificate at all."""
        return any(service.client_certificate != "off" for service in self.services)


@dataclass(frozen=True, slots=True)
class Desired:
    """The whole of what one gateway should do.

    Args:
        revision: the realm's revision that this was made from.
        address: the IP address to listen on.
        port: the TCP port to listen on.
        hosts: the names that it answers to.
        ended: fingerprints that a gateway may still hold as allowed and must not honour any more.
        at: when this was made, UTC.
        lease: how long it holds without a control plane.
    """

    revision: int
    address: str
    port: int
    hosts: tuple[Host, ...]
    ended: frozenset[str]
    at: datetime
    lease: timedelta = LEASE

    @property
    def carries_its_end(self) -> timedelta:
        """How soon an entry must end to carry its own end."""
        return self.lease + _LONGER_THAN_THE_LEASE


# A resource is known to Envoy by its type's URL and its name.
ResourceKey = tuple[str, str]
Resources = Mapping[ResourceKey, bytes]
