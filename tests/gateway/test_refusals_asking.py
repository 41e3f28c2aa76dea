"""The filter that asks: whatever comes before its answer, beside it or in its place, nobody passes without a yes."""

from __future__ import annotations

import os
import signal
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import grpc
import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckResponse
from envoy.type.v3.http_status_pb2 import StatusCode
from h2.events import ResponseReceived, StreamEnded

from tests.gateway.load import answered_with
from tests.gateway.processes import authorizers
from tests.gateway.refusing import Caller, Gate, der
from tests.parts import material
from tests.parts.answers import Answer
from tests.parts.credentials import Pem
from tests.parts.material import CLIENT, Holder
from tests.parts.raw import Connection
from tests.parts.raw_http2 import Http2
from tests.parts.served import served
from tests.parts.upstream import upstream
from twoway.gateway.statistics import questions

# How long the authorizer thinks: well within Envoy's patience of a second.
THOUGHT_SECONDS = 0.3


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A service of each mode; the right certificate may call all of them but ``stock``."""
    with upstream() as api, served(tmp_path_factory.mktemp("asking")) as realm:
        realm.service("orders", api.url, path="/orders")
        realm.service("optional", api.url, path="/optional", client_certificate="optional")
        realm.service("off", api.url, path="/off", client_certificate="off")
        realm.service("stock", api.url, path="/stock")
        realm.client("globex", "orders", "optional")
        _, right = realm.issue("globex")
        realm.settled()
        yield Gate(realm, api, right)


@pytest.fixture(scope="module")
def stranger(gate: Gate) -> Pem:
    """A certificate that is nobody's."""
    return gate.pem(material.issue("stranger", usage=[CLIENT]))


@pytest.fixture(scope="module")
def umbrella(gate: Gate) -> Holder:
    """The CA of a partner, each certificate of which is asked about once."""
    root = material.root("Umbrella CA")
    gate.served.client("umbrella", "orders")
    gate.served.accept_authority("umbrella", der(root), "DNS:*.umbrella.com")
    gate.served.settled()
    return root


# What a caller sends at once, without waiting for anybody: the body that is part of it, and the status of its answer.
HEAD = "POST /orders HTTP/1.1\r\nHost: localhost\r\n"
CHUNKS = "2\r\nhe\r\n3\r\nllo\r\n0\r\n"
UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
EARLY: dict[str, tuple[str, bytes, int]] = {
    "a body": (f"{HEAD}Content-Length: 5\r\n\r\nhello", b"hello", 200),
    "a large body": (f"{HEAD}Content-Length: 300000\r\n\r\n{'x' * 300_000}", b"x" * 300_000, 200),
    "a body that is expected": (
        f"{HEAD}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
        b"hello",
        200,
    ),
    "chunks and trailers": (
        f"{HEAD}Trailer: x-client-id\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKS}x-client-id: boss\r\n\r\n",
        b"hello",
        200,
    ),
    "a WebSocket and its first frame": (
        f"GET /orders HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n\x81\x82\0\0\0\0hi",
        b"",
        101,
    ),
}


@pytest.mark.parametrize(("message", "body", "status"), EARLY.values(), ids=EARLY)
def test_nothing_goes_upstream_before_the_answer(
    gate: Gate, stranger: Pem, umbrella: Holder, message: str, body: bytes, status: int
) -> None:
    """Of a stranger nothing ever does; of a partner that is asked about, the whole of it afterwards."""
    early, answer = asked_slowly(gate, stranger, message)
    gate.explains(answer, Caller(stranger, "certificate-unknown"))
    assert early == 0
    partner = gate.pem(material.client(umbrella, f"{gate.name('a')}.umbrella.com"))
    with gate.reaching() as reached:
        early, answer = asked_slowly(gate, partner, message)
    assert (0, status) == (early, answer.status)
    assert [(body, ["umbrella"])] == [(one.body, one.values("x-client-id")) for one in reached]


def test_nothing_of_http2_goes_upstream_before_the_answer(
    gate: Gate, stranger: Pem, umbrella: Holder
) -> None:
    """Headers, data and trailers in one go."""
    partner = gate.pem(material.client(umbrella, f"{gate.name('a')}.umbrella.com"))
    for identity, expected in ((stranger, []), (partner, [b"hello"])):
        with gate.reaching() as reached, gate.connect(identity, protocol="HTTP/2") as connection:
            assert isinstance(connection, Http2)
            with thinking(gate):
                stream = connection._state.get_next_available_stream_id()
                connection._state.send_headers(stream, [*PSEUDO, (":path", "/orders"), ("te", "trailers")])
                connection._state.send_data(stream, b"hello")
                connection._state.send_headers(stream, [("x-client-id", "boss")], end_stream=True)
                with gate.reaching() as early:
                    connection._flush()
                    time.sleep(THOUGHT_SECONDS)
            answer = connection._answer(stream)
        assert ([], expected) == (early, [one.body for one in reached])
        if identity == stranger:
            gate.explains(answer, Caller(stranger, "certificate-unknown"))


