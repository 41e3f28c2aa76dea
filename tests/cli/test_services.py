from __future__ import annotations

import pytest

from tests.parts import material

UPSTREAM = ("--upstream", "http://127.0.0.1:9000")


def test_service_is_added_with_safe_defaults(cli, realm):
    """A name and an upstream are enough; a certificate is required and nothing is told to strangers."""
    added = cli("service", "add", "users", *UPSTREAM, "--host", "api.example.com", "--json").json
    wanted = ("required", "explain", "bare", ["x-client-id"], 3600)
    assert wanted == tuple(
        added[name] for name in ("client_certificate", "handshake", "refusals", "send", "max_stream_seconds")
    )
    assert added["certificate"]["issued_by_us"]


def test_service_takes_all_its_options(cli, realm):
    """What is said is stored, in one form."""
    options = ["--host", "API.example.com", "--path", "/users/", "--client-certificate", "optional"]
    options += ("--refusals", "explained", "--max-stream", "1h30m", "--ca-name", "CN=Root,O=Umbrella")
    options += ("--send", "Client-Cert", "--send", "x-client-id")
    cli("service", "add", "users", *UPSTREAM, *options)
    shown = cli("service", "show", "users", "--json").json
    assert ("api.example.com", "/users", "optional") == (
        shown["host"],
        shown["path"],
        shown["client_certificate"],
    )
    assert ("explained", 5400) == (shown["refusals"], shown["max_stream_seconds"])
    assert (["client-cert", "x-client-id"], ["CN=Root,O=Umbrella"]) == (shown["send"], shown["ca_names"])


def test_edit_leaves_alone_what_is_not_said(cli, realm):
    """One option changes one thing."""
    before = cli("service", "show", "orders", "--json").json
    assert 0 == cli("service", "edit", "orders", "--refusals", "explained").status
    assert {**before, "refusals": "explained"} == cli("service", "show", "orders", "--json").json


def test_none_takes_headers_and_names_away(cli, realm):
    """An upstream that must not know who calls gets no header."""
    cli("service", "edit", "orders", "--ca-name", "CN=Root")
    edited = cli("service", "edit", "orders", "--send", "none", "--ca-name", "none", "--json").json
    assert ([], []) == (edited["send"], edited["ca_names"])


def test_ca_name_may_be_a_certificate_file(cli, realm, tmp_path):
    """The subject is taken from the file, to the byte."""
    file = material.root("Umbrella Root").ca_file(tmp_path)
    edited = cli("service", "edit", "orders", "--ca-name", file, "--json").json
    assert ["CN=Umbrella Root"] == edited["ca_names"]


@pytest.mark.parametrize("duration", ["", "soon", "1w", "-1", "1.5h", "1h 5m"])
def test_duration_of_another_form_is_wrong_usage(cli, realm, duration):
    """What is meant is not guessed."""
    result = cli("service", "edit", "orders", "--max-stream", duration)
    assert 2 == result.status
    assert "no duration" in result.stderr


def test_brought_certificate_is_used_and_watched(cli, realm, tmp_path, password):
    """Any keystore will do; its password comes from a file."""
    root = material.root()
    keystore = material.server(root, "api.example.com").p12(tmp_path)
    password.write_text(keystore.password)
    options = ("--host", "api.example.com", "--identity", keystore.path, "--password-file", password)
    added = cli("service", "add", "users", *UPSTREAM, *options, "--json").json
    assert (False, [str(keystore.path)]) == (
        added["certificate"]["issued_by_us"],
        added["certificate"]["files"],
    )


def test_brought_certificate_may_be_spelled_out(cli, realm, tmp_path):
    """Key and certificate in files of their own are the same as a keystore."""
    files = material.server(material.root(), "api.example.com").pem(tmp_path)
    options = ("--host", "api.example.com", "--key", files.key, "--certificate", files.certificate)
    added = cli("service", "add", "users", *UPSTREAM, *options, "--json").json
    assert not added["certificate"]["issued_by_us"]


def test_keystore_without_its_password_is_refused_with_the_option(cli, realm, tmp_path):
    """Where nobody can be asked, the hint names the option."""
    keystore = material.server(material.root()).p12(tmp_path)
    result = cli("service", "edit", "orders", "--identity", keystore.path)
    assert 1 == result.status
    assert "--password-file" in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--identity", "no-such-file.p12"),
        ("--identity", "gateway/no.such.host"),
        ("--certificate", __file__),
        ("--identity", __file__, "--key", __file__),
    ],
)
def test_identity_that_is_none_is_wrong_usage(cli, realm, options):
    """Options that contradict each other or name nothing do nothing."""
    assert 2 == cli("service", "edit", "orders", *options).status


def test_identity_may_be_an_entry_of_the_vault(cli, realm):
    """What the vault has need not be brought again."""
    cli("service", "add", "users", *UPSTREAM, "--host", "api.example.com")
    first = cli("service", "show", "users", "--json").json["certificate"]
    edited = cli("service", "edit", "orders", "--identity", "gateway/api.example.com", "--json").json
    assert first["sha256"] == edited["certificate"]["sha256"]


def test_identity_of_the_vault_is_watched_like_the_first(cli, realm, tmp_path, password):
    """Its files are remembered with it."""
    keystore = material.server(material.root(), "api.example.com").p12(tmp_path)
    password.write_text(keystore.password)
    options = ("--host", "api.example.com", "--identity", keystore.path, "--password-file", password)
    cli("service", "add", "users", *UPSTREAM, *options)
    edited = cli("service", "edit", "orders", "--identity", "gateway/api.example.com", "--json").json
    assert [str(keystore.path)] == edited["certificate"]["files"]


