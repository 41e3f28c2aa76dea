from __future__ import annotations

import stat

import pytest

from tests.parts.credentials import PASSWORD
from tests.parts.presence import require
from tests.parts.programs import check
from twoway import keystores
from twoway.x509.certificates import load_certificates
from twoway.x509.requests import load_request


@pytest.fixture
def secret(tmp_path):
    """A file with the password."""
    path = tmp_path / "secret"
    path.write_text(PASSWORD)
    return path


def mode(path):
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("algorithm", ["rsa-2048", "ec-p256", "ed25519"])
def test_openssl_reads_a_new_key(cli, tmp_path, algorithm):
    """Of each kind; in clear, which is said, and for its owner only."""
    result = cli("key", "new", "-o", tmp_path / "key.pem", "--algorithm", algorithm)
    check(["openssl", "pkey", "-in", tmp_path / "key.pem", "-noout"])
    assert (0, 0o600, True) == (result.status, mode(tmp_path / "key.pem"), "0600" in result.stderr)


def test_password_encrypts_the_key(cli, tmp_path, secret):
    """As openssl genpkey -aes-256-cbc does."""
    result = cli("key", "new", "-o", tmp_path / "key.pem", "--out-password-file", secret, "--json")
    assert (True, "ec-p256") == (result.json["encrypted"], result.json["algorithm"])
    check(["openssl", "pkey", "-in", tmp_path / "key.pem", "-passin", f"pass:{PASSWORD}", "-noout"])
    assert b"ENCRYPTED" in (tmp_path / "key.pem").read_bytes()


def test_key_goes_to_a_pipe(cli):
    """Nothing else on stdout."""
    assert cli("key", "new").stdout.startswith("-----BEGIN PRIVATE KEY-----")


def test_key_is_never_overwritten_unasked(cli, tmp_path):
    """The old one may be the only copy."""
    (tmp_path / "key.pem").write_bytes(b"old")
    assert 2 == cli("key", "new", "-o", tmp_path / "key.pem").status
    assert b"old" == (tmp_path / "key.pem").read_bytes()


def test_request_comes_with_a_new_key(cli, tmp_path):
    """The key beside it, for its owner only; names as they were given."""
    result = cli(
        *(
            "csr",
            "new",
            "--subject",
            "CN=globex,O=Globex",
            "--name",
            "globex.example",
            "-o",
            tmp_path / "g.csr",
        ),
    )
    request = load_request((tmp_path / "g.csr").read_bytes())
    assert ("CN=globex,O=Globex", ("DNS:globex.example",)) == (request.subject_text, request.names_text)
    assert (0, 0o600) == (result.status, mode(tmp_path / "g.key"))


def test_request_takes_a_key_that_is_there(cli, tmp_path, secret):
    """An encrypted one, with its password."""
    key = tmp_path / "key.pem"
    made = cli("key", "new", "-o", key, "--out-password-file", secret, "--json").json
    words = ("--key", key, "--key-password-file", secret, "-o", tmp_path / "r.csr", "--json")
    assert made["spki_sha256"] == cli("csr", "new", "--subject", "x", *words).json["key"]["spki_sha256"]


def test_locked_key_wants_its_own_option(cli, tmp_path, secret):
    """The hint names --key-password-file."""
    key = tmp_path / "key.pem"
    cli("key", "new", "-o", key, "--out-password-file", secret)
    result = cli("csr", "new", "--subject", "x", "--key", key)
    assert (1, True) == (result.status, "--key-password-file" in result.stderr)


def test_new_key_has_to_go_somewhere(cli):
    """A request on stdout alone would lose it."""
    assert 2 == cli("csr", "new", "--subject", "x").status


def test_self_signed_certificate_is_right_for_tls(cli, tmp_path):
    """365 days, no CA, for clients; and the key beside it."""
    result = cli("certificate", "self-sign", "--subject", "jwt", "-o", tmp_path / "out", "--json")
    (leaf,) = load_certificates((tmp_path / "out" / "certificate.pem").read_bytes())
    assert (365, False, ("clientAuth",)) == (
        (leaf.not_after - leaf.not_before).days,
        leaf.is_ca,
        leaf.extended_key_usage,
    )
    assert leaf.as_json() == result.json["certificate"]
    assert 0o600 == mode(tmp_path / "out" / "key.pem")


def test_one_command_makes_all_that_the_jwt_flow_wants(cli, tmp_path, secret):
    """Key, request, certificate, PKCS#12 and JKS with a named alias, which keytool shows."""
    require("default-jdk-headless")
    out = tmp_path / "out"
    cli(
        *("certificate", "self-sign", "--subject", "jwt", "--algorithm", "rsa-2048", "-o", out, "--csr"),
        *("--pkcs12", "--jks", "--alias", "servercert", "--out-password-file", secret),
    )
    assert {"key.pem", "certificate.pem", "request.pem", "keystore.p12", "keystore.jks"} == {
        path.name for path in out.iterdir()
    }
    shown = check(["keytool", "-list", "-keystore", out / "keystore.jks", "-storepass", PASSWORD]).decode()
    assert "servercert, " in shown
    assert "servercert" == keystores.load((out / "keystore.p12").read_bytes(), PASSWORD).entries[0].alias
    assert b"ENCRYPTED" in (out / "key.pem").read_bytes()


def test_server_certificate_serves_its_name(cli, tmp_path):
    """And is refused without one: no client would take it."""
    places = ("--certificate-out", tmp_path / "c.pem", "--key-out", tmp_path / "k.pem")
    words = ("certificate", "self-sign", "--subject", "s", "--purpose", "server", *places)
    assert 2 == cli(*words).status
    assert 0 == cli(*words, "--name", "localhost").status
    assert 0 == cli("check", tmp_path / "c.pem", "--trust", tmp_path / "c.pem", "--host", "localhost").status


def test_existing_key_is_signed_and_not_copied(cli, tmp_path):
    """Nothing but the certificate is written."""
    cli("key", "new", "-o", tmp_path / "key.pem")
    out = tmp_path / "out"
    cli("certificate", "self-sign", "--subject", "x", "--key", tmp_path / "key.pem", "-o", out)
    assert ["certificate.pem"] == [path.name for path in out.iterdir()]
    assert (
        0
        == cli(
            "check", tmp_path / "key.pem", out / "certificate.pem", "--trust", out / "certificate.pem"
        ).status
    )


@pytest.mark.parametrize(
    "words",
    [
        ["--subject", "x"],
        ["--subject", "x", "--certificate-out", "c.pem"],
        ["--subject", "x", "--output", "d", "--key-out", "k.pem"],
        ["--subject", "x", "--certificate-out", "c", "--key-out", "c"],
        ["--subject", "x", "--certificate-out", "c", "--key-out", "k", "--jks"],
        ["--subject", "x", "--output", "d", "--jks"],
        ["--subject", "x", "--output", "d", "--days", "0"],
        ["--subject", "", "--output", "d"],
        ["--subject", "x", "--output", "d", "--name", "a b"],
    ],
)
def test_contradicting_words_write_nothing(cli, tmp_path, monkeypatch, words):
    """And say what is wrong."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert 2 == cli("certificate", "self-sign", *words).status
    assert [] == list((tmp_path / "here").iterdir())
