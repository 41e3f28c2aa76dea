"""One gateway's side of the incremental discovery protocol, without a network."""

from __future__ import annotations

from datetime import timedelta

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from google.protobuf.any_pb2 import Any

from twoway.gateway.delta import Gateway, Published, published
from twoway.gateway.resources import TYPES
from twoway.gateway.resources.filters import ENDED
from twoway.gateway.resources.messages import CLUSTER, EXTENSION, LISTENER, ROUTES


def state(revision: int, **values: str) -> Published:
    """Make a state of clusters and routes (``a_cluster="1"``, ``b_routes="1"``), and what is ended."""
    snapshot: dict[str, dict[str, Any]] = {kind: {} for kind in TYPES}
    snapshot[EXTENSION][ENDED] = Any(value=values.pop("ended", "").encode())
    for key, value in values.items():
        name, _, kind = key.partition("_")
        snapshot[{"cluster": CLUSTER, "routes": ROUTES}[kind]][name] = Any(value=value.encode())
    return published(revision, snapshot)


def gateway(*kinds: str) -> Gateway:
    """A gateway that has asked for everything of these kinds."""
    made = Gateway("embedded", timedelta(seconds=60))
    for kind in kinds:
        made.hear(DeltaDiscoveryRequest(type_url=kind))
    return made


def sent(one: Gateway, wanted: Published) -> list[DeltaDiscoveryResponse]:
    """What is sent to bring a gateway to a state."""
    return list(one.owed(wanted))


def acknowledge(one: Gateway, *responses: DeltaDiscoveryResponse, refused: str = "") -> None:
    """Answer responses as Envoy does."""
    for response in responses:
        request = DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        if refused:
            request.error_detail.message = refused
        one.hear(request)


def names(responses: list[DeltaDiscoveryResponse]) -> list[str]:
    """The names of all resources, in their order."""
    return [resource.name for response in responses for resource in response.resources]


def test_everything_is_sent_once() -> None:
    """What a gateway holds is not sent again."""
    one, wanted = gateway(CLUSTER), state(1, a_cluster="1")
    assert ["a"] == names(sent(one, wanted))
    assert [] == sent(one, wanted)


def test_only_what_changed_is_sent() -> None:
    """Another version of one resource is all that travels."""
    one = gateway(CLUSTER)
    sent(one, state(1, a_cluster="1", b_cluster="1"))
    assert ["b"] == names(sent(one, state(2, a_cluster="1", b_cluster="2")))


def test_what_is_gone_is_removed() -> None:
    """A resource that is no more is named as removed."""
    one = gateway(CLUSTER)
    sent(one, state(1, a_cluster="1", b_cluster="1"))
    [response] = sent(one, state(2, a_cluster="1"))
    assert (["b"], []) == (list(response.removed_resources), list(response.resources))


def test_what_takes_rights_away_is_sent_first() -> None:
    """Ended certificates travel ahead of clusters and routes."""
    responses = sent(gateway(ROUTES, CLUSTER, EXTENSION), state(1, a_cluster="1", a_routes="1"))
    assert [EXTENSION, CLUSTER, ROUTES] == [response.type_url for response in responses]


def test_only_what_was_asked_for_is_sent() -> None:
    """A gateway that names resources gets these alone."""
    one = Gateway("embedded", timedelta(seconds=60))
    one.hear(DeltaDiscoveryRequest(type_url=ROUTES, resource_names_subscribe=["a"]))
    assert ["a"] == names(sent(one, state(1, a_routes="1", b_routes="1")))


def test_gateway_that_returns_gets_only_what_it_lacks() -> None:
    """What it says that it holds is not sent to it again."""
    wanted = state(1, a_cluster="1", b_cluster="1")
    one = Gateway("embedded", timedelta(seconds=60))
    held = {"a": wanted.versions[CLUSTER]["a"], "b": "older"}
    one.hear(DeltaDiscoveryRequest(type_url=CLUSTER, initial_resource_versions=held))
    assert ["b"] == names(sent(one, wanted))


def test_gateway_that_returns_forgets_what_is_gone() -> None:
    """What was removed while it was away is removed from it."""
    one = Gateway("embedded", timedelta(seconds=60))
    one.hear(DeltaDiscoveryRequest(type_url=CLUSTER, initial_resource_versions={"old": "1"}))
    assert ["old"] == list(sent(one, state(1, a_cluster="1"))[0].removed_resources)


