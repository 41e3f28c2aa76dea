"""The authorizer without its socket: what it answers, what it remembers, and what it lets gateways know."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse

from tests.parts import material
from tests.parts.material import Holder
from twoway.gateway import authorizer
from twoway.gateway.authorizer import Authorizer
from twoway.gateway.journal import Aggregator
from twoway.gateway.writing import Writer
from twoway.realm import bindings, clients, services
from twoway.realm.database import FILE
from twoway.realm.realm import Realm

SERVICE = "orders"


@pytest.fixture
def realm(tmp_path: Path) -> Iterator[Realm]:
    """A realm with a service that explains itself."""
    with Realm.create(tmp_path / "realm", name="acme", at=datetime.now(UTC)) as made:
        with made.changing("test") as change:
            options = services.ServiceOptions(refusals="explained")
            services.add(change, SERVICE, "http://127.0.0.1:8080", options=options)
        yield made


@pytest.fixture
def writer() -> Iterator[Writer]:
    """What writes down what is learned."""
    made = Writer()
    yield made
    made.close()


@pytest.fixture
def entries() -> Aggregator:
    """Where refusals are noted."""
    return Aggregator()


@pytest.fixture
def asked(realm: Realm, entries: Aggregator, writer: Writer) -> Authorizer:
    """The authorizer."""
    return Authorizer(realm, entries, writer)


@pytest.fixture(scope="module")
def stranger() -> Holder:
    """A certificate that is nobody's."""
    return material.client(material.root("Strange CA"), "stranger")


@pytest.fixture
def umbrella(realm: Realm) -> Holder:
    """A partner's CA."""
    authority = material.root("Umbrella CA")
    with realm.changing("test") as change:
        clients.add(change, "umbrella", [SERVICE])
        anchor = authority.leaf.public_bytes(Encoding.PEM)
        bindings.accept_authority(change, "umbrella", anchor, rule="DNS:*.umbrella.com")
    return authority


@pytest.fixture
def branch(umbrella: Holder) -> Holder:
    """A certificate of the partner's CA."""
    return material.client(umbrella, "branch.umbrella.com")


def question(*certificates: x509.Certificate, service: str = SERVICE) -> CheckRequest:
    """What Envoy asks about a chain."""
    pem = "".join(one.public_bytes(Encoding.PEM).decode() for one in certificates)
    request = CheckRequest()
    request.attributes.context_extensions["service"] = service
    headers = request.attributes.request.http.headers
    headers["x-request-id"] = "ticket"
    if certificates:
        headers["x-forwarded-client-cert"] = f'Hash=00;Chain="{quote(pem)}"'
    return request


def ask(asked: Authorizer, *certificates: x509.Certificate, service: str = SERVICE) -> CheckResponse:
    """Ask, and return the answer."""
    return asyncio.run(asked.Check(question(*certificates, service=service), None))


def refusal(answer: CheckResponse) -> tuple[int, bool]:
    """The status of a refusal, and whether it is explained."""
    return answer.denied_response.status.code, bool(answer.denied_response.body)


def test_stranger_is_refused_with_the_reason(asked: Authorizer, stranger: Holder) -> None:
    """In the body of the answer, and in the journal."""
    answer = ask(asked, *stranger.certificates)
    assert (403, True) == refusal(answer)
    assert "certificate-unknown" in answer.denied_response.body


def test_no_certificate_is_refused(asked: Authorizer) -> None:
    """Envoy does not ask then; if it did, the answer would be no."""
    assert 403 == refusal(ask(asked))[0]


def test_too_many_certificates_are_refused_unread(asked: Authorizer, stranger: Holder) -> None:
    """Whoever sends eleven sends too many."""
    answer = ask(asked, *(stranger.leaf,) * 11)
    assert "chain-too-large" in answer.denied_response.body


def test_partner_is_allowed_and_learned(
    realm: Realm, asked: Authorizer, branch: Holder, writer: Writer
) -> None:
    """The upstream hears who it is, and gateways know it from then on."""
    answer = ask(asked, *branch.certificates)
    writer.close()
    assert {"umbrella"} == {header.header.value for header in answer.ok_response.headers}
    assert 1 == realm.revisions().learned


def test_decision_that_a_revocation_overtook_is_not_learned(
    realm: Realm, asked: Authorizer, branch: Holder, writer: Writer
) -> None:
    """Decided at revision n; written down after the revocation at n+1, when it says nothing any more."""
    busy = threading.Event()
    writer.put(lambda: busy.wait(10))
    assert ask(asked, *branch.certificates).HasField("ok_response")
    with realm.changing("test") as change:
        bindings.revoke(change, "umbrella")
    busy.set()
    writer.close()
    assert 0 == realm.revisions().learned
    assert 403 == refusal(ask(asked, *branch.certificates))[0]


