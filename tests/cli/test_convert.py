from __future__ import annotations

import stat

import pytest

from tests.cli import materials
from tests.parts.credentials import PASSWORD
from tests.parts.presence import require
from tests.parts.programs import check, run
from twoway import keystores
from twoway.cli.convert import PROFILES
from twoway.keystores import Format

OTHER = "another-password"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files that openssl made."""
    return materials.files(tmp_path_factory.mktemp("convert"))


@pytest.fixture
def convert(cli, files):
    """Call convert with the password of the files."""

    def call(*words, **named):
        return cli("convert", *words, "--password-file", files.password, **named)

    return call


def mode(path):
    """The permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_java_reads_the_jks(convert, files, tmp_path):
    """One command instead of openssl and keytool; the alias is in small letters, and that is said."""
    require("default-jdk-headless")
    result = convert(files.p12.path, tmp_path / "out.jks")
    listed = check(["keytool", "-list", "-keystore", tmp_path / "out.jks", "-storepass", PASSWORD]).decode()
    assert (0, True) == (result.status, "orders, " in listed and "PrivateKeyEntry" in listed)
    assert "aliases-lowered" in result.stderr


def test_openssl_reads_the_pkcs12(cli, files, tmp_path):
    """Made of a key and a certificate that lie in two files."""
    out = tmp_path / "out.p12"
    result = cli(
        *("convert", files.client.key, out, "--with", files.client.certificate, "--alias", "client"),
        *("--out-password-file", files.password),
    )
    shown = check(["openssl", "pkcs12", "-in", out, "-passin", f"pass:{PASSWORD}", "-nokeys"]).decode()
    assert (0, True, 2) == (result.status, "friendlyName: client" in shown, shown.count("BEGIN CERTIFICATE"))


def test_key_stays_protected_as_it_was(convert, files, tmp_path):
    """From PKCS#12 to PEM it has the same password, and that is said."""
    result = convert(files.p12.path, tmp_path / "out.pem")
    assert (0, 0o600) == (result.status, mode(tmp_path / "out.pem"))
    assert b"ENCRYPTED PRIVATE KEY" in (tmp_path / "out.pem").read_bytes()
    assert f"the password of {files.p12.path}" in result.stderr


def test_clear_key_is_asked_for_and_said(convert, files, tmp_path):
    """As Apache takes it: mode 0600."""
    result = convert(files.p12.path, tmp_path / "out.pem", "--clear-key")
    assert (0, 0o600) == (result.status, mode(tmp_path / "out.pem"))
    assert b"BEGIN PRIVATE KEY" in (tmp_path / "out.pem").read_bytes()
    assert "in clear" in result.stderr


def test_output_can_have_another_password(convert, files, tmp_path, monkeypatch):
    """--out-password-* is for what is written."""
    monkeypatch.setenv("OUT", OTHER)
    convert(files.p12.path, tmp_path / "out.p12", "--out-password-env", "OUT")
    assert "Orders" == keystores.load((tmp_path / "out.p12").read_bytes(), OTHER).entries[0].alias


def test_certificates_only_make_a_truststore(convert, files, tmp_path):
    """No key, so that the file may be read by all."""
    convert(files.p12.path, tmp_path / "trust.jks", "--certificates-only")
    store = keystores.load((tmp_path / "trust.jks").read_bytes(), PASSWORD)
    assert (2, 0) == (len(store.trusted), len(store.identities))
    assert 0o644 == mode(tmp_path / "trust.jks")


def test_key_only_makes_der_for_openssl(convert, files, tmp_path):
    """Unencrypted PKCS#8, as AEM takes it."""
    convert(files.p12.path, tmp_path / "key.der", "--key-only", "--clear-key")
    assert b"" == check(["openssl", "pkey", "-inform", "DER", "-in", tmp_path / "key.der", "-noout"])


def test_der_that_would_need_two_files_says_so(convert, files, tmp_path):
    """The way out is in the hint."""
    result = convert(files.p12.path, tmp_path / "out.der")
    assert (1, True) == (result.status, "--key-only and --certificates-only" in result.stderr)


def test_entries_are_chosen_and_renamed(cli, convert, files, tmp_path):
    """--only keeps one of two, --rename gives it another name."""
    both = tmp_path / "both.p12"
    pair = keystores.load(files.p12.path.read_bytes(), PASSWORD).entries
    trust = keystores.load(files.server.certificate.read_bytes()).entries
    both.write_bytes(keystores.dump(keystores.Keystore((*pair, *trust), Format.PKCS12), "pkcs12", PASSWORD))
    result = convert(both, tmp_path / "o.p12", "--only", "orders", "--rename", "Orders=partner", "--json")
    assert ["partner"] == [entry["alias"] for entry in result.json["entries"]]


def test_json_says_what_was_written(convert, files, tmp_path):
    """And nothing of the key."""
    result = convert(files.p12.path, tmp_path / "out.jks", "--json")
    assert ("jks", True, True) == tuple(result.json[name] for name in ("format", "encrypted", "written"))
    assert ["aliases-lowered"] == [found["code"] for found in result.json["findings"]]


