"""Where requests go: the upstreams of services. Pure."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from twoway.gateway.desired import Service
from twoway.gateway.resources.messages import Cluster, message, typed


def upstream(service: Service) -> Cluster:
    """Return the cluster of a service's upstream; an https upstream is checked against the system's roots."""
    url = urlsplit(service.upstream)
    host = url.hostname or ""
    port = url.port or (443 if url.scheme == "https" else 80)
    data: dict[str, Any] = {
        "name": f"upstream:{service.name}",
        "type": "STATIC" if _is_address(host) else "LOGICAL_DNS",
        # A name may have addresses of two kinds, and the upstream listen on one of them: both are tried (RFC 8305).
        "dns_lookup_family": "ALL",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": f"upstream:{service.name}",
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _socket(host, port)}}]}],
        },
        # A gateway is not the place that limits an upstream: Envoy's default of 1,024 requests would be.
        "circuit_breakers": {
            "thresholds": [
                {
                    "max_connections": 65536,
                    "max_pending_requests": 65536,
                    "max_requests": 65536,
                    "max_retries": 3,
                }
            ]
        },
    }
    if url.scheme == "https":
        data["transport_socket"] = {
            "name": "envoy.transport_sockets.tls",
            "typed_config": _system_trust(host),
        }
    return message(Cluster, data)


def _system_trust(host: str) -> dict[str, Any]:
    kind = "IP_ADDRESS" if _is_address(host) else "DNS"
    return typed(
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        sni="" if _is_address(host) else host,
        common_tls_context={
            "validation_context": {
                "system_root_certs": {},
                "match_typed_subject_alt_names": [{"san_type": kind, "matcher": {"exact": host}}],
            }
        },
    )


def _socket(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
