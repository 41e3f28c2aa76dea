"""Issued and pinned certificates: what is bound, what is refused, and how it ends."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.x509.pki import AT, CLIENT, DAY, made, name, rsa_key, twin
from twoway.errors import (
    BundleAmbiguous,
    CertificateBound,
    CertificateNotFound,
    CertificateOnceRevoked,
    CertificateOurs,
    CertificateUnfit,
    IllegalTransition,
    NothingBound,
    NotInRealm,
    RequestUnproven,
    RevocationReasonUnknown,
    TwowayError,
)
from twoway.realm import authorities, bindings, clients, gateways, services
from twoway.x509.certificates import Certificate, pem_bundle
from twoway.x509.keys import new_key
from twoway.x509.names import distinguished_name, subject_alternative_name
from twoway.x509.requests import new_request


def client_certificate(common_name="initech", **options):
    """A sound self-signed client certificate."""
    return made(common_name, usages=[CLIENT], **options)


def accept(changing, client, holder, **options):
    """Accept a holder's certificate and return what came of it."""
    with changing() as change:
        return bindings.accept_certificate(change, client, holder.certificate.pem, **options)


def states(realm, client):
    """The states of a client's bindings."""
    with realm.reading() as connection:
        return [found.state for found in bindings.bindings(connection, client)]


# -- issued ----------------------------------------------------------------------------------------------------------


def test_issued_certificate_is_bound_at_once(realm, changing, globex):
    """Its subject is the client and the realm, whoever asks."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    assert ("active", "issued") == (issued.binding.state, issued.binding.kind)
    assert distinguished_name("CN=globex,O=Acme") == issued.certificate.parsed.subject
    assert issued.certificate.signed_by(issued.chain[0])
    assert issued.key is not None
    assert issued.key.public_key() == issued.certificate.public_key
    with realm.reading() as connection:
        assert [issued.certificate.sha256] == [leaf.sha256 for leaf in gateways.view(connection).leaves]


def test_several_bindings_are_active_at_once(realm, changing, globex):
    """That is how a certificate is rotated."""
    with changing() as change:
        first, second = (bindings.issue(change, globex) for _ in range(2))
    assert ["active", "active"] == states(realm, globex)
    with changing() as change:
        bindings.retire(change, globex, first.binding.id)
    with realm.reading() as connection:
        view = gateways.view(connection)
    assert [second.certificate.sha256] == [leaf.sha256 for leaf in view.leaves]
    assert [first.certificate.sha256] == [ended.sha256 for ended in view.ended]


def test_only_the_key_of_a_request_is_taken(changing, globex):
    """Its subject and its names are told, and not believed."""
    key = new_key()
    wish = new_request(
        key, distinguished_name("CN=admin,O=Acme"), [subject_alternative_name("DNS:admin.acme.com")]
    )
    with changing() as change:
        issued = bindings.issue(change, globex, request=wish, names=["DNS:globex.com"])
    assert issued.key is None
    assert key.public_key() == issued.certificate.public_key
    assert ("DNS:globex.com",) == issued.certificate.san
    assert ("CN=admin,O=Acme", ("DNS:admin.acme.com",)) == (issued.requested_subject, issued.requested_names)


def test_request_without_the_key_is_refused(changing, globex):
    """A signature of another key proves nothing."""
    request = bytearray(new_request(new_key(), distinguished_name("CN=globex")))
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    der = bytearray(x509.load_pem_x509_csr(bytes(request)).public_bytes(Encoding.DER))
    der[-1] ^= 1
    with pytest.raises(RequestUnproven), changing() as change:
        bindings.issue(change, globex, request=bytes(der))


def test_key_may_be_made_before_the_change(changing, globex):
    """A slow one keeps no other writer waiting."""
    key = rsa_key()
    with changing() as change:
        assert key == bindings.issue(change, globex, key=key).key


def test_key_of_another_client_is_not_certified(changing, globex, initech):
    """One key knows one client."""
    holder = client_certificate()
    accept(changing, initech, holder)
    with pytest.raises(CertificateBound), changing() as change:
        bindings.issue(change, globex, key=holder.key)


def test_revoked_key_is_not_certified_again(changing, globex):
    """Not even for its own client."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    with changing() as change:
        bindings.revoke(change, globex)
    with pytest.raises(CertificateOnceRevoked), changing() as change:
        bindings.issue(change, globex, key=issued.key)


