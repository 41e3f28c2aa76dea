"""Certificates that give no right: each is refused with its reason, over HTTP/1.1 and HTTP/2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from tests.gateway.refusing import Caller, Gate, crafted, der
from tests.parts import material
from tests.parts.credentials import Key, Pem
from tests.parts.material import CLIENT, SERVER, Holder
from tests.parts.served import ACTOR, realm_at
from tests.parts.upstream import upstream
from twoway.authority.profiles import SERVER as SERVER_PROFILE
from twoway.realm import authorities, bindings, clients
from twoway.x509.certificates import load_certificates
from twoway.x509.keys import new_key

RULE = "DNS:*.umbrella.com"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Two services of one host, and a client that may call both."""
    old = datetime.now(UTC) - timedelta(days=10)
    with upstream() as api, realm_at(tmp_path_factory.mktemp("refusals"), made=old) as realm:
        realm.start()
        realm.service("orders", api.url, path="/orders")
        realm.service("stock", api.url, path="/stock")
        realm.client("globex", "orders", "stock")
        _, right = realm.issue("globex")
        realm.settled()
        yield Gate(realm, api, right)


@pytest.fixture(scope="module")
def umbrella(gate: Gate) -> Umbrella:
    """A partner with its own CA."""
    root = material.root("Umbrella CA")
    gate.served.client("umbrella", "orders")
    gate.served.accept_authority("umbrella", der(root), RULE)
    return Umbrella(gate, root)


class Umbrella:
    """A partner with its own CA, and a certificate of it that passes."""

    def __init__(self, gate: Gate, root: Holder) -> None:
        self.root = root
        self.right = gate.pem(material.client(root, "good.umbrella.com"))


Way = Callable[[Gate, Umbrella], Caller]


def no_certificate(gate: Gate, umbrella: Umbrella) -> Caller:
    """Nothing is presented."""
    return Caller(None, "certificate-missing")


def stranger(gate: Gate, umbrella: Umbrella) -> Caller:
    """Of a CA that nobody accepted."""
    return Caller(gate.pem(material.client(material.root("Strange CA"), "stranger")), "certificate-unknown")


def self_signed_stranger(gate: Gate, umbrella: Umbrella) -> Caller:
    """Signed by itself."""
    return Caller(gate.pem(material.issue("stranger", usage=[CLIENT])), "certificate-unknown")


def stranger_with_a_clients_name(gate: Gate, umbrella: Umbrella) -> Caller:
    """Its subject is a client's, and that says nothing."""
    return Caller(gate.pem(material.issue("globex", usage=[CLIENT])), "certificate-unknown")


def forged_issuer_name(gate: Gate, umbrella: Umbrella) -> Caller:
    """Our CA's name as its issuer, signed by a key of its own."""
    return Caller(gate.pem(material.client(namesake_of_ours(gate), "globex")), "certificate-not-issued")


def forged_issuer_name_and_serial(gate: Gate, umbrella: Umbrella) -> Caller:
    """Also the serial number of a certificate that was issued."""
    issued, _ = gate.served.issue(gate.client("orders"))
    forged = material.issue(
        "globex", by=namesake_of_ours(gate), usage=[CLIENT], serial=issued.certificate.serial
    )
    return Caller(gate.pem(forged), "certificate-not-issued")


def forged_with_a_revoked_serial(gate: Gate, umbrella: Umbrella) -> Caller:
    """The serial number of a revoked one: whose it was has nothing to do with the forger."""
    name = gate.client("orders")
    issued, _ = gate.served.issue(name)
    gate.served.revoke(name)
    forged = material.issue(
        "globex", by=namesake_of_ours(gate), usage=[CLIENT], serial=issued.certificate.serial
    )
    return Caller(gate.pem(forged), "certificate-not-issued")


def twin_of_an_issued_one(gate: Gate, umbrella: Umbrella) -> Caller:
    """The malleated signature of a certificate that is good: it is not what was issued."""
    issued, files = gate.served.issue(gate.client("orders"))
    twin = Holder(key_of(files), (material.malleated(issued.certificate.parsed),))
    return Caller(gate.pem(twin), "certificate-not-issued", right=files)


