"""JCEKS: triple DES, and secret keys as serialized Java objects, of which none is ever built."""

import hashlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.keystores.material import CHAIN, IDENTITY, KEY_DER, PASSWORD, TRUSTED
from tests.keystores.test_jks import signed
from twoway.errors import (
    AlgorithmUnsupported,
    FormatCannotHold,
    KeystoreDamaged,
    KeystoreError,
    KeystoreTooCostly,
    KeystoreTruncated,
    PasswordMissing,
    WrongPassword,
)
from twoway.keystores import Format, IdentityEntry, Keystore, SecretEntry, asn1, dump, jks, load
from twoway.keystores import java_objects as java
from twoway.keystores.derivation import Budget
from twoway.keystores.encryption import TRIPLE_DES, enciphered
from twoway.keystores.java_protection import pbe_opened, pbe_salt, recovered
from twoway.keystores.jks_writing import CREATED, ENTRY, HEAD
from twoway.keystores.passwords import as_password
from twoway.keystores.sealed_secrets import sealed_object

SECRET = SecretEntry("token", "AES", bytes(range(16)))
SALT = bytes(range(8))
STRING_TYPE = java.string("Ljava/lang/String;")


def quick(*entries, key_passwords=None) -> bytes:
    """A store whose keys cost twenty rounds, as JDK 8 wrote them."""
    opened = {alias: as_password(one) for alias, one in (key_passwords or {}).items()}
    return jks.dump(
        Keystore(entries, Format.JCEKS), Format.JCEKS, as_password(PASSWORD), opened, iterations=20
    )


def sealed(serialized: bytes) -> bytes:
    """A store of one entry that is that serialized object."""
    body = HEAD.pack(b"\xce" * 4, 2, 1) + ENTRY.pack(3, 5) + b"token" + CREATED.pack(0) + serialized
    return signed(body)


def holding(plain: bytes) -> bytes:
    """A store of one secret key, whose sealed content is those bytes."""
    inside = sealed_object("AES", b"k", as_password(PASSWORD), salt=SALT, iterations=1, budget=Budget())
    octets, derived = PASSWORD.encode(), b""
    for half in (SALT[:4], SALT[4:]):
        derived += hashlib.md5(half + octets, usedforsecurity=False).digest()
    content = enciphered(TRIPLE_DES, derived[:24], derived[24:], plain)
    head = inside[: inside.index(java.byte_array(java.reference(5), b"")[:-4])]
    tail = java.byte_array(java.reference(5), content) + 2 * java.string("PBEWithMD5AndTripleDES")
    return sealed(head + tail)


def instance(name: str, *fields: tuple[str, bytes]) -> bytes:
    """An object of a class whose fields are strings."""
    described = tuple(java.field_description("L", field, STRING_TYPE) for field, _ in fields)
    values = b"".join(value for _, value in fields)
    return java.MAGIC + b"s" + java.class_description(name, 1, described) + values


def test_what_is_written_comes_back():
    """Identities, trusted certificates and secret keys."""
    written = quick(IDENTITY, TRUSTED, SECRET)
    keystore = load(written, PASSWORD)
    assert Format.JCEKS == keystore.format
    assert [KEY_DER] == [one.key_der for one in keystore.identities]
    assert [TRUSTED.certificate] == [one.certificate for one in keystore.trusted]
    assert [("AES", SECRET.key)] == [(one.algorithm, one.key) for one in keystore.secrets]


@given(
    algorithm=st.text(st.characters(exclude_categories=()), min_size=1, max_size=20),
    key=st.binary(min_size=1, max_size=100),
)
def test_any_secret_comes_back(algorithm, key):
    """Any name, any bytes, also half a surrogate pair."""
    written = quick(SecretEntry("token", algorithm, key))
    (entry,) = load(written, PASSWORD).secrets
    again = algorithm.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")
    assert (again, key) == (entry.algorithm, entry.key)


