from __future__ import annotations

import contextlib
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.x509.pki import AT, DAY, crl, made
from twoway.errors import CrlUnreadable, MaterialTooLarge, TwowayError
from twoway.x509.revocation import load_crl

ROOT = made("root", ca=True)
SOUND = crl(1, 2, by=ROOT, reason=x509.ReasonFlags.key_compromise)


@pytest.mark.parametrize("serial", [1, 2])
def test_a_listed_serial_has_its_reason(serial):
    """As the authority gave it."""
    assert "keyCompromise" == SOUND.reason(serial)


@pytest.mark.parametrize("serial", [3, 0, -1, 1 << 200])
def test_other_serials_are_not_listed(serial):
    """Also those that no list can hold."""
    assert SOUND.reason(serial) is None


def test_an_entry_without_a_reason_counts():
    """RFC 5280 wants the reason unspecified left out."""
    assert "unspecified" == crl(5, by=ROOT).reason(5)


def test_a_list_counts_from_its_authority_alone():
    """The name and the signature, both."""
    namesake, stranger = made("root", ca=True), made("stranger", ca=True)
    assert SOUND.is_from(ROOT.certificate)
    assert not SOUND.is_from(namesake.certificate)
    assert not crl(1, by=ROOT, issuer="stranger").is_from(stranger.certificate)


@pytest.mark.parametrize(
    ("after", "expected"), [(-2 * DAY, False), (-DAY, True), (DAY, True), (DAY + timedelta(seconds=1), False)]
)
def test_a_list_is_current_until_its_next_update(after, expected):
    """Both ends included."""
    assert expected == SOUND.current(AT + after)


def test_a_list_of_some_certificates_is_not_complete():
    """A delta says so in a critical extension."""
    assert SOUND.complete
    assert not crl(by=ROOT, extensions=[x509.DeltaCRLIndicator(1)]).complete


def test_pem_and_der_are_read():
    """Authorities publish DER, people pass on PEM."""
    data = SOUND.parsed.public_bytes(Encoding.PEM)
    assert SOUND == load_crl(data) == load_crl(SOUND.der)
    assert "CN=root" == SOUND.issuer


@pytest.mark.parametrize("data", [b"", b"x", ROOT.certificate.der, ROOT.certificate.pem])
def test_what_is_no_list_is_refused(data):
    """Whatever it is."""
    with pytest.raises(CrlUnreadable):
        load_crl(data)


def test_more_bytes_than_a_list_has_are_not_read():
    """Nothing is parsed before the size is looked at."""
    with pytest.raises(MaterialTooLarge):
        load_crl(bytes(50 * 1024 * 1024 + 1))


@settings(max_examples=300)
@given(st.integers(0, len(SOUND.der) - 1), st.integers(0, 255))
def test_damaged_lists_end_in_answers_or_in_an_error_of_ours(at, octet):
    """Each octet of a sound list changed into any other."""
    damaged = bytearray(SOUND.der)
    damaged[at] = octet
    with contextlib.suppress(TwowayError):
        found = load_crl(bytes(damaged))
        assert isinstance(found.complete, bool)
        assert isinstance(found.current(AT), bool)
        for serial in (1, 3, -1):
            found.reason(serial)
        # Only what stands outside of the signed part can be changed, and says nothing.
        if found.is_from(ROOT.certificate):
            assert SOUND.parsed.tbs_certlist_bytes == found.parsed.tbs_certlist_bytes
