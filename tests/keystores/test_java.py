"""Java's own KeyStore reads what is written here, entry by entry, and the other way round."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.keystores.material import CHAIN, KEY_DER, PASSWORD, ROOT, STRANGER
from twoway.errors import AlgorithmUnsupported, PasswordUnusable
from twoway.keystores import (
    Entry,
    Format,
    IdentityEntry,
    Keystore,
    LockedEntry,
    SecretEntry,
    TrustedEntry,
    dump,
    load,
)
from twoway.x509.certificates import pem_bundle

PROGRAM = Path(__file__).with_name("Stores.java")
MADE = datetime(2004, 2, 29, 12, 30, 15, 678_000, tzinfo=UTC)
AT = datetime(2026, 5, 1, tzinfo=UTC)
# NUL, two and three bytes, a pair of surrogates, and half a pair.
ODD = "a\0é€😀\ud800z"
RAW = bytes.fromhex("0123456789abcdef23456789abcdef01456789abcdef0123")


def spelled(text: str) -> str:
    """The text as the program takes it; an empty one is nothing."""
    return text.encode("utf-16-be", "surrogatepass").hex()


def unspelled(text: str) -> str:
    """The program's text as it is here."""
    return bytes.fromhex(text).decode("utf-16-be", "surrogatepass")


@pytest.fixture
def java(real_part, tmp_path):
    """Run the program beside this file in the test's own folder."""
    program = real_part("java")

    def run(*arguments):
        quick = ("-XX:TieredStopAtLevel=1", "-Xshare:auto")
        done = subprocess.run(
            [program, *quick, PROGRAM, *arguments], cwd=tmp_path, capture_output=True, check=False
        )
        assert 0 == done.returncode, done.stderr.decode()
        return [line.split() for line in done.stdout.decode().splitlines()]

    return run


def seen(entry: Entry) -> list[str]:
    """An entry as the program prints it."""
    assert entry.created is not None
    date = str(round(entry.created.timestamp() * 1000))
    head = [spelled(entry.alias), date]
    match entry:
        case IdentityEntry():
            return [*head, "identity", "EC", entry.key_der.hex(), *(one.sha256 for one in entry.certificates)]
        case TrustedEntry():
            return [*head, "trusted", "-", "-", entry.certificate.sha256]
        case SecretEntry():
            return [*head, "secret", entry.algorithm, entry.key.hex()]
    raise AssertionError(f"{entry} did not open")


@pytest.mark.parametrize("password", [PASSWORD, "pässwörd€\udfff\ud83d"], ids=["ascii", "halves"])
def test_java_sees_each_entry_of_a_jks(java, tmp_path, password):
    """Aliases, dates, keys under passwords of their own, and chains."""
    keystore = Keystore(
        (
            IdentityEntry("server", KEY_DER, CHAIN, MADE),
            IdentityEntry(ODD, KEY_DER, CHAIN[:1], MADE),
            TrustedEntry("partner", STRANGER, MADE),
        ),
        Format.JKS,
    )
    (tmp_path / "s.jks").write_bytes(dump(keystore, "jks", password, key_passwords={ODD: "own €"}))
    listed = java("list", "JKS", "s.jks", spelled(password), spelled(ODD), spelled("own €"))
    assert sorted(seen(entry) for entry in keystore.entries) == sorted(listed)


def test_java_sees_each_entry_of_a_jceks(java, tmp_path):
    """Secret keys too, each by the name of its algorithm."""
    keystore = Keystore(
        (
            IdentityEntry("server", KEY_DER, CHAIN, MADE),
            TrustedEntry("partner", STRANGER, MADE),
            SecretEntry("token", "AES", RAW, MADE),
            SecretEntry(ODD, "Unusual", b"k", MADE),
            SecretEntry("des", "DESede", RAW, MADE),
        ),
        Format.JCEKS,
    )
    (tmp_path / "s.jceks").write_bytes(dump(keystore, "jceks", PASSWORD, key_passwords={"token": "its own"}))
    listed = java("list", "JCEKS", "s.jceks", spelled(PASSWORD), spelled("token"), spelled("its own"))
    assert sorted(seen(entry) for entry in keystore.entries) == sorted(listed)


def test_a_date_is_given_to_entries_without_one(java, tmp_path):
    """The moment that the caller says, or 1970."""
    store = Keystore((TrustedEntry("partner", STRANGER),), Format.PEM)
    (tmp_path / "dated.jks").write_bytes(dump(store, "jks", PASSWORD, at=AT))
    (tmp_path / "undated.jks").write_bytes(dump(store, "jks", PASSWORD))
    dates = [java("list", "JKS", f"{name}.jks", spelled(PASSWORD))[0][1] for name in ("dated", "undated")]
    assert ["1777593600000", "0"] == dates


@pytest.mark.parametrize("kind", ["JKS", "JCEKS"])
def test_what_java_makes_is_read(java, tmp_path, kind):
    """Odd aliases, a key under its own password, and each class of secret key that a JDK has."""
    (tmp_path / "key.der").write_bytes(KEY_DER)
    (tmp_path / "chain.pem").write_bytes(pem_bundle(CHAIN))
    java(
        *("make", kind, "made", spelled(PASSWORD), "key.der", "chain.pem"),
        *(spelled(ODD.upper()), spelled("its own"), spelled("Partner")),
    )
    keystore = load((tmp_path / "made").read_bytes(), PASSWORD, {ODD: "its own"})
    (identity,) = keystore.identities
    assert (ODD, KEY_DER, CHAIN) == (identity.alias, identity.key_der, identity.certificates)
    assert [("partner", ROOT)] == [(one.alias, one.certificate) for one in keystore.trusted]
    assert () == keystore.findings
    if kind == "JCEKS":
        secrets = {one.alias: (one.algorithm, one.key) for one in keystore.secrets}
        assert len(secrets.pop("pbkdf2")[1]) == 16
        expected = {
            "specification": ("HmacSHA256", RAW),
            "des": ("DES", RAW[:8]),
            "desede": ("DESede", RAW),
            "pbe": ("PBEWithMD5AndDES", b"typed"),
        }
        assert expected == secrets
        (locked,) = keystore.locked
        assert isinstance(locked, LockedEntry)
        assert ("public", AlgorithmUnsupported) == (locked.alias, type(locked.why))


def test_aliases_fall_to_lower_case_as_in_java(java):
    """Also where one letter becomes two, and where a sigma ends a word."""
    # Letters that both know: Unicode has grown since.
    text = "".join(map(chr, range(1, 0x2C00))) + " ΑΣ ΑΣ. İI ﬀ Ⅷ 𐐀"
    assert text.lower() == unspelled(java("lower", spelled(text))[0][0])


def test_a_password_that_java_refuses_for_jceks_is_refused():
    """Its keys take printable ASCII only."""
    store = Keystore((IdentityEntry("server", KEY_DER, CHAIN),), Format.PEM)
    with pytest.raises(PasswordUnusable, match="JCEKS"):
        dump(store, "jceks", "pässwörd")
