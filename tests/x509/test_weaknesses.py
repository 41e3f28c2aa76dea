from __future__ import annotations

import json
from datetime import timedelta

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
    made,
    resigned,
    rsa_key,
    version_1,
    with_modulus,
)
from twoway.errors import CertificateUnreadable
from twoway.findings import Severity
from twoway.x509.certificates import Certificate
from twoway.x509.weaknesses import weaknesses

NAME = [x509.DNSName("a.example")]


def codes(*chain, at=AT, soon_days=30):
    """The findings' codes and how bad they are."""
    return {finding.code: finding.severity for finding in weaknesses(chain, at=at, soon_days=soon_days)}


def leaf(**options):
    """A sound self-signed client certificate, but for the options."""
    return made(
        **{"names": NAME, "usages": [CLIENT], "key_usages": ["digital_signature"], **options}
    ).certificate


def test_a_sound_certificate_has_no_weakness():
    """Self-signed, or with its issuer."""
    root = made("root", ca=True)
    issued = leaf(by=root)
    assert {} == codes(leaf())
    assert {} == codes(issued, root.certificate)


@pytest.mark.parametrize(
    ("options", "code", "severity"),
    [
        ({"end": AT - timedelta(seconds=1)}, "client-certificate-expired", Severity.ERROR),
        ({"end": AT + 29 * DAY}, "client-certificate-expires-soon", Severity.WARNING),
        ({"start": AT + DAY}, "client-certificate-not-yet-valid", Severity.WARNING),
        ({"ca": True}, "client-certificate-is-authority", Severity.WARNING),
        ({"key_usages": ["key_encipherment"]}, "client-certificate-cannot-sign", Severity.ERROR),
        ({"key_usages": []}, "client-certificate-cannot-sign", Severity.ERROR),
        ({"usages": [SERVER]}, "client-certificate-no-client-auth", Severity.WARNING),
        ({"names": []}, "client-certificate-no-names", Severity.INFO),
        ({"key": rsa_key(1024)}, "client-key-small", Severity.WARNING),
        ({"key": ec.generate_private_key(ec.SECP224R1())}, "client-key-unusable", Severity.ERROR),
        ({"key": ec.generate_private_key(ec.SECP256K1())}, "client-key-unusable", Severity.ERROR),
        ({"key": ec.generate_private_key(ec.BrainpoolP256R1())}, "client-key-unusable", Severity.ERROR),
        ({"by": made("root", ca=True)}, "client-chain-incomplete", Severity.WARNING),
    ],
)
def test_each_weakness_is_found_alone(options, code, severity):
    """One thing wrong, one finding."""
    assert {code: severity} == codes(leaf(**options))


@pytest.mark.parametrize(
    "key",
    [
        *(rsa_key(), rsa_key(3072), ed25519.Ed25519PrivateKey.generate()),
        *(ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)),
    ],
    ids=lambda key: type(key).__name__,
)
def test_keys_that_work_have_no_finding(key):
    """Ed25519 and P-521 too, where the gateway lists them."""
    assert {} == codes(leaf(key=key))


def test_keys_that_no_gateway_verifies():
    """DSA and Ed448 are signed by an authority, as no library of ours signs with them."""
    root = made("root", ca=True)
    for key in (dsa.generate_private_key(2048), ed448.Ed448PrivateKey.generate()):
        assert {"client-key-unusable": Severity.ERROR} == codes(leaf(by=root, key=key), root.certificate)


def test_a_key_that_is_too_large_for_the_gateway():
    """BoringSSL ends at 8192 bits."""
    wide = with_modulus(leaf(key=rsa_key()), rsa_key().public_key().public_numbers().n << 7000 | 1)
    assert Severity.ERROR == codes(wide)["client-key-unusable"]


@pytest.mark.parametrize(("oid", "digest"), [(SHA1_RSA, "sha1"), (MD5_RSA, "md5")])
def test_a_broken_digest_is_a_warning(oid, digest):
    """A pinned certificate does not rest on its signature."""
    old = resigned(leaf(key=rsa_key()), rsa_key(), (SHA256_RSA, oid))
    (finding,) = weaknesses([old], at=AT)
    assert ("client-certificate-signature-weak", Severity.WARNING) == (finding.code, finding.severity)
    assert digest == finding.facts["digest"]


def test_a_certificate_of_version_1_is_a_warning():
    """It cannot say what it is for."""
    old = version_1(made(key=rsa_key())).certificate
    assert {"client-certificate-version-1": Severity.WARNING} == codes(old)


@pytest.mark.parametrize("policy", ["2.23.140.1.2.1", "2.23.140.1.2.2", "2.23.140.1.1"])
def test_a_public_ca_is_a_warning(policy):
    """Its next renewal will have no clientAuth."""
    policies = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(policy), None)])
    (finding,) = weaknesses([leaf(extensions=[(policies, False)])], at=AT)
    assert ("client-certificate-public-authority", Severity.WARNING) == (finding.code, finding.severity)
    assert "no clientAuth" in finding.title


def test_a_policy_of_a_private_ca_is_none():
    """Only the CA/Browser Forum's own policies are public CAs'."""
    policies = x509.CertificatePolicies(
        [x509.PolicyInformation(x509.ObjectIdentifier(dotted), None) for dotted in ("2.23.140.10.1", "1.2.3")]
    )
    assert {} == codes(leaf(extensions=[(policies, False)]))


def test_a_certificate_in_a_transparency_log_is_a_public_cas():
    """Also without its policy."""
    timestamps = x509.UnrecognizedExtension(
        x509.oid.ExtensionOID.PRECERT_SIGNED_CERTIFICATE_TIMESTAMPS, b"\x04\x02\x00\x00"
    )
    assert ["client-certificate-public-authority"] == list(codes(leaf(extensions=[(timestamps, False)])))


def test_what_openssl_makes_when_nothing_is_said():
    """CA:TRUE and no names: the warning comes first."""
    found = weaknesses([made(ca=True).certificate], at=AT)
    assert ["client-certificate-is-authority", "client-certificate-no-names"] == [one.code for one in found]


def test_soon_is_what_the_caller_says():
    """In days, the last one counting."""
    ends = leaf(end=AT + 45 * DAY)
    assert {} == codes(ends)
    assert ["client-certificate-expires-soon"] == list(codes(ends, soon_days=60))


def test_findings_are_ready_for_json_and_escaped():
    """The subject is a stranger's text."""
    for finding in weaknesses([leaf(subject="a\x1b[2J", end=AT - DAY, ca=True)], at=AT):
        assert json.dumps(finding.as_json())
        assert finding.title.isprintable()


def test_a_leaf_that_cannot_be_read_is_an_error_of_its_own():
    """There is nothing to say about it."""
    with pytest.raises(CertificateUnreadable):
        weaknesses([Certificate(b"\x30\x00")], at=AT)


def test_chain_that_leads_to_a_public_ca_is_a_warning():
    """Also where the leaf itself does not say so."""
    policies = x509.CertificatePolicies(
        [x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.1"), None)]
    )
    issuing = made("Public Issuing CA", by=made("root", ca=True), ca=True, extensions=[(policies, False)])
    assert {"client-certificate-public-authority": Severity.WARNING} == codes(
        leaf(by=issuing), issuing.certificate
    )
