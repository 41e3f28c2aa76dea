from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.x509.pki import (
    AT,
    CLIENT,
    MD5_RSA,
    SHA1_RSA,
    SHA256_RSA,
    made,
    name,
    resigned,
    rsa_key,
    twin,
)
from twoway.errors import CertificateNotFound, CertificateUnreadable, MaterialTooLarge, TwowayError
from twoway.x509 import pem
from twoway.x509.certificates import Certificate, iso, load_certificates, pem_bundle
from twoway.x509.keys import encrypted_pem, private_der

ROOT = made("root", ca=True, path_length=1, key_usages=["key_cert_sign", "crl_sign"])
LEAF = made(
    "leaf",
    by=ROOT,
    usages=[CLIENT, x509.ObjectIdentifier("1.2.3.4")],
    key_usages=["digital_signature", "key_encipherment"],
    names=[
        x509.DNSName("a.example"),
        x509.IPAddress(ipaddress.ip_address("10.0.0.1")),
        x509.UniformResourceIdentifier("spiffe://a/b"),
        x509.RFC822Name("a@b.example"),
        x509.DirectoryName(name("dir")),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"),
    ],
)
BAD = Certificate(b"\x30\x03\x02\x01\x05")
FIELDS = (
    *("parsed", "version", "serial", "serial_hex", "subject", "issuer", "not_before", "not_after", "san"),
    *("key_usage", "extended_key_usage", "is_ca", "path_length", "self_issued", "self_signed", "public_key"),
    *("spki_sha256", "key", "signature_digest", "subject_name", "issuer_name"),
)


def test_fields_of_a_leaf():
    """What a certificate says of itself, in JSON's form."""
    assert {
        "sha256": hashlib.sha256(LEAF.certificate.der).hexdigest(),
        "subject": "CN=leaf",
        "issuer": "CN=root",
        "serial": "1234",
        "not_before": "2029-12-31T00:00:00Z",
        "not_after": "2031-01-01T00:00:00Z",
        "san": [
            "DNS:a.example",
            "IP:10.0.0.1",
            "URI:spiffe://a/b",
            "email:a@b.example",
            "DirName:CN=dir",
            "RID:1.2.3",
            "otherName:1.2.3;#0500",
        ],
        "key_usage": ["digitalSignature", "keyEncipherment"],
        "extended_key_usage": ["clientAuth", "1.2.3.4"],
    } == json.loads(json.dumps(LEAF.certificate.as_json()))


def test_fields_of_an_authority():
    """Basic constraints and who signed it."""
    root = ROOT.certificate
    assert (True, 1, True, True, 3) == (
        root.is_ca,
        root.path_length,
        root.self_issued,
        root.self_signed,
        root.version,
    )
    assert (False, None, False, False) == (
        LEAF.certificate.is_ca,
        LEAF.certificate.path_length,
        LEAF.certificate.self_issued,
        LEAF.certificate.self_signed,
    )


def test_self_issued_is_not_self_signed():
    """Another key under the same name signed it."""
    forged = made("root", by=ROOT).certificate
    assert (True, False) == (forged.self_issued, forged.self_signed)


def test_certificates_are_equal_byte_by_byte():
    """They are set members and dictionary keys; a malleated twin is another certificate."""
    same = Certificate(bytes(bytearray(LEAF.certificate.der)))
    assert {LEAF.certificate} == {LEAF.certificate, same}
    assert twin(LEAF.certificate) != LEAF.certificate
    assert twin(LEAF.certificate).signed_by(ROOT.certificate)
    assert twin(LEAF.certificate).serial == LEAF.certificate.serial


