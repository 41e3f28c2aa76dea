"""curl with nothing but the kit's files and configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.platforms.kitchen import PASSWORD, Link, kit, link, of
from tests.parts import tls
from tests.parts.credentials import Pem
from tests.parts.presence import require
from tests.parts.programs import Finished, run
from tests.parts.upstream import Upstream, upstream

KINDS = ("pem", "pkcs12")

require("curl")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Link:
    """A client's and a server's PKI."""
    return link(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def api(files: Link) -> Iterator[Upstream]:
    """A server with mutual TLS that is not ours."""
    with upstream(tls.server(files.server, clients=files.client_ca)) as serving:
        yield serving


def call(
    api: Upstream, folder: Path, identity: Pem, trust: Path, kind: str, password: str = PASSWORD
) -> Finished:
    """Run the script of a kit for that identity."""
    options = ("--set", f"keystore={kind}", "--peer", f"{api.url}/users")
    made = kit(folder / "kit", "curl", *of(identity), "--trust", trust, *options)
    return run(["sh", made.keep("client.sh")], env={"KEY_PASSWORD": password})


@pytest.mark.parametrize("kind", KINDS)
def test_client_is_answered(files: Link, api: Upstream, tmp_path: Path, kind: str) -> None:
    """By a server that requires a certificate."""
    said = call(api, tmp_path, files.client, files.server_ca, kind)
    assert (0, True) == (said.status, b'"subject": "acme"' in said.stdout), said.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_client_whose_certificate_is_of_another_ca_is_refused(
    files: Link, api: Upstream, tmp_path: Path, kind: str
) -> None:
    """The server's alert is what curl says."""
    said = call(api, tmp_path, files.stranger, files.server_ca, kind)
    assert b"alert unknown ca" in said.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_client_refuses_a_server_of_another_ca(files: Link, api: Upstream, tmp_path: Path, kind: str) -> None:
    """The certificates of its own chain are no anchors for servers."""
    said = call(api, tmp_path, files.client, files.client_ca, kind)
    assert b"(60) SSL certificate problem" in said.stderr


def test_configuration_alone_asks_for_the_password(files: Link, api: Upstream, tmp_path: Path) -> None:
    """It is not in there, and without a terminal there is nobody to ask."""
    call(api, tmp_path, files.client, files.server_ca, "pem")
    keep = tmp_path / "kit" / "keep"
    said = run(["setsid", "--wait", "curl", "--config", "curl.config", api.url], cwd=keep)
    assert (58, True) == (said.status, b"unable to set private key file" in said.stderr)
    assert [] == [one.name for one in keep.iterdir() if PASSWORD.encode() in one.read_bytes()]


@pytest.mark.parametrize(
    ("kind", "message"),
    [("pem", b"unable to set private key file"), ("pkcs12", b"could not parse PKCS12 file")],
)
def test_wrong_password_says_so(
    files: Link, api: Upstream, tmp_path: Path, kind: str, message: bytes
) -> None:
    """The message is one that the kit explains."""
    said = call(api, tmp_path, files.client, files.server_ca, kind, "wrong-password")
    assert message in said.stderr


def test_without_the_configuration_it_is_refused(files: Link, api: Upstream) -> None:
    """So that what answered before was the certificate."""
    said = run(["curl", "--silent", "--show-error", "--cacert", files.server_ca, api.url])
    assert b"alert certificate required" in said.stderr


@pytest.mark.parametrize("password", ['a"b\\c$d`e', "per%cent&amp;", "-n leading"])
def test_password_of_any_characters_reaches_curl(
    files: Link, api: Upstream, tmp_path: Path, password: str
) -> None:
    """Quotes, backslashes and what a shell reads as something else."""
    secret = tmp_path / "own-password"
    secret.write_text(password)
    options = ("--peer", api.url, "--trust", files.server_ca)
    made = kit(tmp_path / "kit", "curl", *of(files.client), *options, "--out-password-file", secret)
    said = run(["sh", made.keep("client.sh")], env={"KEY_PASSWORD": password})
    assert 0 == said.status, said.stderr
