from __future__ import annotations

import pytest
from cryptography import x509

from tests.x509.pki import CLIENT, SERVER, made
from twoway.x509.purposes import Purpose, can_sign_handshakes, extended_usage_permits

ANY = x509.ObjectIdentifier("2.5.29.37.0")
CODE = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.3")


@pytest.mark.parametrize(
    ("usages", "client", "server"),
    [
        ([], True, True),
        ([CLIENT], True, False),
        ([SERVER], False, True),
        ([CLIENT, SERVER], True, True),
        ([ANY], True, True),
        ([CODE, ANY], True, True),
        ([CODE], False, False),
    ],
)
def test_extended_key_usage_decides_the_side(usages, client, server):
    """Absent and any allow both."""
    leaf = made(usages=usages).certificate
    assert (client, server) == (
        extended_usage_permits(leaf, Purpose.CLIENT),
        extended_usage_permits(leaf, Purpose.SERVER),
    )


@pytest.mark.parametrize(
    ("bits", "expected"),
    [
        (None, True),
        (["digital_signature"], True),
        (["digital_signature", "key_encipherment"], True),
        (["key_encipherment"], False),
        (["key_agreement"], False),
        ([], False),
    ],
)
def test_key_usage_must_let_it_sign(bits, expected):
    """Absent allows all; present and empty allows nothing."""
    assert expected == can_sign_handshakes(made(key_usages=bits).certificate)
