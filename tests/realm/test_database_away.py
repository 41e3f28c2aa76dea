"""A database that is taken away, comes back, or is replaced while a process has it open."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from twoway.errors import RealmAbsent, RealmDamaged
from twoway.realm import clients
from twoway.realm.database import FILE, Watch
from twoway.realm.realm import Realm


@pytest.fixture
def away(realm: Realm) -> Path:
    """Where the realm is moved to."""
    return realm.directory.with_name("away")


def names(realm: Realm) -> list[str]:
    """The clients of a realm."""
    with realm.reading() as connection:
        return [one.name for one in clients.clients(connection)]


def add(realm: Realm, client: str) -> None:
    """Add a client."""
    with realm.changing("test") as change:
        clients.add(change, client)


def test_database_that_is_gone_is_not_read(realm: Realm, away: Path) -> None:
    """An open file could be read for ever, and would never change again."""
    realm.revisions()
    realm.directory.rename(away)
    with pytest.raises(RealmAbsent):
        realm.revisions()


def test_database_that_is_gone_is_not_made_anew(realm: Realm, away: Path) -> None:
    """An empty one in its place would be in the way of the true one."""
    realm.revisions()
    realm.directory.rename(away)
    realm.directory.mkdir()
    with pytest.raises(RealmAbsent):
        realm.revisions()
    assert [] == list(realm.directory.iterdir())


def test_database_that_comes_back_is_read_again(realm: Realm, away: Path) -> None:
    """Nothing has to be started again."""
    add(realm, "globex")
    realm.directory.rename(away)
    with pytest.raises(RealmAbsent):
        names(realm)
    away.rename(realm.directory)
    add(realm, "initech")
    assert ["globex", "initech"] == names(realm)


def test_database_that_was_replaced_is_the_one_that_is_read(realm: Realm, away: Path) -> None:
    """A backup that was brought back counts from then on."""
    add(realm, "globex")
    shutil.copytree(realm.directory, away)
    add(realm, "initech")
    before = names(realm)
    realm.directory.rename(realm.directory.with_name("older"))
    away.rename(realm.directory)
    assert (["globex", "initech"], ["globex"]) == (before, names(realm))


def test_rubbish_in_its_place_is_told(realm: Realm, away: Path) -> None:
    """A file that is no database is damage, and the true one counts when it is back."""
    realm.revisions()
    realm.directory.rename(away)
    realm.directory.mkdir()
    (realm.directory / FILE).write_bytes(b"rubbish" * 1000)
    with pytest.raises(RealmDamaged):
        names(realm)
    shutil.rmtree(realm.directory)
    away.rename(realm.directory)
    assert [] == names(realm)


def test_watch_sees_a_database_that_was_replaced(realm: Realm, away: Path) -> None:
    """It is looked at as if it had been written to."""
    watch = Watch(realm.directory)
    watch.changed()
    shutil.copytree(realm.directory, away)
    before = watch.changed()
    realm.directory.rename(realm.directory.with_name("older"))
    away.rename(realm.directory)
    assert (False, True, False) == (before, watch.changed(), watch.changed())


def test_watch_says_that_the_database_is_gone_and_sees_it_come_back(realm: Realm, away: Path) -> None:
    """It may have been written to elsewhere meanwhile."""
    watch = Watch(realm.directory)
    watch.changed()
    realm.directory.rename(away)
    with pytest.raises(RealmAbsent):
        watch.changed()
    away.rename(realm.directory)
    assert watch.changed()


def test_any_name_of_a_directory_will_do(tmp_path: Path) -> None:
    """Characters that mean something in an address mean nothing in a path."""
    with Realm.create(tmp_path / "100% sure? #1 & co", name="Acme", at=datetime.now(UTC)) as realm:
        watch = Watch(realm.directory)
        watch.changed()
        add(realm, "globex")
        assert (["globex"], True) == (names(realm), watch.changed())
