"""The small parts: ASN.1, RC2, derivations, passwords."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twoway.errors import (
    AlgorithmUnsupported,
    FormatUnknown,
    FormatUnread,
    KeyMismatch,
    KeystoreDamaged,
    KeystoreError,
    KeystoreTooCostly,
    KeystoreTruncated,
    WrongPassword,
)
from twoway.keystores import MAX_SIZE, asn1, dump, load, password_advice, rc2, twofish
from twoway.keystores.derivation import MAX_ITERATIONS, Budget
from twoway.keystores.model import Format, Keystore
from twoway.keystores.passwords import as_password


# RFC 2268 section 5: key, effective bits, plain text, cipher text.
@pytest.mark.parametrize(
    ("key", "bits", "plain", "cipher"),
    [
        ("0000000000000000", 63, "0000000000000000", "ebb773f993278eff"),
        ("ffffffffffffffff", 64, "ffffffffffffffff", "278b27e42e2f0d49"),
        ("3000000000000000", 64, "1000000000000001", "30649edf9be7d2c2"),
        ("88", 64, "0000000000000000", "61a8a244adacccf0"),
        ("88bca90e90875a", 64, "0000000000000000", "6ccf4308974c267f"),
        ("88bca90e90875a7f0f79c384627bafb2", 64, "0000000000000000", "1a807d272bbe5db1"),
        ("88bca90e90875a7f0f79c384627bafb2", 128, "0000000000000000", "2269552ab0f85ca6"),
    ],
)
def test_rc2_agrees_with_its_rfc(key, bits, plain, cipher):
    """The RFC's own vectors, backwards."""
    decrypted = rc2.decrypt_cbc(bytes.fromhex(key), bits, bytes(8), bytes.fromhex(cipher))
    assert plain == decrypted.hex()


def test_pkcs12_derivation_agrees_with_openssl():
    """A vector that was made with OpenSSL's PKCS12_key_gen (Crypt::OpenSSL::PKCS::Func)."""
    form = as_password("123456").forms[0]
    derived = Budget().pkcs12("sha256", form, bytes.fromhex("e241f01650dbeae4"), 2048, 3, 32)
    assert "721259f14aad70b58839f71566b433da1b8ad08f650f4d02faaa0b9b095bb51d" == derived.hex()


def test_pkcs12_derivation_goes_on_beyond_one_digest():
    """The first bytes do not depend on how many are asked for."""
    short, long = (Budget().pkcs12("sha1", b"\0a\0\0", b"salt", 3, 1, size) for size in (20, 70))
    assert short == long[:20]
    assert 3 == len({long[at : at + 20] for at in (0, 20, 40)})


def test_single_counts_are_bounded():
    """The error carries the number."""
    with pytest.raises(KeystoreTooCostly) as caught:
        Budget().pbkdf2("sha256", b"", b"salt", MAX_ITERATIONS + 1, 32)
    assert MAX_ITERATIONS + 1 == caught.value.value


def test_many_small_counts_are_bounded_too():
    """Thousands of derivations of one file add up."""
    budget = Budget(rounds=100)
    budget.pbkdf1("md5", b"", b"salt", 60)
    with pytest.raises(KeystoreTooCostly, match="sum of all iteration counts"):
        budget.pbkdf1("md5", b"", b"other", 60)


def test_a_derivation_that_is_known_costs_nothing():
    """Parts that share salt and count share the key."""
    budget = Budget(rounds=100)
    assert budget.pbkdf2("sha1", b"p", b"s", 90, 20) == budget.pbkdf2("sha1", b"p", b"s", 90, 20)


@pytest.mark.parametrize("cost", [(2**20, 8, 1), (2, 2**24, 1), (1024, 8, 2**20)])
def test_scrypt_is_bounded_in_memory_and_time(cost):
    """A gigabyte is refused before it is taken."""
    with pytest.raises(KeystoreTooCostly):
        Budget().scrypt(b"", b"salt", cost, 32)


def test_scrypt_is_hashlibs():
    """Within the bounds it is what everybody computes."""
    expected = hashlib.scrypt(b"p", salt=b"s", n=16, r=8, p=1, dklen=32)
    assert expected == Budget().scrypt(b"p", b"s", (16, 8, 1), 32)


def test_an_empty_password_has_two_forms():
    """Two NULs or nothing at all."""
    assert (b"\0\0", b"") == as_password("").forms == as_password(None).forms


def test_bytes_that_are_no_utf8_are_single_characters():
    """As on a Latin-1 terminal."""
    assert "pä\0".encode("utf-16-be") == as_password(b"p\xe4").forms[0]


