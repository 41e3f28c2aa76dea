from __future__ import annotations

from datetime import UTC, datetime

from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.parts import material
from tests.parts.programs import check
from twoway.diagnosis import contents, others
from twoway.errors import TwowayError
from twoway.keystores import load

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@given(
    st.binary(max_size=300),
    st.sampled_from(["CERTIFICATE REQUEST", "X509 CRL", "PUBLIC KEY", "ENCRYPTED PRIVATE KEY", ""]),
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_end_in_a_value(data, label):
    """Whatever a block of that label holds."""
    marked = b"-----BEGIN %b-----\n%b\n-----END %b-----\n" % (label.encode(), data, label.encode())
    for one in (data, marked if label else b"\x30" + data):
        others.recognised(one, at=NOW)
        others.without_password(one)


@given(st.integers(0, 700), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_damaged_certificate_is_listed_or_refused(at, octet):
    """One octet is another: no error of a library comes through."""
    der = bytearray(DER)
    der[at % len(der)] = octet
    try:
        store = load(bytes(der))
    except TwowayError:
        return
    contents.findings(store, at=NOW)
    assert [] != [contents.entry_json(entry, store.format) for entry in store.entries]


def test_damaged_request_says_that_it_is_not_its_keys(tmp_path):
    """It was changed after it was made."""
    made = check(
        [
            "openssl",
            "req",
            "-new",
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            "-nodes",
            *("-keyout", tmp_path / "k"),
            "-subj",
            "/CN=abc",
            "-outform",
            "DER",
        ]
    )
    found = others.recognised(made.replace(b"abc", b"xyz"), at=NOW)
    assert found is not None
    assert "request-unproven" == found.finding.code


DER = material.issue("damaged", names=["a.example.com"], usage=[material.CLIENT]).leaf.public_bytes(
    Encoding.DER
)
