"""BKS and UBER: what other projects' stores do not show, of stores put together by hand."""

import hmac
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.keystores.material import CHAIN, KEY_DER, LEAF, PASSWORD, STRANGER
from tests.keystores.vectors import ABSENT, content, vectors
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
from twoway.keystores import Format, Keystore, dump, load
from twoway.keystores.derivation import Budget
from twoway.keystores.encryption import TRIPLE_DES, enciphered
from twoway.keystores.passwords import as_password

SALT = bytes(range(20))
HEAD = struct.pack(">II20sI", 2, 20, SALT, 3)


def text(value: str) -> bytes:
    """A name."""
    return struct.pack(">H", len(value)) + value.encode()


def counted(value: bytes) -> bytes:
    """Bytes behind their number."""
    return struct.pack(">I", len(value)) + value


def certificate(der: bytes, kind: str = "X.509") -> bytes:
    """A certificate behind its type."""
    return text(kind) + counted(der)


def key(kind: int, form: str, algorithm: str, value: bytes) -> bytes:
    """A key that is not encrypted."""
    return bytes((kind,)) + text(form) + text(algorithm) + counted(value)


PRIVATE = key(0, "PKCS#8", "EC", KEY_DER)


def entry(kind: int, alias: str, body: bytes, *chain: bytes) -> bytes:
    """An entry of the year 1970."""
    head = bytes((kind,)) + text(alias) + bytes(8) + struct.pack(">I", len(chain))
    return head + b"".join(certificate(one) for one in chain) + body


def sealed(plain: bytes, password: str = PASSWORD) -> bytes:
    """A key encrypted under a password."""
    form = as_password(password).forms[0]
    secret = Budget().pkcs12("sha1", form, SALT, 3, 1, 24)
    iv = Budget().pkcs12("sha1", form, SALT, 3, 2, 8)
    return counted(counted(SALT) + struct.pack(">I", 3) + enciphered(TRIPLE_DES, secret, iv, plain))


def stored(*entries: bytes) -> bytes:
    """A whole BKS store."""
    body = b"".join(entries) + b"\0"
    made = Budget().pkcs12("sha1", as_password(PASSWORD).forms[0], SALT, 3, 3, 20)
    return HEAD + body + hmac.digest(made, body, "sha1")


WRITTEN = stored(
    entry(4, "server", sealed(PRIVATE), *(one.der for one in CHAIN)),
    entry(4, "own", sealed(key(2, "RAW", "AES", bytes(16)), "its own")),
    entry(2, "plain", key(2, "RAW", "DES", b"12345678")),
    entry(2, "public", key(1, "X.509", "RSA", b"0")),
    entry(3, "foreign", counted(b"anything")),
    entry(1, "Partner", certificate(STRANGER.der)),
)


def test_each_kind_of_entry_is_read():
    """Sealed and plain keys, certificates; public keys and foreign bytes are listed."""
    keystore = load(WRITTEN, PASSWORD, {"own": "its own"})
    assert (Format.BKS, ()) == (keystore.format, keystore.findings)
    (identity,) = keystore.identities
    assert ("server", KEY_DER, CHAIN) == (identity.alias, identity.key_der, identity.certificates)
    assert [("own", "AES"), ("plain", "DES")] == [(one.alias, one.algorithm) for one in keystore.secrets]
    assert [("Partner", STRANGER)] == [(one.alias, one.certificate) for one in keystore.trusted]
    assert [("public", AlgorithmUnsupported), ("foreign", AlgorithmUnsupported)] == [
        (one.alias, type(one.why)) for one in keystore.locked
    ]


def test_without_a_password_certificates_are_shown():
    """Nothing shows then whether the store was changed; sealed keys ask for a password."""
    keystore = load(WRITTEN)
    assert ["keystore-unauthenticated"] == [finding.code for finding in keystore.findings]
    with pytest.raises(PasswordMissing, match="'server'"):
        keystore.identity("server")


