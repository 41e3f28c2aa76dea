from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from twoway.x509 import pem


@given(st.binary(min_size=1, max_size=500), st.text(alphabet="\n -abcXYZ", max_size=50))
def test_what_is_written_is_read(data, stray):
    """A block comes back whatever text stands around it."""
    written = stray.encode() + b"\n" + pem.encode("CERTIFICATE", data) + stray.encode()
    assert [("CERTIFICATE", data)] == [(block.label, block.der()) for block in pem.blocks(written)]


def test_a_block_without_its_end_is_passed_over():
    """A begin that is followed by another begin opens nothing."""
    data = b"-----BEGIN CERTIFICATE-----\nAAAA\n" + pem.encode("PRIVATE KEY", b"key")
    assert ["PRIVATE KEY"] == [block.label for block in pem.blocks(data)]


def test_reading_is_linear():
    """Five megabytes of begins are read in moments."""
    began = time.perf_counter()
    assert [] == list(pem.blocks(b"-----BEGIN CERTIFICATE-----\n" * 180_000))
    assert time.perf_counter() - began < 5


@given(st.binary(max_size=2000))
def test_any_bytes_end_in_blocks(data):
    """Reading never raises; only what a block says may be no base64."""
    assert all(isinstance(block.label, str) for block in pem.blocks(data))
