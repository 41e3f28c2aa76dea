"""Messages that two servers read differently: the upstream gets one request for each that was decided on, or none."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.gateway.refusing import Gate
from tests.parts.answers import NoAnswer
from tests.parts.credentials import Pem
from tests.parts.raw import Connection
from tests.parts.raw_http2 import Http2
from tests.parts.served import served
from tests.parts.upstream import upstream

# What is to come in behind a request for /orders: its caller may not call /admin.
HIDDEN = "GET /admin HTTP/1.1\r\nHost: localhost\r\nX-Client-Id: boss\r\n\r\n"
HOST = "Host: localhost\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
LAST = "0\r\n\r\n"

# A connection on which nothing more comes for so long is done.
SILENCE_SECONDS = 0.1


class Listener(socketserver.ThreadingTCPServer):
    """A backend that knows no WebSockets: it answers 200 to what looks like a request, and keeps every byte."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Heard)
        self.heard: list[bytearray] = []


class _Heard(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Listener)
        mine = bytearray()
        self.server.heard.append(mine)
        while data := self.request.recv(65536):
            mine += data
            if data.endswith(b"\r\n\r\n"):
                self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.fixture(scope="module")
def plain() -> Iterator[Listener]:
    """A backend without WebSockets."""
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory, plain: Listener) -> Iterator[Gate]:
    """Three services of one host; the right certificate may call all of them."""
    with upstream() as api, served(tmp_path_factory.mktemp("messages")) as realm:
        realm.service("orders", api.url, path="/orders")
        realm.service("admin", api.url, path="/admin")
        realm.service("plain", f"http://127.0.0.1:{plain.server_address[1]}", path="/plain")
        realm.client("boss", "orders", "admin", "plain")
        _, right = realm.issue("boss")
        realm.settled()
        yield Gate(realm, api, right)


@pytest.fixture
def limited(gate: Gate) -> tuple[str, Pem]:
    """A client of its own for each test, that may call all but ``admin``."""
    made = gate.issued("orders", "plain")
    gate.served.settled()
    return made


def post(headers: str, body: str) -> str:
    """Return a request for what the caller may call."""
    return f"POST /orders HTTP/1.1\r\n{HOST}{headers}\r\n{body}"


def encoded(coding: str) -> str:
    """Return one whose body may be read by its length, and may be read by its coding."""
    return post(f"Transfer-Encoding:{coding}\r\nContent-Length: 5\r\n", LAST + HIDDEN)


# Shapes that are refused as a whole.
MALFORMED = {
    "CL and TE": post(f"Content-Length: 80\r\n{CHUNKED}", LAST + HIDDEN),
    "TE and CL": post(f"{CHUNKED}Content-Length: 4\r\n", f"{len(HIDDEN):x}\r\n{HIDDEN}\r\n{LAST}"),
    "TE twice": post(f"{CHUNKED}Transfer-Encoding: x\r\n", LAST + HIDDEN),
    "TE of two": post("Transfer-Encoding: identity, chunked\r\n", LAST + HIDDEN),
    "TE unknown": encoded(" xchunked"),
    "TE identity": encoded(" identity"),
    "TE behind a vertical tab": encoded(" \x0bchunked"),
    "TE behind a tab": encoded("\tchunked"),
    "TE quoted": encoded(' "chunked"'),
    "TE folded": encoded("\r\n chunked"),
    "TE with a blank before the colon": post(
        "Transfer-Encoding : chunked\r\nContent-Length: 5\r\n", LAST + HIDDEN
    ),
    "TE as a continuation": post(f" {CHUNKED}Content-Length: 5\r\n", LAST + HIDDEN),
    "CL twice": post(f"Content-Length: 0\r\nContent-Length: {len(HIDDEN)}\r\n", HIDDEN),
    "CL twice the same": post("Content-Length: 2\r\nContent-Length: 2\r\n", "hi"),
    "CL of two": post(f"Content-Length: 0, {len(HIDDEN)}\r\n", HIDDEN),
    "CL with a plus": post(f"Content-Length: +{len(HIDDEN)}\r\n", HIDDEN),
    "CL negative": post("Content-Length: -1\r\n", HIDDEN),
    "CL in hex": post("Content-Length: 0x10\r\n", HIDDEN),
    "CL empty": post("Content-Length:\r\n", HIDDEN),
    "CL beyond any number": post(f"Content-Length: {2**64 + 5}\r\n", HIDDEN),
    "a NUL in a value": post("X-A: b\0c\r\n", ""),
    "a NUL in a name": post("X-Client-Id\0: boss\r\n", ""),
    "no name": post(": boss\r\n", ""),
    "a blank before the colon": post("X-Client-Id : boss\r\n", ""),
    "a name beyond ASCII": post("X-Client-Id\xff: boss\r\n", ""),
    "two targets": f"GET /orders /admin HTTP/1.1\r\n{HOST}\r\n",
    "tabs in the first line": f"GET\t/admin\tHTTP/1.1 /orders HTTP/1.1\r\n{HOST}\r\n",
    "HTTP/1.0": f"GET /orders HTTP/1.0\r\n{HOST}\r\n",
    "HTTP/0.9": "GET /orders\r\n\r\n",
    "HTTP/2 unasked": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an unknown upgrade": post("Connection: Upgrade\r\nUpgrade: foo\r\n", HIDDEN),
}
REFUSED = {name: (message, "request-malformed") for name, message in MALFORMED.items()} | {
    "TE with an underscore": (
        post("Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", LAST + HIDDEN),
        "header-underscore",
    ),
    "a tunnel": (f"CONNECT localhost:80 HTTP/1.1\r\n{HOST}\r\n", "no-service"),
    "too many headers": (post("A: b\r\n" * 150, ""), "headers-too-large"),
    "too large a header": (post(f"A: {'b' * 70_000}\r\n", ""), "headers-too-large"),
}


