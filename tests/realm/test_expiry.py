"""What ends soon, in one list."""

from __future__ import annotations

from datetime import timedelta

from tests.x509.pki import AT, CLIENT, DAY, made
from twoway.realm import bindings, endpoints, expiry, vault
from twoway.x509.identity import Identity


def test_all_that_ends_soon_is_listed_by_its_end(realm, changing, globex):
    """Bindings, hosts and endpoints, each with what to do."""
    brought = made("acme", end=AT + 5 * DAY)
    with changing() as change:
        bindings.issue(change, globex, days=20)
        pinned = made("globex", usages=[CLIENT], end=AT + 10 * DAY)
        bindings.accept_certificate(change, globex, pinned.certificate.pem)
        identity = vault.Brought(Identity(brought.key, (brought.certificate,)))
        endpoints.add(change, "partner", "https://api.partner.com", identity=identity)
    with realm.reading() as connection:
        soon = expiry.expiring(connection, AT, 30)
        year = expiry.expiring(connection, AT, 400)
    assert [("endpoint", "partner"), ("binding", "globex"), ("binding", "globex")] == [
        (one.kind, one.name) for one in soon
    ]
    assert ("host", "api.example.com") == (year[-1].kind, year[-1].name)


def test_what_has_ended_and_is_still_bound_is_listed(realm, changing, globex):
    """Until it is retired."""
    with changing() as change:
        issued = bindings.issue(change, globex, days=1)
    late = AT + timedelta(days=2)
    with realm.reading() as connection:
        assert ["globex"] == [one.name for one in expiry.expiring(connection, late, 0)]
    with changing(late) as change:
        bindings.retire(change, globex, issued.binding.id)
    with realm.reading() as connection:
        assert () == expiry.expiring(connection, late, 0)
