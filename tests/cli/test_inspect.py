from __future__ import annotations

import shutil
import ssl
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.cli import materials
from tests.endpoints.servers import talking, tls
from tests.parts import material
from tests.parts.programs import check
from tests.parts.upstream import upstream
from twoway.diagnosis.contents import TITLES
from twoway.keystores import Format
from twoway.x509.certificates import Certificate, load_certificates


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files that openssl made."""
    return materials.files(tmp_path_factory.mktemp("inspect"))


@pytest.fixture(scope="module")
def theirs():
    """A CA with a hostile name, and its server."""
    ca = material.root("Evil\x1b[31m\u202e")
    return ca, material.server(ca)


@pytest.fixture(scope="module")
def server_files(theirs, tmp_path_factory):
    """The server's files and its CA's."""
    folder = tmp_path_factory.mktemp("server")
    return theirs[1].pem(folder), theirs[0].ca_file(folder)


def only(result):
    """The one source of a result."""
    (source,) = result.json["sources"]
    return source


def codes(result):
    """The codes of the findings of the one source."""
    return [found["code"] for found in only(result)["findings"]]


def test_keystore_as_json_has_the_documented_shape(cli, files):
    """Entries, keys and certificates by the names that scripts rely on."""
    source = only(cli("inspect", files.p12.path, "--password-file", files.password, "--json"))
    assert ["source", "format", "entries", "findings"] == list(source)
    (entry,) = source["entries"]
    leaf, ca = load_certificates(files.client.certificate.read_bytes())
    assert "pkcs12" == source["format"]
    assert {"algorithm": "ec-p256", "bits": 256} == entry["key"]
    assert ("Orders", "identity") == (entry["alias"], entry["kind"])
    assert [leaf.as_json(), ca.as_json()] == entry["certificates"]


def test_people_see_a_tree_with_the_end_in_words(cli, files):
    """The leaf, its issuer one step further in, and how long it lasts."""
    shown = cli("inspect", files.p12.path, "--password-file", files.password).stdout
    assert "Orders: identity, key ec-p256" in shown
    assert "    CN=orders.example.com\n" in shown
    assert "      └ CN=Root\n" in shown
    assert "ends in " in shown


def test_format_is_found_from_the_bytes(cli, files, tmp_path):
    """A .jks that is PKCS#12 is read and said to be one."""
    shutil.copy(files.p12.path, tmp_path / "bundle.jks")
    result = cli("inspect", tmp_path / "bundle.jks", "--password-file", files.password, "--json")
    assert (0, "pkcs12") == (result.status, only(result)["format"])
    assert "file-name-misleading" in codes(result)


def test_encrypted_key_hides_no_certificate(cli, files):
    """Without its password the identity is listed, and said to be locked."""
    result = cli("inspect", materials.encrypted_key(files), "--json")
    (entry,) = only(result)["entries"]
    assert (0, "identity", 2) == (result.status, entry["kind"], len(entry["certificates"]))
    assert "entry-locked" in codes(result)


def test_jks_is_listed_without_its_password(cli, tmp_path):
    """Its certificates are not encrypted."""
    result = cli("inspect", materials.jks(tmp_path / "a.jks"), "--json")
    (entry,) = only(result)["entries"]
    assert ("jks", "mykey", "CN=jks") == (
        only(result)["format"],
        entry["alias"],
        entry["certificates"][0]["subject"],
    )
    assert entry["created"].endswith("Z")


def test_key_with_a_password_of_its_own_opens_with_it(cli, files, tmp_path, monkeypatch):
    """--key-password-* is for keys whose password is not the store's."""
    store = materials.jks(tmp_path / "a.jks", key_password=materials.KEY_PASSWORD)
    locked = cli("inspect", store, "--password-file", files.password, "--json")
    monkeypatch.setenv("KEY", materials.KEY_PASSWORD)
    opened = cli("inspect", store, "--password-file", files.password, "--key-password-env", "KEY", "--json")
    assert ([True], [False]) == (
        ["entry-locked" in codes(locked)],
        ["entry-locked" in codes(opened)],
    )


