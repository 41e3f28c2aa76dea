from __future__ import annotations

import ssl
import tempfile
from datetime import UTC, datetime

import pytest

import twoway
from tests.parts import material, tls
from tests.parts.upstream import upstream
from twoway.endpoints.tls import Handshake
from twoway.errors import EndpointUnreachable, HandshakeRefused, NotInRealm, RealmAbsent, ServerUntrusted
from twoway.realm import endpoints, vault
from twoway.realm.realm import Realm


@pytest.fixture(scope="module")
def theirs():
    """The partner's CA."""
    return material.root("Partner Root")


@pytest.fixture(scope="module")
def us(theirs):
    """Our identity, which the partner's CA issued."""
    return material.client(theirs, "us.example")


@pytest.fixture
def realm(tmp_path):
    """An empty realm."""
    with Realm.create(tmp_path / "realm", name="acme", at=datetime.now(UTC)) as made:
        yield made


@pytest.fixture
def partner(theirs, tmp_path):
    """A server of the partner that lets in whom its CA knows."""
    identity = material.server(theirs).pem(tmp_path, "server")
    with upstream(tls.server(identity, clients=theirs.ca_file(tmp_path))) as serving:
        yield serving


def add(realm, url, *, identity=None, trust=None, auth=endpoints.NO_AUTH):
    """Add the endpoint ``partner`` to a realm."""
    with realm.changing("test") as change:
        trusted = b"" if trust is None else trust
        return endpoints.add(change, "partner", url, identity=identity, trust=trusted, auth=auth)


@pytest.fixture
def identity(us, tmp_path):
    """Our identity as the vault takes it."""
    keystore = us.p12(tmp_path, "us")
    return vault.brought(keystore.path.read_bytes(), keystore.password.encode())


@pytest.fixture
def trust(theirs, tmp_path):
    """The partner's CA as the endpoint takes it."""
    return theirs.ca_file(tmp_path, "trust").read_bytes()


def test_call_shows_our_certificate(realm, partner, identity, trust):
    """The server sees who we are, and we know that it asked."""
    add(realm, partner.url, identity=identity, trust=trust)
    with twoway.endpoint("partner", realm.directory) as endpoint:
        assert "/users?page=2" == endpoint.request("GET", "/users?page=2").json()["target"]
        assert Handshake(asked=True, sent=True) == endpoint.handshake
    assert ["us.example"] == [request.subject for request in partner.requests]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_handshake_is_told_for_each_tls_version(realm, partner, identity, trust, version):
    """What was asked and sent is seen in both, though the messages differ."""
    partner.tls.minimum_version = partner.tls.maximum_version = version
    add(realm, partner.url, identity=identity, trust=trust)
    with twoway.endpoint("partner", realm.directory) as endpoint:
        endpoint.request("GET")
        assert Handshake(asked=True, sent=True) == endpoint.handshake


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_server_that_does_not_ask_is_noticed(realm, partner, identity, trust, version):
    """The call is answered, and was not two-way."""
    partner.tls.verify_mode = ssl.CERT_NONE
    partner.tls.minimum_version = partner.tls.maximum_version = version
    add(realm, partner.url, identity=identity, trust=trust)
    with twoway.endpoint("partner", realm.directory) as endpoint:
        endpoint.request("GET")
        assert "the server did not ask for a certificate" == str(endpoint.handshake)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_missing_certificate_is_told_from_a_refused_one(realm, partner, trust, version):
    """The error says that the server asked and was sent none."""
    partner.tls.minimum_version = partner.tls.maximum_version = version
    add(realm, partner.url, trust=trust)
    with twoway.endpoint("partner", realm.directory) as endpoint, pytest.raises(HandshakeRefused) as caught:
        endpoint.request("GET")
    assert "the server asked for a certificate and was sent none" == caught.value.certificate
    assert [] == partner.requests


def test_unknown_certificate_is_told_from_a_missing_one(realm, partner, trust, tmp_path):
    """The error says that one was sent."""
    stranger = material.client(material.root("Nobody"), "stranger").p12(tmp_path, "stranger")
    brought = vault.brought(stranger.path.read_bytes(), stranger.password.encode())
    add(realm, partner.url, identity=brought, trust=trust)
    with twoway.endpoint("partner", realm.directory) as endpoint, pytest.raises(HandshakeRefused) as caught:
        endpoint.request("GET")
    assert "unknown ca" in caught.value.problem
    assert "was sent it" in caught.value.certificate


def test_server_of_another_authority_is_not_trusted(realm, partner, identity, tmp_path):
    """Nothing is sent to it, least of all a password."""
    other = material.root("Other Root").ca_file(tmp_path).read_bytes()
    add(realm, partner.url, identity=identity, trust=other, auth=endpoints.Basic("me", "secret"))
    with twoway.endpoint("partner", realm.directory) as endpoint, pytest.raises(ServerUntrusted):
        endpoint.request("GET")
    assert [] == partner.requests


