from __future__ import annotations

from pathlib import Path

import pytest
from OpenSSL import SSL

from tests.parts import material
from tests.parts.credentials import Pem, pem
from tests.parts.material import Holder
from tests.parts.raw import Alert, Version, connect
from tests.parts.raw_http2 import Http2, StreamRefused
from tests.parts.upstream import Upstream

VERSIONS: tuple[Version, Version] = ("TLSv1.2", "TLSv1.3")


@pytest.fixture
def identity(globex: Holder, tmp_path: Path) -> Pem:
    """Return the known client's files."""
    return globex.pem(tmp_path)


@pytest.mark.parametrize("version", VERSIONS)
def test_connection_is_kept_for_further_requests(server: Upstream, identity: Pem, version: Version) -> None:
    """Two requests arrive on one connection."""
    with connect(server.port, identity=identity, version=version) as connection:
        answers = [connection.request(target) for target in ("/1", "/2")]
        assert (version, True, False) == (connection.tls, connection.asked, connection.resumed)
    assert ["/1", "/2"] == [answer.json["target"] for answer in answers]
    assert 1 == len({request.connection for request in server.requests})


@pytest.mark.parametrize("version", VERSIONS)
def test_session_is_resumed(server: Upstream, identity: Pem, version: Version) -> None:
    """The second connection resumes the session of the first, and is still globex."""

    def session() -> SSL.Session:
        with connect(server.port, identity=identity, version=version) as first:
            assert not first.request().resumed
            return first.session

    with connect(server.port, version=version, session=session(), server_name="other.example") as second:
        answer = second.request()
    assert (True, "globex") == (answer.resumed, answer.json["subject"])


@pytest.mark.parametrize(
    ("version", "alert"), [("TLSv1.2", "handshake_failure"), ("TLSv1.3", "certificate_required")]
)
def test_no_certificate_is_an_alert(server: Upstream, version: Version, alert: str) -> None:
    """The server's alert has its name, also when it comes after the handshake."""
    with pytest.raises(Alert, match=alert), connect(server.port, version=version):
        pass
    assert [] == server.requests


@pytest.mark.parametrize("version", VERSIONS)
def test_stranger_is_an_alert(server: Upstream, tmp_path: Path, version: Version) -> None:
    """A certificate of a CA with the same name is presented all the same."""
    stranger = material.client(material.root(), "globex").pem(tmp_path)
    with (
        pytest.raises(Alert, match=r"decrypt_error|unknown_ca"),
        connect(server.port, identity=stranger, version=version),
    ):
        pass


@pytest.mark.parametrize("version", VERSIONS)
def test_stolen_certificate_fails_for_its_key(
    server: Upstream, globex: Holder, tmp_path: Path, version: Version
) -> None:
    """Somebody else's certificate is presented with a key that does not belong to it."""
    files = globex.pem(tmp_path, "stolen")
    files.key.write_bytes(material.stolen(globex))
    with (
        pytest.raises(Alert, match="decrypt_error"),
        connect(server.port, identity=files, version=version),
    ):
        pass


def test_malleated_twin_is_as_good(server: Upstream, globex: Holder, root: Holder, tmp_path: Path) -> None:
    """A plain server takes the twin: another fingerprint, the same serial number."""
    twin = material.malleated(globex.leaf)
    assert twin.serial_number == globex.leaf.serial_number
    assert twin != globex.leaf
    files = pem(tmp_path / "twin", globex.key, [twin, root.leaf])
    with connect(server.port, identity=files) as connection:
        assert "globex" == connection.request().json["subject"]


def test_raw_bytes_are_sent_as_they_are(server: Upstream, identity: Pem) -> None:
    """Two requests in one piece, of a shape that no client writes, arrive as they were sent."""
    with connect(server.port, identity=identity) as connection:
        connection.send(
            b"GET /a HTTP/1.1\r\nX_Id:1\r\nx-id: 2\r\n\r\nPOST //b HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi"
        )
        assert [200, 200] == [connection.answer().status, connection.answer().status]
    assert (("X_Id", "1"), ("x-id", "2")) == server.requests[0].headers
    assert ("//b", b"hi") == (server.requests[1].target, server.requests[1].body)


def test_large_body_arrives_whole(server: Upstream, identity: Pem) -> None:
    """More than the socket takes at once is sent in order."""
    body = bytes(range(256)) * 8192
    with connect(server.port, identity=identity) as connection:
        connection.request(method="POST", body=body)
    assert body == server.requests[0].body


def test_no_server_name_is_sent(server: Upstream, identity: Pem) -> None:
    """SNI can be left out."""
    with connect(server.port, identity=identity, server_name=None) as connection:
        assert 200 == connection.request().status


def test_names_of_acceptable_cas_are_told(nginx_port: int, identity: Pem) -> None:
    """The names of the certificate request can be read, where the server sends any."""
    with connect(nginx_port, identity=identity, alpn=[]) as connection:
        assert ["Root"] == connection.acceptable_cas


def test_http2_requests_share_a_connection(nginx_port: int, identity: Pem) -> None:
    """Requests and their headers arrive on streams of one connection."""
    with connect(nginx_port, identity=identity, alpn=["h2"]) as connection:
        client = Http2(connection)
        first = client.request("/1", headers=[("x-probe", "yes")])
        second = client.request("/2", method="POST", body=b"body")
    assert ("HTTP/2", "CN=globex GET /1 yes") == (first.protocol, first.body)
    assert "CN=globex POST /2 " == second.body


def test_http2_header_that_is_not_allowed_is_sent(nginx_port: int, identity: Pem) -> None:
    """An upper-case name goes out, and the server's refusal is told."""
    with connect(nginx_port, identity=identity, alpn=["h2"]) as connection:
        client = Http2(connection)
        with pytest.raises(StreamRefused, match="PROTOCOL_ERROR"):
            client.request(headers=[("X-Probe", "yes")])
