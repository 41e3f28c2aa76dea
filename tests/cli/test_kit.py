"""``twoway kit``: from files, from the realm, and both sides of a link."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.cli import materials
from twoway import keystores
from twoway.errors import KeystoreError
from twoway.platforms.catalogue import PLATFORMS
from twoway.realm import audit
from twoway.realm.realm import Realm
from twoway.x509.certificates import load_certificates
from twoway.x509.keys import encrypted_pem, new_key
from twoway.x509.names import distinguished_name
from twoway.x509.purposes import Purpose
from twoway.x509.requests import new_request
from twoway.x509.revocation import load_crl

KIT_PASSWORD = "correct-horse-battery"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files that openssl made."""
    return materials.files(tmp_path_factory.mktemp("kit"))


@pytest.fixture
def kit(cli, password, tmp_path):
    """Make a kit into a new folder, as JSON."""

    def call(*words, into="kit"):
        return cli("kit", *words, "-o", tmp_path / into, "--out-password-file", password, "--json")

    return call


def of_client(files):
    """Options that name the client's files."""
    return ("--key", files.client.key, "--certificate", files.client.certificate)


def of_server(files, prefix=""):
    """Options that name the server's."""
    return (f"--{prefix}key", files.server.key, f"--{prefix}certificate", files.server.certificate)


def every_file(folder):
    """The files of a folder by their path within it."""
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


def audited(realm):
    """The actions that the audit has, with their subjects."""
    with Realm.open(realm) as opened, opened.reading() as connection:
        return [(entry.action, entry.subject) for entry in audit.entries(connection)]


def codes(result):
    """The findings' codes."""
    return [found["code"] for found in result.json["findings"]]


# From files


def test_kit_of_files_is_whole(kit, files, tmp_path):
    """Both halves, the steps, and what was checked."""
    result = kit("nginx", *of_server(files), "--trust", files.ca.certificate)
    assert (0, "ok") == (result.status, result.json["verdict"])
    found = every_file(tmp_path / "kit")
    assert set(result.json["files"]) == set(found)
    assert {"STEPS.md", "preflight.json", "keep/server.key", "send/server-ca.pem"} <= set(found)


def test_preflight_is_the_verdict(kit, files, tmp_path):
    """In the form that every check has."""
    kit("nginx", *of_server(files), "--trust", files.ca.certificate)
    report = json.loads((tmp_path / "kit" / "preflight.json").read_text())
    assert ["target", "verdict", "cause", "findings", "unknown"] == list(report)


def test_secrets_are_their_owners(kit, files, tmp_path):
    """Modes, and no key and no password where they do not belong."""
    kit("java", *of_client(files), "--trust", files.ca.certificate)
    assert 0o600 == stat.S_IMODE((tmp_path / "kit" / "keep" / "client.p12").stat().st_mode)
    for path in every_file(tmp_path / "kit").values():
        assert KIT_PASSWORD.encode() not in path.read_bytes()
    for path in (tmp_path / "kit" / "send").iterdir():
        assert b"PRIVATE KEY" not in path.read_bytes()


def test_dry_run_writes_nothing(kit, files, tmp_path):
    """And says what it would."""
    result = kit("java", *of_client(files), "--dry-run")
    assert (0, False) == (result.status, (tmp_path / "kit").exists())
    assert "keep/client.p12" in result.json["files"]


def test_nothing_is_replaced_unasked(kit, files, tmp_path):
    """Not even one file of many."""
    (tmp_path / "kit" / "keep").mkdir(parents=True)
    (tmp_path / "kit" / "keep" / "client.p12").write_bytes(b"precious")
    assert 2 == kit("java", *of_client(files)).status
    assert ["keep/client.p12"] == list(every_file(tmp_path / "kit"))
    assert 0 == kit("java", *of_client(files), "--force").status