def test_a_password_never_shows():
    """Not even by accident."""
    assert "hunter2" not in repr(as_password("hunter2"))


@pytest.mark.parametrize(
    ("password", "problems"),
    [
        ("Correct-Horse9", 0),
        ("pässwörd", 1),
        ("with:colon", 1),
        ("short", 1),
        ("ü", 2),
        (b"bytes are fine", 1),
    ],
)
def test_awkward_passwords_are_findings(password, problems):
    """What Java, curl or keytool would stumble over."""
    assert ["password-awkward"] * problems == [finding.code for finding in password_advice(password)]


@given(st.binary(max_size=300))
def test_any_bytes_are_an_element_or_one_of_our_errors(data):
    """The reader of ASN.1 never fails in another way."""
    try:
        found, end = asn1.element(data)
        assert data[:end] == found.raw
        if found.constructed:
            asn1.children(found, found.tag)
        asn1.octets(found)
    except (KeystoreDamaged, KeystoreTruncated):
        pass


@given(st.integers(min_value=0, max_value=2**500))
def test_integers_come_back(value):
    """What is written is read."""
    assert value == asn1.integer(asn1.whole(asn1.integer_der(value)))


@given(st.integers(0, 2), st.integers(0, 39), st.lists(st.integers(0, 2**40), max_size=8))
def test_object_identifiers_come_back(first, second, rest):
    """What is written is read."""
    dotted = ".".join(map(str, (first, second, *rest)))
    assert dotted == asn1.oid(asn1.whole(asn1.oid_der(dotted)))


@given(st.binary(max_size=70_000))
def test_strings_of_any_length_come_back(content):
    """Short and long lengths agree."""
    assert content == asn1.octet_string(asn1.whole(asn1.octet_string_der(content)))


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\x80" * 1000 + b"\0\0" * 1000,
        b"\x24\x80" * 1000 + b"\0\0" * 1000,
        b"\x04\x80\0\0",
        b"\x1f\x81\x01\0",
        b"\x30\x85\1\1\1\1\1",
    ],
    ids=["nested", "nested-string", "primitive-indefinite", "high-tag", "length-of-length"],
)
def test_hostile_structures_are_damage(data):
    """Nesting does not exhaust the stack, lengths do not exhaust the memory."""
    with pytest.raises(KeystoreDamaged):
        asn1.element(data)


def test_large_data_is_refused_by_size():
    """More than ten megabytes are not looked at."""
    with pytest.raises(KeystoreTooCostly):
        load(bytes(MAX_SIZE + 1))


@pytest.mark.parametrize("data", [b"", b" \r\n\t"])
def test_nothing_is_truncated(data):
    """An empty file was cut off at its beginning."""
    with pytest.raises(KeystoreTruncated):
        load(data)


def test_text_is_of_unknown_format():
    """The error shows how the bytes begin."""
    with pytest.raises(FormatUnknown, match="48 65 6c 6c"):
        load(b"Hello, world")


BCFKS = asn1.sequence(
    asn1.sequence(asn1.algorithm_der("1.2.840.113549.1.5.13"), asn1.octet_string_der(bytes(64))),
    asn1.sequence(asn1.algorithm_der("1.2.840.113549.2.11"), asn1.octet_string_der(bytes(64))),
)


def test_a_bcfks_store_is_named_with_the_way_out():
    """It is recognised by its structure; the remedy is a command."""
    with pytest.raises(FormatUnread, match="BCFKS") as caught:
        load(BCFKS)
    assert "keytool -importkeystore -srckeystore FILE -srcstoretype BCFKS" in caught.value.finding().remedy


# The vectors of the Twofish paper's appendix: a key of zeros, and the one of its second table.
@pytest.mark.parametrize(
    ("key", "cipher"),
    [
        (bytes(32), "57ff739d4dc92c1bd7fc01700cc8216f"),
        (
            bytes.fromhex("0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff"),
            "37527be0052334b89f0cfccae87cfa20",
        ),
    ],
)
def test_twofish_agrees_with_its_paper(key, cipher):
    """One block of zeros, then the chain: the second block is opened with the first."""
    block = bytes.fromhex(cipher)
    assert bytes(16) + block == twofish.decrypt_cbc(key, bytes(16), block * 2)


def test_an_unknown_format_cannot_be_written():
    """The error names those that can."""
    with pytest.raises(KeystoreError, match="the format bks"):
        dump(Keystore((), Format.PEM), "bks")


def test_the_five_causes_are_five_errors():
    """Their codes are what scripts look at."""
    five = (WrongPassword, KeystoreDamaged, KeyMismatch, AlgorithmUnsupported, KeystoreTruncated)
    assert 5 == len({error.code for error in five})