@pytest.mark.parametrize(("message", "code"), REFUSED.values(), ids=REFUSED)
def test_message_that_can_be_read_in_two_ways_is_refused(
    gate: Gate, limited: tuple[str, Pem], message: str, code: str
) -> None:
    """An error and nothing upstream, neither of it nor of what is behind it; the journal has the reason."""
    name, files = limited
    with gate.reaching() as reached:
        assert exchange(gate, files, message)[0] in {400, 403, 404, 426, 431, 501}
    assert [] == reached
    assert code in [entry.code for entry in gate.journalled(name)]
    assert gate.call(files, "/orders").status == 200


# Shapes that are read in one way: what the upstream gets of them. The hidden request, if it is one, is decided on.
READ: dict[str, tuple[str, list[tuple[str, str, bytes]]]] = {
    "a body with GET": (
        f"GET /orders HTTP/1.1\r\n{HOST}Content-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
        [("GET", "/orders", HIDDEN.encode())],
    ),
    "a body that is expected": (
        f"POST /orders HTTP/1.1\r\n{HOST}Expect: 100-continue\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
        [("POST", "/orders", HIDDEN.encode())],
    ),
    "a chunk that is longer than it says": (
        f"POST /orders HTTP/1.1\r\n{HOST}{CHUNKED}\r\n1\r\nhi\r\n{LAST}{HIDDEN}",
        [("POST", "/orders", b"h")],
    ),
    "a chunk's extension": (
        f"POST /orders HTTP/1.1\r\n{HOST}{CHUNKED}\r\n2;a=b\r\nhi\r\n{LAST}",
        [("POST", "/orders", b"hi")],
    ),
    "a chunk's quoted extension": (
        f'POST /orders HTTP/1.1\r\n{HOST}{CHUNKED}\r\n2;a="\\r\\n0"\r\nhi\r\n{LAST}',
        [("POST", "/orders", b"hi")],
    ),
    "a request behind a request": (
        f"GET /orders HTTP/1.1\r\n{HOST}\r\n{HIDDEN}",
        [("GET", "/orders", b"")],
    ),
    "a request behind a body of no length": (
        f"POST /orders HTTP/1.1\r\n{HOST}\r\n{HIDDEN}",
        [("POST", "/orders", b"")],
    ),
    "a request behind empty lines": (
        f"\r\n\r\nGET /orders HTTP/1.1\r\n{HOST}\r\n",
        [("GET", "/orders", b"")],
    ),
    "lines that end with a line feed": (
        "GET /orders HTTP/1.1\nHost: localhost\nX-Client-Id: boss\n\n",
        [("GET", "/orders", b"")],
    ),
    "a line feed in a value": (
        f"GET /orders HTTP/1.1\r\n{HOST}X-A: b\nX-Client-Id: boss\r\n\r\n",
        [("GET", "/orders", b"")],
    ),
    "a carriage return in a value": (
        f"GET /orders HTTP/1.1\r\n{HOST}X-A: b\rX-Client-Id: boss\r\n\r\n",
        [("GET", "/orders", b"")],
    ),
    "a folded value": (
        f"GET /orders HTTP/1.1\r\n{HOST}X-A: b\r\n X-Client-Id: boss\r\n\r\n",
        [("GET", "/orders", b"")],
    ),
    "an upgrade to HTTP/2 in clear": (
        post(
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
            HIDDEN,
        ),
        [("POST", "/orders", b"")],
    ),
    "an upgrade that Connection does not name": (
        f"GET /orders HTTP/1.1\r\n{HOST}Upgrade: websocket\r\n\r\n{HIDDEN}",
        [("GET", "/orders", b"")],
    ),
}


