from __future__ import annotations

import subprocess
import time
from datetime import timedelta

import pytest
from cryptography import x509

from tests.x509.pki import AT, DAY, made
from twoway.authority.crls import REASONS, Revocation, crl
from twoway.authority.issuing import Signer, issue
from twoway.authority.profiles import CLIENT
from twoway.errors import CertificateRevoked, RevocationReasonUnknown, SignerNotAuthority
from twoway.x509.chains import path
from twoway.x509.keys import new_key
from twoway.x509.names import distinguished_name
from twoway.x509.purposes import Purpose
from twoway.x509.revocation import load_crl


def listed(signer, *revoked, number=1):
    """A week's revocation list."""
    return load_crl(crl(signer, revoked, number=number, at=AT, next_update=AT + 7 * DAY))


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_read_back(issuing, reason):
    """The names are RFC 5280's."""
    assert reason == listed(issuing, Revocation(5, AT, reason)).reason(5)


def test_a_reason_that_rfc_5280_has_not_is_refused():
    """Not even removeFromCRL, which is for delta lists alone."""
    for reason in ("removeFromCRL", "lost", ""):
        with pytest.raises(RevocationReasonUnknown):
            Revocation(5, AT, reason)


def test_an_unspecified_reason_is_left_out(issuing):
    """As RFC 5280 wants it."""
    entry = listed(issuing, Revocation(5, AT)).parsed.get_revoked_certificate_by_serial_number(5)
    assert entry is not None
    assert 0 == len(entry.extensions)
    assert AT == entry.revocation_date_utc


def test_a_list_is_complete_current_and_its_authoritys(issuing, root):
    """Number, dates, identifier and signature."""
    found = listed(issuing, number=41)
    assert (True, True, False) == (
        found.complete,
        found.is_from(issuing.certificate),
        found.is_from(root.certificate),
    )
    assert (True, True, False) == (
        found.current(AT),
        found.current(AT + 7 * DAY),
        found.current(AT + 7 * DAY + timedelta(seconds=1)),
    )
    assert 41 == found.parsed.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_an_empty_list_is_a_list(issuing):
    """Nobody was revoked, and that is said with a signature."""
    assert listed(issuing).reason(1) is None


def test_what_is_revoked_is_refused(root, issuing):
    """The path of a certificate that was issued and revoked."""
    leaf = issue(
        CLIENT,
        subject=distinguished_name("globex"),
        names=(),
        public_key=new_key().public_key(),
        signer=issuing,
        serial=77,
        at=AT,
    )
    with pytest.raises(CertificateRevoked, match="keyCompromise"):
        path(
            leaf,
            [issuing.certificate],
            [root.certificate],
            at=AT,
            purpose=Purpose.CLIENT,
            crls=[listed(issuing, Revocation(77, AT, "keyCompromise"))],
        )


def test_openssl_reads_and_verifies_the_list(root, issuing, real_part, tmp_path):
    """What we write, others read."""
    (tmp_path / "chain.pem").write_bytes(issuing.certificate.pem + root.certificate.pem)
    data = crl(issuing, [Revocation(77, AT, "superseded")], number=1, at=AT, next_update=AT + DAY)
    options = ("-inform", "DER", "-noout", "-text", "-CAfile", tmp_path / "chain.pem")
    done = subprocess.run(
        [real_part("openssl"), "crl", *options], input=data, capture_output=True, check=True
    )
    assert b"verify OK" in done.stderr
    assert b"Superseded" in done.stdout


def test_an_authority_that_may_sign_no_lists_signs_none():
    """Its key usage leaves cRLSign out."""
    holder = made("root", ca=True, key_usages=["key_cert_sign"])
    with pytest.raises(SignerNotAuthority, match="revocation lists"):
        listed(Signer(holder.certificate, holder.key))


def test_a_long_list_is_made_in_moments(issuing):
    """Fifty thousand entries, without copying them again and again."""
    began = time.perf_counter()
    entries = [Revocation(serial, AT) for serial in range(1, 50_001)]
    assert "unspecified" == listed(issuing, *entries).reason(50_000)
    assert time.perf_counter() - began < 10
