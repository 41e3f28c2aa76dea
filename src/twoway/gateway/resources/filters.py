"""The HTTP filters that every request passes, in their order. Pure.

    1. lease            takes the certificate's fingerprint; gone when nobody renewed it, and then nobody is known
    2. ended            a shadow rule: did this fingerprint lose its rights, whatever the maps still say?
    3. known            a shadow rule: is this fingerprint in the service's map, and whose is it?
    4. identity         names the client to the upstream
    5. unknown-rate     a limit for those that are not known
    6. ask-ended        asks the control plane about everyone that lost a right, and fails closed
    7. ask-unknown      asks the control plane about everyone that is not known, and fails closed
    8. client-cert      RFC 9440's headers, only on routes of services that want them
    9. router

Identity headers that a caller sends are gone before the first of them. A route that lets callers pass without
a certificate switches 2 to 8 off by name; a route that forgets to say anything lets nobody pass.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from twoway.gateway.resources.matchers import (
    ENDED_RESULT,
    FINGERPRINT,
    KNOWN_CLIENT,
    KNOWN_RESULT,
    RBAC_NAMESPACE,
)
from twoway.gateway.resources.messages import TYPE, typed

LEASE = "twoway.lease"
ENDED = "twoway.ended"
KNOWN = "twoway.known"
IDENTITY = "twoway.identity"
UNKNOWN_RATE = "twoway.unknown-rate"
ASK_ENDED = "twoway.ask-ended"
ASK_UNKNOWN = "twoway.ask-unknown"
CLIENT_CERT = "twoway.client-cert"

DECIDING = (ENDED, KNOWN, IDENTITY, UNKNOWN_RATE, ASK_ENDED, ASK_UNKNOWN, CLIENT_CERT)

IDENTITY_HEADERS = ("x-client-id", "x-forwarded-client-cert", "client-cert", "client-cert-chain")

# Asks for one second; the control plane answers in a few milliseconds or not at all.
AUTHORIZER_TIMEOUT = timedelta(seconds=1)

# Requests of unknown certificates a second that may reach the authorizer, over all services of a listener.
UNKNOWN_PER_SECOND = 200

_ADS = {"ads": {}, "resource_api_version": "V3"}
_SET_FILTER_STATE = "envoy.extensions.filters.http.set_filter_state.v3.Config"
_RBAC = "envoy.extensions.filters.http.rbac.v3.RBAC"


def http_filters() -> list[dict[str, Any]]:
    """Return the filters, in their order."""
    return [
        {
            "name": LEASE,
            "config_discovery": {
                "config_source": _ADS,
                "default_config": fingerprint_from("lease-over"),
                "type_urls": [TYPE + _SET_FILTER_STATE],
            },
        },
        {"name": ENDED, "config_discovery": {"config_source": _ADS, "type_urls": [TYPE + _RBAC]}},
        {"name": KNOWN, "typed_config": typed(_RBAC)},
        {
            "name": IDENTITY,
            "typed_config": typed("envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"),
        },
        _unknown_rate(),
        # Mostly nothing has ended, and nothing is said about it. What is not said to be known is asked about.
        _ask(ASK_ENDED, ENDED_RESULT, {"value": {"string_match": {"exact": "denied"}}}),
        _ask(ASK_UNKNOWN, KNOWN_RESULT, {"value": {"string_match": {"exact": "allowed"}}, "invert": True}),
        {
            "name": CLIENT_CERT,
            "disabled": True,
            "typed_config": typed(
                "envoy.extensions.filters.http.lua.v3.Lua",
                default_source_code={"inline_string": CLIENT_CERT_LUA},
            ),
        },
        {
            "name": "envoy.filters.http.router",
            "typed_config": typed("envoy.extensions.filters.http.router.v3.Router"),
        },
    ]


def fingerprint_from(text: str = "%DOWNSTREAM_PEER_FINGERPRINT_256%") -> dict[str, Any]:
    """Return the filter that takes the presented certificate's fingerprint, or a text that no map holds."""
    return typed(
        _SET_FILTER_STATE,
        on_request_headers=[
            {
                "object_key": FINGERPRINT,
                "factory_key": "envoy.string",
                "format_string": {"text_format_source": {"inline_string": text}},
            }
        ],
    )


