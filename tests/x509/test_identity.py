from __future__ import annotations

import pytest

from tests.x509.pki import made
from twoway.errors import CertificateNotFound, KeyMismatch
from twoway.x509.identity import Identity
from twoway.x509.keys import new_key

ROOT = made("root", ca=True)
LEAF = made("leaf", by=ROOT)


def test_an_identity_is_a_key_and_its_chain():
    """The leaf first, then its issuers."""
    identity = Identity(LEAF.key, (LEAF.certificate, ROOT.certificate))
    assert (LEAF.certificate, (ROOT.certificate,)) == (identity.leaf, identity.issuers)


def test_a_key_of_another_certificate_is_refused():
    """Also if the chain has it further up."""
    with pytest.raises(KeyMismatch, match="CN=leaf"):
        Identity(ROOT.key, (LEAF.certificate, ROOT.certificate))
    with pytest.raises(KeyMismatch):
        Identity(new_key("ed25519"), (LEAF.certificate,))


def test_a_key_alone_is_no_identity():
    """It takes a certificate."""
    with pytest.raises(CertificateNotFound):
        Identity(LEAF.key, ())


def test_a_key_does_not_show():
    """Neither in logs nor in tracebacks."""
    assert "key" not in repr(Identity(LEAF.key, (LEAF.certificate,)))
