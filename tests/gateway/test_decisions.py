"""Whether a presented certificate may call a service, and if not, the true reason."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography import x509

from tests.x509.pki import AT, CLIENT, DAY, SERVER, Holder, made, twin
from twoway.gateway.decisions import Allow, Presented, Refuse, decide
from twoway.realm.gateways import Candidate, Candidates
from twoway.realm.records import CertificateRecord
from twoway.x509.certificates import Certificate

ORDERS = "orders"


def leaf(subject: str = "globex", **options: Any) -> Holder:
    """A client's certificate."""
    names = [x509.DNSName(options.pop("name", f"{subject}.example.com"))]
    return made(subject, names=names, **{"usages": [CLIENT], **options})


def authority(subject: str = "Umbrella CA", **options: Any) -> Holder:
    """A certificate authority."""
    return made(subject, ca=True, key_usages=["key_cert_sign"], **options)


def binding(one: Holder | Certificate, **options: Any) -> Candidate:
    """A binding of a certificate, active unless said otherwise."""
    certificate = one.certificate if isinstance(one, Holder) else one
    values = {
        "id": 7,
        "kind": "pinned",
        "state": "active",
        "sha256": certificate.sha256,
        "spki_sha256": certificate.spki_sha256,
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "serial_hex": certificate.serial_hex,
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "rule": None,
        "reason": None,
        "certificate_id": None,
        "challenge": None,
        "created": AT,
        "activated": AT,
        "ended": None,
        "revision": 1,
        "client_id": 1,
        "client": "globex",
        "client_state": "active",
        "services": frozenset({ORDERS}),
        "der": certificate.der,
        "chain": b"",
    }
    return Candidate(**{**values, **options})


def partner(one: Holder, **options: Any) -> Candidate:
    """A partner's CA, with a rule for names."""
    values = {"kind": "partner-ca", "client": "umbrella", "rule": "DNS:*.umbrella.com"}
    return binding(one, **{**values, **options})


def issued(one: Holder, **options: Any) -> CertificateRecord:
    """The record of a certificate that our authority issued."""
    certificate = one.certificate
    values = {
        "id": 1,
        "authority_id": 1,
        "serial_hex": certificate.serial_hex,
        "der": certificate.der,
        "sha256": certificate.sha256,
        "spki_sha256": certificate.spki_sha256,
        "subject": certificate.subject,
        "not_before": certificate.not_before,
        "not_after": certificate.not_after,
        "profile": "client",
        "state": "active",
        "created": AT,
        "revoked_at": None,
        "reason": None,
        "client_id": 1,
    }
    return CertificateRecord(**{**values, **options})


def decided(
    one: Holder | Certificate,
    *bindings: Candidate,
    partners: tuple[Candidate, ...] = (),
    records: tuple[CertificateRecord, ...] = (),
    sent: tuple[Holder, ...] = (),
    ours: bool = False,
    service: str = ORDERS,
    at: datetime = AT,
) -> Allow | Refuse:
    """Decide, the bindings sorted as the realm would return them."""
    certificate = one.certificate if isinstance(one, Holder) else one
    others = [each for each in bindings if each.sha256 != certificate.sha256]
    known = Candidates(
        exact=tuple(each for each in bindings if each.sha256 == certificate.sha256),
        same_key=tuple(each for each in others if each.spki_sha256 == certificate.spki_sha256),
        same_serial=tuple(each for each in others if each.serial_hex == certificate.serial_hex),
        issued=records,
    )
    presented = Presented(certificate, tuple(each.certificate for each in sent))
    return decide(presented, known, partners, service=service, ours=ours, at=at)


def code(decision: Allow | Refuse) -> str:
    """The code of a refusal; of an allowance, nothing."""
    return decision.reason.code if isinstance(decision, Refuse) else ""


def test_bound_certificate_is_its_clients() -> None:
    """It need not be learned: gateways know it."""
    one = leaf()
    assert Allow("globex", 7) == decided(one, binding(one))