def test_partner_is_allowed_while_the_database_is_locked(
    realm: Realm, asked: Authorizer, branch: Holder, writer: Writer
) -> None:
    """Nobody waits for the lock; what was learned is written down later."""
    with closing(sqlite3.connect(realm.directory / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        answer = ask(asked, *branch.certificates)
        waited = time.monotonic() - began
        other.execute("ROLLBACK")
    writer.close()
    assert (True, True, 1) == (answer.HasField("ok_response"), waited < 1, realm.revisions().learned)


def test_without_its_realm_it_never_says_yes(realm: Realm, asked: Authorizer, branch: Holder) -> None:
    """It says so in the service's own way, as far as it has been asked about that before."""
    before = ask(asked, *branch.certificates).HasField("ok_response")
    realm.directory.rename(realm.directory.with_name("away"))
    answer = ask(asked, *branch.certificates)
    realm.directory.with_name("away").rename(realm.directory)
    assert (True, (503, True)) == (before, refusal(answer))
    assert ask(asked, *branch.certificates).HasField("ok_response")


def test_refusal_is_remembered(asked: Authorizer, stranger: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second question costs no decision."""
    ask(asked, *stranger.certificates)
    monkeypatch.setattr(authorizer, "_decided", None)
    assert 403 == refusal(ask(asked, *stranger.certificates))[0]


def test_refusal_is_remembered_for_its_service_alone(realm: Realm, asked: Authorizer, branch: Holder) -> None:
    """Who may not call one service may call another, and the other way round."""
    with realm.changing("test") as change:
        services.add(change, "stock", "http://127.0.0.1:8080", options=services.ServiceOptions(path="/stock"))
    for _ in range(2):
        assert 403 == refusal(ask(asked, *branch.certificates, service="stock"))[0]
        assert ask(asked, *branch.certificates).HasField("ok_response")


@pytest.mark.parametrize("service", ["", "nothing", "orders ", "ORDERS", "orders\0"])
def test_question_about_no_service_is_never_a_yes(asked: Authorizer, branch: Holder, service: str) -> None:
    """A route that forgets to say which lets nobody pass."""
    assert ask(asked, *branch.certificates).HasField("ok_response")
    assert 503 == refusal(ask(asked, *branch.certificates, service=service))[0]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Hash=00",
        'Chain="',
        'Chain=""',
        'Chain="%"',
        'Chain="rubbish"',
        'Chain="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"',
    ],
)
def test_chain_that_is_none_is_never_a_yes(asked: Authorizer, branch: Holder, header: str) -> None:
    """Whatever the gateway says was presented."""
    asking = question(*branch.certificates)
    asking.attributes.request.http.headers["x-forwarded-client-cert"] = header
    answer = asyncio.run(asked.Check(asking, None))
    assert (False, True) == (answer.HasField("ok_response"), refusal(answer)[0] in {403, 503})


def test_remembered_refusal_ends_with_any_change(realm: Realm, asked: Authorizer, stranger: Holder) -> None:
    """The stranger is accepted, and passes at its next request."""
    ask(asked, *stranger.certificates)
    with realm.changing("test") as change:
        clients.add(change, "initech", [SERVICE])
        bindings.accept_certificate(change, "initech", stranger.leaf.public_bytes(Encoding.PEM))
    assert ask(asked, *stranger.certificates).HasField("ok_response")


def test_memory_of_refusals_is_bounded(
    asked: Authorizer, stranger: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody comes with another chain each time."""
    monkeypatch.setattr(authorizer, "_REMEMBERED", 5)
    for count in range(1, 9):
        ask(asked, *(stranger.leaf,) * count)
    assert 5 == len(asked._refusals)


def test_old_refusals_are_forgotten(
    asked: Authorizer, stranger: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only when there are too many."""
    monkeypatch.setattr(authorizer, "_REMEMBERED_FOR", timedelta(seconds=0.05))
    ask(asked, stranger.leaf)
    time.sleep(0.1)
    ask(asked, stranger.leaf, stranger.leaf)
    assert 1 == len(asked._refusals)


def test_remembered_words_of_a_stranger_are_short(asked: Authorizer, umbrella: Holder) -> None:
    """Ten thousand refusals with names of 16 kB would be 160 MB."""
    names = [f"{n}.{'x' * 60}.example.com" for n in range(200)]
    ask(asked, *material.issue("long", by=umbrella, names=names, usage=[material.CLIENT]).certificates)
    [remembered] = asked._refusals.values()
    assert authorizer._DETAIL == len(remembered.refusal.detail)