def test_zip_is_one_file(kit, files, tmp_path):
    """For its owner alone."""
    assert 0 == kit("java", *of_client(files), "--zip").status
    path = tmp_path / "kit.zip"
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    with zipfile.ZipFile(path) as archive:
        assert "keep/client.p12" in archive.namelist()
    assert ["kit.zip"] == [found.name for found in tmp_path.iterdir() if found.name.startswith("kit")]


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--client", "globex", "--endpoint", "partner"),
        ("--days", "7"),
        ("--to", "nobody"),
        ("--peer-identity", "FILE"),
        ("--client", "globex", "--service", "orders"),
    ],
)
def test_words_that_mean_nothing_are_wrong_usage(kit, files, words):
    """Nothing is made."""
    given = [files.p12.path if word == "FILE" else word for word in words]
    assert 2 == kit("java", *given).status


# Of a client


@pytest.fixture
def globex(cli, realm):
    """A client that may call a service with a host."""
    words = ("--upstream", "http://127.0.0.1:8081", "--host", "api.example.com", "--path", "/v1")
    assert 0 == cli("service", "add", "invoices", *words).status
    assert 0 == cli("client", "add", "globex", "--allow", "invoices").status
    return "globex"


def bindings(cli, name="globex"):
    """A client's bindings."""
    return cli("client", "show", name, "--json").json["bindings"]


def test_kit_of_a_client_has_a_certificate_that_was_issued(kit, cli, globex, realm, tmp_path):
    """It is known by it at once; the audit has both."""
    result = kit("java", "--client", globex)
    assert (0, "ok") == (result.status, result.json["verdict"]), result.stdout
    identity = keystores.load(
        (tmp_path / "kit" / "keep" / "client.p12").read_bytes(), KIT_PASSWORD
    ).identity()
    (binding,) = bindings(cli)
    assert ("active", identity.leaf.sha256) == (binding["state"], binding["sha256"])
    assert {"certificate.issue", "kit.make"} <= {action for action, _ in audited(realm)}


def test_kit_of_a_client_calls_its_service(kit, globex, tmp_path):
    """The URL is the service's, and our root is trusted."""
    kit("curl", "--client", globex)
    texts = b"".join(path.read_bytes() for path in every_file(tmp_path / "kit").values())
    assert b"https://api.example.com/v1" in texts


def test_client_issue_for_a_platform_gives_the_same_kit(kit, cli, globex, password, tmp_path):
    """File by file, but for keys and dates."""
    kit("java", "--client", globex, into="one")
    words = ("--for", "java", "-o", tmp_path / "two", "--out-password-file", password, "--json")
    result = cli("client", "issue", globex, *words)
    assert 0 == result.status
    assert every_file(tmp_path / "one").keys() == every_file(tmp_path / "two").keys()
    assert {"client", "certificate", "binding", "files", "requested", "verdict"} <= set(result.json)


@pytest.mark.parametrize("platform", ["salesforce", "java"])
def test_key_is_one_that_the_platform_takes(kit, cli, globex, platform):
    """RSA for Salesforce; elsewhere what we make unasked."""
    result = kit(platform, "--client", globex)
    assert 0 == result.status
    assert "platform-key-refused" not in codes(result)


def test_request_makes_a_kit_without_a_key(cli, globex, tmp_path):
    """And without a password; the steps have the command that makes the rest."""
    asked = new_request(new_key("rsa-2048"), distinguished_name("CN=x"), [])
    (tmp_path / "request.pem").write_bytes(asked)
    words = ("--for", "mulesoft", "-o", tmp_path / "kit", "--csr", tmp_path / "request.pem", "--json")
    result = cli("client", "issue", globex, *words)
    assert 0 == result.status, result.stdout + result.stderr
    found = every_file(tmp_path / "kit")
    assert {"STEPS.md", "preflight.json", "keep/certificate.pem", "keep/server-ca.pem"} == set(found)
    assert not any(b"PRIVATE KEY" in path.read_bytes() for path in found.values())
    assert "twoway kit mulesoft" in found["STEPS.md"].read_text()