def test_resource_asked_for_anew_is_sent_anew() -> None:
    """A gateway that has dropped a resource and wants it again gets it."""
    one, wanted = gateway(ROUTES), state(1, a_routes="1")
    sent(one, wanted)
    one.hear(DeltaDiscoveryRequest(type_url=ROUTES, resource_names_subscribe=["a"]))
    assert ["a"] == names(sent(one, wanted))


def test_unsubscribed_resource_is_not_sent() -> None:
    """Nobody is told of what it does not want any more."""
    one = Gateway("embedded", timedelta(seconds=60))
    one.hear(DeltaDiscoveryRequest(type_url=ROUTES, resource_names_subscribe=["a"]))
    one.hear(DeltaDiscoveryRequest(type_url=ROUTES, resource_names_unsubscribe=["a"]))
    assert [] == sent(one, state(1, a_routes="1"))


def test_state_counts_when_all_of_it_is_acknowledged() -> None:
    """Two resources of two kinds: the first acknowledgement alone is not enough."""
    one, wanted = gateway(EXTENSION, CLUSTER), state(7, a_cluster="1")
    extension, cluster = sent(one, wanted)
    acknowledge(one, extension)
    one.settle(wanted)
    before = one.acknowledged
    acknowledge(one, cluster)
    assert one.settle(wanted)
    assert (0, 7) == (before, one.acknowledged)


def test_state_does_not_count_before_its_resources_were_asked_for() -> None:
    """Routes that nobody has asked for yet are not in force."""
    one, wanted = gateway(EXTENSION, CLUSTER), state(7, a_cluster="1", a_routes="1")
    acknowledge(one, *sent(one, wanted))
    one.settle(wanted)
    assert 0 == one.acknowledged


def test_state_does_not_count_before_a_new_resource_was_asked_for() -> None:
    """A second host's routes are wanted only when its listener is there: until then it is not in force."""
    one = gateway(EXTENSION)
    one.hear(DeltaDiscoveryRequest(type_url=ROUTES, resource_names_subscribe=["a"]))
    wanted = state(7, a_routes="1", b_routes="1")
    acknowledge(one, *sent(one, wanted))
    one.settle(wanted)
    before = one.acknowledged
    one.hear(DeltaDiscoveryRequest(type_url=ROUTES, resource_names_subscribe=["b"]))
    acknowledge(one, *sent(one, wanted))
    one.settle(wanted)
    assert (0, 7) == (before, one.acknowledged)


def test_ended_certificates_count_on_their_own() -> None:
    """A revocation is in force when its own resource is acknowledged, whatever else is pending."""
    one = gateway(EXTENSION, CLUSTER)
    first = state(1, a_cluster="1")
    acknowledge(one, *sent(one, first))
    one.settle(first)
    second = state(2, a_cluster="2", ended="x")
    acknowledge(one, sent(one, second)[0])
    assert one.settle(second)
    assert (2, 1) == (one.ended, one.acknowledged)


def test_acknowledgement_of_an_older_response_counts_for_nothing() -> None:
    """Only the answer to the newest response of a kind settles it."""
    one = gateway(EXTENSION)
    first, second = state(1, ended="x"), state(2, ended="y")
    older = sent(one, first)
    newer = sent(one, second)
    acknowledge(one, *older)
    one.settle(second)
    before = one.ended
    acknowledge(one, *newer)
    one.settle(second)
    assert (0, 2) == (before, one.ended)


def test_refused_update_is_told_and_does_not_count() -> None:
    """A NACK names its words, and the revision is not in force."""
    one, wanted = gateway(EXTENSION, CLUSTER), state(1, a_cluster="1")
    extension, cluster = sent(one, wanted)
    acknowledge(one, extension)
    acknowledge(one, cluster, refused="bad value")
    one.settle(wanted)
    assert ({CLUSTER: "bad value"}, 0, 1) == (one.refused, one.acknowledged, one.ended)


def test_refused_routes_hold_no_revocation_back() -> None:
    """Beside a refused push the ended certificates are in force."""
    one = gateway(EXTENSION, ROUTES)
    wanted = state(3, a_routes="bad", ended="x")
    extension, routes = sent(one, wanted)
    acknowledge(one, routes, refused="no")
    acknowledge(one, extension)
    one.settle(wanted)
    assert (3, 0) == (one.ended, one.acknowledged)