def test_every_issued_certificate_is_in_the_realm(realm, changing, globex):
    """By its serial number and by its fingerprint."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    with realm.reading() as connection:
        for wanted in (issued.certificate.serial_hex, issued.certificate.sha256):
            assert issued.certificate.der == authorities.certificate(connection, wanted).der


# -- pinned ----------------------------------------------------------------------------------------------------------


def test_own_certificate_is_pinned(realm, changing, initech):
    """It is known by its fingerprint alone."""
    holder = client_certificate()
    accepted = accept(changing, initech, holder)
    assert ("pinned", "active", holder.certificate.der) == (
        accepted.binding.kind,
        accepted.binding.state,
        accepted.binding.der,
    )
    with realm.reading() as connection:
        assert [holder.certificate.sha256] == [leaf.sha256 for leaf in gateways.view(connection).leaves]


def test_issuers_of_a_bundle_are_kept_in_order(changing, initech):
    """In whatever order they came; the leaf is found."""
    root = made("root", ca=True)
    middle = made("middle", by=root, ca=True)
    leaf = made("leaf", by=middle, usages=[CLIENT])
    bundle = pem_bundle([root.certificate, leaf.certificate, middle.certificate])
    with changing() as change:
        accepted = bindings.accept_certificate(change, initech, bundle)
    found = bindings.certificates_of(accepted.binding)
    assert (leaf.certificate, middle.certificate, root.certificate) == found


def test_two_leaves_are_ambiguous(changing, initech):
    """Which one is meant is not guessed."""
    bundle = pem_bundle([client_certificate(word).certificate for word in ("one", "two")])
    with pytest.raises(BundleAmbiguous), changing() as change:
        bindings.accept_certificate(change, initech, bundle)


def test_file_without_a_certificate_is_told(changing, initech):
    """As any reader of certificates does."""
    with pytest.raises(CertificateNotFound), changing() as change:
        bindings.accept_certificate(change, initech, b"no certificate")


def test_weaknesses_come_as_findings(changing, initech):
    """A warning does not refuse."""
    accepted = accept(changing, initech, client_certificate(end=AT + 10 * DAY))
    assert "client-certificate-expires-soon" in [found.code for found in accepted.findings]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"end": AT - timedelta(hours=1)}, "client-certificate-expired"),
        ({"key_usages": ["key_encipherment"]}, "client-certificate-cannot-sign"),
    ],
)
def test_certificate_that_cannot_work_is_refused(changing, initech, options, code):
    """Unless it is said that it shall be taken despite that."""
    holder = client_certificate(**options)
    with pytest.raises(CertificateUnfit) as caught:
        accept(changing, initech, holder)
    assert code in caught.value.codes
    assert "active" == accept(changing, initech, holder, despite=caught.value.codes.split(",")).binding.state


def test_certificate_knows_one_client(changing, globex, initech):
    """A second client does not get it while it is bound."""
    holder = client_certificate()
    accepted = accept(changing, initech, holder)
    with pytest.raises(CertificateBound, match="initech"):
        accept(changing, globex, holder)
    with changing() as change:
        bindings.retire(change, initech, accepted.binding.id)
    assert "active" == accept(changing, globex, holder).binding.state


def test_certificate_is_bound_once(changing, initech):
    """Not twice to the same client either, nor while it is only proposed."""
    holder = client_certificate()
    accept(changing, initech, holder, proposed=True)
    with pytest.raises(CertificateBound):
        accept(changing, initech, holder)


def test_twin_of_a_bound_certificate_is_refused_to_others(changing, globex, initech):
    """Another signature makes another fingerprint of the same key."""
    holder = client_certificate()
    accept(changing, initech, holder)
    with pytest.raises(CertificateBound), changing() as change:
        bindings.accept_certificate(change, globex, twin(holder.certificate).pem)


def test_renewed_certificate_of_the_same_key_is_accepted(realm, changing, initech):
    """By the client whose key it is."""
    holder = client_certificate()
    accept(changing, initech, holder)
    accept(changing, initech, client_certificate(key=holder.key, serial=2))
    assert ["active", "active"] == states(realm, initech)


def test_revoked_certificate_never_comes_back(changing, globex, initech):
    """To nobody, nor its twin, nor another certificate of its key."""
    holder = client_certificate()
    accept(changing, initech, holder)
    with changing() as change:
        bindings.revoke(change, initech)
    again = (
        holder.certificate,
        twin(holder.certificate),
        client_certificate(key=holder.key, serial=2).certificate,
    )
    for client in (globex, initech):
        for certificate in again:
            with pytest.raises(CertificateOnceRevoked), changing() as change:
                bindings.accept_certificate(change, client, certificate.pem)


def test_certificate_of_our_own_authority_is_not_pinned(changing, globex, initech):
    """It says why; nor is its twin, nor the authority itself."""
    with changing() as change:
        issued = bindings.issue(change, globex)
        ours = (issued.certificate, twin(issued.certificate), *authorities.issuers(change.connection))
    for certificate in ours:
        with pytest.raises(CertificateOurs), changing() as change:
            bindings.accept_certificate(change, initech, certificate.pem)


def test_certificate_that_only_names_our_authority_is_not_ours(changing, initech):
    """A stranger may write our name; it is his signature that counts."""
    stranger = made(distinguished_name("CN=Issuing CA,O=Acme"), ca=True)
    leaf = made("leaf", by=stranger, usages=[CLIENT])
    assert "active" == accept(changing, initech, leaf).binding.state


# -- states ----------------------------------------------------------------------------------------------------------


def test_proposed_binding_has_no_effect_until_it_is_confirmed(realm, changing, initech):
    """Nor is its possession proven then."""
    accepted = accept(changing, initech, client_certificate(), proposed=True)
    with realm.reading() as connection:
        assert [] == gateways.view(connection).leaves
    with changing() as change:
        assert "active" == bindings.confirm(change, initech, accepted.binding.id).state
    with realm.reading() as connection:
        assert 1 == len(gateways.view(connection).leaves)


def test_proposed_binding_is_withdrawn(realm, changing, initech):
    """And then over."""
    accepted = accept(changing, initech, client_certificate(), proposed=True)
    with changing() as change:
        bindings.withdraw(change, initech, accepted.binding.id)
    assert ["withdrawn"] == states(realm, initech)
    with pytest.raises(IllegalTransition), changing() as change:
        bindings.confirm(change, initech, accepted.binding.id)


def test_binding_of_another_client_is_not_found(changing, globex, initech):
    """A number alone opens nothing."""
    accepted = accept(changing, initech, client_certificate())
    with pytest.raises(NotInRealm), changing() as change:
        bindings.retire(change, globex, accepted.binding.id)


def test_revocation_of_one_binding_leaves_the_others(realm, changing, globex):
    """By its number."""
    with changing() as change:
        first, _ = (bindings.issue(change, globex) for _ in range(2))
    with changing() as change:
        revoked = bindings.revoke(change, globex, first.binding.id, reason="superseded")
    assert ["revoked", "active"] == states(realm, globex)
    assert ["superseded"] == [found.reason for found in revoked.bindings]


def test_revocation_of_a_client_takes_everything(realm, changing, globex):
    """Issued, pinned and retired are revoked, proposed is withdrawn; it says how long a stream may go on."""
    with changing() as change:
        first = bindings.issue(change, globex)
        bindings.retire(change, globex, first.binding.id)
        bindings.issue(change, globex)
    accept(changing, globex, client_certificate())
    accept(changing, globex, client_certificate("other"), proposed=True)
    with changing() as change:
        services.edit(change, "orders", max_stream_seconds=60)
    with changing() as change:
        revoked = bindings.revoke(change, globex)
    assert ["revoked", "revoked", "revoked", "withdrawn"] == states(realm, globex)
    assert (60, realm.revisions().realm) == (revoked.max_stream_seconds, revoked.revision)


def test_revoked_issued_certificate_is_revoked_by_its_serial_number(realm, changing, globex):
    """Where the list of revoked certificates finds it."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    with changing() as change:
        bindings.revoke(change, globex, reason="keyCompromise")
    with realm.reading() as connection:
        record = authorities.certificate(connection, issued.certificate.serial_hex)
    assert ("revoked", "keyCompromise", AT) == (record.state, record.reason, record.revoked_at)


