"""Any bytes at all end in a keystore or in one of our errors, in bounded time."""

import random
from datetime import UTC, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.keystores.material import (
    CHAIN,
    IDENTITY,
    KEY_DER,
    LEAF,
    PASSWORD,
    STRANGER,
    TRUSTED,
    UNPARSABLE,
    certificate_bag,
    foreign_pkcs12,
    key_bag,
    key_id,
    open_pkcs12,
    store,
)
from tests.keystores.test_jks import signed
from twoway.errors import KeyMismatch, KeystoreError
from twoway.keystores import (
    Format,
    IdentityEntry,
    Keystore,
    SecretEntry,
    TrustedEntry,
    derivation,
    dump,
    jks,
    load,
)
from twoway.keystores.model import Entry
from twoway.keystores.passwords import as_password
from twoway.x509.certificates import pem_bundle

SAMPLES = {
    "pem": dump(store(IDENTITY, TRUSTED), "pem"),
    "pem-encrypted": dump(store(IdentityEntry("k", KEY_DER)), "pem", PASSWORD),
    "der-certificate": LEAF.der,
    "der-key": KEY_DER,
    "pkcs7": dump(load(pem_bundle(CHAIN)), "der"),
    "pkcs12": foreign_pkcs12(),
    "pkcs12-open": open_pkcs12(
        key_bag(KEY_DER, key_id(b"1")), certificate_bag(LEAF, key_id(b"1")), certificate_bag(STRANGER)
    ),
    "jks": dump(store(IDENTITY, TRUSTED), "jks", PASSWORD),
    "jceks": jks.dump(
        Keystore((IDENTITY, TRUSTED, SecretEntry("token", "AES", bytes(16))), Format.JCEKS),
        Format.JCEKS,
        as_password(PASSWORD),
        {},
        iterations=20,
    ),
}
BEGINNINGS = st.sampled_from(
    [
        b"",
        b"\x30\x82",
        b"\x30\x80\x02\x01\x03",
        b"\x30\x20\x02\x01\x03\x30",
        b"-----BEGIN CERTIFICATE-----\n",
        b"\xff\xfe",
        b"\xfe\xed\xfe\xed\0\0\0\2\0\0\0",
        b"\xfe\xed\xfe\xed\0\0\0\1\0\0\0\1\0\0\0\1\0\1a",
        b"\xce\xce\xce\xce\0\0\0\2\0\0\0\1\0\0\0\3\0\1a\0\0\0\0\0\0\0\0\xac\xed\0\5",
        b"\0\0\0\2\0\0\0\x14",
    ]
)
aliases = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


def opens(data: bytes, password: str | None = PASSWORD) -> Keystore | None:
    """Read the bytes; nothing but our errors may come of it."""
    try:
        return load(data, password)
    except (KeystoreError, KeyMismatch) as error:
        finding = error.finding()
    assert finding.title
    assert finding.remedy
    return None


@given(BEGINNINGS, st.binary(max_size=400))
def test_random_bytes(beginning, data):
    """Whatever they begin with."""
    opens(beginning + data)


@pytest.fixture
def frugal(monkeypatch):
    """A budget that keeps one damaged iteration count from costing the test half a minute."""
    monkeypatch.setattr(derivation, "MAX_ITERATIONS", 200_000)


@pytest.mark.usefixtures("frugal")
@pytest.mark.parametrize("name", SAMPLES)
@settings(deadline=timedelta(seconds=5), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_changed_bytes(name, seed):
    """A few bytes of a sound file changed, taken away or put in."""
    chance = random.Random(seed)
    data = bytearray(SAMPLES[name])
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        match chance.randrange(4):
            case 0:
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                data[at] = chance.choice(b"\x00\x01\x7f\x80\x81\x84\xff\x30\x04")
            case 2:
                del data[at : at + chance.randint(1, 20)]
            case 3:
                data[at:at] = chance.randbytes(chance.randint(1, 20))
    opens(bytes(data))
    if name in {"jks", "jceks"}:
        # Made so: the digest does not keep a change from being looked at.
        opens(signed(bytes(data[:-20])))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_beginning_is_refused(name):
    """A file that was cut off anywhere is none."""
    data = SAMPLES[name].rstrip()
    # A PEM file that is cut between two blocks is a shorter PEM file.
    places = range(0, len(data), 37) if name != "pem" else range(0, data.index(b"-----END"), 7)
    assert [] == [place for place in places if opens(data[:place]) is not None]


@settings(deadline=None, max_examples=15)
@given(
    st.lists(
        st.tuples(aliases, st.sampled_from([STRANGER, UNPARSABLE, LEAF])),
        max_size=4,
        unique_by=lambda e: e[0].lower(),
    ),
    st.lists(
        st.tuples(aliases, st.binary(min_size=1, max_size=40)), max_size=3, unique_by=lambda e: e[0].lower()
    ),
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
    st.sampled_from(["modern", "compat"]),
)
def test_pkcs12_entries_come_back(trusted, secrets, password, profile):
    """Any aliases, any secrets, any password."""
    names = {alias.lower() for alias, _ in trusted}
    entries: tuple[Entry, ...] = (
        *(SecretEntry(alias, "AES", key) for alias, key in secrets if alias.lower() not in names),
        *(TrustedEntry(alias, certificate) for alias, certificate in trusted),
    )
    written = dump(Keystore(entries, Format.PKCS12), "pkcs12", password, profile)
    assert entries == load(written, password).entries


def spelled(text: str) -> str:
    """The text as UTF-16 has it: two halves of a pair side by side are the pair."""
    return text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")


@settings(deadline=None)
@given(
    entries=st.lists(
        st.tuples(
            # Also half a surrogate pair, which Java takes for a character.
            st.text(st.characters(exclude_categories=()), max_size=20).map(
                lambda text: spelled(text.lower())
            ),
            st.sampled_from([STRANGER, UNPARSABLE, LEAF, None]),
            st.datetimes(timezones=st.just(UTC)).map(
                lambda date: date.replace(microsecond=date.microsecond // 1000 * 1000)
            ),
            st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
        ),
        max_size=6,
        unique_by=lambda entry: entry[0],
    ),
    password=st.text(st.characters(exclude_categories=()), min_size=1, max_size=12),
)
def test_jks_entries_come_back(entries, password):
    """Any aliases and dates, any password of the store and of single keys."""
    keystore = Keystore(
        tuple(
            IdentityEntry(alias, KEY_DER, CHAIN, date) if one is None else TrustedEntry(alias, one, date)
            for alias, one, date, _ in entries
        ),
        Format.JKS,
    )
    own = {alias: given for alias, one, _, given in entries if one is None and given is not None}
    assert keystore == load(dump(keystore, "jks", password, key_passwords=own), password, own)
