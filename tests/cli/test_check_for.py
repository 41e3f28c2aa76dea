"""``twoway check --for``: files that openssl and keytool made, against platforms' rules."""

from __future__ import annotations

import pytest

from tests.cli import materials
from tests.parts import material, openssl
from tests.parts.credentials import PASSWORD
from tests.parts.programs import check as run
from twoway.platforms.catalogue import PLATFORMS

RSA = ("-newkey", "rsa:2048")
USES = [(platform.name, use.name) for platform in PLATFORMS for use in platform.uses]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files that openssl made."""
    return materials.files(tmp_path_factory.mktemp("check-for"))


@pytest.fixture
def check(cli, files):
    """Check for a platform with the password of the files; status, and the verdict or the error."""

    def call(platform, *words):
        result = cli("check", *words, "--for", platform, "--password-file", files.password, "--json")
        return result.status, result.json

    return call


def codes(verdict):
    """The findings' codes."""
    return [found["code"] for found in verdict["findings"]]


def test_sound_file_is_ok(check, files):
    """In the shape that every check has."""
    status, verdict = check("java", files.p12.path)
    assert (0, "ok", None, []) == (status, verdict["verdict"], verdict["cause"], verdict["unknown"])
    assert ["target", "verdict", "cause", "findings", "unknown"] == list(verdict)


@pytest.mark.parametrize(("platform", "use"), USES)
def test_every_use_judges_what_openssl_made(check, files, platform, use):
    """None fails, whatever it says."""
    for given in ([files.p12.path], [files.client.key, files.client.certificate], [files.ca.certificate]):
        status, verdict = check(platform, *given, "--use", use)
        assert status == {"ok": 0, "broken": 1}[verdict["verdict"]], verdict


def test_pkcs12_in_the_name_of_a_jks_is_told(check, files, tmp_path):
    """What keytool of today writes when a file is called so."""
    path = tmp_path / "mybundle.jks"
    path.write_bytes(files.p12.path.read_bytes())
    _, verdict = check("salesforce", path)
    assert {"platform-format-refused", "file-name-misleading"} <= set(codes(verdict))


def test_alias_that_the_platform_refuses_is_told(check, cli, files, tmp_path):
    """``1`` is what openssl's exports are called in Java."""
    path = tmp_path / "one.jks"
    cli(
        *("convert", files.p12.path, path, "--rename", "orders=1"),
        *("--password-file", files.password, "--out-password-file", files.password),
    )
    _, verdict = check("salesforce", path)
    (found,) = (one for one in verdict["findings"] if one["code"] == "alias-refused")
    assert "1" == found["facts"]["alias"]


def test_key_that_the_platform_refuses_is_told(check, tmp_path):
    """Salesforce takes RSA alone; known by document, so that it is a warning."""
    status, verdict = check("salesforce", materials.jks(tmp_path / "ec.jks"))
    (found,) = (one for one in verdict["findings"] if one["code"] == "platform-key-refused")
    assert (0, "warning") == (status, found["severity"])


def test_truststore_that_java_sees_nothing_in_is_broken(check, files, tmp_path):
    """What ``openssl pkcs12 -export -nokeys`` makes."""
    path = tmp_path / "trust.p12"
    source = ("-in", files.ca.certificate, "-out", path)
    run(["openssl", "pkcs12", "-export", "-nokeys", *source, "-passout", f"pass:{PASSWORD}"])
    status, verdict = check("java", path)
    assert (1, "truststore-empty-to-java") == (status, verdict["cause"]["code"])
    assert "file-taken-for-truststore" in codes(verdict)


def test_truststore_lies_beside_the_identity(check, files, cli, tmp_path):
    """Each is judged for what it is."""
    path = tmp_path / "trust.p12"
    words = ("--profile", "java-trust", "--out-password-file", files.password)
    assert 0 == cli("convert", files.ca.certificate, path, *words).status
    status, verdict = check("java", files.p12.path, path)
    assert (0, "ok") == (status, verdict["verdict"])
    assert "file-taken-for-truststore" not in codes(verdict)


def test_truststore_is_no_keystore_where_the_platform_has_one_file(check, cli, files, tmp_path):
    """Salesforce: the keystore file doesn't contain a PrivateKey entry."""
    path = tmp_path / "trust.jks"
    cli("convert", files.ca.certificate, path, "--out-password-file", files.password)
    status, verdict = check("salesforce", path)
    assert (1, "identity-missing") == (status, verdict["cause"]["code"])


