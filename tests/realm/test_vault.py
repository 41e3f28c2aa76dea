"""The vault: identities at rest, and files that are watched."""

from __future__ import annotations

import pytest

from tests.x509.pki import made
from twoway import keystores
from twoway.errors import IdentitySourceUnreadable, NotInRealm, SecretDamaged
from twoway.keystores import Format, IdentityEntry, Keystore
from twoway.realm import vault
from twoway.x509.identity import Identity
from twoway.x509.keys import private_der


def pem_of(holder):
    """Key and certificate in one PEM file."""
    return keystores.dump(keystore_of(holder), "pem")


def keystore_of(holder, alias="one"):
    """A keystore of one identity."""
    return Keystore((IdentityEntry(alias, private_der(holder.key), (holder.certificate,)),), Format.PKCS12)


def taken(realm, entry):
    """The identity of an entry."""
    with realm.reading() as connection:
        return vault.identity(realm.keys, connection, entry)


@pytest.fixture
def put(changing):
    """Put what was brought under a name."""

    def put(brought, name="a.example"):
        with changing() as change:
            return vault.put(change, "gateway", name, brought)

    return put


def test_identity_comes_back(realm, put):
    """Key and chain."""
    holder = made("a.example", by=made("CA", ca=True))
    given = Identity(holder.key, (holder.certificate,))
    assert given.certificates == taken(realm, put(vault.Brought(given))).certificates


def test_watched_file_that_changes_is_seen(tmp_path, put):
    """And only then."""
    file = tmp_path / "identity.pem"
    file.write_bytes(pem_of(made("a.example")))
    entry = put(vault.read([file]))
    assert not vault.source_changed(entry)
    file.write_bytes(pem_of(made("a.example", serial=2)))
    assert vault.source_changed(entry)
    assert not vault.source_changed(put(vault.read([file])))


def test_entry_is_given_as_it_was_brought(tmp_path, realm, put):
    """With all that opens its files again."""
    file = tmp_path / "identity.p12"
    file.write_bytes(keystores.dump(keystore_of(made("a.example"), "two"), "pkcs12", b"secret"))
    given = vault.read([file], b"secret", alias="two")
    entry = put(given)
    with realm.reading() as connection:
        taken = vault.as_brought(realm.keys, connection, entry)
    assert given.identity.certificates == taken.identity.certificates
    assert ((str(file),), given.digest, b"secret", "two") == (
        taken.paths,
        taken.digest,
        taken.password,
        taken.alias,
    )


def test_password_of_a_watched_keystore_is_sealed(tmp_path, realm, put):
    """Nothing of it lies in the database in clear."""
    file = tmp_path / "identity.p12"
    file.write_bytes(keystores.dump(keystore_of(made("a.example")), "pkcs12", b"a very secret password"))
    put(vault.read([file], b"a very secret password"))
    realm.close()
    assert b"very secret" not in b"".join(path.read_bytes() for path in realm.directory.iterdir())


def test_key_and_certificate_may_lie_in_two_files(tmp_path, realm, put):
    """As certbot leaves them; the certificate's is the one to name."""
    files = [tmp_path / "privkey.pem", tmp_path / "fullchain.pem"]
    holder = made("a.example")
    key, _, certificate = pem_of(holder).partition(b"-----BEGIN CERTIFICATE")
    files[0].write_bytes(key)
    files[1].write_bytes(b"-----BEGIN CERTIFICATE" + certificate)
    entry = put(vault.read(files))
    assert holder.certificate == taken(realm, entry).leaf
    assert (str(files[1]), str(files[0])) == entry.source_paths
    assert not vault.source_changed(entry)


def test_lost_file_is_told(tmp_path, put):
    """By its name."""
    file = tmp_path / "identity.pem"
    file.write_bytes(pem_of(made("a.example")))
    entry = put(vault.read([file]))
    file.unlink()
    with pytest.raises(IdentitySourceUnreadable, match=r"identity\.pem"):
        vault.source_changed(entry)


def test_replaced_identity_leaves_no_secret_behind(realm, changing, put):
    """Its sealed key goes with it."""
    for serial in (1, 2, 3):
        holder = made("a.example", serial=serial)
        entry = put(vault.Brought(Identity(holder.key, (holder.certificate,))))
    with realm.reading() as connection:
        assert 3 == connection.exec_driver_sql("SELECT count(*) FROM secret").scalar_one()
    with changing() as change:
        vault.remove(change, entry)
    with realm.reading() as connection:
        assert 2 == connection.exec_driver_sql("SELECT count(*) FROM secret").scalar_one()
        with pytest.raises(NotInRealm):
            vault.find(connection, "gateway", "a.example")


def test_exchanged_keys_are_found(realm, put):
    """Two entries whose references were exchanged do not open."""
    one, two = (put(vault.Brought(Identity(h.key, (h.certificate,))), h_name) for h, h_name in _holders())
    with realm.writing() as connection:
        for entry, other in ((one, two), (two, one)):
            connection.exec_driver_sql(
                "UPDATE vault_entry SET key_secret_id = ? WHERE id = ?", (other.key_secret_id, entry.id)
            )
    with realm.reading() as connection:
        bent = vault.entry(connection, one.id)
    with pytest.raises(SecretDamaged):
        taken(realm, bent)


def _holders():
    return [(made(name), name) for name in ("a.example", "b.example")]
