"""What Envoy is started with: who it is, and the two sockets on which it finds its control plane. Pure."""

from __future__ import annotations

from typing import Any

_EXTENSIONS = "type.googleapis.com/envoy.extensions"

# Questions about certificates that are not known, a second and at once; what is above gets "cannot decide now".
QUESTIONS_PER_SECOND = 400
QUESTIONS_AT_ONCE = 64
# From one address, so that one stranger does not take the answers from all others.
QUESTIONS_PER_SOURCE = 200

# Names the caller's address to the listener that limits the rate.
SOURCE_HEADER = "x-twoway-source"


# A connection takes two descriptors, one to the caller and one to the upstream; Envoy itself takes some as well.
DESCRIPTORS_OF_ITS_OWN = 256
CONNECTIONS_MOST = 50_000


def connections(descriptors: int) -> int:
    """Return how many callers may be connected at once.

    Args:
        descriptors: how many files the process may have open.
    """
    return min(CONNECTIONS_MOST, max(1, (descriptors - DESCRIPTORS_OF_ITS_OWN) // 2))


def bootstrap(*, node: str, sockets: str, connections: int = CONNECTIONS_MOST) -> dict[str, Any]:
    """Return Envoy's bootstrap configuration.

    Args:
        node: the gateway's name.
        sockets: folder of the sockets, which only the user that runs us may enter.
        connections: how many callers may be connected at once; further ones are closed before their handshake.
    """
    return {
        "node": {"id": node, "cluster": "twoway"},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "grpc_services": [
                    {
                        "envoy_grpc": {
                            "cluster_name": "twoway.control",
                            # A control plane that comes back is found at once, not after Envoy's 30 seconds.
                            "retry_policy": {
                                "retry_back_off": {"base_interval": "0.1s", "max_interval": "0.5s"}
                            },
                        }
                    }
                ],
            },
            "lds_config": {"ads": {}, "resource_api_version": "V3"},
            "cds_config": {"ads": {}, "resource_api_version": "V3"},
        },
        "static_resources": {
            "listeners": [_questions(f"{sockets}/questions.sock")],
            "clusters": [
                _over_socket("twoway.control", f"{sockets}/control.sock", max_requests=100),
                # Questions about certificates that are not known go through a listener of Envoy's own, which limits
                # their rate; a filter in the way of every request would cost those that are known.
                _over_socket("twoway.questions", f"{sockets}/questions.sock", max_requests=QUESTIONS_AT_ONCE),
                _over_socket(
                    "twoway.authorizer", f"{sockets}/authorizer.sock", max_requests=QUESTIONS_AT_ONCE
                ),
                _over_socket("twoway.journal", f"{sockets}/authorizer.sock", max_requests=100),
            ],
        },
        "admin": {"address": {"pipe": {"path": f"{sockets}/admin.sock", "mode": 0o600}}},
        # Without a bound strangers could take every descriptor and all memory.
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": f"{_EXTENSIONS}.resource_monitors.downstream_connections.v3"
                        ".DownstreamConnectionsConfig",
                        "max_active_downstream_connections": connections,
                    },
                }
            ]
        },
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": _STATS}}},
        "layered_runtime": {
            "layers": [
                {
                    "name": "static",
                    # The expression of ambiguous paths is a little longer than Envoy's default allows.
                    "static_layer": {"re2.max_program_size.error_level": 1000},
                }
            ]
        },
    }


# Only what is looked at: each counter of each cluster costs a little at every request.
_STATS = [
    {"prefix": "listener."},
    {"prefix": "http.inbound."},
    {"prefix": "control_plane."},
    {"prefix": "server."},
    {"prefix": "listener_manager."},
    {"contains": "ext_authz"},
    {"contains": "update_rejected"},
    {"contains": "update_success"},
]


def _over_socket(name: str, path: str, *, max_requests: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.25s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"pipe": {"path": path}}}}]}],
        },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_EXTENSIONS}.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        "circuit_breakers": {
            "thresholds": [
                {"max_requests": max_requests, "max_pending_requests": max_requests, "max_retries": 0}
            ]
        },
    }


def _questions(path: str) -> dict[str, Any]:
    """Return the listener that lets so many questions a second through to the authorizer."""
    every_request = {"default_value": {"numerator": 100}}
    rate = {
        "@type": f"{_EXTENSIONS}.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": "questions",
        "token_bucket": _a_second(QUESTIONS_PER_SECOND),
        "rate_limits": [
            {"actions": [{"request_headers": {"header_name": SOURCE_HEADER, "descriptor_key": "source"}}]}
        ],
        # Without a value: a bucket for every value that comes, the ones least used forgotten.
        "descriptors": [{"entries": [{"key": "source"}], "token_bucket": _a_second(QUESTIONS_PER_SOURCE)}],
        "max_dynamic_descriptors": 10000,
        "filter_enabled": every_request,
        "filter_enforced": every_request,
    }
    router = {"@type": f"{_EXTENSIONS}.filters.http.router.v3.Router"}
    everything = {"match": {"prefix": "/"}, "route": {"cluster": "twoway.authorizer"}}
    manager = {
        "@type": f"{_EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "questions",
        "codec_type": "HTTP2",
        "http_filters": [
            {"name": "envoy.filters.http.local_ratelimit", "typed_config": rate},
            {"name": "envoy.filters.http.router", "typed_config": router},
        ],
        "route_config": {"virtual_hosts": [{"name": "authorizer", "domains": ["*"], "routes": [everything]}]},
    }
    return {
        "name": "questions",
        "address": {"pipe": {"path": path, "mode": 0o600}},
        "ignore_global_conn_limit": True,
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _a_second(tokens: int) -> dict[str, Any]:
    return {"max_tokens": tokens, "tokens_per_fill": tokens, "fill_interval": "1s"}
