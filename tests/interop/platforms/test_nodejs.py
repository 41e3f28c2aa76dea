"""Node.js with nothing but the kits' files and code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.interop.platforms.kitchen import PASSWORD, Kit, Link, kit, link, of
from tests.parts import curl, material, tls
from tests.parts.answers import NoAnswer
from tests.parts.credentials import Pem
from tests.parts.presence import require
from tests.parts.programs import Finished, run, serving
from tests.parts.served import free_port
from tests.parts.upstream import Upstream, upstream

require("nodejs", "curl")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Link:
    """A client's and a server's PKI."""
    return link(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def api(files: Link) -> Iterator[Upstream]:
    """A server with mutual TLS that is not ours."""
    with upstream(tls.server(files.server, clients=files.client_ca)) as serving_:
        yield serving_


def call(api: Upstream, folder: Path, identity: Pem, trust: Path, password: str = PASSWORD) -> Finished:
    """Run the client of a kit for that identity."""
    made = kit(folder / "kit", "nodejs", *of(identity), "--trust", trust, "--peer", f"{api.url}/users")
    return run(["node", made.keep("client.mjs")], env={"KEY_PASSWORD": password}, timeout=20)


def test_client_is_answered(files: Link, api: Upstream, tmp_path: Path) -> None:
    """By a server that requires a certificate."""
    said = call(api, tmp_path, files.client, files.server_ca)
    assert (0, True) == (said.status, b'"subject": "acme"' in said.stdout), said.stderr


def test_client_whose_certificate_is_of_another_ca_is_refused(
    files: Link, api: Upstream, tmp_path: Path
) -> None:
    """The server's alert reaches the program."""
    said = call(api, tmp_path, files.stranger, files.server_ca)
    assert b"ERR_SSL_TLSV1_ALERT_UNKNOWN_CA" in said.stderr


def test_client_refuses_a_server_of_another_ca(files: Link, api: Upstream, tmp_path: Path) -> None:
    """The certificates of its own chain are no anchors for servers."""
    said = call(api, tmp_path, files.client, files.client_ca)
    assert b"SELF_SIGNED_CERT_IN_CHAIN" in said.stderr


def test_client_without_its_password_says_so(files: Link, api: Upstream, tmp_path: Path) -> None:
    """The message is one that the kit explains."""
    said = call(api, tmp_path, files.client, files.server_ca, "wrong-password")
    assert b"ERR_OSSL_BAD_DECRYPT" in said.stderr


@contextmanager
def served(folder: Path, files: Link, *options: object) -> Iterator[tuple[Kit, int]]:
    """Run the server of a kit."""
    where = ("--trust", files.client_ca, "--peer", f"https://localhost:{free_port()}", *options)
    made = kit(folder / "kit", "nodejs", "--use", "server", *of(files.server), *where)
    argv: list[str | Path] = ["node", made.keep("server.mjs")]
    ready, secret = r"listening on (\d+)", {"KEY_PASSWORD": PASSWORD}
    with serving(argv, log=folder / "log", ready=ready, env=secret) as match:
        yield made, int(match[1])


@pytest.fixture(scope="module")
def server(files: Link, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kit, int]]:
    """The server of a kit, running."""
    with served(tmp_path_factory.mktemp("server"), files) as running:
        yield running


def test_server_answers_its_clients(files: Link, server: tuple[Kit, int]) -> None:
    """And knows who they are; they trust what the kit sends them."""
    made, port = server
    answer = curl.get(f"https://localhost:{port}/", ca=made.send("server-ca.pem"), identity=files.client)
    assert (200, "acme") == (answer.status, answer.json["client"])


@pytest.mark.parametrize("who", ["nobody", "stranger", "server"])
def test_server_refuses_others(files: Link, server: tuple[Kit, int], who: str) -> None:
    """Nobody without a certificate, none of another CA, and none of the CA that issued its own."""
    made, port = server
    identity = None if who == "nobody" else getattr(files, who)
    with pytest.raises(NoAnswer):
        curl.get(f"https://localhost:{port}/", ca=made.send("server-ca.pem"), identity=identity)


PFX_SERVER = """
const { readFileSync } = require("node:fs");
const [pfx, ca] = process.argv.slice(1).map((name) => readFileSync(name));
const options = { pfx, passphrase: "changeit", ca, requestCert: true, rejectUnauthorized: true };
const server = require("node:https").createServer(options, (request, response) => response.end("let in"));
server.listen(0, () => console.log(`listening on ${server.address().port}`));
"""


def test_root_in_a_pfx_is_trusted_by_node(files: Link, tmp_path: Path) -> None:
    """Why the kits have PEM files: with a pfx, clients of the CA that issued the server's own certificate get in."""
    authority = material.root("Server Root")
    pfx = material.server(authority).p12(tmp_path, "server").path
    visitor = material.client(authority, "visitor")
    argv: list[str | Path] = ["node", "-e", PFX_SERVER, pfx, files.client_ca]
    with serving(argv, log=tmp_path / "log", ready=r"listening on (\d+)") as match:
        url = f"https://localhost:{match[1]}/"
        answer = curl.get(url, ca=visitor.ca_file(tmp_path), identity=visitor.pem(tmp_path))
    assert "let in" == answer.body