def test_a_wrong_password_and_a_change_are_told_apart():
    """By a sealed key that opens."""
    with pytest.raises(WrongPassword, match="BKS"):
        load(WRITTEN, "wrong")
    with pytest.raises(KeystoreDamaged, match="'server'"):
        load(WRITTEN[:-30] + bytes((WRITTEN[-30] ^ 1,)) + WRITTEN[-29:], PASSWORD)


def test_a_key_under_another_password_is_locked():
    """The rest is not."""
    keystore = load(WRITTEN, PASSWORD)
    assert ("own", WrongPassword) == (keystore.locked[0].alias, type(keystore.locked[0].why))
    assert 1 == len(keystore.identities)


def test_a_cut_off_store_is_truncated():
    """Wherever the cut is, behind the first entry's name."""
    for place in range(60, len(WRITTEN), 13):
        with pytest.raises(KeystoreTruncated, match="BKS"):
            load(WRITTEN[:place], PASSWORD)


def test_bytes_behind_the_end_are_a_finding():
    """They are passed over."""
    assert ["keystore-followed"] == [one.code for one in load(WRITTEN + b"\n", PASSWORD).findings]
    with pytest.raises(KeystoreDamaged):
        load(WRITTEN + b"\n", "wrong")


@pytest.mark.parametrize(
    ("store", "error"),
    [
        (stored(entry(1, "a", certificate(LEAF.der, "PGP"))), AlgorithmUnsupported),
        (HEAD + b"\1" + text("a") + bytes(8) + b"\0\0\1\0", KeystoreTooCostly),
        (HEAD + entry(1, "a", certificate(LEAF.der)) + b"\7" + bytes(80), KeystoreDamaged),
    ],
)
def test_what_the_bytes_say_is_not_believed(store, error):
    """Types, numbers and kinds."""
    with pytest.raises(error):
        load(store, PASSWORD)


@pytest.mark.parametrize("body", [counted(b"\0\0\0\5"), counted(counted(SALT) + bytes(4)), sealed(b"\7")])
def test_a_sealed_key_that_is_none_is_locked(body):
    """Cut off, of no iterations, or nothing that is a key."""
    keystore = load(stored(entry(4, "a", body)), PASSWORD)
    assert ["a"] == [one.alias for one in keystore.locked]


@given(st.binary(max_size=200), st.sampled_from([None, PASSWORD]))
def test_any_bytes_end_in_a_value_or_an_error(data, password):
    """Behind the head, and behind the first entry."""
    for begin in (HEAD, HEAD + WRITTEN[len(HEAD) : 60]):
        with suppress(KeystoreError):
            load(begin + data, password)


@pytest.fixture(params=["UBER"])
def uber(request):
    """A store of the vectors: encryption with Twofish is nothing that is written here."""
    found = vectors(request.param)
    if not found:
        pytest.skip(ABSENT)
    return content(found[0]), found[0]["store_password"]


def test_uber_needs_its_password(uber):
    """All of it is encrypted."""
    data, _ = uber
    with pytest.raises(PasswordMissing, match="UBER"):
        load(data)
    with pytest.raises(WrongPassword, match="UBER"):
        load(data, "wrong")


def test_a_changed_uber_is_refused(uber):
    """One bit in its middle, or its end cut off."""
    data, password = uber
    middle = len(data) // 2
    with pytest.raises((KeystoreDamaged, KeystoreTruncated)):
        load(data[:middle] + bytes((data[middle] ^ 1,)) + data[middle + 1 :], password)
    for place in range(60, len(data), 97):
        with pytest.raises((KeystoreTruncated, WrongPassword)):
            load(data[:place], password)


def test_a_large_uber_is_refused():
    """It would take too long."""
    with pytest.raises(KeystoreTooCostly, match="Twofish"):
        load(HEAD + b"\xff" * (2 * 1024 * 1024), PASSWORD)


@pytest.mark.parametrize("name", ["bks", "uber"])
def test_none_of_them_is_written(name):
    """BouncyCastle reads PKCS#12."""
    with pytest.raises(FormatCannotHold, match=name) as caught:
        dump(Keystore((), Format.BKS), name, PASSWORD)
    assert "pkcs12" in caught.value.finding().remedy
