"""The realm's view as a gateway's desired state: who is known where, what has ended, what strict hosts trust."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.gateway.views import AT, IDENTITIES, LISTEN, ended, fingerprint, leaf, service, view
from twoway.gateway.compose import SETTLED, Anchor, _fitting, desired, ended_somewhere, next_change
from twoway.gateway.desired import Desired
from twoway.realm.gateways import GatewayView
from twoway.x509.names import CA_NAMES_OCTETS

SERVICES = frozenset({1})


def anchor(number: int, octets: int, issuer: bytes = b"") -> Anchor:
    """An anchor whose name takes this much of a certificate request."""
    return Anchor(b"%d" % number, number.to_bytes(octets - 2), SERVICES, issuer)


def test_what_does_not_fit_leaves_the_others_in() -> None:
    """The youngest is left out, not everybody."""
    half = CA_NAMES_OCTETS // 2
    first, second, third, small = anchor(1, half), anchor(2, half - 10), anchor(3, half), anchor(4, 10)
    assert (first, second, small) == _fitting([first, second, third, small], ())


def test_names_that_a_service_configures_come_first() -> None:
    """They were counted when they were configured."""
    assert () == _fitting([anchor(1, 100)], [b"x" * (CA_NAMES_OCTETS - 2 - 99)])


def test_name_takes_room_once() -> None:
    """Two pinned certificates of one issuer name it once."""
    issuer = b"x" * (CA_NAMES_OCTETS - 2 - 20)
    both = (anchor(1, 10, issuer), anchor(2, 10, issuer))
    assert both == _fitting(both, ())


def made(seen: GatewayView, **options: Any) -> Desired:
    """The desired state of a view."""
    return desired(seen, IDENTITIES, LISTEN, at=AT, **options)


def allowed(seen: GatewayView) -> dict[str, list[tuple[str, str]]]:
    """The clients and fingerprints that each service knows."""
    return {
        one.name: [(entry.client, entry.sha256) for entry in one.allowed]
        for host in made(seen).hosts
        for one in host.services
    }


def test_realm_without_services_has_no_hosts() -> None:
    """Nothing listens for nothing."""
    assert () == made(view()).hosts


def test_services_of_one_host_stand_together() -> None:
    """A host is one certificate and one way to shake hands."""
    seen = view(
        service(1, host="a.example.com"), service(2, host="b.example.com"), service(3, host="a.example.com")
    )
    assert [("a.example.com", ["service-1", "service-3"]), ("b.example.com", ["service-2"])] == [
        (host.name, [one.name for one in host.services]) for host in made(seen).hosts
    ]


def test_host_shows_its_own_certificate() -> None:
    """Each host has an entry in the vault."""
    seen = view(service(1), service(2, host="b.example.com", vault_entry_id=2))
    assert [b"chain", b"other"] == [host.identity.chain for host in made(seen).hosts]


def test_certificate_is_known_where_its_client_may_call() -> None:
    """Permissions are a service's, not a host's."""
    seen = view(service(1), service(2), permissions={1: frozenset({2})}, leaves=[leaf("a", 1)])
    assert {"service-1": [], "service-2": [("client-1", fingerprint("a"))]} == allowed(seen)


def test_several_certificates_of_a_client_are_known() -> None:
    """That is how one is replaced without a gap; a learned one counts as well."""
    seen = view(
        service(1),
        permissions={1: frozenset({1})},
        leaves=[leaf("old", 1), leaf("new", 1)],
        learned=[leaf("learned", 1)],
    )
    assert {fingerprint(name) for name in ("old", "new", "learned")} == {
        sha256 for _, sha256 in allowed(seen)["service-1"]
    }


def test_client_without_permissions_is_unknown() -> None:
    """A suspended client has none in the view."""
    assert {"service-1": []} == allowed(view(service(1), leaves=[leaf("a", 1)]))


@pytest.mark.parametrize(
    ("begins", "ends", "known"),
    [
        (-10, 10, True),
        (0, 10, True),
        (-10, 0, False),
        (1, 10, False),
        (-10, -1, False),
    ],
)
def test_certificate_is_known_while_it_is_valid(begins: int, ends: int, known: bool) -> None:
    """From the second in which it begins, up to the second in which it ends."""
    one = leaf("a", 1, begins=timedelta(seconds=begins), ends=timedelta(seconds=ends))
    seen = view(service(1), permissions={1: frozenset({1})}, leaves=[one])
    assert known == bool(allowed(seen)["service-1"])


def test_next_change_is_when_a_certificate_begins_or_ends() -> None:
    """The first moment to come at which another state would be made."""
    hour = timedelta(hours=1)
    seen = view(
        leaves=[leaf("a", 1, ends=3 * hour), leaf("b", 1, begins=2 * hour)],
        learned=[leaf("c", 1, ends=4 * hour)],
    )
    assert [AT + 2 * hour, AT + 3 * hour, AT + 4 * hour] == [
        next_change(seen, AT + n * hour) for n in (1, 2, 3)
    ]


def test_nothing_to_come_changes_nothing() -> None:
    """A realm without certificates stands still."""
    assert next_change(view(), AT) is None


def test_certificate_that_lost_everything_has_ended() -> None:
    """It is told to gateways ahead of the maps."""
    assert frozenset({fingerprint("a")}) == made(view(ended=(ended("a"),))).ended


def test_certificate_that_lost_one_service_has_ended_until_no_map_has_it() -> None:
    """It is asked about meanwhile, also where it still may call; then the service's map has taken it out."""
    lost = [ended("a", service_id=1, ago=SETTLED)]
    assert frozenset({fingerprint("a")}) == ended_somewhere(lost, AT, 4)
    assert frozenset() == ended_somewhere(lost, AT, 5)


@pytest.mark.parametrize(
    ("ago", "acknowledged", "told"),
    [
        (timedelta(seconds=5), 5, True),
        (SETTLED, 5, False),
        (timedelta(days=60), 4, True),
    ],
)
def test_ended_certificate_is_told_while_a_gateway_may_hold_it(
    ago: timedelta, acknowledged: int, told: bool
) -> None:
    """A moment longer than until all have maps without it; until it ends by itself while one has not."""
    assert told == bool(ended_somewhere([ended("a", ago=ago)], AT, acknowledged))


def test_expired_certificate_need_not_be_ended() -> None:
    """No map holds it any more."""
    assert frozenset() == ended_somewhere([ended("a")], AT + timedelta(days=91))


def test_strict_host_trusts_what_its_services_do() -> None:
    """An anchor of another service's clients is not trusted there."""
    seen = view(service(1, host="a.example.com", handshake="strict"), service(2, handshake="strict"))
    ours, theirs = (
        Anchor(name, name, frozenset({number})) for number, name in ((1, b"ours"), (2, b"theirs"))
    )
    hosts = made(seen, anchors=(ours, theirs)).hosts
    assert [(b"ours",), (b"theirs",)] == [host.trusted for host in hosts]


def test_host_that_explains_trusts_nothing() -> None:
    """Trust is decided per request: what a handshake trusts, it also names."""
    [host] = made(view(service(1)), anchors=(Anchor(b"a", b"a", frozenset({1})),)).hosts
    assert ((), (), False) == (host.trusted, host.ca_names, host.strict)
