from __future__ import annotations

import socket
import ssl

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from tests.endpoints.conftest import identity_of
from tests.endpoints.servers import OK, answering, renegotiating, tls
from tests.parts import material
from tests.parts.nginx import nginx
from tests.parts.programs import serving
from tests.parts.served import free_port
from twoway.endpoints.handshakes import Handshake, Messages, Presented, Watch
from twoway.endpoints.tls import context
from twoway.errors import HandshakeRefused, IdentityDemanded, IdentityRefused, ServerUntrusted

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
OPENSSL = dict(zip(VERSIONS, ["-tls1_2", "-tls1_3"], strict=True))
both = pytest.mark.parametrize("version", VERSIONS)


def of_version(files, ca, mode, version):
    """Return a context of a server that speaks one version."""
    made = tls(files, mode)
    made.load_verify_locations(ca)
    made.minimum_version = made.maximum_version = version
    return made


@both
@pytest.mark.parametrize("mode", [ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED])
def test_asked_and_sent(calling, server_files, ca, version, mode):
    """A server that asks, and one that insists, look the same when they get it."""
    with (
        answering(of_version(server_files, ca, mode, version), OK) as server,
        calling(server.url) as endpoint,
    ):
        endpoint.get("/")
        handshake = endpoint.handshake
    assert Handshake(Presented.SENT, version.name.replace("_", "."), late=False) == handshake


@both
def test_not_asked(calling, server_files, ca, version):
    """The call is answered, and was not two-way, although there is an identity."""
    with (
        answering(of_version(server_files, ca, ssl.CERT_NONE, version), OK) as server,
        calling(server.url) as endpoint,
    ):
        endpoint.get("/")
        assert Presented.NOT_ASKED == endpoint.handshake.certificate
        assert "not two-way" in str(endpoint.handshake)


@both
def test_asked_and_none_sent(calling, server_files, ca, version):
    """A server that asks and lets everybody in all the same."""
    with (
        answering(of_version(server_files, ca, ssl.CERT_OPTIONAL, version), OK) as server,
        calling(server.url, identity=None) as endpoint,
    ):
        endpoint.get("/")
        assert Presented.NOT_SENT == endpoint.handshake.certificate


@both
def test_demanded_and_none_sent_is_refused(calling, server_files, ca, version):
    """With the alert by its name, which in TLS 1.3 comes after our side of the handshake."""
    with (
        answering(of_version(server_files, ca, ssl.CERT_REQUIRED, version), OK) as server,
        calling(server.url, identity=None) as endpoint,
        pytest.raises(IdentityDemanded) as caught,
    ):
        endpoint.get("/")
    expected = "certificate_required" if version is ssl.TLSVersion.TLSv1_3 else "handshake_failure"
    assert (expected, "the endpoint has no identity") == (caught.value.alert, caught.value.reason)


@both
def test_sent_and_refused(calling, server_files, ca, stranger, version):
    """The error names our certificate, the alert and what it means."""
    with (
        answering(of_version(server_files, ca, ssl.CERT_REQUIRED, version), OK) as server,
        calling(server.url, identity=stranger) as endpoint,
        pytest.raises(IdentityRefused) as caught,
    ):
        endpoint.get("/")
    error = caught.value
    assert ("CN=stranger", "unknown_ca", 1) == (error.subject, error.alert, error.exit_status)
    assert Presented.SENT == endpoint.handshake.certificate


@both
def test_key_that_the_server_cannot_use_is_not_sent(calling, server_files, ca, theirs, tmp_path, version):
    """Ed25519 towards a server that takes ECDSA alone: the identity is there, and yet nothing can be sent."""
    ours = material.issue("ed", by=theirs, usage=[material.CLIENT], key=ed25519.Ed25519PrivateKey.generate())
    port = free_port()
    command = ["openssl", "s_server", "-www", "-accept", f"127.0.0.1:{port}", "-CAfile", ca, "-Verify", "2"]
    command += ["-cert", server_files.certificate, "-key", server_files.key, OPENSSL[version]]
    command += ["-client_sigalgs", "ECDSA+SHA256"]
    with (
        serving(command, log=tmp_path / "log", ready="ACCEPT"),
        calling(f"https://localhost:{port}", identity=ours) as endpoint,
        pytest.raises(IdentityDemanded) as caught,
    ):
        endpoint.get("/")
    assert "takes no key and signature of the kind that CN=ed has" in caught.value.reason


@pytest.mark.parametrize("known", [True, False])
def test_asked_after_the_handshake(calling, server_files, ca, us, known):
    """Post-handshake authentication of TLS 1.3: whoever has no certificate sends an empty message with a context."""
    made = of_version(server_files, ca, ssl.CERT_OPTIONAL, ssl.TLSVersion.TLSv1_3)
    made.post_handshake_auth = True
    ours = us if known else None
    with answering(made, OK, late=True) as server, calling(server.url, identity=ours) as endpoint:
        if not known:
            endpoint.ssl_context().post_handshake_auth = True
        endpoint.get("/")
        expected = Presented.SENT if known else Presented.NOT_SENT
        assert (expected, True) == (endpoint.handshake.certificate, endpoint.handshake.late)


def test_asked_in_a_second_handshake(calling, server_files, ca):
    """TLS 1.2 has renegotiation for what TLS 1.3 has post-handshake authentication for."""
    with renegotiating(server_files, ca) as server, calling(server.url) as endpoint:
        assert 200 == endpoint.get("/").status_code
        assert Handshake(Presented.SENT, "TLSv1.2", late=True) == endpoint.handshake


