"""The audit: whatever is changed, removed, inserted, reordered or cut is found and named."""

from __future__ import annotations

import json

import pytest

from twoway.errors import AuditBroken
from twoway.realm import audit, clients


@pytest.fixture(autouse=True)
def history(changing):
    """Four entries of the new realm, and one each of six changes."""
    for number in range(6):
        with changing() as change:
            clients.add(change, f"client{number}")


def tampered(realm, *statements):
    """Change the database from outside and return what the audit says to that."""
    with realm.writing() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    with pytest.raises(AuditBroken) as caught:
        audit.verify(realm)
    return caught.value


def test_audit_holds(realm):
    """Ten entries, and a head to be kept elsewhere."""
    verified = audit.verify(realm)
    with realm.reading() as connection:
        last = audit.latest(connection, limit=1)[0]
    assert (10, last.mac.hex()) == (verified.count, verified.head)


def test_entry_says_who_did_what_when(realm):
    """An entry of the last change."""
    with realm.reading() as connection:
        entry = audit.latest(connection, limit=1)[0]
    assert ("test", "client.add", "client5", 7) == (entry.actor, entry.action, entry.subject, entry.revision)


@pytest.mark.parametrize(
    "values",
    [
        "at = '2031-01-01T00:00:00.000000Z'",
        "actor = 'somebody else'",
        "revision = 99",
        "action = 'client.remove'",
        "subject = 'globex'",
        """facts = '{"a":1}'""",
        "mac = zeroblob(32)",
    ],
)
def test_changed_entry_is_found(realm, values):
    """Every column counts."""
    assert 7 == tampered(realm, f"UPDATE audit_entry SET {values} WHERE sequence = 7").sequence  # noqa: S608 - a test's own words


def test_removed_entry_is_found(realm):
    """A gap names itself."""
    assert 5 == tampered(realm, "DELETE FROM audit_entry WHERE sequence = 5").sequence


def test_removed_entry_is_found_after_renumbering(realm):
    """Closing the gap does not help."""
    moved = "UPDATE audit_entry SET sequence = sequence - 1 WHERE sequence > 5"
    assert 5 == tampered(realm, "DELETE FROM audit_entry WHERE sequence = 5", moved).sequence


def test_inserted_entry_is_found(realm):
    """A copy at the end is one too many."""
    copied = (
        "INSERT INTO audit_entry SELECT 11, at, actor, revision, action, subject, facts, mac "
        "FROM audit_entry WHERE sequence = 10"
    )
    assert 11 == tampered(realm, copied).sequence


def test_reordered_entries_are_found(realm):
    """Two entries that change places."""
    swapped = (
        "UPDATE audit_entry SET sequence = -6 WHERE sequence = 6",
        "UPDATE audit_entry SET sequence = 6 WHERE sequence = 7",
        "UPDATE audit_entry SET sequence = 7 WHERE sequence = -6",
    )
    assert 6 == tampered(realm, *swapped).sequence


def test_cut_tail_is_found(realm):
    """By the head's count."""
    assert 9 == tampered(realm, "DELETE FROM audit_entry WHERE sequence > 8").sequence


def test_cut_tail_is_found_though_the_head_was_set_back(realm):
    """The head has a MAC of its own, which nobody makes without the key."""
    head = "UPDATE realm SET audit_count = 8, audit_mac = (SELECT mac FROM audit_entry WHERE sequence = 8)"
    assert 8 == tampered(realm, "DELETE FROM audit_entry WHERE sequence > 8", head).sequence


def test_emptied_audit_is_found(realm):
    """Nothing at all is not a new realm."""
    assert 1 == tampered(realm, "DELETE FROM audit_entry").sequence


def test_change_does_not_hide_a_head_that_was_set_back(realm, changing):
    """Another entry would make the cut look whole: it is refused."""
    tampered(realm, "DELETE FROM audit_entry WHERE sequence > 8", "UPDATE realm SET audit_count = 8")
    with pytest.raises(AuditBroken), changing() as change:
        clients.add(change, "late")


def test_change_after_a_cut_does_not_hide_it(realm, changing):
    """The next entry continues the count, and the gap stays."""
    tampered(realm, "DELETE FROM audit_entry WHERE sequence > 8")
    with changing() as change:
        clients.add(change, "late")
    with pytest.raises(AuditBroken) as caught:
        audit.verify(realm)
    assert 9 == caught.value.sequence


def test_facts_have_one_form(changing):
    """Sorted, without blanks, moments as text."""
    with changing() as change:
        facts = audit.canonical({"b": change.at, "a": {"y", "x"}})
    assert '{"a":["x","y"],"b":"2030-01-01T00:00:00.000000Z"}' == facts


def test_bytes_do_not_go_into_the_audit(changing):
    """What could be a key is refused."""
    with pytest.raises(TypeError), changing() as change:
        change.audit("test", "test", key=b"secret")


def test_entries_are_read_from_where_one_left_off(realm):
    """By sequence number."""
    with realm.reading() as connection:
        found = [entry.sequence for entry in audit.entries(connection, since=3, limit=2)]
        facts = [json.loads(entry.facts) for entry in audit.entries(connection)]
    assert [4, 5] == found
    assert {"unlock": "file"} == facts[0]