@pytest.mark.parametrize(
    ("made_with", "octets", "serial", "text"),
    [
        (0x12, b"\x00", 0, "00"),
        (0x12, b"\xfb", -5, "-05"),
        (0x1234, b"\xff\x7b", -133, "-85"),
        (0x1234, b"\x00\x80", 128, "80"),
    ],
)
def test_serial_numbers_of_careless_authorities(made_with, octets, serial, text):
    """Zero and negative ones are read, without a warning."""
    before = b"\xa0\x03\x02\x01\x02\x02" + bytes([len(octets)])
    change = (before + made_with.to_bytes(len(octets), "big"), before + octets)
    odd = resigned(made(key=rsa_key(), serial=made_with).certificate, rsa_key(), change)
    assert (serial, text, "CN=leaf", True) == (odd.serial, odd.serial_hex, odd.subject, odd.self_signed)


def test_openssl_makes_negative_serial_numbers_that_are_read(real_part, tmp_path):
    """A real one, all fields."""
    files = ("-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=old")
    subprocess.run(
        [real_part("openssl"), "req", "-x509", *new, "-set_serial", "-5", *files],
        check=True,
        capture_output=True,
    )
    (found,) = load_certificates((tmp_path / "cert.pem").read_bytes())
    assert (-5, "CN=old", True) == (found.serial, found.subject, found.self_signed)


