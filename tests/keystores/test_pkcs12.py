import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12 as library

from tests.keystores.material import (
    CHAIN,
    IDENTITY,
    ISSUING,
    KEY_DER,
    LEAF,
    OTHER,
    OTHER_KEY_DER,
    OTHER_LEAF,
    PASSWORD,
    ROOT,
    STRANGER,
    TRUSTED,
    UNPARSABLE,
    certificate_bag,
    data,
    explicit,
    foreign_pkcs12,
    key_bag,
    key_id,
    open_pkcs12,
    store,
)
from twoway.errors import (
    AlgorithmUnsupported,
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
    PROFILES,
    Format,
    IdentityEntry,
    Keystore,
    LockedEntry,
    SecretEntry,
    TrustedEntry,
    asn1,
    dump,
    encryption,
    load,
)
from twoway.keystores import pkcs12_bags as bags
from twoway.keystores import pkcs12_writing as writing
from twoway.keystores.derivation import Budget
from twoway.keystores.encryption import sealed, sealed_legacy
from twoway.keystores.passwords import as_password

CREATED = datetime(2026, 3, 4, 5, 6, 7, 89000, tzinfo=UTC)


def sha256_mac(safe_holder: bytes, iterations: int, algorithm: bytes | None = None) -> bytes:
    """A MacData element that does not fit, with an iteration count and an algorithm of choice."""
    digest = asn1.sequence(
        algorithm or asn1.algorithm_der("2.16.840.1.101.3.4.2.1"), asn1.octet_string_der(bytes(32))
    )
    return asn1.sequence(digest, asn1.octet_string_der(b"salt"), asn1.integer_der(iterations))


@pytest.mark.parametrize("profile", ["modern", "compat"])
def test_several_identities_and_trusted_certificates_come_back(profile):
    """One file holds them all, as Java writes it."""
    keystore = load(dump(store(IDENTITY, OTHER, TRUSTED), "pkcs12", PASSWORD, profile), PASSWORD)
    assert (IDENTITY, OTHER, TRUSTED) == keystore.entries
    assert () == keystore.findings


@pytest.mark.parametrize("profile", PROFILES)
def test_truststores_come_back_in_every_profile(profile):
    """Trusted certificates alone fit all three profiles."""
    assert (TRUSTED,) == load(dump(store(TRUSTED), "pkcs12", PASSWORD, profile), PASSWORD).entries


def test_creation_dates_of_keys_are_kept():
    """To the millisecond, where Java keeps it."""
    entry = IdentityEntry("server", KEY_DER, CHAIN, CREATED)
    assert (entry,) == load(dump(store(entry), "pkcs12", PASSWORD), PASSWORD).entries


def test_keys_of_one_moment_keep_their_own_certificates():
    """Java's date is what ties a certificate to its key, so it must not be shared."""
    entries = [
        IdentityEntry("a", KEY_DER, (LEAF,), CREATED),
        IdentityEntry("b", OTHER_KEY_DER, (OTHER_LEAF,), CREATED),
    ]
    keystore = load(dump(store(*entries), "pkcs12", PASSWORD), PASSWORD)
    assert [(LEAF,), (OTHER_LEAF,)] == [entry.certificates for entry in keystore.identities]


@pytest.mark.parametrize("algorithm", ["AES", "HmacSHA256", "1.2.3.4"])
def test_secret_keys_come_back(algorithm):
    """As Java writes them."""
    entry = SecretEntry("token", algorithm, bytes(range(32)), CREATED)
    keystore = Keystore((entry,), Format.PKCS12)
    assert (entry,) == load(dump(keystore, "pkcs12", PASSWORD), PASSWORD).entries


def test_a_key_alone_comes_back():
    """A key without certificate is an entry, too."""
    entry = IdentityEntry("bare", KEY_DER)
    assert (entry,) == load(dump(store(entry), "pkcs12", PASSWORD), PASSWORD).entries


def test_a_certificate_that_no_parser_takes_is_carried():
    """Certificates are bytes here."""
    entry = TrustedEntry("odd", UNPARSABLE)
    assert (entry,) == load(dump(store(entry), "pkcs12", PASSWORD), PASSWORD).entries


