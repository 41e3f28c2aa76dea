"""What is found out about a certificate before a host shows it; what clients say is in tests/interop."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.x509.pki import (
    AT,
    CLIENT,
    DAY,
    MD5_RSA,
    SERVER,
    SHA1_RSA,
    SHA256_RSA,
    made,
    name,
    resigned,
    rsa_key,
)
from twoway.errors import CertificateUnreadable
from twoway.findings import Severity
from twoway.x509.certificates import Certificate
from twoway.x509.server_weaknesses import server_weaknesses

HOST = "api.example.com"
ERROR, WARNING = Severity.ERROR, Severity.WARNING
STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])
ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE


def codes(*chain, host=HOST, at=AT):
    """The findings' codes and how bad they are."""
    return {finding.code: finding.severity for finding in server_weaknesses(chain, at=at, host=host)}


def leaf(**options):
    """A sound self-signed server certificate, but for the options."""
    sound = {"names": [x509.DNSName(HOST)], "usages": [SERVER], "key_usages": ["digital_signature"]}
    return made(**{"subject": HOST, **sound, **options}).certificate


def named(*names, subject="server"):
    """A server certificate of these alternative names."""
    return leaf(subject=subject, names=[x509.DNSName(one) for one in names])


def test_a_sound_certificate_has_no_weakness():
    """Self-signed, or with its issuer."""
    root = made("root", ca=True)
    assert {} == codes(leaf())
    assert {} == codes(leaf(by=root), root.certificate)


@pytest.mark.parametrize(
    ("options", "code", "severity"),
    [
        ({"end": AT - timedelta(seconds=1)}, "host-certificate-expired", ERROR),
        ({"start": AT + DAY}, "host-certificate-not-yet-valid", ERROR),
        ({"end": AT + 29 * DAY, "start": AT - 300 * DAY}, "host-certificate-expires-soon", WARNING),
        ({"key": rsa_key(1024)}, "host-key-small", ERROR),
        ({"key": ec.generate_private_key(ec.SECP224R1())}, "host-key-unusable", ERROR),
        ({"key": ec.generate_private_key(ec.SECP256K1())}, "host-key-unusable", ERROR),
        ({"key": ec.generate_private_key(ec.BrainpoolP256R1())}, "host-key-unusable", ERROR),
        ({"key": ec.generate_private_key(ec.SECP521R1())}, "host-key-uncommon", WARNING),
        ({"key": ed25519.Ed25519PrivateKey.generate()}, "host-key-uncommon", WARNING),
        ({"usages": [CLIENT]}, "host-certificate-no-server-auth", ERROR),
        ({"usages": [ANY]}, "host-certificate-any-purpose", WARNING),
        ({"key_usages": ["key_agreement"]}, "host-certificate-cannot-sign", ERROR),
        ({"key_usages": ["key_encipherment"], "key": rsa_key()}, "host-certificate-cannot-sign", WARNING),
        ({"names": []}, "host-certificate-no-names", WARNING),
        ({"names": [x509.DNSName("other.example")]}, "host-certificate-other-names", ERROR),
        ({"ca": True}, "host-certificate-is-authority", WARNING),
        ({"extensions": [(STAPLE, False)]}, "host-certificate-staple-demanded", ERROR),
        ({"by": made("root", ca=True)}, "host-chain-incomplete", WARNING),
    ],
)
def test_each_weakness_is_found_alone(options, code, severity):
    """One thing wrong, one finding."""
    assert {code: severity} == codes(leaf(**options))


@pytest.mark.parametrize(
    "key",
    [
        *(rsa_key(), rsa_key(3072)),
        *(ec.generate_private_key(curve()) for curve in (ec.SECP256R1, ec.SECP384R1)),
    ],
    ids=lambda key: type(key).__name__,
)
def test_keys_that_every_client_takes_have_no_finding(key):
    """RSA of 2048 bits and more, P-256 and P-384."""
    assert {} == codes(leaf(key=key))


def test_keys_that_no_gateway_has():
    """DSA and Ed448 are signed by an authority, as no library of ours signs with them."""
    root = made("root", ca=True)
    for key in (dsa.generate_private_key(2048), ed448.Ed448PrivateKey.generate()):
        assert {"host-key-unusable": ERROR} == codes(leaf(by=root, key=key), root.certificate)


