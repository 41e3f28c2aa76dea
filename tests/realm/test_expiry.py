"""What ends soon, in one list."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.x509 import DNSName

from tests.x509.pki import AT, CLIENT, DAY, made
from twoway import keystores
from twoway.keystores import Format, IdentityEntry, Keystore
from twoway.realm import bindings, endpoints, expiry, services, vault
from twoway.x509.identity import Identity
from twoway.x509.keys import private_der


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


@pytest.mark.parametrize("order", [("key.pem", "certificate.pem"), ("certificate.pem", "key.pem")])
def test_watched_certificate_is_named_by_its_file(tmp_path, realm, changing, order):
    """Not by its key's, whichever was named first."""
    holder = made("a.example", names=[DNSName("a.example")], end=AT + DAY)
    entry = IdentityEntry("one", private_der(holder.key), (holder.certificate,))
    both = keystores.dump(Keystore((entry,), Format.PKCS12), "pem")
    key, mark, rest = both.partition(b"-----BEGIN CERTIFICATE")
    (tmp_path / "key.pem").write_bytes(key)
    (tmp_path / "certificate.pem").write_bytes(mark + rest)
    with changing() as change:
        given = vault.read([tmp_path / name for name in order])
        options = services.ServiceOptions(host="a.example")
        services.add(change, "orders", "http://127.0.0.1:8080", options=options, identity=given)
    with realm.reading() as connection:
        (soon,) = expiry.expiring(connection, AT, 30)
    assert f"renew {tmp_path / 'certificate.pem'}, which is watched" == soon.remedy
