from __future__ import annotations

import base64
import json
import subprocess
import sys
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from tests.endpoints.servers import OK, answering
from tests.endpoints.servers import tls as serving_tls
from tests.parts import material, tls
from tests.parts.upstream import upstream


@pytest.fixture(scope="module")
def theirs():
    """The partner's CA."""
    return material.root("Partner Root")


@pytest.fixture
def server_files(theirs, tmp_path):
    """The files of the partner's server."""
    return material.server(theirs).pem(tmp_path, "server")


@pytest.fixture
def add(cli, realm, theirs, tmp_path, password):
    """Add the endpoint ``partner`` with our identity in a keystore."""
    us = material.client(theirs, "us.example").p12(tmp_path, "us")
    password.write_text(us.password)

    def added(url, *options):
        identity = options or ("--identity", us.path, "--password-file", password)
        result = cli(
            "endpoint", "add", "partner", "--url", url, "--trust", theirs.ca_file(tmp_path), *identity
        )
        assert 0 == result.status, result.stderr

    return added


@pytest.fixture
def partner(add, server_files, theirs, tmp_path):
    """A server of a partner, and the endpoint of that name."""
    with upstream(tls.server(server_files, clients=theirs.ca_file(tmp_path))) as serving:
        add(serving.url)
        yield serving


@pytest.fixture
def answered(add, server_files):
    """Let a server that does not ask for certificates give this answer."""
    with ExitStack() as stack:

        def answer(*answers):
            server = stack.enter_context(answering(serving_tls(server_files), *answers))
            add(server.url)
            return server

        yield answer


def test_call_prints_the_body_and_says_what_the_handshake_did(cli, partner):
    """The body is data; that the certificate was asked for and sent goes to stderr."""
    result = cli("call", "partner/users?page=2")
    assert (0, "/users?page=2") == (result.status, result.json["target"])
    url = f"{partner.url}/users?page=2"
    assert f"GET {url}: 200 OK\nthe server asked for a certificate and was sent ours\n" == result.stderr
    assert "us.example" == partner.requests[0].subject


def test_call_with_key_and_certificate_in_files(cli, add, server_files, theirs, tmp_path):
    """The identity spelled out as PEM files; it is in the vault afterwards, and the files may go."""
    us = material.client(theirs, "us.example").pem(tmp_path, "us")
    with upstream(tls.server(server_files, clients=theirs.ca_file(tmp_path))) as partner:
        add(partner.url, "--key", us.key, "--certificate", us.certificate)
        us.key.unlink()
        assert 0 == cli("call", "partner").status
    assert "us.example" == partner.requests[0].subject


def test_call_as_json_has_status_headers_and_handshake(cli, partner):
    """One document with all of it."""
    answer = cli("call", "partner/users", "--json").json
    expected = {"endpoint": "partner", "method": "GET", "url": f"{partner.url}/users", "status": 200}
    assert expected.items() <= answer.items()
    handshake = {"certificate": "sent", "asked": True, "sent": True, "late": False, "tls": "TLSv1.3"}
    assert handshake.items() <= answer["handshake"].items()
    assert ["content-type", "application/json"] in answer["headers"]
    assert "/users" == json.loads(answer["body"])["target"]


def test_server_that_does_not_ask_is_told(cli, answered):
    """Once, and not as a warning of some library."""
    server = answered(OK)
    # In a process of its own: pytest's handlers would take a warning that else goes to stderr.
    command = [sys.executable, "-m", "twoway", "call", "partner"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = (
        f"GET {server.url}: 200 OK\nthe server did not ask for a certificate, so this was not two-way TLS\n"
    )
    assert ("ok", said) == (done.stdout, done.stderr)


def test_call_sends_method_headers_and_body(cli, partner, tmp_path):
    """As they were given; a body makes it a POST."""
    (tmp_path / "body").write_bytes(b"\x00\x01")
    cli("call", "partner/a", "-X", "delete", "-H", "X-Reason: a", "-H", "X-Reason: b")
    cli("call", "partner/b", "-d", f"@{tmp_path / 'body'}")
    first, second = partner.requests
    assert ("DELETE", ["a", "b"]) == (first.method, first.values("x-reason"))
    assert ("POST", b"\x00\x01") == (second.method, second.body)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("-d", '{"a": 1}'), "application/json"),
        (("-d", "a=1&b=2"), "application/x-www-form-urlencoded"),
        (("-d", "{not json"), "application/x-www-form-urlencoded"),
        (("-d", "[]", "-H", "content-type: text/plain"), "text/plain"),
    ],
)
def test_body_has_the_type_that_it_looks_like(cli, partner, options, expected):
    """JSON is JSON, other text is a form as with curl, and a header says otherwise."""
    cli("call", "partner", *options)
    assert [expected] == partner.requests[0].values("content-type")


def test_body_comes_from_stdin(cli, partner):
    """As it is."""
    cli("call", "partner", "-d", "@-", stdin=b"\xff\x00")
    assert (b"\xff\x00", ["application/octet-stream"]) == (
        partner.requests[0].body,
        partner.requests[0].values("content-type"),
    )


def test_call_writes_the_body_to_a_file(cli, partner, tmp_path):
    """And over nothing that is there; nothing is sent then."""
    assert 0 == cli("call", "partner/users", "-o", tmp_path / "answer").status
    assert "/users" == json.loads((tmp_path / "answer").read_text())["target"]
    assert 2 == cli("call", "partner/users", "-o", tmp_path / "answer").status
    assert 1 == len(partner.requests)
    assert 0 == cli("call", "partner/other", "-o", tmp_path / "answer", "--force").status
    assert "/other" == json.loads((tmp_path / "answer").read_text())["target"]