def test_call_on_an_open_connection_knows_its_handshake(calling, server_files, ca):
    """There is none of its own, and yet the certificate was sent on this connection."""
    with (
        answering(of_version(server_files, ca, ssl.CERT_REQUIRED, VERSIONS[1]), OK) as server,
        calling(server.url) as endpoint,
    ):
        first, second = endpoint.get("/1"), endpoint.get("/2")
    assert 1 == server.accepted
    assert Presented.SENT == second.extensions["handshake"].certificate
    assert first.extensions["handshake"] == second.extensions["handshake"]


def test_connections_are_told_apart(calling, server_files, ca):
    """A server that changes its mind is seen to."""
    made = of_version(server_files, ca, ssl.CERT_REQUIRED, VERSIONS[1])
    closing = OK.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n")
    with answering(made, closing) as server, calling(server.url) as endpoint:
        first = endpoint.get("/")
        made.verify_mode = ssl.CERT_NONE
        second = endpoint.get("/")
    assert [Presented.SENT, Presented.NOT_ASKED] == [
        one.extensions["handshake"].certificate for one in (first, second)
    ]


@both
def test_resumed_session_claims_nothing(server_files, ca, us, version):
    """In a resumed handshake nobody is asked, whatever happened in the first one."""
    made = context(identity_of(us), ca.read_text())
    watch = Watch(made)
    with answering(of_version(server_files, ca, ssl.CERT_REQUIRED, version), OK) as server:
        session, seen = None, []
        for _ in range(2):
            with (
                socket.create_connection(("127.0.0.1", server.port)) as plain,
                watch.calling() as call,
                made.wrap_socket(plain, server_hostname="localhost", session=session) as connection,
            ):
                connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
                connection.recv(100)
                session = connection.session
                handshake = watch.handshake(call) or Handshake(Presented.NOT_ASKED)
                seen.append((connection.session_reused, handshake.certificate))
    assert [(False, Presented.SENT), (True, Presented.UNKNOWN)] == seen


def test_python_that_shows_no_messages_claims_nothing(calling, server_files, ca, monkeypatch):
    """The hook is private: where it is gone, calls go on and nothing is said to be known."""
    monkeypatch.setattr(ssl.SSLContext, "_msg_callback", property())
    with (
        answering(of_version(server_files, ca, ssl.CERT_REQUIRED, VERSIONS[1]), OK) as server,
        calling(server.url) as endpoint,
    ):
        assert 200 == endpoint.get("/").status_code
        handshake = endpoint.handshake
    assert Presented.UNKNOWN == handshake.certificate
    assert {"asked": None, "sent": None}.items() <= handshake.as_json().items()
    assert "could not be found out" in str(handshake)


@pytest.mark.parametrize(("trusted", "kind"), [(True, HandshakeRefused), (False, ServerUntrusted)])
def test_python_that_shows_no_messages_names_failures(
    calling, server_files, ca, monkeypatch, stranger, tmp_path, trusted, kind
):
    """With less detail, and still by what they are."""
    monkeypatch.setattr(ssl.SSLContext, "_msg_callback", property())
    trust = ca if trusted else stranger.ca_file(tmp_path)
    with (
        answering(of_version(server_files, ca, ssl.CERT_REQUIRED, VERSIONS[1]), OK) as server,
        calling(server.url, identity=stranger, trust=trust) as endpoint,
        pytest.raises(kind, match="unknown_ca" if trusted else "an unknown issuer"),
    ):
        endpoint.get("/")


def test_nginx_asks_and_takes_it(calling, server_files, ca, tmp_path):
    """A server that names its CAs, in a library that is not Python's."""
    with nginx(tmp_path, server_files, clients=ca) as port, calling(f"https://localhost:{port}") as endpoint:
        assert "CN=us.example GET /users" in endpoint.get("/users").text
        assert Presented.SENT == endpoint.handshake.certificate


def test_nginx_refuses_with_an_answer(calling, server_files, ca, tmp_path):
    """Its handshake finishes without a certificate; the answer is its business, and no error of ours."""
    with (
        nginx(tmp_path, server_files, clients=ca) as port,
        calling(f"https://localhost:{port}", identity=None) as endpoint,
    ):
        assert 400 == endpoint.get("/").status_code
        assert Presented.NOT_SENT == endpoint.handshake.certificate


@given(
    read=st.booleans(),
    version=st.sampled_from([0x0303, 0x0304]),
    kind=st.integers(0, 255),
    data=st.binary(max_size=64),
)
def test_any_message_is_taken(read, version, kind, data):
    """What breaks the rules is OpenSSL's to refuse; the watcher never fails."""
    messages = Messages()
    messages.take_handshake(read=read, version=version, kind=kind, data=data)
    assert messages.handshake().certificate in Presented
    assert isinstance(messages.server, tuple)


@pytest.mark.parametrize(
    ("version", "kind", "data", "sent"),
    [
        (0x0303, 11, "0b000003 000000", False),
        (0x0303, 11, "0b000007 000004 000001aa", True),
        (0x0304, 11, "0b000004 00 000000", False),
        (0x0304, 11, "0b000006 02beef 000000", False),
        (0x0304, 11, "0b00000a 00 000006 000001aa0000", True),
        (0x0304, 25, "19000000 0001 000024 000000", False),
        (0x0304, 25, "19000000 0001 000200 000000", True),
    ],
)
def test_empty_certificate_message_is_no_certificate(version, kind, data, sent):
    """In every form: TLS 1.2, TLS 1.3 without and with a context, compressed."""
    messages = Messages()
    messages.take_handshake(read=True, version=version, kind=13, data=b"\x0d\0\0\0")
    messages.take_handshake(read=False, version=version, kind=kind, data=bytes.fromhex(data))
    assert (Presented.SENT if sent else Presented.NOT_SENT) == messages.handshake().certificate
