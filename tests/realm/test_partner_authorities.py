"""Partner CAs: known by the CA and a rule for names, never by the CA alone."""

from __future__ import annotations

import pytest
from cryptography import x509

from tests.x509.pki import AT, CLIENT, DAY, made, rsa_key
from twoway.errors import (
    AuthorityOurs,
    BundleAmbiguous,
    CertificateOnceRevoked,
    CertificateUnfit,
    NameRuleTooWide,
    NotAnAuthority,
    RuleMissing,
    RuleTaken,
)
from twoway.realm import authorities, bindings, gateways
from twoway.x509.certificates import pem_bundle

RULE = "DNS:*.umbrella.com"


def accept(changing, client, holder, rule=RULE, **options):
    """Accept a holder's CA and return its binding."""
    with changing() as change:
        return bindings.accept_authority(change, client, holder.certificate.pem, rule=rule, **options)


def test_partner_authority_is_bound_with_its_rule(realm, changing, globex):
    """The gateway's authorizer gets the anchor and the rule."""
    ca = made("Umbrella CA", ca=True)
    accept(changing, globex, ca)
    with realm.reading() as connection:
        view = gateways.view(connection)
    partner = view.partners[0]
    assert ("globex", RULE, ca.certificate.der) == (partner.client, partner.rule, partner.der)
    assert [] == view.leaves


def test_rule_is_required(changing, globex):
    """Without it anyone that the CA issues for would be the client."""
    with pytest.raises(RuleMissing):
        accept(changing, globex, made("CA", ca=True), rule=None)


def test_rule_that_matches_everybody_is_refused(changing, globex):
    """As names has it."""
    with pytest.raises(NameRuleTooWide):
        accept(changing, globex, made("CA", ca=True), rule="DNS:*.com")


@pytest.mark.parametrize("options", [{}, {"ca": True, "key_usages": ["crl_sign"]}])
def test_certificate_that_may_not_issue_is_no_authority(changing, globex, options):
    """By its basic constraints, or by its key usage."""
    with pytest.raises(NotAnAuthority):
        accept(changing, globex, made("CA", **options))


def test_own_authority_is_no_partners(changing, globex):
    """Nor is one that ours has issued."""
    with changing() as change:
        ours = (
            pem_bundle(authorities.anchors(change.connection)),
            pem_bundle(authorities.issuers(change.connection)),
        )
    for pem in ours:
        with pytest.raises(AuthorityOurs), changing() as change:
            bindings.accept_authority(change, globex, pem, rule=RULE)


def test_file_of_two_authorities_is_ambiguous(changing, globex):
    """An anchor is one certificate; those below it go elsewhere."""
    bundle = pem_bundle([made(word, ca=True).certificate for word in ("one", "two")])
    with pytest.raises(BundleAmbiguous), changing() as change:
        bindings.accept_authority(change, globex, bundle, rule=RULE)


def test_two_clients_share_a_ca_with_different_rules(realm, changing, globex, initech):
    """They are told apart by their names."""
    ca = made("CA", ca=True)
    accept(changing, globex, ca, "DNS:*.globex.com")
    accept(changing, initech, ca, "DNS:*.initech.com")
    with realm.reading() as connection:
        assert {"globex", "initech"} == {partner.client for partner in gateways.view(connection).partners}


def test_two_clients_do_not_share_ca_and_rule(changing, globex, initech):
    """Nor a renewed certificate of the CA's key."""
    ca = made("CA", ca=True)
    accept(changing, globex, ca)
    renewed = made("CA", ca=True, key=ca.key, serial=2)
    for holder in (ca, renewed):
        with pytest.raises(RuleTaken, match="globex"):
            accept(changing, initech, holder)


def test_two_authorities_of_one_name_are_not_confused(realm, changing, globex, initech):
    """Both are candidates, each with its own key."""
    one, two = (made("Common CA", ca=True) for _ in range(2))
    accept(changing, globex, one)
    accept(changing, initech, two)
    leaf = made("leaf", by=one, usages=[CLIENT])
    with realm.reading() as connection:
        found = gateways.partner_candidates(connection, [leaf.certificate.parsed.issuer])
    assert {one.certificate.der, two.certificate.der} == {candidate.der for candidate in found}


