from __future__ import annotations

from pathlib import Path

import pytest

from tests.parts import curl
from tests.parts.answers import NoAnswer
from tests.parts.material import Holder
from tests.parts.upstream import Upstream


def test_pem_is_sent(server: Upstream, globex: Holder, ca: Path, tmp_path: Path) -> None:
    """The certificate of the PEM files arrives."""
    answer = curl.get(f"{server.url}/a?b", ca=ca, identity=globex.pem(tmp_path))
    assert ("globex", "/a?b") == (answer.json["subject"], answer.json["target"])
    assert (200, "HTTP/1.1", "TLSv1.3") == (answer.status, answer.protocol, answer.tls)


def test_pkcs12_is_sent(server: Upstream, globex: Holder, ca: Path, tmp_path: Path) -> None:
    """The certificate of the PKCS#12 file arrives."""
    identity = globex.p12(tmp_path)
    assert "globex" == curl.get(server.url, ca=ca, identity=identity).json["subject"]


def test_options_are_curls_own(server: Upstream, globex: Holder, ca: Path, tmp_path: Path) -> None:
    """A TLS version and a header can be asked for."""
    options = ["--tls-max", "1.2", "-H", "X-Client-Id: me"]
    answer = curl.get(server.url, ca=ca, identity=globex.pem(tmp_path), options=options)
    assert "TLSv1.2" == answer.tls
    assert ["me"] == server.requests[0].values("x-client-id")


def test_no_certificate_is_no_answer(server: Upstream, ca: Path) -> None:
    """The server's refusal is curl's message."""
    with pytest.raises(NoAnswer, match="alert certificate required"):
        curl.get(server.url, ca=ca)
    assert [] == server.requests


def test_http2(nginx_port: int, globex: Holder, ca: Path, tmp_path: Path) -> None:
    """HTTP/2 is spoken where the server can."""
    identity = globex.p12(tmp_path)
    answer = curl.get(f"https://localhost:{nginx_port}/x", ca=ca, identity=identity, http2=True)
    assert ("HTTP/2", "CN=globex GET /x ") == (answer.protocol, answer.body)