def test_body_that_is_no_text_is_base64_in_json(cli, answered):
    """JSON holds text alone."""
    answered(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\x00")
    assert b"\xff\x00" == base64.b64decode(cli("call", "partner", "--json").json["body_base64"])


def test_body_that_is_too_large_for_json_is_refused(cli, answered, monkeypatch):
    """Whoever streams without end does not eat the memory."""
    monkeypatch.setattr("twoway.cli.call.JSON_LIMIT", 1)
    answered(OK)
    result = cli("call", "partner", "--json")
    assert (1, "answer-too-large") == (result.status, result.json["error"]["code"])


def test_body_is_harmless_on_a_terminal(cli, answered, monkeypatch):
    """What would move the cursor or change colours is escaped; into a pipe it goes as it is."""
    body = b"a\tb\x1b[31m\nc"
    answered(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    assert body.decode() == cli("call", "partner").stdout
    terminal = SimpleNamespace(stdout=SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("twoway.cli.call.sys", terminal)
    assert "a\tb\\x1b[31m\nc\n" == cli("call", "partner").stdout


@pytest.mark.parametrize(("status", "expected"), [(b"403 Forbidden", 1), (b"500 Oops", 1), (b"204 None", 0)])
def test_status_of_the_answer_is_shown(cli, answered, status, expected):
    """An answer is no error of ours; a script still learns that it is no success."""
    answered(b"HTTP/1.1 %b\r\nContent-Length: 0\r\n\r\n" % status)
    result = cli("call", "partner")
    assert expected == result.status
    assert f": {status.decode()}\n" in result.stderr
    assert "twoway: error" not in result.stderr


def test_redirect_is_shown_and_not_followed(cli, answered):
    """Nobody else gets the certificate or the password."""
    server = answered(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: https://other.example/\r\n\r\n")
    result = cli("call", "partner/users")
    assert "it redirects to https://other.example/, which is not followed" in result.stderr
    assert (0, 1) == (result.status, len(server.heads))


@pytest.mark.parametrize("path", ["/../admin", "/%2e%2e/admin", "//other.example/", "/a/..;/b", "/a\r\nb"])
def test_path_cannot_leave_the_endpoint(cli, partner, path):
    """Wrong usage; nothing is sent."""
    result = cli("call", f"partner{path}", "--json")
    assert (2, "request-leaves-endpoint") == (result.status, result.json["error"]["code"])
    assert [] == partner.requests


def test_absolute_url_is_but_a_path(cli, partner):
    """It stays at the endpoint, which does not know it."""
    assert 0 == cli("call", "partner/https://other.example/users").status
    assert "/https://other.example/users" == partner.requests[0].target


@pytest.mark.parametrize("header", ["nothing", ": x", "X: a\r\nY: b"])
def test_header_of_another_form_is_wrong_usage(cli, partner, header):
    """Nothing is sent then."""
    assert 2 == cli("call", "partner/users", "-H", header).status
    assert [] == partner.requests


@pytest.mark.parametrize("options", [("/users",), ("partner", "--timeout", "0"), ("partner", "-X", "GE T")])
def test_call_of_another_form_is_wrong_usage(cli, partner, options):
    """Nothing is sent then."""
    assert 2 == cli("call", *options).status
    assert [] == partner.requests


def test_secret_in_a_header_is_not_repeated(cli, partner):
    """An error names the header alone."""
    result = cli("call", "partner", "-H", "Authorization: top-secret\x07", "--json")
    assert "top-secret" not in result.stdout + result.stderr


def test_unknown_endpoint_is_refused(cli, realm):
    """By its name."""
    assert "not-in-realm" == cli("call", "nobody/users", "--json").json["error"]["code"]


def test_nobody_there_is_status_three(cli, realm):
    """It could not be found out."""
    cli("endpoint", "add", "away", "--url", "https://localhost:1")
    result = cli("call", "away/users", "--json")
    assert (3, "endpoint-unreachable") == (result.status, result.json["error"]["code"])


def test_refused_certificate_is_status_one_with_the_alert(cli, partner, tmp_path, password):
    """What, why, what to do and who, and no traceback."""
    stranger = material.client(material.root("Nobody"), "stranger").p12(tmp_path, "stranger")
    changed = cli("endpoint", "edit", "partner", "--identity", stranger.path, "--password-file", password)
    assert 0 == changed.status
    result = cli("call", "partner", "--json")
    error = result.json["error"]
    assert (1, "identity-refused", "unknown_ca") == (result.status, error["code"], error["facts"]["alert"])
    assert all(error[key] for key in ("title", "cause", "remedy", "who"))
    assert "Traceback" not in result.stderr
    assert "twoway: error: " in result.stderr


def test_wrong_password_of_an_identity_is_told(cli, realm, theirs, tmp_path, password):
    """When the endpoint is added, before anything is called."""
    us = material.client(theirs, "us.example").p12(tmp_path, "us")
    result = cli(
        *("endpoint", "add", "partner", "--url", "https://localhost"),
        *("--identity", us.path, "--password-file", password, "--json"),
    )
    assert (1, "password-wrong") == (result.status, result.json["error"]["code"])


def test_only_calls_import_the_http_client(realm):
    """Every other command starts without it."""
    code = (
        "import sys; from twoway.cli import run; "
        "run(['endpoint', 'list']); run(['call', '--help']); run(['endpoint', 'add', 'x', '--url', 'https://x']); "
        "sys.exit('httpx2' in sys.modules)"
    )
    assert 0 == subprocess.run([sys.executable, "-c", code], capture_output=True, check=False).returncode
