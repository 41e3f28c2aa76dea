"""Debian's httpd with nothing but the kit's files, in front of Tomcat and of Jetty: the Apache story."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop.platforms import server_kits
from tests.interop.platforms.front import Callers, crl, standing
from tests.interop.platforms.server_kits import kit, twoway
from tests.parts import apache, curl, openssl, tls
from tests.parts import material as parts
from tests.parts.answers import Answer, NoAnswer
from tests.parts.chromium import chromium
from tests.parts.credentials import P12, Pem
from tests.parts.jetty import jetty
from tests.parts.nginx import nginx
from tests.parts.raw import Version, connect
from tests.parts.served import free_port
from tests.parts.tomcat import Tomcat
from tests.parts.upstream import upstream
from twoway.platforms.apache import HEADERS

PASSWORD = "correct-horse"


@dataclass(frozen=True)
class Story:
    """What the page docs/apache.md makes, and httpd running with it.

    Args:
        files: where everything lies.
        port: httpd's.
        ca: what its clients are to trust.
    """

    files: Path
    port: int
    ca: Path

    def get(self, identity: Pem | P12 | None, *options: str, path: str = "/hello") -> Answer:
        """Call httpd by its name as a client with this certificate."""
        to = ("--resolve", f"api.example.com:{self.port}:127.0.0.1")
        url = f"https://api.example.com:{self.port}{path}"
        return curl.get(url, ca=self.ca, identity=identity, options=[*to, *options])

    def client(self, name: str) -> P12:
        """A certificate that our own CA issued."""
        return P12(self.files / name / "client.p12", PASSWORD)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our CA with three clients, one of them revoked; two partners with their own; httpd's own certificate."""
    here = tmp_path_factory.mktemp("apache")
    password = here / "password"
    password.write_text(PASSWORD)
    realm = ("--realm", here / "realm")
    twoway("init", *realm)
    for name in ("globex", "hooli", "vandelay"):
        twoway("client", "add", name, *realm)
        twoway("client", "issue", name, "-o", here / name, "--out-password-file", password, *realm)
    twoway("client", "revoke", "vandelay", "--yes", *realm)
    twoway("authority", "crl", "-o", here / "issuing.crl", *realm)
    twoway("authority", "crl", "--root", "-o", here / "root.crl", *realm)
    (here / "our-ca.pem").write_bytes(
        (here / "globex/server-ca.pem").read_bytes() + (here / "globex/chain.pem").read_bytes()
    )
    openssl.self_signed(here / "initech", "initech", "-days", "365")
    umbrella = parts.root("Umbrella CA")
    umbrella.ca_file(here, "umbrella-ca")
    parts.client(parts.issue("Umbrella Issuing", by=umbrella, ca=True), "umbrella").pem(here, "umbrella")
    # Browsers find localhost without being told.
    names = ("--subject", "api.example.com", "--name", "api.example.com", "--name", "localhost")
    twoway("certificate", "self-sign", *names, "--purpose", "server", "-o", here / "server")
    return here


def rendered(files: Path, name: str, port: int, backend: str, *options: object) -> Path:
    """Make the kit of the story."""
    own = ("--key", files / "server/key.pem", "--certificate", files / "server/certificate.pem")
    trust = [
        word for one in ("our-ca", "initech", "umbrella-ca") for word in ("--trust", files / f"{one}.pem")
    ]
    where = ("--peer", f"https://api.example.com:{port}", "--set", f"upstream={backend}")
    return kit(files / name, "apache", "server", *own, *trust, *where, *options)


