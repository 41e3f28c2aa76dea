from __future__ import annotations

import sqlite3


def test_audit_lists_what_was_done_and_by_whom(cli, realm):
    """Making the realm is its first entry."""
    first = cli("audit", "list", "--json").json[0]
    assert (1, "realm.create") == (first["sequence"], first["action"])
    assert first["actor"].startswith("cli:")


def test_audit_list_is_a_table(cli, realm):
    """Without --json there is one line an entry, under a header."""
    lines = cli("audit", "list", "--limit", "1").stdout.splitlines()
    assert 2 == len(lines)
    assert lines[0].startswith("NUMBER")


def test_audit_verify_finds_a_change(cli, realm):
    """An entry that was edited in the database is named by its number."""
    with sqlite3.connect(realm / "realm.db") as database:
        database.execute("UPDATE audit_entry SET actor = 'cli:mallory' WHERE sequence = 1")
    database.close()
    result = cli("audit", "verify", "--json")
    assert (1, "audit-broken") == (result.status, result.json["error"]["code"])
    assert 1 == result.json["error"]["facts"]["sequence"]


def test_audit_verify_says_how_much_it_checked(cli, realm):
    """The count and the head can be kept elsewhere."""
    verified = cli("audit", "verify", "--json").json
    assert verified["count"] == len(cli("audit", "list", "--json").json)
    assert 64 == len(verified["head"])
