from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.x509.pki import encoded
from twoway.x509 import der


def test_elements_stand_one_after_the_other():
    """Every element is found, with its tag and its value."""
    data = encoded(der.INTEGER, b"\x05") + encoded(der.SEQUENCE, b"x" * 300)
    assert [(der.INTEGER, b"\x05"), (der.SEQUENCE, b"x" * 300)] == [
        (element.tag, element.content) for element in der.elements(data)
    ]


def test_first_element_ignores_what_follows():
    """OpenSSL's trusted certificates have settings behind them."""
    element = encoded(der.SEQUENCE, b"abc")
    assert element == der.first(element + b"anything").whole


@pytest.mark.parametrize(
    "data", [b"\x30", b"\x30\x05abc", b"\x30\x80", b"\x30\x84\x00", b"\x1f\x01\x00", b""]
)
def test_damaged_data_is_refused(data):
    """Cut short, of indefinite length, with a high tag, or empty."""
    with pytest.raises(ValueError, match=r"."):
        der.first(data)


@given(st.binary(max_size=2000))
def test_any_bytes_end_in_elements_or_a_value_error(data):
    """What is found puts together to what was read."""
    try:
        found = list(der.elements(data))
    except ValueError:
        return
    assert data == b"".join(element.whole for element in found)