def twin_of_a_pinned_one(gate: Gate, umbrella: Umbrella) -> Caller:
    """Only this very certificate was accepted."""
    own = material.issue("initech", usage=[CLIENT])
    gate.pinned(own, "orders")
    twin = Holder(own.key, (material.malleated(own.leaf),))
    return Caller(gate.pem(twin), "certificate-unknown", right=gate.pem(own))


def other_certificate_of_a_pinned_key(gate: Gate, umbrella: Umbrella) -> Caller:
    """A renewal of the pinned one has to be accepted first."""
    own = material.issue("initech", usage=[CLIENT])
    gate.pinned(own, "orders")
    renewed = material.issue("initech", usage=[CLIENT], key=own.key)
    return Caller(gate.pem(renewed), "certificate-unknown", right=gate.pem(own))


def our_server_certificate(gate: Gate, umbrella: Umbrella) -> Caller:
    """Issued by us, for a server."""
    key = new_key()
    with gate.realm.changing(ACTOR) as change:
        record = authorities.issue(
            change, SERVER_PROFILE, subject="server", names=("api.example.com",), public_key=key.public_key()
        )
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    holder = Holder(key, (load_certificates(record.der)[0].parsed,))
    return Caller(gate.pem(holder), "purpose-wrong")


def partners_server_certificate(gate: Gate, umbrella: Umbrella) -> Caller:
    """Of the partner's CA, within its rule, for servers only."""
    own = material.issue("a.umbrella.com", by=umbrella.root, names=["a.umbrella.com"], usage=[SERVER])
    return Caller(gate.pem(own), "purpose-wrong", "umbrella", right=umbrella.right)


def server_certificate_of_a_namesake(gate: Gate, umbrella: Umbrella) -> Caller:
    """Not even the partner's: it is not the partner whose purpose is wrong."""
    other = material.root("Umbrella CA")
    own = material.issue("a.umbrella.com", by=other, names=["a.umbrella.com"], usage=[SERVER])
    return Caller(gate.pem(own), "chain-broken", right=umbrella.right)


def partners_expired(gate: Gate, umbrella: Umbrella) -> Caller:
    """Of the partner's CA, and over."""
    own = of_umbrella(umbrella, "old.umbrella.com", days=(-10, -1))
    return Caller(gate.pem(own), "certificate-expired", "umbrella", right=umbrella.right)


def partners_not_yet_valid(gate: Gate, umbrella: Umbrella) -> Caller:
    """Of the partner's CA, and not begun."""
    own = of_umbrella(umbrella, "new.umbrella.com", days=(1, 10))
    return Caller(gate.pem(own), "certificate-not-yet-valid", "umbrella", right=umbrella.right)


def issued_expired(gate: Gate, umbrella: Umbrella) -> Caller:
    """Issued by us for a day, some days ago."""
    name = gate.client("orders")
    with gate.realm.changing(ACTOR, at=datetime.now(UTC) - timedelta(days=3)) as change:
        issued = bindings.issue(change, name, days=1)
    assert isinstance(issued.key, ec.EllipticCurvePrivateKey)
    files = gate.pem(Holder(issued.key, (issued.certificate.parsed,)))
    return Caller(files, "certificate-expired", name)


def pinned_expired(gate: Gate, umbrella: Umbrella) -> Caller:
    """Accepted although it was over: it is over all the same."""
    own = material.issue("initech", usage=[CLIENT], days=(-10, -1))
    name, _ = gate.pinned(own, "orders", despite=("client-certificate-expired",))
    return Caller(gate.pem(own), "certificate-expired", name)


def pinned_not_yet_valid(gate: Gate, umbrella: Umbrella) -> Caller:
    """Accepted before it begins."""
    own = material.issue("initech", usage=[CLIENT], days=(1, 10))
    name, _ = gate.pinned(own, "orders", despite=("client-certificate-not-yet-valid",))
    return Caller(gate.pem(own), "certificate-not-yet-valid", name)


def revoked_issued(gate: Gate, umbrella: Umbrella) -> Caller:
    """Issued by us, and revoked."""
    name, files = gate.issued("orders")
    gate.served.revoke(name)
    return Caller(files, "certificate-revoked", name)


def revoked_pinned(gate: Gate, umbrella: Umbrella) -> Caller:
    """Accepted, and revoked."""
    own = material.issue("initech", usage=[CLIENT])
    name, _ = gate.pinned(own, "orders")
    gate.served.revoke(name)
    return Caller(gate.pem(own), "certificate-revoked", name)