@pytest.mark.parametrize("password", ["pässwörd€", "\N{OLD PERSONAL COMPUTER}", "a" * 300, b"\xff\xfe"])
@pytest.mark.parametrize("profile", ["modern", "compat"])
def test_passwords_of_any_kind_open_what_they_closed(password, profile):
    """Unicode beyond the first plane, length and bytes that are no text all work."""
    written = dump(store(TRUSTED), "pkcs12", password, profile)
    assert (TRUSTED,) == load(written, password).entries


def test_the_library_reads_what_is_written():
    """Key, leaf and issuers are where cryptography expects them."""
    read = library.load_pkcs12(dump(store(IDENTITY), "pkcs12", PASSWORD), PASSWORD.encode())
    assert read.cert is not None
    assert (LEAF.parsed, b"server") == (read.cert.certificate, read.cert.friendly_name)
    assert [ISSUING.parsed, ROOT.parsed] == [one.certificate for one in read.additional_certs]


def test_what_the_library_writes_is_read():
    """Identity, alias and chain agree."""
    assert (IDENTITY,) == load(foreign_pkcs12(), PASSWORD).entries


def test_a_wrong_password_is_told_from_damage():
    """The MAC does not fit and nothing opens."""
    with pytest.raises(WrongPassword):
        load(foreign_pkcs12(), "wrong")


def test_a_missing_password_is_asked_for():
    """No password is not a wrong one."""
    with pytest.raises(PasswordMissing):
        load(foreign_pkcs12())


