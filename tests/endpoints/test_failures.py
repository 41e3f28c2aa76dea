from __future__ import annotations

import socket
import ssl
import time

import pytest

from tests.endpoints.servers import OK, answering, talking, tls
from tests.parts import material
from tests.parts.programs import serving
from tests.parts.served import free_port
from twoway.errors import (
    AnswerBroken,
    EndpointClosed,
    EndpointTimeout,
    EndpointUnreachable,
    EndpointUnresolved,
    HandshakeFailed,
    HandshakeRefused,
    RequestUnsendable,
    ServerCertificateExpired,
    ServerCertificateNotYetValid,
    ServerCertificateRefused,
    ServerNameWrong,
    ServerNotTls,
    ServerUntrusted,
)
from twoway.realm.endpoints import Basic, Bearer


@pytest.fixture
def failing(calling):
    """Call a URL in vain, and return why."""

    def fail(url, kind, *, seconds=None, method="GET", headers=None, **options):
        with calling(url, **options) as endpoint:
            endpoint.timeout = seconds or endpoint.timeout
            with pytest.raises(kind) as caught:
                endpoint.request(method, "/users", headers=headers)
        return caught.value

    return fail


@pytest.fixture
def shown(theirs, tmp_path):
    """Serve with a certificate that the partner's CA issued, wrong in some way."""

    def serve(**wrong):
        options = {"by": theirs, "names": ["localhost"], "usage": [material.SERVER], **wrong}
        return answering(tls(material.issue("server", **options).pem(tmp_path, "wrong")), OK)

    return serve


def test_host_that_does_not_resolve(failing):
    """Status 3: nobody could be asked."""
    error = failing("https://nowhere.invalid", EndpointUnresolved)
    assert ("nowhere.invalid", 3) == (error.host, error.exit_status)


@pytest.mark.parametrize("host", ["a..b", ".example", "x" * 64, "xn--a", "a_b-.-", "-"])
def test_host_that_cannot_be_one(failing, host):
    """Before or when the system is asked, and never in the resolver's own exceptions."""
    with pytest.raises(EndpointUnresolved):
        raise failing(f"https://{host}", EndpointUnresolved)


def test_nobody_listens(failing):
    """In the system's words."""
    error = failing(f"https://localhost:{free_port()}", EndpointUnreachable)
    assert ("connection refused", 3) == (error.problem, error.exit_status)


def test_connection_takes_too_long(failing):
    """A listener whose queue is full answers nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        error = failing(f"https://127.0.0.1:{port}", EndpointTimeout, seconds=0.2)
        for one in waiting:
            one.close()
    assert ("accept the connection", 0.2, 3) == (error.step, error.seconds, error.exit_status)


def test_handshake_takes_too_long(failing):
    """The server accepts and is silent."""
    with talking(lambda plain: time.sleep(0.4)) as server:
        assert "do the handshake" == failing(server.url, EndpointTimeout, seconds=0.2).step


def test_answer_takes_too_long(failing, server_files):
    """The server takes the request and is silent."""
    context = tls(server_files)

    def silent(plain):
        with context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(65536)
            time.sleep(0.4)

    with talking(silent) as server:
        assert "answer" == failing(server.url, EndpointTimeout, seconds=0.2).step


def test_server_that_speaks_plain_http(failing):
    """The most common wrong port."""

    def answer(plain):
        plain.recv(5)
        plain.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        plain.recv(65536)

    with talking(answer) as server:
        assert 1 == failing(server.url, ServerNotTls).exit_status


def test_server_that_closes_during_the_handshake(failing):
    """It says nothing, so nothing is claimed."""
    with talking(lambda plain: plain.shutdown(socket.SHUT_RDWR)) as server:
        error = failing(server.url, EndpointClosed)
    assert ("during the handshake", 3) == (error.step, error.exit_status)
    assert "could not be found out" in error.certificate


def test_server_that_closes_after_the_handshake(failing, server_files, ca):
    """What is known of the certificate is said: it may be the reason."""
    context = tls(server_files, ssl.CERT_REQUIRED)
    context.load_verify_locations(ca)
    with answering(context, b"") as server:
        error = failing(server.url, EndpointClosed)
    assert "after the handshake" == error.step
    assert "was sent ours" in error.certificate


def test_server_of_another_authority(failing, server_files, tmp_path):
    """Who issued it is named, and nothing was sent to it, least of all a password."""
    other = material.root("Other Root").ca_file(tmp_path)
    with answering(tls(server_files), OK) as server:
        error = failing(server.url, ServerUntrusted, trust=other, auth=Basic("me", "secret"))
    assert ("CN=server", "CN=Partner Root", 1) == (error.subject, error.issuer, error.exit_status)
    assert [] == server.heads


def test_system_does_not_trust_a_private_authority(failing, server_files):
    """Without a trust of its own an endpoint has the system's."""
    with answering(tls(server_files), OK) as server:
        failing(server.url, ServerUntrusted, trust=None)


