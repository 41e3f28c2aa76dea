"""The desired state as Envoy's resources: what each map holds, and that it is the same wherever it is made."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from envoy.config.route.v3.route_components_pb2 import FilterConfig
from envoy.config.route.v3.route_pb2 import RouteConfiguration
from envoy.extensions.filters.http.rbac.v3 import rbac_pb2
from google.protobuf import any_pb2

from tests.gateway.views import AT, IDENTITIES, LISTEN, ended, fingerprint, leaf, service, view
from twoway.gateway.compose import desired
from twoway.gateway.delta import published
from twoway.gateway.desired import LEASE
from twoway.gateway.resources import snapshot
from twoway.gateway.resources.filters import ASK, CLIENT_CERT, DECIDING, ENDED, KNOWN, http_filters
from twoway.gateway.resources.matchers import ENDED_PREFIX, ENDED_RESULT, KNOWN_RESULT, RBAC_NAMESPACE
from twoway.gateway.resources.messages import EXTENSION, LISTENER, ROUTES
from twoway.realm.gateways import Leaf


def known(*leaves: Leaf, lease: timedelta = LEASE) -> Any:
    """The entries of the map of a service that client 1 may call."""
    seen = view(service(1), permissions={1: frozenset({1})}, leaves=list(leaves))
    made = snapshot(desired(seen, IDENTITIES, LISTEN, at=AT, lease=lease))
    return entries(made[ROUTES]["routes:*"])


def entries(resource: any_pb2.Any) -> Any:
    """The entries of the only map of a host's routes."""
    routes = RouteConfiguration()
    resource.Unpack(routes)
    [packed] = [
        route.typed_per_filter_config[KNOWN]
        for route in routes.virtual_hosts[0].routes
        if route.name.startswith("known:")
    ]
    per_route = rbac_pb2.RBACPerRoute()
    packed.Unpack(per_route)
    return per_route.rbac.shadow_matcher.matcher_tree.exact_match_map.map


def test_known_certificate_names_its_client() -> None:
    """The name of the entry's action is the client's."""
    entry = known(leaf("a", 1))[fingerprint("a")]
    assert b"client-1" in entry.action.typed_config.value


@pytest.mark.parametrize("lease", [timedelta(seconds=3), timedelta(hours=24), timedelta(days=7)])
def test_entry_that_ends_within_the_lease_carries_its_end(lease: timedelta) -> None:
    """Nobody may be there to take it out: not within the lease, nor in the hours before it was last renewed."""
    soon, later = (
        leaf("soon", 1, ends=lease + timedelta(hours=2)),
        leaf("later", 1, ends=lease * 3 + timedelta(3)),
    )
    found = known(soon, later, lease=lease)
    assert ["matcher", "action"] == [
        found[fingerprint(name)].WhichOneof("on_match") for name in ("soon", "later")
    ]


def test_map_without_certificates_knows_nobody() -> None:
    """Envoy takes no empty map; what stands in it is no fingerprint."""
    assert ["none"] == list(known())


@pytest.mark.parametrize("name", ["-", "lease-over"])
def test_what_stands_for_no_certificate_is_never_known(name: str) -> None:
    """Envoy's placeholder, and what takes the fingerprint's place when the lease is over."""
    assert name not in known(leaf("a", 1))


def test_realm_without_services_has_no_resources() -> None:
    """There is nothing to listen for."""
    made = snapshot(desired(view(), IDENTITIES, LISTEN, at=AT))
    assert [] == [name for resources in made.values() for name in resources]


def test_ended_certificates_are_a_resource_of_their_own() -> None:
    """A revocation changes it and the service's routes, and nothing else."""
    seen = view(service(1), permissions={1: frozenset({1})}, leaves=[leaf("a", 1)])
    after = view(service(1), permissions={1: frozenset({1})}, ended=(ended("a"),))
    first, second = (
        published(1, snapshot(desired(one, IDENTITIES, LISTEN, at=AT))).versions for one in (seen, after)
    )
    changed = {
        name for kind, versions in second.items() for name, to in versions.items() if first[kind][name] != to
    }
    assert {ENDED, "routes:*"} == changed


def test_listener_stays_as_it_is_whatever_becomes_of_clients() -> None:
    """Another listener would drain its connections."""
    seen = view(service(1), permissions={1: frozenset({1})}, leaves=[leaf("a", 1)], revision=8)
    first, second = (
        published(1, snapshot(desired(one, IDENTITIES, LISTEN, at=AT))).versions
        for one in (view(service(1)), seen)
    )
    assert first[LISTENER] == second[LISTENER]


def chosen(said: dict[str, str | None]) -> str:
    """What the filter that asks does after the shadow rules said this; None is nothing at all."""
    matcher = asking()["xds_matcher"]
    for one in matcher["matcher_list"]["matchers"]:
        if holds(one["predicate"], said):
            return str(one["on_match"]["action"]["name"])
    return str(matcher["on_no_match"]["action"]["name"])


def holds(predicate: dict[str, Any], said: dict[str, str | None]) -> bool:
    """Whether a predicate is true, as Envoy has it: what nobody said equals nothing."""
    [(kind, value)] = predicate.items()
    match kind:
        case "and_matcher":
            return all(holds(one, said) for one in value["predicate"])
        case "not_matcher":
            return not holds(value, said)
        case _:
            source = value["input"]["typed_config"]
            assert RBAC_NAMESPACE == source["filter"]
            [step] = source["path"]
            wanted = value["custom_match"]["typed_config"]["value"]["string_match"]["exact"]
            return bool(wanted == said[step["key"]])