def test_changed_content_under_the_right_password_is_damage():
    """The MAC does not fit, but the password opens a part."""
    changed = bytearray(foreign_pkcs12())
    at = changed.index("server".encode("utf-16-be"), len(changed) // 2)
    changed[at + 1] ^= 1
    with pytest.raises(KeystoreDamaged, match="although the password opens it"):
        load(bytes(changed), PASSWORD)


def test_a_short_file_is_truncated():
    """The outermost length tells before any password is asked for."""
    with pytest.raises(KeystoreTruncated):
        load(foreign_pkcs12()[:-1], PASSWORD)


def test_a_foreign_certificate_is_listed_and_refused_in_use():
    """Java loads a key with another's certificate; so is it here, until it is to be used."""
    written = open_pkcs12(key_bag(KEY_DER, key_id(b"1")), certificate_bag(OTHER_LEAF, key_id(b"1")))
    keystore = load(written)
    with pytest.raises(KeyMismatch):
        keystore.identity()


def test_an_empty_password_opens_without_one():
    """It is given or not given, and OpenSSL and Java differ about what it derives."""
    assert (IDENTITY,) == load(foreign_pkcs12(" "), " ").entries
    for form in (b"\0\0", b""):
        assert [LEAF] == [entry.certificate for entry in load(closed_with(form)).trusted]
        assert [LEAF] == [entry.certificate for entry in load(closed_with(form), "").trusted]


def closed_with(form: bytes) -> bytes:
    """A file whose certificates are encrypted under an exact form of a password."""
    password = as_password("").settled(form)
    algorithm, content = sealed_legacy(
        asn1.sequence(certificate_bag(LEAF)), password, iterations=1, salt=b"saltsalt", budget=Budget()
    )
    inside = asn1.sequence(asn1.oid_der(bags.DATA), algorithm, asn1.encoded(0x80, content))
    encrypted = asn1.sequence(
        asn1.oid_der(bags.ENCRYPTED_DATA), explicit(asn1.sequence(asn1.integer_der(0), inside))
    )
    return asn1.sequence(asn1.integer_der(3), data(asn1.sequence(encrypted)))


def test_a_file_without_mac_is_read_and_said():
    """Nothing proves it, which is a finding."""
    keystore = load(open_pkcs12(key_bag(KEY_DER), certificate_bag(LEAF)))
    assert [(LEAF,)] == [entry.certificates for entry in keystore.identities]
    assert ["keystore-unauthenticated"] == [finding.code for finding in keystore.findings]


def test_a_certificate_that_java_would_not_list_is_a_finding():
    """OpenSSL writes truststores that Java finds empty."""
    keystore = load(open_pkcs12(certificate_bag(STRANGER)))
    assert [STRANGER] == [entry.certificate for entry in keystore.trusted]
    assert "certificates-not-java-trusted" in [finding.code for finding in keystore.findings]


def test_a_key_finds_its_certificate_without_an_id():
    """The public key ties them where the file does not."""
    keystore = load(
        open_pkcs12(certificate_bag(ROOT), certificate_bag(LEAF), certificate_bag(ISSUING), key_bag(KEY_DER))
    )
    assert CHAIN == keystore.identities[0].certificates


def test_an_id_on_the_whole_chain_does_not_confuse():
    """Some writers tie every certificate to the key."""
    tie = key_id(b"1")
    written = open_pkcs12(certificate_bag(ISSUING, tie), certificate_bag(LEAF, tie), key_bag(KEY_DER, tie))
    assert (LEAF, ISSUING) == load(written).identities[0].certificates


def test_nameless_entries_are_numbered():
    """As Java does."""
    written = open_pkcs12(key_bag(KEY_DER), key_bag(OTHER_KEY_DER))
    assert ["1", "2"] == [entry.alias for entry in load(written).entries]


def test_a_key_with_its_own_password_is_locked_until_it_is_given():
    """The rest of the file can be listed; the entry says why it cannot be used."""
    written = with_own_password()
    (locked,) = load(written, PASSWORD).entries
    assert isinstance(locked, LockedEntry)
    assert isinstance(locked.why, WrongPassword)
    (entry,) = load(written, PASSWORD, {"SERVER": "other"}).entries
    assert isinstance(entry, IdentityEntry)
    assert KEY_DER == entry.key_der


def with_own_password() -> bytes:
    """A file whose MAC is made with one password and whose key is closed with another."""
    algorithm, content = sealed_legacy(
        KEY_DER, as_password("other"), iterations=1, salt=b"saltsalt", budget=Budget()
    )
    encrypted = asn1.sequence(algorithm, asn1.octet_string_der(content))
    name = asn1.encoded(asn1.BMP_STRING, "server".encode("utf-16-be"))
    named = asn1.set_of((asn1.sequence(asn1.oid_der(bags.FRIENDLY_NAME), asn1.set_of((name,))),))
    bag = asn1.sequence(asn1.oid_der(bags.SHROUDED_KEY_BAG), explicit(encrypted), named)
    safe = asn1.sequence(data(asn1.sequence(bag)))
    password = as_password(PASSWORD)
    mac = writing._mac(safe, password, writing._profile("compat", password))
    return asn1.sequence(asn1.integer_der(3), data(safe), mac)


def test_pbmac1_is_checked():
    """A MAC of RFC 9579, built here from the standard library."""
    safe = asn1.sequence(data(asn1.sequence(certificate_bag(LEAF))))
    mac_key = hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), b"salt", 7, 32)
    derivation = asn1.sequence(
        asn1.octet_string_der(b"salt"),
        asn1.integer_der(7),
        asn1.integer_der(32),
        asn1.algorithm_der("1.2.840.113549.2.11"),
    )
    scheme = asn1.sequence(
        asn1.algorithm_der("1.2.840.113549.1.5.12", derivation), asn1.algorithm_der("1.2.840.113549.2.9")
    )
    digest = asn1.octet_string_der(hmac.digest(mac_key, safe, "sha256"))
    info = asn1.sequence(asn1.algorithm_der(bags.PBMAC1, scheme), digest)
    mac = asn1.sequence(info, asn1.octet_string_der(b"NOT USED"), asn1.integer_der(1))
    written = asn1.sequence(asn1.integer_der(3), data(safe), mac)
    assert [LEAF] == [entry.certificate for entry in load(written, PASSWORD).trusted]
    with pytest.raises(WrongPassword):
        load(written, "wrong")


def test_an_unknown_mac_is_unsupported():
    """GOST's, for example."""
    mac = sha256_mac(b"", 1, asn1.algorithm_der("1.2.643.7.1.1.2.2"))
    with pytest.raises(AlgorithmUnsupported, match=r"1\.2\.643\.7\.1\.1\.2\.2"):
        load(open_pkcs12(certificate_bag(LEAF), mac=mac), PASSWORD)


def test_an_iteration_count_that_would_burn_the_machine_is_refused_with_its_number():
    """Before a single round is computed."""
    with pytest.raises(KeystoreTooCostly, match="2000000000"):
        load(open_pkcs12(certificate_bag(LEAF), mac=sha256_mac(b"", 2_000_000_000)), PASSWORD)


@pytest.mark.parametrize("iterations", [0, -5])
def test_an_iteration_count_below_one_is_damage(iterations):
    """It would make the budget grow."""
    mac = sha256_mac(b"", 1).replace(
        asn1.integer_der(1), asn1.encoded(2, iterations.to_bytes(1, "big", signed=True))
    )
    with pytest.raises(KeystoreDamaged):
        load(open_pkcs12(certificate_bag(LEAF), mac=mac), PASSWORD)