def without_callers_headers() -> list[dict[str, Any]]:
    """Return what removes every identity header that a caller sent, before anything else looks at them."""
    removals = [{"remove": name} for name in IDENTITY_HEADERS]
    return [
        {
            "name": "envoy.http.early_header_mutation.header_mutation",
            "typed_config": typed(
                "envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
                mutations=removals,
            ),
        }
    ]


def switched_off(*names: str) -> dict[str, Any]:
    """Return the route's configuration that switches these filters off."""
    return {name: typed("envoy.config.route.v3.FilterConfig", disabled=True) for name in names}


def _unknown_rate() -> dict[str, Any]:
    unlimited = {"max_tokens": 4_000_000_000, "tokens_per_fill": 4_000_000_000, "fill_interval": "1s"}
    return {
        "name": UNKNOWN_RATE,
        "typed_config": typed(
            "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
            stat_prefix="twoway_unknown",
            token_bucket=unlimited,
            filter_enabled={"default_value": {"numerator": 100}},
            filter_enforced={"default_value": {"numerator": 100}},
            always_consume_default_token_bucket=False,
            rate_limits=[
                {
                    "actions": [
                        {
                            "metadata": {
                                "descriptor_key": "known",
                                "metadata_key": {"key": RBAC_NAMESPACE, "path": [{"key": KNOWN_RESULT}]},
                                "default_value": "denied",
                            }
                        }
                    ]
                }
            ],
            descriptors=[
                {
                    "entries": [{"key": "known", "value": "denied"}],
                    "token_bucket": {
                        "max_tokens": UNKNOWN_PER_SECOND,
                        "tokens_per_fill": UNKNOWN_PER_SECOND,
                        "fill_interval": "1s",
                    },
                }
            ],
        ),
    }


def _ask(name: str, result: str, when: dict[str, Any]) -> dict[str, Any]:
    """Return the filter that asks the authorizer when this result of a shadow rule is as given."""
    return {
        "name": name,
        "typed_config": typed(
            "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            transport_api_version="V3",
            grpc_service={
                "envoy_grpc": {"cluster_name": "twoway.authorizer"},
                "timeout": f"{AUTHORIZER_TIMEOUT.total_seconds()}s",
            },
            include_peer_certificate=True,
            failure_mode_allow=False,
            status_on_error={"code": "ServiceUnavailable"},
            # Only what the decision needs leaves Envoy: no Authorization, no cookies.
            allowed_headers={"patterns": [{"exact": "x-request-id"}, {"exact": "x-forwarded-client-cert"}]},
            filter_enabled_metadata={"filter": RBAC_NAMESPACE, "path": [{"key": result}], **when},
        ),
    }


_CLIENT = f"%DYNAMIC_METADATA({RBAC_NAMESPACE}:{KNOWN_CLIENT})%"


def identity_header() -> dict[str, Any]:
    """Return the route's configuration that names the known client to the upstream.

    For a client that is not known yet, the authorizer's answer overwrites it.
    """
    return typed(
        "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute",
        mutations={
            "request_mutations": [
                {
                    "append": {
                        "header": {"key": "x-client-id", "value": _CLIENT},
                        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
                    }
                }
            ]
        },
    )


# RFC 9440: a structured-field byte sequence, base64 of the DER between colons; the chain without the leaf.
CLIENT_CERT_LUA = """
local function unescaped(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

local function certificates(pem)
  local found = {}
  for body in unescaped(pem):gmatch("%-%-%-%-%-BEGIN CERTIFICATE%-%-%-%-%-(.-)%-%-%-%-%-END CERTIFICATE%-%-%-%-%-") do
    found[#found + 1] = ":" .. body:gsub("%s", "") .. ":"
  end
  return found
end

function envoy_on_request(handle)
  local tls = handle:streamInfo():downstreamSslConnection()
  if tls == nil or not tls:peerCertificatePresented() then return end
  local wanted = handle:metadata():get("headers")
  if wanted["client-cert"] then
    handle:headers():replace("client-cert", certificates(tls:urlEncodedPemEncodedPeerCertificate())[1])
  end
  if wanted["client-cert-chain"] then
    local chain = certificates(tls:urlEncodedPemEncodedPeerCertificateChain())
    table.remove(chain, 1)
    if #chain > 0 then handle:headers():replace("client-cert-chain", table.concat(chain, ", ")) end
  end
end
"""