@pytest.mark.parametrize(("message", "expected"), READ.values(), ids=READ)
def test_message_is_read_once(
    gate: Gate, limited: tuple[str, Pem], message: str, expected: list[tuple[str, str, bytes]]
) -> None:
    """The upstream gets it in one plain form, named after its caller; what is behind it is a request of its own."""
    name, files = limited
    with gate.reaching() as reached:
        statuses = exchange(gate, files, message)
    assert expected == [(one.method, one.target, one.body) for one in reached]
    assert [[name]] * len(reached) == [one.values("x-client-id") for one in reached]
    assert [200] * len(expected) == [status for status in statuses if status == 200]
    assert [] == gate.api.malformed


# Bodies that end in nonsense after their request went on: what is behind them goes nowhere.
BROKEN_BODIES = {
    "a line feed behind an extension": f"2;\nhi\r\n{LAST}{HIDDEN}",
    "line feeds": f"2\nhi\n0\n\n{HIDDEN}",
    "a size beyond any number": f"10000000000000002\r\nhi\r\n{LAST}{HIDDEN}",
    "a size with 0x": f"0x2\r\nhi\r\n{LAST}{HIDDEN}",
    "a size with a minus": f"-2\r\nhi\r\n{LAST}{HIDDEN}",
    "a size with a blank": f" 2\r\nhi\r\n{LAST}{HIDDEN}",
    "no end of a chunk": f"2\r\nhi{LAST}{HIDDEN}",
}


@pytest.mark.parametrize("body", BROKEN_BODIES.values(), ids=BROKEN_BODIES)
def test_body_that_can_be_read_in_two_ways_ends_the_connection(
    gate: Gate, limited: tuple[str, Pem], body: str
) -> None:
    """The upstream may get its head, never the whole of it, nor what is behind it; the journal has the reason."""
    name, files = limited
    whole, malformed = len(gate.api.requests), len(gate.api.malformed)
    with gate.reaching() as reached:
        statuses = exchange(gate, files, f"POST /orders HTTP/1.1\r\n{HOST}{CHUNKED}\r\n{body}")
    assert ([400], whole) == (statuses, len(gate.api.requests))
    assert {"/orders"} >= {request.target for request in reached}
    assert ["request-malformed"] == [entry.code for entry in gate.journalled(name)]
    assert gate.call(files, "/orders").status == 200
    assert not any(b"/admin" in head for head in gate.api.malformed[malformed:])
    del gate.api.malformed[malformed:]


UPGRADES = {
    "plain": "",
    "with a length": f"Content-Length: {len(HIDDEN)}\r\n",
    "of no length": "Content-Length: 0\r\n",
    "chunked": CHUNKED,
    "of a wrong version": "Sec-WebSocket-Version: 1\r\n",
}


@pytest.mark.parametrize("headers", UPGRADES.values(), ids=UPGRADES)
def test_upgrade_that_the_upstream_refuses_is_no_tunnel(
    gate: Gate, plain: Listener, limited: tuple[str, Pem], headers: str
) -> None:
    """What follows an upgrade goes nowhere unless the upstream has agreed: it would read it as requests."""
    _, files = limited
    plain.heard.clear()
    upgrade = f"GET /plain HTTP/1.1\r\n{HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n{headers}\r\n"
    exchange(gate, files, upgrade + HIDDEN)
    [heard] = plain.heard
    assert heard.startswith(b"GET /plain ")
    assert b"/admin" not in heard


