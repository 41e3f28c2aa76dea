"""OpenSSL reads what is written here, and the other way round."""

import subprocess

import pytest

from tests.keystores.material import (
    CHAIN,
    IDENTITY,
    ISSUING,
    KEY_DER,
    LEAF,
    PASSWORD,
    ROOT,
    STRANGER,
    TRUSTED,
    store,
)
from twoway.errors import WrongPassword
from twoway.keystores import IdentityEntry, dump, load
from twoway.x509.certificates import load_certificates, pem_bundle
from twoway.x509.keys import load_private_key, private_der


@pytest.fixture
def openssl(real_part, tmp_path):
    """Run openssl in a folder that has key.pem, leaf.pem and issuers.pem."""
    program = real_part("openssl")
    (tmp_path / "key.pem").write_bytes(dump(store(IdentityEntry("k", KEY_DER)), "pem"))
    (tmp_path / "leaf.pem").write_bytes(LEAF.pem)
    (tmp_path / "issuers.pem").write_bytes(pem_bundle((ISSUING, ROOT)))

    def run(*arguments, data=None):
        done = subprocess.run(
            [program, *arguments], cwd=tmp_path, input=data, capture_output=True, check=False
        )
        assert 0 == done.returncode, done.stderr.decode()
        return done.stdout

    return run


EXPORT = (
    "pkcs12",
    "-export",
    "-inkey",
    "key.pem",
    "-in",
    "leaf.pem",
    "-certfile",
    "issuers.pem",
    "-name",
    "server",
)
# DES, RC2 and RC4 are in OpenSSL's legacy provider.
LEGACY = ("-provider", "default", "-provider", "legacy")


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("-legacy",),
        ("-descert", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"),
        (*LEGACY, "-certpbe", "PBE-SHA1-RC2-128", "-keypbe", "PBE-SHA1-2DES"),
        (*LEGACY, "-certpbe", "PBE-SHA1-RC4-128", "-keypbe", "PBE-SHA1-RC4-40"),
        ("-certpbe", "aes-128-cbc", "-keypbe", "aes-192-cbc", "-macalg", "sha512"),
        ("-certpbe", "camellia-256-cbc", "-keypbe", "des-ede3-cbc", "-macalg", "sha384"),
        ("-certpbe", "NONE", "-keypbe", "aes-256-cbc"),
        ("-nomac",),
        ("-nomaciter", "-noiter"),
    ],
    ids=" ".join,
)
def test_every_encryption_of_openssl_is_read(openssl, options):
    """Key and chain come out the same, a wrong password is named."""
    written = openssl(*EXPORT, *options, "-passout", f"pass:{PASSWORD}")
    assert (IDENTITY,) == load(written, PASSWORD).entries
    with pytest.raises(WrongPassword):
        load(written, "wrong")


@pytest.mark.parametrize("password", ["", "pässwörd€", "with space"])
def test_openssls_passwords_are_understood(openssl, password):
    """Also the empty one, and those beyond ASCII."""
    written = openssl(*EXPORT, "-passout", f"pass:{password}")
    assert (IDENTITY,) == load(written, password).entries


def test_a_file_of_openssl_with_an_empty_password_opens_without_one(openssl):
    """Nobody is asked for a password that is not there."""
    assert (IDENTITY,) == load(openssl(*EXPORT, "-passout", "pass:")).entries


def test_a_truststore_of_openssl_is_one_with_a_finding(openssl):
    """Java would see nothing in it."""
    written = openssl("pkcs12", "-export", "-nokeys", "-in", "issuers.pem", "-passout", f"pass:{PASSWORD}")
    keystore = load(written, PASSWORD)
    assert {ISSUING, ROOT} == {entry.certificate for entry in keystore.trusted}
    assert {"certificates-not-java-trusted"} == {finding.code for finding in keystore.findings}


@pytest.mark.parametrize("password", [PASSWORD, "pässwörd€"])
@pytest.mark.parametrize("profile", ["modern", "compat"])
def test_openssl_reads_what_is_written(openssl, profile, password):
    """Key and all certificates, with nothing but its default provider."""
    written = dump(store(IDENTITY, TRUSTED), "pkcs12", password, profile)
    text = openssl("pkcs12", "-in", "/dev/stdin", "-nodes", "-passin", f"pass:{password}", data=written)
    assert KEY_DER == private_der(load_private_key(text))
    assert {*CHAIN, STRANGER} == set(load_certificates(text))


@pytest.mark.parametrize(
    "options",
    [
        ("-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"),
        ("-scrypt",),
        ("-v1", "PBE-SHA1-3DES"),
        (*LEGACY, "-v1", "PBE-MD5-DES"),
        (*LEGACY, "-v1", "PBE-SHA1-DES"),
        (*LEGACY, "-v1", "PBE-MD5-RC2-64"),
        (*LEGACY, "-v1", "PBE-SHA1-RC2-40"),
        (*LEGACY, "-v2", "rc2"),
        (*LEGACY, "-v2", "des"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("form", ["PEM", "DER"])
def test_every_encrypted_pkcs8_is_read(openssl, options, form):
    """PKCS#5 of both versions, PKCS#12's own, scrypt."""
    data = openssl(
        "pkcs8", "-topk8", "-in", "key.pem", "-outform", form, *options, "-passout", f"pass:{PASSWORD}"
    )
    assert KEY_DER == load(data, PASSWORD).identities[0].key_der


@pytest.mark.parametrize("cipher", ["-des3", "-aes128", "-aes192", "-aes256", "-camellia256"])
def test_every_traditional_encryption_is_read(openssl, cipher):
    """The headers of old PEM files."""
    text = openssl("ec", "-in", "key.pem", cipher, "-passout", f"pass:{PASSWORD}")
    assert b"DEK-Info" in text
    assert KEY_DER == load(text, PASSWORD).identities[0].key_der


@pytest.mark.parametrize("form", ["pem", "der"])
def test_openssl_opens_an_encrypted_key(openssl, form):
    """The key comes out the same."""
    written = dump(store(IdentityEntry("k", KEY_DER)), form, PASSWORD)
    told = ("-inform", form, "-passin", f"pass:{PASSWORD}")
    assert KEY_DER == openssl(
        "pkcs8", *told, "-in", "/dev/stdin", "-topk8", "-nocrypt", "-outform", "DER", data=written
    )


def test_pkcs7_goes_both_ways(openssl):
    """A chain without keys, as Windows CAs hand it out."""
    theirs = openssl("crl2pkcs7", "-nocrl", "-certfile", "issuers.pem", "-outform", "DER")
    assert {ISSUING, ROOT} == {entry.certificate for entry in load(theirs).trusted}
    text = openssl("pkcs7", "-inform", "DER", "-print_certs", data=dump(load(theirs), "der"))
    assert {ISSUING, ROOT} == set(load_certificates(text))
