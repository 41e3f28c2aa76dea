"""Debian's Tomcat 10 with the connector of the kit, pasted, its stores, and the line for the password."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop.platforms.links import PASSWORD, Side, both, kit
from tests.parts import curl, java_client
from tests.parts.answers import NoAnswer
from tests.parts.credentials import P12, Pem
from tests.parts.java import QUICK_START, classes
from tests.parts.presence import require
from tests.parts.programs import serving
from tests.parts.tomcat import HOME, SERVER_XML, WEB_XML

require("default-jdk-headless", "curl", "tomcat10-common")

PLAIN = '<Connector address="127.0.0.1" port="0"/>'


@contextmanager
def tomcat_of(made: Path, base: Path) -> Iterator[int]:
    """Serve with a kit as its steps say; the only change is that the system chooses the port."""
    webapp = base / "webapp"
    shutil.copytree(classes("Headers.java"), webapp / "WEB-INF/classes")
    (webapp / "WEB-INF/web.xml").write_text(WEB_XML)
    for name in ("conf", "logs", "temp", "work"):
        (base / name).mkdir()
    for file in (made / "keep").iterdir():
        if file.name != "connector.xml":
            shutil.copy(file, base / "conf")
    properties = re.search(r"add the line `(\S+)=PASSWORD`", (made / "STEPS.md").read_text())
    assert properties
    with zipfile.ZipFile(HOME / "bin/bootstrap.jar") as packed:
        own = packed.read("org/apache/catalina/startup/catalina.properties").decode()
    (base / "conf/catalina.properties").write_text(f"{own}\n{properties[1]}={PASSWORD}\n")
    connector = (made / "keep/connector.xml").read_text().replace('port="8443"', 'port="0"')
    server = SERVER_XML.format(webapp=webapp).replace(PLAIN, connector)
    (base / "conf/server.xml").write_text(server)
    environment = {
        "CATALINA_HOME": str(HOME),
        "CATALINA_BASE": str(base),
        "CATALINA_TMPDIR": str(base / "temp"),
        "CATALINA_OPTS": " ".join(QUICK_START),
    }
    ready = r'Starting ProtocolHandler \["https-jsse-nio-auto-\d+-(\d+)"\]'
    argv = [str(HOME / "bin/catalina.sh"), "run"]
    with serving(argv, log=base / "logs/console.log", ready=ready, env=environment, timeout=60) as match:
        yield int(match[1])


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Side, Side, Side]:
    """A client, a server and a stranger."""
    return both(tmp_path_factory.mktemp("sides"))


@pytest.fixture(scope="module")
def url(sides: tuple[Side, Side, Side], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Tomcat that requires certificates."""
    client, server, _ = sides
    made = kit("tomcat", server, trust=client)
    with tomcat_of(made, tmp_path_factory.mktemp("tomcat")) as port:
        yield f"https://localhost:{port}/"


def test_client_is_answered(url: str, sides: tuple[Side, Side, Side]) -> None:
    """By the CA that the kit for clients hands over."""
    client, server, _ = sides
    handed_over = server.folder / "tomcat-server/send/server-ca.pem"
    assert 200 == curl.get(url, ca=handed_over, identity=Pem(client.chain, client.key)).status


def test_java_client_is_answered(url: str, sides: tuple[Side, Side, Side]) -> None:
    """Java looks at the CAs that the server names."""
    client, server, _ = sides
    made = kit("java", client, trust=server) / "keep"
    answers = java_client.get(
        url, trust=P12(made / "truststore.p12", PASSWORD), identity=P12(made / "client.p12", PASSWORD)
    )
    assert [200] == [answer.status for answer in answers]


def test_nobody_is_answered_without_a_certificate(url: str, sides: tuple[Side, Side, Side]) -> None:
    """With the alert that the steps name."""
    with pytest.raises(NoAnswer, match="bad certificate"):
        curl.get(url, ca=sides[1].anchor)


def test_certificate_of_another_ca_is_refused(url: str, sides: tuple[Side, Side, Side]) -> None:
    """The truststore counts, and it alone."""
    _, server, stranger = sides
    with pytest.raises(NoAnswer, match="certificate unknown"):
        curl.get(url, ca=server.anchor, identity=Pem(stranger.chain, stranger.key))


def test_optional_lets_the_application_look(sides: tuple[Side, Side, Side], tmp_path: Path) -> None:
    """Who shows none is answered; who shows a stranger's is not."""
    client, server, stranger = sides
    made = kit("tomcat", server, "--set", "verification=optional", trust=client, to="optional")
    with tomcat_of(made, tmp_path) as port:
        address = f"https://localhost:{port}/"
        assert 200 == curl.get(address, ca=server.anchor).status
        with pytest.raises(NoAnswer, match="certificate unknown"):
            curl.get(address, ca=server.anchor, identity=Pem(stranger.chain, stranger.key))


def test_server_with_nobody_to_trust_does_not_serve(sides: tuple[Side, Side, Side], tmp_path: Path) -> None:
    """The kit has an error, and its connector does not fall back on the public CAs."""
    made = kit("tomcat", sides[1], to="untrusting", status=1)
    with pytest.raises(AssertionError, match=r"truststore\.p12"), tomcat_of(made, tmp_path):
        pass
