"""Clients and what they may call."""

from __future__ import annotations

import pytest

from twoway.errors import IllegalTransition, NameRefused, NameTaken, NotInRealm
from twoway.realm import bindings, clients, gateways, services


def found(realm, name):
    """A client as the list shows it."""
    with realm.reading() as connection:
        return clients.summary(connection, name)


def test_client_is_added_with_its_services(realm, globex):
    """Active at once."""
    listed = found(realm, globex)
    assert ("globex", "active", ("orders",)) == (listed.name, listed.state, listed.allowed)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-",
        "deny",
        "anonymous",
        "unknown",
        "Globex",
        "glo bex",
        "globex\n",
        ".globex",
        "g" * 64,
        "glöbex",
        "a/b",
    ],
)
def test_name_that_means_something_else_is_refused(changing, name):
    """Names go into headers, certificates and the gateway's map."""
    with pytest.raises(NameRefused), changing() as change:
        clients.add(change, name)


@pytest.mark.parametrize("name", ["globex", "0", "a.b-c_d", "g" * 63])
def test_plain_name_is_taken(changing, name):
    """Up to 63 characters."""
    with changing() as change:
        assert name == clients.add(change, name).name


def test_name_is_given_once(changing, globex):
    """A second client of that name is refused."""
    with pytest.raises(NameTaken), changing() as change:
        clients.add(change, globex)


def test_unknown_client_is_told(realm):
    """With the noun."""
    with pytest.raises(NotInRealm, match="no client named hooli"):
        found(realm, "hooli")


def test_unknown_service_is_told(changing, globex):
    """A permission is for a service that is there."""
    with pytest.raises(NotInRealm, match="no service named billing"), changing() as change:
        clients.allow(change, globex, "billing")


def test_permission_comes_and_goes(realm, changing, globex):
    """Each once, however often it is said."""
    for _ in range(2):
        with changing() as change:
            clients.deny(change, globex, "orders")
    assert () == found(realm, globex).allowed
    for _ in range(2):
        with changing() as change:
            clients.allow(change, globex, "orders")
    assert ("orders",) == found(realm, globex).allowed


def test_permission_that_is_there_changes_nothing(realm, changing, globex):
    """Not even the revision."""
    before = realm.revisions()
    with changing() as change:
        clients.allow(change, globex, "orders")
    assert before == realm.revisions()


def test_suspended_client_is_let_in_by_nothing(realm, changing, globex):
    """Its bindings stay, its fingerprints leave the gateway; both come back with it."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    with changing() as change:
        clients.suspend(change, globex)
    with realm.reading() as connection:
        view = gateways.view(connection)
    assert ([], {}) == (view.leaves, view.permissions)
    assert [issued.certificate.sha256] == [ended.sha256 for ended in view.ended]
    with changing() as change:
        clients.resume(change, globex)
    with realm.reading() as connection:
        view = gateways.view(connection)
    assert [issued.certificate.sha256] == [leaf.sha256 for leaf in view.leaves]
    assert () == view.ended


def test_suspended_client_is_not_suspended_again(changing, globex):
    """The lifecycle has no such move."""
    with changing() as change:
        clients.suspend(change, globex)
    with pytest.raises(IllegalTransition), changing() as change:
        clients.suspend(change, globex)


def test_removed_client_leaves_nothing_active(realm, changing, globex):
    """What we issued is revoked, and the name is free."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    with changing() as change:
        clients.remove(change, globex)
    with realm.reading() as connection:
        view = gateways.view(connection)
        assert () == clients.clients(connection)
        assert ["removed"] == [client.state for client in clients.clients(connection, removed=True)]
        candidates = gateways.candidates(
            connection,
            sha256=issued.certificate.sha256,
            spki_sha256=issued.certificate.spki_sha256,
            issuer=issued.certificate.issuer,
            serial_hex=issued.certificate.serial_hex,
        )
    assert [] == view.leaves
    assert ("revoked", "removed") == (candidates.exact[0].state, candidates.exact[0].client_state)
    with changing() as change:
        assert clients.add(change, globex).id != issued.binding.client_id


def test_list_counts_bindings(realm, changing, globex, initech):
    """By state, with the first end of an active one."""
    with changing() as change:
        first = bindings.issue(change, globex, days=10)
        bindings.issue(change, globex, days=20)
        third = bindings.issue(change, globex, days=5)
        bindings.retire(change, globex, third.binding.id)
    with realm.reading() as connection:
        listed = clients.clients(connection)
    assert ["globex", "initech"] == [client.name for client in listed]
    assert [{"active": 2, "retired": 1}, {}] == [client.bindings for client in listed]
    assert [first.certificate.not_after, None] == [client.not_after for client in listed]


def test_removed_service_takes_its_permissions_along(realm, changing, globex):
    """Nothing is left of it."""
    with changing() as change:
        services.remove(change, "orders")
    assert () == found(realm, globex).allowed