def test_steps_of_a_kit_without_a_key_lead_to_the_whole_one(cli, kit, globex, tmp_path, monkeypatch):
    """The command is run as it stands, where the key is."""
    key = new_key()
    (tmp_path / "request.pem").write_bytes(new_request(key, distinguished_name("CN=x"), []))
    cli(
        "client", "issue", globex, "--for", "java", "-o", tmp_path / "part", "--csr", tmp_path / "request.pem"
    )
    (tmp_path / "part" / "YOUR.key").write_bytes(encrypted_pem(key, KIT_PASSWORD.encode()))
    steps = (tmp_path / "part" / "STEPS.md").read_text()
    (line,) = (line.split() for line in steps.splitlines() if line.strip().startswith("twoway kit"))
    monkeypatch.chdir(tmp_path / "part")
    result = kit(*line[2:], "--key-password-file", tmp_path / "password")
    assert (0, "ok") == (result.status, result.json["verdict"])


def test_request_with_a_key_that_the_platform_refuses_is_told(cli, globex, tmp_path):
    """Before anybody tries to import it."""
    (tmp_path / "request.pem").write_bytes(new_request(new_key(), distinguished_name("CN=x"), []))
    words = ("--for", "salesforce", "-o", tmp_path / "kit", "--csr", tmp_path / "request.pem", "--json")
    assert "platform-key-refused" in codes(cli("client", "issue", globex, *words))


def test_identity_that_the_client_has_is_used(kit, cli, globex, files):
    """Nothing is issued; that the gateway does not know it is said."""
    result = kit("java", "--client", globex, *of_client(files))
    assert 0 == result.status
    assert ([], True) == (bindings(cli), "kit-certificate-unknown-to-realm" in codes(result))
    cli("client", "accept", globex, "--certificate", files.client.certificate)
    assert "kit-certificate-unknown-to-realm" not in codes(
        kit("java", "--client", globex, *of_client(files), into="again")
    )


def test_dry_run_issues_nothing(kit, cli, globex, realm, tmp_path):
    """The realm is as it was."""
    before = audited(realm)
    result = kit("java", "--client", globex, "--dry-run")
    assert (0, False) == (result.status, (tmp_path / "kit").exists())
    assert (before, []) == (audited(realm), bindings(cli))


def test_file_in_the_way_issues_nothing(kit, cli, globex, tmp_path):
    """It is found before the realm is changed."""
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "STEPS.md").write_text("precious")
    assert 2 == kit("java", "--client", globex).status
    assert ([], "precious") == (bindings(cli), (tmp_path / "kit" / "STEPS.md").read_text())


def test_kit_that_would_not_work_issues_nothing(kit, cli, globex, password, tmp_path):
    """Here for its password, which keytool and Java refuse."""
    password.write_text("a:b\n")
    result = kit("java", "--client", globex)
    assert (1, "password-refused") == (result.status, result.json["cause"]["code"])
    assert ([], False) == (bindings(cli), (tmp_path / "kit").exists())


def test_platform_that_never_calls_is_refused(kit, globex):
    """There is no kit of it for a client."""
    result = kit("nginx", "--client", globex, "--use", "server")
    assert 2 == result.status


@pytest.fixture
def judged_alike(cli, password, tmp_path):
    """Hand the kept files back to ``check``, and hold its verdict against the kit's own."""

    def call(platform, use, made):
        material = [path for path in sorted((tmp_path / "kit" / "keep").iterdir()) if is_material(path)]
        words = ("--for", platform, "--use", use, "--password-file", password, "--json")
        after = cli("check", *material, *words)
        warned = {found["code"] for found in after.json["findings"] if found["severity"] == "warning"}
        return material and (0, True) == (after.status, warned <= set(codes(made)))

    return call


def is_material(path):
    """Whether a file holds keys or certificates."""
    try:
        keystores.load(path.read_bytes(), KIT_PASSWORD)
    except KeystoreError:
        return False
    return True


CALLING, CALLED = (
    [(one.name, use.name) for one in PLATFORMS for use in one.uses if use.accepts.purpose is purpose]
    for purpose in (Purpose.CLIENT, Purpose.SERVER)
)


@pytest.mark.parametrize(("platform", "use"), CALLING)
def test_every_platform_that_calls_has_a_kit_for_a_client(kit, cli, globex, judged_alike, platform, use):
    """Without an error or a warning of its own making, and ``check`` says the same of its files."""
    result = kit(platform, "--use", use, "--client", globex)
    assert (0, "ok", 1) == (result.status, result.json["verdict"], len(bindings(cli))), result.stdout
    assert not {"platform-key-refused", "alias-refused", "chain-incomplete"} & set(codes(result))
    assert judged_alike(platform, use, result)