def revoked_partner_ca(gate: Gate, umbrella: Umbrella) -> Caller:
    """What a revoked partner CA issued, before and after."""
    root = material.root("Former CA")
    name = gate.client("orders")
    gate.served.accept_authority(name, der(root), "DNS:*.former.com")
    own = gate.pem(material.client(root, "a.former.com"))
    gate.served.settled()
    assert gate.call(own).status == 200
    gate.served.revoke(name)
    return Caller(own, "certificate-revoked", name)


def twin_of_a_revoked_one(gate: Gate, umbrella: Umbrella) -> Caller:
    """Another fingerprint, the same certificate."""
    name = gate.client("orders")
    issued, files = gate.served.issue(name)
    gate.served.revoke(name)
    twin = Holder(key_of(files), (material.malleated(issued.certificate.parsed),))
    return Caller(gate.pem(twin), "certificate-revoked", name)


def twin_of_a_revoked_pin_of_a_partner_ca(gate: Gate, umbrella: Umbrella) -> Caller:
    """Its CA is accepted, itself is revoked: its twin does not come in through the CA."""
    own = of_umbrella(umbrella, "lost.umbrella.com")
    name, _ = gate.pinned(own, "orders")
    gate.served.revoke(name)
    twin = Holder(own.key, (material.malleated(own.leaf),))
    return Caller(gate.pem(twin), "certificate-revoked", name, right=umbrella.right)


def new_certificate_of_a_revoked_key(gate: Gate, umbrella: Umbrella) -> Caller:
    """Signed by itself with the key of a revoked one."""
    name, files = gate.issued("orders")
    gate.served.revoke(name)
    return Caller(gate.pem(material.issue("again", usage=[CLIENT], key=key_of(files))), "key-revoked", name)


def partners_certificate_of_a_revoked_key(gate: Gate, umbrella: Umbrella) -> Caller:
    """The partner's CA gave a certificate to a key that was revoked here."""
    name, files = gate.issued("orders")
    gate.served.revoke(name)
    own = of_umbrella(umbrella, "again.umbrella.com", key=key_of(files))
    return Caller(gate.pem(own), "key-revoked", name, right=umbrella.right)


def retired(gate: Gate, umbrella: Umbrella) -> Caller:
    """Replaced by another one, which passes."""
    name, before = gate.issued("orders")
    _, after = gate.served.issue(name)
    with gate.realm.changing(ACTOR) as change:
        bindings.retire(change, name, gate.bindings(name)[0].id)
    return Caller(before, "certificate-retired", name, right=after)


def suspended_client(gate: Gate, umbrella: Umbrella) -> Caller:
    """Its certificate is good, the client is suspended."""
    name, files = gate.issued("orders")
    with gate.realm.changing(ACTOR) as change:
        clients.suspend(change, name)
    return Caller(files, "client-suspended", name)


def suspended_partner(gate: Gate, umbrella: Umbrella) -> Caller:
    """A partner CA's certificate that the gateway had learned."""
    root = material.root("Paused CA")
    name = gate.client("orders")
    gate.served.accept_authority(name, der(root), "DNS:*.paused.com")
    own = gate.pem(material.client(root, "a.paused.com"))
    gate.served.settled()
    assert [200, 200] == [gate.call(own).status, gate.call(own).status]
    with gate.realm.changing(ACTOR) as change:
        clients.suspend(change, name)
    return Caller(own, "client-suspended", name)


def removed_client_issued(gate: Gate, umbrella: Umbrella) -> Caller:
    """What was issued for it was revoked with it."""
    name, files = gate.issued("orders")
    with gate.realm.changing(ACTOR) as change:
        clients.remove(change, name)
    return Caller(files, "certificate-revoked", name)


def removed_client_pinned(gate: Gate, umbrella: Umbrella) -> Caller:
    """Nothing replaced its certificate: the client is gone."""
    own = material.issue("initech", usage=[CLIENT])
    name, _ = gate.pinned(own, "orders")
    with gate.realm.changing(ACTOR) as change:
        clients.remove(change, name)
    return Caller(gate.pem(own), "client-removed", name)


