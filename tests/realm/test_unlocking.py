"""The unlock key: from its file, a passphrase or the environment, and told at once if it is wrong."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.x509.pki import AT
from twoway.errors import UnlockKeyAbsent, UnlockKeyExposed, UnlockKeyMalformed, UnlockKeyWrong
from twoway.realm import audit, clients, unlocking
from twoway.realm.realm import Realm
from twoway.realm.unlocking import Environment, Passphrase, encode_key

KEY = {unlocking.VARIABLE: encode_key(b"k" * 32)}


@pytest.fixture(scope="module")
def by_passphrase(tmp_path_factory):
    """The directory of a realm whose key is derived from a passphrase."""
    directory = tmp_path_factory.mktemp("passphrase") / "realm"
    Realm.create(directory, name="Acme", at=AT, unlock=Passphrase(lambda: b"correct horse")).close()
    return directory


def test_lists_need_no_unlock_key(realm):
    """Only what is sealed or audited asks for it."""
    (realm.directory / "unlock.key").unlink()
    with realm.reading() as connection:
        assert () == clients.clients(connection)


def test_lost_key_file_is_told(realm):
    """A change needs the key."""
    (realm.directory / "unlock.key").unlink()
    with pytest.raises(UnlockKeyAbsent), realm.changing("test", at=AT):
        pass


def test_key_file_that_others_can_read_is_refused(realm):
    """As ssh does."""
    (realm.directory / "unlock.key").chmod(0o640)
    with pytest.raises(UnlockKeyExposed):
        _ = realm.keys


@pytest.mark.parametrize("content", ["", "not base64!", encode_key(b"short"), encode_key(b"k" * 33), "é"])
def test_key_file_of_another_form_is_told(realm, content):
    """Thirty-two bytes in base64 are wanted."""
    (realm.directory / "unlock.key").write_text(content)
    with pytest.raises(UnlockKeyMalformed):
        _ = realm.keys


def test_key_of_another_realm_is_told_at_once(realm):
    """Not by the first secret that does not open."""
    (realm.directory / "unlock.key").write_text(encode_key(b"k" * 32))
    with pytest.raises(UnlockKeyWrong):
        _ = realm.keys


def test_passphrase_opens_its_realm(by_passphrase):
    """The audit's key is derived from it, and nothing lies in a file."""
    with Realm.open(by_passphrase, passphrase=lambda: b"correct horse") as realm:
        assert 4 == audit.verify(realm).count
    assert not (by_passphrase / "unlock.key").exists()


def test_wrong_passphrase_is_told_at_once(by_passphrase):
    """By the verifier."""
    with (
        Realm.open(by_passphrase, passphrase=lambda: b"battery staple") as realm,
        pytest.raises(UnlockKeyWrong),
    ):
        _ = realm.keys


def test_passphrase_is_wanted(by_passphrase):
    """Where nobody can be asked, it is said what is missing."""
    with Realm.open(by_passphrase) as realm, pytest.raises(UnlockKeyAbsent):
        _ = realm.keys


def test_scrypt_parameters_are_stored(by_passphrase):
    """So that stronger ones can come later."""
    with Realm.open(by_passphrase) as realm:
        stored = json.loads(realm.record().unlock_parameters)
    assert {"n": 2**17, "r": 8, "p": 1} == {name: stored[name] for name in "nrp"}


def test_scrypt_parameters_that_take_all_memory_are_refused(by_passphrase, tmp_path):
    """A database from elsewhere does not exhaust the machine."""
    shutil.copytree(by_passphrase, tmp_path / "realm")
    with Realm.open(tmp_path / "realm", passphrase=lambda: b"correct horse") as realm:
        with realm.writing() as connection:
            connection.exec_driver_sql(
                "UPDATE realm SET unlock_parameters = json_set(unlock_parameters, '$.n', 1 << 30)"
            )
        with pytest.raises(UnlockKeyMalformed):
            _ = realm.keys


def test_environment_opens_its_realm(tmp_path):
    """No key is on the disk."""
    Realm.create(tmp_path / "realm", name="Acme", at=AT, unlock=Environment(KEY)).close()
    with Realm.open(tmp_path / "realm", environ=KEY) as realm:
        audit.verify(realm)
    assert ["realm.db"] == [path.name for path in (tmp_path / "realm").iterdir()]


def test_environment_without_the_key_is_told(tmp_path):
    """By the variable's name."""
    with pytest.raises(UnlockKeyAbsent, match="TWOWAY_UNLOCK_KEY"):
        Realm.create(tmp_path / "realm", name="Acme", at=AT, unlock=Environment({}))