@pytest.fixture(scope="module")
def story(files: Path, backend: Tomcat, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Httpd with the kit, in front of Tomcat."""
    port = free_port()
    crls = ("--crl", files / "issuing.crl", "--crl", files / "root.crl")
    made = rendered(files, "kit", port, backend.url, *crls)
    directory = tmp_path_factory.mktemp("httpd")
    with apache.httpd(directory, made / "keep/server.conf", port):
        yield Story(files, port, made / "send/server-ca.pem")


def test_configuration_is_sound(story: Story, tmp_path: Path) -> None:
    """``apachectl configtest`` says so."""
    said = apache.configtest(tmp_path, story.files / "kit/keep/server.conf")
    assert (0, "Syntax OK") == (said.status, said.stderr.decode().strip())


def test_key_is_for_its_owner_only(story: Story) -> None:
    """It lies there in clear."""
    assert 0o600 == (story.files / "kit/keep/server.key").stat().st_mode & 0o777


@pytest.mark.parametrize("name", ["globex", "hooli"])
def test_clients_of_our_ca_are_answered(story: Story, name: str) -> None:
    """Their .p12 is what ``client issue`` handed over."""
    answer = story.get(story.client(name))
    assert (200, "/hello") == (answer.status, answer.json["target"])
    assert f"CN={name}" in dict(answer.json["headers"])["x-ssl-client-dn"]


@pytest.mark.parametrize("name", ["initech", "umbrella"])
def test_partners_with_their_own_certificates_are_answered(story: Story, name: str) -> None:
    """One that signed its own, and one of a CA with an intermediate, which only the client sends."""
    pem = Pem(story.files / f"{name}.pem", story.files / f"{name}.key")
    assert f"CN={name}" in dict(story.get(pem).json["headers"])["x-ssl-client-dn"]


def test_nobody_is_answered_without_a_certificate(story: Story, backend: Tomcat) -> None:
    """And nothing reaches Tomcat."""
    before = backend.count()
    with pytest.raises(NoAnswer, match="certificate required"):
        story.get(None)
    with pytest.raises(NoAnswer, match="handshake failure"):
        story.get(None, "--tls-max", "1.2")
    assert before == backend.count()


def test_certificate_of_a_foreign_ca_is_refused(story: Story, tmp_path: Path) -> None:
    """Also if it has the name of a client."""
    stranger = parts.client(parts.root("Strange CA"), "globex").pem(tmp_path)
    with pytest.raises(NoAnswer, match="unknown ca"):
        story.get(stranger)


def test_partner_certificate_issues_nothing(story: Story, tmp_path: Path) -> None:
    """A partner's leaf is trusted for itself."""
    below = openssl.issued(tmp_path / "below", "globex", Pem(story.ca, story.files / "server/key.pem"))
    with pytest.raises(NoAnswer, match="unknown ca"):
        story.get(below)


def test_revoked_client_is_refused(story: Story) -> None:
    """The CRL is that of our CA."""
    with pytest.raises(NoAnswer, match="certificate revoked"):
        story.get(story.client("vandelay"))


@pytest.mark.parametrize("mark", ["-", "_"])
def test_identity_headers_of_the_caller_are_gone(story: Story, mark: str) -> None:
    """However they are written: the application reads what httpd knows."""
    forged = [f"-H{name.replace('-', mark).lower()}: CN=admin" for name in HEADERS]
    answer = story.get(story.client("globex"), *forged)
    sent = answer.json["headers"]
    assert sorted(name.lower() for name in HEADERS) == sorted(
        name for name, _ in sent if "ssl" in name.lower()
    )
    assert not [value for _, value in sent if "admin" in value]


def test_application_gets_the_certificate(story: Story) -> None:
    """Escaped, in one line."""
    sent = dict(story.get(story.client("globex")).json["headers"])
    assert sent["x-ssl-client-cert"].startswith("-----BEGIN%20CERTIFICATE-----%0a")
    assert "SUCCESS" == sent["x-ssl-client-verify"]


def test_browser_with_the_p12_sees_the_application(story: Story, tmp_path: Path) -> None:
    """Chromium offers the certificate, as its issuer is among the CAs that httpd names."""
    browser = chromium(tmp_path, servers=[story.ca], identity=story.client("globex"))
    assert "x-ssl-client-dn" in browser.open(f"https://localhost:{story.port}/hello").dom


def test_browser_offers_no_certificate_of_other_cas(story: Story, tmp_path: Path) -> None:
    """The list of CAs is what makes the browser's choice."""
    stranger = parts.client(parts.root("Strange CA"), "globex").p12(tmp_path, "stranger")
    home = tmp_path / "home"
    home.mkdir()
    with pytest.raises(NoAnswer, match=r"ERR_BAD_SSL_CLIENT_AUTH_CERT|ERR_SOCKET_NOT_CONNECTED"):
        chromium(home, servers=[story.ca], identity=stranger).open(f"https://localhost:{story.port}/hello")


def test_jetty_behind_httpd(files: Path, tmp_path: Path) -> None:
    """The same configuration with another upstream."""
    with jetty(tmp_path) as backend:
        port = free_port()
        made = rendered(files, "kit-jetty", port, backend)
        with apache.httpd(tmp_path, made / "keep/server.conf", port):
            story = Story(files, port, made / "send/server-ca.pem")
            answer = story.get(story.client("globex"), "-HX-SSL-Client-DN: CN=admin")
            named = [value for name, value in answer.json["headers"] if name.lower() == "x-ssl-client-dn"]
            assert (200, 1) == (answer.status, len(named))
            assert "CN=globex" in named[0]
            with pytest.raises(NoAnswer, match="certificate required"):
                story.get(None)


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_revoked_client_is_refused_on_its_resumed_session(
    files: Path, tmp_path: Path, version: Version
) -> None:
    """Once httpd was reloaded with the new list."""
    callers = Callers(tmp_path)
    lists = callers.crls
    none = tmp_path / "none.crl"
    none.write_bytes(crl(callers.issuing, []))
    with standing(callers, "apache", running, *lists[:2], "--crl", none) as front:
        with connect(front.port, identity=callers.vandelay, version=version) as first:
            # There is no application: it is httpd that answers whom it let in.
            assert 503 == first.request("/").status
            session = first.session
        with connect(front.port, identity=callers.vandelay, version=version, session=session) as second:
            assert (True, 503) == (second.resumed, second.request("/").status)
        written = [Path(str(path)).read_bytes() for path in lists[1::2]]
        (tmp_path / "kit/keep/client-ca.crl").write_bytes(b"".join(written))
        apache.reload(tmp_path / "kit")
        with (
            pytest.raises(NoAnswer),
            connect(front.port, identity=callers.vandelay, version=version, session=session) as third,
        ):
            third.request("/")


def running(made: Path, port: int) -> AbstractContextManager[Path]:
    """Httpd with the server's configuration of a kit."""
    return apache.httpd(made, made / "keep/server.conf", port)


def test_client_kit_calls_a_partner(tmp_path: Path) -> None:
    """Plain HTTP in, mutual TLS out, with the chain of the client."""
    root = parts.root()
    identity = parts.client(parts.issue("Issuing", by=root, ca=True), "acme")
    server = parts.server(root)
    with upstream(tls.server(server.pem(tmp_path, "partner"), clients=root.ca_file(tmp_path))) as partner:
        answer = through(tmp_path, partner.port, *server_kits.own(identity, tmp_path, "acme"))
    assert (200, "acme") == (answer.status, answer.json["subject"])


def test_client_kit_refuses_another_server(tmp_path: Path) -> None:
    """Whose certificate is of a CA that was not named."""
    root, other = parts.root(), parts.root("Other")
    own = server_kits.own(parts.client(root, "acme"), tmp_path, "acme")
    context = tls.server(parts.server(other).pem(tmp_path, "partner"), clients=root.ca_file(tmp_path))
    with upstream(context) as partner:
        assert 500 == through(tmp_path, partner.port, *own).status
        assert [] == partner.requests


def test_client_kit_shows_nothing_to_who_names_other_cas(tmp_path: Path) -> None:
    """What the partner answers then is all that there is to see."""
    root = parts.root()
    own = server_kits.own(parts.client(parts.root("Other"), "acme"), tmp_path, "acme")
    with nginx(tmp_path, parts.server(root).pem(tmp_path, "partner"), clients=root.ca_file(tmp_path)) as port:
        answer = through(tmp_path, port, *own)
    assert (400, True) == (answer.status, "No required SSL certificate was sent" in answer.body)


def through(directory: Path, port: int, *own: Any) -> Answer:
    """Make a client kit for a partner on localhost, and call through it."""
    listen = f"127.0.0.1:{free_port()}"
    options = (*own, "--trust", directory / "ca.pem", "--peer", f"https://localhost:{port}")
    made = kit(directory / "kit", "apache", "client", *options, "--set", f"listen={listen}")
    with apache.httpd(directory, made / "keep/client.conf"):
        return curl.get(f"http://{listen}/users")
