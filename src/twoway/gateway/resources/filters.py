"""The filters that every connection and every request pass, in their order. Pure.

A connection, when its handshake is over, gets the fingerprint of the certificate that it presented. A request:

    1. ended            a shadow rule: did this fingerprint lose its rights, whatever the maps still say? It is
                        leased: when nobody renews it, everybody has
    2. known            a shadow rule: is this fingerprint in the service's map, and whose is it?
    3. ask              asks the control plane about everyone but those who are known and lost no right, with the
                        chain that they presented, and fails closed
    4. client-cert      RFC 9440's headers, only on routes of services that want them
    5. router

Identity headers that a caller sends are gone before the first of them. A route that lets callers pass without
a certificate switches 1 to 4 off by name; a route that forgets to say anything lets nobody pass.
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
ASK = "twoway.ask"
CLIENT_CERT = "twoway.client-cert"

DECIDING = (ENDED, KNOWN, ASK, CLIENT_CERT)

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
        _ask(),
        {
            "name": CLIENT_CERT,
            "disabled": True,
            "typed_config": _lua(CLIENT_CERT_LUA),
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


def _ask() -> dict[str, Any]:
    """Return the filter that asks the authorizer about a certificate, unless it is known and lost no right.

    For those that are known the two filters that do it are not even made: that is most of what they would cost.
    Where nothing is said about a certificate, it is asked about.
    """
    # Mostly nothing has ended, and then nothing is said about it.
    passes = {
        "and_matcher": {
            "predicate": [_is(KNOWN_RESULT, "allowed"), {"not_matcher": _is(ENDED_RESULT, "denied")}]
        }
    }
    skip = typed("envoy.extensions.filters.common.matcher.action.v3.SkipFilter")
    asking = typed(
        "envoy.extensions.filters.http.composite.v3.ExecuteFilterAction",
        filter_chain={
            "typed_config": [
                {"name": "chain", "typed_config": _lua(_CHAIN_LUA)},
                {"name": "question", "typed_config": _question()},
            ]
        },
    )
    composite = typed("envoy.extensions.filters.http.composite.v3.Composite")
    return {
        "name": ASK,
        "typed_config": typed(
            "envoy.extensions.common.matching.v3.ExtensionWithMatcher",
            extension_config={"name": "composite", "typed_config": composite},
            xds_matcher={
                "matcher_list": {
                    "matchers": [
                        {"predicate": passes, "on_match": {"action": {"name": "skip", "typed_config": skip}}}
                    ]
                },
                "on_no_match": {"action": {"name": "ask", "typed_config": asking}},
            },
        ),
    }


def _is(result: str, value: str) -> dict[str, Any]:
    """Return the predicate that a shadow rule said this."""
    said = typed(
        "envoy.extensions.matching.common_inputs.network.v3.DynamicMetadataInput",
        filter=RBAC_NAMESPACE,
        path=[{"key": result}],
    )
    exactly = typed(
        "envoy.extensions.matching.input_matchers.metadata.v3.Metadata",
        value={"string_match": {"exact": value}},
    )
    return {
        "single_predicate": {
            "input": {"name": result, "typed_config": said},
            "custom_match": {"name": value, "typed_config": exactly},
        }
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


def _question() -> dict[str, Any]:
    """Return the configuration of the filter that asks the authorizer."""
    return typed(
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
    )


def _lua(code: str) -> dict[str, Any]:
    return typed("envoy.extensions.filters.http.lua.v3.Lua", default_source_code={"inline_string": code})


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
