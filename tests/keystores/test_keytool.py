"""Java reads what is written here, and the other way round."""

import subprocess

import pytest

from tests.keystores.material import CHAIN, IDENTITY, KEY_DER, LEAF, OTHER, PASSWORD, STRANGER, TRUSTED, store
from twoway.keystores import Format, IdentityEntry, Keystore, SecretEntry, dump, load
from twoway.keystores.captions import common_name
from twoway.x509.certificates import load_certificates


@pytest.fixture
def keytool(real_part, tmp_path):
    """Run keytool on store.p12 (or of another type), whose password is the tests' one."""
    program = real_part("keytool")

    def run(*arguments, kind="PKCS12"):
        # A Java that does not optimise starts in half the time.
        quick = ("-J-XX:TieredStopAtLevel=1", "-J-Xshare:auto", "-J-Duser.language=en")
        name = "store.p12" if kind == "PKCS12" else f"store.{kind.lower()}"
        told = ("-keystore", name, "-storetype", kind, "-storepass", PASSWORD)
        done = subprocess.run(
            [program, *arguments, *told, *quick], cwd=tmp_path, capture_output=True, check=False
        )
        assert 0 == done.returncode, (done.stdout + done.stderr).decode()
        return done.stdout

    return run


def listed(text: bytes) -> dict[str, str]:
    """The aliases that keytool lists, and what it says that they are."""
    lines = [line.split(", ") for line in text.decode().splitlines() if "Entry," in line]
    return {alias: kind for alias, *_, kind in ((line[0], line[-2]) for line in lines)}


@pytest.mark.parametrize("profile", ["modern", "compat"])
def test_java_sees_every_entry(keytool, tmp_path, profile):
    """Identities, trusted certificates and secret keys, each as what it is."""
    secret = SecretEntry("token", "AES", bytes(16))
    keystore = Keystore((IDENTITY, OTHER, TRUSTED, secret), Format.PKCS12)
    (tmp_path / "store.p12").write_bytes(dump(keystore, "pkcs12", PASSWORD, profile))
    expected = {
        "server": "PrivateKeyEntry",
        "other": "PrivateKeyEntry",
        "partner": "trustedCertEntry",
        "token": "SecretKeyEntry",
    }
    assert expected == listed(keytool("-list"))


def test_java_sees_the_whole_chain(keytool, tmp_path):
    """Leaf first, inside the key's entry."""
    (tmp_path / "store.p12").write_bytes(dump(store(IDENTITY), "pkcs12", PASSWORD))
    assert list(CHAIN) == list(load_certificates(keytool("-list", "-rfc", "-alias", "server")))


def test_java_sees_a_truststore(keytool, tmp_path):
    """The profile for it gives trusted entries."""
    (tmp_path / "store.p12").write_bytes(dump(store(TRUSTED), "pkcs12", PASSWORD, "java-trust"))
    assert {"partner": "trustedCertEntry"} == listed(keytool("-list"))


def test_java_opens_the_key(keytool, tmp_path):
    """It signs a request with it, for which it must have decrypted it."""
    (tmp_path / "store.p12").write_bytes(dump(store(IDENTITY), "pkcs12", PASSWORD))
    assert b"BEGIN NEW CERTIFICATE REQUEST" in keytool("-certreq", "-alias", "server")


@pytest.mark.parametrize("legacy", [False, True], ids=["aes", "rc2"])
def test_what_keytool_makes_is_read(keytool, tmp_path, legacy):
    """Several identities, trusted certificates and secret keys, in Java's new and old encryption."""
    (tmp_path / "partner.pem").write_bytes(STRANGER.pem)
    old = ("-J-Dkeystore.pkcs12.legacy",) if legacy else ()
    keytool("-genkeypair", "-alias", "One", "-keyalg", "EC", "-dname", "CN=one", *old)
    keytool("-genkeypair", "-alias", "two", "-keyalg", "RSA", "-keysize", "2048", "-dname", "CN=two", *old)
    keytool("-genseckey", "-alias", "token", "-keyalg", "AES", "-keysize", "256", *old)
    keytool("-importcert", "-noprompt", "-alias", "partner", "-file", "partner.pem", *old)
    keystore = load((tmp_path / "store.p12").read_bytes(), PASSWORD)
    assert {"one", "two"} == {entry.alias for entry in keystore.identities}
    assert ["CN=one", "CN=two"] == sorted(entry.identity().leaf.subject for entry in keystore.identities)
    assert all(entry.created for entry in keystore.identities)
    assert [("partner", STRANGER)] == [(entry.alias, entry.certificate) for entry in keystore.trusted]
    assert [("token", "AES", 32)] == [(one.alias, one.algorithm, len(one.key)) for one in keystore.secrets]


