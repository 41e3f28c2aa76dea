"""NSS, which is Firefox's and Chromium's on Linux, reads what is written here, and the other way round."""

import subprocess

import pytest

from tests.keystores.material import CHAIN, IDENTITY, KEY_DER, PASSWORD, TRUSTED, store
from twoway.keystores import dump, load


@pytest.fixture
def nss(real_part, tmp_path):
    """Run pk12util or certutil on a new database without a password."""
    programs = {name: real_part(name) for name in ("pk12util", "certutil")}

    def run(name, *arguments):
        done = subprocess.run(
            [programs[name], *arguments, "-d", f"sql:{tmp_path}"], capture_output=True, check=False
        )
        assert 0 == done.returncode, (done.stdout + done.stderr).decode()
        return done.stdout.decode()

    run("certutil", "-N", "--empty-password")
    return run


@pytest.mark.parametrize("profile", ["modern", "compat"])
def test_nss_takes_and_gives_back_an_identity(nss, tmp_path, profile):
    """The key and its whole chain, through the database of a browser."""
    file, back = tmp_path / "in.p12", tmp_path / "out.p12"
    file.write_bytes(dump(store(IDENTITY), "pkcs12", PASSWORD, profile))
    nss("pk12util", "-i", str(file), "-W", PASSWORD)
    nss("pk12util", "-o", str(back), "-n", "server", "-W", PASSWORD)
    (entry,) = load(back.read_bytes(), PASSWORD).identities
    assert (KEY_DER, CHAIN) == (entry.key_der, entry.certificates)


def test_nss_lists_a_truststore(nss, tmp_path):
    """Oracle's attribute is in nobody's way."""
    file = tmp_path / "trust.p12"
    file.write_bytes(dump(store(TRUSTED), "pkcs12", PASSWORD, "java-trust"))
    assert "CN=Stranger" in nss("pk12util", "-l", str(file), "-W", PASSWORD)


@pytest.mark.parametrize(
    "ciphers",
    [
        (),
        ("-c", "AES-128-CBC"),
        ("-c", "PKCS #12 V2 PBE With SHA-1 And 3KEY Triple DES-CBC"),
        ("-c", "PKCS #12 V2 PBE With SHA-1 And 40 Bit RC2 CBC"),
    ],
    ids=["default", "aes-128", "3des", "rc2-40"],
)
def test_every_encryption_of_nss_is_read(nss, tmp_path, ciphers):
    """Whatever the browser was told to use."""
    file, back = tmp_path / "in.p12", tmp_path / "out.p12"
    file.write_bytes(dump(store(IDENTITY), "pkcs12", PASSWORD))
    nss("pk12util", "-i", str(file), "-W", PASSWORD)
    nss("pk12util", "-o", str(back), "-n", "server", "-W", PASSWORD, *ciphers)
    assert [KEY_DER] == [entry.key_der for entry in load(back.read_bytes(), PASSWORD).identities]
