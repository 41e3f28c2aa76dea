"""newman with nothing but the kit's files: answered with the PFX, and what it says without and with a wrong one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.platforms.kitchen import PASSWORD, Kit, Link, kit, link, of
from tests.parts import newman, tls
from tests.parts.programs import Finished, run
from tests.parts.upstream import Upstream, upstream
from twoway.platforms.postman import PLATFORM

EXPLAINED = [failure.says for failure in PLATFORM.failures]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Link:
    """A client's and a server's PKI."""
    return link(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def api(files: Link) -> Iterator[Upstream]:
    """A server with mutual TLS that is not ours."""
    with upstream(tls.server(files.server, clients=files.client_ca)) as serving:
        yield serving


@pytest.fixture(scope="module")
def made(files: Link, api: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """The kit of the client."""
    where = ("--trust", files.server_ca, "--peer", f"{api.url}/users")
    return kit(tmp_path_factory.mktemp("made") / "kit", "postman", *of(files.client), *where)


def on_path() -> str:
    """Where the shell finds newman."""
    return f"{newman.programs()}:{os.environ['PATH']}"


def run_script(made: Kit, password: str = PASSWORD) -> Finished:
    """Run the kit's collection as the kit says."""
    options = ["--color", "off", "--disable-unicode"]
    env = {"PATH": on_path(), "KEY_PASSWORD": password}
    return run(["sh", made.keep("newman.sh"), *options], env=env, timeout=60)


def run_bare(made: Kit, *options: str | Path) -> Finished:
    """Run the kit's collection with other options for the certificate."""
    trust = ("--ssl-extra-ca-certs", "server-ca.pem")
    argv = ["newman", "run", "collection.json", "--color", "off", *trust, *options]
    return run(argv, env={"PATH": on_path()}, cwd=made.folder / "keep", timeout=60)


def explained(said: Finished) -> list[str]:
    """Which of the platform's failures newman's output has."""
    output = (said.stdout + said.stderr).decode()
    return [text for text in EXPLAINED if text in output]


def test_newman_is_answered_with_the_pfx(made: Kit, api: Upstream) -> None:
    """By a server that requires a certificate."""
    said = run_script(made)
    assert (0, True) == (said.status, b"200 OK" in said.stdout), said.stdout
    assert "acme" == api.requests[-1].subject


def test_newman_without_the_pfx_says_what_the_kit_explains(made: Kit) -> None:
    """The alert of the server, in OpenSSL's words."""
    said = run_bare(made)
    assert (1, ["tlsv13 alert certificate required"]) == (said.status, explained(said))


def test_newman_with_a_wrong_passphrase_says_what_the_kit_explains(made: Kit) -> None:
    """Nothing is sent at all."""
    said = run_script(made, "wrong-passphrase")
    assert (1, ["mac verify failure"]) == (said.status, explained(said))


def test_pfx_as_ssl_client_cert_is_not_sent(made: Kit) -> None:
    """Why the kit has a list."""
    said = run_bare(made, "--ssl-client-cert", "client.pfx", "--ssl-client-passphrase", PASSWORD)
    assert (1, ["tlsv13 alert certificate required"]) == (said.status, explained(said))


def test_list_without_the_port_does_not_match(made: Kit, tmp_path: Path) -> None:
    """Why the kit writes it."""
    (entry,) = json.loads(made.keep("client-cert-list.json").read_text())
    entry |= {"matches": ["https://localhost/*"], "passphrase": PASSWORD}
    (tmp_path / "list.json").write_text(json.dumps([entry]))
    said = run_bare(made, "--ssl-client-cert-list", tmp_path / "list.json")
    assert (1, ["tlsv13 alert certificate required"]) == (said.status, explained(said))


def test_client_of_another_ca_is_refused(files: Link, api: Upstream, tmp_path: Path) -> None:
    """The server's alert is what newman says."""
    where = ("--trust", files.server_ca, "--peer", api.url)
    stranger = kit(tmp_path / "kit", "postman", *of(files.stranger), *where)
    assert ["alert unknown ca"] == explained(run_script(stranger))


def test_server_of_another_ca_is_refused(files: Link, api: Upstream, tmp_path: Path) -> None:
    """The PFX has no root that newman would trust beside."""
    where = ("--trust", files.stranger_ca, "--peer", api.url)
    other = kit(tmp_path / "kit", "postman", *of(files.client), *where)
    assert ["self-signed certificate in certificate chain"] == explained(run_script(other))


def test_passphrase_is_in_no_file(made: Kit) -> None:
    """It comes from the environment."""
    kept = [one for one in made.folder.rglob("*") if one.is_file()]
    assert [] == [one.name for one in kept if PASSWORD.encode() in one.read_bytes()]
