"""Hosts and names: a connection for one host carries no rights to another one, nor do its session and its headers."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pytest

from tests.gateway.refusing import PROTOCOLS, Caller, Gate
from tests.parts import raw
from tests.parts.answers import NoAnswer
from tests.parts.credentials import Pem
from tests.parts.raw import Connection, Version
from tests.parts.raw_http2 import Http2
from tests.parts.served import served
from tests.parts.upstream import upstream

API, BILLING, OPEN, STRICT = (
    "api.example.com",
    "billing.example.com",
    "open.example.com",
    "strict.example.com",
)
VERSIONS: tuple[Version, ...] = ("TLSv1.2", "TLSv1.3")


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Hosts of each kind, with one backend behind them all; the right certificate may call everything."""
    with upstream() as api, served(tmp_path_factory.mktemp("hosts")) as realm:
        realm.service("api", api.url, host=API)
        realm.service("billing", api.url, host=BILLING)
        realm.service("open", api.url, host=OPEN, client_certificate="off")
        realm.service("strict", api.url, host=STRICT, handshake="strict")
        realm.service("rest", api.url)
        realm.client("boss", "api", "billing", "strict", "rest")
        _, right = realm.issue("boss")
        realm.settled()
        yield Gate(realm, api, right)


@pytest.fixture(scope="module")
def limited(gate: Gate) -> Caller:
    """A client that may call ``api`` and ``rest``."""
    name, files = gate.issued("api", "rest")
    gate.served.settled()
    return Caller(files, "service-not-allowed", name)


MISDIRECTED = {
    "another protected host": (API, BILLING),
    "the protected host from the open one": (OPEN, API),
    "the open host from a protected one": (API, OPEN),
    "a strict host from the open one": (OPEN, STRICT),
    "a strict host from another": (API, STRICT),
    "a host that nobody serves": (API, "nobody.example.com"),
    "a protected host from a name that nobody serves": ("nobody.example.com", API),
    "a strict host from a name that nobody serves": ("nobody.example.com", STRICT),
    "a protected host from no name": (None, API),
    "a strict host from no name": (None, STRICT),
    "a protected host in capitals": (OPEN, "API.EXAMPLE.COM"),
    "a protected host with a port": (OPEN, "api.example.com:8443"),
    "a protected host with a dot": (OPEN, "api.example.com."),
    "a protected host with a dot and a port": (None, "api.example.com.:443"),
    "a protected host in capitals from no name": (None, "API.Example.COM"),
}


@pytest.mark.parametrize(("sni", "host"), MISDIRECTED.values(), ids=MISDIRECTED)
def test_request_for_another_host_is_misdirected(
    gate: Gate, limited: Caller, sni: str | None, host: str
) -> None:
    """Not even with every right: what the handshake was for is what may be asked for; a new connection passes."""
    for identity in (limited.identity, gate.right):
        for protocol in PROTOCOLS:
            with (
                gate.reaching() as reached,
                gate.connect(identity, host=sni, protocol=protocol) as connection,
            ):
                answer = connection.request("/orders/1", host=host)
            entry = gate.explains(answer, Caller(identity, "misdirected", status=421))
            assert (None, []) == (entry.service, reached)
    plain = host.lower().removesuffix(":8443").removesuffix(":443").removesuffix(".")
    with gate.reaching() as reached:
        passed = [answer.status for answer in gate.both(gate.right, "/orders/1", host=plain)]
    assert ([200] * 2, 2) == (passed, len(reached))


@pytest.mark.parametrize(
    "spelled",
    ["api.example.com:443", "api.example.com:1", "api.example.com.", "API.EXAMPLE.COM", "Api.Example.Com.:9"],
)
def test_spelling_of_a_host_changes_no_right(gate: Gate, limited: Caller, spelled: str) -> None:
    """A port, a dot and capitals are the same host, with its own clients."""
    stranger = gate.issued("billing")
    gate.served.settled()
    for protocol in PROTOCOLS:
        with gate.reaching() as reached, gate.connect(stranger[1], host=API, protocol=protocol) as connection:
            answer = connection.request(host=spelled)
        entry = gate.explains(answer, Caller(stranger[1], "service-not-allowed", stranger[0]))
        assert ("api", []) == (entry.service, reached)
        with (
            gate.reaching() as reached,
            gate.connect(limited.identity, host=API, protocol=protocol) as connection,
        ):
            assert connection.request(host=spelled).status == 200
        assert [API] == [host.lower() for request in reached for host in request.values("host")]


