"""JKS: byte for byte what Java writes, and the five ways in which one cannot be read."""

from __future__ import annotations

import hashlib
import struct
import time
from datetime import UTC, datetime

import pytest

from tests.keystores.material import (
    CHAIN,
    IDENTITY,
    KEY_DER,
    LEAF,
    OTHER,
    OTHER_KEY_DER,
    PASSWORD,
    STRANGER,
    TRUSTED,
    UNPARSABLE,
    store,
)
from twoway.errors import (
    AlgorithmUnsupported,
    CertificateUnreadable,
    FormatCannotHold,
    KeyMismatch,
    KeystoreDamaged,
    KeystoreTooCostly,
    KeystoreTruncated,
    PasswordMissing,
    PasswordUnusable,
    WrongPassword,
)
from twoway.keystores import (
    Format,
    IdentityEntry,
    Keystore,
    LockedEntry,
    SecretEntry,
    TrustedEntry,
    aliases_lowered,
    asn1,
    dump,
    jks,
    load,
)
from twoway.keystores.derivation import Budget
from twoway.keystores.java_protection import keystream_protected, recovered
from twoway.keystores.java_text import from_modified_utf8, modified_utf8
from twoway.keystores.jks_writing import WHITENER
from twoway.keystores.passwords import as_password

EMPTY = "feedfeed0000000200000000"
WRITTEN = dump(store(IDENTITY, TRUSTED), "jks", PASSWORD)
PLAIN = bytes.fromhex("3003020100")
PROTECTED = bytes(20) + bytes.fromhex("e9ec31a4e54cabdffa1fcfe0b6a7554b2e4cb4ad04fbf1187e")


def signed(body: bytes, password: str = PASSWORD) -> bytes:
    """Put the right digest behind a store's body."""
    covered = password.encode("utf-16-be") + WHITENER + body
    return body + hashlib.sha1(covered, usedforsecurity=False).digest()


def stored(*entries: bytes, version: int = 2, count: int | None = None) -> bytes:
    """A whole store of entries that are already bytes."""
    head = struct.pack(">III", 0xFEEDFEED, version, len(entries) if count is None else count)
    return signed(head + b"".join(entries))


def trusted(alias: bytes, der: bytes, *, kind: bytes | None = b"X.509", milliseconds: int = 0) -> bytes:
    """A trusted entry; without a kind, as version 1 has it."""
    named = b"" if kind is None else struct.pack(">H", len(kind)) + kind
    head = struct.pack(">IH", 2, len(alias)) + alias + struct.pack(">q", milliseconds)
    return head + named + struct.pack(">I", len(der)) + der


# Vectors made by OpenJDK 17's KeyStore and KeyProtector, checked against keystore-go and pyjks.
@pytest.mark.parametrize(
    ("password", "digest"),
    [
        ("changeit", "e2686e45fb43dfa4d992dd41ceb6b21c6330d792"),
        ("pässwörd€", "e3b7ae912c7d4a102a8b9e9be1ea2e409d23bae3"),
    ],
)
def test_an_empty_store_is_javas_byte_for_byte(password, digest):
    """Header, no entries, digest."""
    assert EMPTY + digest == dump(store(), "jks", password).hex()
    assert () == load(bytes.fromhex(EMPTY + digest), password).entries


def test_the_keystream_is_javas_byte_for_byte():
    """Salt, masked key, check."""
    protected = keystream_protected(PLAIN, as_password("changeit"), bytes(20))
    assert bytes.fromhex("303f300e060a2b060104012a021101010500042d") + PROTECTED == protected
    assert PLAIN == recovered(protected, as_password("changeit"), Budget(), "it")


def test_a_long_key_is_protected_in_the_same_way():
    """Its lengths take two bytes each, for which there is a shorter way."""
    for size in (100, 215, 216, 255, 256, 1217, 0xFEFF, 0xFF00, 70_000):
        plain = bytes(size)
        protected = keystream_protected(plain, as_password("p"), bytes(20))
        assert plain == recovered(protected, as_password("p"), Budget(), "it")