def test_partner_is_found_by_a_stored_intermediate(realm, changing, globex):
    """Which its clients may forget to send."""
    root = made("root", ca=True)
    middle = made("middle", by=root, ca=True)
    accept(changing, globex, root, intermediates=middle.certificate.pem)
    leaf = made("leaf", by=middle)
    with realm.reading() as connection:
        found = gateways.partner_candidates(connection, [leaf.certificate.parsed.issuer])
    assert [root.certificate.der + middle.certificate.der] == [one.der + one.chain for one in found]


def test_intermediate_has_to_be_an_authority(changing, globex):
    """A leaf among them is a mistake."""
    root = made("root", ca=True)
    with pytest.raises(NotAnAuthority):
        accept(changing, globex, root, intermediates=made("leaf", by=root).certificate.pem)


def test_retired_partner_is_still_found_with_its_state(realm, changing, globex):
    """So that the refusal can say why."""
    ca = made("CA", ca=True)
    accepted = accept(changing, globex, ca)
    with changing() as change:
        bindings.retire(change, globex, accepted.binding.id)
    with realm.reading() as connection:
        found = gateways.partner_candidates(connection, [ca.certificate.parsed.subject])
        assert () == gateways.view(connection).partners
    assert ["retired"] == [candidate.state for candidate in found]


def test_compromised_authority_never_comes_back(changing, globex, initech):
    """Not with another rule, and to nobody."""
    ca = made("CA", ca=True)
    accept(changing, globex, ca)
    with changing() as change:
        bindings.revoke(change, globex, reason="cACompromise")
    with pytest.raises(CertificateOnceRevoked):
        accept(changing, initech, ca, "DNS:*.initech.com")


def test_expired_authority_is_refused(changing, globex):
    """Unless it is said that it shall be taken despite that."""
    ca = made("CA", ca=True, end=AT - DAY / 2)
    with pytest.raises(CertificateUnfit, match="ended"):
        accept(changing, globex, ca)
    accept(changing, globex, ca, despite=["partner-authority-expired"])


def test_authority_that_ends_soon_is_a_warning(changing, globex):
    """Partners need longer for a CA."""
    accepted = accept(changing, globex, made("CA", ca=True, end=AT + 60 * DAY))
    assert ["partner-authority-expires-soon"] == [found.code for found in accepted.findings]


def test_intermediate_as_anchor_is_told(changing, globex):
    """It works, and nobody asks its own issuer."""
    middle = made("middle", by=made("root", ca=True), ca=True)
    accepted = accept(changing, globex, middle)
    assert ["partner-authority-intermediate"] == [found.code for found in accepted.findings]


def test_authority_of_a_small_key_is_refused(changing, globex):
    """Its certificates would be refused anyway."""
    with pytest.raises(CertificateUnfit, match="1024 bits"):
        accept(changing, globex, made("CA", ca=True, key=rsa_key(1024)))


def test_leaf_issued_by_a_pinned_authority_is_nobodys(realm, changing, globex):
    """A CA:TRUE leaf that was pinned makes nothing that it issued acceptable."""
    leaf = made("leaf", ca=True, usages=[CLIENT])
    with changing() as change:
        bindings.accept_certificate(change, globex, leaf.certificate.pem)
    below = made("below", by=leaf)
    with realm.reading() as connection:
        assert () == gateways.view(connection).partners
        assert () == gateways.partner_candidates(connection, [below.certificate.parsed.issuer])


def test_public_authority_is_told(changing, globex):
    """Everyone can have a certificate of it, and soon none of them is for clients."""
    policy = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("2.23.140.1.2.1"), None)])
    accepted = accept(changing, globex, made("Public CA", ca=True, extensions=[(policy, False)]))
    assert ["partner-authority-public"] == [found.code for found in accepted.findings]


# -- a key that was given up ------------------------------------------------------------------------------------------


def revoke(changing, client, binding, reason):
    """Revoke one binding of a client."""
    with changing() as change:
        return bindings.revoke(change, client, binding.id, reason=reason)


def states(realm, client):
    """The states of a client's bindings."""
    with realm.reading() as connection:
        return [found.state for found in bindings.bindings(connection, client)]