@pytest.mark.parametrize(
    ("names", "host", "fits"),
    [
        (["API.example.com"], HOST, True),
        (["*.example.com"], HOST, True),
        (["www.example.com", HOST], HOST, True),
        (["*.example.com"], "example.com", False),
        (["*.example.com"], "a.b.example.com", False),
        (["a*.example.com"], HOST, False),
        (["*"], "localhost", False),
        (["xn--bcher-kva.example"], "xn--bcher-kva.example", True),
        (["other.example"], None, True),
    ],
)
def test_host_is_held_against_the_names(names, host, fits):
    """As clients do it; a service without a host has no name to be held against."""
    assert ({} if fits else {"host-certificate-other-names": ERROR}) == codes(named(*names), host=host)


def test_common_name_counts_where_there_is_no_other():
    """Some clients still read it, so it works for them; an alternative name of another kind ends that."""
    address = x509.UniformResourceIdentifier("spiffe://example.com/api")
    assert {"host-certificate-no-names": WARNING} == codes(named(subject="API.example.com"))
    both = {"host-certificate-no-names": WARNING, "host-certificate-other-names": ERROR}
    assert both == codes(named(subject="other"))
    assert {"host-certificate-no-names": WARNING} == codes(named(subject="other"), host=None)
    assert {"host-certificate-other-names": ERROR} == codes(leaf(names=[address]))


@pytest.mark.parametrize(("oid", "digest"), [(SHA1_RSA, "sha1"), (MD5_RSA, "md5")])
def test_a_broken_digest_is_a_warning(oid, digest):
    """Of the leaf, or of an intermediate; a root's own signature is read by nobody."""
    key = rsa_key()
    old = resigned(leaf(key=key), key, (SHA256_RSA, oid))
    (finding,) = server_weaknesses([old], at=AT, host=HOST)
    assert ("host-certificate-signature-weak", digest) == (finding.code, finding.facts["digest"])
    root = made("root", ca=True, key=key)
    old_root = resigned(root.certificate, key, (SHA256_RSA, oid))
    assert {} == codes(leaf(by=root), old_root)
    between = made("between", by=root, ca=True)
    old_between = resigned(between.certificate, key, (SHA256_RSA, oid))
    assert {"host-certificate-signature-weak": WARNING} == codes(leaf(by=between), old_between)


def test_soon_is_a_third_of_a_short_life():
    """A certificate of six days is not always about to end."""
    short = leaf(start=AT - DAY, end=AT + 5 * DAY)
    assert {} == codes(short)
    assert {"host-certificate-expires-soon": WARNING} == codes(short, at=AT + timedelta(days=3.5))


def test_an_issuer_that_has_ended_is_a_warning():
    """Clients that know no other way up refuse."""
    root = made("root", ca=True)
    between = made("between", by=root, ca=True, start=AT - 9 * DAY, end=AT - DAY)
    assert {"host-chain-expired": WARNING} == codes(leaf(by=between), between.certificate)


def test_an_issuer_by_name_alone_is_none():
    """A renewed intermediate has the name of the old one, and did not sign."""
    one, another = (made("between", by=made("root", ca=True), ca=True) for _ in range(2))
    assert {"host-chain-incomplete": WARNING} == codes(leaf(by=one), another.certificate)


def test_a_chain_that_cannot_be_read_is_an_error():
    """The gateway would take none of it."""
    assert ["host-chain-unreadable"] == list(codes(leaf(), Certificate(b"\x30\x00")))


def test_a_leaf_that_cannot_be_read_is_an_error_of_its_own():
    """There is nothing to say about it."""
    with pytest.raises(CertificateUnreadable):
        codes(Certificate(b"\x30\x00"))


def test_errors_come_first_and_are_ready_for_json():
    """The subject is a stranger's text."""
    found = server_weaknesses([leaf(subject="a\x1b[2J", end=AT - DAY, ca=True)], at=AT, host=HOST)
    assert [ERROR, WARNING] == [finding.severity for finding in found]
    for finding in found:
        assert json.dumps(finding.as_json())
        assert finding.title.isprintable()


def test_a_subject_of_two_common_names_is_no_name():
    """Readers disagree on which of two counts."""
    two = x509.Name([*name("other"), *name(HOST)])
    assert "host-certificate-other-names" in codes(leaf(subject=two, names=[]))
