"""Server certificates that were brought, in the forms that people have them in, served with their whole chain."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.interop.partners import twoway
from tests.interop.visitors import CHROMIUM, CURL, GO, JAVA, NODE, Trust, Visitor
from tests.parts import material, openssl, raw
from tests.parts.credentials import P12, PASSWORD
from tests.parts.material import Holder
from tests.parts.presence import require
from tests.parts.programs import check
from tests.parts.served import Served, served
from tests.parts.tomcat import Tomcat

Bring = Callable[[Holder, Path], list[str | Path]]


def pem_files(server: Holder, directory: Path) -> list[str | Path]:
    """Give the key, the certificate and its issuers in three files, the issuers in the wrong order."""
    files = server.pem(directory, "server")
    leaf, *issuers = (one.public_bytes(Encoding.PEM) for one in server.certificates)
    files.certificate.write_bytes(leaf)
    (directory / "chain.pem").write_bytes(b"".join(reversed(issuers)))
    return ["--key", files.key, "--certificate", files.certificate, "--chain", directory / "chain.pem"]


def pem_full_chain(server: Holder, directory: Path) -> list[str | Path]:
    """Give the key, and one file with the certificate and its issuers, as ACME clients leave them."""
    files = server.pem(directory, "fullchain")
    return ["--key", files.key, "--certificate", files.certificate]


def openssl_p12(server: Holder, directory: Path) -> list[str | Path]:
    """Give a keystore that openssl made."""
    return _keystore(openssl.pkcs12(server.pem(directory, "openssl")), directory)


def openssl_legacy_p12(server: Holder, directory: Path) -> list[str | Path]:
    """Give a keystore that openssl made with the ciphers of old."""
    return _keystore(openssl.pkcs12(server.pem(directory, "legacy"), "-legacy"), directory)


def keytool_p12(server: Holder, directory: Path) -> list[str | Path]:
    """Give a keystore of Java's, in which the server's is one of two."""
    require("default-jdk-headless")
    store = directory / "keytool.p12"
    source = server.p12(directory, "tomcat")
    quick = ("-J-XX:TieredStopAtLevel=1", "-J-Xshare:auto")
    password = ("-storepass", PASSWORD)
    check(
        [
            "keytool",
            "-genkeypair",
            "-keystore",
            store,
            *password,
            "-alias",
            "old",
            "-dname",
            "CN=old",
            "-keyalg",
            "EC",
            *quick,
        ]
    )
    check(
        [
            "keytool",
            "-importkeystore",
            "-destkeystore",
            store,
            "-deststorepass",
            PASSWORD,
            "-srckeystore",
            source.path,
            "-srcstorepass",
            source.password,
            "-srcalias",
            "tomcat",
            *quick,
        ]
    )
    return [*_keystore(P12(store), directory), "--alias", "tomcat"]


def _keystore(p12: P12, directory: Path) -> list[str | Path]:
    password = directory / "password"
    password.write_text(p12.password)
    return ["--identity", p12.path, "--password-file", password]


FORMS = (pem_files, pem_full_chain, openssl_p12, openssl_legacy_p12, keytool_p12)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, backend: Tomcat) -> Iterator[Served]:
    """A gateway with a service that asks for certificates, and lets everybody in."""
    with served(tmp_path_factory.mktemp("shop")) as made:
        made.service("shop", backend.url, client_certificate="optional")
        yield made


@pytest.fixture(scope="module")
def issuing() -> Holder:
    """A company's own PKI: root, intermediate, issuing."""
    root = material.root("Corporate Root")
    return material.issue("Corporate Issuing", by=material.issue("Corporate", by=root, ca=True), ca=True)


@pytest.fixture(scope="module")
def trust(issuing: Holder, tmp_path_factory: pytest.TempPathFactory) -> Trust:
    """Clients that know the root alone."""
    return Trust.of(issuing.ca_file(tmp_path_factory.mktemp("corporate")))


@pytest.fixture(scope="module", params=FORMS)
def server(
    request: pytest.FixtureRequest, shop: Served, issuing: Holder, tmp_path_factory: pytest.TempPathFactory
) -> Holder:
    """A certificate for the gateway, brought in one form after the other."""
    bring: Bring = request.param
    made = material.server(issuing)
    twoway(shop, "service", "edit", "shop", *bring(made, tmp_path_factory.mktemp("brought")))
    shop.settled()
    return made


def test_chain_is_sent_whole_and_in_order(shop: Served, server: Holder) -> None:
    """Whatever the form and the order that it was brought in."""
    said = check(["openssl", "s_client", "-connect", f"127.0.0.1:{shop.port}", "-showcerts"])
    assert server.certificates == tuple(
        x509.load_pem_x509_certificates(said[: said.index(b"Server certificate")])
    )


@pytest.mark.parametrize("visitor", [CURL, NODE, GO], ids=str)
def test_client_finds_its_way_to_the_root(
    visitor: Visitor, shop: Served, server: Holder, trust: Trust
) -> None:
    """It trusts nothing but the root."""
    assert "/" == visitor.visit(f"https://localhost:{shop.port}/", trust, None).page["target"]


@pytest.mark.parametrize("server", [keytool_p12], indirect=True)
@pytest.mark.parametrize("visitor", [JAVA, CHROMIUM], ids=str)
def test_java_and_the_browser_do_too(visitor: Visitor, shop: Served, server: Holder, trust: Trust) -> None:
    """They have path builders of their own."""
    assert "/" == visitor.visit(f"https://localhost:{shop.port}/", trust, None).page["target"]


def test_replaced_file_is_served_and_no_connection_dropped(
    shop: Served, issuing: Holder, tmp_path: Path
) -> None:
    """A renewal needs no more than the new file in the old one's place."""
    before, after = material.server(issuing), material.server(issuing)
    twoway(shop, "service", "edit", "shop", *pem_full_chain(before, tmp_path))
    shop.settled()
    assert before.leaf == served_leaf(shop)
    with raw.connect(shop.port) as connection:
        assert 200 == connection.request("/").status
        pem_full_chain(after, tmp_path)
        deadline = time.monotonic() + 15
        while served_leaf(shop) == before.leaf and time.monotonic() < deadline:
            time.sleep(0.1)
        assert after.leaf == served_leaf(shop)
        assert 200 == connection.request("/").status


def served_leaf(shop: Served) -> x509.Certificate:
    """Return the certificate that new connections get."""
    return x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", shop.port)).encode())
