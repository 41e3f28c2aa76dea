from __future__ import annotations

from pathlib import Path

import pytest

from tests.parts import java_client
from tests.parts.answers import NoAnswer
from tests.parts.credentials import P12
from tests.parts.material import Holder
from tests.parts.upstream import Upstream


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_session_is_resumed(
    server: Upstream, globex: Holder, trust: P12, tmp_path: Path, version: str
) -> None:
    """The keystore's certificate arrives, and the second connection resumes the first one's session."""
    said = java_client.get(
        server.url, trust=trust, identity=globex.p12(tmp_path), version=version, requests=2, keep_alive=False
    )
    assert [(200, version, "globex")] * 2 == [(one.status, one.tls, one.json["subject"]) for one in said]
    assert [False, True] == [answer.resumed for answer in said]
    assert 2 == len({request.connection for request in server.requests})


def test_requests_share_a_connection(server: Upstream, globex: Holder, trust: P12, tmp_path: Path) -> None:
    """Several requests go out on one connection."""
    said = java_client.get(server.url, trust=trust, identity=globex.p12(tmp_path), requests=3)
    assert 3 == len(said)
    assert 1 == len({request.connection for request in server.requests})


def test_http2(nginx_port: int, globex: Holder, trust: P12, tmp_path: Path) -> None:
    """HTTP/2 is spoken where the server can."""
    url = f"https://localhost:{nginx_port}/x"
    (answer,) = java_client.get(url, trust=trust, identity=globex.p12(tmp_path), http2=True)
    assert ("HTTP/2", "CN=globex GET /x ") == (answer.protocol, answer.body)


def test_no_certificate_is_the_chain_of_exceptions(server: Upstream, trust: P12) -> None:
    """The server's refusal is told in Java's words."""
    with pytest.raises(NoAnswer, match=r"SSLHandshakeException: Received fatal alert: certificate_required"):
        java_client.get(server.url, trust=trust)
    assert [] == server.requests
