import base64

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

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
    key,
    store,
)
from twoway.errors import (
    AlgorithmUnsupported,
    FormatCannotHold,
    FormatUnknown,
    FormatUnread,
    KeyMismatch,
    KeystoreDamaged,
    KeystoreTruncated,
    PasswordMissing,
    WrongPassword,
)
from twoway.keystores import Format, IdentityEntry, Keystore, SecretEntry, asn1, dump, load
from twoway.x509.certificates import pem_bundle
from twoway.x509.pem import encode

KEY = encode("PRIVATE KEY", KEY_DER)
CERTIFICATES = pem_bundle(CHAIN)


def only_identity(keystore: Keystore) -> IdentityEntry:
    """The one entry that is expected."""
    (entry,) = keystore.entries
    assert isinstance(entry, IdentityEntry)
    return entry


@pytest.mark.parametrize(
    "bundle",
    [
        KEY + CERTIFICATES,
        pem_bundle((ROOT, LEAF, ISSUING)) + KEY,
        pem_bundle((ISSUING, ROOT)) + KEY + LEAF.pem,
        (KEY + CERTIFICATES).replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + KEY + CERTIFICATES,
        (KEY + CERTIFICATES).decode().encode("utf-16"),
        b"Bag Attributes\n  friendlyName: x\nsubject=CN = y\n"
        + CERTIFICATES
        + b"\nKey Attributes: <none>\n"
        + KEY,
        CERTIFICATES + LEAF.pem + KEY,
        KEY.replace(b"-----BEGIN", b"  -----BEGIN") + CERTIFICATES,
    ],
    ids=[
        "key-first",
        "any-order",
        "key-between",
        "crlf",
        "bom",
        "utf-16",
        "stray-text",
        "leaf-twice",
        "indented",
    ],
)
def test_the_leaf_is_found_by_the_key_and_the_chain_put_in_order(bundle):
    """Whatever the order and the text around, the identity comes out the same."""
    assert CHAIN == only_identity(load(bundle)).certificates


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("protection", [NoEncryption(), BestAvailableEncryption(PASSWORD.encode())])
def test_every_encoding_of_a_key_is_read(form, protection):
    """PKCS#8 and SEC 1, in clear and encrypted in both styles, are one key."""
    text = key("api.example.com").private_bytes(Encoding.PEM, form, protection)
    assert KEY_DER == only_identity(load(text, PASSWORD)).key_der


def test_parameters_before_an_ec_key_are_passed_over():
    """OpenSSL's ecparam -genkey writes them."""
    parameters = encode("EC PARAMETERS", bytes.fromhex("06082a8648ce3d030107"))
    assert KEY_DER == only_identity(load(parameters + KEY)).key_der


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_wrong_password_is_a_wrong_password(form):
    """Both styles of encryption tell it from damage."""
    text = key("server").private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"right"))
    with pytest.raises(WrongPassword):
        load(text, "wrong")


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_missing_password_is_asked_for(form):
    """No password and a wrong one are two errors."""
    text = key("server").private_bytes(Encoding.PEM, form, BestAvailableEncryption(b"right"))
    with pytest.raises(PasswordMissing):
        load(text)


def test_several_keys_find_their_own_certificates():
    """A file with two keys holds two identities."""
    text = dump(store(IDENTITY, OTHER), "pem")
    assert [CHAIN, OTHER.certificates] == [entry.certificates for entry in load(text).identities]


def test_certificates_without_key_are_trusted():
    """A bundle of CAs is a truststore."""
    keystore = load(pem_bundle((ROOT, STRANGER)))
    assert [ROOT, STRANGER] == [entry.certificate for entry in keystore.trusted]
    assert () == keystore.findings


def test_a_certificate_outside_the_chain_is_trusted_and_said():
    """A CA that issued the other side is kept, with a finding that names it."""
    keystore = load(KEY + pem_bundle((*CHAIN, STRANGER)))
    assert [STRANGER] == [entry.certificate for entry in keystore.trusted]
    assert ["certificates-outside-chain"] == [finding.code for finding in keystore.findings]


def test_a_repeated_certificate_is_kept_once_and_said():
    """Giving the leaf as its own chain is the usual slip."""
    assert ["certificates-repeated"] == [one.code for one in load(KEY + LEAF.pem + LEAF.pem).findings]


