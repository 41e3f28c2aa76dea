from __future__ import annotations

from pathlib import Path

import pytest

from tests.parts import openssl, tls
from tests.parts.answers import NoAnswer
from tests.parts.chromium import chromium
from tests.parts.credentials import Pem
from tests.parts.material import Holder
from tests.parts.upstream import Upstream, upstream


def test_page_opens_with_the_imported_certificate(
    server: Upstream, globex: Holder, ca: Path, tmp_path: Path
) -> None:
    """The browser sends the certificate of the .p12, and shows the page."""
    browser = chromium(tmp_path / "home", roots=[ca], identity=globex.p12(tmp_path))
    page = browser.open(f"{server.url}/page")
    assert "globex" in page.dom
    assert page.screenshot.read_bytes().startswith(b"\x89PNG")
    assert ("/page", "globex") == (server.requests[0].target, server.requests[0].subject)


def test_without_the_import_there_is_no_page(server: Upstream, ca: Path, tmp_path: Path) -> None:
    """The browser has nothing to send, and says so."""
    browser = chromium(tmp_path / "home", roots=[ca])
    with pytest.raises(NoAnswer, match="ERR_BAD_SSL_CLIENT_AUTH_CERT"):
        browser.open(server.url)
    assert [] == server.requests


def test_self_signed_certificate_is_sent(server_identity: Pem, ca: Path, tmp_path: Path) -> None:
    """Where no CA is named, the browser sends what openssl req -x509 made as well."""
    initech = openssl.self_signed(tmp_path / "initech", "initech")
    browser = chromium(tmp_path / "home", roots=[ca], identity=openssl.pkcs12(initech))
    with upstream(tls.server(server_identity, clients=initech.certificate)) as server:
        assert "initech" in browser.open(server.url).dom


def test_server_of_an_unknown_ca_is_not_opened(server: Upstream, tmp_path: Path) -> None:
    """The browser trusts no root that it was not given."""
    with pytest.raises(NoAnswer, match="ERR_CERT_AUTHORITY_INVALID"):
        chromium(tmp_path / "home").open(server.url)
