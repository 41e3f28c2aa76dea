"""The filters that every connection and every request pass, in their order. Pure.

A connection, when its handshake is over, gets the fingerprint of the certificate that it presented. A request:

    1. ended            a shadow rule: did this fingerprint lose its rights, whatever the maps still say? It is
                        leased: when nobody renews it, everybody has
    2. known            a shadow rule: is this fingerprint in the service's map, and whose is it?
    3. chain            notes for the control plane what came with a certificate that is not known
    4. ask-ended        asks the control plane about everyone that lost a right, and fails closed
    5. ask-unknown      asks the control plane about everyone that is not known, and fails closed
    6. client-cert      RFC 9440's headers, only on routes of services that want them
    7. router

Identity headers that a caller sends are gone before the first of them. A route that lets callers pass without
a certificate switches 1 to 6 off by name; a route that forgets to say anything lets nobody pass.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from twoway.gateway.bootstrap import SOURCE_HEADER
from twoway.gateway.resources.matchers import (
    ENDED_PREFIX,
    ENDED_RESULT,
    FINGERPRINT,
    KNOWN_RESULT,
    RBAC_NAMESPACE,
)
from twoway.gateway.resources.messages import TYPE, typed

ENDED = "twoway.ended"
KNOWN = "twoway.known"
CHAIN = "twoway.chain"
ASK_ENDED = "twoway.ask-ended"
ASK_UNKNOWN = "twoway.ask-unknown"
CLIENT_CERT = "twoway.client-cert"

DECIDING = (ENDED, KNOWN, CHAIN, ASK_ENDED, ASK_UNKNOWN, CLIENT_CERT)

IDENTITY_HEADERS = ("x-client-id", "x-forwarded-client-cert", "client-cert", "client-cert-chain")

# Some backends take these for the path (IIS, and frameworks that lived behind it) or the host, whatever was asked for
# and decided on.
_OTHER_ADDRESSES = ("x-original-url", "x-rewrite-url", "x-forwarded-host", "forwarded")

# Asks for one second; the control plane answers in a few milliseconds or not at all.
AUTHORIZER_TIMEOUT = timedelta(seconds=1)

_ADS = {"ads": {}, "resource_api_version": "V3"}
_RBAC = "envoy.extensions.filters.http.rbac.v3.RBAC"


def http_filters() -> list[dict[str, Any]]:
    """Return the filters, in their order."""
    return [
        {
            "name": ENDED,
            "config_discovery": {
                "config_source": _ADS,
                # The lease is over: a rule that allows nobody.
                "default_config": typed(
                    _RBAC, shadow_rules={"action": "ALLOW"}, shadow_rules_stat_prefix=ENDED_PREFIX
                ),
                "type_urls": [TYPE + _RBAC],
            },
        },
        {"name": KNOWN, "typed_config": typed(_RBAC)},
        _chain(),
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
            # Neither counters by status code and upstream nor Envoy's own headers are anybody's need here, and both
            # cost at every request.
            "typed_config": typed(
                "envoy.extensions.filters.http.router.v3.Router",
                dynamic_stats=False,
                suppress_envoy_headers=True,
            ),
        },
    ]


def fingerprint() -> dict[str, Any]:
    """Return the network filter that notes the presented certificate's fingerprint, once a connection.

    The field is newer than the messages that we have: an untyped structure carries it.
    """
    value = {
        "object_key": FINGERPRINT,
        "factory_key": "envoy.string",
        "format_string": {"text_format_source": {"inline_string": "%DOWNSTREAM_PEER_FINGERPRINT_256%"}},
    }
    return {
        "name": "twoway.fingerprint",
        "typed_config": typed(
            "xds.type.v3.TypedStruct",
            type_url=TYPE + "envoy.extensions.filters.network.set_filter_state.v3.Config",
            value={"on_downstream_tls_handshake": [value]},
        ),
    }


def without_callers_headers() -> list[dict[str, Any]]:
    """Return what removes every identity header that a caller sent, before anything else looks at them."""
    removals = [{"remove": name} for name in (*IDENTITY_HEADERS, *_OTHER_ADDRESSES)]
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


def _chain() -> dict[str, Any]:
    """Return the filter that puts the presented chain into a header, for the authorizer alone.

    It is skipped for a known certificate: to write out a chain is dear. Skipped wrongly, it would let nobody in.
    """
    lua = typed("envoy.extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": _CHAIN_LUA})
    result = typed(
        "envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput",
        filter=RBAC_NAMESPACE,
        path=[{"key": KNOWN_RESULT}],
    )
    allowed = typed(
        "envoy.extensions.matching.input_matchers.metadata.v3.Metadata",
        value={"string_match": {"exact": "allowed"}},
    )
    known = {
        "single_predicate": {
            "input": {"name": "known", "typed_config": result},
            "custom_match": {"name": "allowed", "typed_config": allowed},
        }
    }
    skip = {
        "name": "skip",
        "typed_config": typed("envoy.extensions.filters.common.matcher.action.v3.SkipFilter"),
    }
    return {
        "name": CHAIN,
        "typed_config": typed(
            "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
            extension_config={"name": "lua", "typed_config": lua},
            xds_matcher={"matcher_list": {"matchers": [{"predicate": known, "on_match": {"action": skip}}]}},
        ),
    }


# In the form of Envoy's own header, which the router takes off on every route.
_CHAIN_LUA = """
function envoy_on_request(handle)
  local tls = handle:streamInfo():downstreamSslConnection()
  if tls == nil or not tls:peerCertificatePresented() then return end
  local chain = tls:urlEncodedPemEncodedPeerCertificateChain()
  handle:headers():replace("x-forwarded-client-cert", 'Chain="' .. chain .. '"')
end
"""


def _ask(name: str, result: str, when: dict[str, Any]) -> dict[str, Any]:
    """Return the filter that asks the authorizer when this result of a shadow rule is as given."""
    return {
        "name": name,
        "typed_config": typed(
            "envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            transport_api_version="V3",
            grpc_service={
                "envoy_grpc": {"cluster_name": "twoway.questions"},
                "timeout": f"{AUTHORIZER_TIMEOUT.total_seconds()}s",
                "initial_metadata": [
                    {"key": SOURCE_HEADER, "value": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"},
                ],
            },
            include_peer_certificate=True,
            failure_mode_allow=False,
            status_on_error={"code": "ServiceUnavailable"},
            # Only what the decision needs leaves Envoy: no Authorization, no cookies.
            allowed_headers={"patterns": [{"exact": "x-request-id"}, {"exact": "x-forwarded-client-cert"}]},
            filter_enabled_metadata={"filter": RBAC_NAMESPACE, "path": [{"key": result}], **when},
        ),
    }


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