def test_certificates_of_another_key_are_a_mismatch():
    """A key that none of the certificates is for is refused."""
    with pytest.raises(KeyMismatch):
        load(KEY + OTHER_LEAF.pem)


def test_a_certificate_that_no_parser_takes_is_listed():
    """It stays bytes until a field is asked for."""
    (entry,) = load(UNPARSABLE.pem).trusted
    assert UNPARSABLE == entry.certificate


def test_trust_settings_behind_a_certificate_are_dropped():
    """OpenSSL's TRUSTED CERTIFICATE is a certificate and more."""
    (entry,) = load(encode("TRUSTED CERTIFICATE", ROOT.der + b"\x30\x00")).trusted
    assert ROOT == entry.certificate


def test_a_pkcs7_block_is_a_chain():
    """Windows CAs hand out .p7b files in PEM."""
    text = encode("PKCS7", dump(load(pem_bundle((ISSUING, ROOT))), "der"))
    assert {ISSUING, ROOT} == {entry.certificate for entry in load(text).trusted}


def test_a_block_without_end_is_cut_off():
    """A truncated file is told from a damaged one."""
    with pytest.raises(KeystoreTruncated):
        load((KEY + CERTIFICATES)[:-80])


@pytest.mark.parametrize(
    "text",
    [
        LEAF.pem.replace(b"\nMII", b"\nM!I", 1),
        encode("CERTIFICATE", LEAF.der[:-20]),
        encode("PRIVATE KEY", KEY_DER[:-20]),
        encode("PRIVATE KEY", ROOT.der),
        encode("ENCRYPTED PRIVATE KEY", ROOT.der),
        LEAF.pem.replace(b"END CERTIFICATE", b"END SOMETHING"),
        b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    ],
    ids=["not-base64", "short", "short-key", "no-key", "not-encrypted", "other-end", "empty"],
)
def test_damage_is_damage(text):
    """A block that is whole and wrong is damaged."""
    with pytest.raises((KeystoreDamaged, KeystoreTruncated)):
        load(text, PASSWORD)


def test_an_unknown_cipher_is_unsupported():
    """The error names the cipher."""
    body = base64.b64encode(bytes(16)).decode()
    text = f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: ARIA-128-CBC,00\n\n{body}\n"
    with pytest.raises(AlgorithmUnsupported, match="ARIA-128-CBC"):
        load(f"{text}-----END RSA PRIVATE KEY-----\n".encode(), PASSWORD)


def test_openssh_keys_are_named_with_the_way_out():
    """They are private keys, in a format of their own."""
    with pytest.raises(FormatUnread, match="OpenSSH") as caught:
        load(encode("OPENSSH PRIVATE KEY", b"openssh-key-v1\0"))
    assert "ssh-keygen -p -m PKCS8" in caught.value.hint


def test_a_request_is_not_taken_for_a_keystore():
    """The error says what is in the file."""
    with pytest.raises(FormatUnknown, match="CERTIFICATE REQUEST"):
        load(encode("CERTIFICATE REQUEST", b"0\0"))


@pytest.mark.parametrize("password", [None, "changeit", "pässwörd€"])
def test_what_is_written_is_read(password):
    """Keys, chains and trusted certificates come back."""
    keystore = load(dump(store(IDENTITY, TRUSTED), Format.PEM, password), password)
    assert [(KEY_DER, CHAIN)] == [(entry.key_der, entry.certificates) for entry in keystore.identities]
    assert [STRANGER] == [entry.certificate for entry in keystore.trusted]


def test_a_password_encrypts_the_key():
    """With a password no key stands in the file in clear."""
    text = dump(store(IDENTITY), "pem", PASSWORD)
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in text
    assert b"BEGIN PRIVATE KEY" not in text


def test_pem_has_no_place_for_secret_keys():
    """A symmetric key is not dropped in silence."""
    with pytest.raises(FormatCannotHold, match="'s'"):
        dump(Keystore((SecretEntry("s", "AES", bytes(16)),), Format.PEM), "pem")


def test_aliases_come_from_common_names_and_are_unique():
    """PEM has no aliases: they are made so that every platform takes them."""
    keystore = load(KEY + pem_bundle((*CHAIN, STRANGER)))
    assert ["api_example_com", "stranger"] == [entry.alias for entry in keystore.entries]


def test_line_ends_may_be_spelled_or_lost():
    """As JSON and environment variables have them."""
    assert CHAIN == only_identity(load((KEY + CERTIFICATES).replace(b"\n", b"\\n"))).certificates
    assert CHAIN == only_identity(load((KEY + CERTIFICATES).replace(b"\n", b""))).certificates


