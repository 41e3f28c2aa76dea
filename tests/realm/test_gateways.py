"""What gateways read, learn and acknowledge."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.x509.pki import AT, CLIENT, DAY, made, twin
from twoway.realm import bindings, clients, gateways, services

RULE = "DNS:*.umbrella.com"
LATER = AT + 30 * DAY


@pytest.fixture
def partner(changing, globex):
    """The binding of a partner CA of globex."""
    with changing() as change:
        ca = made("Umbrella CA", ca=True)
        return bindings.accept_authority(change, globex, ca.certificate.pem, rule=RULE).binding


def learn(realm, partner, sha256="ab" * 32, revision=None, **values):
    """Learn a fingerprint that was decided on at a revision."""
    values = {"not_after": LATER, "at": AT} | values
    decided = realm.revisions().realm if revision is None else revision
    with realm.writing() as connection:
        return gateways.learn(
            connection, sha256, partner.id, spki_sha256="cd" * 32, decided_revision=decided, **values
        )


def view(realm):
    """The gateway's view."""
    with realm.reading() as connection:
        return gateways.view(connection)


def candidates(realm, certificate):
    """What has to do with a presented certificate."""
    with realm.reading() as connection:
        return gateways.candidates(
            connection,
            sha256=certificate.sha256,
            spki_sha256=certificate.spki_sha256,
            issuer=certificate.issuer,
            serial_hex=certificate.serial_hex,
        )


# -- the view --------------------------------------------------------------------------------------------------------


def test_view_joins_fingerprints_and_services(realm, changing, globex):
    """By the client's id."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    seen = view(realm)
    leaf = seen.leaves[0]
    assert (issued.certificate.sha256, "globex", issued.certificate.not_after) == (
        leaf.sha256,
        leaf.client,
        leaf.not_after,
    )
    assert frozenset({seen.services[0].id}) == seen.permissions[leaf.client_id]
    assert realm.revisions().realm == seen.revision


def test_lost_permission_ends_on_that_service_only(realm, changing, globex):
    """And is over when it is given back."""
    with changing() as change:
        issued = bindings.issue(change, globex)
        service = services.add(
            change, "billing", "http://127.0.0.1:1", options=services.ServiceOptions(path="/billing")
        )
        clients.allow(change, globex, "billing")
    with changing() as change:
        clients.deny(change, globex, "billing")
    assert [(issued.certificate.sha256, service.id)] == [
        (one.sha256, one.service_id) for one in view(realm).ended
    ]
    with changing() as change:
        clients.allow(change, globex, "billing")
    assert () == view(realm).ended


def test_certificate_that_moves_to_another_client_keeps_no_old_right(realm, changing, globex, initech):
    """On the services that only the first one may call, it stays refused."""
    holder = made("x", usages=[CLIENT])
    with changing() as change:
        orders = services.find(change.connection, "orders")
        clients.deny(change, initech, "orders")
        bindings.accept_certificate(change, globex, holder.certificate.pem)
    with changing() as change:
        clients.remove(change, globex)
        bindings.accept_certificate(change, initech, holder.certificate.pem)
        services.add(change, "billing", "http://127.0.0.1:1")
        clients.allow(change, initech, "billing")
    assert [(holder.certificate.sha256, orders.id)] == [
        (one.sha256, one.service_id) for one in view(realm).ended
    ]


def test_what_has_ended_is_read_from_a_revision_on(realm, changing, globex):
    """So that a revocation's push is as small as the revocation."""
    with changing() as change:
        first, second = (bindings.issue(change, globex) for _ in range(2))
    with changing() as change:
        bindings.revoke(change, globex, first.binding.id)
    revision = realm.revisions().realm
    with changing() as change:
        bindings.revoke(change, globex, second.binding.id)
    with realm.reading() as connection:
        assert [second.certificate.sha256] == [
            one.sha256 for one in gateways.ended_since(connection, revision)
        ]


def test_old_endings_are_dropped(realm, changing, globex):
    """After which no gateway's lease still allows them."""
    with changing() as change:
        first, second = (bindings.issue(change, globex) for _ in range(2))
    with changing() as change:
        bindings.revoke(change, globex, first.binding.id)
    with changing(AT + timedelta(hours=49)) as change:
        bindings.revoke(change, globex, second.binding.id)
    assert [second.certificate.sha256] == [one.sha256 for one in view(realm).ended]