@pytest.mark.parametrize(("platform", "use"), CALLED)
def test_every_platform_that_is_called_has_a_kit_for_a_service(
    kit, cli, globex, password, tmp_path, judged_alike, platform, use
):
    """Without an error, and ``check`` says the same of its files."""
    cli("client", "issue", globex, "-o", tmp_path / "issued", "--out-password-file", password)
    result = kit(platform, "--use", use, "--service", "invoices")
    assert (0, "ok") == (result.status, result.json["verdict"]), result.stdout
    assert judged_alike(platform, use, result)


# Of an endpoint


@pytest.fixture
def partner(cli, realm, files):
    """An endpoint whose identity is in the vault."""
    words = ("--url", "https://api.partner.example/users", "--trust", files.ca.certificate)
    identity = ("--identity", files.p12.path, "--password-file", files.password)
    assert 0 == cli("endpoint", "add", "partner", *words, *identity).status
    return "partner"


def test_kit_of_an_endpoint_has_its_identity(kit, partner, realm, files, tmp_path):
    """Out of the vault, which the audit says; its trust and its URL are there too."""
    result = kit("java", "--endpoint", partner)
    assert (0, "ok") == (result.status, result.json["verdict"])
    kept = tmp_path / "kit" / "keep"
    identity = keystores.load((kept / "client.p12").read_bytes(), KIT_PASSWORD).identity("partner")
    assert load_certificates(files.client.certificate.read_bytes())[0] == identity.leaf
    assert (kept / "truststore.p12").exists()
    assert "https://api.partner.example/users" in (kept / "MutualTlsClient.java").read_text()
    assert ("vault.export", "endpoint/partner") in audited(realm)


def test_endpoint_without_identity_has_no_kit(kit, cli, realm):
    """The finding says how it gets one."""
    cli("endpoint", "add", "bare", "--url", "https://api.partner.example")
    result = kit("java", "--endpoint", "bare")
    assert (1, "endpoint-without-identity") == (result.status, result.json["error"]["code"])


def test_tried_export_is_none(kit, partner, realm):
    """A dry run leaves the audit as it was."""
    kit("java", "--endpoint", partner, "--dry-run")
    assert "vault.export" not in [action for action, _ in audited(realm)]


def test_endpoint_and_files_exclude_each_other(kit, partner, files):
    """One identity a side."""
    assert 2 == kit("java", "--endpoint", partner, *of_client(files)).status


# Of a service


def test_kit_of_a_service_lets_its_clients_in(kit, cli, globex, realm, files, password, tmp_path):
    """Our CAs with their revocation lists; the host's identity; the upstream."""
    cli("client", "issue", globex, "-o", tmp_path / "issued", "--out-password-file", password)
    result = kit("nginx", "--service", "invoices")
    assert (0, "ok") == (result.status, result.json["verdict"]), result.stdout
    kept = tmp_path / "kit" / "keep"
    assert 2 == len(load_certificates((kept / "client-ca.pem").read_bytes()))
    assert load_crl((kept / "client-ca.crl").read_bytes())
    assert "http://127.0.0.1:8081" in (kept / "server.conf").read_text()
    assert "kit-lets-in-all-of-ours" in codes(result)
    assert ("vault.export", "gateway/api.example.com") in audited(realm)


def test_lists_of_ours_are_left_out_where_others_have_none(kit, cli, globex, files, password, tmp_path):
    """Or everybody of the partner's CA would be refused; and a rule is more than a server keeps."""
    cli("client", "issue", globex, "-o", tmp_path / "issued", "--out-password-file", password)
    words = ("--authority", files.ca.certificate, "--san", "DNS:*.umbrella.com")
    cli("client", "add", "umbrella", "--allow", "invoices")
    assert 0 == cli("client", "accept", "umbrella", *words, "--despite", "authority-self-made").status
    result = kit("nginx", "--service", "invoices")
    assert {"kit-without-revocation-lists", "kit-rule-not-kept"} <= set(codes(result))
    assert not (tmp_path / "kit" / "keep" / "client-ca.crl").exists()


