from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2
import pytest

import twoway
from tests.endpoints.servers import OK, answering, tls
from tests.parts import material
from tests.parts.upstream import upstream
from twoway.endpoints.client import ANSWER_TIMEOUT, CONNECT_TIMEOUT, Endpoint
from twoway.errors import AnswerBroken, NotInRealm, RealmAbsent, RequestLeavesEndpoint
from twoway.realm.endpoints import NO_AUTH, Basic, Bearer
from twoway.x509.keys import private_der


def redirect(location: str, status: bytes = b"307 Temporary Redirect") -> bytes:
    """Return an answer that leads elsewhere."""
    return b"HTTP/1.1 %b\r\nContent-Length: 0\r\nLocation: %b\r\n\r\n" % (status, location.encode())


def test_endpoint_is_an_httpx2_client(calling, partner):
    """Bound to the endpoint's URL, with our certificate."""
    with calling(partner.url + "/v1") as endpoint:
        assert isinstance(endpoint, httpx2.Client)
        assert "/v1/users?page=2" == endpoint.get("/users", params={"page": 2}).json()["target"]
        assert "/v1" == endpoint.get("").json()["target"]
    assert ["us.example"] * 2 == [request.subject for request in partner.requests]


def test_endpoint_is_opened_by_name(calling, partner, realm):
    """From an open realm, or from the folder of one; it works when the realm is closed."""
    with calling(partner.url):
        pass
    realm.close()
    with twoway.endpoint("partner", realm.directory) as endpoint:
        assert 200 == endpoint.get("/").status_code


def test_realm_is_what_the_environment_names(calling, partner, realm, monkeypatch):
    """TWOWAY_REALM, as for every command."""
    monkeypatch.setenv("TWOWAY_REALM", str(realm.directory))
    with calling(partner.url), twoway.endpoint("partner") as endpoint:
        assert 200 == endpoint.get("/").status_code


def test_unknown_endpoint_and_realm_are_refused(realm, tmp_path):
    """Each by its name."""
    with pytest.raises(NotInRealm):
        twoway.endpoint("partner", realm)
    with pytest.raises(RealmAbsent):
        twoway.endpoint("partner", tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (Basic("me", "pass:word"), ["Basic bWU6cGFzczp3b3Jk"]),
        (Bearer("token"), ["Bearer token"]),
        (NO_AUTH, []),
    ],
)
def test_authentication_is_sent_beside_the_certificate(calling, partner, auth, expected):
    """As the endpoint has it, and nothing where it has none."""
    with calling(partner.url, auth=auth) as endpoint:
        endpoint.get("/")
    assert expected == partner.requests[0].values("authorization")


def test_servers_own_certificate_can_be_the_anchor(calling, tmp_path):
    """A partner with a self-signed server certificate is pinned by it."""
    own = material.issue("server", names=["localhost"], usage=[material.SERVER]).pem(tmp_path, "own")
    with answering(tls(own), OK) as server, calling(server.url, trust=own.certificate) as endpoint:
        assert "ok" == endpoint.get("/").text


def test_redirects_are_not_followed(calling, server_files):
    """Where one leads is for a person to judge."""
    with answering(tls(server_files), redirect("/elsewhere")) as server, calling(server.url) as endpoint:
        assert 307 == endpoint.get("/").status_code
    assert 1 == len(server.heads)


def test_redirect_to_another_origin_is_refused(calling, server_files):
    """Also where redirects are to be followed: not even a connection is made there."""
    with (
        answering(tls(server_files), OK) as other,
        answering(tls(server_files), redirect(f"https://localhost:{other.port}/users")) as server,
        calling(server.url, auth=Bearer("token")) as endpoint,
        pytest.raises(RequestLeavesEndpoint) as caught,
    ):
        endpoint.get("/users", follow_redirects=True)
    assert f"'https://localhost:{other.port}/users'" == caught.value.target
    assert (1, 0) == (len(server.heads), other.accepted)


@pytest.mark.parametrize("location", ["http://localhost/", "/admin", "//other.example/v1", "/v1/../admin"])
def test_redirect_out_of_the_endpoint_is_refused(calling, server_files, location):
    """To plain HTTP, to another host, or above the endpoint's own path."""
    with (
        answering(tls(server_files), redirect(location), OK) as server,
        calling(server.url + "/v1") as endpoint,
        pytest.raises(RequestLeavesEndpoint),
    ):
        endpoint.get("/users", follow_redirects=True)
    assert 1 == len(server.heads)


def test_redirect_within_the_endpoint_can_be_followed(calling, server_files):
    """With certificate and credentials: it is the same server."""
    with (
        answering(tls(server_files), redirect("/v1/other"), OK) as server,
        calling(server.url + "/v1", auth=Bearer("token")) as endpoint,
    ):
        assert "ok" == endpoint.get("/users", follow_redirects=True).text
    assert [b"GET /v1/users", b"GET /v1/other"] == [head.split(b" HTTP")[0] for head in server.heads]
    assert b"Bearer token" in server.heads[1]