PSEUDO = [(":method", "POST"), (":scheme", "https"), (":authority", "localhost")]


def test_streams_of_one_connection_are_decided_on_one_by_one(gate: Gate) -> None:
    """What is known for one of them says nothing for another that is under way at the same time."""
    name, files = gate.issued("orders")
    gate.served.settled()
    with gate.reaching() as reached, gate.connect(files, protocol="HTTP/2") as connection:
        assert isinstance(connection, Http2)
        state = connection._state
        asked = {}
        for target in ("/orders/1", "/stock/1", "/nothing", "/off/1", "/optional/1") * 4:
            stream = state.get_next_available_stream_id()
            state.send_headers(stream, [*PSEUDO, (":path", target)], end_stream=True)
            asked[stream] = target
        connection._flush()
        statuses = statuses_of(connection, len(asked))
    expected = {
        "/orders/1": "200",
        "/stock/1": "403",
        "/nothing": "404",
        "/off/1": "200",
        "/optional/1": "403",
    }
    assert {stream: expected[target] for stream, target in asked.items()} == statuses
    assert {("/orders/1", name), ("/off/1", None)} == {
        (one.target, next(iter(one.values("x-client-id")), None)) for one in reached
    }


@pytest.mark.parametrize("target", ["/orders/1", "/optional/1"])
def test_hung_authorizer_lets_nobody_in(gate: Gate, stranger: Pem, target: str) -> None:
    """Within a second it is said that nobody can decide, not even that a caller is anonymous; known ones pass."""
    [authorizer] = authorizers(gate.served)
    os.kill(authorizer, signal.SIGSTOP)
    try:
        with gate.reaching() as reached:
            answers = gate.both(stranger, target)
        assert [200, 200] == [answer.status for answer in gate.both(gate.right, target)]
    finally:
        os.kill(authorizer, signal.SIGCONT)
    assert [] == reached
    for answer in answers:
        gate.explains(answer, Caller(stranger, "cannot-decide", status=503))


class Says:
    """An authorizer that says always the same: some bytes, or the end of its stream with a status."""

    def __init__(
        self, answer: bytes | None = None, status: grpc.StatusCode = grpc.StatusCode.INTERNAL
    ) -> None:
        self.answer, self.status = answer, status

    @contextmanager
    def listening(self, path: Path) -> Iterator[None]:
        """Answer on the socket."""
        server = grpc.server(ThreadPoolExecutor(2))
        handler = grpc.unary_unary_rpc_method_handler(self._check)
        service = "envoy.service.auth.v3.Authorization"
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Check": handler}),))
        server.add_insecure_port(f"unix:{path}")
        server.start()
        try:
            yield
        finally:
            server.stop(0).wait()

    def _check(self, _question: bytes, context: grpc.ServicerContext) -> bytes | None:
        if self.answer is None:
            context.abort(self.status, "no")
        return self.answer


class Writes:
    """An authorizer that is no authorizer: it writes these bytes to everybody, and closes or waits."""

    def __init__(self, said: bytes, *, waits: bool = False) -> None:
        self.said, self.waits = said, waits

    @contextmanager
    def listening(self, path: Path) -> Iterator[None]:
        """Answer on the socket."""
        over = threading.Event()
        said, waits = self.said, self.waits

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.recv(65536)
                self.request.sendall(said)
                if waits:
                    over.wait(5)

        with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            try:
                yield
            finally:
                over.set()
                server.shutdown()
                thread.join()


def refusal(status: StatusCode.ValueType) -> bytes:
    """Return a no with an HTTP status that sounds like a yes."""
    answer = CheckResponse()
    answer.status.code = grpc.StatusCode.PERMISSION_DENIED.value[0]
    answer.denied_response.status.code = status
    said: bytes = answer.SerializeToString()
    return said


