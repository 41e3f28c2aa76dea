"""Paths that one server reads as another service's: none of them carries the rights of the one it looks like."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import pytest

from tests.gateway.refusing import PROTOCOLS, Caller, Gate
from tests.parts.answers import NoAnswer
from tests.parts.credentials import Pem
from tests.parts.served import served
from tests.parts.upstream import upstream

# What the gateway itself reads as a path of the service "admin", before it looks at any right.
READ_AS_ADMIN = (
    "/admin",
    "/admin/",
    "/admin/x",
    "/admin?x",
    "/admin/.",
    "//admin",
    "///admin",
    "/./admin",
    "/../admin",
    "/x/../admin",
    "/x/./../admin",
    "/x/%2e%2e/admin",
    "/%2e/admin",
    "/%2e%2E/admin",
    "/%61dmin",
    "/a%64min",
    "/%61%64%6d%69%6e",
    "/orders/../admin",
    "/off/../admin",
    "/off/%2e%2e/admin",
    r"/\admin",
    r"/orders\..\admin",
    r"/off\..\admin",
    "/off/..;/admin",
    "/x;/../admin",
    "/orders;/../admin",
)

# What servers behind the gateway disagree on: nobody gets through with these, whatever their rights.
AMBIGUOUS = (
    "/ADMIN",
    "/Admin/x",
    "/%41dmin",
    "/ORDERS/1",
    "/OFF",
    "/admin;a=b",
    "/admin;/x",
    "/;/admin",
    "/off;/admin",
    "/admin%3b",
    "/%2561dmin",
    "/%252e%252e/admin",
    "/x/%252e%252e/admin",
    "/off/%252e%252e%252fadmin",
    "/admin%252f",
    "/admin.",
    "/admin./x",
    "/admin...",
    "/admin%20",
    "/admin%20%20/x",
    "/admin%c2%a0",
    "/admin%a0",
    "/admin%09",
    "/admin%0a",
    "/admin%0d%0a",
    "/admin%7f",
    "/%c0%af/admin",
    "/%c0%afadmin",
    "/%c0%ae%c0%ae/admin",
    "/%c1%9cadmin",
    "/%e0%80%afadmin",
    "/%f0%80%80%afadmin",
    "/%c1%a1dmin",
    "/%u0061dmin",
    "/%u002e%u002e/admin",
    "/admin%",
    "/admin%2",
    "/%zz/admin",
    "/admin%3fx",
    "/admin%23x",
    "/admin::$DATA",
    "/admin:$i30:$INDEX_ALLOCATION",
    "/adm%C4%B1n",
    "/adm%C4%B0n",
    "/order%C5%BF",
    "/%EF%BC%8Fadmin",
    "/%EF%BC%8E%EF%BC%8E/admin",
    "/%EF%BD%81dmin",
)

# Likewise, and refused before any service is looked for.
UNREADABLE = (
    "/admin%00",
    "/admin%00.html",
    "/admin%2f",
    "/admin%2Fx",
    "/x%2f..%2fadmin",
    "/off%2f..%2fadmin",
    "/off/..%2fadmin",
    "/off/..%5cadmin",
    "/admin%5c",
    "/admin#x",
)

# What is no path at all.
NO_PATH = ("admin", "*", "/admin HTTP/1.1 x", "", "@localhost/admin", "?/admin")

# What only looks like another service's: it belongs to the one at the root, and goes there as it is read.
OF_THE_ROOT: dict[str, str] = {
    "/offshore": "/offshore",
    "/off-shore/x": "/off-shore/x",
    "/administrators": "/administrators",
    "/admin/..": "/",
    "/admin/../x": "/x",
    "/admin/%2e%2e/x": "/x",
    "/x?/../admin": "/x?/../admin",
    "/x?/admin;a=b": "/x?/admin;a=b",
    "/x//../admin": "/x/admin",
    "/caf%C3%A9/%E6%97%A5%E6%9C%AC": "/caf%C3%A9/%E6%97%A5%E6%9C%AC",
    "/a.b/c%20d/e:f": "/a.b/c%20d/e:f",
}

# What belongs to the open service, and goes there as it is read.
OF_THE_OPEN = {
    "/off": "/off",
    "/off/admin": "/off/admin",
    "/off//../admin": "/off/admin",
    "/admin/../off": "/off",
    "/off?/../admin": "/off?/../admin",
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Four services of one host; the right certificate may call all of them."""
    with upstream() as api, served(tmp_path_factory.mktemp("paths")) as realm:
        realm.service("root", api.url, path="/")
        realm.service("admin", api.url, path="/admin")
        realm.service("orders", api.url, path="/orders")
        realm.service("off", api.url, path="/off", client_certificate="off")
        realm.client("boss", "root", "admin", "orders")
        _, right = realm.issue("boss")
        realm.settled()
        yield Gate(realm, api, right)


@pytest.fixture(scope="module")
def limited(gate: Gate) -> Iterator[Caller]:
    """Clients that may call all but ``admin``: several, as the journal counts what is too often alike."""
    callers = [gate.issued("root", "orders") for _ in range(12)]
    gate.served.settled()
    return cycle(Caller(files, "service-not-allowed", name) for name, files in callers)