def proposed(gate: Gate, umbrella: Umbrella) -> Caller:
    """Accepted, and not yet confirmed."""
    own = material.issue("initech", usage=[CLIENT])
    name = gate.client("orders")
    with gate.realm.changing(ACTOR) as change:
        bindings.accept_certificate(change, name, der(own), proposed=True)
    return Caller(gate.pem(own), "binding-proposed", name)


def withdrawn(gate: Gate, umbrella: Umbrella) -> Caller:
    """Proposed once, and given up: it was never anybody's."""
    own = material.issue("initech", usage=[CLIENT])
    name = gate.client("orders")
    with gate.realm.changing(ACTOR) as change:
        found = bindings.accept_certificate(change, name, der(own), proposed=True).binding
        bindings.withdraw(change, name, found.id)
    return Caller(gate.pem(own), "certificate-unknown", name)


def issued_for_another_service(gate: Gate, umbrella: Umbrella) -> Caller:
    """Of two paths of one host it may call the other."""
    name, files = gate.issued("orders")
    return Caller(files, "service-not-allowed", name, target="/stock/1")


def pinned_for_another_service(gate: Gate, umbrella: Umbrella) -> Caller:
    """The pinned certificate of a client that may call the other."""
    own = material.issue("initech", usage=[CLIENT])
    name, _ = gate.pinned(own, "orders")
    return Caller(gate.pem(own), "service-not-allowed", name, target="/stock/1")


def partners_for_another_service(gate: Gate, umbrella: Umbrella) -> Caller:
    """The partner CA's certificate, learned on the service that it may call."""
    assert gate.call(umbrella.right).status == 200
    return Caller(umbrella.right, "service-not-allowed", "umbrella", target="/stock/1")


def issued_by_a_pinned_authority(gate: Gate, umbrella: Umbrella) -> Caller:
    """A pinned certificate may be able to issue: what it issues is nobody's."""
    pinned = signing_authority("Initech")
    gate.pinned(pinned, "orders", despite=("client-certificate-is-authority",))
    own = material.issue("initech", by=pinned, usage=[CLIENT])
    return Caller(gate.pem(own), "certificate-unknown", right=gate.pem(pinned))


def issued_by_a_client(gate: Gate, umbrella: Umbrella) -> Caller:
    """A client's leaf signs another one: it is no authority."""
    leaf = of_umbrella(umbrella, "issuer.umbrella.com")
    own = material.issue("a.umbrella.com", by=leaf, names=["a.umbrella.com"], usage=[CLIENT])
    return Caller(gate.pem(own), "chain-broken", "umbrella", right=umbrella.right)


def namesake_of_the_partners_ca(gate: Gate, umbrella: Umbrella) -> Caller:
    """Another CA with the same subject."""
    own = material.client(material.root("Umbrella CA"), "a.umbrella.com")
    return Caller(gate.pem(own), "chain-broken", right=umbrella.right)


def namesake_without_its_root(gate: Gate, umbrella: Umbrella) -> Caller:
    """It does not even send its CA."""
    own = material.client(material.root("Umbrella CA"), "a.umbrella.com")
    return Caller(gate.pem(Holder(own.key, own.certificates[:1])), "chain-broken", right=umbrella.right)


def namesake_with_the_partners_ca_beside(gate: Gate, umbrella: Umbrella) -> Caller:
    """It sends the real CA instead of its own."""
    own = material.client(material.root("Umbrella CA"), "a.umbrella.com")
    chain = (own.leaf, umbrella.root.leaf)
    return Caller(gate.pem(Holder(own.key, chain)), "chain-broken", right=umbrella.right)


def partners_ca_itself(gate: Gate, umbrella: Umbrella) -> Caller:
    """The CA's own certificate is for issuing."""
    root = signing_authority("Own CA", names=["ca.own.com"])
    name = gate.client("orders")
    gate.served.accept_authority(name, der(root), "DNS:*.own.com")
    right = gate.pem(material.client(root, "a.own.com"))
    return Caller(gate.pem(root), "purpose-wrong", name, right=right)


def partners_intermediate_ca(gate: Gate, umbrella: Umbrella) -> Caller:
    """A CA below the partner's with a name within the rule."""
    own = signing_authority("sub.umbrella.com", names=["sub.umbrella.com"], by=umbrella.root)
    return Caller(gate.pem(own), "purpose-wrong", "umbrella", right=umbrella.right)


