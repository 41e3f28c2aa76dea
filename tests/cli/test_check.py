from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.cli import materials
from tests.parts import material, openssl


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files that openssl made."""
    return materials.files(tmp_path_factory.mktemp("check"))


@pytest.fixture
def check(cli, files):
    """Check against the CA of the files, as JSON."""

    def call(*words):
        return cli("check", *words, "--trust", files.ca.certificate, "--json")

    return call


def test_verdict_has_the_documented_shape(check, files):
    """The same as of every command that checks."""
    found = check(files.client.certificate).json
    assert ["target", "verdict", "cause", "findings", "unknown"] == list(found)
    assert ("ok", None, []) == (found["verdict"], found["cause"], found["unknown"])


def test_people_see_the_way_up_to_what_is_trusted(cli, files):
    """The verdict first."""
    result = cli("check", files.client.certificate, "--trust", files.ca.certificate)
    assert result.stdout.startswith(f"{files.client.certificate}: ok\n")
    assert "└ CN=Root" in result.stdout


def test_keystore_is_checked_as_well(cli, files):
    """With its password."""
    result = cli(
        *(
            "check",
            files.p12.path,
            "--trust",
            files.ca.certificate,
            "--password-file",
            files.password,
            "--json",
        ),
    )
    assert (0, "ok") == (result.status, result.json["verdict"])


def test_truststore_is_trusted_as_a_file_of_pem_is(cli, files, tmp_path):
    """Its password has options of its own."""
    store = tmp_path / "trust.jks"
    cli("convert", files.ca.certificate, store, "--out-password-file", files.password)
    words = ("--trust", store, "--trust-password-file", files.password)
    assert 0 == cli("check", files.client.certificate, *words).status


def test_files_belong_together(check, files):
    """A key in one file, its chain in another."""
    assert 0 == check(files.client.key, files.client.certificate).status


def test_key_of_another_certificate_breaks_it(check, files):
    """Before any chain is looked at."""
    result = check(files.server.key, files.client.certificate)
    assert (1, "key-mismatch") == (result.status, result.json["cause"]["code"])


def test_locked_key_is_no_hindrance(check, files):
    """The chain verifies without it; that it stayed locked is said."""
    result = check(materials.encrypted_key(files))
    assert 0 == result.status
    assert "entry-locked" in [found["code"] for found in result.json["findings"]]


def test_stranger_to_the_ca_is_broken_where_its_issuer_is_missing(check, tmp_path):
    """The finding names whom to ask for."""
    stranger = material.client(material.root("Nobody"), "stranger").pem(tmp_path)
    cause = check(stranger.certificate).json["cause"]
    assert ("issuer-untrusted", "CN=Nobody") == (cause["code"], cause["facts"]["issuer"])


def test_purpose_is_the_certificates_own_unless_said(check, files):
    """A server's certificate is a server's, and no client's."""
    assert 0 == check(files.server.certificate).status
    result = check(files.server.certificate, "--purpose", "client")
    assert (1, "purpose-wrong") == (result.status, result.json["cause"]["code"])


def test_host_has_to_be_in_the_certificate(check, files):
    """Its common name does not count."""
    assert 0 == check(files.server.certificate, "--host", "LOCALHOST").status
    result = check(files.server.certificate, "--host", "other.example.com")
    assert (1, "host-not-named") == (result.status, result.json["cause"]["code"])


def test_date_can_be_another(check, files):
    """What holds today ends some day."""
    later = f"{datetime.now(UTC).year + 20}-01-01"
    result = check(files.client.certificate, "--at", later)
    assert (1, "certificate-expired") == (result.status, result.json["cause"]["code"])


def test_leaf_is_found_in_any_order(check, files, tmp_path):
    """The CA stands first in the file."""
    path = tmp_path / "reversed.pem"
    path.write_bytes(files.ca.certificate.read_bytes() + files.client.certificate.read_bytes())
    result = check(path)
    assert (0, "ok") == (result.status, result.json["verdict"])


def test_pinned_certificate_is_its_own_anchor(cli, tmp_path):
    """What openssl req -x509 makes, trusted as it is."""
    pinned = openssl.self_signed(tmp_path / "own", "own")
    assert 0 == cli("check", pinned.certificate, "--trust", pinned.certificate).status


def test_nothing_to_check_against_is_wrong_usage(cli, files):
    """No verdict is better than one about nothing."""
    assert 2 == cli("check", files.client.certificate).status


def test_trust_without_a_certificate_is_refused(cli, files):
    """A key file, by mistake."""
    result = cli("check", files.client.certificate, "--trust", files.client.key, "--json")
    assert (1, "trust-unusable") == (result.status, result.json["error"]["code"])


@pytest.mark.parametrize("words", [["--at", "yesterday"], ["--alias", "nobody"], ["--purpose", "both"]])
def test_bad_words_are_refused(check, files, words):
    """In words."""
    assert check(files.client.certificate, *words).status in {1, 2}


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "keystore-truncated"), (b"\x30\x03\x02\x01", "keystore-truncated"), (b"?", "format-unknown")],
)
def test_bad_bytes_are_refused(check, tmp_path, content, code):
    """As inspect refuses them."""
    (tmp_path / "bad").write_bytes(content)
    assert code == check(tmp_path / "bad").json["error"]["code"]