def test_revoked_key_takes_all_its_certificates(realm, changing, initech):
    """The one that is named, the renewed one of the same key, and one that is only proposed."""
    holder = client_certificate()
    first = accept(changing, initech, holder)
    accept(changing, initech, client_certificate(key=holder.key, serial=2))
    accept(changing, initech, client_certificate(key=holder.key, serial=3), proposed=True)
    with changing() as change:
        assert 3 == len(bindings.revoke(change, initech, first.binding.id).bindings)
    assert ["revoked", "revoked", "withdrawn"] == states(realm, initech)


def test_revoked_key_goes_at_whichever_client_has_it_now(realm, changing, globex, initech):
    """A certificate that was retired here and bound there is revoked by its history, too."""
    holder = client_certificate()
    accepted = accept(changing, initech, holder)
    with changing() as change:
        bindings.retire(change, initech, accepted.binding.id)
    accept(changing, globex, holder)
    with changing() as change:
        bindings.revoke(change, initech)
    assert (["revoked"], ["revoked"]) == (states(realm, initech), states(realm, globex))


def test_unknown_reason_is_refused(changing, globex):
    """Before anything is done."""
    with pytest.raises(RevocationReasonUnknown), changing() as change:
        bindings.revoke(change, globex, reason="because")


def test_nothing_to_revoke_is_told(changing, globex):
    """A mistyped name should not look like a success."""
    with pytest.raises(NothingBound), changing() as change:
        bindings.revoke(change, globex)