def test_a_key_of_its_own_password_is_locked():
    """The rest of the store is not."""
    keystore = load(quick(SECRET, IDENTITY, key_passwords={"token": "its own"}), PASSWORD)
    assert [("token", WrongPassword)] == [(one.alias, type(one.why)) for one in keystore.locked]
    assert 1 == len(keystore.identities)


def test_a_key_protected_as_in_jks_is_read():
    """JDK 1.2 wrote such stores."""
    written = dump(Keystore((IDENTITY,), Format.PEM), "jks", PASSWORD)
    (entry,) = load(signed(b"\xce" * 4 + written[4:-20]), PASSWORD).identities
    assert KEY_DER == entry.key_der


def test_a_store_of_secrets_alone_needs_its_password():
    """Without it there is nothing to see."""
    with pytest.raises(PasswordMissing, match="'token'"):
        load(quick(SECRET))


def test_a_wrong_password_is_one():
    """As for JKS."""
    with pytest.raises(WrongPassword, match="JCEKS"):
        load(quick(SECRET, IDENTITY), "wrong")


def test_a_changed_store_is_damaged_where_the_password_opens_a_key():
    """One bit of its digest."""
    written = quick(SECRET)
    with pytest.raises(KeystoreDamaged, match="'token'"):
        load(written[:-1] + bytes((written[-1] ^ 1,)), PASSWORD)


def test_a_cut_off_store_is_truncated():
    """Also within a serialized object."""
    written = quick(SECRET)
    for place in range(4, len(written)):
        with pytest.raises(KeystoreTruncated, match="JCEKS"):
            load(written[:place], PASSWORD)


def test_a_derivation_that_costs_too_much_is_refused():
    """The number is the file's."""
    parameters = asn1.sequence(asn1.octet_string_der(SALT), asn1.integer_der(2_000_000_000))
    algorithm = asn1.algorithm_der("1.3.6.1.4.1.42.2.19.1", parameters)
    protected = asn1.sequence(algorithm, asn1.octet_string_der(bytes(8)))
    with pytest.raises(KeystoreTooCostly, match="2000000000"):
        recovered(protected, as_password(PASSWORD), Budget(), "it")


@pytest.mark.parametrize("turned", ["03000103", "03020100"], ids=["until-17", "right"])
def test_equal_halves_of_a_salt_are_read_either_way(turned):
    """Older Javas garble the first half where it is as the second."""
    octets, derived = PASSWORD.encode(), b""
    for half in (bytes.fromhex(turned), SALT[:4]):
        derived += hashlib.md5(half + octets, usedforsecurity=False).digest()
    parameters = asn1.sequence(asn1.octet_string_der(SALT[:4] * 2), asn1.integer_der(1))
    data = enciphered(TRIPLE_DES, derived[:24], derived[24:], b"plain")
    opened = pbe_opened(
        asn1.whole(parameters),
        data,
        as_password(PASSWORD),
        budget=Budget(),
        what="it",
        accept=lambda plain: plain == b"plain",
    )
    assert b"plain" == opened


def test_no_salt_of_equal_halves_is_written():
    """Another one is drawn."""
    drawn = iter([bytes(8), b"abcdabcd", SALT])
    assert SALT == pbe_salt(lambda _: next(drawn))


@pytest.mark.parametrize(
    "secret", [SecretEntry("a", "AES", b""), SecretEntry("a", "", b"k"), SecretEntry("a", "A" * 70_000, b"k")]
)
def test_a_secret_that_java_cannot_make_is_refused(secret):
    """It wants bytes and the name of an algorithm."""
    with pytest.raises(FormatCannotHold, match="'a'"):
        quick(secret)


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("DESKey", "DES"), ("DESedeKey", "DESede")],
)
def test_keys_of_old_javas_are_read(kind, algorithm):
    """They were written as they are."""
    fields = (java.field_description("[", "key", java.string("[B")),)
    described = java.class_description(f"com.sun.crypto.provider.{kind}", 1, fields)
    key = java.byte_array(java.class_description("[B", 2), b"12345678")
    (entry,) = load(holding(java.MAGIC + b"s" + described + key), PASSWORD).secrets
    assert (algorithm, b"12345678") == (entry.algorithm, entry.key)