def partners_intermediate_missing(gate: Gate, umbrella: Umbrella) -> Caller:
    """With its intermediate the same certificate passes at once: the refusal is not remembered for it."""
    between = material.issue("Umbrella Issuing CA", by=umbrella.root, ca=True)
    own = material.client(between, "a.umbrella.com")
    return Caller(gate.pem(Holder(own.key, own.certificates[:1])), "certificate-unknown", right=gate.pem(own))


def partners_intermediate_expired(gate: Gate, umbrella: Umbrella) -> Caller:
    """A good leaf below an intermediate that is over."""
    between = material.issue("Umbrella Issuing CA", by=umbrella.root, ca=True, days=(-10, -1))
    own = material.client(between, "a.umbrella.com")
    return Caller(gate.pem(own), "chain-broken", "umbrella", right=umbrella.right)


def partners_path_too_long(gate: Gate, umbrella: Umbrella) -> Caller:
    """An intermediate below one that may have none below it."""
    last = issue_authority("Umbrella Last CA", umbrella.root, path_length=0)
    between = issue_authority("Umbrella Further CA", last)
    own = material.client(between, "a.umbrella.com")
    return Caller(gate.pem(own), "chain-broken", "umbrella", right=umbrella.right)


def partners_name_not_permitted(gate: Gate, umbrella: Umbrella) -> Caller:
    """An intermediate that may issue other names only."""
    constraints = x509.NameConstraints([x509.DNSName("other.umbrella.com")], None)
    between = issue_authority("Umbrella Other CA", umbrella.root, extension=constraints)
    own = material.client(between, "a.umbrella.com")
    return Caller(gate.pem(own), "chain-broken", "umbrella", right=umbrella.right)


def partners_unknown_critical_extension(gate: Gate, umbrella: Umbrella) -> Caller:
    """It says something that nobody here understands, and that it must be understood."""
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    own = leaf_of(umbrella.root, "a.umbrella.com", critical=unknown)
    return Caller(gate.pem(own), "chain-broken", "umbrella", right=umbrella.right)


def partners_weak_key(gate: Gate, umbrella: Umbrella) -> Caller:
    """A key that can be factored."""
    key = rsa.generate_private_key(65537, 1024)  # noqa: S505  weak on purpose
    own = of_umbrella(umbrella, "weak.umbrella.com", key=key)
    return Caller(gate.pem(own), "certificate-weak", "umbrella", right=umbrella.right)


def partners_unreadable(gate: Gate, umbrella: Umbrella) -> Caller:
    """Its names are no names, and what cannot be read is not taken for absent."""
    rubbish = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"rubbish")
    own = material.issue("a.umbrella.com", by=umbrella.root, usage=[CLIENT], extensions=[rubbish])
    return Caller(gate.pem(own), "certificate-unreadable", right=umbrella.right)


def two_clients_of_one_ca(gate: Gate, umbrella: Umbrella) -> Caller:
    """A name of neither of two clients that share a CA: neither of them is blamed."""
    root = material.root("Shared CA")
    for rule in ("DNS:*.one.com", "DNS:*.two.com"):
        gate.served.accept_authority(gate.client("orders"), der(root), rule)
    right = gate.pem(material.client(root, "a.one.com"))
    return Caller(gate.pem(material.client(root, "a.three.com")), "name-outside-rule", right=right)


def name_of_another_partner(gate: Gate, umbrella: Umbrella) -> Caller:
    """A partner's CA issues a name that another partner's rule has."""
    own = of_umbrella(umbrella, "a.hooli.com")
    name = gate.client("orders")
    hooli = material.root("Hooli CA")
    gate.served.accept_authority(name, der(hooli), "DNS:*.hooli.com")
    right = gate.pem(material.client(hooli, "a.hooli.com"))
    return Caller(gate.pem(own), "name-outside-rule", "umbrella", right=right)


def chain_of_eleven(gate: Gate, umbrella: Umbrella) -> Caller:
    """More certificates than are looked at; ten are, and pass."""
    right, wrong = of_umbrella(umbrella, "a.umbrella.com"), of_umbrella(umbrella, "a.umbrella.com")
    more = tuple(material.root(f"Root {number}").leaf for number in range(9))
    ten = Holder(right.key, (right.leaf, *more))
    eleven = Holder(wrong.key, (*wrong.certificates, *more))
    return Caller(gate.pem(eleven), "chain-too-large", right=gate.pem(ten))