def test_unknown_certificate_is_nobodys() -> None:
    """No binding, no partner's CA."""
    assert "certificate-unknown" == code(decided(leaf()))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"state": "proposed"}, "binding-proposed"),
        ({"state": "retired"}, "certificate-retired"),
        ({"state": "withdrawn"}, "certificate-unknown"),
        ({"state": "revoked", "reason": "keyCompromise"}, "certificate-revoked"),
        ({"client_state": "suspended"}, "client-suspended"),
        ({"client_state": "removed"}, "client-removed"),
        ({"services": frozenset({"invoices"})}, "service-not-allowed"),
    ],
)
def test_standing_decides(options: dict[str, Any], expected: str) -> None:
    """The binding's state, the client's, and its permissions."""
    one = leaf()
    assert expected == code(decided(one, binding(one, **options)))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (AT - DAY - timedelta(seconds=1), "certificate-not-yet-valid"),
        (AT - DAY, ""),
        (AT + DAY, ""),
        (AT + DAY + timedelta(seconds=1), "certificate-expired"),
    ],
)
def test_certificate_counts_in_its_time(at: datetime, expected: str) -> None:
    """From its first second to its last."""
    one = leaf(end=AT + DAY)
    assert expected == code(decided(one, binding(one), at=at))


def test_active_binding_counts_beside_one_that_is_over() -> None:
    """A certificate that moved to another client is the new one's."""
    one = leaf()
    old = binding(one, state="retired", client="initech", id=9)
    assert Allow("globex", 7) == decided(one, old, binding(one))


def test_revoked_certificate_stays_out_whatever_else_it_is() -> None:
    """Another client's active binding does not bring it back, nor does a partner's CA."""
    ca = authority()
    one = leaf(by=ca, name="a.umbrella.com")
    revoked = binding(one, state="revoked", reason="keyCompromise", client="initech")
    decision = decided(one, binding(one), revoked, partners=(partner(ca),), sent=(ca,))
    assert "certificate-revoked" == code(decision)


def test_twin_of_a_revoked_certificate_is_refused() -> None:
    """Another fingerprint, and the same key and serial number."""
    one = leaf(by=authority())
    assert "certificate-revoked" == code(
        decided(twin(one.certificate), binding(one, state="revoked", reason="keyCompromise"))
    )


def test_other_certificate_of_a_revoked_key_is_refused() -> None:
    """A renewal with the key that was given up."""
    old = leaf(serial=1)
    new = leaf(serial=2, key=old.key)
    assert "key-revoked" == code(decided(new, binding(new), binding(old, state="revoked")))


def test_serial_number_of_a_revoked_certificate_keeps_nobody_out() -> None:
    """Anybody can write it into a certificate of their own."""
    revoked, one = leaf(serial=5), leaf(serial=5)
    assert Allow("globex", 7) == decided(one, binding(one), binding(revoked, state="revoked"))


def test_revoked_record_of_our_authority_is_refused() -> None:
    """The authority's book counts, whatever the binding says."""
    one = leaf()
    decision = decided(one, binding(one, kind="issued"), records=(issued(one, state="revoked"),), ours=True)
    assert "certificate-revoked" == code(decision)


def test_certificate_in_our_name_that_we_did_not_issue_is_refused() -> None:
    """A stranger's CA may bear our name; a partner's may not speak for it."""
    ca = authority("Acme Issuing CA")
    one = leaf(by=ca, name="a.umbrella.com")
    assert "certificate-not-issued" == code(decided(one, ours=True, partners=(partner(ca),)))


def test_our_server_certificate_is_no_clients() -> None:
    """It was issued, and for no client."""
    one = leaf(usages=[SERVER])
    assert "purpose-wrong" == code(decided(one, records=(issued(one, profile="server"),), ours=True))


def test_partners_certificate_is_learned_until_the_first_end_on_its_path() -> None:
    """Here the intermediate ends before leaf and root."""
    root = authority()
    middle = authority("Umbrella Issuing", by=root, end=AT + 10 * DAY)
    one = leaf(by=middle, name="a.umbrella.com", end=AT + 20 * DAY)
    decision = decided(one, partners=(partner(root),), sent=(middle,))
    assert Allow("umbrella", 7, learn_until=AT + 10 * DAY) == decision


