"""Every real client as a visitor of one page: the same question to all of them, and what each was answered."""

from __future__ import annotations

import html
import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cryptography import x509

from tests.parts import curl, go_client, java_client, node_client
from tests.parts.answers import Answer
from tests.parts.chromium import chromium
from tests.parts.credentials import P12, Pem, truststore


@dataclass(frozen=True)
class Trust:
    """What visitors trust for servers: a root, in the two forms that they read it in.

    Args:
        ca: a PEM file.
        java: the same as Java's truststore.
    """

    ca: Path
    java: P12

    @classmethod
    def of(cls, ca: Path) -> Trust:
        """Trust the certificates of a PEM file."""
        certificates = x509.load_pem_x509_certificates(ca.read_bytes())
        return cls(ca, truststore(ca.with_name(f"{ca.stem}-trust"), certificates))


@dataclass(frozen=True)
class Credential:
    """What a partner's client presents.

    Args:
        client: its name in the realm.
        files: what the client loads.
        certificates: what it sends, leaf first.
    """

    client: str
    files: Pem | P12
    certificates: tuple[x509.Certificate, ...]


@dataclass(frozen=True)
class Seen:
    """What a visitor was answered: an upstream's page, or a refusal. A browser shows no more than the page."""

    page: Any
    status: int | None = None
    protocol: str | None = None


Form = Literal["pem", "p12"]
Visit = Callable[[str, Trust, Pem | P12 | None], Seen]


def _curl(url: str, trust: Trust, files: Pem | P12 | None) -> Seen:
    return _seen(curl.get(url, ca=trust.ca, identity=files))


def _curl_http2(url: str, trust: Trust, files: Pem | P12 | None) -> Seen:
    return _seen(curl.get(url, ca=trust.ca, identity=files, http2=True))


def _java(url: str, trust: Trust, files: Pem | P12 | None) -> Seen:
    assert not isinstance(files, Pem)
    return _seen(*java_client.get(url, trust=trust.java, identity=files))


def _java_http2(url: str, trust: Trust, files: Pem | P12 | None) -> Seen:
    assert not isinstance(files, Pem)
    return _seen(*java_client.get(url, trust=trust.java, identity=files, http2=True))


def _node(url: str, trust: Trust, files: Pem | P12 | None) -> Seen:
    assert not isinstance(files, Pem)
    return _seen(*node_client.get(url, ca=trust.ca, identity=files))


def _go(url: str, trust: Trust, files: Pem | P12 | None) -> Seen:
    assert not isinstance(files, P12)
    return _seen(go_client.get(url, ca=trust.ca, identity=files))


def _chromium(url: str, trust: Trust, files: Pem | P12 | None) -> Seen:
    assert not isinstance(files, Pem)
    home = Path(tempfile.mkdtemp(prefix="chromium-", dir=trust.ca.parent))
    page = chromium(home, roots=[trust.ca], identity=files).open(url)
    text = re.search(r"<pre[^>]*>(.*?)</pre>", page.dom, re.DOTALL)
    assert text, page.dom
    return Seen(json.loads(html.unescape(text[1])))


def _seen(answer: Answer) -> Seen:
    return Seen(answer.json, answer.status, answer.protocol)


@dataclass(frozen=True)
class Visitor:
    """A real client.

    Args:
        name: for people.
        form: what it loads, ``pem`` or ``p12``.
        visit: have it open a URL; it raises ``NoAnswer`` where there is none.
        sends_issuers: whether it sends the intermediates even where the server names no CA.
    """

    name: str
    form: Form
    visit: Visit
    sends_issuers: bool = True

    def __str__(self) -> str:
        return self.name


CURL, JAVA, NODE = Visitor("curl", "pem", _curl), Visitor("java", "p12", _java), Visitor("node", "p12", _node)
CURL_P12, GO = Visitor("curl-p12", "p12", _curl), Visitor("go", "pem", _go)
# Chromium sends those intermediates that it met while it looked for an issuer among the CAs that the server names.
CHROMIUM = Visitor("chromium", "p12", _chromium, sends_issuers=False)
CURL_HTTP2, JAVA_HTTP2 = Visitor("curl", "pem", _curl_http2), Visitor("java", "p12", _java_http2)
VISITORS = (CURL, CURL_P12, JAVA, NODE, GO, CHROMIUM)
