from __future__ import annotations

import subprocess
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, padding
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.x509.pki import AT, DAY, key_usage, made, rsa_key
from twoway.authority.issuing import Signer, issue, new_root
from twoway.authority.profiles import CLIENT, ISSUING, ROOT, SERVER
from twoway.errors import (
    AuthorityExpired,
    AuthorityNotYetValid,
    AuthorityPathExhausted,
    KeyMismatch,
    NameInvalid,
    NamesRefused,
    PublicKeyRefused,
    SignerNotAuthority,
    SubjectRefused,
    TwowayError,
    ValidityRefused,
)
from twoway.x509.chains import path
from twoway.x509.keys import ALGORITHMS, new_key
from twoway.x509.names import distinguished_name, subject_alternative_name
from twoway.x509.purposes import Purpose, extended_usage_permits
from twoway.x509.requests import load_request, new_request

KEY = new_key()
AUTHORITY = made("root", ca=True)
HOST = [subject_alternative_name("api.example.com")]


def issued(signer, profile=CLIENT, **options):
    """A certificate, sound but for the options."""
    return issue(
        profile,
        **{
            "subject": distinguished_name("CN=globex,O=Globex"),
            "names": HOST if profile is SERVER else (),
            "public_key": KEY.public_key(),
            "signer": signer,
            "serial": 0x1234,
            "at": AT,
            **options,
        },
    )


# -- what is issued


@pytest.mark.parametrize(("profile", "purpose"), [(CLIENT, Purpose.CLIENT), (SERVER, Purpose.SERVER)])
def test_a_leaf_is_for_its_purpose_alone(issuing, profile, purpose):
    """The profile decides, and the path verifies."""
    leaf = issued(issuing, profile)
    assert [one is purpose for one in Purpose] == [extended_usage_permits(leaf, one) for one in Purpose]
    assert (False, ("digitalSignature",), 0x1234) == (leaf.is_ca, leaf.key_usage, leaf.serial)


def test_what_is_issued_verifies_up_to_the_root(root, issuing):
    """Leaf, issuing, root."""
    leaf = issued(issuing)
    expected = (leaf, issuing.certificate, root.certificate)
    assert expected == path(leaf, [issuing.certificate], [root.certificate], at=AT, purpose=Purpose.CLIENT)


@pytest.mark.parametrize("authority", ALGORITHMS)
def test_authorities_of_every_kind_of_key_verify_strictly(authority, real_part, tmp_path):
    """OpenSSL's strictest check, which Python 3.13 and Go make too: identifiers, critical bits and all."""
    key = rsa_key(int(authority[4:])) if authority.startswith("rsa") else new_key(authority)
    signer = Signer(new_root(key, distinguished_name("Root"), 1, AT), key)
    below = issued(signer, ISSUING, subject=distinguished_name("Issuing"), crl_url="http://a/crl")
    leaf = issued(Signer(below, KEY), SERVER, public_key=new_key().public_key(), crl_url="http://b/crl")
    for name, certificate in (("root", signer.certificate), ("below", below), ("leaf", leaf)):
        (tmp_path / name).write_bytes(certificate.pem)
    options = (
        "-x509_strict",
        "-check_ss_sig",
        "-purpose",
        "sslserver",
        "-verify_hostname",
        "api.example.com",
    )
    files = ("-CAfile", tmp_path / "root", "-untrusted", tmp_path / "below", tmp_path / "leaf")
    when = ("-attime", str(int(AT.timestamp())))
    subprocess.run([real_part("openssl"), "verify", *options, *when, *files], check=True, capture_output=True)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_keys_of_every_kind_are_certified(issuing, algorithm):
    """Each with a self-made request."""
    key = rsa_key(int(algorithm[4:])) if algorithm.startswith("rsa") else new_key(algorithm)
    request = load_request(new_request(key, distinguished_name("globex")))
    assert algorithm == str(issued(issuing, public_key=request.public_key).key)


def test_the_extensions_of_a_leaf_are_these_and_no_others(issuing):
    """Basic constraints and key usage critical, the rest not."""
    leaf = issued(issuing, SERVER, crl_url="http://crl.example/issuing.crl")
    assert {
        "basicConstraints": True,
        "keyUsage": True,
        "extendedKeyUsage": False,
        "subjectKeyIdentifier": False,
        "authorityKeyIdentifier": False,
        "subjectAltName": False,
        "cRLDistributionPoints": False,
    } == {extension.oid._name: extension.critical for extension in leaf.parsed.extensions}


def test_key_identifiers_link_the_chain(root, issuing):
    """The leaf names its issuer's key."""
    given_by = issuing.certificate.extension(x509.SubjectKeyIdentifier)
    named_by = issued(issuing).extension(x509.AuthorityKeyIdentifier)
    assert given_by is not None
    assert named_by is not None
    assert given_by.digest == named_by.key_identifier


