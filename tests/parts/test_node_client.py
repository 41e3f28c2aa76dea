from __future__ import annotations

from pathlib import Path

import pytest

from tests.parts import node_client
from tests.parts.answers import NoAnswer
from tests.parts.material import Holder
from tests.parts.upstream import Upstream


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_session_is_resumed(server: Upstream, globex: Holder, ca: Path, tmp_path: Path, version: str) -> None:
    """The keystore's certificate arrives, and the second connection resumes the first one's session."""
    said = node_client.get(
        server.url, ca=ca, identity=globex.p12(tmp_path), version=version, requests=2, keep_alive=False
    )
    assert [(200, version, "globex")] * 2 == [(one.status, one.tls, one.json["subject"]) for one in said]
    assert [False, True] == [answer.resumed for answer in said]
    assert 2 == len({request.connection for request in server.requests})


def test_requests_share_a_connection(server: Upstream, globex: Holder, ca: Path, tmp_path: Path) -> None:
    """Several requests go out on one connection."""
    said = node_client.get(server.url, ca=ca, identity=globex.p12(tmp_path), requests=3)
    assert 3 == len(said)
    assert 1 == len({request.connection for request in server.requests})


def test_no_certificate_is_no_answer(server: Upstream, ca: Path) -> None:
    """The server's refusal is Node's code and message."""
    with pytest.raises(NoAnswer, match="ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED"):
        node_client.get(server.url, ca=ca)
    assert [] == server.requests