def chain_of_seventy_kilobytes(gate: Gate, umbrella: Umbrella) -> Caller:
    """More bytes than are looked at, in two certificates."""
    own = of_umbrella(umbrella, "a.umbrella.com")
    return Caller(
        gate.pem(Holder(own.key, (own.leaf, padded(70_000)))), "chain-too-large", right=gate.pem(own)
    )


def leaf_of_seventy_kilobytes(gate: Gate, umbrella: Umbrella) -> Caller:
    """The leaf alone is more than is looked at."""
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x04" * 70_000)
    own = material.issue("big", usage=[CLIENT], extensions=[extension])
    return Caller(gate.pem(own), "chain-too-large")


WAYS: tuple[Way, ...] = (
    no_certificate,
    stranger,
    self_signed_stranger,
    stranger_with_a_clients_name,
    forged_issuer_name,
    forged_issuer_name_and_serial,
    forged_with_a_revoked_serial,
    twin_of_an_issued_one,
    twin_of_a_pinned_one,
    other_certificate_of_a_pinned_key,
    our_server_certificate,
    partners_server_certificate,
    server_certificate_of_a_namesake,
    partners_expired,
    partners_not_yet_valid,
    issued_expired,
    pinned_expired,
    pinned_not_yet_valid,
    revoked_issued,
    revoked_pinned,
    revoked_partner_ca,
    twin_of_a_revoked_one,
    twin_of_a_revoked_pin_of_a_partner_ca,
    new_certificate_of_a_revoked_key,
    partners_certificate_of_a_revoked_key,
    retired,
    suspended_client,
    suspended_partner,
    removed_client_issued,
    removed_client_pinned,
    proposed,
    withdrawn,
    issued_for_another_service,
    pinned_for_another_service,
    partners_for_another_service,
    issued_by_a_pinned_authority,
    issued_by_a_client,
    namesake_of_the_partners_ca,
    namesake_without_its_root,
    namesake_with_the_partners_ca_beside,
    partners_ca_itself,
    partners_intermediate_ca,
    partners_intermediate_missing,
    partners_intermediate_expired,
    partners_path_too_long,
    partners_name_not_permitted,
    partners_unknown_critical_extension,
    partners_weak_key,
    partners_unreadable,
    two_clients_of_one_ca,
    name_of_another_partner,
    chain_of_eleven,
    chain_of_seventy_kilobytes,
    leaf_of_seventy_kilobytes,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_certificate_gives_no_right(gate: Gate, umbrella: Umbrella, way: Way) -> None:
    """Refused with its reason; nothing upstream; the journal knows; the right one passes."""
    gate.refuses(way(gate, umbrella))


# Names that a rule for one label below umbrella.com does not match, whoever may read them so.
OUTSIDE = {
    "two labels": x509.DNSName("a.b.umbrella.com"),
    "the domain itself": x509.DNSName("umbrella.com"),
    "another domain with that end": x509.DNSName("evilumbrella.com"),
    "a domain below which it is": x509.DNSName("a.umbrella.com.evil.com"),
    "a wildcard of its own": x509.DNSName("*.umbrella.com"),
    "a wildcard within a label": x509.DNSName("a*.umbrella.com"),
    "a NUL": x509.DNSName("evil.com\0.umbrella.com"),
    "a line end": x509.DNSName("a\n.umbrella.com"),
    "a blank": x509.DNSName("a .umbrella.com"),
    "a trailing dot": x509.DNSName("a.umbrella.com."),
    "an empty label": x509.DNSName(".umbrella.com"),
    "a slash": x509.DNSName("evil.com/a.umbrella.com"),
    "an at sign": x509.DNSName("evil@a.umbrella.com"),
    "a URI": x509.UniformResourceIdentifier("https://a.umbrella.com"),
    "a URI without scheme": x509.UniformResourceIdentifier("a.umbrella.com"),
    "an email address": x509.RFC822Name("a@a.umbrella.com"),
    "a directory name": x509.DirectoryName(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.umbrella.com")])
    ),
    "another kind": x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.99999.2"), b"\x0c\x0ea.umbrella.com"),
}


@pytest.mark.parametrize("outside", OUTSIDE.values(), ids=OUTSIDE)
def test_name_outside_the_rule_gives_no_right(
    gate: Gate, umbrella: Umbrella, outside: x509.GeneralName
) -> None:
    """The partner's own CA issued it, and the name is none that was agreed."""
    names = x509.SubjectAlternativeName([outside])
    own = material.issue("a.umbrella.com", by=umbrella.root, usage=[CLIENT], extensions=[names])
    gate.refuses(Caller(gate.pem(own), "name-outside-rule", "umbrella", right=umbrella.right))


def test_common_name_alone_gives_no_right(gate: Gate, umbrella: Umbrella) -> None:
    """A rule for DNS names looks at the alternative names only."""
    own = material.issue("a.umbrella.com", by=umbrella.root, usage=[CLIENT])
    gate.refuses(Caller(gate.pem(own), "name-outside-rule", "umbrella", right=umbrella.right))


@pytest.mark.parametrize("name", ["API.UMBRELLA.COM", "Api.Umbrella.Com", "xn--bcher-kva.umbrella.com"])
def test_name_within_the_rule_passes(gate: Gate, umbrella: Umbrella, name: str) -> None:
    """Host names have no case."""
    own = material.issue("any", by=umbrella.root, names=[name], usage=[CLIENT])
    assert gate.call(gate.pem(own)).status == 200


def test_retired_pin_passes_through_its_own_ca(gate: Gate) -> None:
    """A partner that was pinned, and whose CA is accepted instead, keeps its certificate."""
    root = material.root("Initech CA")
    own = material.client(root, "a.initech.com")
    name, pin = gate.pinned(own, "orders")
    gate.served.accept_authority(name, der(root), "DNS:*.initech.com")
    with gate.realm.changing(ACTOR) as change:
        bindings.retire(change, name, pin.id)
    gate.served.settled()
    assert gate.call(gate.pem(own)).status == 200


KEYS: dict[str, Callable[[], Key]] = {
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "RSA 2048": lambda: rsa.generate_private_key(65537, 2048),
    "RSA 4096": lambda: rsa.generate_private_key(65537, 4096),
}


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("kind", KEYS)
def test_key_of_a_client_is_accepted(gate: Gate, kind: str, version: str) -> None:
    """All of these can prove their key: the server says that it takes their signatures."""
    own = material.issue("initech", usage=[CLIENT], key=KEYS[kind]())
    gate.pinned(own, "orders")
    gate.served.settled()
    with gate.connect(gate.pem(own), version=version) as connection:
        assert connection.request("/orders/1").status == 200


def key_of(files: Pem) -> Key:
    """Read a client's key back."""
    key = load_pem_private_key(files.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key


def namesake_of_ours(gate: Gate) -> Holder:
    """Make a CA that has our CA's name, and a key of its own."""
    with gate.realm.reading() as connection:
        ours = authorities.issuers(connection)[0]
    return Holder(ec.generate_private_key(ec.SECP256R1()), (ours.parsed,))


def of_umbrella(
    umbrella: Umbrella, name: str, *, days: tuple[float, float] = (-1, 30), key: Key | None = None
) -> Holder:
    """Issue a client certificate of the partner's CA."""
    return material.issue(name, by=umbrella.root, names=[name], usage=[CLIENT], days=days, key=key)


def signing_authority(name: str, names: list[str] | None = None, by: Holder | None = None) -> Holder:
    """Make a CA whose key may also sign a handshake, so that it can be presented at all."""
    return crafted(name, by, names=names or [], authority=True, usage=("digital_signature", "key_cert_sign"))


def issue_authority(
    name: str, by: Holder, path_length: int | None = None, extension: x509.ExtensionType | None = None
) -> Holder:
    """Issue an intermediate with limits."""
    return crafted(
        name, by, authority=True, path_length=path_length, critical=extension, usage=("key_cert_sign",)
    )


def leaf_of(by: Holder, name: str, critical: x509.ExtensionType) -> Holder:
    """Issue a client certificate with a critical extension."""
    return crafted(name, by, names=[name], critical=critical, usage=("digital_signature",))


def padded(size: int) -> x509.Certificate:
    """Make a certificate of some size."""
    filling = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x04" * size)
    return material.issue("padding", ca=True, extensions=[filling]).leaf