def test_the_identifier_that_the_issuer_gave_itself_is_taken():
    """A root from elsewhere may have made its identifier in its own way."""
    own = x509.SubjectKeyIdentifier(b"own way")
    holder = made("root", ca=True, identifiers=False, extensions=[(own, False)])
    named = issued(Signer(holder.certificate, holder.key)).extension(x509.AuthorityKeyIdentifier)
    assert named is not None
    assert b"own way" == named.key_identifier


def test_nothing_of_a_hostile_request_is_copied(issuing):
    """CA:TRUE, key usages, purposes and names: only the key comes through."""
    hostile = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(distinguished_name("CN=Example Root,O=Example"))
        .add_extension(x509.BasicConstraints(ca=True, path_length=9), critical=True)
        .add_extension(key_usage(["key_cert_sign", "crl_sign"]), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier("2.5.29.37.0")]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("admin.example")]), critical=False)
        .add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"), critical=True)
        .sign(KEY, hashes.SHA256())
    )
    request = load_request(hostile.public_bytes(Encoding.DER))
    clean, copied = issued(issuing), issued(issuing, public_key=request.public_key)
    assert list(clean.parsed.extensions) == list(copied.parsed.extensions)
    assert ("CN=globex,O=Globex", (), False) == (copied.subject, copied.san, copied.is_ca)


def test_names_stand_once_and_in_order(issuing):
    """What was given twice is given once."""
    names = [subject_alternative_name(text) for text in ("b.example", "10.0.0.1", "a.example", "b.example")]
    assert ("DNS:b.example", "IP:10.0.0.1", "DNS:a.example") == issued(issuing, SERVER, names=names).san


# -- validity


def test_validity_begins_five_minutes_ago(issuing):
    """So that a clock that is late takes it at once; microseconds are dropped."""
    leaf = issued(issuing, at=AT + DAY + timedelta(microseconds=5))
    assert (AT + DAY - timedelta(minutes=5), AT + 366 * DAY) == (leaf.not_before, leaf.not_after)


def test_validity_is_what_was_asked(issuing):
    """In days of 24 hours."""
    assert AT + 7 * DAY == issued(issuing, days=7).not_after


def test_nothing_outlives_its_issuer(issuing):
    """Clipped at both ends, to the second."""
    long = issued(issuing, days=36500)
    assert issuing.certificate.not_after == long.not_after
    early = issued(issuing, at=issuing.certificate.not_before)
    assert issuing.certificate.not_before == early.not_before


def test_an_expired_authority_issues_nothing(issuing):
    """Not even for a moment."""
    end = issuing.certificate.not_after
    assert end == issued(issuing, at=end).not_after
    with pytest.raises(AuthorityExpired, match="CN=Example Issuing"):
        issued(issuing, at=end + timedelta(seconds=1))


def test_an_authority_issues_nothing_before_its_time(issuing):
    """The clock is wrong, then."""
    with pytest.raises(AuthorityNotYetValid):
        issued(issuing, at=issuing.certificate.not_before - timedelta(seconds=1))


@pytest.mark.parametrize("days", [0, -1, 36501, 10**12])
def test_validities_that_are_typing_errors_are_refused(issuing, days):
    """The message has the number and the limit."""
    with pytest.raises(ValidityRefused, match=f"{days} days is outside of 1 to 36500"):
        issued(issuing, days=days)


@pytest.mark.parametrize("serial", [0, -1, 1 << 159])
def test_serial_numbers_that_rfc_5280_forbids_are_a_programming_error(issuing, serial):
    """Positive and at most 20 octets."""
    with pytest.raises(ValueError, match="serial"):
        issued(issuing, serial=serial)
    assert (1 << 159) - 1 == issued(issuing, serial=(1 << 159) - 1).serial


# -- refusals


