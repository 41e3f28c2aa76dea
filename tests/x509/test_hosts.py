from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.parts import material
from twoway.x509.certificates import Certificate
from twoway.x509.hosts import is_for_host


@pytest.fixture(scope="module")
def certificate():
    """A certificate with names of each kind."""
    made = material.issue(
        "cn.example.com", names=["API.example.com", "*.wild.example.com", "127.0.0.1", "::1"]
    )
    return Certificate(made.leaf.public_bytes(Encoding.DER))


@pytest.mark.parametrize(
    "host",
    [
        "api.example.com",
        "API.EXAMPLE.COM",
        "api.example.com.",
        "a.wild.example.com",
        "127.0.0.1",
        "::1",
        "0:0::1",
    ],
)
def test_host_of_the_certificate_is_found(certificate, host):
    """Case and the form of an address do not matter."""
    assert is_for_host(certificate, host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "cn.example.com",
        "wild.example.com",
        "a.b.wild.example.com",
        ".wild.example.com",
        "127.0.0.2",
        "example.com",
    ],
)
def test_any_other_host_is_not(certificate, host):
    """The common name does not count, and a wildcard is one whole label."""
    assert not is_for_host(certificate, host)
