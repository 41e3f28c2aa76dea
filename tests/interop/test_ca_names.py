"""The CAs that a handshake names: none, unless a service says so, and then those clients filter that do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.interop.partners import Partners, twoway
from tests.interop.told import assert_told
from tests.interop.visitors import CHROMIUM, CURL, GO, JAVA, NODE, Trust, Visitor
from tests.parts import go_client
from tests.parts.credentials import Pem
from tests.parts.served import ACTOR, Served
from twoway.errors import ValueRefused
from twoway.realm import services

FILTERING = (JAVA, GO, CHROMIUM)
ALL = (CURL, JAVA, NODE, GO, CHROMIUM)


@pytest.fixture(scope="module")
def naming(gateway: Served, explaining: str, partners: Partners) -> Iterator[str]:
    """Where umbrella's CA is named, and no other."""
    twoway(gateway, "service", "edit", "orders", "--ca-name", gateway.files / "umbrella-root.pem")
    gateway.settled()
    yield explaining
    twoway(gateway, "service", "edit", "orders", "--ca-name", "none")
    gateway.settled()


@pytest.mark.parametrize("visitor", FILTERING, ids=str)
def test_client_of_a_ca_that_is_not_named_sends_nothing(
    visitor: Visitor, naming: str, partners: Partners, trust: Trust
) -> None:
    """It is told that no certificate came, though it has one that would be known."""
    seen = visitor.visit(naming, trust, partners.credential("issued", visitor.form).files)
    assert "certificate-missing" == seen.page["code"]


@pytest.mark.parametrize("visitor", ALL, ids=str)
def test_client_of_the_named_ca_is_answered(
    visitor: Visitor, naming: str, partners: Partners, trust: Trust
) -> None:
    """The browser, too, sends its intermediate now."""
    credential = partners.credential("partner-ca", visitor.form)
    assert_told(visitor.visit(naming, trust, credential.files), credential, credential.certificates[1:])


@pytest.mark.parametrize("visitor", [CURL, NODE], ids=str)
def test_client_that_does_not_filter_is_answered_all_the_same(
    visitor: Visitor, naming: str, partners: Partners, trust: Trust
) -> None:
    """The names are for the choice that a client makes, and decide nothing."""
    credential = partners.credential("issued", visitor.form)
    assert_told(visitor.visit(naming, trust, credential.files), credential, credential.certificates[1:])


def test_go_reports_the_name(naming: str, partners: Partners, trust: Trust) -> None:
    """What is configured is what is sent."""
    files = partners.credential("issued", "pem").files
    assert isinstance(files, Pem)
    answer = go_client.get(naming, ca=trust.ca, identity=files)
    assert (("CN=umbrella Root",), False) == (answer.acceptable_cas, answer.sent)


def test_strict_host_names_what_is_configured_beside_what_it_trusts(
    gateway: Served, strict: str, partners: Partners, trust: Trust
) -> None:
    """The same CA may be both, and is trusted all the same."""
    umbrella = gateway.files / "umbrella-root.pem"
    twoway(gateway, "service", "edit", "vault", "--ca-name", umbrella, "--ca-name", "CN=Elsewhere")
    gateway.settled()
    credential = partners.credential("partner-ca", "pem")
    assert isinstance(credential.files, Pem)
    answer = go_client.get(strict, ca=trust.ca, identity=credential.files)
    twoway(gateway, "service", "edit", "vault", "--ca-name", "none")
    gateway.settled()
    assert (200, True) == (answer.status, answer.sent)
    assert {"CN=Elsewhere", "CN=umbrella Root", "CN=hooli"} <= set(answer.acceptable_cas)


def test_too_many_names_are_refused_with_their_size(gateway: Served) -> None:
    """At twice the limit every handshake would fail, for everybody, and nothing would say why."""
    names = tuple(f"CN=CA {number:04} {'x' * 50}" for number in range(500))
    with pytest.raises(ValueRefused, match="more than 32"), gateway.realm.changing(ACTOR) as change:
        services.edit(change, "orders", ca_names=names)


@pytest.fixture(scope="module")
def crowded(gateway: Served, explaining: str, partners: Partners) -> Iterator[str]:
    """Where as many CAs are named as may be, umbrella's last."""
    umbrella = partners.umbrella.certificates[-1].subject.public_bytes()
    names = [f"CN=CA {number:04} {'x' * 50}" for number in range(500)]
    while True:
        try:
            with gateway.realm.changing(ACTOR) as change:
                services.edit(change, "orders", ca_names=(*names, umbrella))
        except ValueRefused:
            names.pop()
        else:
            break
    gateway.settled()
    yield explaining
    with gateway.realm.changing(ACTOR) as change:
        services.edit(change, "orders", ca_names=())
    gateway.settled()


@pytest.mark.parametrize("visitor", ALL, ids=str)
def test_as_many_names_as_are_taken_can_be_read(
    visitor: Visitor, crowded: str, partners: Partners, trust: Trust
) -> None:
    """No client's own limit for a handshake message is below ours: Java's is 32 kB."""
    credential = partners.credential("partner-ca", visitor.form)
    assert_told(visitor.visit(crowded, trust, credential.files), credential, credential.certificates[1:])
