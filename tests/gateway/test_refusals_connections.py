"""Rights that end while a connection is open: they end at the next request, whatever the connection is."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import product

import pytest

from tests.gateway.refusing import PROTOCOLS, Caller, Gate, der
from tests.parts import material
from tests.parts.answers import NoAnswer
from tests.parts.credentials import Pem
from tests.parts.material import CLIENT
from tests.parts.raw import Connection, Version
from tests.parts.raw_http2 import Http2
from tests.parts.served import ACTOR, served
from tests.parts.upstream import upstream
from twoway.gateway.statistics import questions
from twoway.realm import bindings, clients
from twoway.realm.change import Change

VERSIONS: tuple[Version, ...] = ("TLSv1.2", "TLSv1.3")
WEBSOCKET = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]
# How long a certificate lives that expires while its connection is open.
LIFE_SECONDS = 3
MAX_STREAM_SECONDS = 2


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Three services of one host; the right certificate may call all of them."""
    with upstream() as api, served(tmp_path_factory.mktemp("connections")) as realm:
        realm.service("orders", api.url, path="/orders")
        realm.service("stock", api.url, path="/stock")
        realm.service("stream", api.url, path="/stream", max_stream_seconds=MAX_STREAM_SECONDS)
        realm.client("globex", "orders", "stock", "stream")
        _, right = realm.issue("globex")
        realm.settled()
        yield Gate(realm, api, right)


def issued(gate: Gate) -> tuple[str, Pem]:
    """A client that we issued for."""
    return gate.issued("orders", "stock", "stream")


def pinned(gate: Gate) -> tuple[str, Pem]:
    """A client with a certificate of its own."""
    own = material.issue("initech", usage=[CLIENT])
    name, _ = gate.pinned(own, "orders", "stock", "stream")
    return name, gate.pem(own)


def of_a_partner_ca(gate: Gate) -> tuple[str, Pem]:
    """A client with a CA of its own, its certificate learned."""
    root = material.root("Umbrella CA")
    name = gate.client("orders", "stock", "stream")
    gate.served.accept_authority(name, der(root), "DNS:*.umbrella.com")
    files = gate.pem(material.client(root, "a.umbrella.com"))
    gate.served.settled()
    learn(gate, files)
    return name, files


KINDS = (issued, pinned, of_a_partner_ca)
Kind = Callable[[Gate], tuple[str, Pem]]
Ending = Callable[[Change, str], None]


def revoke(change: Change, name: str) -> None:
    """It was stolen."""
    bindings.revoke(change, name, reason="keyCompromise")


def retire(change: Change, name: str) -> None:
    """It was replaced."""
    bindings.retire(change, name, bindings.bindings(change.connection, name)[0].id)


def suspend(change: Change, name: str) -> None:
    """The client is to wait."""
    clients.suspend(change, name)


def deny(change: Change, name: str) -> None:
    """The client may call this service no longer."""
    clients.deny(change, name, "orders")