def test_secret_keys_are_named_not_shown(cli, files, tmp_path):
    """Of a JCEKS with an AES key: its kind and size."""
    result = cli(
        "inspect", materials.jceks(tmp_path / "a.jceks"), "--password-file", files.password, "--json"
    )
    (entry,) = only(result)["entries"]
    assert ("secret", {"algorithm": "AES", "bits": 128}) == (entry["kind"], entry["key"])


def test_key_of_another_certificate_is_an_error(cli, files, tmp_path):
    """A PKCS#12 can hold such a pair; it fits nowhere."""
    path = tmp_path / "wrong.pem"
    path.write_bytes(files.server.key.read_bytes() + files.client.certificate.read_bytes())
    result = cli("inspect", path, "--json")
    assert (1, ["key-mismatch"]) == (result.status, codes(result))


def test_unreadable_certificate_is_listed(cli, files, tmp_path):
    """With its fingerprint and what little is known, and a finding."""
    der = load_certificates(files.client.certificate.read_bytes())[0].der
    path = tmp_path / "odd.pem"
    # The tag of the subject's string becomes one that there is not.
    odd = Certificate(der.replace(b"\x0c\x12orders", b"\x1f\x12orders"))
    path.write_bytes(odd.pem)
    result = cli("inspect", path, "--json")
    (entry,) = only(result)["entries"]
    assert (0, odd.sha256) == (result.status, entry["certificates"][0]["sha256"])
    assert any("certificate" in code and code != "certificate-ends-soon" for code in codes(result))


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_request_is_named_with_what_to_do(cli, files, tmp_path, form):
    """No keystore, and yet of use."""
    path = tmp_path / "request"
    check(
        ["openssl", "req", "-new", "-key", files.client.key, "-subj", "/CN=r", "-outform", form, "-out", path]
    )
    result = cli("inspect", path, "--json")
    assert (0, form.lower(), ["request-found"]) == (result.status, only(result)["format"], codes(result))
    assert "CN=r" == only(result)["findings"][0]["facts"]["subject"]


@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_public_key_is_named(cli, files, tmp_path, form):
    """The half that everybody may have."""
    path = tmp_path / "public"
    check(["openssl", "pkey", "-in", files.client.key, "-pubout", "-outform", form, "-out", path])
    assert ["public-key-found"] == codes(cli("inspect", path, "--json"))


def test_revocation_list_is_named(cli, realm, tmp_path):
    """Ours, as the authority publishes it."""
    cli("authority", "crl", "-o", tmp_path / "crl")
    assert ["revocation-list-found"] == codes(cli("inspect", tmp_path / "crl", "--json"))


def test_stdin_is_a_source(cli, files):
    """A dash, as everywhere."""
    result = cli("inspect", "-", "--json", stdin=files.ca.certificate.read_bytes())
    assert ("-", "pem", "trusted") == (
        only(result)["source"],
        only(result)["format"],
        only(result)["entries"][0]["kind"],
    )


def test_bad_source_hides_no_other(cli, files, tmp_path):
    """What can be read is shown, and the status is the worst."""
    result = cli("inspect", tmp_path / "nowhere", files.ca.certificate, "--json")
    assert 2 == result.status
    assert [None, "pem"] == [source["format"] for source in result.json["sources"]]
    assert "usage" == result.json["error"]["code"]


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("empty", b"", 1, "keystore-truncated"),
        ("junk", bytes(range(256)) * 40, 1, "format-unknown"),
        ("text", b"hello\n", 1, "format-unknown"),
        ("cut.pem", b"-----BEGIN CERTIFICATE-----\nMIIB", 1, "keystore-truncated"),
        ("large", bytes(11 * 1024 * 1024), 2, "usage"),
    ],
)
def test_bad_bytes_are_refused_by_their_kind(cli, tmp_path, name, content, status, code):
    """Each in its own words, none as a failure of ours."""
    (tmp_path / name).write_bytes(content)
    result = cli("inspect", tmp_path / name, "--json")
    assert (status, code) == (result.status, result.json["error"]["code"])


def test_folder_is_no_source(cli, tmp_path):
    """It is said to be one."""
    result = cli("inspect", tmp_path)
    assert (2, True) == (result.status, "is a folder" in result.stderr)


def test_wrong_password_is_told_from_damage(cli, files, monkeypatch):
    """The code is what scripts look at."""
    monkeypatch.setenv("WRONG", "not-this")
    result = cli("inspect", files.p12.path, "--password-env", "WRONG", "--json")
    assert (1, "password-wrong") == (result.status, result.json["error"]["code"])


