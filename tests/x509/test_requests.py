from __future__ import annotations

import contextlib
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.x509.pki import CLIENT, encoded, key_usage, name, rsa_key
from twoway.errors import MaterialTooLarge, RequestUnproven, RequestUnreadable, TwowayError
from twoway.x509 import der, pem
from twoway.x509.keys import ALGORITHMS, new_key, spki_sha256
from twoway.x509.names import distinguished_name, subject_alternative_name
from twoway.x509.requests import load_request, new_request

KEY = ec.generate_private_key(ec.SECP256R1())
NAMES = [subject_alternative_name("a.example"), subject_alternative_name("10.0.0.1")]
PEM = new_request(KEY, distinguished_name("CN=globex,O=Globex"), NAMES)
DER = next(pem.blocks(PEM)).der()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_made_is_read(algorithm):
    """Subject, names and key, for each kind of key."""
    key = rsa_key(int(algorithm[4:])) if algorithm.startswith("rsa") else new_key(algorithm)
    request = load_request(new_request(key, name("globex"), NAMES))
    assert ("CN=globex", ("DNS:a.example", "IP:10.0.0.1")) == (request.subject_text, request.names_text)
    assert spki_sha256(key.public_key()) == spki_sha256(request.public_key)


@pytest.mark.parametrize("data", [PEM, DER, b"text\n" + PEM, PEM.replace(b" CERT", b" NEW CERT")])
def test_requests_are_read_in_every_usual_form(data):
    """PEM, DER, with text around it, and with keytool's label."""
    assert "CN=globex,O=Globex" == load_request(data).subject_text


def test_a_request_without_names_asks_for_none():
    """The names are empty, not missing."""
    assert () == load_request(new_request(KEY, name("globex"))).names


def test_openssl_reads_and_verifies_what_is_made(real_part):
    """What we write, others read."""
    command = [real_part("openssl"), "req", "-verify", "-noout", "-subject"]
    done = subprocess.run(command, input=PEM, capture_output=True, check=True)
    assert b"verify" in done.stderr
    assert b"Globex" in done.stdout


def test_nothing_but_subject_names_and_key_is_kept():
    """CA:TRUE, key usages and what else a request may ask for do not exist for the caller."""
    hostile = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(name("globex"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=9), critical=True)
        .add_extension(key_usage(["key_cert_sign"]), critical=True)
        .add_extension(x509.ExtendedKeyUsage([CLIENT]), critical=False)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), critical=True)
        .add_attribute(x509.oid.AttributeOID.CHALLENGE_PASSWORD, b"secret")
        .sign(KEY, hashes.SHA256())
    )
    request = load_request(hostile.public_bytes(Encoding.PEM))
    assert {"subject", "names", "public_key"} == set(request.__dataclass_fields__)
    assert () == request.names


def test_hostile_text_is_escaped():
    """The subject and the names of a stranger."""
    request = load_request(new_request(KEY, name("a\x1b[2J"), [x509.DNSName("b\r\nc")]))
    assert ("CN=a\\x1b[2J", ("DNS:b\\r\\nc",)) == (request.subject_text, request.names_text)


def test_a_request_for_the_key_of_somebody_else_is_refused():
    """The signature is not the key's: no proof of possession."""
    stolen = new_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    own = KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(RequestUnproven, match="CN=globex"):
        load_request(DER.replace(own, stolen))


def test_a_changed_subject_is_refused():
    """The signature covers the subject."""
    with pytest.raises(RequestUnproven, match="CN=glubex"):
        load_request(DER.replace(b"globex", b"glubex"))


def test_a_key_that_cannot_sign_is_refused():
    """No library makes such a request, so the key is put into a sound one."""
    other = x25519.X25519PrivateKey.generate().public_key()
    spki = other.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    information, *rest = der.elements(der.first(DER).content)
    version, subject, _, attributes = (element.whole for element in der.elements(information.content))
    changed = encoded(der.SEQUENCE, version + subject + spki + attributes)
    with pytest.raises(RequestUnreadable, match="makes no signatures"):
        load_request(encoded(der.SEQUENCE, changed + b"".join(element.whole for element in rest)))


@pytest.mark.parametrize("data", [b"", b"hello", b"\x30\x00", pem.encode("CERTIFICATE REQUEST", b"x")])
def test_what_is_no_request_is_refused(data):
    """Whatever it is."""
    with pytest.raises(RequestUnreadable):
        load_request(data)


def test_a_request_that_is_not_base64_is_refused():
    """The block is there, its text is not."""
    with pytest.raises(RequestUnreadable):
        load_request(b"-----BEGIN CERTIFICATE REQUEST-----\nA\n-----END CERTIFICATE REQUEST-----")


def test_more_bytes_than_a_request_has_are_not_read():
    """Nothing is parsed before the size is looked at."""
    with pytest.raises(MaterialTooLarge):
        load_request(b"x" * 65537)


@given(st.binary(max_size=500))
def test_any_bytes_end_in_a_request_or_in_an_error_of_ours(data):
    """Nothing else ever comes out."""
    with contextlib.suppress(TwowayError):
        load_request(data)


@settings(max_examples=400)
@given(st.integers(0, len(DER) - 1), st.integers(1, 255))
def test_no_changed_request_says_anything_else(at, change):
    """Whichever octet of a sound request is changed: it is refused, or was outside of what is signed."""
    damaged = bytearray(DER)
    damaged[at] ^= change
    with contextlib.suppress(TwowayError):
        request, original = load_request(bytes(damaged)), load_request(DER)
        assert (original.subject, original.names) == (request.subject, request.names)
        assert spki_sha256(original.public_key) == spki_sha256(request.public_key)