@pytest.mark.parametrize(
    "content",
    [
        instance("java.util.HashMap"),
        instance("javax.crypto.spec.SecretKeySpec", ("algorithm", java.string("AES"))),
        java.MAGIC + b"p",
    ],
)
def test_a_sealed_object_that_is_no_key_is_unsupported(content):
    """Whatever class it names, nothing is built."""
    with pytest.raises(AlgorithmUnsupported, match="'token'"):
        load(holding(content), PASSWORD)


def test_an_object_that_is_not_sealed_is_unsupported():
    """Its class is named; the password does not matter."""
    with pytest.raises(AlgorithmUnsupported, match=r"org\.example\.Gadget"):
        load(sealed(instance("org.example.Gadget", ("command", java.string("id")))))


def test_beside_others_it_is_only_locked():
    """The rest of the store is there."""
    body = quick(IDENTITY)[:-20]
    gadget = ENTRY.pack(3, 1) + b"g" + CREATED.pack(0) + instance("org.example.Gadget")
    body = body[:8] + (2).to_bytes(4, "big") + body[12:] + gadget
    keystore = load(signed(body), PASSWORD)
    assert ["server"] == [one.alias for one in keystore.identities]
    assert [AlgorithmUnsupported] == [type(one.why) for one in keystore.locked]


@pytest.mark.parametrize(
    "serialized",
    [
        b"\xac\xed\x00\x04p",
        java.MAGIC + b"\x7b",
        java.MAGIC + java.reference(0),
        java.MAGIC + java.reference(-0x7E0000),
        java.MAGIC + b"sp",
        java.MAGIC + b"s" + java.string("text"),
        java.MAGIC + b"~" + java.class_description("E", 1) + b"p",
        java.MAGIC + b"s" * 40,
        java.MAGIC + (b"s" + java.class_description("A", 1)[:-1]) * 40,
        java.MAGIC + b"ur\0\2[L" + bytes(8) + b"\2\0\0xp" + b"\x7f\xff\xff\xff" + b"t\0\0" * 400,
        java.MAGIC + b"sr\0\1A" + bytes(8) + b"\2\xff\xff",
        java.MAGIC + b"sr\0\1A" + bytes(8) + b"\2\0\1Q\0\1a",
        java.MAGIC + b"sr\0\1A" + bytes(8) + b"\4\0\0xp",
        java.MAGIC + b"sr\0\1A" + bytes(8) + b"\2\0\1L\0\1ap",
    ],
)
def test_streams_that_no_jdk_writes_are_damaged(serialized):
    """Loose references, missing classes, exceptions, nesting, too many objects, fields and types."""
    with pytest.raises(KeystoreDamaged):
        load(sealed(serialized), PASSWORD)


def test_annotations_are_passed_over():
    """What a class wrote by its own method, in short and long blocks and in objects."""
    described = b"r\0\1A" + bytes(8) + b"\3\0\1I\0\1nw\2abxp"
    value, end = java.read_object(java.MAGIC + b"s" + described + b"\0\0\0\7" + b"w\1az\0\0\0\2bct\0\1dx")
    assert isinstance(value, java.JavaObject)
    assert ("A", {"n": b"\0\0\0\7"}) == (value.kind.name, value.fields)
    assert end == 4 + 1 + len(described) + 4 + 15


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_value_or_an_error(data):
    """Behind the magic number."""
    with suppress(KeystoreError):
        java.read_object(java.MAGIC + data)


def test_identities_of_javas_own_iteration_count_are_read():
    """What is written without saying how often: 200,000 rounds, as JDK 17."""
    (entry,) = load(
        dump(Keystore((IdentityEntry("a", KEY_DER, CHAIN),), Format.PEM), "jceks", "p"), "p"
    ).identities
    assert KEY_DER == entry.key_der
