"""Debian's Jetty 9, embedded, with the connector and the stores of the kit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.interop.platforms.links import PASSWORD, Side, both, java_server, kit
from tests.parts import curl
from tests.parts.answers import NoAnswer
from tests.parts.credentials import Pem
from tests.parts.presence import require

require("default-jdk-headless", "curl", "libjetty9-java")

PROGRAM = Path(__file__).with_name("MutualJetty.java")
NAMES = ("jetty9-server", "jetty9-http", "jetty9-io", "jetty9-util", "jetty9-xml", "servlet-api")
JARS = ":".join(f"/usr/share/java/{name}.jar" for name in NAMES)


def jetty_of(made: Path, base: Path) -> AbstractContextManager[int]:
    """Serve with a kit as its steps say; the only change is that the system chooses the port."""
    shutil.copytree(made / "keep", base / "etc")
    config = base / "etc/mutual-tls.xml"
    config.write_text(config.read_text().replace(">8443<", ">0<"))
    return java_server(
        base,
        "-cp",
        JARS,
        PROGRAM,
        "etc/mutual-tls.xml",
        ready=r"listening on (\d+)",
        JETTY_STORE_PASSWORD=PASSWORD,
    )


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Side, Side, Side]:
    """A client, a server and a stranger."""
    return both(tmp_path_factory.mktemp("sides"))


@pytest.fixture(scope="module")
def url(sides: tuple[Side, Side, Side], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Jetty that requires certificates."""
    client, server, _ = sides
    with jetty_of(kit("jetty", server, trust=client), tmp_path_factory.mktemp("jetty")) as port:
        yield f"https://localhost:{port}/"


def test_client_is_answered_by_its_name(url: str, sides: tuple[Side, Side, Side]) -> None:
    """The application gets the certificate as the steps say."""
    client, server, _ = sides
    handed_over = server.folder / "jetty-server/send/server-ca.pem"
    answer = curl.get(url, ca=handed_over, identity=Pem(client.chain, client.key))
    assert (200, {"hello": "CN=client"}) == (answer.status, answer.json)


def test_nobody_is_answered_without_a_certificate(url: str, sides: tuple[Side, Side, Side]) -> None:
    """With an alert, which curl may miss."""
    with pytest.raises(NoAnswer):
        curl.get(url, ca=sides[1].anchor)


def test_certificate_of_another_ca_is_refused(url: str, sides: tuple[Side, Side, Side]) -> None:
    """The truststore counts, and it alone."""
    _, server, stranger = sides
    with pytest.raises(NoAnswer):
        curl.get(url, ca=server.anchor, identity=Pem(stranger.chain, stranger.key))


def test_optional_lets_the_application_look(sides: tuple[Side, Side, Side], tmp_path: Path) -> None:
    """Who shows none is answered."""
    client, server, _ = sides
    made = kit("jetty", server, "--set", "verification=optional", trust=client, to="optional")
    with jetty_of(made, tmp_path) as port:
        answer = curl.get(f"https://localhost:{port}/", ca=server.anchor)
    assert {"hello": "nobody"} == answer.json


def test_server_with_nobody_to_trust_does_not_serve(sides: tuple[Side, Side, Side], tmp_path: Path) -> None:
    """The kit has an error, and its connector does not fall back on the keystore or the public CAs."""
    made = kit("jetty", sides[1], to="untrusting", status=1)
    with pytest.raises(AssertionError, match=r"truststore\.p12"), jetty_of(made, tmp_path):
        pass