def test_pem_files_together_are_one_identity(check, files):
    """In whatever order they are named."""
    assert 0 == check("nginx", files.server.key, files.server.certificate)[0]
    assert 0 == check("nginx", files.server.certificate, files.server.key)[0]


def test_pem_files_of_two_identities_do_not_match(check, files):
    """The key of one and the certificate of another."""
    status, verdict = check("nginx", files.client.key, files.server.certificate)
    assert (1, "key-mismatch") == (status, verdict["cause"]["code"])


def test_certificate_without_its_key_is_no_identity(check, tmp_path):
    """Nor a truststore: an authority issued it to somebody."""
    leaf = material.client(material.root("Root"), "acme").pem(tmp_path)
    status, verdict = check("curl", leaf.certificate)
    assert (1, "identity-missing") == (status, verdict["cause"]["code"])


def test_locked_key_cannot_be_judged(cli, tmp_path):
    """Without the password: status 3, and what shows all the same."""
    result = cli("check", materials.jks(tmp_path / "own.jks"), "--for", "java", "--json")
    assert (3, "unknown") == (result.status, result.json["verdict"])
    assert ["platform-rules"] == [one["check"] for one in result.json["unknown"]]


def test_wrong_password_is_an_error(cli, files, tmp_path):
    """Of its own."""
    wrong = tmp_path / "wrong"
    wrong.write_text("no-it-is-not\n")
    result = cli("check", files.p12.path, "--for", "java", "--password-file", wrong, "--json")
    assert (1, "password-wrong") == (result.status, result.json["error"]["code"])


def test_key_with_a_password_of_its_own_is_told(cli, files, tmp_path):
    """Also where that password was given, and opened it."""
    path = materials.jks(tmp_path / "two.jks", key_password=materials.KEY_PASSWORD)
    own = tmp_path / "own"
    own.write_text(materials.KEY_PASSWORD)
    words = ("--for", "java", "--password-file", files.password, "--json")
    for more in ((), ("--key-password-file", own)):
        result = cli("check", path, *words, *more)
        assert "key-password-differs" in codes(result.json)
        assert "identity-missing" not in codes(result.json)


def test_chain_is_verified_besides(check, files, tmp_path):
    """With --trust, in one verdict."""
    assert 0 == check("java", files.p12.path, "--trust", files.ca.certificate)[0]
    other = openssl.self_signed(tmp_path / "other", "Other")
    status, verdict = check("java", files.p12.path, "--trust", other.certificate)
    assert (1, "issuer-untrusted") == (status, verdict["cause"]["code"])


def test_purpose_is_the_uses(check, files):
    """A server's certificate does not make a client."""
    status, verdict = check("java", files.server.key, files.server.certificate, "--use", "client")
    assert 1 == status
    assert "purpose-missing" in codes(verdict)


def test_host_is_the_servers(check, files):
    """The certificate has to be for it."""
    words = (files.server.key, files.server.certificate, "--use", "server", "--host")
    assert 0 == check("nginx", *words, "localhost")[0]
    status, verdict = check("nginx", *words, "api.example.com")
    assert (1, "host-not-named") == (status, verdict["cause"]["code"])


def test_setting_decides(check, files):
    """AES is not for an old Java."""
    assert "pkcs12-needs-newer-java" not in codes(check("java", files.p12.path)[1])
    assert "pkcs12-needs-newer-java" in codes(check("java", files.p12.path, "--set", "java=8")[1])


@pytest.mark.parametrize(
    "words",
    [
        ("--for", "jaba"),
        ("--for", "java", "--use", "nobody"),
        ("--for", "java", "--set", "colour=red"),
        ("--for", "java", "--set", "java=six"),
        ("--use", "client"),
        ("--for", "java", "--host", "a.example"),
        ("--for", "java", "--purpose", "server"),
    ],
)
def test_words_that_mean_nothing_are_wrong_usage(cli, files, words):
    """Nothing is read then."""
    assert 2 == cli("check", files.p12.path, "--password-file", files.password, *words).status


def test_person_sees_the_verdict_first(cli, files):
    """Then what speaks against it."""
    result = cli("check", files.p12.path, "--for", "salesforce", "--password-file", files.password)
    assert result.stdout.startswith(f"{files.p12.path}: ok\n")
    assert "platform-format-refused" in result.stderr