@pytest.mark.parametrize("reason", ["cACompromise", "keyCompromise"])
def test_compromised_authority_goes_at_every_client(realm, changing, globex, initech, reason):
    """Whoever has its key can issue for all of them; its renewed certificate goes too, and what is proposed."""
    ca = made("CA", ca=True)
    renewed = made("CA", ca=True, key=ca.key, serial=2)
    first = accept(changing, globex, ca, "DNS:*.globex.com").binding
    accept(changing, initech, renewed, "DNS:*.initech.com")
    accept(changing, globex, ca, "DNS:*.globex.net", proposed=True)
    revoked = revoke(changing, globex, first, reason)
    assert (["revoked", "withdrawn"], ["revoked"]) == (states(realm, globex), states(realm, initech))
    assert {"cACompromise", "keyCompromise"} >= {found.reason for found in revoked.bindings if found.reason}
    with realm.reading() as connection:
        assert () == gateways.view(connection).partners


@pytest.mark.parametrize("reason", ["superseded", "cessationOfOperation", "unspecified"])
def test_authority_that_is_given_up_at_one_client_stays_at_others(realm, changing, globex, initech, reason):
    """Its key is as good as before."""
    ca = made("CA", ca=True)
    first = accept(changing, globex, ca, "DNS:*.globex.com").binding
    accept(changing, initech, ca, "DNS:*.initech.com")
    revoke(changing, globex, first, reason)
    assert (["revoked"], ["active"]) == (states(realm, globex), states(realm, initech))


def test_compromised_authority_takes_the_pin_of_its_key(realm, changing, globex, initech):
    """A self-signed certificate may be both: whoever has the key has both."""
    both = made("CA", ca=True, usages=[CLIENT])
    first = accept(changing, globex, both).binding
    with changing() as change:
        bindings.accept_certificate(change, initech, both.certificate.pem)
    revoke(changing, globex, first, "cACompromise")
    assert ["revoked"] == states(realm, initech)


@pytest.mark.parametrize(("reason", "expected"), [("keyCompromise", "revoked"), ("superseded", "active")])
def test_compromised_pin_takes_the_authority_of_its_key(realm, changing, globex, initech, reason, expected):
    """And only a compromised one: a certificate that was replaced says nothing of a CA."""
    both = made("CA", ca=True, usages=[CLIENT])
    accept(changing, globex, both)
    with changing() as change:
        pin = bindings.accept_certificate(change, initech, both.certificate.pem).binding
    revoke(changing, initech, pin, reason)
    assert [expected] == states(realm, globex)


def test_compromised_key_is_accepted_in_no_form(realm, changing, globex, initech):
    """Not as another CA's intermediate, not pinned, and not certified by us."""
    root = made("root", ca=True)
    middle = made("middle", by=root, ca=True, usages=[CLIENT])
    revoke(changing, globex, accept(changing, globex, middle).binding, "cACompromise")
    with pytest.raises(CertificateOnceRevoked):
        accept(changing, initech, root, intermediates=middle.certificate.pem)
    with pytest.raises(CertificateOnceRevoked), changing() as change:
        bindings.accept_certificate(change, initech, middle.certificate.pem)
    with pytest.raises(CertificateOnceRevoked), changing() as change:
        bindings.issue(change, initech, key=middle.key)


def test_compromised_pin_never_comes_back_as_an_authority(changing, globex, initech):
    """The key counts, whatever it was bound as."""
    both = made("CA", ca=True, usages=[CLIENT])
    with changing() as change:
        pin = bindings.accept_certificate(change, initech, both.certificate.pem).binding
    revoke(changing, initech, pin, "keyCompromise")
    with pytest.raises(CertificateOnceRevoked):
        accept(changing, globex, both)


def test_superseded_authority_may_come_back(realm, changing, globex):
    """Its key is not compromised: a binding was given up, no more."""
    ca = made("CA", ca=True)
    revoke(changing, globex, accept(changing, globex, ca).binding, "superseded")
    accept(changing, globex, ca)
    assert ["revoked", "active"] == states(realm, globex)


def test_binding_of_a_stored_intermediate_that_is_compromised_is_not_confirmed(changing, globex, initech):
    """It was proposed before the intermediate's key was lost."""
    root = made("root", ca=True)
    middle = made("middle", by=root, ca=True)
    own = accept(changing, globex, middle).binding
    proposed = accept(
        changing, initech, root, "DNS:*.initech.com", intermediates=middle.certificate.pem, proposed=True
    ).binding
    revoke(changing, globex, own, "cACompromise")
    with pytest.raises(CertificateOnceRevoked), changing() as change:
        bindings.confirm(change, initech, proposed.id)