def test_a_chain_that_java_imports_is_one_identity(keytool, tmp_path):
    """Java's -importkeystore keeps alias and chain, and so does the way back."""
    (tmp_path / "in.p12").write_bytes(dump(store(IDENTITY), "pkcs12", PASSWORD, "compat"))
    keytool("-importkeystore", "-srckeystore", "in.p12", "-srcstorepass", PASSWORD, "-srcstoretype", "PKCS12")
    (entry,) = load((tmp_path / "store.p12").read_bytes(), PASSWORD).identities
    assert ("server", LEAF, 3) == (entry.alias, entry.certificates[0], len(entry.certificates))


@pytest.mark.parametrize("kind", ["JKS", "JCEKS"])
def test_keytool_sees_what_is_written_in_its_own_formats(keytool, tmp_path, kind):
    """Aliases in lower case, the chain inside the key's entry, and a key that signs."""
    keystore = store(IdentityEntry("MyBundle", KEY_DER, CHAIN), TRUSTED)
    (tmp_path / f"store.{kind.lower()}").write_bytes(dump(keystore, kind.lower(), PASSWORD))
    assert {"mybundle": "PrivateKeyEntry", "partner": "trustedCertEntry"} == listed(
        keytool("-list", kind=kind)
    )
    shown = keytool("-list", "-rfc", "-alias", "mybundle", kind=kind)
    assert list(CHAIN) == list(load_certificates(shown))
    assert b"BEGIN NEW CERTIFICATE REQUEST" in keytool("-certreq", "-alias", "mybundle", kind=kind)


def test_keytool_imports_a_secret_key_from_jceks(keytool, tmp_path):
    """It must have opened the sealed key for it."""
    secret = Keystore((SecretEntry("token", "AES", bytes(range(16))),), Format.JCEKS)
    (tmp_path / "in.jceks").write_bytes(dump(secret, "jceks", PASSWORD))
    source = ("-srckeystore", "in.jceks", "-srcstorepass", PASSWORD, "-srcstoretype", "JCEKS")
    keytool("-importkeystore", *source)
    (entry,) = load((tmp_path / "store.p12").read_bytes(), PASSWORD).secrets
    assert ("token", "AES", bytes(range(16))) == (entry.alias, entry.algorithm, entry.key)


@pytest.mark.parametrize("kind", ["JKS", "JCEKS"])
def test_what_keytool_makes_in_its_own_formats_is_read(keytool, tmp_path, kind):
    """Keys under the store's password and their own, a trusted certificate, and in JCEKS a secret key."""
    (tmp_path / "partner.pem").write_bytes(STRANGER.pem)
    for alias, algorithm in (("One", "EC"), ("two", "RSA"), ("old", "DSA")):
        own = ("-keypass", f"{alias}-own")
        keytool(
            "-genkeypair", "-alias", alias, "-keyalg", algorithm, "-dname", f"CN={alias}", *own, kind=kind
        )
    keytool("-importcert", "-noprompt", "-alias", "partner", "-file", "partner.pem", kind=kind)
    if kind == "JCEKS":
        keytool("-genseckey", "-alias", "token", "-keyalg", "AES", "-keysize", "256", kind=kind)
    own_passwords = {alias: f"{alias}-own" for alias in ("One", "two", "old")}
    keystore = load((tmp_path / f"store.{kind.lower()}").read_bytes(), PASSWORD, own_passwords)
    assert kind == keystore.format.upper()
    # Keytool's own certificate for DSA is one that strict parsers refuse.
    assert {"one": "One", "two": "two", "old": "old"} == {
        one.alias: common_name(one.certificates[0]) for one in keystore.identities
    }
    assert "CN=two" == keystore.identity("two").leaf.subject
    assert [("partner", STRANGER)] == [(one.alias, one.certificate) for one in keystore.trusted]
    assert (kind == "JCEKS") == bool(keystore.secrets)
    assert all(entry.created for entry in keystore.entries)