def test_dates_beyond_2050():
    """GeneralizedTime, to the end of the calendar."""
    late = made(start=datetime(2051, 1, 1, tzinfo=UTC), end=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert ("2051-01-01T00:00:00Z", "9999-12-31T23:59:59Z") == (
        iso(late.certificate.not_before),
        iso(late.certificate.not_after),
    )


def test_times_are_shown_in_utc():
    """Whatever zone they are in."""
    assert "2029-12-31T22:00:00Z" == iso(AT.replace(tzinfo=timezone(timedelta(hours=2))))


@pytest.mark.parametrize(
    ("common_name", "shown"),
    [
        ("\x1b[2Jcleared", "CN=\\x1b[2Jcleared"),
        ("\u202exfdp", "CN=\\u202exfdp"),
        ("a\nb", "CN=a\\nb"),
        ("a,CN=b", "CN=a\\,CN=b"),
        ("Ünïcode", "CN=Ünïcode"),
    ],
)
def test_hostile_subjects_are_escaped(common_name, shown):
    """A stranger's text paints over nothing, and cannot look like two names."""
    assert shown == made(common_name).certificate.subject


def test_hostile_alternative_names_are_escaped():
    """The same for every name."""
    hostile = made(names=[x509.DNSName("a\x1b[2J"), x509.UniformResourceIdentifier("x:\r\nFoo: bar")])
    assert ("DNS:a\\x1b[2J", "URI:x:\\r\\nFoo: bar") == hostile.certificate.san


def test_names_that_break_the_rules_are_read_without_a_warning():
    """A country of four letters, as only a careless authority writes it."""
    odd = resigned(made("abcd", key=rsa_key()).certificate, rsa_key(), (b"\x55\x04\x03", b"\x55\x04\x06"))
    assert "C=abcd" == odd.subject


@pytest.mark.parametrize(
    "value",
    [
        b"\x0c\x04\xff\xfe\xfd\xfc",
        b"\x03\x04\x00bcd",
        b"\x02\x04abcd",
        b"\x14\x04a\xffcd",
        b"\x30\x04\x0c\x02ab",
    ],
    ids=["not UTF-8", "bits", "a number", "not Teletex", "a sequence"],
)
def test_a_damaged_name_is_shown_as_its_bytes(value):
    """A subject of a value that is no text still has a text, but cannot be compared."""
    odd = resigned(made("abcd", key=rsa_key()).certificate, rsa_key(), (b"\x0c\x04abcd", value))
    assert odd.subject.startswith("#30")
    assert odd.issuer == odd.subject
    with pytest.raises(CertificateUnreadable, match="subject"):
        _ = odd.subject_name


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
        (ec.generate_private_key(ec.SECP521R1()), "ec-p521"),
        (rsa_key(), "rsa-2048"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_keys_of_every_kind(key, text):
    """A self-signed certificate of each verifies."""
    found = made(key=key).certificate
    assert (text, True) == (str(found.key), found.self_signed)


def test_signatures_of_rsa_pss():
    """An RSA key, signed with PSS."""
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    found = made(by=made("root", ca=True, key=rsa_key()), rsa_padding=pss).certificate
    assert "sha256" == found.signature_digest
    assert found.signed_by(made("root", ca=True, key=rsa_key()).certificate)


def test_keys_restricted_to_rsa_pss_are_told_apart(real_part, tmp_path):
    """Only the certificate tells: the key itself is an RSA key like any other."""
    files = ("-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem")
    new = ("-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048", "-nodes", "-subj", "/CN=pss")
    subprocess.run([real_part("openssl"), "req", "-x509", *new, *files], check=True, capture_output=True)
    (found,) = load_certificates((tmp_path / "cert.pem").read_bytes())
    assert ("rsa-pss-2048", True) == (str(found.key), found.self_signed)


@pytest.mark.parametrize(("oid", "digest"), [(SHA1_RSA, "sha1"), (MD5_RSA, "md5")])
def test_old_digests_are_read_and_verified(oid, digest):
    """That they are weak is said elsewhere."""
    old = resigned(made(key=rsa_key()).certificate, rsa_key(), (SHA256_RSA, oid))
    assert (digest, True) == (old.signature_digest, old.self_signed)


def test_ed25519_signs_no_digest():
    """There is none to be weak."""
    assert made(key=ed25519.Ed25519PrivateKey.generate()).certificate.signature_digest is None


def test_two_certificates_of_one_key_agree_on_its_name():
    """A renewal keeps the key's fingerprint and changes the certificate's."""
    first, second = made(key=LEAF.key, serial=1).certificate, made(key=LEAF.key, serial=2).certificate
    assert first.spki_sha256 == second.spki_sha256
    assert first.sha256 != second.sha256


def test_an_unknown_kind_of_key_has_a_name_all_the_same():
    """Its dotted number, no bits, and a fingerprint of the bytes as they stand."""
    unknown = resigned(
        made(key=rsa_key()).certificate,
        rsa_key(),
        (bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d01017f")),
    )
    assert ("1.2.840.113549.1.1.127", 0, 64) == (
        unknown.key.algorithm,
        unknown.key.bits,
        len(unknown.spki_sha256),
    )
    with pytest.raises(CertificateUnreadable, match="public key"):
        _ = unknown.public_key


def test_what_cannot_be_read_can_still_be_listed_and_exported():
    """Only a field that needs understanding raises."""
    assert 64 == len(BAD.sha256)
    assert BAD == load_certificates(BAD.pem)[0]
    assert BAD.sha256 in repr(BAD)
    for field in FIELDS:
        with pytest.raises(CertificateUnreadable, match=BAD.sha256):
            getattr(BAD, field)


def test_a_damaged_extension_is_never_taken_for_absent():
    """An extended key usage that cannot be read allows nothing."""
    usage = bytes.fromhex("0603551d25040c300a06082b06010505070302")
    odd = resigned(
        made(usages=[CLIENT], key=rsa_key()).certificate,
        rsa_key(),
        (usage, usage.replace(b"\x30\x0a", b"\x31\x0a")),
    )
    assert "CN=leaf" == odd.subject
    for field in ("extended_key_usage", "san", "is_ca", "key_usage"):
        with pytest.raises(CertificateUnreadable, match="extensions"):
            getattr(odd, field)


def test_a_name_of_an_unknown_kind_is_refused():
    """X.400 addresses and EDI parties are read by no library here."""
    names = [x509.RegisteredID(x509.ObjectIdentifier("1.2.3"))]
    change = (b"\x30\x04\x88\x02\x2a\x03", b"\x30\x04\xa5\x02\x2a\x03")
    odd = resigned(made(key=rsa_key(), names=names).certificate, rsa_key(), change)
    with pytest.raises(CertificateUnreadable, match="extensions"):
        _ = odd.san


def test_an_extension_that_stands_twice_is_refused():
    """Which of two would count is anybody's guess."""
    subject_key, authority_key = bytes.fromhex("0603551d0e"), bytes.fromhex("0603551d23")
    odd = resigned(made(key=rsa_key()).certificate, rsa_key(), (authority_key, subject_key))
    with pytest.raises(CertificateUnreadable, match="twice"):
        _ = odd.san


def test_bundles_are_read_in_order():
    """PEM with any text around it."""
    bundle = (
        b"subject: x\n"
        + LEAF.certificate.pem
        + b"\n# root\r\n"
        + ROOT.certificate.pem.replace(b"\n", b"\r\n")
    )
    assert (LEAF.certificate, ROOT.certificate) == load_certificates(bundle)


def test_keys_in_a_bundle_are_passed_over():
    """One file for key and chain is common."""
    bundle = encrypted_pem(LEAF.key, b"x") + pem_bundle([LEAF.certificate, ROOT.certificate])
    assert (LEAF.certificate, ROOT.certificate) == load_certificates(bundle)


def test_der_is_read_one_after_the_other():
    """A chain as it is stored."""
    assert (LEAF.certificate, ROOT.certificate) == load_certificates(
        LEAF.certificate.der + ROOT.certificate.der
    )


def test_trust_settings_behind_a_certificate_are_left_out():
    """OpenSSL's TRUSTED CERTIFICATE."""
    data = pem.encode("TRUSTED CERTIFICATE", ROOT.certificate.der + b"\x30\x02\x30\x00")
    assert (ROOT.certificate,) == load_certificates(data)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "it is empty"),
        (b"hello", "neither PEM nor DER"),
        (encrypted_pem(LEAF.key, b"x"), "it holds ENCRYPTED PRIVATE KEY"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA", "no end"),
        (b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----", "damaged"),
        (private_der(LEAF.key), "DER of another kind"),
        (
            pkcs12.serialize_key_and_certificates(b"x", None, LEAF.certificate.parsed, None, NoEncryption()),
            "PKCS#12",
        ),
        (LEAF.certificate.der[:-1], "neither PEM nor DER"),
    ],
)
def test_what_holds_no_certificate_is_told_apart(data, found):
    """The message says what it is instead."""
    with pytest.raises(CertificateNotFound, match=found):
        load_certificates(data)


def test_more_bytes_than_a_bundle_has_are_not_read():
    """Nothing is parsed before the size is looked at."""
    with pytest.raises(MaterialTooLarge, match="10485760"):
        load_certificates(b"x" * (10 * 1024 * 1024 + 1))


@given(st.binary(max_size=500))
def test_any_bytes_end_in_certificates_or_in_an_error_of_ours(data):
    """And so does every field of what is found."""
    with contextlib.suppress(TwowayError):
        for found in load_certificates(data):
            read_all(found)


@settings(max_examples=400)
@given(st.integers(0, len(LEAF.certificate.der) - 1), st.integers(0, 255))
def test_damaged_certificates_end_in_values_or_in_an_error_of_ours(at, octet):
    """Each octet of a sound certificate changed into any other."""
    damaged = bytearray(LEAF.certificate.der)
    damaged[at] = octet
    read_all(Certificate(bytes(damaged)))


def read_all(certificate):
    """Ask for every field."""
    for field in FIELDS:
        with contextlib.suppress(CertificateUnreadable):
            getattr(certificate, field)
    with contextlib.suppress(CertificateUnreadable):
        json.dumps(certificate.as_json())


def test_importing_certificates_imports_no_more_than_it_needs():
    """The command line lives or dies by it."""
    code = "import sys, twoway.x509.certificates; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert [] == [
        module
        for module in loaded
        if module.startswith(
            ("OpenSSL", "ssl", "asyncio", "cryptography.hazmat.primitives.serialization.pkcs")
        )
    ]