# -- candidates ------------------------------------------------------------------------------------------------------


def test_candidates_know_the_client_and_its_services(realm, changing, globex):
    """For the allowed certificate."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    found = candidates(realm, issued.certificate)
    exact = found.exact[0]
    assert ("active", "globex", "active", frozenset({"orders"})) == (
        exact.state,
        exact.client,
        exact.client_state,
        exact.services,
    )
    assert [issued.certificate.der] == [record.der for record in found.issued]
    assert ((), ()) == (found.same_key, found.same_serial)


def test_twin_of_a_revoked_certificate_is_recognised(realm, changing, globex):
    """By its key, and by authority and serial number, though its fingerprint is new."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    with changing() as change:
        bindings.revoke(change, globex)
    found = candidates(realm, twin(issued.certificate))
    assert () == found.exact
    assert ["revoked"] == [candidate.state for candidate in found.same_key]
    assert ["revoked"] == [candidate.state for candidate in found.same_serial]
    assert ["revoked"] == [record.state for record in found.issued]


def test_namesake_of_our_authority_matches_no_key(realm, changing, globex):
    """Another CA of our name and a serial number of ours is seen as what it is."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    stranger = made(issued.chain[0].parsed.subject, ca=True)
    forged = made(
        issued.certificate.parsed.subject, by=stranger, serial=issued.certificate.serial
    ).certificate
    found = candidates(realm, forged)
    assert ((), ()) == (found.exact, found.same_key)
    assert [issued.binding.id] == [candidate.id for candidate in found.same_serial]


def test_stranger_has_no_candidates(realm, globex):
    """Nothing in the realm has to do with it."""
    found = candidates(realm, made("stranger").certificate)
    assert ((), (), (), ()) == (found.exact, found.same_key, found.same_serial, found.issued)


def test_history_of_a_certificate_is_told_newest_first(realm, changing, initech):
    """Retired, and bound again."""
    holder = made("x", usages=[CLIENT])
    with changing() as change:
        first = bindings.accept_certificate(change, initech, holder.certificate.pem).binding
        bindings.retire(change, initech, first.id)
        bindings.accept_certificate(change, initech, holder.certificate.pem, proposed=True)
    found = candidates(realm, holder.certificate)
    assert ["proposed", "retired"] == [candidate.state for candidate in found.exact]


# -- learning --------------------------------------------------------------------------------------------------------


def test_decided_fingerprint_is_learned(realm, partner):
    """It raises the learned revision and not the realm's."""
    before = realm.revisions()
    assert learn(realm, partner)
    after = realm.revisions()
    assert (before.realm, before.learned + 1) == (after.realm, after.learned)
    assert [("ab" * 32, "globex", LATER, partner.id)] == [
        (leaf.sha256, leaf.client, leaf.not_after, leaf.binding_id) for leaf in view(realm).learned
    ]


def test_learned_fingerprint_is_learned_once(realm, partner):
    """A second decision of the same changes nothing."""
    learn(realm, partner)
    before = realm.revisions()
    assert learn(realm, partner)
    assert before == realm.revisions()


def test_decision_that_a_revocation_has_overtaken_is_not_learned(realm, changing, initech, partner):
    """Whoever was revoked: the decision is made again."""
    holder = made("x", usages=[CLIENT])
    with changing() as change:
        bindings.accept_certificate(change, initech, holder.certificate.pem)
    decided = realm.revisions().realm
    with changing() as change:
        bindings.revoke(change, initech)
    assert not learn(realm, partner, revision=decided)
    assert learn(realm, partner)


def test_decision_that_an_addition_has_overtaken_is_learned(realm, changing, partner):
    """Nobody lost a right."""
    decided = realm.revisions().realm
    with changing() as change:
        clients.add(change, "hooli")
    assert learn(realm, partner, revision=decided)


@pytest.mark.parametrize("end", ["retire", "revoke", "suspend", "remove", "deny"])
def test_learned_fingerprints_end_with_what_they_were_learned_for(realm, changing, globex, partner, end):
    """Binding, client or permission; and gateways are told."""
    learn(realm, partner)
    with changing() as change:
        match end:
            case "retire":
                bindings.retire(change, globex, partner.id)
            case "deny":
                clients.deny(change, globex, "orders")
            case "revoke":
                bindings.revoke(change, globex)
            case _:
                getattr(clients, end)(change, globex)
    seen = view(realm)
    assert ([], ["ab" * 32]) == (seen.learned, [one.sha256 for one in seen.ended])
    if end != "deny":
        assert not learn(realm, partner)