def test_dates_that_get_lost_are_told(convert, files, tmp_path):
    """PEM has no place for them."""
    convert(files.p12.path, tmp_path / "a.jks")
    result = convert(tmp_path / "a.jks", tmp_path / "a.pem", "--json")
    assert "creation-dates-lost" in [found["code"] for found in result.json["findings"]]


def test_dry_run_writes_nothing(convert, files, tmp_path):
    """And says what it would."""
    result = convert(files.p12.path, tmp_path / "out.jks", "--dry-run")
    assert (0, False, True) == (
        result.status,
        (tmp_path / "out.jks").exists(),
        "would write" in result.stderr,
    )


def test_nothing_is_overwritten_unasked(convert, files, tmp_path):
    """--force does, and not before all else went well."""
    out = tmp_path / "out.jks"
    out.write_bytes(b"old")
    assert (2, b"old") == (convert(files.p12.path, out).status, out.read_bytes())
    assert 2 == convert(tmp_path / "nowhere", out, "--force").status
    assert b"old" == out.read_bytes()
    assert 0 == convert(files.p12.path, out, "--force").status
    assert 0o600 == mode(out)


@pytest.mark.parametrize(
    ("output", "words"),
    [("nowhere/out.jks", "no such folder"), ("", "is a directory"), ("out.xyz", "--to"), ("out", "--to")],
)
def test_bad_output_is_wrong_usage(convert, files, tmp_path, output, words):
    """Before anything is read."""
    result = convert(files.p12.path, tmp_path / output)
    assert (2, True) == (result.status, words in result.stderr)
    assert [] == [path for path in tmp_path.iterdir() if path.name not in {"home", "state", "data"}]


def test_place_that_cannot_be_written_is_named(convert, files):
    """The file that was asked for, not the one beside it."""
    result = convert(files.p12.path, "/proc/out.p12")
    assert (2, True) == (result.status, "/proc/out.p12 cannot be written" in result.stderr)


def test_lone_key_fits_no_jks(cli, files, tmp_path):
    """What is missing is said."""
    result = cli("convert", files.client.key, tmp_path / "o.jks", "--out-password-file", files.password)
    assert (1, True) == (result.status, "without a certificate" in result.stderr)


def test_protected_format_without_any_password_asks_for_one(cli, files, tmp_path):
    """Without a terminal the hint names the option."""
    result = cli("convert", files.ca.certificate, tmp_path / "trust.p12")
    assert (2, True) == (result.status, "--out-password-file" in result.stderr)


def test_locked_key_is_not_left_out_in_silence(cli, convert, tmp_path):
    """A JKS whose key has another password is not converted without it."""
    store = materials.jks(tmp_path / "a.jks", key_password=materials.KEY_PASSWORD)
    assert 1 == convert(store, tmp_path / "a.p12").status
    assert not (tmp_path / "a.p12").exists()


def test_key_password_opens_the_key(convert, tmp_path, monkeypatch):
    """In the output both have one password."""
    store = materials.jks(tmp_path / "a.jks", key_password=materials.KEY_PASSWORD)
    monkeypatch.setenv("KEY", materials.KEY_PASSWORD)
    assert 0 == convert(store, tmp_path / "a.p12", "--key-password-env", "KEY").status
    assert 1 == len(keystores.load((tmp_path / "a.p12").read_bytes(), PASSWORD).identities)


def test_two_entries_of_one_name_are_refused(convert, files, tmp_path):
    """With the way out."""
    trust = tmp_path / "two.pem"
    trust.write_bytes(files.ca.certificate.read_bytes() + files.server.certificate.read_bytes())
    result = convert(trust, tmp_path / "two.p12", "--rename", "localhost=root")
    assert (1, True) == (result.status, "--rename" in result.stderr)


def test_stdin_becomes_stdout(cli, files):
    """In a pipe, with nothing but the data on stdout."""
    result = cli("convert", "-", "--to", "pem", stdin=files.ca.certificate.read_bytes())
    assert (0, True) == (result.status, result.stdout.startswith("-----BEGIN CERTIFICATE-----"))


def test_json_and_data_do_not_share_stdout(cli, files):
    """One document is what --json means."""
    assert 2 == cli("convert", files.ca.certificate, "--to", "pem", "--json").status


def test_profile_is_for_old_readers(convert, files, tmp_path):
    """3DES, which AES-only tools of today show as such."""
    convert(files.p12.path, tmp_path / "old.p12", "--profile", "compat")
    shown = run(
        ["openssl", "pkcs12", "-info", "-noout", "-in", tmp_path / "old.p12", "-passin", f"pass:{PASSWORD}"]
    )
    assert b"3-KeyTripleDES" in shown.stderr


def test_profiles_are_those_of_the_codec():
    """Written out in the command, for a quick --help."""
    assert set(PROFILES) == set(keystores.PROFILES)