def test_client_that_may_not_call_is_not_let_in(kit, cli, globex, files, tmp_path):
    """Nor one that was revoked: only active bindings of permitted clients count."""
    cli("client", "add", "other")
    cli("client", "accept", "other", "--certificate", files.client.certificate)
    result = kit("nginx", "--service", "invoices")
    assert (1, "client-verification-without-ca") == (result.status, result.json["cause"]["code"])
    assert not (tmp_path / "kit").exists()


# Both sides


def test_both_sides_know_each_other(kit, files, tmp_path):
    """Each trusts what the other's certificate comes from."""
    words = ("--peer", "https://localhost:8443")
    result = kit("java", *of_client(files), "--to", "nginx", *of_server(files, "peer-"), *words)
    assert (0, "ok") == (result.status, result.json["verdict"]), result.stdout
    assert {"java", "nginx"} == {path.name for path in (tmp_path / "kit").iterdir()}
    (ca,) = load_certificates(files.ca.certificate.read_bytes())
    assert (ca,) == load_certificates((tmp_path / "kit" / "nginx" / "keep" / "client-ca.pem").read_bytes())
    trusted = keystores.load(
        (tmp_path / "kit" / "java" / "keep" / "truststore.p12").read_bytes(), KIT_PASSWORD
    ).trusted
    assert [ca] == [entry.certificate for entry in trusted]


def test_side_that_only_answers_comes_first_too(kit, files):
    """Who calls is the platforms' to say."""
    result = kit("nginx", *of_server(files), "--use", "server", "--to", "java", *of_client_peer(files))
    assert ["server", "client"] == [side["use"] for side in result.json["sides"]]


def of_client_peer(files):
    """Options that name the client's files as the other side's."""
    return ("--peer-key", files.client.key, "--peer-certificate", files.client.certificate)


def test_both_sides_of_one_platform_have_folders_of_their_own(kit, files, tmp_path):
    """Named by what they do."""
    assert 0 == kit("java", *of_client(files), "--to", "java", *of_server(files, "peer-")).status
    assert {"java-client", "java-server"} == {path.name for path in (tmp_path / "kit").iterdir()}


@pytest.mark.parametrize(("given", "missing"), [("client", "--peer-identity"), ("server", "--identity")])
def test_missing_identity_is_named(kit, files, given, missing):
    """With the option that gives it."""
    own = of_client(files) if given == "client" else of_server(files, "peer-")
    result = kit("java", *own, "--to", "nginx")
    assert 2 == result.status
    assert missing in result.stderr


def test_both_sides_from_the_realm(kit, cli, globex, tmp_path):
    """The client's certificate is issued, the server's is the gateway's."""
    result = kit("curl", "--client", globex, "--to", "nginx", "--service", "invoices")
    assert (0, "ok") == (result.status, result.json["verdict"]), result.stdout
    assert 1 == len(bindings(cli))
    assert (tmp_path / "kit" / "nginx" / "keep" / "client-ca.crl").exists()


def test_both_sides_fit_in_one_zip(kit, files, tmp_path):
    """With both folders."""
    assert 0 == kit("java", *of_client(files), "--to", "nginx", *of_server(files, "peer-"), "--zip").status
    with zipfile.ZipFile(tmp_path / "kit.zip") as archive:
        assert {"java", "nginx"} == {name.split("/")[0] for name in archive.namelist()}


# Completion


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("kit sales", "salesforce"),
        ("kit java --use ser", "server"),
        ("kit java --client glo", "globex"),
        ("kit java --service inv", "invoices"),
        ("kit java --set ja", "java="),
        ("check --for ngi", "nginx"),
    ],
)
def test_names_are_completed(globex, realm, words, expected):
    """Of platforms, uses, settings, and what the realm holds."""
    line = words.split()
    environment = {
        **os.environ,
        "_TWOWAY_COMPLETE": "bash_complete",
        "COMP_WORDS": f"twoway {words}",
        "COMP_CWORD": str(len(line)),
        "TWOWAY_REALM": str(realm),
    }
    shown = subprocess.run(
        [Path(sys.executable).with_name("twoway")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"plain,{expected}" in shown.stdout.splitlines(), shown.stderr