@pytest.mark.parametrize("sni", ["API.EXAMPLE.COM", "Api.Example.Com"])
def test_spelling_in_the_handshake_changes_no_right(gate: Gate, limited: Caller, sni: str) -> None:
    """It is the same host."""
    with gate.connect(limited.identity, host=sni) as connection:
        assert [200, 421] == [connection.request(host=host).status for host in (API, BILLING)]


# Requests that name two hosts, or half of one: lines after the method.
TWO_HOSTS: dict[str, tuple[str, Sequence[str]]] = {
    "two Host lines": ("/", ["Host: api.example.com", "Host: billing.example.com"]),
    "two Host lines, the other way round": ("/", ["Host: billing.example.com", "Host: api.example.com"]),
    "one Host line of two": ("/", ["Host: api.example.com, billing.example.com"]),
    "a folded Host line": ("/", ["Host: api.example.com", " billing.example.com"]),
    "a blank before the colon": ("/", ["Host: api.example.com", "Host : billing.example.com"]),
    "a blank before the name": ("/", [" Host: billing.example.com", "Host: api.example.com"]),
    "an absolute target": ("https://billing.example.com/", ["Host: api.example.com"]),
    "an absolute target of ours": ("https://api.example.com/", ["Host: billing.example.com"]),
    "an absolute target over http": ("http://billing.example.com/", ["Host: api.example.com"]),
    "an absolute target with a user": (
        "https://api.example.com@billing.example.com/",
        ["Host: api.example.com"],
    ),
    "a user in Host": ("/", ["Host: api.example.com@billing.example.com"]),
    "a path in Host": ("/", ["Host: api.example.com/billing.example.com"]),
    "a query in Host": ("/", ["Host: api.example.com?billing.example.com"]),
    "a fragment in Host": ("/", ["Host: api.example.com#billing.example.com"]),
    "a tab in Host": ("/", ["Host: api.example.com\tbilling.example.com"]),
    "a NUL in Host": ("/", ["Host: billing.example.com\0.api.example.com"]),
    "an empty Host": ("/", ["Host:"]),
    "no Host": ("/", []),
    "a forwarded host": ("/", ["Host: api.example.com", "X-Forwarded-Host: billing.example.com"]),
    "a standard forwarded host": ("/", ["Host: api.example.com", "Forwarded: host=billing.example.com"]),
}


@pytest.mark.parametrize(("target", "lines"), TWO_HOSTS.values(), ids=TWO_HOSTS)
def test_request_of_two_hosts_never_reaches_the_other(
    gate: Gate, limited: Caller, target: str, lines: Sequence[str]
) -> None:
    """It is refused, or goes to the host that was decided on, which is the only one that the upstream hears of."""
    head = "".join(f"{line}\r\n" for line in lines)
    with gate.reaching() as reached, gate.connect(limited.identity, host=API) as connection:
        assert isinstance(connection, Connection)
        try:
            connection.send(f"GET {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1"))
            status = connection.answer().status
        except NoAnswer:
            status = 400
    assert status in {200, 400, 421}
    assert (status == 200) == bool(reached)
    assert not any(BILLING in str(request.headers) or BILLING in request.target for request in reached)


AUTHORITIES: dict[str, list[tuple[str, str]]] = {
    "another authority": [(":authority", BILLING)],
    "another host beside": [(":authority", API), ("host", BILLING)],
    "our host beside another authority": [(":authority", BILLING), ("host", API)],
    "two authorities": [(":authority", API), (":authority", BILLING)],
    "a host alone": [("host", BILLING)],
    "two hosts": [("host", API), ("host", BILLING)],
    "a user": [(":authority", f"{API}@{BILLING}")],
    "a path": [(":authority", f"{BILLING}/{API}")],
    "a line end": [(":authority", f"{API}\r\nhost: {BILLING}")],
    "none": [],
}


