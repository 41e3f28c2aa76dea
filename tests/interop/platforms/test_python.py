"""Python with nothing but the kits' files and code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.platforms.kitchen import PASSWORD, Kit, Link, kit, link, of
from tests.parts import curl, openssl, tls
from tests.parts.answers import NoAnswer
from tests.parts.credentials import Pem
from tests.parts.programs import Finished, run, serving
from tests.parts.served import free_port
from tests.parts.upstream import Upstream, upstream

LIBRARIES = ("urllib", "httpx2", "requests")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Link:
    """A client's and a server's PKI."""
    return link(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def api(files: Link) -> Iterator[Upstream]:
    """A server with mutual TLS that is not ours."""
    with upstream(tls.server(files.server, clients=files.client_ca)) as serving_:
        yield serving_


def call(
    api: Upstream, folder: Path, identity: Pem, trust: Path, library: str, password: str = PASSWORD
) -> Finished:
    """Run the client of a kit for that identity."""
    made = kit(folder / "kit", "python", *of(identity), "--trust", trust, "--peer", f"{api.url}/users")
    program: list[str | Path] = [sys.executable, made.keep("client.py"), library]
    return run(program, env={"KEY_PASSWORD": password}, timeout=30)


@pytest.mark.parametrize("library", LIBRARIES)
def test_client_is_answered(files: Link, api: Upstream, tmp_path: Path, library: str) -> None:
    """By a server that requires a certificate."""
    said = call(api, tmp_path, files.client, files.server_ca, library)
    assert (0, True) == (said.status, b'"subject": "acme"' in said.stdout), said.stderr


@pytest.mark.parametrize("library", LIBRARIES)
def test_client_whose_certificate_is_of_another_ca_is_refused(
    files: Link, api: Upstream, tmp_path: Path, library: str
) -> None:
    """The server's alert reaches the program."""
    said = call(api, tmp_path, files.stranger, files.server_ca, library)
    assert b"TLSV1_ALERT_UNKNOWN_CA" in said.stderr


@pytest.mark.parametrize("library", LIBRARIES)
def test_client_refuses_a_server_of_another_ca(
    files: Link, api: Upstream, tmp_path: Path, library: str
) -> None:
    """What is trusted is what was given, and nothing else."""
    said = call(api, tmp_path, files.client, files.client_ca, library)
    assert b"CERTIFICATE_VERIFY_FAILED" in said.stderr


def test_client_with_a_wrong_password_says_so(files: Link, api: Upstream, tmp_path: Path) -> None:
    """The message is one that the kit explains."""
    said = call(api, tmp_path, files.client, files.server_ca, "urllib", "wrong-password")
    assert b"[SSL] PEM lib" in said.stderr


@pytest.fixture(scope="module")
def server(files: Link, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Kit, int]]:
    """The server of a kit, running."""
    folder = tmp_path_factory.mktemp("server")
    where = ("--trust", files.client_ca, "--peer", f"https://localhost:{free_port()}")
    made = kit(folder / "kit", "python", "--use", "server", *of(files.server), *where)
    argv: list[str | Path] = [sys.executable, made.keep("server.py")]
    ready, secret = r"listening on (\d+)", {"KEY_PASSWORD": PASSWORD}
    with serving(argv, log=folder / "log", ready=ready, env=secret) as match:
        yield made, int(match[1])


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
    with pytest.raises(NoAnswer, match=r"alert|getpeername|reset"):
        curl.get(f"https://localhost:{port}/", ca=made.send("server-ca.pem"), identity=identity)


STRICT = """
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
context.verify_flags |= ssl.VERIFY_X509_STRICT
context.load_cert_chain(sys.argv[3], sys.argv[4])
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as plain:
    context.wrap_socket(plain, server_hostname="localhost")
"""


def test_authority_that_strict_python_refuses_is_found_before(files: Link, tmp_path: Path) -> None:
    """The finding says of a CA what Python 3.13 would say at the handshake."""
    authority = openssl.self_signed(tmp_path / "ca", "Lax CA", "-newkey", "rsa:2048")
    names = "subjectAltName=DNS:localhost\n"
    lax = openssl.issued(tmp_path / "lax", "localhost", authority, extensions=names)
    with upstream(tls.server(lax, clients=files.client_ca)) as api:
        own = (authority.certificate, files.client.certificate, files.client.key)
        said = run([sys.executable, "-c", STRICT, str(api.port), *own])
    assert b"CA cert does not include key usage extension" in said.stderr
    made = kit(tmp_path / "kit", "python", *of(files.client), "--trust", authority.certificate)
    assert "authority-refused-by-strict-python" in made.codes
