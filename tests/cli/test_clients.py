from __future__ import annotations

import pytest


@pytest.fixture
def globex(cli, realm):
    """A client that may call orders."""
    assert 0 == cli("client", "add", "globex", "--allow", "orders").status
    return "globex"


def test_client_is_added_and_listed(cli, globex):
    """It has its services and no binding yet."""
    listed = cli("client", "list", "--json").json
    assert [("globex", "active", ["orders"], {})] == [
        (one["name"], one["state"], one["allowed"], one["bindings"]) for one in listed
    ]


def test_client_without_rights_may_call_nothing(cli, realm):
    """A right is given by name."""
    assert [] == cli("client", "add", "globex", "--json").json["allowed"]


def test_rights_are_given_and_taken(cli, globex):
    """Allow and deny take several services."""
    cli("service", "add", "users", "--upstream", "http://127.0.0.1:9000", "--path", "/users")
    assert ["orders", "users"] == cli("client", "allow", "globex", "users", "--json").json["allowed"]
    assert ["users"] == cli("client", "deny", "globex", "orders", "--json").json["allowed"]


def test_right_to_no_service_is_refused_whole(cli, globex):
    """One wrong name, and nothing is given."""
    cli("service", "add", "users", "--upstream", "http://127.0.0.1:9000", "--path", "/users")
    assert 1 == cli("client", "allow", "globex", "users", "no-such").status
    assert ["orders"] == cli("client", "show", "globex", "--json").json["allowed"]


def test_suspended_client_is_resumed(cli, globex):
    """What it had, it has again."""
    assert "suspended" == cli("client", "suspend", "globex", "--json").json["state"]
    assert "active" == cli("client", "resume", "globex", "--json").json["state"]


def test_resuming_an_active_client_is_refused(cli, globex):
    """A state that is there already is no move."""
    assert 1 == cli("client", "resume", "globex").status


def test_remove_wants_to_be_meant(cli, globex):
    """Without a terminal and without --yes nothing is removed; then the name is free."""
    assert 2 == cli("client", "remove", "globex").status
    assert 0 == cli("client", "remove", "globex", "--dry-run").status
    assert 0 == cli("client", "remove", "globex", "--yes").status
    assert [] == cli("client", "list", "--json").json
    assert ["removed"] == [one["state"] for one in cli("client", "list", "--removed", "--json").json]
    assert 0 == cli("client", "add", "globex").status


@pytest.mark.parametrize("name", ["", "Globex", "glo bex", "-", "../x", "a" * 64, "deny", "\x1b[31mx"])
def test_name_of_another_form_is_refused(cli, realm, name):
    """A name goes into headers and certificates; the refusal cannot harm a terminal."""
    result = cli("client", "add", "--", name)
    assert 0 != result.status
    assert "\x1b" not in result.stderr
    assert [] == cli("client", "list", "--json").json


@pytest.mark.parametrize(
    "command", [["show"], ["allow", "orders"], ["suspend"], ["remove", "--yes"], ["revoke", "--yes"]]
)
def test_unknown_client_is_refused_by_its_name(cli, realm, command):
    """Each command names the client that is not there."""
    verb, *rest = command
    result = cli("client", verb, "nobody", *rest, "--json")
    assert (1, "not-in-realm") == (result.status, result.json["error"]["code"])


def test_show_lists_bindings_under_the_client(cli, globex, tmp_path, password):
    """The binding's number is what retire and revoke take."""
    cli("client", "issue", "globex", "-o", tmp_path / "kit", "--out-password-file", password)
    shown = cli("client", "show", "globex").stdout
    assert "allowed  orders" in shown
    assert "issued  active  CN=globex,O=acme" in " ".join(shown.split("\n")).replace("   ", "  ")


def test_refused_name_is_told_the_rule_and_not_repeated_whole(cli, realm):
    """With the limit, as the help has it."""
    result = cli("client", "add", "a" * 5000)
    assert (2, True) == (result.status, "1 to 63 of a-z, 0-9, dot, dash and underscore" in result.stderr)
    assert len(result.stderr) < 500
    assert 2 == cli("client", "add", "\u00dc").status