def test_names_are_in_modified_utf8():
    """NUL takes two bytes, a character above U+FFFF six; half a pair is one too."""
    assert "61c080c3a9eda0bdedb880" == modified_utf8("a\0é😀").hex()
    assert "a\0é😀" == from_modified_utf8(bytes.fromhex("61c080c3a9eda0bdedb880"))
    assert "\ud800x" == from_modified_utf8(modified_utf8("\ud800x"))


@pytest.mark.parametrize("raw", ["f09f9880", "80", "c3", "e282", "c328", "ff", "c181"])
def test_names_that_java_refuses_are_damaged(raw):
    """Four-byte characters, loose and missing continuations, needless length."""
    with pytest.raises(KeystoreDamaged):
        from_modified_utf8(bytes.fromhex(raw))


def test_what_is_written_comes_back():
    """Aliases, keys, chains and dates, to the millisecond."""
    made = datetime(2019, 5, 4, 3, 2, 1, 987_000, tzinfo=UTC)
    entries = (
        IdentityEntry("server", KEY_DER, CHAIN, made),
        IdentityEntry("other", OTHER_KEY_DER, CHAIN[1:], made),
        TrustedEntry("partner", UNPARSABLE, made),
    )
    assert Keystore(entries, Format.JKS) == load(dump(store(*entries), "jks", PASSWORD), PASSWORD)


def test_version_1_has_no_types():
    """As Java 1.1 wrote it."""
    (entry,) = load(stored(trusted(b"old", LEAF.der, kind=None), version=1), PASSWORD).trusted
    assert LEAF == entry.certificate


def test_the_second_name_of_x509_is_known():
    """Java takes both."""
    (entry,) = load(stored(trusted(b"a", LEAF.der, kind=b"X509")), PASSWORD).trusted
    assert LEAF == entry.certificate


def test_certificates_of_another_type_are_unsupported():
    """The type is named."""
    with pytest.raises(AlgorithmUnsupported, match="PGP"):
        load(stored(trusted(b"a", LEAF.der, kind=b"PGP")), PASSWORD)


def test_a_date_that_no_calendar_has_is_none():
    """Java takes any 64 bits."""
    (entry,) = load(stored(trusted(b"a", LEAF.der, milliseconds=-(2**63))), PASSWORD).trusted
    assert entry.created is None


def test_a_certificate_that_no_parser_takes_is_listed():
    """It raises when its fields are asked for, not before."""
    (entry,) = load(stored(trusted(b"odd", UNPARSABLE.der)), PASSWORD).trusted
    with pytest.raises(CertificateUnreadable):
        _ = entry.certificate.parsed


def test_aliases_are_written_in_lower_case_and_it_is_said():
    """Java would not find them otherwise."""
    keystore = store(IdentityEntry("MyBundle", KEY_DER, CHAIN), TRUSTED)
    assert ["mybundle", "partner"] == [
        one.alias for one in load(dump(keystore, "jks", PASSWORD), PASSWORD).entries
    ]
    (finding,) = aliases_lowered(keystore)
    assert "'MyBundle' as 'mybundle'" in finding.title
    assert () == aliases_lowered(store(TRUSTED))


def test_two_aliases_that_fall_together_are_refused():
    """Both are named."""
    with pytest.raises(FormatCannotHold, match="both 'partner' and 'Partner'"):
        dump(store(TRUSTED, TrustedEntry("Partner", LEAF)), "jks", PASSWORD)


def test_capital_aliases_in_a_file_are_found_and_said():
    """Other programs write them; Java lists such an entry and does not find it."""
    keystore = load(stored(trusted(b"Partner", LEAF.der)), PASSWORD)
    assert "Partner" == keystore.entry("partner").alias
    assert ["aliases-not-lower-case"] == [finding.code for finding in keystore.findings]


