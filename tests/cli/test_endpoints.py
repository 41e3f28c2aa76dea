from __future__ import annotations

import pytest

from tests.parts import material

URL = ("--url", "https://api.partner.example")


@pytest.fixture
def keystore(tmp_path, password):
    """An identity in a keystore, and the options that name it."""
    made = material.client(material.root("Partner Root"), "us.example").p12(tmp_path)
    password.write_text(made.password)
    return ("--identity", made.path, "--password-file", password)


def test_endpoint_is_added_and_shown(cli, realm, keystore, tmp_path):
    """Its identity, its trust and its authentication, and never a password."""
    trust = material.root("Their Root").ca_file(tmp_path)
    (tmp_path / "secret").write_text("hunter2-hunter2\n")
    options = (
        "--trust",
        trust,
        "--auth",
        "basic",
        "--user",
        "me",
        "--auth-password-file",
        tmp_path / "secret",
    )
    assert 0 == cli("endpoint", "add", "External_System", *URL, *keystore, *options).status
    shown = cli("endpoint", "show", "External_System", "--json")
    assert ("basic", "me", "CN=us.example") == (
        shown.json["auth"],
        shown.json["user"],
        shown.json["identity"]["subject"],
    )
    assert ["CN=Their Root"] == [anchor["subject"] for anchor in shown.json["trust"]]
    assert "hunter2" not in shown.stdout + cli("endpoint", "show", "External_System").stdout


def test_no_secret_is_on_the_disk(cli, realm, keystore, tmp_path):
    """Neither the key nor the token rests in clear."""
    (tmp_path / "secret").write_text("token-token-token\n")
    options = ("--auth", "bearer", "--auth-password-file", tmp_path / "secret")
    assert 0 == cli("endpoint", "add", "partner", *URL, *keystore, *options).status
    stored = b"".join(file.read_bytes() for file in realm.rglob("*") if file.is_file())
    assert b"token-token-token" not in stored


def test_edit_changes_what_is_said(cli, realm, keystore):
    """What is left out stays as it is."""
    cli("endpoint", "add", "partner", *URL, *keystore)
    edited = cli("endpoint", "edit", "partner", "--url", "https://api2.partner.example", "--json").json
    assert ("https://api2.partner.example", "CN=us.example") == (edited["url"], edited["identity"]["subject"])


def test_list_is_a_table(cli, realm):
    """One line an endpoint; without an identity there is a dash."""
    cli("endpoint", "add", "partner", *URL)
    header, line = cli("endpoint", "list").stdout.splitlines()
    assert ["partner", "https://api.partner.example", "none", "-"] == line.split()
    assert header.startswith("NAME")


def test_remove_wants_to_be_meant(cli, realm):
    """Without a terminal and without --yes nothing is removed."""
    cli("endpoint", "add", "partner", *URL)
    assert 2 == cli("endpoint", "remove", "partner").status
    assert 0 == cli("endpoint", "remove", "partner", "--dry-run").status
    assert 1 == len(cli("endpoint", "list", "--json").json)
    assert 0 == cli("endpoint", "remove", "partner", "--yes").status
    assert [] == cli("endpoint", "list", "--json").json


@pytest.mark.parametrize(
    "options",
    [
        ("--auth", "basic"),
        ("--user", "me"),
        ("--auth", "basic", "--user", "me"),
        ("--auth-password-file", __file__),
        ("--auth", "magic"),
    ],
)
def test_authentication_that_is_none_is_wrong_usage(cli, realm, options):
    """Half of it is not guessed at."""
    assert 2 == cli("endpoint", "add", "partner", *URL, *options).status


@pytest.mark.parametrize(
    "url", ["http://api.partner.example", "https://u:p@api.partner.example", "api", "https://"]
)
def test_url_that_cannot_be_called_is_refused(cli, realm, url):
    """Two-way TLS needs https:// and a host."""
    result = cli("endpoint", "add", "partner", "--url", url)
    assert result.status in {1, 2}
    assert [] == cli("endpoint", "list", "--json").json


def test_edit_of_nothing_is_wrong_usage(cli, realm):
    """It does not say that something was changed."""
    cli("endpoint", "add", "umbrella", "--url", "https://api.umbrella.example")
    result = cli("endpoint", "edit", "umbrella")
    assert (2, True) == (result.status, "nothing to change" in result.stderr)