def test_intermediate_that_was_accepted_with_the_authority_need_not_be_sent() -> None:
    """Its client forgets to."""
    root = authority()
    middle = authority("Umbrella Issuing", by=root)
    one = leaf(by=middle, name="a.umbrella.com")
    assert isinstance(decided(one, partners=(partner(root, chain=middle.certificate.der),)), Allow)


def test_authority_of_the_same_name_is_another_authority() -> None:
    """The signature decides, not the name."""
    true, false = authority(), authority()
    one = leaf(by=false, name="a.umbrella.com")
    assert "chain-broken" == code(decided(one, partners=(partner(true),), sent=(false,)))


def test_partner_whose_authority_signed_is_the_one() -> None:
    """Two partners whose CAs have one name are told apart."""
    first, second = authority(), authority()
    one = leaf(by=second, name="a.umbrella.com")
    both = (partner(first, client="initech", id=1), partner(second, id=2))
    assert Allow("umbrella", 2, AT + 365 * DAY) == decided(one, partners=both)


def test_name_outside_the_rule_is_refused() -> None:
    """The CA issues for others too."""
    ca = authority()
    decision = decided(leaf(by=ca, name="a.example.com"), partners=(partner(ca),))
    assert isinstance(decision, Refuse)
    assert ("name-outside-rule", "umbrella") == (decision.reason.code, decision.client)


def test_server_certificate_of_a_partner_is_refused() -> None:
    """It is its web server's, not its client's."""
    ca = authority()
    one = leaf(by=ca, name="a.umbrella.com", usages=[SERVER])
    assert "purpose-wrong" == code(decided(one, partners=(partner(ca),)))


@pytest.mark.parametrize("presented", ["authority", "intermediate"])
def test_authority_is_no_client(presented: str) -> None:
    """Neither the partner's CA itself nor one below it, even with a fitting name."""
    names = [x509.DNSName("ca.umbrella.com")]
    root = authority(names=names, usages=[CLIENT])
    middle = authority("Umbrella Issuing", by=root, names=names, usages=[CLIENT])
    one = root if presented == "authority" else middle
    assert "purpose-wrong" == code(decided(one, partners=(partner(root),)))


def test_leaf_below_a_pinned_leaf_is_refused() -> None:
    """A pin is one certificate, even where that could sign others."""
    pinned = authority("initech")
    assert "certificate-unknown" == code(decided(leaf(by=pinned), sent=(pinned,)))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"state": "revoked"}, "certificate-revoked"),
        ({"state": "proposed"}, "binding-proposed"),
        ({"state": "retired"}, "certificate-retired"),
        ({"client_state": "suspended"}, "client-suspended"),
        ({"services": frozenset()}, "service-not-allowed"),
    ],
)
def test_standing_of_a_partner_decides(options: dict[str, Any], expected: str) -> None:
    """What its CA issued falls with it."""
    ca = authority()
    one = leaf(by=ca, name="a.umbrella.com")
    assert expected == code(decided(one, partners=(partner(ca, **options),)))


def test_expired_certificate_of_a_partner_is_named() -> None:
    """It is shown to be the CA's, though its time is over."""
    ca = authority()
    one = leaf(by=ca, name="a.umbrella.com", end=AT - timedelta(hours=1))
    decision = decided(one, partners=(partner(ca),))
    assert isinstance(decision, Refuse)
    assert ("certificate-expired", "umbrella") == (decision.reason.code, decision.client)


def test_active_partner_lets_in_where_another_would_not() -> None:
    """The same CA for two clients: one of them is revoked."""
    ca = authority()
    one = leaf(by=ca, name="a.umbrella.com")
    both = (partner(ca, state="revoked", client="initech", id=1), partner(ca, id=2))
    assert Allow("umbrella", 2, AT + 365 * DAY) == decided(one, partners=both)


def test_unreadable_certificate_is_refused() -> None:
    """Bytes that are no certificate."""
    sound = leaf()
    known = binding(sound, sha256=Certificate(b"0\x03\x02\x01\x00").sha256)
    presented = Presented(Certificate(b"0\x03\x02\x01\x00"))
    candidates = Candidates((known,), (), (), ())
    decision = decide(presented, candidates, (), service=ORDERS, ours=False, at=AT)
    assert "certificate-unreadable" == code(decision)