def test_missing_password_says_how_to_give_it(cli, files):
    """Without a terminal nobody is asked."""
    result = cli("inspect", files.p12.path)
    assert (1, True) == (result.status, "--password-file" in result.stderr)


def test_missing_password_file_is_wrong_usage(cli, files, tmp_path):
    """Not a missing password."""
    assert 2 == cli("inspect", files.p12.path, "--password-file", tmp_path / "nowhere").status


def test_hostile_names_are_escaped(cli, theirs, tmp_path):
    """Nothing of a certificate's text moves the terminal."""
    path = tmp_path / "ca\x1b[31m.pem"
    path.write_bytes(theirs[0].leaf.public_bytes(Encoding.PEM))
    result = cli("inspect", path)
    assert (0, set()) == (result.status, set("\x1b\u202e") & set(result.stdout + result.stderr))


def test_server_shows_its_chain_as_sent(cli, server_files):
    """Leaf and root in the server's order, and that it requires a certificate."""
    with upstream(tls(server_files[0], ssl.CERT_REQUIRED)) as server:
        result = cli("inspect", f"localhost:{server.port}", "--json")
    source = only(result)
    assert (0, "tls", "required") == (result.status, source["format"], source["tls"]["client_certificate"])
    assert 2 == len(source["entries"][0]["certificates"])
    assert "TLSv1.3" == source["tls"]["version"]


def test_server_that_only_asks_is_told_from_one_that_requires(cli, server_files):
    """It goes on without a certificate, and names the CAs that it takes."""
    ours, ca = server_files
    context = tls(ours, ssl.CERT_OPTIONAL)
    context.load_verify_locations(ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with upstream(context) as server:
        source = only(cli("inspect", f"https://localhost:{server.port}/path", "--json"))
    assert ("requested", "TLSv1.2") == (source["tls"]["client_certificate"], source["tls"]["version"])


def test_server_that_does_not_ask_is_said_not_to(cli, server_files):
    """One-way TLS, for people."""
    with upstream(tls(server_files[0])) as server:
        result = cli("inspect", f"127.0.0.1:{server.port}")
    assert (0, True) == (result.status, "client certificate   not requested" in result.stdout)
    assert set() == set("\x1b\u202e") & set(result.stdout + result.stderr)


def test_connect_leads_elsewhere_under_the_same_name(cli, server_files):
    """The name asked for stays that of the source."""
    with upstream(tls(server_files[0])) as server:
        result = cli("inspect", "api.example.com:443", "--connect", f"127.0.0.1:{server.port}", "--json")
    assert "api.example.com" == only(result)["tls"]["server_name"]
    assert "server-name-not-covered" in codes(result)


def test_silent_server_is_left_in_time(cli):
    """The bound holds for all of it."""

    def talk(plain):
        plain.recv(65536)
        time.sleep(1.0)

    start = time.monotonic()
    with talking(talk) as server:
        result = cli("inspect", f"127.0.0.1:{server.port}", "--timeout", "0.3", "--json")
        took = time.monotonic() - start
    assert (3, "probe-timeout") == (result.status, result.json["error"]["code"])
    assert took < 1.0


def test_server_without_tls_is_said_to_have_none(cli):
    """Plain HTTP answers with plain HTTP."""

    def talk(plain):
        plain.recv(65536)
        plain.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with talking(talk) as server:
        result = cli("inspect", f"127.0.0.1:{server.port}", "--json")
    assert (1, "probe-not-tls") == (result.status, result.json["error"]["code"])


def test_nobody_there_could_not_be_found_out(cli):
    """Status 3, not 1."""
    result = cli("inspect", "127.0.0.1:1", "--json")
    assert (3, "probe-unreachable") == (result.status, result.json["error"]["code"])


@pytest.mark.parametrize(
    "source", ["http://localhost:80", "https://", "ftp://a:21", "localhost:99999", "a:0"]
)
def test_bad_server_is_wrong_usage(cli, source):
    """Nothing is connected to."""
    assert 2 == cli("inspect", source).status


def test_every_format_has_its_name_for_people():
    """Also those that are only read."""
    assert set(Format) == set(TITLES)
