"""What ends by itself while nobody is there to end it: the lease of the map, and certificates."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.gateway.load import answered_with, ask, connect
from tests.parts import material, raw
from tests.parts.answers import Answer
from tests.parts.credentials import Pem
from tests.parts.served import Served, realm_at
from tests.parts.upstream import Upstream, upstream

LEASE = 2
# Between two requests, or two looks.
TICK = 0.02


@pytest.fixture(scope="module")
def api() -> Iterator[Upstream]:
    """A backend."""
    with upstream() as made:
        yield made


@dataclass
class Leased:
    """What a known client saw on its open connection.

    Args:
        alive: statuses while the control plane renewed the lease, over more than its length.
        lasted: seconds that it passed after the control plane was killed.
        refused: how it was refused then.
        back: status after the control plane's return.
        hung: status while the control plane hung for longer than the lease.
        recovered: seconds until it passed again when it no longer hung.
    """

    alive: set[int]
    lasted: float
    refused: Answer
    back: int
    hung: int
    recovered: float


@pytest.fixture(scope="module")
def leased(tmp_path_factory: pytest.TempPathFactory, api: Upstream) -> Leased:
    """A gateway with a short lease: its control plane lives and changes, is killed, returns, hangs, goes on."""
    with realm_at(tmp_path_factory.mktemp("lease"), "--lease", f"{LEASE}s") as realm:
        realm.service("orders", api.url, path="/orders")
        realm.client("globex", "orders")
        _, globex = realm.issue("globex")
        realm.start()
        with connect(realm.port, globex) as connection:
            alive = while_it_changes(realm, connection, LEASE * 1.5)
            realm.kill()
            killed = time.monotonic()
            while (refused := connection.request("/orders")).status == 200:
                time.sleep(TICK)
            lasted = time.monotonic() - killed
            realm.start()
            back = connection.request("/orders").status
        assert realm.process is not None
        realm.process.send_signal(signal.SIGSTOP)
        time.sleep(LEASE * 1.2)
        hung = ask(realm.port, globex, "/orders").status
        realm.process.send_signal(signal.SIGCONT)
        recovered = answered_with(200, realm.port, globex, "/orders")
    return Leased(alive, lasted, refused, back, hung, recovered)


def while_it_changes(realm: Served, connection: raw.Connection, seconds: float) -> set[int]:
    """Return the statuses of a client's requests while the realm changes all the time."""
    seen, end, changed = set(), time.monotonic() + seconds, 0.0
    while (now := time.monotonic()) < end:
        if now - changed > 0.2:
            changed = now
            realm.client(f"client-{time.monotonic_ns()}", "orders")
        seen.add(connection.request("/orders").status)
        time.sleep(TICK)
    return seen


def test_lease_is_renewed_while_the_control_plane_lives(leased: Leased) -> None:
    """Also where the realm never stands still: the known pass for longer than the lease."""
    assert {200} == leased.alive


def test_lease_ends_without_a_control_plane(leased: Leased) -> None:
    """The known pass, and then nobody is known any more: revocations could not have arrived."""
    assert (503, "cannot-decide") == (leased.refused.status, leased.refused.json["code"])
    # It was renewed at most a quarter of its length before the end, and a noisy machine renews late.
    assert LEASE * 0.4 < leased.lasted < LEASE + 0.5


def test_known_pass_again_when_the_control_plane_is_back(leased: Leased) -> None:
    """Ready means that the lease holds again."""
    assert 200 == leased.back


def test_control_plane_that_hung_beyond_the_lease_recovers(leased: Leased) -> None:
    """Its next renewal counts although the lease was over.

    While it hangs the authorizer still answers: a client that Envoy no longer knows is asked about, and allowed.
    """
    assert 200 == leased.hung
    assert leased.recovered < LEASE


