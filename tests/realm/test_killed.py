"""kill -9 at two hundred random points: the realm is as before or as after, and no key is on the disk in clear."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.realm import killing
from tests.x509.pki import AT
from twoway.realm import audit, authorities, bindings, clients, gateways, services, vault
from twoway.realm.realm import Realm
from twoway.x509.keys import load_own_key

INIT_KILLS, ISSUE_KILLS, REVOKE_KILLS = 70, 65, 65

# How keys begin that lie in clear: PKCS#8 and SEC 1 of P-256, PKCS#8 of RSA, and any PEM.
KEY_MARKS = (
    bytes.fromhex("020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420"),
    bytes.fromhex("30770201010420"),
    bytes.fromhex("020100300d06092a864886f70d0101010500"),
    b"PRIVATE KEY",
)


def files_under(directory: Path) -> list[Path]:
    """Every file, those of killed inits included."""
    return [path for path in directory.rglob("*") if path.is_file()]


def assert_no_key_in_clear(directory: Path) -> None:
    """No file holds anything that looks like a private key."""
    for path in files_under(directory):
        data = path.read_bytes()
        assert not [mark.hex() for mark in KEY_MARKS if mark in data], path


def assert_sound(directory: Path) -> None:
    """The realm opens, its audit holds, and every certificate has its place."""
    with Realm.open(directory) as realm:
        audit.verify(realm)
        with realm.reading() as connection:
            issued = authorities.certificates(connection)
            written = [entry for entry in audit.entries(connection) if entry.action == "certificate.issue"]
            assert ["ok"] == list(connection.exec_driver_sql("PRAGMA integrity_check").scalars())
        assert [record.serial_hex for record in issued] == [entry.subject for entry in written]


@pytest.fixture
def acme(realm, changing):
    """The realm's directory, with a service and a client to issue for; closed."""
    with changing() as change:
        services.add(change, "orders", "http://127.0.0.1:8080")
        clients.add(change, "globex", allow=["orders"])
    realm.close()
    return realm.directory


def test_killed_init_leaves_a_whole_realm_or_none(tmp_path):
    """What is left over holds no key, and goes with the next init."""
    killer = killing.Killer(killing.init, [(tmp_path / f"rehearsal{number}",) for number in range(3)])
    directory = tmp_path / "realm"
    whole = 0
    for _ in range(INIT_KILLS):
        killer.kill(directory)
        assert_no_key_in_clear(tmp_path)
        if directory.exists():
            assert_sound(directory)
            shutil.rmtree(directory)
            whole += 1
    killing.init(directory)
    assert {"realm", "rehearsal0", "rehearsal1", "rehearsal2"} == {path.name for path in tmp_path.iterdir()}
    assert killer.killed > INIT_KILLS // 4
    assert whole < INIT_KILLS


def test_killed_issue_leaves_no_unknown_certificate(tmp_path, acme):
    """Whatever was handed out is in the realm, bound and written into the audit."""
    out = tmp_path / "out"
    out.mkdir()
    rehearsals = [(acme, "globex", out / f"rehearsal{number}") for number in range(3)]
    killer = killing.Killer(killing.issue, rehearsals)
    for number in range(ISSUE_KILLS):
        killer.kill(acme, "globex", out / str(number))
        assert_sound(acme)
    with Realm.open(acme) as realm, realm.reading() as connection:
        bound = {record.der for record in bindings.bindings(connection, "globex")}
        issued = {record.der for record in authorities.certificates(connection) if record.client_id}
    handed_out = {path.read_bytes() for path in out.iterdir()} - {b""}
    assert bound == issued
    assert handed_out <= issued
    assert killer.killed > ISSUE_KILLS // 4
    assert_no_key_in_clear(acme)


def test_killed_revocation_is_whole_or_none(acme):
    """Bindings, certificates and what gateways are told move together."""
    names = [f"client{number}" for number in range(REVOKE_KILLS + 3)]
    with Realm.open(acme) as realm, realm.changing("test", at=AT) as change:
        for name in names:
            clients.add(change, name, allow=["orders"])
            for _ in range(3):
                bindings.issue(change, name)
    killer = killing.Killer(killing.revoke, [(acme, name) for name in names[-3:]])
    for name in names[:REVOKE_KILLS]:
        killer.kill(acme, name)
        assert_sound(acme)
        with Realm.open(acme) as realm, realm.reading() as connection:
            found = bindings.bindings(connection, name)
            ended = {one.sha256 for one in gateways.ended_since(connection, 0)}
            revoked = {record.sha256 for record in authorities.certificates(connection, state="revoked")}
        all_of_it = {record.sha256 for record in found}
        assert {"active"} == {record.state for record in found} or all_of_it <= ended & revoked
        assert {"revoked"} == {record.state for record in found} or not all_of_it & (ended | revoked)
    assert killer.killed > REVOKE_KILLS // 4


def test_keys_are_on_the_disk_in_no_form(realm, acme):
    """Neither a CA's nor a server's: not as DER, not as PEM, not the bare number."""
    with Realm.open(acme) as opened, opened.reading() as connection:
        keys = [
            load_own_key(opened.keys.unseal(connection, record.key_secret_id, f"authority {record.name}"))
            for record in authorities.authorities(connection)
        ]
        keys += [vault.identity(opened.keys, connection, entry).key for entry in vault.entries(connection)]
    assert 3 == len(keys)
    data = b"".join(path.read_bytes() for path in files_under(acme))
    for key in keys:
        forms = [
            key.private_bytes(encoding, form, NoEncryption())
            for encoding in (Encoding.DER, Encoding.PEM)
            for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL)
        ]
        assert isinstance(key, EllipticCurvePrivateKey)
        forms.append(key.private_numbers().private_value.to_bytes(32, "big"))
        assert not [form for form in forms if form in data]
    assert_no_key_in_clear(acme)