def test_refused_resource_is_not_forgotten_when_another_is_taken() -> None:
    """Another resource of the same kind that is acknowledged does not put the refused one in force."""
    one = gateway(EXTENSION, ROUTES)
    acknowledge(one, *sent(one, state(1, a_routes="1", b_routes="1")))
    acknowledge(one, *sent(one, state(2, a_routes="bad", b_routes="1")), refused="no")
    third = state(3, a_routes="bad", b_routes="3")
    acknowledge(one, *sent(one, third))
    one.settle(third)
    assert ({ROUTES: "no"}, 0) == (one.refused, one.acknowledged)


def test_refused_resource_counts_again_when_it_was_mended() -> None:
    """Another version that is acknowledged ends the alarm."""
    one = gateway(EXTENSION, ROUTES)
    acknowledge(one, *sent(one, state(1, a_routes="1")))
    acknowledge(one, *sent(one, state(2, a_routes="bad")), refused="no")
    mended = state(3, a_routes="3")
    acknowledge(one, *sent(one, mended))
    one.settle(mended)
    assert ({}, 3) == (one.refused, one.acknowledged)


def test_refused_resource_that_is_removed_ends_the_alarm() -> None:
    """What is no more need not be taken."""
    one = gateway(EXTENSION, ROUTES)
    acknowledge(one, *sent(one, state(1, a_routes="1", b_routes="1")))
    acknowledge(one, *sent(one, state(2, a_routes="bad", b_routes="1")), refused="no")
    third = state(3, b_routes="1")
    acknowledge(one, *sent(one, third))
    one.settle(third)
    assert ({}, 3) == (one.refused, one.acknowledged)


def test_refusal_of_an_older_response_is_told_too() -> None:
    """Two responses are under way, and the first is refused after the second was sent."""
    one = gateway(EXTENSION, ROUTES)
    acknowledge(one, *sent(one, state(1, a_routes="1", b_routes="1")))
    older = sent(one, state(2, a_routes="bad", b_routes="1"))
    third = state(3, a_routes="bad", b_routes="3")
    newer = sent(one, third)
    acknowledge(one, *older, refused="no")
    acknowledge(one, *newer)
    one.settle(third)
    assert ({ROUTES: "no"}, 0) == (one.refused, one.acknowledged)


def test_lease_is_a_time_to_live() -> None:
    """What says who has lost its rights ends by itself, and nobody is known then; nothing else ends."""
    responses = sent(gateway(EXTENSION, CLUSTER), state(1, a_cluster="1"))
    resources = [resource for response in responses for resource in response.resources]
    assert {ENDED: 60, "a": 0} == {one.name: one.ttl.seconds for one in resources}


def test_renewal_brings_the_lease_as_a_whole() -> None:
    """A gateway whose lease has run out meanwhile has it again, which a bare heartbeat would not do."""
    one, wanted = gateway(EXTENSION), state(1, ended="x")
    sent(one, wanted)
    one.renew()
    [response] = sent(one, wanted)
    [resource] = response.resources
    assert (ENDED, 60, b"x") == (resource.name, resource.ttl.seconds, resource.resource.value)


def test_renewal_is_for_those_that_asked() -> None:
    """Who has not asked for the lease yet gets it when it does."""
    one = gateway(LISTENER)
    one.renew()
    assert [] == sent(one, state(1))


def test_renewal_that_is_not_answered_yet_takes_nothing_back() -> None:
    """What was in force stays so while a lease is being renewed."""
    one, wanted = gateway(EXTENSION), state(4)
    acknowledge(one, *sent(one, wanted))
    one.settle(wanted)
    one.renew()
    sent(one, wanted)
    assert not one.settle(wanted)
    assert (4, 4) == (one.acknowledged, one.ended)


def test_lease_of_a_gateway_that_returns_begins_anew() -> None:
    """It brings a lease that is partly used up: the first thing it gets is a whole one."""
    wanted = state(1)
    one = Gateway("embedded", timedelta(seconds=60))
    one.hear(DeltaDiscoveryRequest(type_url=EXTENSION, initial_resource_versions=wanted.versions[EXTENSION]))
    assert [ENDED] == names(sent(one, wanted))


def test_refused_resource_keeps_no_other_from_the_gateway() -> None:
    """Each is a response of its own, so that a refusal is of one alone."""
    responses = sent(gateway(CLUSTER), state(1, bad_cluster="1", good_cluster="1"))
    assert [["bad"], ["good"]] == [[each.name for each in response.resources] for response in responses]
