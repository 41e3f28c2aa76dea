from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest

from tests.x509.pki import AT, rsa_key
from twoway.x509.keys import ALGORITHMS, new_key
from twoway.x509.names import distinguished_name, subject_alternative_name
from twoway.x509.purposes import Purpose, extended_usage_permits
from twoway.x509.selfsigned import self_signed

NAMES = [subject_alternative_name("a.example")]


def certificate(key, purposes=(Purpose.CLIENT,), names=NAMES):
    """A self-signed certificate for the key."""
    subject = distinguished_name("initech")
    return self_signed(key, subject, names, at=AT, days=90, serial=7, purposes=purposes)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_certificate_of_every_kind_of_key(algorithm):
    """Version 3, no authority, with purposes, names, dates and its own signature."""
    key = rsa_key(int(algorithm[4:])) if algorithm.startswith("rsa") else new_key(algorithm)
    made = certificate(key)
    assert (3, False, True, 7) == (made.version, made.is_ca, made.self_signed, made.serial)
    assert (("DNS:a.example",), ("digitalSignature",), ("clientAuth",)) == (
        made.san,
        made.key_usage,
        made.extended_key_usage,
    )
    assert (AT, AT + timedelta(days=90)) == (made.not_before, made.not_after)


@pytest.mark.parametrize("purposes", [[Purpose.CLIENT], [Purpose.SERVER], list(Purpose)])
def test_it_is_for_what_was_asked_and_nothing_else(purposes):
    """A client's certificate is no server's."""
    made = certificate(new_key(), purposes)
    assert [purpose in purposes for purpose in Purpose] == [
        extended_usage_permits(made, purpose) for purpose in Purpose
    ]


def test_a_client_needs_no_names():
    """The extension is left out, not empty."""
    assert () == certificate(new_key(), names=()).san


def test_openssl_verifies_it_strictly(real_part, tmp_path):
    """Trusted as it stands, it passes OpenSSL's strictest check."""
    file = tmp_path / "cert.pem"
    file.write_bytes(certificate(new_key()).pem)
    when = ("-attime", str(int((AT + timedelta(days=1)).timestamp())))
    checks = ("-x509_strict", "-check_ss_sig", "-purpose", "sslclient", "-partial_chain")
    subprocess.run(
        [real_part("openssl"), "verify", *checks, *when, "-trusted", file, file],
        check=True,
        capture_output=True,
    )
