"""Sealed secrets: what was changed, exchanged or put to another use does not open."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text, update

from twoway.errors import SecretDamaged
from twoway.realm import tables


@pytest.fixture
def sealed(realm):
    """The ids of two secrets of the same purpose."""
    with realm.writing() as connection:
        return tuple(realm.keys.seal(connection, "test", data) for data in (b"one", b"two"))


def unsealed(realm, secret_id, purpose="test"):
    """Unseal a secret."""
    with realm.reading() as connection:
        return realm.keys.unseal(connection, secret_id, purpose)


def run(realm, statement, **values):
    """Change the database from outside."""
    with realm.writing() as connection:
        connection.execute(text(statement), values)


def test_secret_comes_back(realm, sealed):
    """What was sealed is unsealed."""
    assert [b"one", b"two"] == [unsealed(realm, secret_id) for secret_id in sealed]


def test_secret_is_not_in_the_database(realm, sealed):
    """Nothing of it lies there in clear."""
    with realm.reading() as connection:
        row = connection.execute(text("SELECT * FROM secret WHERE id = :id"), {"id": sealed[0]}).one()
    assert not any(b"one" in value for value in row if isinstance(value, bytes))


@pytest.mark.parametrize("column", ["wrapped_key", "sealed"])
def test_changed_secret_does_not_open(realm, sealed, column):
    """One bit is enough."""
    with realm.writing() as connection:
        chosen = tables.secret.c[column]
        row = tables.secret.c.id == sealed[0]
        data = connection.execute(select(chosen).where(row)).scalar_one()
        flipped = data[:-1] + bytes([data[-1] ^ 1])
        connection.execute(update(tables.secret).where(row).values({column: flipped}))
    with pytest.raises(SecretDamaged):
        unsealed(realm, sealed[0])


def test_cut_secret_does_not_open(realm, sealed):
    """Too short for a nonce is damaged, too."""
    run(realm, "UPDATE secret SET sealed = x'00' WHERE id = :id", id=sealed[0])
    with pytest.raises(SecretDamaged):
        unsealed(realm, sealed[0])


def test_exchanged_secrets_do_not_open(realm, sealed):
    """Two whole records that change places are found."""
    run(
        realm,
        "UPDATE secret SET (wrapped_key, sealed) = "
        "(SELECT wrapped_key, sealed FROM secret WHERE id = :other) WHERE id = :id",
        id=sealed[0],
        other=sealed[1],
    )
    with pytest.raises(SecretDamaged):
        unsealed(realm, sealed[0])


def test_secret_of_another_purpose_does_not_open(realm, sealed):
    """A reference that was bent to another's secret is found by its purpose."""
    with pytest.raises(SecretDamaged):
        unsealed(realm, sealed[0], "something else")


def test_lost_secret_is_told(realm):
    """A reference to nothing is damage, not a crash."""
    with pytest.raises(SecretDamaged):
        unsealed(realm, "0" * 32)


def test_every_secret_has_a_data_key_of_its_own(realm):
    """The same secret sealed twice has nothing in common."""
    with realm.writing() as connection:
        one, two = (realm.keys.seal(connection, "test", b"same") for _ in range(2))
        query = select(tables.secret.c.wrapped_key, tables.secret.c.sealed)
        rows = [connection.execute(query.where(tables.secret.c.id == found)).one() for found in (one, two)]
    assert set(rows[0]).isdisjoint(rows[1])


def test_keys_do_not_show_themselves(realm):
    """No representation prints the unlock key."""
    assert repr(realm.keys.unlock_key) not in repr(realm.keys)