@pytest.mark.parametrize("authority", AUTHORITIES.values(), ids=AUTHORITIES)
def test_http2_request_of_two_hosts_never_reaches_the_other(
    gate: Gate, limited: Caller, authority: list[tuple[str, str]]
) -> None:
    """As in HTTP/1.1."""
    pseudo = [(":method", "GET"), (":scheme", "https"), (":path", "/")]
    first = [pair for pair in authority if pair[0].startswith(":")]
    rest = [pair for pair in authority if not pair[0].startswith(":")]
    with (
        gate.reaching() as reached,
        gate.connect(limited.identity, host=API, protocol="HTTP/2", seconds=0.5) as connection,
    ):
        assert isinstance(connection, Http2)
        try:
            status = connection.send([*pseudo, *first, *rest]).status
        except NoAnswer:
            status = 400
    assert status in {200, 400, 404, 421}
    assert (status == 200) == bool(reached)
    assert not any(BILLING in str(request.headers) for request in reached)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("other", [BILLING, OPEN, STRICT, None], ids=str)
def test_session_of_one_host_is_not_resumed_at_another(
    gate: Gate, limited: Caller, other: str | None, version: Version
) -> None:
    """What one host's handshake has shown counts for that host alone."""
    session = session_of(gate, limited.identity, API, version)
    with gate.connect(limited.identity, host=API, version=version, session=session) as connection:
        assert isinstance(connection, Connection)
        assert (200, True) == (connection.request(host=API).status, connection.resumed)
    with gate.connect(limited.identity, host=other, version=version, session=session) as connection:
        assert isinstance(connection, Connection)
        connection.request(host=other or "localhost")
        assert not connection.resumed


@pytest.mark.parametrize("version", VERSIONS)
def test_session_of_another_host_gives_no_right(gate: Gate, limited: Caller, version: Version) -> None:
    """The client of one host brings its session to another, with its certificate and without."""
    session = session_of(gate, limited.identity, API, version)
    for identity, code, name in (
        (limited.identity, "service-not-allowed", limited.client),
        (None, "certificate-missing", None),
    ):
        with (
            gate.reaching() as reached,
            gate.connect(identity, host=BILLING, version=version, session=session) as connection,
        ):
            answer = connection.request(host=BILLING)
        gate.explains(answer, Caller(identity, code, name))
        assert [] == reached
    assert gate.call(gate.right, host=BILLING).status == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_session_does_not_open_a_strict_host(gate: Gate, limited: Caller, version: Version) -> None:
    """Where the handshake must show a certificate, another host's session is none."""
    session = session_of(gate, limited.identity, API, version)
    before = len(gate.served.entries("handshake-certificate-missing", seconds=0))
    with gate.reaching() as reached, pytest.raises(NoAnswer):
        raw_request(gate, None, STRICT, version, session)
    assert [] == reached
    end = time.monotonic() + 5
    while len(gate.served.entries("handshake-certificate-missing")) == before:
        assert time.monotonic() < end
    assert raw_request(gate, gate.right, STRICT, version, session) == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_session_carries_its_own_certificate_alone(gate: Gate, limited: Caller, version: Version) -> None:
    """Who resumes a session is who began it, whatever certificate is at hand now."""
    session = session_of(gate, limited.identity, API, version)
    with (
        gate.reaching() as reached,
        gate.connect(gate.right, host=API, version=version, session=session) as connection,
    ):
        assert isinstance(connection, Connection)
        assert connection.request(host=API).status == 200
        assert connection.resumed
    assert [[limited.client]] == [request.values("x-client-id") for request in reached]


def session_of(gate: Gate, identity: Pem | None, host: str, version: Version) -> object:
    """Return the session of a connection that was answered."""
    with gate.connect(identity, host=host, version=version) as connection:
        assert isinstance(connection, Connection)
        assert connection.request(host=host).status == 200
        return connection.session


def raw_request(gate: Gate, identity: Pem | None, host: str, version: Version, session: object) -> int:
    """Return the status of a request where the handshake may end."""
    with gate.connect(
        identity, host=host, version=version, session=session, verdict_seconds=raw.TICKET_SECONDS
    ) as connection:
        return connection.request(host=host).status