ENDINGS: dict[Ending, str] = {
    revoke: "certificate-revoked",
    retire: "certificate-retired",
    suspend: "client-suspended",
    deny: "service-not-allowed",
}


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_right_that_ends_is_over_on_an_open_connection(gate: Gate, kind: Kind, ending: Ending) -> None:
    """Over HTTP/1.1 and HTTP/2; it need not even be the whole of what the gateway knows that has arrived."""
    name, files = kind(gate)
    gate.served.settled()
    with gate.connect(files) as old, gate.connect(files, protocol="HTTP/2") as new:
        assert [200, 200] == [connection.request("/orders/1").status for connection in (old, new)]
        with gate.realm.changing(ACTOR) as change:
            ending(change, name)
        gate.served.settled()
        with gate.reaching() as reached:
            answers = [connection.request("/orders/1") for connection in (old, new)]
        for answer in answers:
            gate.explains(answer, Caller(files, ENDINGS[ending], name))
        others = {connection.request("/stock/1").status for connection in (old, new)}
    assert [] == reached
    assert ({200} if ending is deny else {403}) == others
    assert [200, 200] == [answer.status for answer in gate.both(gate.right, "/orders/1")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_revoked_certificate_does_not_come_back_with_its_session(
    gate: Gate, kind: Kind, version: Version
) -> None:
    """The session is resumed, and the request is refused; before the revocation it was not."""
    name, files = kind(gate)
    gate.served.settled()
    with gate.connect(files, version=version) as connection:
        assert isinstance(connection, Connection)
        assert connection.request("/orders/1").status == 200
        session = connection.session
    with gate.connect(files, version=version, session=session) as connection:
        assert isinstance(connection, Connection)
        assert (200, True) == (connection.request("/orders/1").status, connection.resumed)
        if version == "TLSv1.3":  # each ticket serves once
            session = connection.session
    gate.served.revoke(name)
    for identity in (files, None):
        with (
            gate.reaching() as reached,
            gate.connect(identity, version=version, session=session) as connection,
        ):
            assert isinstance(connection, Connection)
            answer = connection.request("/orders/1")
            resumed = connection.resumed
        gate.explains(answer, Caller(identity, "certificate-revoked", name))
        assert ([], True) == (reached, resumed)
    assert [200, 200] == [answer.status for answer in gate.both(gate.right, "/orders/1")]


@pytest.mark.parametrize("version", VERSIONS)
def test_session_of_one_service_gives_no_right_to_another(gate: Gate, version: Version) -> None:
    """Begun where its client may call, resumed for where it may not, with its certificate and without."""
    name, files = gate.issued("orders")
    gate.served.settled()
    with gate.connect(files, version=version) as connection:
        assert isinstance(connection, Connection)
        assert connection.request("/orders/1").status == 200
        session = connection.session
    for identity in (files, None):
        with (
            gate.reaching() as reached,
            gate.connect(identity, version=version, session=session) as connection,
        ):
            assert isinstance(connection, Connection)
            answer = connection.request("/stock/1")
            resumed = connection.resumed
        gate.explains(answer, Caller(identity, "service-not-allowed", name))
        assert ([], True) == (reached, resumed)
    assert [200, 200] == [answer.status for answer in gate.both(gate.right, "/stock/1")]


@pytest.mark.parametrize("version", VERSIONS)
def test_resumed_session_still_shows_the_whole_chain(gate: Gate, version: Version) -> None:
    """A partner's certificate with its intermediate is decided on for the first time on a resumed session."""
    root = material.root("Hooli CA")
    name = gate.client("orders")
    gate.served.accept_authority(name, der(root), "DNS:*.hooli.com")
    files = gate.pem(material.client(material.issue("Hooli Issuing CA", by=root, ca=True), "a.hooli.com"))
    gate.served.settled()
    with gate.connect(files, version=version) as connection:
        assert isinstance(connection, Connection)
        assert connection.request("/nothing").status == 404
        session = connection.session
    with gate.connect(files, version=version, session=session) as connection:
        assert isinstance(connection, Connection)
        assert (200, True) == (connection.request("/orders/1").status, connection.resumed)


def test_certificate_that_expires_is_refused_on_an_open_connection(gate: Gate) -> None:
    """Its end needs no change in the realm, pinned or learned, over HTTP/1.1 and HTTP/2."""
    with ExitStack() as connections:
        opened, end = [], datetime.now(UTC)
        for kind, protocol in product(("pinned", "of a partner CA"), PROTOCOLS):
            name, files, end = short_lived(gate, kind)
            connection = connections.enter_context(gate.connect(files, protocol=protocol))
            assert connection.request("/orders/1").status == 200
            opened.append((connection, Caller(files, "certificate-expired", name)))
        wait_until(end)
        with gate.reaching() as reached:
            answers = [connection.request("/orders/1") for connection, _ in opened]
        for answer, (_, caller) in zip(answers, opened, strict=True):
            gate.explains(answer, caller)
    assert [] == reached


def test_certificate_expires_while_nobody_takes_it_out(gate: Gate) -> None:
    """The control plane stands still: what ends soon carries its own end, and the reason is told all the same."""
    name, files, end = short_lived(gate, "pinned")
    process = gate.served.process
    assert process is not None
    with gate.connect(files) as connection:
        assert connection.request("/orders/1").status == 200
        os.kill(process.pid, signal.SIGSTOP)
        try:
            wait_until(end)
            with gate.reaching() as reached:
                answer = connection.request("/orders/1")
            gate.explains(answer, Caller(files, "certificate-expired", name))
            assert [] == reached
            assert gate.call(gate.right).status == 200
        finally:
            os.kill(process.pid, signal.SIGCONT)
    gate.served.settled()


def test_websocket_of_a_revoked_client_ends_within_its_bound(gate: Gate) -> None:
    """The next request is not the next byte: a stream that is open goes on, for as long as the service says."""
    name, files = issued(gate)
    gate.served.settled()
    with gate.connect(files, seconds=MAX_STREAM_SECONDS + 3) as socket:
        assert isinstance(socket, Connection)
        began = time.monotonic()
        assert socket.request("/stream", headers=WEBSOCKET).status == 101
        assert b"\x81\x02hi" == echo(socket)
        gate.served.revoke(name)
        assert b"\x81\x02hi" == echo(socket)
        assert b"" == rest(socket)
        assert time.monotonic() - began < MAX_STREAM_SECONDS + 2  # Envoy waits a second more before it closes
    with gate.reaching() as reached, gate.connect(files) as again:
        answer = again.request("/stream", headers=WEBSOCKET)
    gate.explains(answer, Caller(files, "certificate-revoked", name))
    assert [] == reached


def test_caller_cannot_lengthen_a_stream(gate: Gate) -> None:
    """The bound is the service's, whatever headers say of time."""
    longer = [
        ("grpc-timeout", "1H"),
        ("x-envoy-upstream-stream-duration-ms", "3600000"),
        ("x-envoy-upstream-rq-timeout-ms", "3600000"),
    ]
    with gate.connect(gate.right, seconds=MAX_STREAM_SECONDS + 3) as socket:
        assert isinstance(socket, Connection)
        began = time.monotonic()
        assert socket.request("/stream", headers=[*WEBSOCKET, *longer]).status == 101
        assert b"" == rest(socket)
    assert time.monotonic() - began < MAX_STREAM_SECONDS + 2


def test_endless_answer_ends_within_its_bound(gate: Gate) -> None:
    """A download is a stream as well."""
    with gate.connect(gate.right, seconds=MAX_STREAM_SECONDS + 3) as connection:
        assert isinstance(connection, Connection)
        began = time.monotonic()
        connection.send(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"200 OK" in connection.receive()
        rest(connection)
    assert time.monotonic() - began < MAX_STREAM_SECONDS + 2


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_upgrade_is_a_request_like_any_other(gate: Gate, protocol: str) -> None:
    """A client without right cannot open a WebSocket, nor a tunnel."""
    name, files = gate.issued("stock")
    gate.served.settled()
    with gate.reaching() as reached, gate.connect(files, protocol=protocol, seconds=1) as connection:
        if isinstance(connection, Http2):
            pseudo = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https")]
            with pytest.raises(NoAnswer):
                connection.send([*pseudo, (":authority", "localhost"), (":path", "/orders/1")])
        else:
            answer = connection.request("/orders/1", headers=WEBSOCKET)
            gate.explains(answer, Caller(files, "service-not-allowed", name))
    assert [] == reached


def test_learned_certificate_is_forgotten_with_the_rule_that_let_it_in(gate: Gate) -> None:
    """Another rule for the same CA: what the old one let in is asked about again, and is outside."""
    root = material.root("Stark CA")
    name = gate.client("orders")
    bound = gate.served.accept_authority(name, der(root), "DNS:*.stark.com")
    files = gate.pem(material.client(root, "a.stark.com"))
    gate.served.settled()
    learn(gate, files)
    with gate.connect(files) as connection:
        assert connection.request("/orders/1").status == 200
        with gate.realm.changing(ACTOR) as change:
            bindings.accept_authority(change, name, der(root), rule="DNS:*.eu.stark.com")
            bindings.retire(change, name, bound.id)
        gate.served.settled()
        answer = connection.request("/orders/1")
    gate.explains(answer, Caller(files, "certificate-retired", name))


def test_client_that_returns_is_let_in_again(gate: Gate) -> None:
    """What was ended is no longer once the right is back: suspended and resumed, denied and allowed."""
    name, files = issued(gate)
    gate.served.settled()
    with gate.connect(files) as connection:
        seen = []
        for step in (
            lambda change: clients.suspend(change, name),
            lambda change: clients.resume(change, name),
            lambda change: clients.deny(change, name, "orders"),
            lambda change: clients.allow(change, name, "orders"),
        ):
            with gate.realm.changing(ACTOR) as change:
                step(change)
            gate.served.settled()
            seen.append(connection.request("/orders/1").status)
    assert [403, 200, 403, 200] == seen


def learn(gate: Gate, files: Pem) -> None:
    """Call until the gateway knows a certificate."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        before = questions(gate.served.runtime)
        assert gate.call(files, "/orders/1").status == 200
        if questions(gate.served.runtime) == before:
            return
    raise TimeoutError("it is asked about each time")


def short_lived(gate: Gate, kind: str) -> tuple[str, Pem, datetime]:
    """Make a client whose certificate ends in a few seconds; return its name, its files and that moment."""
    days = (-1, LIFE_SECONDS / 86400)
    if kind == "pinned":
        own = material.issue("initech", usage=[CLIENT], days=days)
        name, _ = gate.pinned(own, "orders")
    else:
        root = material.root("Short CA")
        name = gate.client("orders")
        gate.served.accept_authority(name, der(root), "DNS:*.short.com")
        own = material.issue("a", by=root, names=["a.short.com"], usage=[CLIENT], days=days)
    gate.served.settled()
    return name, gate.pem(own), own.leaf.not_valid_after_utc


def wait_until(moment: datetime) -> None:
    """Wait until a second is over, and a little longer."""
    time.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()) + 1.1)


def echo(socket: Connection) -> bytes:
    """Send a short text over a WebSocket, masked with zeroes; return the frame that comes back."""
    socket.send(b"\x81\x82\0\0\0\0hi")
    return socket.makefile("rb").read(4)


def rest(socket: Connection) -> bytes:
    """Return what comes until the end, however that looks."""
    received = b""
    try:
        while data := socket.receive():
            received += data
    except NoAnswer:
        pass
    return received
