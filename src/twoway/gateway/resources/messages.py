"""Dictionaries as Envoy's documentation writes them, made into messages. Pure."""

from __future__ import annotations

from typing import Any, TypeVar

# Each import registers the messages of one package, by which "@type" finds them.
from envoy.config.cluster.v3 import cluster_pb2
from envoy.config.core.v3 import extension_pb2
from envoy.config.listener.v3 import listener_pb2
from envoy.config.route.v3 import route_pb2
from envoy.extensions.access_loggers.filters.cel.v3 import cel_pb2  # noqa: F401  registers
from envoy.extensions.access_loggers.grpc.v3 import als_pb2  # noqa: F401  registers
from envoy.extensions.common.matching.v3 import extension_matcher_pb2  # noqa: F401  registers
from envoy.extensions.filters.common.matcher.action.v3 import skip_action_pb2  # noqa: F401  registers
from envoy.extensions.filters.http.composite.v3 import composite_pb2  # noqa: F401  registers
from envoy.extensions.filters.http.ext_authz.v3 import ext_authz_pb2  # noqa: F401  registers
from envoy.extensions.filters.http.lua.v3 import lua_pb2  # noqa: F401  registers
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2  # noqa: F401  registers
from envoy.extensions.filters.http.router.v3 import router_pb2  # noqa: F401  registers
from envoy.extensions.filters.listener.tls_inspector.v3 import tls_inspector_pb2  # noqa: F401  registers
from envoy.extensions.filters.network.http_connection_manager.v3 import (
    http_connection_manager_pb2,  # noqa: F401  registers
)
from envoy.extensions.http.early_header_mutation.header_mutation.v3 import (
    header_mutation_pb2,  # noqa: F401  registers
)
from envoy.extensions.matching.common_inputs.network.v3 import network_inputs_pb2  # noqa: F401  registers
from envoy.extensions.matching.input_matchers.metadata.v3 import metadata_pb2  # noqa: F401  registers
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2, tls_pb2  # noqa: F401  registers
from envoy.extensions.upstreams.http.v3 import http_protocol_options_pb2  # noqa: F401  registers
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from xds.type.v3 import typed_struct_pb2  # noqa: F401  registers

M = TypeVar("M", bound=Message)

TYPE = "type.googleapis.com/"
LISTENER = TYPE + "envoy.config.listener.v3.Listener"
CLUSTER = TYPE + "envoy.config.cluster.v3.Cluster"
ROUTES = TYPE + "envoy.config.route.v3.RouteConfiguration"
SECRET = TYPE + "envoy.extensions.transport_sockets.tls.v3.Secret"
EXTENSION = TYPE + "envoy.config.core.v3.TypedExtensionConfig"

Listener = listener_pb2.Listener
Cluster = cluster_pb2.Cluster
RouteConfiguration = route_pb2.RouteConfiguration
Secret = secret_pb2.Secret
ExtensionConfig = extension_pb2.TypedExtensionConfig


def message(kind: type[M], data: dict[str, Any]) -> M:
    """Return the message that the dictionary describes; a field that it does not have is an error."""
    made = kind()
    ParseDict(data, made)
    return made


def typed(name: str, **fields: Any) -> dict[str, Any]:
    """Return the dictionary of an ``Any`` that holds the message of this full name."""
    return {"@type": TYPE + name, **fields}
