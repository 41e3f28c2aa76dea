"""The database is away, rubbish, replaced or locked; known clients pass, and everything recovers."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.gateway.load import Load, answered_with, ask, load
from tests.parts import material
from tests.parts.credentials import Pem
from tests.parts.served import Served, realm_at
from tests.parts.upstream import Upstream, upstream
from twoway.realm.database import BUSY_SECONDS, FILE

# Longer than anybody waits for the lock.
LOCKED_SECONDS = BUSY_SECONDS + 0.5


@pytest.fixture(scope="module")
def api() -> Iterator[Upstream]:
    """A backend."""
    with upstream() as made:
        yield made


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, api: Upstream) -> Iterator[Served]:
    """A gateway with one service."""
    with realm_at(tmp_path_factory.mktemp("database")) as made:
        made.service("orders", api.url, path="/orders")
        made.client("globex", "orders")
        made.start()
        yield made


@pytest.fixture(scope="module")
def globex(gateway: Served) -> Pem:
    """A known client."""
    _, files = gateway.issue("globex")
    gateway.settled()
    return files


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Pem:
    """A caller whose certificate is nobody's."""
    root = material.root("Strange CA")
    return material.client(root, "stranger").pem(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def known(gateway: Served, globex: Pem) -> Iterator[Load]:
    """A known client that calls all the time, and of which nothing fails."""
    with load(gateway.port, {"globex": globex}, "/orders") as requests:
        yield requests
    assert ([], True) == (requests.failed, requests.count() > 0)


@pytest.fixture
def away(gateway: Served) -> Path:
    """Where the realm is moved to."""
    return gateway.realm.directory.with_name("away")


def test_database_that_is_gone_and_comes_back(
    gateway: Served, api: Upstream, known: Load, stranger: Pem, away: Path
) -> None:
    """The unknown hear that nobody can decide; afterwards a change takes effect as before.

    The journal has it afterwards, too, and nothing of theirs went upstream.
    """
    answered_with(403, gateway.port, stranger, "/orders")
    gateway.realm.directory.rename(away)
    answered_with(503, gateway.port, stranger, "/orders")
    refused = ask(gateway.port, stranger, "/orders")
    away.rename(gateway.realm.directory)
    assert (503, "cannot-decide") == (refused.status, refused.json["code"])
    answered_with(403, gateway.port, stranger, "/orders")
    gateway.client("hooli", "orders")
    _, identity = gateway.issue("hooli")
    gateway.settled()
    assert 200 == ask(gateway.port, identity, "/orders").status
    assert "alarm" == gateway.entries("realm-unread")[-1].kind
    [entry] = gateway.entries(ticket=refused.json["ticket"])
    assert ("cannot-decide", "orders") == (entry.code, entry.service)
    assert {("globex",), ("hooli",)} == {tuple(request.values("x-client-id")) for request in api.requests}


def test_rubbish_in_place_of_the_database(gateway: Served, known: Load, stranger: Pem, away: Path) -> None:
    """Nobody new gets in by it, and when the true one is back all is well."""
    gateway.realm.directory.rename(away)
    gateway.realm.directory.mkdir(mode=0o700)
    (gateway.realm.directory / FILE).write_bytes(b"rubbish" * 1000)
    answered_with(503, gateway.port, stranger, "/orders")
    shutil.rmtree(gateway.realm.directory)
    away.rename(gateway.realm.directory)
    answered_with(403, gateway.port, stranger, "/orders")


def test_revocation_in_a_database_that_was_brought_back(gateway: Served, stranger: Pem, away: Path) -> None:
    """What was done to it while it was away counts as soon as it is back."""
    gateway.client("soylent", "orders")
    _, identity = gateway.issue("soylent")
    gateway.settled()
    assert 200 == ask(gateway.port, identity, "/orders").status
    gateway.realm.directory.rename(away)
    answered_with(503, gateway.port, stranger, "/orders")
    away.rename(gateway.realm.directory)
    gateway.revoke("soylent")
    assert 403 == ask(gateway.port, identity, "/orders").status


def test_unknown_are_decided_on_while_the_database_is_locked(
    gateway: Served, known: Load, stranger: Pem
) -> None:
    """A writer that holds its lock for longer than anybody waits: who only reads does not notice."""
    gateway.client("umbrella", "orders")
    authority = material.root("Umbrella CA")
    gateway.accept_authority("umbrella", authority.leaf.public_bytes(Encoding.PEM), "DNS:*.umbrella.com")
    branch = material.client(authority, "branch.umbrella.com").pem(gateway.files, "branch")
    gateway.settled()
    with closing(sqlite3.connect(gateway.realm.directory / FILE, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        end = time.monotonic() + LOCKED_SECONDS
        slowest = 0.0
        while time.monotonic() < end:
            began = time.monotonic()
            assert 403 == ask(gateway.port, stranger, "/orders").status
            assert 200 == ask(gateway.port, branch, "/orders").status
            slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.05)
        other.execute("ROLLBACK")
    assert slowest < 1
    wait_until_learned(gateway)


def wait_until_learned(gateway: Served) -> None:
    """Wait until what could not be written down is.

    Raises:
        TimeoutError: it is lost.
    """
    end = time.monotonic() + 10
    while gateway.realm.revisions().learned == 0:
        if time.monotonic() > end:
            raise TimeoutError("nothing was learned")
        time.sleep(0.02)
