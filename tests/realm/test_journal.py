"""The journal: bounded, escaped, and no change."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.x509.pki import AT
from twoway.realm import audit, journal
from twoway.realm.journal import JournalEntry


def refusal(**values: Any) -> JournalEntry:
    """An entry of a refusal."""
    return JournalEntry(**{"kind": "refusal", "code": "client-unknown", "at": AT, **values})


def read(realm, **wanted):
    """The last entries."""
    with realm.reading() as connection:
        return journal.latest(connection, **wanted)


def test_entry_comes_back(realm):
    """With when it began and how often it happened."""
    first = AT - timedelta(minutes=1)
    journal.record(
        realm, [refusal(ticket="T1", count=500, first_at=first, service="orders", detail={"a": [1]})]
    )
    entry = read(realm)[0]
    assert ("T1", 500, first, AT, "orders") == (
        entry.ticket,
        entry.count,
        entry.first_at,
        entry.at,
        entry.service,
    )
    assert {"a": [1]} == json.loads(entry.detail)


def test_journal_is_no_change(realm):
    """No revision, no audit, no unlock key."""
    before, entries = realm.revisions(), audit.verify(realm).count
    (realm.directory / "unlock.key").unlink()
    journal.record(realm, [refusal()])
    assert (before, entries) == (realm.revisions(), audit.verify(realm).count)


def test_text_of_strangers_is_escaped(realm):
    """However deep it lies."""
    evil = "CN=\x1b[2J\u202eevil"
    journal.record(realm, [refusal(subject=evil, source=evil, detail={evil: {"names": [evil]}})])
    entry = read(realm)[0]
    for text in (entry.subject, entry.source, *json.loads(entry.detail)):
        assert text.isprintable()
    assert "\\u001b" not in entry.detail


def test_long_text_is_cut(realm):
    """A subject of megabytes fills no disk."""
    journal.record(realm, [refusal(subject="x" * 10**6, detail={str(n): "y" * 900 for n in range(100)})])
    entry = read(realm)[0]
    assert len(entry.subject) < 1100
    assert len(entry.detail) < 9000
    json.loads(entry.detail)


def test_follower_misses_nothing(realm):
    """It asks for what came after the last one that it has."""
    journal.record(realm, [refusal(ticket=f"T{number}") for number in range(5)])
    with realm.reading() as connection:
        first = journal.entries(connection, since=0, limit=2)
        rest = journal.entries(connection, since=first[-1].id)
    assert ["T0", "T1"] == [entry.ticket for entry in first]
    assert ["T2", "T3", "T4"] == [entry.ticket for entry in rest]


def test_oldest_entries_go(realm, monkeypatch):
    """And an id is not given again."""
    monkeypatch.setattr(journal, "ROWS", 10)
    journal.record(realm, [refusal(ticket=f"T{number}") for number in range(25)])
    assert [f"T{number}" for number in range(15, 25)] == [entry.ticket for entry in read(realm)]
    assert 25 == read(realm)[-1].id


@pytest.mark.parametrize(
    ("wanted", "count"), [({"ticket": "T3"}, 1), ({"client": "globex"}, 5), ({"service": "x"}, 0)]
)
def test_entries_are_found(realm, wanted, count):
    """By ticket, client or service."""
    journal.record(realm, [refusal(ticket=f"T{number}", client="globex") for number in range(5)])
    assert count == len(read(realm, **wanted))


def test_nothing_to_record_writes_nothing(realm):
    """An idle gateway takes no lock."""
    with realm.writing():
        journal.record(realm, [])