def asking() -> dict[str, Any]:
    """The configuration of the filter that asks."""
    [found] = [one["typed_config"] for one in http_filters() if one["name"] == ASK]
    return dict(found)


# What the shadow rules may say, and what they never would.
SAID = (None, "allowed", "denied", "", "ALLOWED", "allowed ", "true", "none")


@pytest.mark.parametrize("ended", SAID)
@pytest.mark.parametrize("known", SAID)
def test_everybody_is_asked_about_but_the_known_who_lost_nothing(
    known: str | None, ended: str | None
) -> None:
    """Where nothing is said of a certificate, or anything odd, it is asked about."""
    passes = known == "allowed" and ended != "denied"
    assert ("skip" if passes else "ask") == chosen({KNOWN_RESULT: known, ENDED_RESULT: ended})


def test_matcher_has_an_action_for_what_does_not_match() -> None:
    """Without one Envoy makes no filter at all, and everybody passes; it was tried."""
    matcher = asking()["xds_matcher"]
    [only] = matcher["matcher_list"]["matchers"]
    assert "SkipFilter" in only["on_match"]["action"]["typed_config"]["@type"]
    assert "ExecuteFilterAction" in matcher["on_no_match"]["action"]["typed_config"]["@type"]
    assert {"predicate", "on_match"} == only.keys()


def test_question_fails_closed() -> None:
    """Every request that is asked about waits for a yes, and nothing but the decision's needs is told."""
    action = asking()["xds_matcher"]["on_no_match"]["action"]["typed_config"]
    *_, question = action["filter_chain"]["typed_config"]
    assert {"@type", "filter_chain"} == action.keys()
    assert {
        "@type",
        "transport_api_version",
        "grpc_service",
        "include_peer_certificate",
        "failure_mode_allow",
        "status_on_error",
        "allowed_headers",
    } == question["typed_config"].keys()
    assert question["typed_config"]["failure_mode_allow"] is False


def test_what_takes_away_and_what_knows_come_before_what_asks() -> None:
    """And all of them before anything goes upstream."""
    assert [ENDED, KNOWN, ASK, CLIENT_CERT, "envoy.filters.http.router"] == [
        one["name"] for one in http_filters()
    ]
    assert [] == [one["name"] for one in http_filters() if one.get("disabled") and one["name"] != CLIENT_CERT]


def test_rule_of_a_lease_that_is_over_takes_everybodys_right() -> None:
    """Shadow rules that allow, with nobody in them: Envoy says that everyone is denied."""
    [found] = [one["config_discovery"] for one in http_filters() if one["name"] == ENDED]
    default = found["default_config"]
    assert ({"action": "ALLOW"}, ENDED_PREFIX) == (
        default["shadow_rules"],
        default["shadow_rules_stat_prefix"],
    )
    assert "apply_default_config_without_warming" not in found


@pytest.mark.parametrize("mode", ["required", "optional", "off"])
@pytest.mark.parametrize("path", ["/", "/a"])
def test_route_to_an_upstream_decides_or_is_open(mode: str, path: str) -> None:
    """It has a map and a question, or it is one that callers without a certificate may take."""
    seen = view(
        service(1, path=path, client_certificate=mode),
        service(2, path="/a/b"),
        permissions={1: frozenset({1})},
        leaves=[leaf("a", 1)],
    )
    routes = RouteConfiguration()
    snapshot(desired(seen, IDENTITIES, LISTEN, at=AT))[ROUTES]["routes:*"].Unpack(routes)
    assert [] == [one for host in routes.virtual_hosts for one in host.typed_per_filter_config]
    for route in (one for host in routes.virtual_hosts for one in host.routes):
        off = {name for name, config in route.typed_per_filter_config.items() if disables(config)}
        if route.name.startswith("known:"):
            assert ({KNOWN, ASK} <= route.typed_per_filter_config.keys(), set()) == (True, off)
        else:
            assert set(DECIDING) == off
        if route.HasField("route") and off:
            presented = route.match.tls_context
            anonymous = presented.HasField("presented") and not presented.presented.value
            assert mode == "off" or (mode == "optional" and anonymous)


def disables(config: any_pb2.Any) -> bool:
    """Whether a route switches the filter off."""
    held = FilterConfig()
    return bool(config.Unpack(held) and held.disabled)


MAKE = "from tests.gateway.test_resources import everything; print(everything())"


def everything() -> dict[str, dict[str, str]]:
    """The versions of all resources of a realm with much in it."""
    names = [f"certificate-{n}" for n in range(100)]
    seen = view(
        service(1, send="x-client-id,client-cert,x-forwarded-client-cert"),
        service(2, host="b.example.com", vault_entry_id=2, client_certificate="optional"),
        service(3, host="b.example.com", vault_entry_id=2, client_certificate="off", refusals="explained"),
        permissions={1: frozenset({1, 2})},
        leaves=[leaf(name, 1, ends=timedelta(days=1 + n)) for n, name in enumerate(names)],
        ended=tuple(ended(name) for name in names),
    )
    versions = dict(published(1, snapshot(desired(seen, IDENTITIES, LISTEN, at=AT))).versions)
    # The listener's are not the same bytes: Envoy itself sees that it is the same listener.
    del versions[LISTENER]
    assert versions[EXTENSION]
    return versions


def test_every_process_makes_the_same_bytes() -> None:
    """A gateway that is adopted is not sent the maps that it has already."""
    root = Path(__file__).parents[2]
    made = [
        subprocess.run(
            [sys.executable, "-c", MAKE],
            env={**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(root)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in (1, 2)
    ]
    assert made[0] == made[1]
