"""A stranger hammers on the gateway; and what known clients cost when nobody does."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.gateway.flood import flood
from tests.gateway.load import Load, answered_with, ask, connect, load
from tests.parts import material, raw
from tests.parts.credentials import Pem
from tests.parts.served import Served, realm_at
from tests.parts.upstream import Upstream, upstream
from twoway.gateway.bootstrap import QUESTIONS_PER_SOURCE
from twoway.gateway.statistics import questions
from twoway.realm import journal
from twoway.realm.records import JournalEntryRecord
from twoway.x509.certificates import load_certificates

CONNECTIONS = 32
SECONDS = 2.5


@pytest.fixture(scope="module")
def api() -> Iterator[Upstream]:
    """A backend."""
    with upstream() as made:
        yield made


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Pem:
    """A caller whose certificate is nobody's."""
    root = material.root("Strange CA")
    return material.client(root, "stranger").pem(tmp_path_factory.mktemp("stranger"))


@dataclass
class Flood:
    """What a stranger was answered on its connections, by status, and how long it went on."""

    answers: Counter[int]
    seconds: float


@dataclass
class Story:
    """What was seen while a stranger hammered.

    Args:
        flood: what it was answered.
        known: a known client that called meanwhile.
        revoked: seconds from a revocation to the refusal on an open connection.
        entries: what the journal says of the stranger, when all had ended.
    """

    flood: Flood
    known: Load
    revoked: float
    entries: tuple[JournalEntryRecord, ...]

    def counted(self, code: str) -> int:
        """How many refusals the journal counts."""
        return sum(entry.count for entry in self.entries if entry.code == code)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, api: Upstream, stranger: Pem) -> Story:
    """A stranger on 32 connections, a known client, and a revocation in the middle of it."""
    files = tmp_path_factory.mktemp("flood")
    with realm_at(files) as realm:
        realm.service("orders", api.url, path="/orders")
        known = {}
        for name in ("globex", "soylent"):
            realm.client(name, "orders")
            known[name] = realm.issue(name)[1]
        realm.start()
        answers: Counter[int] = Counter()
        with (
            connect(realm.port, known.pop("soylent")) as leaving,
            load(realm.port, known, "/orders") as requests,
            flood(realm.port, stranger, CONNECTIONS, answers),
        ):
            assert leaving.request("/orders").status == 200
            began = time.monotonic()
            time.sleep(SECONDS / 2)
            revoked = revocation(realm, leaving)
            time.sleep(max(0.0, began + SECONDS - time.monotonic()))
        # It had begun a little before, and has ended a little later than the block.
        seconds = time.monotonic() - began + 0.5
        realm.stop()
        with realm.realm.reading() as connection:
            told = journal.latest(connection, limit=100_000)
    sha256 = load_certificates(Path(stranger.certificate).read_bytes())[0].sha256
    entries = tuple(entry for entry in told if entry.sha256 == sha256)
    return Story(Flood(answers, seconds), requests, revoked, entries)


def revocation(realm: Served, leaving: raw.Connection) -> float:
    """Revoke a client, and return the seconds until its open connection is refused."""
    began = time.monotonic()
    realm.revoke("soylent")
    while leaving.request("/orders").status == 200:
        pass
    return time.monotonic() - began


def test_questions_are_bounded(story: Story) -> None:
    """The authorizer decides on so many a second; all others hear that nobody can decide now.

    On a busy machine the flood may be too slow for there to be others.
    """
    asked = story.flood.answers[403]
    assert 0 < asked <= QUESTIONS_PER_SOURCE * (story.flood.seconds + 1)
    assert story.flood.answers.total() == asked + story.flood.answers[503]


def test_known_clients_do_not_notice(story: Story) -> None:
    """Not one of their requests fails."""
    assert ([], True) == (story.known.failed, story.known.count() > 50)


def test_revocation_takes_effect_at_once(story: Story) -> None:
    """Strangers are another process's work."""
    assert story.revoked < 1


def test_journal_counts_the_flood(story: Story) -> None:
    """Few entries, and their counts add up to what the stranger saw."""
    decided, undecided = story.counted("certificate-unknown"), story.counted("cannot-decide")
    assert story.flood.answers[403] == decided
    assert story.flood.answers[503] * 0.5 <= undecided <= story.flood.answers[503]
    assert len(story.entries) < story.flood.answers.total() / 3


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, api: Upstream) -> Iterator[Served]:
    """A gateway with one service."""
    with realm_at(tmp_path_factory.mktemp("quiet")) as made:
        made.service("orders", api.url, path="/orders")
        made.start()
        yield made


@pytest.fixture(scope="module")
def known(gateway: Served, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pem]:
    """A known client of each kind."""
    files = tmp_path_factory.mktemp("known")
    for name in ("globex", "initech", "umbrella"):
        gateway.client(name, "orders")
    own = material.client(material.root("Initech CA"), "initech")
    gateway.pin("initech", own.leaf.public_bytes(Encoding.PEM))
    authority = material.root("Umbrella CA")
    gateway.accept_authority("umbrella", authority.leaf.public_bytes(Encoding.PEM), "DNS:*.umbrella.com")
    branch = material.client(authority, "branch.umbrella.com").pem(files, "umbrella")
    made = {"globex": gateway.issue("globex")[1], "initech": own.pem(files, "initech"), "umbrella": branch}
    gateway.settled()
    learned(gateway, branch)
    return made


def learned(gateway: Served, identity: Pem) -> None:
    """Let a partner's certificate be asked about until the gateway knows it."""
    end = time.monotonic() + 10
    before = -1
    while (asked := questions(gateway.runtime)) != before:
        assert time.monotonic() < end
        before = asked
        answered_with(200, gateway.port, identity, "/orders")
        time.sleep(0.1)


@pytest.mark.parametrize("name", ["globex", "initech", "umbrella"])
def test_known_clients_are_never_asked_about(gateway: Served, known: dict[str, Pem], name: str) -> None:
    """A thousand requests of an issued, a pinned and a learned certificate, and not one question."""
    before = questions(gateway.runtime)
    with connect(gateway.port, known[name]) as connection:
        statuses = Counter(connection.request("/orders").status for _ in range(1000))
    assert ({200: 1000}, before) == (statuses, questions(gateway.runtime))


def test_unknown_are_asked_about(gateway: Served, known: dict[str, Pem], stranger: Pem) -> None:
    """The counter counts."""
    before = questions(gateway.runtime)
    ask(gateway.port, stranger, "/orders")
    assert before + 1 == questions(gateway.runtime)


def test_callers_without_a_certificate_are_not_asked_about(gateway: Served) -> None:
    """Envoy answers them by itself."""
    before = questions(gateway.runtime)
    with connect(gateway.port, None) as connection:
        statuses = Counter(connection.request("/orders").status for _ in range(100))
    assert ({403: 100}, before) == (statuses, questions(gateway.runtime))