def test_the_last_of_several_entries_with_one_alias_counts():
    """As in Java, but it is said."""
    keystore = load(stored(trusted(b"a", LEAF.der), trusted(b"a", STRANGER.der)), PASSWORD)
    assert [STRANGER] == [entry.certificate for entry in keystore.trusted]
    assert ["aliases-repeated"] == [finding.code for finding in keystore.findings]


def test_each_key_may_have_its_own_password():
    """Without it the entry is listed with its chain, locked."""
    written = dump(store(IDENTITY, OTHER), "jks", PASSWORD, key_passwords={"OTHER": "its own"})
    assert 2 == len(load(written, PASSWORD, {"Other": "its own"}).identities)
    (locked,) = load(written, PASSWORD).locked
    assert isinstance(locked, LockedEntry)
    assert ("other", OTHER.certificates) == (locked.alias, locked.certificates)
    with pytest.raises(WrongPassword, match="'other'"):
        load(written, PASSWORD).identity("other")


def test_without_a_password_all_is_listed_and_keys_are_locked():
    """Nothing shows then whether the store was changed."""
    keystore = load(WRITTEN)
    assert ["keystore-unauthenticated"] == [finding.code for finding in keystore.findings]
    assert [TRUSTED.certificate] == [one.certificate for one in keystore.trusted]
    with pytest.raises(PasswordMissing, match="'server'"):
        keystore.identity()


def test_an_empty_password_is_not_an_absent_one():
    """The empty one opens what was made with it, and none other."""
    written = signed(bytes.fromhex(EMPTY), "")
    assert () == load(written, "").findings == load(written).findings
    with pytest.raises(WrongPassword):
        load(WRITTEN, "")


def test_key_passwords_open_keys_of_a_store_whose_password_is_not_known():
    """They are proven by the keys themselves."""
    assert [KEY_DER] == [one.key_der for one in load(WRITTEN, None, {"server": PASSWORD}).identities]


def test_a_wrong_password_is_one():
    """The structure is whole, nothing opens."""
    with pytest.raises(WrongPassword, match="JKS"):
        load(WRITTEN, "wrong")


def test_a_changed_store_is_damaged_where_the_password_opens_a_key():
    """One bit in the trusted certificate's signature."""
    changed = WRITTEN[:-25] + bytes((WRITTEN[-25] ^ 1,)) + WRITTEN[-24:]
    with pytest.raises(KeystoreDamaged, match="'server'"):
        load(changed, PASSWORD)


def test_a_key_password_does_not_make_a_wrong_store_password_damage():
    """It opens its key, but says nothing about the store's password."""
    with pytest.raises(WrongPassword):
        load(WRITTEN, "wrong", {"server": PASSWORD})


def test_a_changed_length_in_a_certificate_is_damage():
    """Even where there is no key to try the password on."""
    written = dump(store(TRUSTED), "jks", PASSWORD)
    at = written.index(STRANGER.der) + 3
    with pytest.raises(KeystoreDamaged):
        load(written[:at] + bytes((written[at] ^ 1,)) + written[at + 1 :], PASSWORD)


def test_a_cut_off_store_is_truncated():
    """Wherever the cut is, with and without the password."""
    for place in range(4, len(WRITTEN), 11):
        for password in (PASSWORD, None):
            with pytest.raises(KeystoreTruncated, match="JKS"):
                load(WRITTEN[:place], password)


def test_bytes_behind_the_end_are_a_finding():
    """Java passes over them too."""
    assert ["keystore-followed"] == [one.code for one in load(WRITTEN + b"\r\n", PASSWORD).findings]


def test_a_key_protected_in_an_unknown_way_is_locked():
    """The algorithm is named."""
    unknown = WRITTEN.replace(
        bytes.fromhex("060a2b060104012a02110101"), bytes.fromhex("060a2b060104012a02110109")
    )
    keystore = load(signed(unknown[:-20]), PASSWORD)
    with pytest.raises(AlgorithmUnsupported, match="17\\.1\\.9"):
        keystore.identity()


