"""The maps that let known certificates pass, as Envoy's matchers: one look-up, however many there are. Pure.

Messages are built directly: made from dictionaries, a hundred thousand entries cost three times as much.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cel.expr import syntax_pb2
from envoy.config.rbac.v3 import rbac_pb2 as rbac_config
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2 as rbac_filter
from envoy.extensions.matching.common_inputs.network.v3 import network_inputs_pb2
from xds.core.v3 import extension_pb2
from xds.type.matcher.v3 import cel_pb2, http_inputs_pb2, matcher_pb2
from xds.type.v3 import cel_pb2 as cel_expression

from twoway.gateway.desired import Allowed

FINGERPRINT = "twoway.fingerprint"
RBAC_NAMESPACE = "envoy.filters.http.rbac"
KNOWN_PREFIX = "twoway_"
KNOWN_RESULT = f"{KNOWN_PREFIX}shadow_engine_result"
KNOWN_CLIENT = f"{KNOWN_PREFIX}shadow_effective_policy_id"

ENDED_PREFIX = "twoway_ended_"
ENDED_RESULT = f"{ENDED_PREFIX}shadow_engine_result"

# Name of the policy of everyone who is not known; no client can have it as its name.
UNKNOWN_POLICY = "deny"


def known_clients(
    allowed: Iterable[Allowed], at: datetime, carries_its_end: timedelta
) -> rbac_filter.RBACPerRoute:
    """Return the filter configuration of a route on which exactly these certificates are known.

    Args:
        allowed: the certificates; the policy that one matches is named after its client.
        at: now, UTC.
        carries_its_end: an entry that ends within this time carries its own end.
    """
    rbac = rbac_filter.RBAC(shadow_rules_stat_prefix=KNOWN_PREFIX)
    tree = rbac.shadow_matcher.matcher_tree
    tree.input.CopyFrom(_fingerprint())
    entries = tree.exact_match_map.map
    for entry in allowed:
        if entry.not_after <= at:
            continue
        action = _action(entry.client, rbac_config.RBAC.ALLOW)
        if entry.not_after - at > carries_its_end:
            entries[entry.sha256].action.CopyFrom(action)
        else:
            entries[entry.sha256].matcher.CopyFrom(_until(entry.not_after, action))
    if not entries:  # Envoy takes no empty map; no certificate has this fingerprint
        entries["none"].action.CopyFrom(_action(UNKNOWN_POLICY, rbac_config.RBAC.DENY))
    rbac.shadow_matcher.on_no_match.action.CopyFrom(_action(UNKNOWN_POLICY, rbac_config.RBAC.DENY))
    return rbac_filter.RBACPerRoute(rbac=rbac)


def ended_certificates(ended: Iterable[str]) -> rbac_filter.RBAC:
    """Return the filter that knows which certificates lost their rights, whatever the maps still say.

    It is a small resource with no text of anybody's in it, so that it is quick to push and cannot be refused
    because of something else that was pushed beside it.

    Args:
        ended: fingerprints, 64 lower-case hex digits.
    """
    rbac = rbac_filter.RBAC(shadow_rules_stat_prefix=ENDED_PREFIX)
    fingerprints = sorted(ended)
    if not fingerprints:
        return rbac
    tree = rbac.shadow_matcher.matcher_tree
    tree.input.CopyFrom(_fingerprint())
    entries = tree.exact_match_map.map
    deny = _action("ended", rbac_config.RBAC.DENY)
    for sha256 in fingerprints:
        entries[sha256].action.CopyFrom(deny)
    rbac.shadow_matcher.on_no_match.action.CopyFrom(_action("others", rbac_config.RBAC.ALLOW))
    return rbac


def _fingerprint() -> extension_pb2.TypedExtensionConfig:
    config = extension_pb2.TypedExtensionConfig(name="fingerprint")
    config.typed_config.Pack(network_inputs_pb2.FilterStateInput(key=FINGERPRINT))
    return config


def _action(name: str, what: rbac_config.RBAC.Action) -> extension_pb2.TypedExtensionConfig:
    config = extension_pb2.TypedExtensionConfig(name="action")
    config.typed_config.Pack(rbac_config.Action(name=name, action=what))
    return config


def _until(end: datetime, action: extension_pb2.TypedExtensionConfig) -> matcher_pb2.Matcher:
    """Return a matcher that takes the action while ``request.time < timestamp(end)``."""
    matcher = matcher_pb2.Matcher()
    field = matcher.matcher_list.matchers.add()
    single = field.predicate.single_predicate
    single.input.name = "attributes"
    single.input.typed_config.Pack(http_inputs_pb2.HttpAttributesCelMatchInput())
    single.custom_match.name = "until"
    single.custom_match.typed_config.Pack(
        cel_pb2.CelMatcher(expr_match=cel_expression.CelExpression(cel_expr_parsed=_before(end)))
    )
    field.on_match.action.CopyFrom(action)
    matcher.on_no_match.action.CopyFrom(_action(UNKNOWN_POLICY, rbac_config.RBAC.DENY))
    return matcher


def _before(end: datetime) -> syntax_pb2.ParsedExpr:
    expr = syntax_pb2.Expr(id=1)
    expr.call_expr.function = "_<_"
    left, right = expr.call_expr.args.add(id=2), expr.call_expr.args.add(id=3)
    left.select_expr.operand.id = 4
    left.select_expr.operand.ident_expr.name = "request"
    left.select_expr.field = "time"
    right.call_expr.function = "timestamp"
    right.call_expr.args.add(id=5).const_expr.string_value = _rfc3339(end)
    return syntax_pb2.ParsedExpr(expr=expr)


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
