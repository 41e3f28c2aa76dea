"""Endpoints: the APIs of partners, with our identity and sealed credentials."""

from __future__ import annotations

import pytest

from tests.x509.pki import made
from twoway.errors import CertificateNotFound, NameRefused, NameTaken, NotInRealm, ValueRefused
from twoway.realm import audit, endpoints, vault
from twoway.realm.endpoints import Basic, Bearer, NoAuth
from twoway.x509.identity import Identity

URL = "https://api.partner.com"


@pytest.fixture
def brought():
    """An identity of ours."""
    holder = made("acme")
    return vault.Brought(Identity(holder.key, (holder.certificate,)))


def add(changing, url=URL, **options):
    """Add an endpoint."""
    with changing() as change:
        return endpoints.add(change, "External_System", url, **options)


def test_endpoint_keeps_its_identity_and_its_password(realm, changing, brought):
    """Sealed, and only for whoever has the realm's key."""
    endpoint = add(changing, identity=brought, auth=Basic("acme", "secret-word"))
    kept = endpoints.identity(realm, endpoint)
    assert kept is not None
    assert brought.identity.certificates == kept.certificates
    assert Basic("acme", "secret-word") == endpoints.auth(realm, endpoint)
    realm.close()
    assert b"secret-word" not in b"".join(path.read_bytes() for path in realm.directory.iterdir())


def test_endpoint_may_have_neither(realm, changing):
    """One-way TLS without authentication."""
    endpoint = add(changing)
    assert endpoints.identity(realm, endpoint) is None
    assert NoAuth() == endpoints.auth(realm, endpoint)


def test_endpoint_may_have_a_token(realm, changing):
    """A bearer token that does not change."""
    assert Bearer("t0ken") == endpoints.auth(realm, add(changing, auth=Bearer("t0ken")))


def test_credentials_are_shown_nowhere(realm, changing):
    """Neither in a representation nor in the audit."""
    add(changing, auth=Basic("acme", "secret-word"))
    with realm.reading() as connection:
        written = " ".join(entry.facts for entry in audit.entries(connection))
    assert "secret-word" not in written + repr(Basic("acme", "secret-word"))


@pytest.mark.parametrize(
    "url", ["http://partner", "https://", "https://u:secret@h", "https://h/?q", "h", "https://h\n"]
)
def test_other_url_is_refused(changing, url):
    """Two-way TLS needs https, and credentials go elsewhere."""
    with pytest.raises(ValueRefused) as caught:
        add(changing, url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a/b", "-a", "a b", "a" * 64, "ä"])
def test_other_name_is_refused(changing, name):
    """It goes into commands and into Python."""
    with pytest.raises(NameRefused), changing() as change:
        endpoints.add(change, name, URL)


def test_trust_holds_certificates(realm, changing):
    """Kept as PEM, without the text around it."""
    ca = made("CA", ca=True).certificate
    assert ca.pem.decode() == add(changing, trust=b"Our CA\n" + ca.pem).trust
    with pytest.raises(CertificateNotFound), changing() as change:
        endpoints.edit(change, "External_System", trust=b"nothing")


def test_edit_keeps_the_rest(realm, changing, brought):
    """And forgets the credentials that it replaces."""
    add(changing, identity=brought, auth=Basic("acme", "old"))
    with changing() as change:
        edited = endpoints.edit(change, "External_System", url=URL + "/v2/", auth=Basic("acme", "new"))
    assert (URL + "/v2", Basic("acme", "new")) == (edited.url, endpoints.auth(realm, edited))
    assert edited.vault_entry_id is not None
    with realm.reading() as connection:
        assert 4 == connection.exec_driver_sql("SELECT count(*) FROM secret").scalar_one()


def test_removed_endpoint_leaves_no_secret_behind(realm, changing, brought):
    """Neither key nor password."""
    add(changing, identity=brought, auth=Basic("acme", "secret"))
    with changing() as change:
        endpoints.remove(change, "External_System")
    with realm.reading() as connection:
        assert ((), ()) == (endpoints.endpoints(connection), vault.entries(connection))
        assert 2 == connection.exec_driver_sql("SELECT count(*) FROM secret").scalar_one()
        with pytest.raises(NotInRealm):
            endpoints.find(connection, "External_System")


def test_name_is_given_once(changing):
    """A name means one endpoint."""
    add(changing)
    with pytest.raises(NameTaken):
        add(changing)
