from __future__ import annotations

import contextlib
import subprocess
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, x25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import example, given
from hypothesis import strategies as st

from tests.x509.pki import encoded, rsa_key
from twoway.errors import (
    KeyAlgorithmUnknown,
    KeyPasswordNeeded,
    KeyPasswordWrong,
    KeyUnreadable,
    MaterialTooLarge,
    TwowayError,
)
from twoway.x509 import keys

PASSWORD = b"secret-of-the-key"
KEY = ec.generate_private_key(ec.SECP256R1())


def written(key, encoding, form, password=None):
    """A key's bytes in one of the usual forms."""
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(encoding, form, encryption)


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_every_algorithm_makes_a_key_of_its_kind(algorithm):
    """What was asked for is what the key says that it is."""
    assert algorithm == str(keys.key_facts(keys.new_key(algorithm).public_key()))


def test_an_unknown_algorithm_is_refused_with_the_known_ones():
    """The remedy lists what there is."""
    with pytest.raises(KeyAlgorithmUnknown, match="dsa-1024") as caught:
        keys.new_key("dsa-1024")
    assert "ec-p256" in caught.value.hint


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("key", [KEY, rsa_key()], ids=["ec", "rsa"])
def test_keys_are_read_in_every_usual_form(key, form, encoding):
    """PKCS#8, PKCS#1 and SEC 1, PEM and DER."""
    assert keys.private_der(key) == keys.private_der(keys.load_private_key(written(key, encoding, form)))


def test_text_and_other_blocks_around_the_key_are_passed_over():
    """As ``openssl ecparam -genkey`` and ``openssl pkcs12`` write them."""
    parameters = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    data = b"Bag Attributes\n" + parameters + written(KEY, Encoding.PEM, PrivateFormat.TraditionalOpenSSL)
    assert keys.private_der(KEY) == keys.private_der(keys.load_private_key(data))


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
def test_an_encrypted_key_opens_with_its_password(encoding):
    """PKCS#8 encrypted, PEM and DER."""
    data = written(KEY, encoding, PrivateFormat.PKCS8, PASSWORD)
    assert keys.private_der(KEY) == keys.private_der(keys.load_private_key(data, PASSWORD))


def test_an_old_encrypted_key_opens_with_its_password():
    """PEM encryption with Proc-Type, as openssl 0.9 wrote it."""
    data = written(KEY, Encoding.PEM, PrivateFormat.TraditionalOpenSSL, PASSWORD)
    assert keys.private_der(KEY) == keys.private_der(keys.load_private_key(data, PASSWORD))


@pytest.mark.parametrize("password", [None, b""])
def test_an_encrypted_key_asks_for_its_password(password):
    """No password and an empty one are the same."""
    with pytest.raises(KeyPasswordNeeded):
        keys.load_private_key(written(KEY, Encoding.PEM, PrivateFormat.PKCS8, PASSWORD), password)


def test_no_wrong_password_looks_like_anything_else():
    """Once in 256 times a wrong password's padding is right, and the key looks damaged."""
    data = written(KEY, Encoding.PEM, PrivateFormat.TraditionalOpenSSL, PASSWORD)
    for number in range(600):
        with pytest.raises(KeyPasswordWrong) as caught:
            keys.load_private_key(data, b"%d" % number)
        assert str(number) not in str(caught.value).split()


def test_a_password_that_is_not_needed_is_ignored():
    """One password option serves keys with and without."""
    data = written(KEY, Encoding.PEM, PrivateFormat.PKCS8)
    assert keys.private_der(KEY) == keys.private_der(keys.load_private_key(data, PASSWORD))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "not a PKCS#8"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "holds no private key"),
        (b"-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----", "not a PKCS#8"),
        (
            b"-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n-----END OPENSSH PRIVATE KEY-----",
            "ssh-keygen -p -m PKCS8",
        ),
        (
            written(x25519.X25519PrivateKey.generate(), Encoding.PEM, PrivateFormat.PKCS8),
            "makes no signatures",
        ),
    ],
)
def test_what_is_no_key_is_told_apart(data, problem):
    """The message says what it is instead."""
    with pytest.raises(KeyUnreadable, match=problem):
        keys.load_private_key(data)


def test_more_bytes_than_a_key_has_are_not_read():
    """Nothing is parsed before the size is looked at."""
    with pytest.raises(MaterialTooLarge, match="65537"):
        keys.load_private_key(b"x" * 65537)