# -- certificates that fit several clients -----------------------------------------------------------------------------


def two_clients(ca: Holder, **options: Any) -> tuple[Candidate, Candidate]:
    """One CA for two clients whose rules fit the same names; the options are the second's."""
    second = {"client": "initech", "client_id": 2, "id": 9, "rule": "DNS:a.umbrella.com", **options}
    return partner(ca), partner(ca, **second)


@pytest.mark.parametrize("turned", [False, True])
def test_certificate_that_fits_two_clients_is_nobodys(turned: bool) -> None:
    """In whatever order they are asked: taking the newest would let one client become another."""
    ca = authority()
    both = two_clients(ca)
    decision = decided(leaf(by=ca, name="a.umbrella.com"), partners=both[::-1] if turned else both)
    assert isinstance(decision, Refuse)
    assert ("client-ambiguous", None) == (decision.reason.code, decision.client)
    assert "initech" in decision.detail
    assert "umbrella" in decision.detail


def test_certificate_with_a_name_of_each_of_two_clients_is_nobodys() -> None:
    """The rules may be as different as they like."""
    ca = authority()
    names = [x509.DNSName("a.umbrella.com"), x509.DNSName("a.initech.com")]
    one = made("leaf", by=ca, names=names, usages=[CLIENT])
    assert "client-ambiguous" == code(
        decided(one, partners=two_clients(ca, rule="DNS:*.initech.com")),
    )


@pytest.mark.parametrize(
    "options", [{"services": frozenset()}, {"client_state": "suspended"}], ids=["other-service", "suspended"]
)
def test_client_that_may_not_call_counts_as_well(options: dict[str, Any]) -> None:
    """Else a suspended client would go on as the other one, or be another one on each service."""
    ca = authority()
    decision = decided(leaf(by=ca, name="a.umbrella.com"), partners=two_clients(ca, **options))
    assert "client-ambiguous" == code(decision)


@pytest.mark.parametrize("state", ["proposed", "retired", "withdrawn", "revoked"])
def test_binding_without_effect_does_not_count(state: str) -> None:
    """It knows nobody."""
    ca = authority()
    decision = decided(leaf(by=ca, name="a.umbrella.com"), partners=two_clients(ca, state=state))
    assert Allow("umbrella", 7, AT + 365 * DAY) == decision


def test_two_rules_of_one_client_are_no_question() -> None:
    """Whichever fits, it is the same client."""
    ca = authority()
    decision = decided(
        leaf(by=ca, name="a.umbrella.com"), partners=two_clients(ca, client="umbrella", client_id=1)
    )
    assert isinstance(decision, Allow)


def test_certificate_that_is_bound_itself_is_its_clients() -> None:
    """A pin says whose it is, whatever rules it fits: that is the way out."""
    ca = authority()
    one = leaf(by=ca, name="a.umbrella.com")
    assert Allow("globex", 7) == decided(one, binding(one), partners=two_clients(ca))


# -- a CA whose key was lost -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["cACompromise", "keyCompromise"])
@pytest.mark.parametrize("stored", [False, True])
def test_way_through_a_compromised_authority_leads_nowhere(reason: str, stored: bool) -> None:
    """Also where another client is known by the root above it."""
    root = authority("Root")
    middle = authority("Middle", by=root)
    one = leaf(by=middle, name="a.umbrella.com")
    lost = partner(middle, client="initech", client_id=2, id=9, state="revoked", reason=reason)
    above = partner(root, chain=middle.certificate.der if stored else b"")
    decision = decided(one, partners=(above, lost), sent=() if stored else (middle,))
    assert "key-revoked" == code(decision)


def test_way_through_an_authority_that_was_superseded_holds() -> None:
    """A binding was given up, not its key."""
    root = authority("Root")
    middle = authority("Middle", by=root)
    old = partner(middle, client="initech", client_id=2, id=9, state="revoked", reason="superseded")
    decision = decided(leaf(by=middle, name="a.umbrella.com"), partners=(partner(root), old), sent=(middle,))
    assert isinstance(decision, Allow)
