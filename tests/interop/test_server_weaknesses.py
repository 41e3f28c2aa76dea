"""What real clients say to server certificates of every weakness: what all refuse is an error, what some refuse not."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.interop.visitors import CHROMIUM, CURL, GO, JAVA, NODE, Trust, Visitor
from tests.parts.answers import NoAnswer
from tests.parts.served import Served, served
from tests.parts.upstream import upstream
from tests.x509 import pki
from twoway.realm import services, vault
from twoway.x509.identity import Identity
from twoway.x509.server_weaknesses import server_weaknesses

VISITORS = (CURL, NODE, GO, JAVA, CHROMIUM)
NOW = datetime.now(UTC)
DATES: dict[str, Any] = {"start": NOW - pki.DAY, "end": NOW + 90 * pki.DAY}
ROOT = pki.made("root", ca=True, key=pki.rsa_key(), **DATES)
BETWEEN = pki.made("between", ca=True, by=ROOT, **DATES)

ALL = {"curl", "node", "go", "java", "chromium"}
# By finding: how the certificate differs from a sound one, and who refuses it.
KINDS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "sound": ({}, set()),
    "host-key-uncommon": ({"key": ec.generate_private_key(ec.SECP521R1())}, {"chromium"}),
    "host-key-uncommon ed25519": ({"key": ed25519.Ed25519PrivateKey.generate()}, {"chromium"}),
    "host-certificate-no-names": ({"names": []}, {"go", "chromium"}),
    "host-certificate-other-names": ({"names": [x509.DNSName("other.example")]}, ALL),
    "host-certificate-no-server-auth": ({"usages": [pki.CLIENT]}, ALL),
    "host-certificate-any-purpose": (
        {"usages": [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]},
        {"curl", "node"},
    ),
    "host-certificate-cannot-sign": (
        {"key": pki.rsa_key(which=1), "key_usages": ["key_encipherment"]},
        {"java", "chromium"},
    ),
    "host-certificate-is-authority": ({"ca": True}, set()),
    "host-certificate-signature-weak": ({}, {"curl", "node", "go", "chromium"}),
    "host-certificate-expired": ({"start": NOW - 9 * pki.DAY, "end": NOW - timedelta(hours=1)}, ALL),
    "host-certificate-not-yet-valid": ({"start": NOW + timedelta(hours=1)}, ALL),
    "host-chain-incomplete": ({"by": BETWEEN}, ALL),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway with a service that lets everybody in."""
    with upstream() as api, served(tmp_path_factory.mktemp("shop")) as made:
        made.service("shop", api.url, client_certificate="off")
        yield made


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    """Clients that know the root alone."""
    file: Path = tmp_path_factory.mktemp("trust") / "root.pem"
    file.write_bytes(ROOT.certificate.pem)
    return Trust.of(file)


@pytest.mark.parametrize("kind", KINDS)
def test_error_is_what_every_client_refuses(kind: str, shop: Served, trust: Trust) -> None:
    """Who refuses it is as the findings say; the chain alone may be whole for clients that know more."""
    options, refusing = KINDS[kind]
    sound: dict[str, Any] = {
        "by": ROOT,
        "names": [x509.DNSName("localhost")],
        "usages": [pki.SERVER],
        **DATES,
    }
    made = pki.made("localhost", **{**sound, "key_usages": ["digital_signature"], **options})
    leaf = made.certificate
    if kind == "host-certificate-signature-weak":
        leaf = pki.resigned(leaf, pki.rsa_key(), (pki.SHA256_RSA, pki.SHA1_RSA))
    sent = (leaf,) if "by" in options else (leaf, ROOT.certificate)
    with shop.realm.changing("test") as change:
        vault.put(change, services.OWNER, services.OWN_HOST, vault.Brought(Identity(made.key, sent)))
    shop.settled()
    found = {one.code: one.severity for one in server_weaknesses(sent, at=NOW, host="localhost")}
    wanted = "error" if refusing == ALL and kind != "host-chain-incomplete" else "warning"
    assert ({} if kind == "sound" else {kind.split(maxsplit=1)[0]: wanted}) == found
    assert refusing == {visitor.name for visitor in VISITORS if not visits(visitor, shop, trust)}


def visits(visitor: Visitor, shop: Served, trust: Trust) -> bool:
    """Return whether a client takes the server's certificate."""
    try:
        visitor.visit(f"https://localhost:{shop.port}/", trust, None)
    except NoAnswer:
        return False
    return True
