from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.parts import go_client, material
from tests.parts.answers import NoAnswer
from tests.parts.material import Holder
from tests.parts.upstream import Upstream


def test_certificate_is_sent(server: Upstream, globex: Holder, ca: Path, tmp_path: Path) -> None:
    """Without any names of CAs the certificate is sent."""
    answer = go_client.get(server.url, ca=ca, identity=globex.pem(tmp_path))
    assert ((), True, "globex") == (answer.acceptable_cas, answer.sent, answer.json["subject"])


def test_ed25519_key_is_used(server: Upstream, root: Holder, ca: Path, tmp_path: Path) -> None:
    """A client with an Ed25519 key is let in."""
    key = ed25519.Ed25519PrivateKey.generate()
    identity = material.issue("initech", by=root, usage=[material.CLIENT], key=key).pem(tmp_path)
    assert "initech" == go_client.get(server.url, ca=ca, identity=identity).json["subject"]


def test_named_cas_are_told(nginx_port: int, globex: Holder, ca: Path, tmp_path: Path) -> None:
    """Where the server names its CAs, Go sends a certificate of theirs, over HTTP/2 if it can."""
    answer = go_client.get(f"https://localhost:{nginx_port}/", ca=ca, identity=globex.pem(tmp_path))
    assert (200, "HTTP/2") == (answer.status, answer.protocol)
    assert (("CN=Root",), True) == (answer.acceptable_cas, answer.sent)


def test_certificate_of_a_ca_that_is_not_named_is_held_back(
    nginx_port: int, ca: Path, tmp_path: Path
) -> None:
    """Where the server names its CAs, Go keeps the certificate of any other."""
    stranger = material.issue("stranger").pem(tmp_path, "stranger")
    answer = go_client.get(f"https://localhost:{nginx_port}/", ca=ca, identity=stranger)
    assert (400, False) == (answer.status, answer.sent)


def test_no_certificate_is_no_answer(server: Upstream, ca: Path) -> None:
    """The server's refusal is Go's message."""
    with pytest.raises(NoAnswer, match="tls: certificate required"):
        go_client.get(server.url, ca=ca)
    assert [] == server.requests