def test_only_partner_authorities_learn(realm, changing, globex):
    """An issued or pinned certificate is known by itself alone."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    assert not learn(realm, issued.binding)


def test_fingerprint_is_learned_for_one_client(realm, changing, initech, partner):
    """Whose it was first."""
    with changing() as change:
        ca = made("Other CA", ca=True)
        other = bindings.accept_authority(change, initech, ca.certificate.pem, rule=RULE).binding
    learn(realm, partner)
    assert not learn(realm, other)


def test_expired_certificate_is_not_learned(realm, partner):
    """It would have to be forgotten at once."""
    assert not learn(realm, partner, not_after=AT)


def test_learned_fingerprints_are_bounded(realm, partner, monkeypatch):
    """Those that have expired make room."""
    monkeypatch.setattr(gateways, "LEARNED_LIMIT", 2)
    assert learn(realm, partner, "aa" * 32, not_after=AT + DAY)
    assert learn(realm, partner, "bb" * 32)
    assert not learn(realm, partner, "cc" * 32)
    assert learn(realm, partner, "cc" * 32, at=AT + 2 * DAY)


# -- acknowledging ---------------------------------------------------------------------------------------------------


def test_gateways_are_connected_or_away(realm):
    """Each says what it has taken over; what it refuses may be newer."""
    with realm.writing() as connection:
        gateways.acknowledge(connection, "one", 7, AT)
        gateways.acknowledge(connection, "two", 5, AT, ended=6)
        gateways.away(connection, "two", AT)
    assert [("one", "connected", 7, 7), ("two", "away", 5, 6)] == told(realm)
    with realm.writing() as connection:
        gateways.acknowledge(connection, "two", 6, AT)
    assert ("two", "connected", 6, 6) == told(realm)[1]


def told(realm):
    """What the gateways have said."""
    with realm.reading() as connection:
        return [
            (node.name, node.state, node.acknowledged_revision, node.ended_revision)
            for node in gateways.nodes(connection)
        ]


def test_learned_certificate_that_is_revoked_is_told_to_gateways(realm, changing, globex, partner):
    """To revoke one certificate of a partner's CA, it is pinned and the pin revoked: then nothing knows it."""
    leaf = made("thief.umbrella.com", usages=[CLIENT])
    sha256 = leaf.certificate.sha256
    assert learn(realm, partner, sha256)
    with changing() as change:
        pin = bindings.accept_certificate(change, globex, leaf.certificate.pem).binding
        bindings.revoke(change, globex, pin.id, reason="keyCompromise")
    seen = view(realm)
    assert ([], {sha256}) == ([one.sha256 for one in seen.learned], {one.sha256 for one in seen.ended})


def test_learned_certificate_of_a_revoked_key_is_told_to_gateways(realm, changing, globex, partner):
    """Another certificate of the key, such as a twin of another fingerprint, goes with it."""
    leaf = made("leaf", usages=[CLIENT])
    with changing() as change:
        pin = bindings.accept_certificate(change, globex, leaf.certificate.pem).binding
    with realm.writing() as connection:
        decided = gateways.view(connection).revision
        key = leaf.certificate.spki_sha256
        assert gateways.learn(
            connection,
            "ef" * 32,
            partner.id,
            spki_sha256=key,
            not_after=LATER,
            decided_revision=decided,
            at=AT,
        )
    with changing() as change:
        bindings.revoke(change, globex, pin.id, reason="keyCompromise")
    assert "ef" * 32 in {one.sha256 for one in view(realm).ended}
    assert [] == view(realm).learned


def test_what_a_gateway_has_not_taken_over_stays_on_the_list(realm, changing, globex):
    """It may honour an older map for as long as it refuses newer ones."""
    with changing() as change:
        issued = bindings.issue(change, globex)
    with realm.writing() as connection:
        gateways.acknowledge(connection, "behind", 1, AT)
    with changing() as change:
        bindings.revoke(change, globex, issued.binding.id)
    with changing(AT + timedelta(days=5)) as change:
        second = bindings.issue(change, globex)
        bindings.retire(change, globex, second.binding.id)
    assert issued.certificate.sha256 in {one.sha256 for one in view(realm).ended}