def test_revoked_binding_is_not_revoked_again(changing, globex):
    """The lifecycle has no such move."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    with changing() as change:
        bindings.revoke(change, globex, issued.binding.id)
    with pytest.raises(IllegalTransition), changing() as change:
        bindings.revoke(change, globex, issued.binding.id)


def test_removed_client_frees_what_it_brought(changing, globex, initech):
    """A pinned certificate is retired, not revoked: another client may bring it."""
    holder = client_certificate()
    accept(changing, initech, holder)
    with changing() as change:
        clients.remove(change, initech)
    assert "active" == accept(changing, globex, holder).binding.state


def test_hostile_subject_is_stored_escaped(changing, initech):
    """What is shown later is text of a stranger."""
    accepted = accept(changing, initech, client_certificate(name("evil\x1b[2J")))
    assert "\x1b" not in accepted.binding.subject


def test_damaged_certificate_is_an_error_of_ours(changing, initech):
    """Not of a library."""
    holder = client_certificate()
    damaged = Certificate(holder.certificate.der[:60] + b"\xff" + holder.certificate.der[61:])
    with pytest.raises(TwowayError) as caught, changing() as change:
        bindings.accept_certificate(change, initech, damaged.pem)
    assert caught.value.code


# -- what comes later, and what goes along -----------------------------------------------------------------------------


def test_issuers_are_added_to_a_pinned_certificate(realm, changing, initech):
    """In order, each once; to add them again changes nothing."""
    root = made("root", ca=True)
    middle = made("middle", by=root, ca=True)
    leaf = made("leaf", by=middle, usages=[CLIENT])
    first = accept(changing, initech, leaf).binding
    for issuers in ([middle], [root], [root, middle]):
        bundle = pem_bundle([one.certificate for one in (leaf, *issuers)])
        before = realm.revisions().realm
        with changing() as change:
            accepted = bindings.accept_certificate(change, initech, bundle)
        assert (True, first.id) == (accepted.again, accepted.binding.id)
    expected = (leaf.certificate, middle.certificate, root.certificate)
    assert expected == bindings.certificates_of(accepted.binding)
    assert before == realm.revisions().realm
    assert ["active"] == states(realm, initech)


def test_issuers_are_not_added_to_another_clients_certificate(changing, globex, initech):
    """It is bound already."""
    root = made("root", ca=True)
    leaf = made("leaf", by=root, usages=[CLIENT])
    accept(changing, initech, leaf)
    with pytest.raises(CertificateBound, match="initech"), changing() as change:
        bindings.accept_certificate(change, globex, pem_bundle([leaf.certificate, root.certificate]))


def test_what_a_revocation_ends_is_known_before(realm, changing, globex, initech):
    """What is named, then what goes along, whoever has it; it is what the revocation does then."""
    holder = client_certificate()
    first = accept(changing, initech, holder).binding
    with changing() as change:
        bindings.retire(change, initech, first.id)
    accept(changing, globex, holder)
    accept(changing, globex, client_certificate(key=holder.key, serial=2), proposed=True)
    with realm.reading() as connection:
        going = bindings.to_revoke(connection, initech)
    assert [("initech", "retired"), ("globex", "active"), ("globex", "proposed")] == [
        (one.client, one.binding.state) for one in going
    ]
    with changing() as change:
        revoked = bindings.revoke(change, initech)
    assert [(one.client, one.binding.id) for one in going] == [
        (one.client, one.binding.id) for one in revoked.endings
    ]


def test_key_of_a_proposed_binding_takes_nothing_along(realm, changing, initech):
    """It is withdrawn, not revoked: nothing is said of its key."""
    holder = client_certificate()
    accept(changing, initech, client_certificate("other"))
    accept(changing, initech, holder, proposed=True)
    with realm.reading() as connection:
        assert 2 == len(bindings.to_revoke(connection, initech))