def test_endless_redirects_end(calling, server_files):
    """As one of our errors."""
    with (
        answering(tls(server_files), redirect("/again")) as server,
        calling(server.url) as endpoint,
        pytest.raises(AnswerBroken),
    ):
        endpoint.get("/", follow_redirects=True)


def test_links_within_the_endpoint_can_be_called(calling, partner):
    """An answer's own absolute links, but nobody else's."""
    with calling(partner.url + "/v1") as endpoint:
        assert 200 == endpoint.get(f"{partner.url}/v1/users?page=2").status_code
        with pytest.raises(RequestLeavesEndpoint):
            endpoint.get("https://other.example/v1/users")


def test_request_made_by_hand_stays_within_the_endpoint(calling, partner):
    """Nor does a base URL that somebody changed lead out of it."""
    with calling(partner.url + "/v1") as endpoint:
        endpoint.base_url = "https://other.example"
        assert "/v1/users" == endpoint.get("/users").json()["target"]
        with pytest.raises(RequestLeavesEndpoint):
            endpoint.send(httpx2.Request("GET", f"{partner.url}/v2"))
    assert 1 == len(partner.requests)


def test_proxies_and_passwords_of_the_environment_are_not_used(calling, partner, monkeypatch, tmp_path):
    """They were set for something else."""
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    (tmp_path / "netrc").write_text("machine localhost login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with calling(partner.url) as endpoint:
        assert 200 == endpoint.get("/").status_code
    assert [] == partner.requests[0].values("authorization")


def test_there_is_a_timeout_for_everything(calling):
    """Nothing hangs for ever."""
    with calling("https://localhost") as endpoint:
        timeout = endpoint.timeout
    assert (CONNECT_TIMEOUT, *[ANSWER_TIMEOUT] * 3) == (
        timeout.connect,
        timeout.read,
        timeout.write,
        timeout.pool,
    )


def test_status_of_an_error_is_no_error_of_ours(calling, server_files):
    """What the partner answers is for the caller to read."""
    with (
        answering(tls(server_files), b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n") as server,
        calling(server.url) as endpoint,
    ):
        assert 503 == endpoint.get("/").status_code


def test_first_handshake_is_logged(calling, partner, caplog):
    """Once, and not again for each call."""
    with caplog.at_level("INFO", "twoway"), calling(partner.url) as endpoint:
        endpoint.get("/")
        endpoint.get("/")
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("twoway")]
    assert ["endpoint partner: the server asked for a certificate and was sent ours"] == ours


def test_server_that_does_not_ask_is_warned_of(calling, server_files, caplog):
    """Whoever has given an identity should hear that it was not used."""
    with answering(tls(server_files), OK) as server, calling(server.url) as endpoint:
        endpoint.get("/")
    assert [("WARNING", "twoway.endpoints.transport")] == [
        (record.levelname, record.name) for record in caplog.records if record.name.startswith("twoway")
    ]


def test_no_key_is_in_clear_on_disk_during_a_call(calling, us, server_files, ca, monkeypatch, tmp_path):
    """Neither in a temporary folder nor in the realm nor in any file that the process has open."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    looked = []

    def look():
        opened = [Path(f"/proc/self/fd/{number}") for number in os.listdir("/proc/self/fd")]  # noqa: PTH208  numbers
        looked.extend(contents([*tmp_path.rglob("*"), *opened]))

    with upstream(tls(server_files)) as serving, calling(serving.url) as endpoint:
        look()
        with endpoint.stream("GET", "/stream") as response:
            next(endpoint.pieces(response))
            look()
    der = private_der(us.key)
    secret = us.key.private_numbers().private_value.to_bytes(32)
    assert looked
    assert not any(form in content for content in looked for form in (der, secret, b"BEGIN PRIVATE KEY"))


def contents(paths: list[Path]) -> list[bytes]:
    """Return what is in those that are regular files."""
    found = []
    for path in paths:
        if path.is_file():
            with path.open("rb") as file:
                found.append(file.read(1_000_000))
    return found


def test_context_serves_other_clients_too(calling, partner):
    """The library is as small as that."""
    from http.client import HTTPSConnection

    with calling(partner.url) as endpoint:
        connection = HTTPSConnection("localhost", partner.port, context=endpoint.ssl_context())
        connection.request("GET", "/")
        assert 200 == connection.getresponse().status
        connection.close()
    assert "us.example" == partner.requests[0].subject


def test_endpoint_needs_no_realm(partner, ca):
    """Its parts may come from anywhere."""
    with Endpoint("partner", partner.url, trust=ca.read_text()) as endpoint:
        assert endpoint.handshake is None


def test_import_of_the_package_is_free():
    """Neither httpx2 nor ssl nor a database comes along before a name is used."""
    code = "import sys, twoway; twoway.endpoint, twoway.load; print([m for m in sys.modules if '.' not in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"httpx2", "ssl", "sqlalchemy", "cryptography"} & set(eval(done.stdout))  # noqa: S307  a list of ours