# -- beside other clients' CAs ----------------------------------------------------------------------------------------


def found(accepted):
    """The codes of the findings."""
    return [one.code for one in accepted.findings]


@pytest.mark.parametrize("rule", ["DNS:a.umbrella.com", "DNS:*.umbrella.com"])
def test_overlapping_rules_of_two_clients_are_refused(changing, globex, initech, rule):
    """A certificate that fits both would be nobody's, also one that is let in today."""
    ca = made("CA", ca=True)
    renewed = made("CA", ca=True, key=ca.key, serial=2)
    accept(changing, globex, ca, "DNS:a.umbrella.com" if rule != "DNS:a.umbrella.com" else RULE)
    with pytest.raises(CertificateUnfit, match="globex"):
        accept(changing, initech, renewed, rule)
    accept(changing, initech, renewed, rule, despite=["partner-rules-overlap"])


@pytest.mark.parametrize("above", [True, False])
def test_rules_overlap_under_a_ca_above_or_below(changing, globex, initech, above):
    """What the intermediate issues chains to its root as well; the way between may be known to one of them only."""
    root = made("root", ca=True)
    middle = made("middle", by=root, ca=True)
    low = made("low", by=middle, ca=True)
    first, second = (low, root) if above else (root, low)
    options = {"intermediates": middle.certificate.pem}
    accept(changing, globex, first, **(options if first is root else {}))
    with pytest.raises(CertificateUnfit, match="globex"):
        accept(changing, initech, second, **(options if second is root else {}))


def test_one_client_may_have_overlapping_rules(changing, globex):
    """Whichever counts, it is the same client."""
    ca = made("CA", ca=True)
    accept(changing, globex, ca)
    assert [] == found(accept(changing, globex, ca, "DNS:a.umbrella.com"))


def test_rules_that_do_not_overlap_are_told(changing, globex, initech):
    """Nothing but the names tells the two apart."""
    ca = made("CA", ca=True)
    accept(changing, globex, ca, "DNS:*.globex.com")
    assert ["partner-authority-shared"] == found(accept(changing, initech, ca, "DNS:*.initech.com"))


def test_rule_of_a_binding_that_is_over_does_not_count(changing, globex, initech):
    """It lets nobody in."""
    ca = made("CA", ca=True)
    accepted = accept(changing, globex, ca)
    with changing() as change:
        bindings.retire(change, globex, accepted.binding.id)
    assert [] == found(accept(changing, initech, ca))


def test_namesake_of_another_key_is_told(changing, globex, initech):
    """At whichever client; they are not confused."""
    accept(changing, globex, made("Common CA", ca=True))
    accepted = accept(changing, initech, made("Common CA", ca=True))
    assert ["partner-authority-namesake"] == found(accepted)
    assert "globex" == accepted.findings[0].facts["client"]


@pytest.mark.parametrize("proposed", [True, False])
def test_what_another_client_was_learned_by_is_decided_anew(realm, changing, globex, initech, proposed):
    """Once the CA is another client's too; also what is being decided at this moment."""
    ca = made("CA", ca=True)
    first = accept(changing, globex, ca, "DNS:*.globex.com").binding
    other = accept(changing, globex, made("Other CA", ca=True), "DNS:*.globex.net").binding
    before = realm.revisions().realm
    teach(realm, first, "aa" * 32, before)
    teach(realm, other, "bb" * 32, before)
    second = accept(changing, initech, ca, "DNS:*.initech.com", proposed=proposed).binding
    if proposed:
        assert 2 == len(learned(realm))
        with changing() as change:
            bindings.confirm(change, initech, second.id)
    assert ["bb" * 32] == learned(realm)
    assert not teach(realm, first, "cc" * 32, before)


def test_compromised_authority_takes_what_was_learned_through_every_ca(realm, changing, globex, initech):
    """It may stand on the way to another one's root."""
    root = made("root", ca=True)
    middle = made("middle", by=root, ca=True)
    above = accept(changing, initech, root, "DNS:*.initech.com").binding
    own = accept(changing, globex, middle).binding
    teach(realm, above, "aa" * 32, realm.revisions().realm)
    revoke(changing, globex, own, "cACompromise")
    assert [] == learned(realm)


