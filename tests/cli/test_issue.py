from __future__ import annotations

import os
import pty
import re
import stat
import subprocess
import sys

import pytest

from twoway import keystores
from twoway.x509.certificates import load_certificates
from twoway.x509.chains import path
from twoway.x509.keys import new_key
from twoway.x509.names import distinguished_name, subject_alternative_name
from twoway.x509.purposes import Purpose
from twoway.x509.requests import new_request


@pytest.fixture(autouse=True)
def globex(cli, realm):
    """A client to issue for."""
    assert 0 == cli("client", "add", "globex").status


def test_kit_has_all_that_the_client_needs(cli, tmp_path, password):
    """The keystore opens with the password and chains to what is in server-ca.pem."""
    issued = cli(
        "client", "issue", "globex", "-o", tmp_path / "kit", "--out-password-file", password, "--json"
    ).json
    kit = {file.name: file.read_bytes() for file in (tmp_path / "kit").iterdir()}
    assert {"client.p12", "certificate.pem", "chain.pem", "server-ca.pem"} == set(kit) == set(issued["files"])
    identity = keystores.load(kit["client.p12"], "correct-horse-battery").identity("globex")
    assert identity.certificates == (
        *load_certificates(kit["certificate.pem"]),
        *load_certificates(kit["chain.pem"]),
    )
    anchors = load_certificates(kit["server-ca.pem"])
    path(identity.leaf, identity.issuers, anchors, at=identity.leaf.not_before, purpose=Purpose.CLIENT)


def test_stock_openssl_opens_the_kit(real_part, cli, tmp_path, password):
    """Other people's programs read what we hand over."""
    cli("client", "issue", "globex", "-o", tmp_path / "kit", "--out-password-file", password)
    command = ["pkcs12", "-in", tmp_path / "kit" / "client.p12", "-passin", f"file:{password}", "-nokeys"]
    shown = subprocess.run(
        [real_part("openssl"), *command], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"subject=.*CN ?= ?globex", shown)


def test_only_its_owner_reads_the_keystore(cli, tmp_path, password):
    """Mode 0600 for what holds a key, and no key anywhere else."""
    cli("client", "issue", "globex", "-o", tmp_path / "kit", "--out-password-file", password)
    assert 0o600 == stat.S_IMODE((tmp_path / "kit" / "client.p12").stat().st_mode)
    assert not any(b"PRIVATE KEY" in file.read_bytes() for file in (tmp_path / "kit").iterdir())


def test_binding_is_active_at_once(cli, tmp_path, password):
    """The certificate is known to the realm before anybody has it."""
    issued = cli(
        "client", "issue", "globex", "-o", tmp_path / "kit", "--out-password-file", password, "--json"
    ).json
    (binding,) = cli("client", "show", "globex", "--json").json["bindings"]
    assert ("issued", "active", issued["certificate"]["sha256"]) == (
        binding["kind"],
        binding["state"],
        binding["sha256"],
    )


def test_request_keeps_the_key_where_it_is(cli, tmp_path):
    """With a CSR there is no keystore, no password, and nothing of the request but its key."""
    key = new_key()
    asked = new_request(
        key, distinguished_name("CN=admin,O=Evil"), [subject_alternative_name("DNS:evil.example")]
    )
    (tmp_path / "request.pem").write_bytes(asked)
    issued = cli(
        "client", "issue", "globex", "-o", tmp_path / "kit", "--csr", tmp_path / "request.pem", "--json"
    ).json
    assert {"certificate.pem", "chain.pem", "server-ca.pem"} == {
        file.name for file in (tmp_path / "kit").iterdir()
    }
    assert ("CN=globex,O=acme", []) == (issued["certificate"]["subject"], issued["certificate"]["san"])
    assert ["DNS:evil.example"] == issued["requested"]["names"]


def test_days_and_names_are_ours_to_say(cli, tmp_path, password):
    """They come from the options."""
    options = ("--out-password-file", password, "--days", "7", "--san", "DNS:globex.example")
    cli("client", "issue", "globex", "-o", tmp_path / "kit", *options)
    (leaf,) = load_certificates((tmp_path / "kit" / "certificate.pem").read_bytes())
    assert (7, ("DNS:globex.example",)) == ((leaf.not_after - leaf.not_before).days, leaf.san)


def test_nothing_is_issued_that_cannot_be_written(cli, tmp_path, password):
    """A file in the way is found before the certificate is made; --force replaces it."""
    (tmp_path / "client.p12").write_bytes(b"precious")
    order = ("client", "issue", "globex", "-o", tmp_path, "--out-password-file", password)
    assert 2 == cli(*order).status
    assert [] == cli("client", "show", "globex", "--json").json["bindings"]
    assert b"precious" == (tmp_path / "client.p12").read_bytes()
    assert 0 == cli(*order, "--force").status


