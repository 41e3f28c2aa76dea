"""Partners' CAs beside each other: whose a certificate is must be one client's, and a lost CA key opens nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.refusing import Caller, Gate, der
from tests.parts import material
from tests.parts.credentials import Pem
from tests.parts.material import CLIENT, Holder
from tests.parts.served import ACTOR, served
from tests.parts.upstream import upstream
from twoway.realm import bindings, clients
from twoway.realm.records import BindingRecord

OVERLAP = ("partner-rules-overlap",)


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A service, and a client that may call it."""
    with upstream() as api, served(tmp_path_factory.mktemp("partners")) as realm:
        realm.service("orders", api.url, path="/orders", send=("x-client-id",))
        realm.client("globex", "orders")
        _, right = realm.issue("globex")
        realm.settled()
        yield Gate(realm, api, right)


def accept(gate: Gate, client: str, ca: Holder, rule: str) -> BindingRecord:
    """Accept a CA for a client, even where another client's names fit."""
    with gate.realm.changing(ACTOR) as change:
        return bindings.accept_authority(change, client, der(ca), rule=rule, despite=OVERLAP).binding


def of_both(ca: Holder) -> Holder:
    """A certificate with a name of each of two clients."""
    return material.issue("both", by=ca, names=["a.one.com", "a.two.com"], usage=[CLIENT])


def test_certificate_of_two_clients_is_nobodys(gate: Gate) -> None:
    """The first client's own one, that gateways know already, is none from the moment on that it is the other's too."""
    ca = material.root("Shared CA")
    first, second = gate.client("orders"), gate.client("orders")
    accept(gate, first, ca, "DNS:*.one.com")
    gate.served.settled()
    caller, right = gate.pem(of_both(ca)), gate.pem(material.client(ca, "b.one.com"))
    assert [200, 200] == [answer.status for answer in gate.both(caller, "/orders/1")]
    accept(gate, second, ca, "DNS:*.two.com")
    gate.refuses(Caller(caller, "client-ambiguous", right=right))


@pytest.mark.parametrize("newest", [True, False])
def test_suspended_client_does_not_come_in_as_another(gate: Gate, newest: bool) -> None:
    """Its certificate fits a client that is not suspended, whichever was accepted first."""
    ca = material.root("Shared CA")
    suspended, other = gate.client("orders"), gate.client("orders")
    rules = [(suspended, "DNS:*.one.com"), (other, "DNS:a.one.com")]
    for client, rule in rules if newest else rules[::-1]:
        accept(gate, client, ca, rule)
    with gate.realm.changing(ACTOR) as change:
        clients.suspend(change, suspended)
    gate.refuses(Caller(gate.pem(material.client(ca, "a.one.com")), "client-ambiguous"))


def test_pin_says_whose_a_certificate_of_two_clients_is(gate: Gate) -> None:
    """That is the way out where the rules have to stay."""
    ca = material.root("Shared CA")
    first, second = gate.client("orders"), gate.client("orders")
    accept(gate, first, ca, "DNS:*.one.com")
    accept(gate, second, ca, "DNS:*.two.com")
    holder = of_both(ca)
    with gate.realm.changing(ACTOR) as change:
        bindings.accept_certificate(change, second, der(holder))
    gate.served.settled()
    with gate.reaching() as reached:
        assert 200 == gate.call(gate.pem(holder)).status
    assert [second] == [value for request in reached for value in request.values("x-client-id")]


def test_lost_authority_opens_nothing_under_anothers_root(gate: Gate) -> None:
    """Two clients, one by the root and one by an intermediate: the intermediate's key is lost, and known before."""
    root = material.root("Group Root")
    lost = material.issue("Lost CA", by=root, ca=True)
    good = material.issue("Good CA", by=root, ca=True)
    above, below = gate.client("orders"), gate.client("orders")
    accept(gate, above, root, "DNS:*.one.com")
    own = accept(gate, below, lost, "DNS:*.two.com")
    gate.served.settled()
    caller: Pem = gate.pem(material.client(lost, "a.one.com"))
    assert 200 == gate.call(caller).status
    with gate.realm.changing(ACTOR) as change:
        bindings.revoke(change, below, own.id, reason="cACompromise")
    right = gate.pem(material.client(good, "a.one.com"))
    gate.refuses(Caller(caller, "key-revoked", above, right=right))