PSEUDO = [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", "/orders")]
POST = [(":method", "POST"), *PSEUDO[1:]]

# Requests over HTTP/2 that mean something else, or nothing, in HTTP/1.1.
HTTP2_REFUSED: dict[str, tuple[list[tuple[str, str]], bytes]] = {
    "Connection": ([*PSEUDO, ("connection", "x-client-id")], b""),
    "Keep-Alive": ([*PSEUDO, ("keep-alive", "1")], b""),
    "Proxy-Connection": ([*PSEUDO, ("proxy-connection", "x")], b""),
    "Upgrade": ([*PSEUDO, ("upgrade", "websocket")], b""),
    "Transfer-Encoding": ([*POST, ("transfer-encoding", "chunked")], f"{LAST}{HIDDEN}".encode()),
    "TE": ([*PSEUDO, ("te", "chunked")], b""),
    "no length at all": ([*POST, ("content-length", "")], b"hello"),
    "a line end in a value": ([*PSEUDO, ("x-a", "b\r\nx-client-id: boss")], b""),
    "a line feed in a value": ([*PSEUDO, ("x-a", "b\nx-client-id: boss")], b""),
    "a request in a value": ([*PSEUDO, ("x-a", f"b\r\n\r\n{HIDDEN}")], b""),
    "a NUL in a value": ([*PSEUDO, ("x-a", "b\0c")], b""),
    "a line end in a name": ([*PSEUDO, ("x-a: b\r\nx-client-id", "boss")], b""),
    "a colon in a name": ([*PSEUDO, ("x-client-id:", "boss")], b""),
    "a blank in a name": ([*PSEUDO, ("x-client-id ", "boss")], b""),
    "a name in capitals": ([*PSEUDO, ("X-Client-Id", "boss")], b""),
    "a name with an underscore": ([*PSEUDO, ("x_client_id", "boss")], b""),
    "a line end in the path": ([*PSEUDO[:3], (":path", "/orders HTTP/1.1\r\nx-client-id: boss\r\nx: ")], b""),
    "a request in the path": ([*PSEUDO[:3], (":path", f"/orders HTTP/1.1\r\n{HOST}\r\n{HIDDEN}")], b""),
    "a blank in the path": ([*PSEUDO[:3], (":path", "/orders /admin")], b""),
    "no path": (PSEUDO[:3], b""),
    "an empty path": ([*PSEUDO[:3], (":path", "")], b""),
    "a path without a slash": ([*PSEUDO[:3], (":path", "admin")], b""),
    "an absolute path": ([*PSEUDO[:3], (":path", "https://localhost/admin")], b""),
    "two paths": ([*PSEUDO, (":path", "/admin")], b""),
    "two paths, the other way round": ([(":path", "/admin"), *PSEUDO], b""),
    "a request in the method": ([(":method", f"GET /admin HTTP/1.1\r\n{HOST}\r\nGET"), *PSEUDO[1:]], b""),
    "an empty method": ([(":method", ""), *PSEUDO[1:]], b""),
    "a scheme with a path": ([PSEUDO[0], (":scheme", "https://localhost/admin?"), *PSEUDO[2:]], b""),
    "a pseudo-header behind others": ([*PSEUDO[:3], ("x-a", "b"), PSEUDO[3]], b""),
    "an unknown pseudo-header": ([*PSEUDO, (":client", "boss")], b""),
    "a tunnel": ([(":method", "CONNECT"), (":authority", "localhost:80")], b""),
    "a tunnel for WebSockets": ([(":method", "CONNECT"), (":protocol", "websocket"), *PSEUDO[1:]], b""),
}


@pytest.mark.parametrize(("headers", "body"), HTTP2_REFUSED.values(), ids=HTTP2_REFUSED)
def test_http2_request_that_is_none_in_http1_goes_nowhere(
    gate: Gate, limited: tuple[str, Pem], headers: list[tuple[str, str]], body: bytes
) -> None:
    """Its stream or its connection ends; what Envoy's parser refuses has no request that the journal could name."""
    _, files = limited
    with (
        gate.reaching() as reached,
        gate.connect(files, protocol="HTTP/2", seconds=2 * SILENCE_SECONDS) as connection,
    ):
        assert isinstance(connection, Http2)
        with suppress(NoAnswer):
            assert connection.send(headers, body).status in {400, 404}
    assert [] == reached
    assert gate.call(files, "/orders", protocol="HTTP/2").status == 200


@pytest.mark.parametrize("length", ["3", "10"])
def test_http2_body_of_another_length_never_arrives(
    gate: Gate, limited: tuple[str, Pem], length: str
) -> None:
    """The request may be on its way when its body is seen to be wrong: the upstream gets none of that, and the end."""
    _, files = limited
    with (
        gate.reaching() as reached,
        gate.connect(files, protocol="HTTP/2", seconds=2 * SILENCE_SECONDS) as connection,
    ):
        assert isinstance(connection, Http2)
        with pytest.raises(NoAnswer):
            connection.send([*POST, ("content-length", length)], b"hello")
    assert {(one.target, one.body) for one in reached} <= {("/orders", b"")}
    assert gate.call(files, "/orders", protocol="HTTP/2").status == 200


def exchange(gate: Gate, files: Pem, message: str) -> list[int]:
    """Send these very bytes; return the statuses of all answers, once nothing more comes."""
    received = b""
    with gate.connect(files) as connection, suppress(NoAnswer):
        assert isinstance(connection, Connection)
        connection.send(message.encode("latin-1"))
        while data := connection.receive():
            received += data
            connection._seconds = SILENCE_SECONDS
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit()]