def teach(realm, binding, sha256, revision):
    """Learn a fingerprint through a partner's CA; return whether it was."""
    with realm.writing() as connection:
        return gateways.learn(
            connection,
            sha256,
            binding.id,
            spki_sha256="00" * 32,
            not_after=AT + DAY,
            decided_revision=revision,
            at=AT,
        )


def learned(realm):
    """What gateways know by having asked."""
    with realm.reading() as connection:
        return sorted(leaf.sha256 for leaf in gateways.view(connection).learned)


# -- intermediates that come later ------------------------------------------------------------------------------------


def test_intermediates_are_added_to_an_accepted_authority(realm, changing, globex):
    """One after another, each once; then the partner is found by them."""
    root = made("root", ca=True)
    one, two = (made(name, by=root, ca=True) for name in ("one", "two"))
    first = accept(changing, globex, root).binding
    for holder in (one, two, one):
        accepted = accept(changing, globex, root, intermediates=holder.certificate.pem)
        assert (True, first.id) == (accepted.again, accepted.binding.id)
    expected = (root.certificate, one.certificate, two.certificate)
    assert expected == bindings.certificates_of(accepted.binding)
    assert ["active"] == states(realm, globex)
    with realm.reading() as connection:
        for issuer in expected:
            assert 1 == len(gateways.partner_candidates(connection, [issuer.parsed.subject]))


def test_intermediates_that_are_there_already_change_nothing(realm, changing, globex):
    """No revision, and nothing in the audit."""
    root = made("root", ca=True)
    options = {"intermediates": made("middle", by=root, ca=True).certificate.pem}
    accept(changing, globex, root, **options)
    before = realm.revisions()
    assert accept(changing, globex, root, **options).again
    assert before == realm.revisions()


def test_unfit_intermediate_is_not_added(realm, changing, globex):
    """The same rules hold as at first."""
    root = made("root", ca=True)
    accept(changing, globex, root)
    expired = made("middle", by=root, ca=True, end=AT - DAY / 2)
    with pytest.raises(CertificateUnfit, match="ended"):
        accept(changing, globex, root, intermediates=expired.certificate.pem)
    with pytest.raises(NotAnAuthority):
        accept(changing, globex, root, intermediates=made("leaf", by=root).certificate.pem)


def test_intermediates_leave_a_proposed_binding_proposed(realm, changing, globex):
    """To confirm it is another matter."""
    root = made("root", ca=True)
    accept(changing, globex, root, proposed=True)
    middle = made("middle", by=root, ca=True)
    assert "proposed" == accept(changing, globex, root, intermediates=middle.certificate.pem).binding.state


def test_same_authority_under_another_rule_is_another_binding(realm, changing, globex):
    """With its own intermediates."""
    root = made("root", ca=True)
    accept(changing, globex, root)
    middle = made("middle", by=root, ca=True)
    again = accept(changing, globex, root, "DNS:*.umbrella.net", intermediates=middle.certificate.pem)
    assert (False, ["active", "active"]) == (again.again, states(realm, globex))


def test_intermediates_are_not_added_to_another_clients_authority(changing, globex, initech):
    """The rule is taken, as ever."""
    root = made("root", ca=True)
    accept(changing, globex, root)
    with pytest.raises((RuleTaken, CertificateUnfit)):
        accept(changing, initech, root, intermediates=made("middle", by=root, ca=True).certificate.pem)


def test_authority_above_a_stored_intermediate_is_found_too(realm, changing, globex, initech):
    """Its key may be lost: then nothing that goes through it counts, whichever root is above."""
    root = made("root", ca=True)
    middle = made("middle", by=root, ca=True)
    low = made("low", by=middle, ca=True)
    chain = pem_bundle([low.certificate])
    own = accept(changing, globex, middle).binding
    accept(changing, initech, root, "DNS:*.initech.com", intermediates=chain)
    revoke(changing, globex, own, "cACompromise")
    with realm.reading() as connection:
        found = gateways.partner_candidates(connection, [low.certificate.parsed.subject])
    assert {"globex", "initech"} == {one.client for one in found}
