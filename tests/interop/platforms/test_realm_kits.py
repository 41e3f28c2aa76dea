"""Kits from the realm's record: a client that calls the gateway with one, and both sides of a link of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop.platforms.kitchen import PASSWORD, Kit
from tests.parts import nginx
from tests.parts.presence import require
from tests.parts.programs import Finished, check, run
from tests.parts.served import Served, free_port, served
from tests.parts.upstream import Upstream, upstream
from twoway.cli import run as twoway

require("curl")


@dataclass(frozen=True)
class Place:
    """A realm that is served, with an upstream behind it.

    Args:
        realm: it.
        behind: what answers.
    """

    realm: Served
    behind: Upstream

    @property
    def url(self) -> str:
        """Where clients call the gateway."""
        return f"https://localhost:{self.realm.port}"

    def made(self, folder: Path, *words: object, status: int = 0) -> Kit:
        """Make a kit of the realm's into a folder."""
        secret = folder.with_name(f"{folder.name}.password")
        secret.write_text(PASSWORD)
        options = ("-o", folder, "--out-password-file", secret, "--realm", self.realm.realm.directory)
        assert status == twoway([str(word) for word in (*words, *options)])
        return Kit(folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A service of localhost, and one that globex and initech may call."""
    with upstream() as behind, served(tmp_path_factory.mktemp("realm")) as realm:
        realm.service("orders", behind.url, host="localhost")
        for name in ("globex", "initech"):
            realm.client(name, "orders")
        realm.settled()
        yield Place(realm, behind)


def call(made: Kit, *words: str) -> Finished:
    """Call with nothing but the kit."""
    return run(["sh", made.keep("client.sh"), *words], env={"KEY_PASSWORD": PASSWORD})


@pytest.mark.parametrize("kind", ["pem", "pkcs12"])
def test_client_calls_the_gateway_with_its_kit(place: Place, tmp_path: Path, kind: str) -> None:
    """`client issue --for curl`: the certificate is known, and our root is trusted."""
    words = ("--for", "curl", "--set", f"keystore={kind}", "--peer", f"{place.url}/users")
    made = place.made(tmp_path / "kit", "client", "issue", "globex", *words)
    place.realm.settled()
    said = call(made)
    assert (0, True) == (said.status, b"globex" in said.stdout), (said.stdout, said.stderr)


def test_client_that_was_revoked_is_refused_with_its_kit(place: Place, tmp_path: Path) -> None:
    """The same files, a moment later."""
    place.realm.client("hooli", "orders")
    made = place.made(tmp_path / "kit", "kit", "curl", "--client", "hooli", "--peer", place.url)
    place.realm.settled()
    assert b"hooli" in call(made).stdout
    place.realm.revoke("hooli")
    assert b"certificate-revoked" in call(made).stdout


def test_both_sides_of_a_link_answer_each_other(place: Place, tmp_path: Path) -> None:
    """Nginx in the gateway's place; who was revoked is on its list."""
    port = free_port()
    url = f"https://localhost:{port}"
    revoked = place.made(tmp_path / "initech", "kit", "curl", "--client", "initech", "--peer", url)
    place.realm.revoke("initech")
    settings = ("--peer", url, "--peer-set", f"directory={tmp_path}/link/nginx/keep")
    sides = ("--client", "globex", "--to", "nginx", "--service", "orders")
    made = place.made(tmp_path / "link", "kit", "curl", *sides, *settings)
    with nginx.including(tmp_path, made.folder / "nginx/keep/server.conf"):
        said = call(Kit(made.folder / "curl"))
        assert (0, True) == (said.status, b"globex" in said.stdout), (said.stdout, said.stderr)
        assert b"The SSL certificate error" in call(revoked).stdout
        bare = run(["curl", "-s", "--cacert", revoked.keep("server-ca.pem"), url])
        assert b"No required SSL certificate was sent" in bare.stdout


def test_keytool_reads_a_clients_keystore_for_salesforce(place: Place, tmp_path: Path) -> None:
    """One key with its chain up to the root, under the client's name."""
    require("default-jdk-headless")
    made = place.made(tmp_path / "kit", "kit", "salesforce", "--client", "globex")
    (store,) = made.folder.glob("keep/*.jks")
    shown = check(["keytool", "-list", "-v", "-keystore", store, "-storepass", PASSWORD]).decode()
    assert "Alias name: globex" in shown
    assert "Entry type: PrivateKeyEntry" in shown
    assert "Certificate chain length: 3" in shown