def test_bytes_behind_the_end_are_a_finding():
    """Java and OpenSSL pass over them."""
    keystore = load(foreign_pkcs12() + b"garbage", PASSWORD)
    assert ["keystore-followed"] == [finding.code for finding in keystore.findings]


def test_indefinite_lengths_and_strings_in_pieces_are_read():
    """Mozilla and old Windows write BER."""
    safe = asn1.sequence(data(asn1.sequence(certificate_bag(LEAF))))
    pieces = b"".join(asn1.octet_string_der(safe[at : at + 100]) for at in range(0, len(safe), 100))
    string = b"\x24\x80" + pieces + b"\0\0"
    content = b"\x30\x80" + asn1.oid_der(bags.DATA) + b"\xa0\x80" + string + b"\0\0\0\0"
    written = b"\x30\x80" + asn1.integer_der(3) + content + b"\0\0"
    assert [LEAF] == [entry.certificate for entry in load(written).trusted]


def test_java_trust_holds_only_certificates():
    """A truststore with a key in it is a slip that is refused."""
    with pytest.raises(FormatCannotHold, match="'server'"):
        dump(store(IDENTITY, TRUSTED), "pkcs12", PASSWORD, "java-trust")


def test_an_unknown_profile_is_refused():
    """The error names the known ones."""
    with pytest.raises(FormatCannotHold) as caught:
        dump(store(IDENTITY), "pkcs12", PASSWORD, "rc2")
    assert "modern, compat, java-trust, pbmac1" in caught.value.hint


def test_secrets_without_identifier_do_not_fit():
    """PKCS#12 names algorithms by number."""
    with pytest.raises(FormatCannotHold, match="'s'"):
        dump(Keystore((SecretEntry("s", "PBEWithMD5", b"x"),), Format.JCEKS), "pkcs12", PASSWORD)


def test_writing_needs_a_password():
    """A PKCS#12 file is never written open."""
    with pytest.raises(PasswordMissing):
        dump(store(IDENTITY), "pkcs12")


def test_writing_refuses_the_empty_password():
    """Programs differ about it."""
    with pytest.raises(PasswordUnusable):
        dump(store(IDENTITY), "pkcs12", "")


def test_nothing_of_a_key_stands_in_clear():
    """The ids that tie certificates to keys are not made from secrets."""
    secret = SecretEntry("token", "AES", b"guess")
    written = dump(Keystore((IDENTITY, secret), Format.PKCS12), "pkcs12", PASSWORD)
    leaks = [
        secret.key,
        KEY_DER,
        hashlib.sha256(secret.key).digest()[:20],
        hashlib.sha256(KEY_DER).digest()[:20],
    ]
    assert [] == [leak for leak in leaks if leak in written]


def test_a_thousand_identities_cost_one_derivation():
    """A large store is written and read in a moment."""
    entries = [IdentityEntry(f"k{number}", KEY_DER, (LEAF, ISSUING)) for number in range(1000)]
    started = datetime.now(tz=UTC)
    keystore = load(dump(store(*entries), "pkcs12", PASSWORD), PASSWORD)
    assert 1000 == len(keystore.identities)
    assert datetime.now(tz=UTC) - started < timedelta(seconds=20)


def test_pbmac1_is_written_by_name():
    """A file of RFC 9579 is read by OpenSSL (from 3.4 on, which the library brings) and here."""
    written = dump(store(IDENTITY), "pkcs12", PASSWORD, "pbmac1")
    assert asn1.oid_der(bags.PBMAC1) in written
    assert [CHAIN] == [entry.certificates for entry in load(written, PASSWORD).identities]
    read = library.load_pkcs12(written, PASSWORD.encode()).cert
    assert read is not None
    assert LEAF.parsed == read.certificate
    with pytest.raises(WrongPassword):
        load(written, "wrong")


def test_what_is_no_entry_is_passed_over_and_said():
    """A revocation list, for one, which GnuTLS puts there."""
    crl = asn1.sequence(asn1.oid_der(bags.CRL_BAG), explicit(asn1.sequence()))
    (finding,) = load(open_pkcs12(key_bag(KEY_DER), crl)).findings[:1]
    assert "bags-passed-over" == finding.code
    assert "a revocation list (1)" in finding.title


