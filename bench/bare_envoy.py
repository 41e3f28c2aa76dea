"""The peers: the same Envoy with static mutual TLS and no authorisation.

*bare* is its documentation's first example. *edge* sets besides what Envoy asks of a proxy that strangers can reach,
and has upstream told the client's address: the HTTP options of our gateway, so that what differs is authorisation.
Source: envoyproxy.io, Best practices, Configuring Envoy as an edge proxy.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.load import requests
from tests.parts.credentials import Pem
from tests.parts.served import free_port
from twoway.gateway.supervisor import envoy_binary

_EXTENSIONS = "type.googleapis.com/envoy.extensions"


_EDGE = {
    "use_remote_address": True,
    "normalize_path": True,
    "merge_slashes": True,
    "path_with_escaped_slashes_action": "REJECT_REQUEST",
    "common_http_protocol_options": {
        "headers_with_underscores_action": "REJECT_REQUEST",
        "idle_timeout": "3600s",
    },
    "request_headers_timeout": "30s",
    "stream_idle_timeout": "300s",
}


@contextmanager
def bare_envoy(
    files: Path, server: Pem, clients: Path, upstream: int, probe: Pem, *, edge: bool = False
) -> Iterator[tuple[int, int]]:
    """Run it with one worker; return its port and its process number.

    Args:
        files: where its configuration goes.
        server: its certificate and key.
        clients: the CA that client certificates must chain to, PEM.
        upstream: port of the backend.
        probe: a client that is let in, to see when it is ready.
        edge: set what a proxy that strangers can reach has to have.
    """
    port = free_port()
    configuration = files / ("edge-envoy.json" if edge else "bare-envoy.json")
    configuration.write_text(json.dumps(_configuration(port, server, clients, upstream, edge)))
    command = [str(envoy_binary()), "-c", str(configuration), "--disable-hot-restart", "--concurrency", "1"]
    process = subprocess.Popen([*command, "--log-level", "error"])
    try:
        _await(port, probe)
        yield port, process.pid
    finally:
        process.kill()
        process.wait()


def _await(port: int, probe: Pem) -> None:
    for _ in range(200):
        try:
            requests(port, "/", probe, 1, 1)
        except (OSError, RuntimeError):
            time.sleep(0.05)
        else:
            return
    raise TimeoutError("the bare Envoy does not answer")


def _configuration(port: int, server: Pem, clients: Path, upstream: int, edge: bool) -> dict[str, Any]:
    tls = {
        "@type": f"{_EXTENSIONS}.transport_sockets.tls.v3.DownstreamTlsContext",
        "require_client_certificate": True,
        "common_tls_context": {
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificates": [
                {
                    "certificate_chain": {"filename": str(server.certificate)},
                    "private_key": {"filename": str(server.key)},
                }
            ],
            "validation_context": {"trusted_ca": {"filename": str(clients)}},
        },
    }
    router = {"name": "router", "typed_config": {"@type": f"{_EXTENSIONS}.filters.http.router.v3.Router"}}
    route: dict[str, Any] = {"cluster": "api"}
    if edge:
        route |= {"timeout": "0s", "max_stream_duration": {"max_stream_duration": "3600s"}}
    manager = {
        **(_EDGE if edge else {}),
        "@type": f"{_EXTENSIONS}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bare",
        "http_filters": [router],
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": route}],
                }
            ]
        },
    }
    chain = {
        "filters": [{"name": "http", "typed_config": manager}],
        "transport_socket": {"name": "tls", "typed_config": tls},
    }
    return {
        "static_resources": {
            "listeners": [{"name": "bare", "address": _local(port), "filter_chains": [chain]}],
            "clusters": [
                {
                    "name": "api",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "api",
                        "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _local(upstream)}}]}],
                    },
                }
            ],
        }
    }


def _local(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
