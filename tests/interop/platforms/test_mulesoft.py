"""The rendered Mule configuration: two Java processes that have its attributes and nothing else."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.interop.platforms.links import (
    PASSWORD,
    Side,
    both,
    ca_signed,
    java,
    java_server,
    kit,
    self_signed,
)
from tests.parts import curl, newman
from tests.parts.answers import NoAnswer
from tests.parts.credentials import Pem
from tests.parts.presence import require
from tests.parts.programs import Finished, run

require("default-jdk-headless", "curl", "nodejs")

PROGRAM = Path(__file__).with_name("Mule.java")
TLS = "{http://www.mulesoft.org/schema/mule/tls}"
SECURE = {"TLS_KEYSTORE_PASSWORD": PASSWORD, "TLS_TRUSTSTORE_PASSWORD": PASSWORD}


@dataclass(frozen=True)
class Running:
    """A listener of Mule's configuration, and who there is to call it."""

    client: Side
    server: Side
    stranger: Side
    url: str

    def request(self, of: Side, *, trust: Side, name: str) -> Finished:
        """Make a requester's kit for this listener, and run it."""
        made = kit("mulesoft", of, "--peer", self.url, trust=trust, to=name) / "keep"
        return java(made, PROGRAM, "requester", "mutual-tls.xml", **SECURE)


@pytest.fixture(scope="module", params=[ca_signed, self_signed], ids=["ca-signed", "self-signed"])
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A listener with its kit."""
    client, server, stranger = both(tmp_path_factory.mktemp("sides"), request.param)
    url = f"https://localhost:{free_port()}"
    made = kit("mulesoft", server, "--use", "listener", "--peer", url, trust=client) / "keep"
    listening = java_server(
        made, PROGRAM, "listener", "mutual-tls.xml", ready=r"listening on (\d+)", **SECURE
    )
    with listening:
        yield Running(client, server, stranger, url)


def free_port() -> int:
    """A port that was free a moment ago: the configuration has to name one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_requester_is_answered_by_the_listener(running: Running) -> None:
    """All four stores, each used by what its XML says."""
    said = running.request(running.client, trust=running.server, name="requester")
    assert b"hello CN=client" == said.stdout.strip(), said.stderr


def test_nobody_is_answered_without_a_certificate(running: Running) -> None:
    """The trust store of a listener is what makes it ask."""
    with pytest.raises(NoAnswer):
        curl.get(f"{running.url}/", ca=running.server.anchor)


def test_stranger_is_refused(running: Running) -> None:
    """A requester whose certificate is not in the listener's trust store."""
    said = running.request(running.stranger, trust=running.server, name="requester-stranger")
    assert (1, b"") == (said.status, said.stdout)
    with pytest.raises(NoAnswer):
        curl.get(
            f"{running.url}/",
            ca=running.server.anchor,
            identity=Pem(running.stranger.chain, running.stranger.key),
        )


def test_requester_trusts_nobody_else(running: Running) -> None:
    """Its trust store takes the place of Java's own CAs."""
    said = running.request(running.client, trust=running.stranger, name="requester-misled")
    assert (1, True) == (said.status, b"PKIX path" in said.stderr), said.stderr


def run_newman(running: Running, folder: Path, *, passphrase: str | None) -> Finished:
    """Send a GET as Postman would, with the PFX of the requester's kit if there is a passphrase for it."""
    made = kit(
        "mulesoft", running.client, "--peer", running.url, "--force", trust=running.server, to="postman"
    )
    collection = {
        "info": {
            "name": "mule",
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "item": [{"name": "get", "request": {"method": "GET", "url": f"{running.url}/"}}],
    }
    (folder / "collection.json").write_text(json.dumps(collection))
    listener_ca = running.server.folder / "mulesoft-server/send/server-ca.pem"
    argv: list[str | Path] = [newman.programs() / "newman", "run", "collection.json", "--color", "off"]
    argv += ["--ssl-extra-ca-certs", listener_ca]
    if passphrase:
        entry = {
            "name": "mule",
            "matches": [f"{running.url}/*"],
            "pfx": {"src": str(made / "keep/client.pfx")},
            "passphrase": passphrase,
        }
        (folder / "certificates.json").write_text(json.dumps([entry]))
        argv += ["--ssl-client-cert-list", "certificates.json"]
    return run(argv, cwd=folder, timeout=60)


def test_postman_is_answered_with_the_pfx(running: Running, tmp_path: Path) -> None:
    """The listener trusts the requester's certificate, whoever shows it."""
    said = run_newman(running, tmp_path, passphrase=PASSWORD)
    assert (0, True) == (said.status, b"200 OK" in said.stdout), said.stdout


def test_postman_says_what_the_page_shows(running: Running, tmp_path: Path) -> None:
    """Without the PFX and with a wrong passphrase: both messages stand in docs/mulesoft.md."""
    page = (Path(__file__).parents[3] / "docs/mulesoft.md").read_text()
    without = run_newman(running, tmp_path, passphrase=None)
    wrong = run_newman(running, tmp_path, passphrase="not-that-one")
    assert (1, 1) == (without.status, wrong.status)
    assert re.search(rb"socket hang up|sslv3 alert bad certificate", without.stdout), without.stdout
    assert b"mac verify failure" in wrong.stdout, wrong.stdout
    for message in ("socket hang up", "sslv3 alert bad certificate", "mac verify failure"):
        assert message in page


def test_alias_of_mixed_case_is_written_so_that_mule_finds_it(running: Running) -> None:
    """Mule compares letter for letter with Java's lower case."""
    made = kit(
        "mulesoft",
        running.client,
        "--peer",
        running.url,
        "--alias",
        'My Cert<&">é',
        trust=running.server,
        to="a",
    )
    said = java(made / "keep", PROGRAM, "requester", "mutual-tls.xml", **SECURE)
    assert b"hello CN=client" == said.stdout.strip(), said.stderr


def test_context_is_in_the_schemas_order_with_all_attributes(running: Running) -> None:
    """trust-store before key-store, and type in both."""
    made = kit("mulesoft", running.server, "--use", "listener", trust=running.client, to="order")
    (context,) = ET.parse(made / "keep/mutual-tls.xml").iter(f"{TLS}context")  # noqa: S314  our own file
    assert [f"{TLS}trust-store", f"{TLS}key-store"] == [child.tag for child in context]
    assert [{"path", "password", "type"}, {"path", "type", "alias", "keyPassword", "password"}] == [
        set(child.attrib) for child in context
    ]
    assert PASSWORD not in (made / "keep/mutual-tls.xml").read_text()


def test_listener_without_a_truststore_is_an_error(running: Running) -> None:
    """And its application would not start, as the trust store that its XML names is not there."""
    made = kit("mulesoft", running.server, "--use", "listener", to="untrusting", status=1)
    assert "client-verification-without-ca" in (made / "preflight.json").read_text()
    said = java(made / "keep", PROGRAM, "listener", "mutual-tls.xml", **SECURE)
    assert (1, True) == (said.status, b"server-truststore.p12" in said.stderr)
