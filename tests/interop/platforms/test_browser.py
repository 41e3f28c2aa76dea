"""Chromium with the kit's files in its NSS database, put there by the commands of the kit's steps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.interop.platforms.kitchen import PASSWORD, Kit, Link, kit, link, of
from tests.parts.answers import NoAnswer
from tests.parts.chromium import Chromium, chromium
from tests.parts.nginx import nginx
from tests.parts.presence import require
from tests.parts.programs import check, run
from twoway.platforms.browser import PLATFORM

require("chromium", "libnss3-tools", "nginx-light")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Link:
    """A client's and a server's PKI."""
    return link(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def made(files: Link, tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """The kit of the client."""
    folder = tmp_path_factory.mktemp("made") / "kit"
    return kit(folder, "browser", *of(files.client), "--trust", files.server_ca)


def installed(made: Kit, home: Path) -> Chromium:
    """A browser whose database was filled with the commands of STEPS.md, word for word."""
    browser = chromium(home)
    (block,) = re.findall(r"^```\n(.*?)^```", made.steps, re.MULTILINE | re.DOTALL)
    secret = home / "typed"
    secret.write_text(PASSWORD)
    # pk12util asks on the terminal; there is none here.
    script = block.replace("-i keep/client.p12", f"-i keep/client.p12 -w {secret} -K ''")
    check(["sh", "-euc", script], env={"HOME": str(home)}, cwd=made.folder)
    return browser


def test_page_is_shown(files: Link, made: Kit, tmp_path: Path) -> None:
    """By a server that names the CAs of its clients."""
    (tmp_path / "home").mkdir()
    with nginx(tmp_path, files.server, clients=files.client_ca) as port:
        page = installed(made, tmp_path / "home").open(f"https://localhost:{port}/page")
    assert "CN=acme GET /page" in page.dom


def test_without_the_certificate_the_page_is_refused(files: Link, tmp_path: Path) -> None:
    """So that what was shown before was shown because of it."""
    (tmp_path / "home").mkdir()
    browser = chromium(tmp_path / "home", roots=[files.server_ca])
    with nginx(tmp_path, files.server, clients=files.client_ca) as port:
        page = browser.open(f"https://localhost:{port}/")
    assert "No required SSL certificate was sent" in page.dom


def test_certificate_of_a_ca_that_is_not_named_is_not_offered(files: Link, made: Kit, tmp_path: Path) -> None:
    """What the steps say of the other side's list."""
    (tmp_path / "home").mkdir()
    with nginx(tmp_path, files.server, clients=files.stranger_ca) as port:
        page = installed(made, tmp_path / "home").open(f"https://localhost:{port}/")
    assert "No required SSL certificate was sent" in page.dom


def test_server_of_another_ca_is_not_believed(files: Link, tmp_path: Path) -> None:
    """The roots in the PKCS#12 are no anchors, and the message is one that the kit explains."""
    (tmp_path / "home").mkdir()
    other = kit(tmp_path / "kit", "browser", *of(files.client), "--trust", files.stranger_ca)
    browser = installed(other, tmp_path / "home")
    with (
        nginx(tmp_path, files.server, clients=files.client_ca) as port,
        pytest.raises(NoAnswer, match="ERR_CERT_AUTHORITY_INVALID") as said,
    ):
        browser.open(f"https://localhost:{port}/")
    assert str(said.value) in [failure.says for failure in PLATFORM.failures]


def test_wrong_password_says_so(made: Kit, tmp_path: Path) -> None:
    """The message is one that the kit explains."""
    chromium(tmp_path / "home")
    (tmp_path / "typed").write_text("wrong-password")
    words: list[str | Path] = ["pk12util", "-d", f"sql:{tmp_path / 'home/.pki/nssdb'}", "-K", ""]
    said = run([*words, "-w", tmp_path / "typed", "-i", made.keep("client.p12")])
    assert b"SEC_ERROR_BAD_PASSWORD" in said.stdout + said.stderr