NO_YES: dict[str, Says | Writes] = {
    "bytes that are no message": Says(b"\xff\xff\xff\xff"),
    "a message that is cut": Says(
        CheckResponse.FromString(refusal(StatusCode.Forbidden)).SerializeToString()[:-1]
    ),
    "an error": Says(),
    "an error that sounds well": Says(status=grpc.StatusCode.ALREADY_EXISTS),
    "not implemented": Says(status=grpc.StatusCode.UNIMPLEMENTED),
    "HTTP/1.1": Writes(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    "its end": Writes(b""),
    "noise": Writes(b"\0" * 1000),
    "nothing": Writes(b"", waits=True),
}


Replacing = Callable[[Says | Writes], AbstractContextManager[None]]


@pytest.fixture
def replaced(gate: Gate, stranger: Pem) -> Replacing:
    """Puts something in the authorizer's place; nobody replaces that, as the control plane stands still meanwhile."""
    process = gate.served.process
    assert process is not None
    socket = gate.served.runtime.authorizer

    @contextmanager
    def replacing(other: Says | Writes) -> Iterator[None]:
        os.kill(process.pid, signal.SIGSTOP)
        try:
            for authorizer in authorizers(gate.served):
                os.kill(authorizer, signal.SIGKILL)
            socket.unlink()
            with other.listening(socket):
                yield
        finally:
            socket.unlink(missing_ok=True)
            os.kill(process.pid, signal.SIGCONT)
            answered_with(403, gate.served.port, stranger, "/orders", seconds=15)

    return replacing


@pytest.mark.parametrize("other", NO_YES.values(), ids=NO_YES)
def test_answer_that_is_no_yes_lets_nobody_in(
    gate: Gate, stranger: Pem, replaced: Replacing, other: Says | Writes
) -> None:
    """Nobody can decide; known clients do not notice, and afterwards the stranger has its reason again."""
    with replaced(other), gate.reaching() as reached:
        answers = [*gate.both(stranger, "/orders/1"), *gate.both(stranger, "/optional/1")]
        with gate.reaching() as known:
            assert [200, 200] == [answer.status for answer in gate.both(gate.right, "/orders/1")]
    assert [(503, "cannot-decide")] * 4 == [(one.status, one.json["code"]) for one in answers]
    assert len(known) == len(reached) == 2
    gate.refuses(Caller(stranger, "certificate-unknown"))


def test_no_is_a_no_whatever_its_status(gate: Gate, stranger: Pem, replaced: Replacing) -> None:
    """The answer may read 200: nothing went upstream."""
    with replaced(Says(refusal(StatusCode.OK))), gate.reaching() as reached:
        answers = gate.both(stranger, "/orders/1")
    assert ([], 2) == (reached, len(answers))


def test_every_question_is_counted(gate: Gate, stranger: Pem, umbrella: Holder) -> None:
    """A yes, a no, and a question that nobody answered; not what the gateway knows, nor what it answers alone."""
    partner = gate.pem(material.client(umbrella, f"{gate.name('a')}.umbrella.com"))
    counted = []
    for identity, target in (
        (stranger, "/orders/1"),
        (partner, "/orders/1"),
        (gate.right, "/stock/1"),
        (gate.right, "/orders/1"),
        (None, "/orders/1"),
        (None, "/optional/1"),
        (stranger, "/off/1"),
        (stranger, "/nothing"),
    ):
        before = questions(gate.served.runtime)
        gate.call(identity, target)
        counted.append(questions(gate.served.runtime) - before)
    assert [1, 1, 1, 0, 0, 0, 0, 0] == counted


@contextmanager
def thinking(gate: Gate) -> Iterator[None]:
    """Let the authorizer stand still in the block."""
    [authorizer] = authorizers(gate.served)
    os.kill(authorizer, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(authorizer, signal.SIGCONT)


def asked_slowly(gate: Gate, identity: Pem, message: str) -> tuple[int, Answer]:
    """Send these very bytes while the authorizer thinks; return how many requests went upstream meanwhile."""
    with gate.connect(identity) as connection:
        assert isinstance(connection, Connection)
        with thinking(gate), gate.reaching() as early:
            sending = threading.Thread(target=connection.send, args=(message.encode("latin-1"),))
            sending.start()
            time.sleep(THOUGHT_SECONDS)
        sending.join()
        return len(early), connection.answer()


def statuses_of(connection: Http2, count: int) -> dict[int, str]:
    """Return the statuses of so many streams."""
    statuses: dict[int, str] = {}
    ended = 0
    while ended < count:
        for event in connection._state.receive_data(connection._connection.receive()):
            if isinstance(event, ResponseReceived):
                fields: dict[object, object] = dict(event.headers)
                statuses[event.stream_id] = str(fields[":status"])
            ended += isinstance(event, StreamEnded)
        connection._flush()
    return statuses