@pytest.mark.parametrize(
    "key",
    [
        rsa_key(1024),
        ec.generate_private_key(ec.SECP224R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed448.Ed448PrivateKey.generate(),
    ],
    ids=["rsa-1024", "p-224", "secp256k1", "ed448"],
)
def test_weak_and_exotic_keys_are_refused(issuing, key):
    """For a leaf and for a root alike."""
    with pytest.raises(PublicKeyRefused):
        issued(issuing, public_key=key.public_key())
    with pytest.raises(PublicKeyRefused):
        new_root(key, distinguished_name("Root"), 1, AT)


def test_the_authoritys_own_key_is_never_certified_again(issuing):
    """Whoever asks for that has the authority's key, or is confused."""
    with pytest.raises(PublicKeyRefused, match="own key"):
        issued(issuing, public_key=issuing.key.public_key())


@pytest.mark.parametrize("common_name", ["a\x1bb", "a\nb", "\u202eb", " ", "a\x00b"])
def test_subjects_with_hostile_characters_are_refused(issuing, common_name):
    """They came as values, from a request."""
    hostile = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
    with pytest.raises(SubjectRefused) as caught:
        issued(issuing, subject=hostile)
    assert str(caught.value).isprintable()


def test_subjects_that_are_too_long_are_refused(issuing):
    """64 characters for a common name, 128 for any other part."""
    with pytest.warns(UserWarning, match="length"):
        long = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x" * 65, _validate=False)])
    with pytest.raises(SubjectRefused, match="65 characters, more than 64"):
        issued(issuing, subject=long)
    part = x509.Name([x509.NameAttribute(x509.NameOID.STREET_ADDRESS, "x" * 129)])
    with pytest.raises(SubjectRefused, match="more than 128"):
        issued(issuing, subject=part)


def test_an_empty_subject_is_refused(issuing):
    """Somebody has to be named."""
    with pytest.raises(SubjectRefused, match="empty"):
        issued(issuing, subject=x509.Name([]))


@pytest.mark.parametrize("text", ["CN=Example Issuing,O=Example", "CN=EXAMPLE  issuing,O=example"])
def test_the_authoritys_own_name_is_refused(issuing, text):
    """In any spelling that verifiers take for the same."""
    with pytest.raises(SubjectRefused, match="authority's own name"):
        issued(issuing, subject=distinguished_name(text))


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("a\x00b"),
        x509.DNSName("*"),
        x509.RFC822Name("x"),
        x509.RegisteredID(x509.ObjectIdentifier("1.2")),
    ],
)
def test_hostile_names_are_refused(issuing, name):
    """Whatever they came from."""
    with pytest.raises(NameInvalid):
        issued(issuing, SERVER, names=[name])


@pytest.mark.parametrize(
    ("profile", "names", "problem"),
    [
        (SERVER, [], "none"),
        (CLIENT, [x509.DNSName("*.example.com")], "wildcard"),
        (ISSUING, [x509.DNSName("a.example")], "authority"),
        (SERVER, [x509.DNSName(f"h{number}.example") for number in range(101)], "101, more than 100"),
    ],
)
def test_names_that_the_profile_has_no_use_for_are_refused(root, profile, names, problem):
    """A server without a name, a client with a wildcard, an authority with a name, more than anybody needs."""
    with pytest.raises(NamesRefused, match=problem):
        issued(root, profile, names=names)


def test_a_list_address_that_is_none_is_refused(issuing):
    """It would stand in every certificate for years."""
    with pytest.raises(NameInvalid):
        issued(issuing, crl_url="crl.example/x")


def test_the_issuing_authority_makes_no_authority(issuing):
    """Its path length is 0."""
    with pytest.raises(AuthorityPathExhausted):
        issued(issuing, ISSUING)


@pytest.mark.parametrize(("above", "below"), [(None, 0), (1, 0), (5, 0)])
def test_the_path_length_is_the_profiles_within_the_issuers(above, below):
    """Never longer than what the issuer leaves."""
    holder = made("root", ca=True, path_length=above)
    signer = Signer(holder.certificate, holder.key)
    assert below == issued(signer, ISSUING).path_length


def test_a_signer_is_an_authority_with_its_key(root, issuing):
    """Anything else signs nothing."""
    with pytest.raises(KeyMismatch):
        Signer(root.certificate, issuing.key)
    leaf = issued(issuing)
    with pytest.raises(SignerNotAuthority, match="CN=globex"):
        Signer(leaf, KEY)
    holder = made("root", ca=True, key_usages=["crl_sign"])
    with pytest.raises(SignerNotAuthority):
        issued(Signer(holder.certificate, holder.key))


def test_a_signers_key_does_not_show(root):
    """Neither in logs nor in tracebacks."""
    assert "PrivateKey" not in repr(root)


# -- root


def test_a_root_is_what_its_profile_says(root):
    """Self-signed, twenty years, one level below."""
    certificate = root.certificate
    assert (True, True, ROOT.path_length, ROOT.key_usage) == (
        certificate.self_signed,
        certificate.is_ca,
        certificate.path_length,
        certificate.key_usage,
    )
    assert AT + ROOT.days * DAY == certificate.not_after
    assert "sha384" == certificate.signature_digest


def test_an_authority_of_rsa_pss_signs_and_verifies():
    """A root from elsewhere may itself be signed so."""
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    holder = made("root", ca=True, key=rsa_key(), rsa_padding=pss)
    leaf = issued(Signer(holder.certificate, holder.key))
    assert leaf.signed_by(holder.certificate)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=70), st.lists(st.text(max_size=30), max_size=3))
def test_any_subject_and_names_end_in_a_certificate_or_in_an_error_of_ours(text, names):
    """And what is issued reads back as what was asked."""
    holder = AUTHORITY
    subject = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, text, _validate=False)])
    try:
        hosts = [subject_alternative_name(f"DNS:{name}") for name in names]
        leaf = issued(Signer(holder.certificate, holder.key), subject=subject, names=hosts)
    except TwowayError:
        return
    assert text == leaf.parsed.subject.rdns[0].get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)[0].value
    assert set(leaf.san) == {f"DNS:{host.value}" for host in hosts}