def test_a_key_whose_certificate_is_anothers_is_its_own_error():
    """Java loads it without a word."""
    written = dump(store(IdentityEntry("server", OTHER_KEY_DER, CHAIN)), "jks", PASSWORD)
    with pytest.raises(KeyMismatch):
        load(written, PASSWORD).identity()


@pytest.mark.parametrize(
    ("head", "error"),
    [
        ("feedfeed 00000003 00000000", KeystoreDamaged),
        ("feedfeed 00000002 7fffffff", KeystoreTooCostly),
        ("feedfeed 00000002 00000001 00000007 0001 61 0000000000000000", KeystoreDamaged),
        ("feedfeed 00000002 00000001 00000003 0001 61 0000000000000000", KeystoreDamaged),
        ("feedfeed 00000002 00000001 00000001 0001 61 0000000000000000 ffffffff", KeystoreDamaged),
        ("feedfeed 00000002 00000001 00000001 0001 61 0000000000000000 00000000 7fffffff", KeystoreTooCostly),
        ("feedfeed 00000002 00000001 00000001 0001 61 0000000000000000 0000ffff", KeystoreTruncated),
    ],
)
def test_numbers_of_the_file_are_not_believed(head, error):
    """Version, counts, kinds and lengths."""
    with pytest.raises(error):
        load(signed(bytes.fromhex(head)), PASSWORD)


def test_more_certificates_than_anybody_has_are_refused():
    """A byte each, a hundred in a chain: a small file would fill the memory."""
    one = struct.pack(">IH", 1, 1) + b"a" + bytes(8) + bytes(4) + struct.pack(">I", 100)
    chain = b"".join(b"\0\5X.509\0\0\0\1" + bytes((number,)) for number in range(100))
    with pytest.raises(KeystoreTooCostly, match="the number of certificates is 200001"):
        load(stored(*[one + chain] * 2001), PASSWORD)


def test_a_key_of_megabytes_is_refused():
    """Its keystream alone would take many times as much memory."""
    protected = asn1.sequence(
        asn1.algorithm_der("1.3.6.1.4.1.42.2.17.1.1"), asn1.octet_string_der(bytes(2_000_000))
    )
    with pytest.raises(KeystoreTooCostly, match="protected key"):
        recovered(protected, as_password(PASSWORD), Budget(), "it")


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (IdentityEntry("server", KEY_DER), "without a certificate"),
        (SecretEntry("token", "AES", bytes(16)), "secret key 'token'"),
        (LockedEntry("shut", WrongPassword("the key")), "'shut'"),
        (TrustedEntry("a" * 65_536, LEAF), "65536 bytes"),
    ],
)
def test_what_has_no_place_is_refused(entry, what):
    """Java lists a key without a certificate as a secret key, and fails on it later."""
    with pytest.raises(FormatCannotHold, match=what):
        dump(Keystore((entry,), Format.PEM), "jks", PASSWORD)


def test_a_store_needs_a_password():
    """Keytool opens none that has an empty one."""
    with pytest.raises(PasswordMissing, match="JKS"):
        dump(store(TRUSTED), "jks")
    with pytest.raises(PasswordUnusable, match="empty"):
        dump(store(TRUSTED), "jks", "")


def test_passwords_of_keys_are_for_javas_formats():
    """No other format has them."""
    with pytest.raises(FormatCannotHold, match="single keys"):
        dump(store(IDENTITY), "pkcs12", PASSWORD, key_passwords={"server": "own"})


def test_five_thousand_identities_are_written_and_read_in_two_seconds():
    """Far less in fact: the bound is for a busy machine."""
    many = store(*(IdentityEntry(f"entry{number}", KEY_DER, CHAIN) for number in range(5000)))
    begun = time.process_time()
    assert 5000 == len(load(dump(many, "jks", PASSWORD), PASSWORD).identities)
    assert time.process_time() - begun < 2


def test_five_thousand_large_identities_fit():
    """RSA-4096 with a chain of three: 6.6 kB each."""
    assert jks.MAX_SIZE > 5000 * 6600