def test_dry_run_issues_nothing(cli, tmp_path, password):
    """And says what it would."""
    order = ("client", "issue", "globex", "-o", tmp_path / "kit", "--dry-run", "--json")
    result = cli(*order)
    assert (0, "globex") == (result.status, result.json["client"])
    assert ([], False) == (
        cli("client", "show", "globex", "--json").json["bindings"],
        (tmp_path / "kit").exists(),
    )


@pytest.mark.parametrize(
    "words", [("--zip",), ("--alias", "x"), ("--use", "client"), ("--peer", "https://a")]
)
def test_options_of_a_kit_want_a_platform(cli, tmp_path, password, words):
    """Nothing is issued without it."""
    assert (
        2
        == cli(
            "client", "issue", "globex", "-o", tmp_path / "kit", "--out-password-file", password, *words
        ).status
    )
    assert [] == cli("client", "show", "globex", "--json").json["bindings"]


def test_folder_that_cannot_be_made_issues_nothing(cli, tmp_path, password):
    """The same for a place that is no folder."""
    (tmp_path / "file").write_bytes(b"")
    result = cli(
        "client", "issue", "globex", "-o", tmp_path / "file" / "kit", "--out-password-file", password
    )
    assert 2 == result.status
    assert [] == cli("client", "show", "globex", "--json").json["bindings"]


def test_new_password_wants_a_terminal_to_be_shown_on(cli, tmp_path):
    """It does not end in a log."""
    result = cli("client", "issue", "globex", "-o", tmp_path / "kit")
    assert 2 == result.status
    assert "--out-password-file" in result.stderr


def test_new_password_is_shown_once_on_the_terminal(realm, tmp_path):
    """It opens the keystore, and is nowhere on the disk."""
    ours, theirs = pty.openpty()
    try:
        command = [sys.executable, "-m", "twoway", "client", "issue", "globex", "-o", str(tmp_path / "kit")]
        subprocess.run(command, stderr=theirs, stdout=subprocess.PIPE, check=True)
        shown = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    found = re.search(r"password of client.p12, shown this once: (\S+)", shown)
    assert found is not None
    assert (
        "globex"
        == keystores.load((tmp_path / "kit" / "client.p12").read_bytes(), found[1]).identities[0].alias
    )
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert [] == [file for file in files if found[1].encode() in file.read_bytes()]


def test_weak_password_is_said_to_be_one(cli, tmp_path, password):
    """It is ours to choose, and the finding says what it breaks."""
    password.write_text("a:b\n")
    result = cli("client", "issue", "globex", "-o", tmp_path / "kit", "--out-password-file", password)
    assert 0 == result.status
    assert "password-awkward" in result.stderr


@pytest.mark.parametrize("days", ["0", "-1", "x", "1000000"])
def test_validity_out_of_reason_is_refused(cli, tmp_path, password, days):
    """Nothing is written then."""
    result = cli(
        "client", "issue", "globex", "-o", tmp_path / "kit", "--days", days, "--out-password-file", password
    )
    assert result.status in {1, 2}
    assert not (tmp_path / "kit").exists()


def test_request_that_is_none_is_refused(cli, tmp_path):
    """A file of something else is no request."""
    (tmp_path / "request.pem").write_bytes(b"hello")
    result = cli(
        "client", "issue", "globex", "-o", tmp_path / "kit", "--csr", tmp_path / "request.pem", "--json"
    )
    assert (1, "request-unreadable") == (result.status, result.json["error"]["code"])


@pytest.mark.parametrize("option", ["--algorithm", "--out-password-file"])
def test_request_contradicts_what_is_said_of_a_key_of_ours(cli, tmp_path, password, option):
    """What would be without effect is refused."""
    csr = tmp_path / "request.pem"
    csr.write_bytes(new_request(new_key(), distinguished_name("globex")))
    value = "rsa-2048" if option == "--algorithm" else password
    result = cli("client", "issue", "globex", "-o", tmp_path / "kit", "--csr", csr, option, value)
    assert (2, False) == (result.status, (tmp_path / "kit").exists())


def test_names_that_a_request_asks_for_are_shown(cli, tmp_path):
    """They are not taken, and whoever issues it sees that."""
    names = [subject_alternative_name("DNS:a.globex.example")]
    (tmp_path / "request.pem").write_bytes(new_request(new_key(), distinguished_name("CN=me"), names))
    result = cli("client", "issue", "globex", "-o", tmp_path / "kit", "--csr", tmp_path / "request.pem")
    assert "the request asked for CN=me, DNS:a.globex.example" in result.stderr
