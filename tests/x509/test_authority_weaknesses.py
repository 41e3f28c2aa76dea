"""What is said of a CA that a partner brings, and of those that come with it; what is an error is refused by a path."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519

from tests.x509.pki import (
    AT,
    CLIENT,
    DAY,
    MD5_RSA,
    SERVER,
    SHA1_RSA,
    SHA256_RSA,
    Holder,
    made,
    resigned,
    rsa_key,
)
from twoway.errors import ChainBroken
from twoway.findings import Severity
from twoway.x509.authority_weaknesses import authority_weaknesses
from twoway.x509.certificates import load_certificates
from twoway.x509.chains import path
from twoway.x509.purposes import Purpose

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
POLICY = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.1"), None)])
# ISRG Root X1, as Let's Encrypt publishes it: no field of it says that it is public.
PUBLIC_ROOT = Path(__file__).with_name("vectors") / "isrg-root-x1.pem"


def codes(authority, *chain):
    """The findings' codes and how bad they are."""
    below = [one.certificate for one in chain]
    return {found.code: found.severity for found in authority_weaknesses(authority.certificate, below, at=AT)}


def ca(subject="CA", **options):
    """A sound CA, but for the options."""
    return made(subject, ca=True, key_usages=["key_cert_sign"], **options)


def refused(leaf, authority, *chain):
    """Whether a path from a leaf to the CA is refused."""
    try:
        path(
            leaf.certificate,
            [one.certificate for one in chain],
            [authority.certificate],
            at=AT,
            purpose=Purpose.CLIENT,
        )
    except ChainBroken:
        return True
    return False


def test_sound_authority_has_no_weakness():
    """Nor have those below it."""
    root = ca("root")
    middle = ca("middle", by=root)
    assert {} == codes(root, middle, ca("low", by=middle))


@pytest.mark.parametrize(
    ("options", "code", "severity"),
    [
        ({"end": AT - timedelta(seconds=1)}, "partner-authority-expired", ERROR),
        ({"end": AT + 89 * DAY}, "partner-authority-expires-soon", WARNING),
        ({"start": AT + DAY}, "partner-authority-not-yet-valid", WARNING),
        ({"key": rsa_key(1024)}, "partner-authority-key-small", ERROR),
        ({"key": ec.generate_private_key(ec.SECP256K1())}, "partner-authority-key-unusable", WARNING),
        ({"key": ec.generate_private_key(ec.BrainpoolP256R1())}, "partner-authority-key-unusable", WARNING),
        ({"key": ed448.Ed448PrivateKey.generate()}, "partner-authority-key-unusable", WARNING),
        ({"usages": [SERVER]}, "partner-authority-no-client-auth", ERROR),
        ({"extensions": [(POLICY, False)]}, "partner-authority-public", WARNING),
    ],
)
@pytest.mark.parametrize("place", ["anchor", "chain"])
def test_each_weakness_is_found_at_the_anchor_and_below(options, code, severity, place):
    """One thing wrong, one finding, wherever it is."""
    root = ca("root", **options) if place == "anchor" else ca("root")
    middle = ca("middle", by=root, **options) if place == "chain" else ca("middle", by=root)
    assert {code: severity} == codes(root, middle)


@pytest.mark.parametrize(
    "key",
    [
        *(rsa_key(), ed25519.Ed25519PrivateKey.generate()),
        *(ec.generate_private_key(curve()) for curve in (ec.SECP224R1, ec.SECP384R1, ec.SECP521R1)),
    ],
    ids=lambda key: type(key).__name__,
)
def test_keys_that_every_handshake_verifies_have_no_finding(key):
    """P-224 too, of which a client could have no key."""
    assert {} == codes(ca(key=key))


def test_dsa_authority_is_not_for_strict_handshakes():
    """BoringSSL has none."""
    root = ca("root")
    middle = ca("middle", by=root, key=dsa.generate_private_key(2048))
    assert {"partner-authority-key-unusable": WARNING} == codes(root, middle)


@pytest.mark.parametrize("oid", [SHA1_RSA, MD5_RSA])
def test_broken_digest_of_an_intermediate_is_an_error(oid):
    """A path through it is refused; the anchor's own signature counts for nothing."""
    root = ca("root", key=rsa_key())
    middle = ca("middle", by=root)
    old = Holder(resigned(middle.certificate, rsa_key(), (SHA256_RSA, oid)), middle.key)
    assert {"partner-authority-signature-weak": ERROR} == codes(root, old)
    assert refused(made("leaf", by=old, usages=[CLIENT]), root, old)
    assert {"partner-authority-intermediate": INFO} == codes(old)


def test_authority_that_allows_none_below_is_an_error_with_one_below():
    """The path through it is refused, and without it nothing is wrong."""
    root = ca("root", path_length=0)
    middle = ca("middle", by=root)
    assert {"partner-authority-path-length": ERROR} == codes(root, middle)
    assert refused(made("leaf", by=middle, usages=[CLIENT]), root, middle)
    assert {} == codes(root)


def test_path_length_counts_what_is_between():
    """One below is what a length of one allows, two are too many."""
    root = ca("root", path_length=1)
    middle = ca("middle", by=root)
    low = ca("low", by=middle)
    assert {} == codes(root, middle)
    assert {"partner-authority-path-length": ERROR} == codes(root, low, middle)
    assert [False, True] == [
        refused(made("leaf", by=one, usages=[CLIENT]), root, middle, low) for one in (middle, low)
    ]


def test_authority_that_issued_itself_does_not_count():
    """As at a change of keys. Source: RFC 5280, 4.2.1.9."""
    root = ca("root", path_length=0)
    rolled = ca("root", by=root)
    assert {} == codes(root, rolled)


def test_intermediate_of_another_authority_helps_nobody():
    """Most often the wrong file."""
    root, other = ca("root"), ca("other")
    assert {"partner-authority-chain-foreign": WARNING} == codes(root, ca("middle", by=other))


def test_intermediate_as_the_anchor_is_told():
    """Nobody asks its own issuer."""
    assert {"partner-authority-intermediate": INFO} == codes(ca("middle", by=ca("root")))


def test_public_root_is_known_by_its_key():
    """No field of it says so."""
    (root,) = load_certificates(PUBLIC_ROOT.read_bytes())
    assert "partner-authority-public" in {found.code for found in authority_weaknesses(root, at=AT)}


def test_findings_are_ready_for_json_and_escaped():
    """The subject is a stranger's text."""
    hostile = ca("a\x1b[2J", key=rsa_key(1024), end=AT - DAY, usages=[SERVER], path_length=0)
    below = ca("b\x1b[2J", by=hostile).certificate
    for finding in authority_weaknesses(hostile.certificate, [below], at=AT):
        assert json.dumps(finding.as_json())
        assert finding.title.isprintable()