def test_certificate_that_serves_nobody_is_refused(cli, realm, tmp_path):
    """With its file, all that is wrong and what to do."""
    client = material.issue("globex", usage=[material.CLIENT], names=["globex"]).pem(tmp_path)
    options = ("--host", "api.example.com", "--key", client.key, "--certificate", client.certificate)
    result = cli("service", "add", "users", *UPSTREAM, *options, "--json")
    error = result.json["error"]
    codes = {"host-certificate-no-server-auth", "host-certificate-other-names"}
    assert (1, "host-certificate-unfit") == (result.status, error["code"])
    assert codes == set(error["facts"]["codes"].split(","))
    assert str(client.certificate) in error["title"]
    assert "serverAuth" in error["remedy"]
    assert ["orders"] == [one["name"] for one in cli("service", "list", "--json").json]


def test_certificate_that_only_some_take_is_a_warning(cli, realm, tmp_path):
    """It is taken, and said so in words and in JSON."""
    files = material.issue("api.example.com", usage=[material.SERVER]).pem(tmp_path)
    options = ("--host", "api.example.com", "--key", files.key, "--certificate", files.certificate)
    added = cli("service", "add", "users", *UPSTREAM, *options)
    assert (0, True) == (added.status, "warning: " in added.stderr and "hint: " in added.stderr)
    edited = cli("service", "edit", "users", *options[2:], "--json")
    assert (0, ["host-certificate-no-names"]) == (
        edited.status,
        [one["code"] for one in edited.json["findings"]],
    )


def test_what_holds_for_the_whole_host_is_said(cli, realm):
    """When a service is added or changed that says otherwise than another."""
    added = cli("service", "add", "users", *UPSTREAM, "--path", "/users", "--ca-name", "CN=Root")
    assert (0, True) == (added.status, "(service-ca-names-shared)" in added.stderr)
    edited = cli("service", "edit", "orders", "--refusals", "explained", "--json").json
    assert ["service-ca-names-shared"] == [one["code"] for one in edited["findings"]]


def test_path_that_cannot_be_told_apart_is_refused(cli, realm):
    """Two services never share a path."""
    result = cli("service", "add", "again", *UPSTREAM, "--json")
    assert (1, "path-indistinct") == (result.status, result.json["error"]["code"])


def test_list_is_a_table_of_services(cli, realm):
    """One line a service under a header; the host that stands for all others is a star."""
    header, line = cli("service", "list").stdout.splitlines()
    assert header.startswith("NAME")
    assert ["orders", "*", "/", "http://127.0.0.1:8080", "required", "explain", "-"] == line.split()


def test_remove_wants_to_be_meant(cli, realm):
    """Without a terminal and without --yes nothing is removed."""
    assert 2 == cli("service", "remove", "orders").status
    assert 0 == cli("service", "remove", "orders", "--dry-run").status
    assert 1 == len(cli("service", "list", "--json").json)
    assert 0 == cli("service", "remove", "orders", "--yes").status
    assert [] == cli("service", "list", "--json").json


def test_unknown_service_is_refused_by_its_name(cli, realm):
    """The finding names what was asked for."""
    result = cli("service", "show", "ordres", "--json")
    assert (1, "ordres") == (result.status, result.json["error"]["facts"]["name"])


def test_ca_name_without_equals_is_a_file_that_exists(cli, realm, tmp_path):
    """A mistyped file does not become the subject of a CA that nobody has."""
    result = cli("service", "edit", "orders", "--ca-name", tmp_path / "missing-ca.pem")
    assert (2, True) == (result.status, "missing-ca.pem: no such file" in result.stderr)


@pytest.mark.parametrize(
    "wrong",
    [
        ("--max-stream", "0"),
        ("--upstream", "ftp://x"),
        ("--host", "a_b"),
        ("--host", "\u00fc.example.com"),
        ("--path", "orders"),
        ("--send", "x-header"),
        ("--send", "none", "--send", "x-client-id"),
        ("--ca-name", "none", "--ca-name", "CN=Root"),
        ("--handshake", "strict", "--client-certificate", "off"),
    ],
)
def test_value_that_cannot_be_is_wrong_usage(cli, realm, wrong):
    """Whatever checks it, the status is 2, and the words name the option as it was typed."""
    result = cli("service", "edit", "orders", *wrong)
    assert (2, True) == (result.status, wrong[-2] in result.stderr)


def test_advice_names_the_option(cli, realm):
    """Nobody has to know the names that the database has."""
    result = cli("service", "edit", "orders", "--max-stream", "0")
    assert "error: --max-stream '0'" in result.stderr
    assert "hint: give another --max-stream" in result.stderr


def test_edit_of_nothing_is_wrong_usage(cli, realm):
    """It does not say that something was changed."""
    result = cli("service", "edit", "orders")
    assert (2, True) == (result.status, "nothing to change" in result.stderr)


def test_key_without_certificate_is_told_what_is_missing(cli, realm, tmp_path):
    """A key alone serves nobody."""
    result = cli("service", "edit", "orders", "--key", material.server(material.root()).pem(tmp_path).key)
    assert (1, True) == (result.status, "the private key 'key' has no certificate" in result.stderr)
    assert "--certificate" in result.stderr