@given(st.binary(max_size=300), st.none() | st.binary(max_size=20))
@example(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----", b"x")
def test_any_bytes_end_in_a_key_or_in_an_error_of_ours(data, password):
    """Nothing else ever comes out."""
    with contextlib.suppress(TwowayError):
        keys.load_private_key(data, password)


@given(st.integers(0, len(keys.private_der(KEY)) - 1), st.integers(1, 255))
def test_damaged_keys_end_in_an_error_of_ours(at, change):
    """Each byte of a sound key changed."""
    data = bytearray(keys.private_der(KEY))
    data[at] ^= change
    with contextlib.suppress(TwowayError):
        keys.load_private_key(bytes(data))


def test_rsa_keys_that_take_minutes_to_check_are_not_checked():
    """Two Mersenne primes of 4423 and 9689 bits: a sound key, and somebody's idea of a joke."""
    p, q, e = 2**9689 - 1, 2**4423 - 1, 65537
    d = pow(e, -1, (p - 1) * (q - 1))
    values = (0, p * q, e, d, p, q, d % (p - 1), d % (q - 1), pow(q, -1, p))
    numbers = [value.to_bytes(value.bit_length() // 8 + 1, "big") for value in values]
    joke = encoded(0x30, b"".join(encoded(0x02, number) for number in numbers))
    began = time.perf_counter()
    with pytest.raises(KeyUnreadable, match="14112 bits"):
        keys.load_private_key(joke)
    assert time.perf_counter() - began < 2


def test_rsa_keys_of_no_primes_are_refused():
    """What OpenSSL's check is for."""
    numbers = rsa_key().private_numbers()
    values = [numbers.public_numbers.n, numbers.public_numbers.e, numbers.d, numbers.p + 2, numbers.q]
    values += [numbers.dmp1, numbers.dmq1, numbers.iqmp]
    octets = [value.to_bytes(value.bit_length() // 8 + 1, "big") for value in (0, *values)]
    with pytest.raises(KeyUnreadable):
        keys.load_private_key(encoded(0x30, b"".join(encoded(0x02, number) for number in octets)))


@pytest.mark.parametrize("length", [0, 31, 33])
def test_ed25519_keys_of_a_wrong_length_are_refused(length):
    """OpenSSL calls it an internal error."""
    sound = keys.private_der(keys.new_key("ed25519"))
    damaged = encoded(0x30, sound[2:12] + encoded(0x04, encoded(0x04, bytes(length))))
    with pytest.raises(KeyUnreadable):
        keys.load_private_key(damaged)
    with pytest.raises(KeyUnreadable):
        keys.load_own_key(damaged)


def test_our_own_keys_are_read_back():
    """Sealed as PKCS#8 DER, without the slow check."""
    assert keys.private_der(rsa_key()) == keys.private_der(keys.load_own_key(keys.private_der(rsa_key())))


def test_what_is_not_our_own_key_is_refused():
    """Encrypted or damaged bytes have no place in the vault."""
    with pytest.raises(KeyUnreadable):
        keys.load_own_key(written(KEY, Encoding.DER, PrivateFormat.PKCS8, PASSWORD))


def test_openssl_opens_an_encrypted_key(real_part):
    """What we write, others read."""
    command = [real_part("openssl"), "pkey", "-passin", f"pass:{PASSWORD.decode()}", "-outform", "DER"]
    opened = subprocess.run(command, input=keys.encrypted_pem(KEY, PASSWORD), capture_output=True, check=True)
    assert keys.private_der(KEY) == keys.private_der(keys.load_private_key(opened.stdout))


@pytest.mark.parametrize(
    ("key", "text", "bits"),
    [
        (ec.generate_private_key(ec.SECP521R1()), "ec-p521", 521),
        (ec.generate_private_key(ec.SECP256K1()), "ec-secp256k1", 256),
        (ed448.Ed448PrivateKey.generate(), "ed448", 456),
        (rsa_key(1024), "rsa-1024", 1024),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_keys_that_are_not_made_here_have_facts_too(key, text, bits):
    """What a partner brings is named before it is judged."""
    facts = keys.key_facts(key.public_key())
    assert (text, bits) == (str(facts), facts.bits)


def test_dsa_keys_have_facts():
    """They are read, to be able to say that they will not do."""
    key = dsa.generate_private_key(1024)  # noqa: S505 - no key is too weak to be named
    assert "dsa-1024" == str(keys.key_facts(key.public_key()))


def test_the_name_of_a_key_is_the_digest_of_its_public_part():
    """Another key has another name."""
    other = ec.generate_private_key(ec.SECP256R1())
    assert keys.spki_sha256(KEY.public_key()) != keys.spki_sha256(other.public_key())
    assert 64 == len(keys.spki_sha256(KEY.public_key()))
