"""An authority at a fixed moment."""

from __future__ import annotations

import pytest

from tests.x509.pki import AT
from twoway.authority.issuing import Signer, issue, new_root
from twoway.authority.profiles import ISSUING
from twoway.x509.keys import new_key
from twoway.x509.names import distinguished_name


@pytest.fixture(scope="session")
def root():
    """A root authority of P-384."""
    key = new_key("ec-p384")
    return Signer(new_root(key, distinguished_name("CN=Example Root,O=Example"), 1, AT), key)


@pytest.fixture(scope="session")
def issuing(root):
    """An issuing authority of P-256 below the root."""
    key = new_key()
    certificate = issue(
        ISSUING,
        subject=distinguished_name("CN=Example Issuing,O=Example"),
        names=(),
        public_key=key.public_key(),
        signer=root,
        serial=2,
        at=AT,
        crl_url="http://crl.example/root.crl",
    )
    return Signer(certificate, key)
