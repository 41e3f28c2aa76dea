from __future__ import annotations

import pytest

from tests.parts import material, tls
from tests.parts.upstream import upstream


@pytest.fixture
def partner(cli, realm, tmp_path, password):
    """A server of a partner, and the endpoint of that name."""
    theirs = material.root("Partner Root")
    identity = material.server(theirs).pem(tmp_path, "server")
    us = material.client(theirs, "us.example").p12(tmp_path, "us")
    password.write_text(us.password)
    with upstream(tls.server(identity, clients=theirs.ca_file(tmp_path))) as serving:
        options = ("--url", serving.url, "--trust", theirs.ca_file(tmp_path), "--identity", us.path)
        assert 0 == cli("endpoint", "add", "partner", *options, "--password-file", password).status
        yield serving


def test_call_prints_the_body_and_says_what_the_handshake_did(cli, partner):
    """The body is data; that the certificate was asked for and sent goes to stderr."""
    result = cli("call", "partner/users?page=2")
    assert (0, "/users?page=2") == (result.status, result.json["target"])
    assert "200; the server asked for a certificate and was sent it" in result.stderr


def test_call_as_json_has_status_headers_and_handshake(cli, partner):
    """One document with all of it."""
    answer = cli("call", "partner/users", "--json").json
    assert ("partner", 200, {"asked": True, "sent": True}) == (
        answer["endpoint"],
        answer["status"],
        answer["handshake"],
    )


def test_call_sends_method_headers_and_body(cli, partner, tmp_path):
    """As they were given; a body makes it a POST."""
    (tmp_path / "body").write_bytes(b"\x00\x01")
    cli("call", "partner/a", "-X", "delete", "-H", "X-Reason: test")
    cli("call", "partner/b", "-d", f"@{tmp_path / 'body'}")
    first, second = partner.requests
    assert ("DELETE", ["test"]) == (first.method, first.values("x-reason"))
    assert ("POST", b"\x00\x01") == (second.method, second.body)


def test_call_writes_the_body_to_a_file(cli, partner, tmp_path):
    """And over nothing that is there."""
    assert 0 == cli("call", "partner/users", "-o", tmp_path / "answer").status
    assert 2 == cli("call", "partner/users", "-o", tmp_path / "answer").status
    assert 1 == len(partner.requests)


@pytest.mark.parametrize("header", ["nothing", ": x", "X: a\r\nY: b"])
def test_header_of_another_form_is_wrong_usage(cli, partner, header):
    """Nothing is sent then."""
    assert 2 == cli("call", "partner/users", "-H", header).status
    assert [] == partner.requests


def test_unknown_endpoint_is_refused(cli, realm):
    """By its name."""
    assert "not-in-realm" == cli("call", "nobody/users", "--json").json["error"]["code"]


def test_nobody_there_is_status_three(cli, realm):
    """It could not be found out."""
    cli("endpoint", "add", "away", "--url", "https://localhost:1")
    result = cli("call", "away/users", "--json")
    assert (3, "endpoint-unreachable") == (result.status, result.json["error"]["code"])
