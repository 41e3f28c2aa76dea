"""The listener: who is asked for a certificate in the handshake, and what every request passes. Pure."""

from __future__ import annotations

from typing import Any

from twoway.gateway.desired import Desired, Host
from twoway.gateway.reasons import (
    AMBIGUOUS_PATH,
    CANNOT_DECIDE,
    UNDERSCORE,
    UPSTREAM_AWAY,
    Reason,
)
from twoway.gateway.resources import filters
from twoway.gateway.resources.matchers import FINGERPRINT
from twoway.gateway.resources.messages import Listener, message, typed
from twoway.gateway.resources.refusals import CONTENT_TYPE, problem

NAME = "inbound"

# What a client may sign its handshake with: Envoy's default lacks Ed25519 and P-521, and then such a client
# sends no certificate and nobody says why.
SIGNATURE_ALGORITHMS = (
    "ecdsa_secp256r1_sha256",
    "rsa_pss_rsae_sha256",
    "rsa_pkcs1_sha256",
    "ecdsa_secp384r1_sha384",
    "rsa_pss_rsae_sha384",
    "rsa_pkcs1_sha384",
    "rsa_pss_rsae_sha512",
    "rsa_pkcs1_sha512",
    "ecdsa_secp521r1_sha512",
    "ed25519",
)

_ADS = {"ads": {}, "resource_api_version": "V3"}


def routes_name(host: Host) -> str:
    """Return the name of the host's routes as a resource."""
    return f"routes:{host.name or '*'}"


def identity_name(host: Host) -> str:
    """Return the name of the host's certificate and key as a resource."""
    return f"identity:{host.name or '*'}"


def trust_name(host: Host) -> str:
    """Return the name of what the host's handshakes check as a resource."""
    return f"trust:{host.name or '*'}"


def listener(desired: Desired) -> Listener:
    """Return the listener: one filter chain a host, chosen by the name in the handshake (SNI)."""
    named = [_filter_chain(host) for host in desired.hosts if host.name]
    data: dict[str, Any] = {
        "name": NAME,
        "address": {"socket_address": {"address": desired.address, "port_value": desired.port}},
        "filter_chains": named,
        "access_log": [
            _journal("tcp_grpc", "TcpGrpcAccessLogConfig", _when('connection.transport_failure_reason != ""'))
        ],
        "per_connection_buffer_limit_bytes": 65536,
        # With it two gateways could listen on one port, and connections would go to either.
        "enable_reuse_port": False,
    }
    if named:
        data["listener_filters"] = [
            {
                "name": "envoy.filters.listener.tls_inspector",
                "typed_config": typed("envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"),
            }
        ]
    for host in desired.hosts:
        if not host.name:
            data["default_filter_chain"] = _filter_chain(host)
    return message(Listener, data)


def _filter_chain(host: Host) -> dict[str, Any]:
    chain: dict[str, Any] = {
        "name": f"host:{host.name or '*'}",
        "filters": [filters.fingerprint(), {"name": "http", "typed_config": _connection_manager(host)}],
        "transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": _tls(host)},
        "transport_socket_connect_timeout": "10s",
    }
    if host.name:
        chain["filter_chain_match"] = {"server_names": [host.name]}
    return chain


def _tls(host: Host) -> dict[str, Any]:
    common: dict[str, Any] = {
        "tls_params": {
            "tls_minimum_protocol_version": "TLSv1_2",
            "signature_algorithms": list(SIGNATURE_ALGORITHMS),
        },
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificate_sds_secret_configs": [{"name": identity_name(host), "sds_config": _ADS}],
    }
    if host.asks:
        common["validation_context_sds_secret_config"] = {"name": trust_name(host), "sds_config": _ADS}
    return typed(
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        common_tls_context=common,
        require_client_certificate=host.strict,
    )


def _connection_manager(host: Host) -> dict[str, Any]:
    return typed(
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="inbound",
        codec_type="AUTO",
        rds={"config_source": _ADS, "route_config_name": routes_name(host)},
        http_filters=filters.http_filters(),
        early_header_mutation_extensions=filters.without_callers_headers(),
        forward_client_cert_details="SANITIZE",
        use_remote_address=True,
        normalize_path=True,
        merge_slashes=True,
        path_with_escaped_slashes_action="REJECT_REQUEST",
        strip_any_host_port=True,
        strip_trailing_host_dot=True,
        common_http_protocol_options={
            "headers_with_underscores_action": "REJECT_REQUEST",
            "idle_timeout": "3600s",
            "max_headers_count": 100,
        },
        http2_protocol_options={
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65536,
            "initial_connection_window_size": 1048576,
        },
        request_headers_timeout="30s",
        stream_idle_timeout="300s",
        server_name="twoway",
        upgrade_configs=[{"upgrade_type": "websocket"}],
        local_reply_config={"mappers": _local_replies()},
        access_log=[_journal("http_grpc", "HttpGrpcAccessLogConfig", _refused_by_envoy())],
    )


# Answers that Envoy makes itself, other than the upstream's and the authorizer's, are journal entries.
def _refused_by_envoy() -> dict[str, Any]:
    """Return what chooses them. The status comes first: an expression is dear, and most requests are answered well."""
    comparison = {"op": "GE", "value": {"default_value": 400, "runtime_key": "twoway.journal_status"}}
    status = {"status_code_filter": {"comparison": comparison}}
    return {"and_filter": {"filters": [status, _when('response.code_details != "via_upstream"')]}}


def _journal(kind: str, config: str, which: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": f"envoy.access_loggers.{kind}",
        "filter": which,
        "typed_config": typed(
            f"envoy.extensions.access_loggers.grpc.v3.{config}",
            common_config={
                "log_name": kind,
                "transport_api_version": "V3",
                "grpc_service": {"envoy_grpc": {"cluster_name": "twoway.journal"}},
                "buffer_flush_interval": "0.1s",
                "filter_state_objects_to_log": [FINGERPRINT],
            },
        ),
    }


def _when(condition: str) -> dict[str, Any]:
    return {
        "extension_filter": {
            "name": "cel",
            "typed_config": typed(
                "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter", expression=condition
            ),
        }
    }


def _local_replies() -> list[dict[str, Any]]:
    """Return how Envoy's own refusals look: a problem where the service explains itself, else nothing at all."""
    about = "xds.route_metadata.filter_metadata"
    explained = f"'twoway' in {about} && {about}['twoway']['explained']"
    cases: list[tuple[str, Reason]] = [
        ("response.code_details == 'ext_authz_error'", CANNOT_DECIDE),
        ("response.code_details.startsWith('upstream_')", UPSTREAM_AWAY),
    ]
    mappers = []
    for condition, reason in cases:
        mappers.append(_explaining(f"{condition} && {explained}", problem(reason)))
        mappers.append({"filter": _when(condition), "body": {"inline_string": ""}})
    # Refused before any service was found: these say nothing that a service might want to keep.
    unread = (
        ("path_normalization_failed", AMBIGUOUS_PATH),
        ("http1.unexpected_underscore", UNDERSCORE),
    )
    for details, reason in unread:
        mappers.append(_explaining(f"response.code_details == '{details}'", problem(reason, ticket=None)))
    return mappers


def _explaining(condition: str, answer: dict[str, Any]) -> dict[str, Any]:
    form = {"json_format": answer, "content_type": CONTENT_TYPE}
    return {"filter": _when(condition), "body_format_override": form}