def test_an_encrypted_key_in_one_line_is_read():
    """Its headers and its body run into each other."""
    protection = BestAvailableEncryption(PASSWORD.encode())
    text = key("api.example.com").private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, protection)
    assert KEY_DER == only_identity(load(text.replace(b"\n", b""), PASSWORD)).key_der


def test_headers_in_a_block_are_passed_over():
    """RFC 1421 allows them anywhere before the body."""
    text = LEAF.pem.replace(b"-----\n", b"-----\nSubject: CN=x\n and more\nX-Note: y\n\n", 1)
    assert [LEAF] == [entry.certificate for entry in load(text).trusted]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_read_with_and_without_mark(encoding):
    """Windows' Notepad and PowerShell write it."""
    assert [LEAF] == [entry.certificate for entry in load(LEAF.pem.decode().encode(encoding)).trusted]


def test_a_chain_that_certutil_labels_a_certificate_is_a_chain():
    """Windows' certutil -encode calls every file so."""
    text = encode("CERTIFICATE", dump(load(pem_bundle((ISSUING, ROOT))), "der"))
    assert {ISSUING, ROOT} == {entry.certificate for entry in load(text).trusted}


def test_pkcs12_in_a_block_is_named_with_the_way_out():
    """It is certutil again."""
    with pytest.raises(FormatUnread, match="PKCS#12 in a PEM block"):
        load(encode("CERTIFICATE", dump(store(IDENTITY), "pkcs12", PASSWORD)), PASSWORD)


def test_a_key_without_certificate_beside_one_with_is_kept_and_said():
    """A bundle of several keys is a mismatch only if nothing in it belongs together."""
    keystore = load(KEY + encode("PRIVATE KEY", OTHER_KEY_DER) + CERTIFICATES)
    assert [CHAIN, ()] == [entry.certificates for entry in keystore.identities]
    assert ["keys-alone"] == [finding.code for finding in keystore.findings]


def test_a_block_of_no_interest_may_lack_its_end():
    """Text in a file of certificates that only looks like one of PEM's markers."""
    text = b"-----BEGIN NOTES\n" + LEAF.pem + b"-----BEGIN X9.42 DH PARAMETERS-----\n"
    assert [LEAF] == [entry.certificate for entry in load(text).trusted]


@pytest.mark.parametrize(
    ("label", "what", "advice"),
    [
        ("CERTIFICATE REQUEST", "a certificate signing request", "have it signed"),
        ("X509 CRL", "a certificate revocation list", "revoked serial numbers"),
        ("PUBLIC KEY", "a public key", "the certificate that was issued for it"),
        ("EC PARAMETERS", "parameters for keys", "the key that was made with them"),
    ],
)
def test_what_holds_no_key_is_named_with_what_to_do(label, what, advice):
    """The error says what it is and what to give instead."""
    with pytest.raises(FormatUnknown, match=what) as caught:
        load(encode(label, b"0\0"))
    assert advice in caught.value.hint


@pytest.mark.parametrize("labels", [["NOTES"], ["PUBLIC KEY", "X509 CRL"]])
def test_other_blocks_are_named_by_their_labels(labels):
    """Where nothing better can be said."""
    with pytest.raises(FormatUnknown, match=f"PEM of {', '.join(labels)}"):
        load(b"".join(encode(label, b"0\0") for label in labels))


def test_parameters_beside_a_request_say_nothing_of_it():
    """OpenSSL writes them before what it is asked for."""
    with pytest.raises(FormatUnknown, match="a certificate signing request"):
        load(encode("EC PARAMETERS", b"0\0") + encode("CERTIFICATE REQUEST", b"0\0"))


def test_a_key_that_is_only_kept_warns_of_nothing():
    """Diffie-Hellman, which the library is about to drop: the tests make warnings errors."""
    numbers = asn1.sequence(asn1.integer_der(23), asn1.integer_der(5))
    algorithm = asn1.algorithm_der("1.2.840.113549.1.3.1", numbers)
    secret = asn1.octet_string_der(asn1.integer_der(7))
    text = encode("PRIVATE KEY", asn1.sequence(asn1.integer_der(0), algorithm, secret))
    assert CHAIN == only_identity(load(text + CERTIFICATES)).certificates
