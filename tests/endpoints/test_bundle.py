from __future__ import annotations

from http.client import HTTPSConnection

import pytest

import twoway
from tests.parts.credentials import truststore
from twoway.errors import EntryMissing, KeyMismatch, TrustUnusable, WrongPassword


def subject_seen(partner, context):
    """Call the partner with a context of the standard library, and return whom it saw."""
    connection = HTTPSConnection("localhost", partner.port, context=context)
    connection.request("GET", "/")
    assert 200 == connection.getresponse().status
    connection.close()
    return partner.requests[-1].subject


def test_keystore_is_a_context_in_one_line(us, partner, ca, tmp_path):
    """PKCS#12, with the servers' CA as a file."""
    made = us.p12(tmp_path)
    context = twoway.load(made.path, made.password).ssl_context(trust=ca)
    assert "us.example" == subject_seen(partner, context)


def test_pem_and_a_loaded_truststore(us, partner, theirs, tmp_path):
    """Key and chain in one PEM file; the anchors in a truststore with a password."""
    files = us.pem(tmp_path)
    (tmp_path / "both.pem").write_bytes(files.key.read_bytes() + files.certificate.read_bytes())
    anchors = truststore(tmp_path / "trust", theirs.certificates)
    trust = twoway.load(anchors.path, anchors.password)
    context = twoway.load(str(tmp_path / "both.pem")).ssl_context(trust=trust)
    assert "us.example" == subject_seen(partner, context)


def test_wrong_password_is_told(us, tmp_path):
    """As everywhere."""
    with pytest.raises(WrongPassword):
        twoway.load(us.p12(tmp_path).path, "wrong")


def test_key_of_another_certificate_is_told(us, stranger, tmp_path):
    """Before anything is called."""
    key, certificate = us.pem(tmp_path, "a").key, stranger.pem(tmp_path, "b").certificate
    (tmp_path / "both.pem").write_bytes(key.read_bytes() + certificate.read_bytes())
    with pytest.raises(KeyMismatch):
        twoway.load(tmp_path / "both.pem").ssl_context()


def test_truststore_is_no_identity(ca):
    """There is no key in it."""
    with pytest.raises(EntryMissing):
        twoway.load(ca).ssl_context()


def test_identity_is_no_truststore(us, tmp_path):
    """Its own issuers are not trusted as servers' without being named."""
    made = us.p12(tmp_path)
    loaded = twoway.load(made.path, made.password)
    with pytest.raises(TrustUnusable):
        loaded.ssl_context(trust=loaded)


def test_file_that_is_not_there_is_python_s_own_error(tmp_path):
    """As ``open`` has it."""
    with pytest.raises(FileNotFoundError):
        twoway.load(tmp_path / "nothing.p12")