def with_mac(digest: str, identifier: str) -> bytes:
    """A file whose MAC is made with a hash of choice."""
    safe = asn1.sequence(data(asn1.sequence(certificate_bag(LEAF))))
    size = hashlib.new(digest).digest_size
    mac_key = Budget().pkcs12(digest, as_password(PASSWORD).forms[0], b"saltsalt", 3, bags.MAC_PURPOSE, size)
    value = asn1.octet_string_der(hmac.digest(mac_key, safe, digest))
    info = asn1.sequence(asn1.algorithm_der(identifier), value)
    mac = asn1.sequence(info, asn1.octet_string_der(b"saltsalt"), asn1.integer_der(3))
    return asn1.sequence(asn1.integer_der(3), data(safe), mac)


@pytest.mark.parametrize(
    ("identifier", "digest"), [one for one in bags.DIGESTS.items() if one[1] in hashlib.algorithms_available]
)
def test_every_hash_of_a_mac_is_known(identifier, digest):
    """From MD5 to SHA-3 and BLAKE2."""
    written = with_mac(digest, identifier)
    assert [LEAF] == [entry.certificate for entry in load(written, PASSWORD).trusted]
    with pytest.raises(WrongPassword):
        load(written, "wrong")


def with_key(octets: bytes, *, size: int, named: str) -> bytes:
    """A file whose MAC is made with the password, and whose key is closed with other octets or another size."""
    derived = hashlib.pbkdf2_hmac("sha1", octets, b"saltsalt", 3, size)
    parameters = asn1.sequence(
        asn1.octet_string_der(b"saltsalt"), asn1.integer_der(3), asn1.integer_der(size)
    )
    scheme = asn1.sequence(
        asn1.algorithm_der(encryption.PBKDF2, parameters),
        asn1.algorithm_der(named, asn1.octet_string_der(bytes(16))),
    )
    closed = encryption.enciphered(encryption.Cipher("aes", size, 16), derived, bytes(16), KEY_DER)
    encrypted = asn1.sequence(asn1.algorithm_der(encryption.PBES2, scheme), asn1.octet_string_der(closed))
    bag = asn1.sequence(asn1.oid_der(bags.SHROUDED_KEY_BAG), explicit(encrypted))
    safe = asn1.sequence(data(asn1.sequence(bag)))
    password = as_password(PASSWORD)
    mac = writing._mac(safe, password, writing._profile("compat", password))
    return asn1.sequence(asn1.integer_der(3), data(safe), mac)


AES_128_CBC = "2.16.840.1.101.3.4.1.2"


@pytest.mark.parametrize(
    ("octets", "size", "named"),
    [
        (PASSWORD.encode("utf-16-be") + b"\0\0", 32, encryption.AES_256_CBC),
        (PASSWORD.encode("utf-16-be"), 32, encryption.AES_256_CBC),
        (PASSWORD.encode(), 32, AES_128_CBC),
    ],
    ids=["bmp", "bmp-without-end", "longer-key"],
)
def test_what_old_nss_wrote_is_read(octets, size, named):
    """PBKDF2 with PKCS#12's own form of the password, and 32 bytes of key for AES-128."""
    (entry,) = load(with_key(octets, size=size, named=named), PASSWORD).identities
    assert KEY_DER == entry.key_der


def test_a_password_of_single_bytes_is_tried():
    """BSAFE took one byte a character for PBKDF2 where others take UTF-8."""
    algorithm, content = sealed(
        KEY_DER,
        as_password("M\xf6tley".encode("latin-1")),
        iterations=1,
        salt=b"s",
        iv=bytes(16),
        budget=Budget(),
    )
    encrypted = asn1.sequence(algorithm, asn1.octet_string_der(content))
    assert [KEY_DER] == [entry.key_der for entry in load(encrypted, "M\xf6tley").identities]


def test_strings_of_strings_are_read_hundreds_deep_and_no_deeper():
    """Java reads them; a bound keeps them from costing anything."""
    nested = asn1.octet_string_der(b"x")
    for _ in range(400):
        nested = asn1.encoded(0x24, nested)
    assert b"x" == asn1.octet_string(asn1.whole(nested))
    for _ in range(400):
        nested = asn1.encoded(0x24, nested)
    with pytest.raises(KeystoreDamaged, match="500 levels"):
        asn1.octet_string(asn1.whole(nested))