def test_server_that_leaves_its_intermediate_out(failing, theirs, tmp_path):
    """The issuer that is missing is named."""
    between = material.issue("Partner Issuing", by=theirs, ca=True)
    leaf = material.server(between)
    alone = material.Holder(leaf.key, leaf.certificates[:1]).pem(tmp_path, "alone")
    with answering(tls(alone), OK) as server:
        assert "CN=Partner Issuing" == failing(server.url, ServerUntrusted).issuer


def test_server_of_another_name(failing, shown):
    """The names that it has are told."""
    with shown(names=["a.example", "b.example"]) as server:
        error = failing(server.url, ServerNameWrong)
    assert ("localhost", "DNS:a.example, DNS:b.example") == (error.host, error.names)
    assert [] == server.heads


def test_server_of_another_address(failing, shown):
    """An address is a name of its own kind."""
    with shown() as server:
        error = failing(f"https://127.0.0.1:{server.port}", ServerNameWrong)
    assert ("127.0.0.1", "DNS:localhost") == (error.host, error.names)


def test_server_certificate_that_has_ended(failing, shown):
    """With its date."""
    with shown(days=(-9, -2)) as server:
        error = failing(server.url, ServerCertificateExpired)
    assert "CN=server" == error.subject
    assert error.not_after.endswith("Z")


def test_server_certificate_that_has_not_begun(failing, shown):
    """With its date."""
    with shown(days=(2, 9)) as server:
        assert "CN=server" == failing(server.url, ServerCertificateNotYetValid).subject


def test_server_certificate_for_clients(failing, shown):
    """In OpenSSL's words, where there is no error of its own."""
    with shown(usage=[material.CLIENT]) as server:
        assert "purpose" in failing(server.url, ServerCertificateRefused).problem


@pytest.mark.parametrize("option", ["-tls1_1", "-tls1"])
def test_server_that_speaks_only_old_tls(failing, server_files, tmp_path, option):
    """TLS 1.2 is the least."""
    port = free_port()
    command = ["openssl", "s_server", "-www", "-accept", f"127.0.0.1:{port}", option]
    command += ["-cipher", "ALL:@SECLEVEL=0", "-cert", server_files.certificate, "-key", server_files.key]
    with serving(command, log=tmp_path / "log", ready="ACCEPT"):
        error = failing(f"https://localhost:{port}", (HandshakeRefused, HandshakeFailed))
    assert 1 == error.exit_status
    assert "protocol" in str(error)


def test_alert_that_is_not_about_our_certificate(failing, server_files):
    """It is named all the same."""
    context = tls(server_files)
    context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    with answering(context, OK) as server:
        error = failing(server.url, HandshakeRefused)
    assert ("unrecognized_name", "it serves no such host") == (error.alert, error.meaning)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Encoding: gzip\r\n\r\nabc",
    ],
)
def test_answer_that_is_broken(failing, server_files, answer):
    """No HTTP, cut off, or not what it says that it is."""
    with talking(once(tls(server_files), answer)) as server:
        assert 3 == failing(server.url, AnswerBroken, seconds=1).exit_status


@pytest.mark.parametrize(
    "answer",
    [
        b"Transfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
        b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
def test_answer_that_breaks_while_it_is_streamed(calling, server_files, answer):
    """A failure in the middle of a body is in our words too."""
    with (
        talking(once(tls(server_files), b"HTTP/1.1 200 OK\r\n" + answer)) as server,
        calling(server.url) as endpoint,
        endpoint.stream("GET", "/") as response,
        pytest.raises(AnswerBroken),
    ):
        list(endpoint.pieces(response))


def once(context, answer):
    """Return what answers one request so, and closes the connection."""

    def talk(plain):
        with context.wrap_socket(plain, server_side=True) as connection:
            connection.recv(65536)
            connection.sendall(answer)
            connection.unwrap()

    return talk


@pytest.mark.parametrize(
    ("method", "headers", "auth"),
    [
        ("GE T", None, None),
        ("GET", {"X-A": "b\r\nX-Injected: c"}, None),
        ("GET", {"X A": "b"}, None),
        ("GET", None, Bearer("top-secret\nX-Injected: c")),
    ],
)
def test_request_that_is_no_http(failing, server_files, method, headers, auth):
    """Nothing of it reaches the server, and no secret reaches the message or its causes."""
    options = {"auth": auth} if auth else {}
    with answering(tls(server_files), OK) as server:
        error = failing(server.url, RequestUnsendable, method=method, headers=headers, **options)
    assert (2, []) == (error.exit_status, server.heads)
    assert "top-secret" not in f"{error} {error.finding()} {error.__cause__}"
