"""HTTP/2, both versions of TLS, WebSockets and long streams, through the gateway."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.interop.partners import Partners
from tests.interop.told import assert_told
from tests.interop.visitors import CURL_HTTP2, GO, JAVA_HTTP2, Seen, Trust, Visitor
from tests.parts import curl, java_client, node_client, raw
from tests.parts.answers import NoAnswer
from tests.parts.credentials import P12, Pem
from tests.parts.served import ACTOR, Served
from tests.parts.upstream import Upstream, upstream
from twoway.realm import clients

VERSIONS = ("TLSv1.2", "TLSv1.3")
MAX_STREAM = 2


@pytest.mark.parametrize("visitor", [CURL_HTTP2, JAVA_HTTP2, GO], ids=str)
def test_http2(visitor: Visitor, explaining: str, partners: Partners, trust: Trust) -> None:
    """The upstream, that is spoken to in HTTP/1.1, is told who calls all the same."""
    credential = partners.credential("partner-ca", visitor.form)
    seen = visitor.visit(explaining, trust, credential.files)
    assert ("HTTP/2", 200, "HTTP/1.1") == (seen.protocol, seen.status, seen.page["version"])
    assert_told(seen, credential, credential.certificates[1:])


@pytest.mark.parametrize("version", VERSIONS)
def test_java_and_node_speak_both_versions_of_tls(
    version: str, explaining: str, partners: Partners, trust: Trust
) -> None:
    """A resumed session, in which no certificate is sent, is the same client's."""
    credential = partners.credential("partner-ca", "p12")
    assert isinstance(credential.files, P12)
    java = java_client.get(
        explaining,
        trust=trust.java,
        identity=credential.files,
        version=version,
        requests=2,
        keep_alive=False,
    )
    node = node_client.get(
        explaining, ca=trust.ca, identity=credential.files, version=version, requests=2, keep_alive=False
    )
    for answers in (java, node):
        assert [(version, False), (version, True)] == [(answer.tls, answer.resumed) for answer in answers]
        for answer in answers:
            assert_told(Seen(answer.json), credential, credential.certificates[1:])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["issued", "pinned", "partner-ca"])
def test_curl_speaks_both_versions_of_tls(
    version: str, kind: str, explaining: str, partners: Partners, trust: Trust
) -> None:
    """One version alone."""
    number = version.removeprefix("TLSv")
    credential = partners.credential(kind, "pem")
    only = ("--tls-max", number, f"--tlsv{number}")
    answer = curl.get(explaining, ca=trust.ca, identity=credential.files, options=only)
    assert version == answer.tls
    assert_told(Seen(answer.json), credential, credential.certificates[1:])


@pytest.fixture(scope="module")
def live(gateway: Served, partners: Partners) -> Iterator[Upstream]:
    """A backend with WebSockets and streams, behind the gateway."""
    with upstream() as backend:
        for path in ("/live", "/stream"):
            gateway.service(path[1:], backend.url, path=path, max_stream_seconds=MAX_STREAM)
            with gateway.realm.changing(ACTOR) as change:
                for client in ("globex", "umbrella"):
                    clients.allow(change, client, path[1:])
        gateway.settled()
        yield backend


@pytest.mark.parametrize("kind", ["issued", "partner-ca"])
def test_websocket_is_carried(kind: str, gateway: Served, live: Upstream, partners: Partners) -> None:
    """Frames go both ways, and the upstream knows whose they are."""
    credential = partners.credential(kind, "pem")
    assert isinstance(credential.files, Pem)
    with raw.connect(gateway.port, identity=credential.files, server_name=None) as connection:
        # RFC 6455, section 1.3.
        key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), key]
        switched = connection.request("/live", host="127.0.0.1", headers=upgrade)
        assert (101, ["s3pPLMBiTxaQ9kYGzzhZRbK+xOo="]) == (
            switched.status,
            switched.values("Sec-WebSocket-Accept"),
        )
        for word in (b"hi", b"ho"):
            connection.send(b"\x81\x82\x00\x00\x00\x00" + word)
            assert b"\x81\x02" + word == connection.makefile("rb").read(4)
    assert [credential.client] == live.requests[-1].values("x-client-id")


def test_stream_flows_and_ends_with_its_service_s_bound(
    gateway: Served, live: Upstream, partners: Partners
) -> None:
    """What the upstream sends comes at once, until the longest that a stream may last."""
    credential = partners.credential("issued", "pem")
    assert isinstance(credential.files, Pem)
    started = time.monotonic()
    with raw.connect(gateway.port, identity=credential.files, server_name=None) as connection:
        connection.send(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        lines = connection.makefile("rb")
        while lines.readline() != b"tick 20\n":
            pass
        assert time.monotonic() - started < MAX_STREAM
        # In the middle of the body, with an alert or without.
        with suppress(NoAnswer):
            while lines.readline():
                pass
    assert MAX_STREAM - 0.5 < time.monotonic() - started < MAX_STREAM + 2
