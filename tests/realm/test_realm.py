"""A realm is made whole or not at all, and opened with a clear answer."""

from __future__ import annotations

import sqlite3
import stat
import threading

import pytest

from tests.x509.pki import AT
from twoway.errors import (
    NameRefused,
    NotInRealm,
    RealmAbsent,
    RealmBusy,
    RealmDamaged,
    RealmDirectoryOccupied,
    RealmExists,
    RealmNewer,
    RealmUnwritable,
)
from twoway.realm import authorities, clients, database
from twoway.realm.realm import Realm
from twoway.x509.certificates import Certificate


def test_new_realm_has_a_root_and_an_issuing_ca(realm):
    """The issuing CA is signed by the root."""
    with realm.reading() as connection:
        root, issuing = authorities.authorities(connection)
    assert ("root", "issuing") == (root.name, issuing.name)
    assert Certificate(issuing.der).signed_by(Certificate(root.der))


def test_only_the_owner_reads_a_realm(realm):
    """Directory, database and unlock key are closed to others."""
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in realm.directory.iterdir()}
    assert 0o700 == stat.S_IMODE(realm.directory.stat().st_mode)
    assert {0o600} == set(modes.values())


def test_realm_is_made_in_an_empty_directory(tmp_path):
    """A directory that was made for it may be there."""
    (tmp_path / "realm").mkdir()
    with Realm.create(tmp_path / "realm", name="Acme", at=AT) as made:
        assert 1 == made.revisions().realm


def test_realm_is_not_made_over_another(realm):
    """What is there stays."""
    with pytest.raises(RealmExists):
        Realm.create(realm.directory, name="Acme", at=AT)


def test_realm_is_not_made_among_other_files(tmp_path):
    """A directory that holds something else is refused."""
    (tmp_path / "notes.txt").touch()
    with pytest.raises(RealmDirectoryOccupied):
        Realm.create(tmp_path, name="Acme", at=AT)


def test_realm_is_not_made_where_there_is_no_directory(tmp_path):
    """The parent has to exist."""
    with pytest.raises(RealmUnwritable):
        Realm.create(tmp_path / "no" / "realm", name="Acme", at=AT)


@pytest.mark.parametrize("name", ["", " Acme", "A" * 65, "Ac\nme"])
def test_realm_has_a_name_that_fits_into_certificates(tmp_path, name):
    """The name is the organisation of every subject."""
    with pytest.raises(NameRefused):
        Realm.create(tmp_path / "realm", name=name, at=AT)


def test_init_cleans_up_after_a_killed_one(tmp_path):
    """What was built beside the realm's place and never finished goes."""
    left = tmp_path / ".realm.init-0123456789abcdef"
    left.mkdir()
    (left / "unlock.key").touch()
    Realm.create(tmp_path / "realm", name="Acme", at=AT).close()
    assert ["realm"] == [path.name for path in tmp_path.iterdir()]


def test_init_leaves_a_running_one_alone(tmp_path):
    """The lock of another init keeps its directory."""
    left = tmp_path / ".realm.init-0123456789abcdef"
    left.mkdir()
    from twoway.realm import realm as module

    with module._locked(left):
        Realm.create(tmp_path / "realm", name="Acme", at=AT).close()
    assert left.exists()


def test_failed_init_leaves_nothing(tmp_path):
    """An error while building removes what was built."""
    with pytest.raises(Exception, match="rsa-1024"):
        Realm.create(tmp_path / "realm", name="Acme", at=AT, algorithm="rsa-1024")
    assert [] == [path.name for path in tmp_path.iterdir()]


def test_absent_realm_is_told(tmp_path):
    """The remedy is init."""
    with pytest.raises(RealmAbsent) as caught:
        Realm.open(tmp_path)
    assert "twoway init" in caught.value.hint


def test_file_that_is_no_database_is_told(tmp_path):
    """A realm.db of other bytes is a damaged realm."""
    (tmp_path / "realm.db").write_bytes(b"no database " * 100)
    with pytest.raises(RealmDamaged):
        Realm.open(tmp_path)


def test_empty_database_is_told(tmp_path):
    """A realm.db without tables is a damaged realm."""
    (tmp_path / "realm.db").touch()
    with pytest.raises(RealmDamaged):
        Realm.open(tmp_path)


def test_realm_of_a_later_version_is_told(realm):
    """An unknown schema is not touched."""
    realm.close()
    with sqlite3.connect(realm.directory / "realm.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(RealmNewer):
        Realm.open(realm.directory)


def test_unreadable_realm_is_told(realm, monkeypatch):
    """A database that cannot be opened is told apart from a damaged one."""
    realm.close()
    (realm.directory / "realm.db").unlink()
    (realm.directory / "realm.db").mkdir()
    with pytest.raises(RealmAbsent):
        Realm.open(realm.directory)


def test_change_raises_the_revision_by_one(realm, changing):
    """However much it changes."""
    before = realm.revisions().realm
    with changing() as change:
        clients.add(change, "globex")
        clients.add(change, "initech")
    assert before + 1 == realm.revisions().realm


def test_change_that_raises_changes_nothing(realm, changing):
    """Rows, audit and revision are one."""
    before = realm.record()
    with pytest.raises(NotInRealm), changing() as change:
        clients.add(change, "globex", allow=["no-such-service"])
    with realm.reading() as connection:
        assert () == clients.clients(connection)
    assert before == realm.record()


def test_change_without_an_audit_entry_is_none(realm, changing):
    """What nobody can be held to is not stored."""
    before = realm.revisions()
    with changing() as change:
        secret_id = change.seal("nothing", b"secret")
    assert before == realm.revisions()
    with realm.reading() as connection:
        assert () == tuple(connection.exec_driver_sql("SELECT id FROM secret WHERE id = ?", (secret_id,)))


def test_reading_does_not_wait_for_a_change(realm, changing):
    """A reader sees the moment before, at once."""
    with changing() as change:
        clients.add(change, "globex")
        with realm.reading() as connection:
            assert () == clients.clients(connection)


def test_reading_sees_one_moment(realm, changing):
    """A change that is stored meanwhile is seen by the next reader only."""
    with realm.reading() as connection:
        clients.clients(connection)
        with changing() as change:
            clients.add(change, "globex")
        assert () == clients.clients(connection)


def test_change_waits_for_another(realm, changing):
    """Two changes at once both happen, one after the other."""
    ready = threading.Event()

    def add_initech():
        ready.set()
        with changing() as change:
            clients.add(change, "initech")

    other = threading.Thread(target=add_initech)
    with changing() as change:
        other.start()
        ready.wait()
        clients.add(change, "globex")
    other.join()
    with realm.reading() as connection:
        assert ["globex", "initech"] == [client.name for client in clients.clients(connection)]


def test_change_that_waits_too_long_says_so(realm, changing, monkeypatch):
    """A lock that is held for seconds ends in an error with a remedy."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    with Realm.open(realm.directory) as other, changing() as change:
        clients.add(change, "globex")
        with pytest.raises(RealmBusy), other.changing("test", at=AT):
            pass


def test_reading_writes_nothing(realm):
    """What a reader's connection would write is rolled back."""
    with realm.reading() as connection:
        connection.exec_driver_sql("UPDATE realm SET name = 'other'")
    assert "Acme" == realm.record().name
