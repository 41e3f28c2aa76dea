from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509

from tests.parts import openssl
from tests.parts.credentials import Pem


@pytest.fixture
def ca(tmp_path: Path) -> Pem:
    """Make a CA as openssl users do."""
    return openssl.self_signed(tmp_path / "ca", "Umbrella CA")


def test_self_signed_is_a_ca_without_usages(tmp_path: Path) -> None:
    """What openssl req -x509 makes has CA:TRUE and no extended key usage."""
    files = openssl.self_signed(tmp_path / "initech", "initech", "-newkey", "rsa:2048")
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    assert certificate.issuer == certificate.subject
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    with pytest.raises(x509.ExtensionNotFound):
        certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)


def test_sha1_is_signed(ca: Pem, tmp_path: Path) -> None:
    """A digest that cryptography refuses can be had."""
    files = openssl.issued(tmp_path / "old", "old", ca, "-sha1")
    leaf, issuer = x509.load_pem_x509_certificates(files.certificate.read_bytes())
    assert ("ecdsa-with-SHA1", issuer.subject) == (leaf.signature_algorithm_oid._name, leaf.issuer)


def test_version_1_is_issued_without_extensions(ca: Pem, tmp_path: Path) -> None:
    """Without an extension file openssl issues version 1."""
    files = openssl.issued(tmp_path / "old", "old", ca, extensions="")
    assert x509.Version.v1 == x509.load_pem_x509_certificate(files.certificate.read_bytes()).version


def test_legacy_pkcs12_is_written(ca: Pem) -> None:
    """RC2-40, which OpenSSL 3 no longer reads by itself, is written when it is asked for."""
    # The identifier of pbeWithSHAAnd40BitRC2-CBC, RFC 7292 appendix C.
    rc2 = bytes.fromhex("060a2a864886f70d010c0106")
    assert rc2 not in openssl.pkcs12(ca).path.read_bytes()
    assert rc2 in openssl.pkcs12(ca, "-legacy").path.read_bytes()
