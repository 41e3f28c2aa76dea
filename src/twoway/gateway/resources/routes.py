"""Which path of which host belongs to which service, and what a caller must show there. Pure."""

from __future__ import annotations

from typing import Any

from twoway.gateway.desired import Desired, Host, Service
from twoway.gateway.paths import ambiguous, miscased
from twoway.gateway.reasons import AMBIGUOUS_PATH, CERTIFICATE_MISSING, NO_SERVICE, WRONG_HOST, Reason
from twoway.gateway.resources import filters
from twoway.gateway.resources.listeners import routes_name
from twoway.gateway.resources.matchers import KNOWN_CLIENT, RBAC_NAMESPACE, known_clients
from twoway.gateway.resources.messages import RouteConfiguration, message, typed
from twoway.gateway.resources.refusals import CONTENT_TYPE, problem

# Stays a moment longer than any honest client's idle connection, and then lets go.
IDLE_TIMEOUT = "300s"


def route_configuration(host: Host, desired: Desired) -> RouteConfiguration:
    """Return the routes of one host; a request for any other host on the same connection is misdirected.

    A host without a name takes any but those that have one: its upstream may serve them too, and would go by the
    name in the request.

    Args:
        host: the host and its services.
        desired: the whole that it is a part of.
    """
    names = [other.name for other in desired.hosts if other.name]
    services = sorted(host.services, key=lambda service: len(service.path), reverse=True)
    routes: list[dict[str, Any]] = []
    spellings = ambiguous([service.path for service in services])
    if spellings:
        routes.append(
            _direct({"safe_regex": {"regex": spellings}}, AMBIGUOUS_PATH, "path-ambiguous", explained=True)
        )
    for service in services:
        routes += _service_routes(service)
    routes.append(_direct({"prefix": "/"}, NO_SERVICE, "no-service", explained=True))
    nobody = _direct({"prefix": "/"}, WRONG_HOST, "misdirected", explained=True)
    hosts = [{"name": "host", "domains": [host.name or "*"], "routes": routes}]
    others = ["*"] if host.name else names
    if others:
        hosts.append({"name": "others", "domains": others, "routes": [nobody]})
    made = message(RouteConfiguration, {"name": routes_name(host), "virtual_hosts": hosts})
    by_name = {service.name: service for service in services}
    for route in made.virtual_hosts[0].routes:
        if filters.KNOWN in route.typed_per_filter_config or not route.name.startswith("known:"):
            continue
        service = by_name[route.name.removeprefix("known:")]
        known = known_clients(service.allowed, desired.at, desired.carries_its_end)
        # What two control planes make of one realm has to be the same to the byte, or it would all be sent again.
        route.typed_per_filter_config[filters.KNOWN].Pack(known, deterministic=True)
    return made


def _service_routes(service: Service) -> list[dict[str, Any]]:
    """Return the routes of a service; the known certificates are put into the one named ``known:``."""
    path = {"prefix": "/"} if service.path == "/" else {"path_separated_prefix": service.path}
    bare = {**path, "tls_context": {"presented": False}}
    anonymous = {"typed_per_filter_config": filters.switched_off(*filters.DECIDING), **_upstream(service)}
    known = {
        "name": f"known:{service.name}",
        "match": path,
        "metadata": _route_metadata(service),
        "typed_per_filter_config": _deciding(service),
        **_upstream(service, identified=True),
    }
    if service.client_certificate == "off":
        routes = [{"name": f"off:{service.name}", "match": path, **anonymous}]
    elif service.client_certificate == "optional":
        routes = [{"name": f"anonymous:{service.name}", "match": bare, **anonymous}, known]
    else:
        name = f"certificate-missing:{service.name}"
        routes = [_direct(bare, CERTIFICATE_MISSING, name, explained=service.explained), known]
    other_case = None if service.path == "/" else miscased(service.path)
    if other_case:
        routes.append(
            _direct({"safe_regex": {"regex": other_case}}, AMBIGUOUS_PATH, "path-ambiguous", explained=True)
        )
    return routes


def _deciding(service: Service) -> dict[str, Any]:
    asked = typed(
        "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
        check_settings={"context_extensions": {"service": service.name}},
    )
    config: dict[str, Any] = {filters.ASK: asked}
    if {"client-cert", "client-cert-chain"} & set(service.send):
        config[filters.CLIENT_CERT] = typed(
            "envoy.config.route.v3.FilterConfig",
            config=typed("envoy.extensions.filters.http.lua.v3.LuaPerRoute", filter_context={}),
        )
    return config


def _route_metadata(service: Service) -> dict[str, Any]:
    wanted = dict.fromkeys(service.send, True)
    return {
        "filter_metadata": {
            "twoway": {"explained": service.explained},
            filters.CLIENT_CERT: {"headers": wanted},
        }
    }


def _upstream(service: Service, *, identified: bool = False) -> dict[str, Any]:
    """Return where requests go, and what is put on and taken off last."""
    action: dict[str, Any] = {
        "cluster": f"upstream:{service.name}",
        "timeout": "0s",  # a slow API is not an error: the stream's bound is max_stream
        "idle_timeout": IDLE_TIMEOUT,
    }
    if service.max_stream:
        action["max_stream_duration"] = {"max_stream_duration": f"{service.max_stream.total_seconds():g}s"}
    added = [_ONLY_UPGRADE]
    if identified:
        added += [header for header in _IDENTITY_HEADERS if header[0] in service.send]
    return {
        "route": action,
        "request_headers_to_remove": ["x-forwarded-client-cert"],
        "request_headers_to_add": [
            {"header": {"key": name, "value": value}, "append_action": append}
            for name, value, append in added
        ],
    }


# Of a caller's Connection header only this goes upstream, and only with an upgrade. A backend takes off every header
# that is named there, and the caller could name those that say who it is.
_ONLY_UPGRADE = ("connection", "upgrade", "OVERWRITE_IF_EXISTS")


# The client's name is what its map entry is called. For a certificate that was asked about there is none, and the
# authorizer's answer has set the header before this: it stays.
_CLIENT = f"%DYNAMIC_METADATA({RBAC_NAMESPACE}:{KNOWN_CLIENT})%"

# The form that Envoy documents for this header, made of what was decided on, not of what was merely presented.
# Alternative names are left out: they may hold the characters that separate the fields. They are in Cert.
_XFCC = (
    'Hash=%DOWNSTREAM_PEER_FINGERPRINT_256%;Cert="%DOWNSTREAM_PEER_CERT%";Subject="%DOWNSTREAM_PEER_SUBJECT%"'
)

_IDENTITY_HEADERS = (
    ("x-client-id", _CLIENT, "ADD_IF_ABSENT"),
    ("x-forwarded-client-cert", _XFCC, "OVERWRITE_IF_EXISTS_OR_ADD"),
)


def _direct(match: dict[str, Any], reason: Reason, name: str, *, explained: bool) -> dict[str, Any]:
    answer: dict[str, Any] = {"status": reason.status}
    if explained:
        answer["body_format"] = {"json_format": problem(reason), "content_type": CONTENT_TYPE}
    return {
        "name": name,
        "match": match,
        "direct_response": answer,
        "typed_per_filter_config": filters.switched_off(*filters.DECIDING),
    }
