import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    pkcs7,
)

from tests.keystores.material import (
    CHAIN,
    IDENTITY,
    ISSUING,
    KEY_DER,
    PASSWORD,
    ROOT,
    START,
    TRUSTED,
    key,
    store,
)
from twoway.errors import FormatCannotHold, FormatUnknown, KeystoreDamaged, KeystoreTruncated, PasswordMissing
from twoway.keystores import Format, IdentityEntry, asn1, dump, load
from twoway.x509.keys import PrivateKey, load_private_key, private_der

RSA = rsa.generate_private_key(65537, 2048)
DSA = dsa.generate_private_key(2048)


def key_read(data: bytes, password: str | None = None) -> bytes:
    """The one key that is expected."""
    (entry,) = load(data, password).identities
    assert () == entry.certificates
    return entry.key_der


@pytest.mark.parametrize("made", [RSA, DSA, key("server")], ids=["pkcs1", "dsa", "sec1"])
def test_traditional_encodings_become_pkcs8(made: PrivateKey):
    """PKCS#1, DSA and SEC 1 keys are written exactly as cryptography writes their PKCS#8."""
    traditional = made.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert private_der(made) == key_read(traditional)


def test_pkcs8_stays_as_it_is():
    """Not a byte changes."""
    assert KEY_DER == key_read(KEY_DER)


def test_encrypted_pkcs8_is_opened():
    """A DER key with a password is one too."""
    data = RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"changeit"))
    assert private_der(RSA) == key_read(data, PASSWORD)


def test_encrypted_pkcs8_needs_its_password():
    """Without one the error says so."""
    data = RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"changeit"))
    with pytest.raises(PasswordMissing):
        load(data)


def test_attributes_and_public_halves_of_keys_are_dropped():
    """Java's stores take PKCS#8 in its first version only."""
    made = ed25519.Ed25519PrivateKey.generate()
    _, *parts = asn1.children(asn1.whole(private_der(made)))
    second = asn1.sequence(asn1.integer_der(1), *(part.raw for part in parts), asn1.encoded(0x81, bytes(33)))
    assert private_der(made) == key_read(second)


def test_certificates_one_after_the_other_are_read():
    """DER files are joined by cat, too."""
    keystore = load(ROOT.der + ISSUING.der)
    assert [ROOT, ISSUING] == [entry.certificate for entry in keystore.trusted]


def test_a_pkcs7_chain_of_others_is_read():
    """What cryptography writes is read."""
    data = pkcs7.serialize_certificates([one.parsed for one in CHAIN], Encoding.DER)
    assert set(CHAIN) == {entry.certificate for entry in load(data).trusted}


def test_others_read_our_pkcs7_chain():
    """What is written cryptography reads, which minds a set that is not sorted."""
    data = dump(load(ISSUING.der + ROOT.der), Format.DER)
    assert {ISSUING.parsed, ROOT.parsed} == set(pkcs7.load_der_pkcs7_certificates(data))


def test_one_certificate_is_written_as_itself():
    """No wrapping where none is needed."""
    assert TRUSTED.certificate.der == dump(store(TRUSTED), "der")


def test_a_key_is_written_as_pkcs8():
    """AEM takes nothing else."""
    assert KEY_DER == dump(store(IdentityEntry("k", KEY_DER)), "der")


def test_a_key_is_encrypted_under_a_password():
    """Others open it with the same password."""
    data = dump(store(IdentityEntry("k", KEY_DER)), "der", PASSWORD)
    assert KEY_DER == private_der(load_private_key(data, PASSWORD.encode()))


def test_a_key_with_its_chain_does_not_fit_one_file():
    """The error says what to do instead."""
    with pytest.raises(FormatCannotHold, match="one DER file"):
        dump(store(IDENTITY), "der")


def test_a_short_file_is_truncated():
    """The outermost length tells."""
    with pytest.raises(KeystoreTruncated):
        load(ROOT.der[:-1])


def test_bytes_behind_a_key_are_damage():
    """A key is the whole file."""
    with pytest.raises(KeystoreDamaged):
        load(KEY_DER + b"more")


def request() -> bytes:
    """A certificate signing request."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key("server"), hashes.SHA256()).public_bytes(Encoding.DER)


def revocations() -> bytes:
    """A revocation list."""
    builder = x509.CertificateRevocationListBuilder().issuer_name(ROOT.parsed.subject)
    dated = builder.last_update(START).next_update(START)
    return dated.sign(key("Root"), hashes.SHA256()).public_bytes(Encoding.DER)


def public() -> bytes:
    """A public key."""
    return key("server").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (request(), "a certificate signing request"),
        (revocations(), "a certificate revocation list"),
        (public(), "a public key"),
        (asn1.sequence(asn1.sequence()), "DER of an unknown kind"),
    ],
)
def test_other_der_is_named(data, what):
    """What is no keystore is called by its name."""
    with pytest.raises(FormatUnknown, match=what):
        load(data)