@pytest.mark.parametrize("path", READ_AS_ADMIN)
def test_path_of_admin_needs_the_right_to_admin(gate: Gate, limited: Iterator[Caller], path: str) -> None:
    """However it is spelled, it is admin's: rights to all others do not help, and admin's own do."""
    caller = next(limited)
    with gate.reaching() as reached:
        entries = [gate.explains(answer, caller) for answer in gate.both(caller.identity, path)]
    assert (["admin", "admin"], []) == ([entry.service for entry in entries], reached)
    with gate.reaching() as reached:
        assert [200, 200] == [answer.status for answer in gate.both(gate.right, path)]
    assert [True, True] == [one.target.startswith("/admin") for one in reached]


@pytest.mark.parametrize("path", READ_AS_ADMIN)
def test_path_of_admin_needs_a_certificate(gate: Gate, path: str) -> None:
    """A path that begins as the one of the open service does not make it open."""
    with gate.reaching() as reached:
        codes = [(answer.status, answer.json["code"]) for answer in gate.both(None, path)]
    assert ([(403, "certificate-missing")] * 2, []) == (codes, reached)


@pytest.mark.parametrize("path", AMBIGUOUS)
def test_ambiguous_path_goes_nowhere(gate: Gate, limited: Iterator[Caller], path: str) -> None:
    """Neither with a certificate nor without, and not even with every right."""
    identity = next(limited).identity
    with gate.reaching() as reached:
        for answer in gate.both(identity, path):
            gate.explains(answer, Caller(identity, "path-ambiguous", status=400))
        others = [answer.status for other in (None, gate.right) for answer in gate.both(other, path)]
    assert ([400] * 4, []) == (others, reached)


@pytest.mark.parametrize("path", UNREADABLE)
def test_path_that_the_gateway_does_not_read_goes_nowhere(gate: Gate, path: str) -> None:
    """It is refused before it has a ticket, and the journal has it."""
    name, files = gate.issued("root", "orders")
    with gate.reaching() as reached:
        answers = gate.both(files, path)
    assert [(400, "path-ambiguous")] * 2 == [(one.status, one.json["code"]) for one in answers]
    assert ["path-ambiguous"] * 2 == [entry.code for entry in gate.journalled(name, 2)]
    assert [] == reached


@pytest.mark.parametrize("path", NO_PATH)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_no_path_goes_nowhere(
    gate: Gate, limited: Iterator[Caller], protocol: str, path: str
) -> None:
    """An error, or the end of the connection; never a service."""
    with gate.reaching() as reached:
        assert status(gate, next(limited).identity, path, protocol) in {400, 403, 404, None}
    assert [] == reached


@pytest.mark.parametrize(("path", "read"), OF_THE_ROOT.items())
def test_path_of_the_root_is_the_roots(gate: Gate, limited: Iterator[Caller], path: str, read: str) -> None:
    """The upstream gets what was decided on; without a certificate it is not the open service's either."""
    with gate.reaching() as reached:
        bare = [answer.status for answer in gate.both(None, path)]
        answered = [answer.status for answer in gate.both(next(limited).identity, path)]
    assert ([403] * 2, [200] * 2, [read] * 2) == (bare, answered, [one.target for one in reached])


@pytest.mark.parametrize(("path", "read"), OF_THE_OPEN.items())
def test_path_of_the_open_service_is_read_once(gate: Gate, path: str, read: str) -> None:
    """Everybody may call it, and the upstream gets what was decided on, not what could be read again."""
    with gate.reaching() as reached:
        assert [200, 200] == [answer.status for answer in gate.both(None, path)]
    assert [read] * 2 == [one.target for one in reached]


def test_path_of_every_allowed_character_is_served(gate: Gate) -> None:
    """What a service may be called by is nothing that the gateway refuses."""
    path = "/A.b_c~d@e:f+g=h,i-j/0"
    gate.served.service("characters", gate.api.url, path=path)
    _, files = gate.issued("characters")
    gate.served.settled()
    with gate.reaching() as reached:
        assert [200, 200] == [answer.status for answer in gate.both(files, path)]
    assert [path, path] == [one.target for one in reached]
    gate.refuses(Caller(None, "certificate-missing", target=path, right=files))
    for answer in gate.both(files, path.swapcase()):
        gate.explains(answer, Caller(files, "path-ambiguous", status=400))


@pytest.mark.parametrize("name", ["x-original-url", "x-rewrite-url"])
def test_header_that_is_taken_for_the_path_never_reaches_the_upstream(
    gate: Gate, limited: Iterator[Caller], name: str
) -> None:
    """Some backends go by it."""
    with gate.reaching() as reached:
        answers = gate.both(next(limited).identity, "/orders", headers=[(name, "/admin")])
    assert [200, 200] == [answer.status for answer in answers]
    assert [[], []] == [one.values(name) for one in reached]


def status(gate: Gate, identity: Pem | None, path: str, protocol: str) -> int | None:
    """Return the answer's status, or None where there is none."""
    try:
        return gate.call(identity, path, protocol=protocol).status
    except NoAnswer:
        return None
