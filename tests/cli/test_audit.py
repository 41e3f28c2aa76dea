from __future__ import annotations

import sqlite3

import pytest


@pytest.fixture
def realm(cli, tmp_path):
    """The arguments that name a realm."""
    place = ("--realm", str(tmp_path / "realm"))
    assert 0 == cli("init", *place).status
    return place


def test_audit_lists_what_was_done_and_by_whom(cli, realm):
    """Making the realm is its first entry."""
    first = cli("audit", "list", *realm, "--json").json[0]
    assert (1, "realm.create") == (first["sequence"], first["action"])
    assert first["actor"].startswith("cli:")


def test_audit_list_is_a_table(cli, realm):
    """Without --json there is one line an entry, under a header."""
    lines = cli("audit", "list", *realm, "--limit", "1").stdout.splitlines()
    assert 2 == len(lines)
    assert lines[0].startswith("NUMBER")


def test_audit_verify_finds_a_change(cli, realm, tmp_path):
    """An entry that was edited in the database is named by its number."""
    with sqlite3.connect(tmp_path / "realm" / "realm.db") as database:
        database.execute("UPDATE audit_entry SET actor = 'cli:mallory' WHERE sequence = 1")
    database.close()
    result = cli("audit", "verify", *realm, "--json")
    assert (1, "audit-broken") == (result.status, result.json["error"]["code"])
    assert 1 == result.json["error"]["facts"]["sequence"]


def test_audit_verify_says_how_much_it_checked(cli, realm):
    """The count and the head can be kept elsewhere."""
    verified = cli("audit", "verify", *realm, "--json").json
    assert verified["count"] == len(cli("audit", "list", *realm, "--json").json)
    assert 64 == len(verified["head"])
