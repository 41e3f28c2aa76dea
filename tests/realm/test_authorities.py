"""Our authorities: revocation by serial number, and lists whose numbers only grow."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography import x509

from tests.x509.pki import AT
from twoway.errors import AuthorityExpired, CertificateOfClient, IllegalTransition, NotInRealm
from twoway.realm import authorities, bindings
from twoway.realm.realm import Realm


def revocation_list(realm, at=AT):
    """The issuing CA's list, parsed."""
    return x509.load_der_x509_crl(authorities.crl(realm, at))


def test_list_names_what_was_revoked(realm, changing, globex):
    """By serial number, with the reason, signed by the issuing CA."""
    with changing() as change:
        issued = bindings.issue(change, globex)
        bindings.issue(change, globex)
        bindings.revoke(change, globex, issued.binding.id, reason="keyCompromise")
    found = revocation_list(realm)
    assert [issued.certificate.serial] == [entry.serial_number for entry in found]
    assert (
        x509.ReasonFlags.key_compromise
        == found[0].extensions.get_extension_for_class(x509.CRLReason).value.reason
    )
    assert found.is_signature_valid(issued.chain[0].public_key)


def test_numbers_of_lists_only_grow(realm):
    """Also where nothing was revoked in between."""
    numbers = [
        revocation_list(realm).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        for _ in range(3)
    ]
    assert [1, 2, 3] == numbers


def test_list_is_no_change(realm):
    """Publishing one raises no revision."""
    before = realm.revisions()
    revocation_list(realm)
    assert before == realm.revisions()


def test_certificate_leaves_the_list_some_time_after_its_end(realm, changing, globex):
    """RFC 5280 wants it on one more list."""
    with changing() as change:
        issued = bindings.issue(change, globex, days=10)
        bindings.revoke(change, globex)
    end = issued.certificate.not_after
    assert 1 == len(list(revocation_list(realm, end + timedelta(days=1))))
    assert 0 == len(list(revocation_list(realm, end + timedelta(days=30))))


def test_certificate_of_a_client_is_revoked_with_its_binding(changing, globex):
    """Alone, it would still be let in."""
    with changing() as change:
        issued = bindings.issue(change, globex)
        record = authorities.certificate(change.connection, issued.certificate.serial_hex)
    with pytest.raises(CertificateOfClient, match="globex"), changing() as change:
        authorities.revoke(change, record)


def test_certificate_is_revoked_once(realm, changing, globex):
    """Its lifecycle has no second time."""
    with changing() as change:
        server = next(one for one in authorities.certificates(change.connection) if one.profile == "server")
        revoked = authorities.revoke(change, server)
    with pytest.raises(IllegalTransition), changing() as change:
        authorities.revoke(change, revoked)


def test_serial_numbers_are_found_as_openssl_writes_them(realm, changing, globex):
    """In upper case, with colons."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    serial = issued.certificate.serial_hex.upper()
    spelled = ":".join(serial[at : at + 2] for at in range(0, len(serial), 2))
    with realm.reading() as connection:
        assert issued.certificate.sha256 == authorities.certificate(connection, spelled).sha256
        with pytest.raises(NotInRealm):
            authorities.certificate(connection, "00")


def test_expired_authority_issues_nothing(changing, globex):
    """And nothing is written down."""
    with pytest.raises(AuthorityExpired), changing(AT + timedelta(days=3651)) as change:
        bindings.issue(change, globex)


@pytest.mark.parametrize("name", ["Acme, Inc.", '#1 "quoted" + <more>; a=b\\c', "Ünïcödé"])
def test_name_of_the_realm_stands_in_the_subject_as_it_is(tmp_path, name):
    """Whatever RFC 4514 makes of its characters."""
    with Realm.create(tmp_path / "realm", name=name, at=AT) as realm, realm.reading() as connection:
        subject = authorities.anchors(connection)[0].parsed.subject
    organisation = subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)[0]
    assert name == organisation.value