def test_lease_ends_where_the_database_is_away_and_comes_back_with_it(tmp_path: Path, api: Upstream) -> None:
    """A control plane that cannot read what was taken away must not vouch for what it read long ago."""
    with realm_at(tmp_path, "--lease", f"{LEASE}s") as realm:
        realm.service("orders", api.url)
        realm.client("globex", "orders")
        _, globex = realm.issue("globex")
        realm.start()
        away = realm.realm.directory.with_name("away")
        with connect(realm.port, globex) as connection:
            realm.realm.directory.rename(away)
            assert connection.request("/").status == 200
            time.sleep(LEASE + 1)
            meanwhile = connection.request("/").status
            away.rename(realm.realm.directory)
            recovered = answered_with(200, realm.port, globex, "/", seconds=10)
    assert (503, True) == (meanwhile, recovered < 10)


@dataclass
class Ending:
    """A client whose certificate ends in a few seconds, and what it saw on its open connection.

    Args:
        end: when the certificate ends.
        seen: when a request was sent, when it was answered, and how.
    """

    end: datetime
    seen: list[tuple[datetime, datetime, Answer]]


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory, api: Upstream) -> dict[str, Ending]:
    """One client of each kind; the control plane is killed before their certificates end."""
    files = tmp_path_factory.mktemp("ending")
    made = datetime.now(UTC) - timedelta(days=2)
    with realm_at(files, made=made) as realm, ExitStack() as connections:
        realm.service("orders", api.url, path="/orders")
        for name in ("globex", "initech", "umbrella"):
            realm.client(name, "orders")
        umbrella = material.root("Umbrella CA")
        realm.accept_authority("umbrella", umbrella.leaf.public_bytes(Encoding.PEM), "DNS:*.umbrella.com")
        realm.start()
        known = ending_soon(realm, umbrella, files)
        realm.settled()
        opened = {}
        for name, (identity, _) in known.items():
            opened[name] = connections.enter_context(connect(realm.port, identity))
            assert opened[name].request("/orders").status == 200
        learned(realm)
        realm.kill()
        story = {name: Ending(end, []) for name, (_, end) in known.items()}
        last = max(one.end for one in story.values()) + timedelta(seconds=0.3)
        while datetime.now(UTC) < last:
            for name, connection in opened.items():
                sent = datetime.now(UTC)
                answer = connection.request("/orders")
                story[name].seen.append((sent, datetime.now(UTC), answer))
            time.sleep(TICK)
    return story


def learned(realm: Served) -> None:
    """Wait until the gateway has taken over what the authorizer has learned."""
    end = time.monotonic() + 5
    while realm.realm.revisions().learned == 0 and time.monotonic() < end:
        time.sleep(TICK)
    time.sleep(0.3)


def ending_soon(realm: Served, partner: material.Holder, files: Path) -> dict[str, tuple[Pem, datetime]]:
    """Make a certificate of each kind that ends in about four seconds; return files and ends, by client."""
    seconds = 4
    now = datetime.now(UTC)
    issued = realm.issue("globex", at=now - timedelta(days=1) + timedelta(seconds=seconds), days=1)
    days = (-1.0, seconds / 86400)
    own = material.issue("initech", names=["initech"], usage=[material.CLIENT], days=days)
    realm.pin("initech", own.leaf.public_bytes(Encoding.PEM))
    branch = material.issue(
        "branch", by=partner, names=["a.umbrella.com"], usage=[material.CLIENT], days=days
    )
    return {
        "globex": (issued[1], issued[0].certificate.not_after),
        "initech": (own.pem(files, "initech"), own.leaf.not_valid_after_utc),
        "umbrella": (branch.pem(files, "umbrella"), branch.leaf.not_valid_after_utc),
    }


@pytest.mark.parametrize("name", ["globex", "initech", "umbrella"])
def test_certificate_that_ends_is_refused_from_that_second_on(endings: dict[str, Ending], name: str) -> None:
    """On its open connection, with nobody there to take it out: issued, pinned and learned."""
    one = endings[name]
    before = {answer.status for _, done, answer in one.seen if done < one.end}
    after = {answer.status for sent, _, answer in one.seen if sent >= one.end}
    assert ({200}, {503}) == (before, after)
    assert "cannot-decide" == one.seen[-1][2].json["code"]