def test_system_does_not_trust_a_private_authority(realm, partner, identity):
    """Without a trust of its own an endpoint has the system's."""
    add(realm, partner.url, identity=identity)
    with twoway.endpoint("partner", realm.directory) as endpoint, pytest.raises(ServerUntrusted):
        endpoint.request("GET")


def test_server_of_another_name_is_not_trusted(realm, theirs, identity, trust, tmp_path):
    """The name in the URL is the name in the certificate."""
    other = material.issue("other", by=theirs, names=["other.example"], usage=[material.SERVER]).pem(
        tmp_path, "other"
    )
    with upstream(tls.server(other, clients=theirs.ca_file(tmp_path))) as serving:
        add(realm, serving.url, identity=identity, trust=trust)
        with (
            twoway.endpoint("partner", realm.directory) as endpoint,
            pytest.raises(ServerUntrusted) as caught,
        ):
            endpoint.request("GET")
    assert "Hostname mismatch" in caught.value.problem
    assert [] == serving.requests


def test_there_is_no_handshake_before_the_first_call(realm, identity):
    """Nothing is claimed that was not seen."""
    add(realm, "https://localhost", identity=identity)
    assert None is twoway.endpoint("partner", realm.directory).handshake


def test_servers_own_certificate_can_be_the_anchor(realm, identity, tmp_path):
    """A partner with a self-signed server certificate is pinned by it."""
    own = material.issue("server", names=["localhost"], usage=[material.SERVER]).pem(tmp_path, "own")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own.certificate, own.key)
    with upstream(context) as serving:
        add(realm, serving.url, identity=identity, trust=own.certificate.read_bytes())
        with twoway.endpoint("partner", realm.directory) as endpoint:
            assert 200 == endpoint.request("GET").status_code


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (endpoints.Basic("me", "pass:word"), "Basic bWU6cGFzczp3b3Jk"),
        (endpoints.Bearer("token"), "Bearer token"),
        (endpoints.NO_AUTH, None),
    ],
)
def test_authentication_is_sent_beside_the_certificate(realm, partner, identity, trust, auth, expected):
    """As the endpoint has it, and nothing where it has none."""
    add(realm, partner.url, identity=identity, trust=trust, auth=auth)
    with twoway.endpoint("partner", realm.directory) as endpoint:
        endpoint.request("GET")
    assert ([expected] if expected else []) == partner.requests[0].values("authorization")


def test_key_is_never_in_clear_on_the_disk(realm, partner, identity, trust, monkeypatch):
    """The file that ssl insists on is encrypted, and gone when the context is made."""
    written = []
    load = ssl.SSLContext.load_cert_chain

    def look(self, certfile, *arguments, **named):
        with open(certfile, "rb") as file:  # noqa: PTH123  the path as ssl gets it
            written.append((certfile, file.read()))
        return load(self, certfile, *arguments, **named)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", look)
    add(realm, partner.url, identity=identity, trust=trust)
    twoway.endpoint("partner", realm.directory).close()
    ((path, content),) = written
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in content
    assert b"BEGIN PRIVATE KEY" not in content
    assert path.startswith(tempfile.gettempdir())
    with pytest.raises(FileNotFoundError):
        open(path, "rb")  # noqa: PTH123, SIM115  the path as ssl got it


def test_nobody_there_is_told_in_words(realm, identity):
    """Status 3: whether the partner would have answered could not be found out."""
    add(realm, "https://localhost:1", identity=identity)
    with (
        twoway.endpoint("partner", realm.directory) as endpoint,
        pytest.raises(EndpointUnreachable) as caught,
    ):
        endpoint.request("GET")
    assert 3 == caught.value.exit_status


def test_redirects_are_not_followed(realm, partner, identity, trust):
    """They could lead the password to somebody else."""
    add(realm, partner.url, identity=identity, trust=trust)
    with twoway.endpoint("partner", realm.directory) as endpoint:
        assert not endpoint._client.follow_redirects


def test_unknown_endpoint_and_realm_are_refused(realm, tmp_path):
    """Each by its name."""
    with pytest.raises(NotInRealm):
        twoway.endpoint("partner", realm.directory)
    with pytest.raises(RealmAbsent):
        twoway.endpoint("partner", tmp_path / "nowhere")


def test_context_serves_other_clients_too(realm, identity, trust):
    """The library is as small as that."""
    add(realm, "https://localhost", identity=identity, trust=trust)
    with twoway.endpoint("partner", realm.directory) as endpoint:
        assert (True, ssl.CERT_REQUIRED) == (
            endpoint.ssl_context().check_hostname,
            endpoint.ssl_context().verify_mode,
        )
