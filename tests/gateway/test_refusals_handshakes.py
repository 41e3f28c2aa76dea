"""Handshakes that fail: the alert that the caller gets, and what the journal says of whom."""

from __future__ import annotations

import json
import socket
import ssl
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.gateway.refusing import Caller, Gate, crafted, der
from tests.parts import material, raw
from tests.parts.answers import NoAnswer
from tests.parts.credentials import Pem
from tests.parts.material import CLIENT, SERVER, Holder
from tests.parts.raw import Alert, Connection, Version
from tests.parts.served import served
from tests.parts.upstream import upstream
from twoway.errors import CertificateUnfit, ValueRefused

STRICT, NAMED, OPEN = "strict.example.com", "named.example.com", "open.example.com"
VERSIONS: tuple[Version, ...] = ("TLSv1.2", "TLSv1.3")


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """A host that explains, a strict one, one that names CAs, and an open one; the right certificate passes at all."""
    with upstream() as api, served(tmp_path_factory.mktemp("handshakes")) as realm:
        realm.service("orders", api.url)
        realm.service("strict", api.url, host=STRICT, handshake="strict")
        realm.service("named", api.url, host=NAMED, ca_names=("CN=Umbrella CA", "CN=Hooli CA,O=Hooli"))
        realm.service("open", api.url, host=OPEN, client_certificate="off")
        realm.client("globex", "orders", "strict", "named")
        _, right = realm.issue("globex")
        realm.settled()
        yield Gate(realm, api, right)


@pytest.fixture(scope="module")
def umbrella(gate: Gate) -> Holder:
    """The CA of a partner that may call the strict host."""
    root = material.root("Umbrella CA")
    gate.served.client("umbrella", "strict")
    gate.served.accept_authority("umbrella", der(root), "DNS:*.umbrella.com")
    gate.served.settled()
    return root


Way = Callable[[Gate, Holder, str], Holder]


def stranger(gate: Gate, umbrella: Holder, name: str) -> Holder:
    """Of a CA that nobody accepted."""
    return material.client(material.root("Strange CA"), name)


def stranger_without_its_ca(gate: Gate, umbrella: Holder, name: str) -> Holder:
    """Likewise, and it sends its own certificate only."""
    own = stranger(gate, umbrella, name)
    return Holder(own.key, own.certificates[:1])


def self_signed(gate: Gate, umbrella: Holder, name: str) -> Holder:
    """Signed by itself."""
    return material.issue(name, usage=[CLIENT])


def namesake(gate: Gate, umbrella: Holder, name: str) -> Holder:
    """Of another CA with the partner's subject."""
    return material.issue(name, by=material.root("Umbrella CA"), names=["a.umbrella.com"], usage=[CLIENT])


def namesake_of_ours(gate: Gate, umbrella: Holder, name: str) -> Holder:
    """Of another CA with our subject."""
    from twoway.realm import authorities

    with gate.realm.reading() as connection:
        ours = authorities.issuers(connection)[0]
    return material.issue(name, by=Holder(material.issue("x").key, (ours.parsed,)), usage=[CLIENT])


def other_leaf_of_a_pinned_ones_ca(gate: Gate, umbrella: Holder, name: str) -> Holder:
    """Its CA issued a pinned certificate, and is not accepted itself."""
    root = material.root("Initech CA")
    gate.pinned(material.client(root, "initech"), "strict")
    return material.client(root, name)


def expired(gate: Gate, umbrella: Holder, name: str) -> Holder:
    """Of the partner's CA, and over."""
    return of_umbrella(umbrella, name, days=(-10, -1))


def not_yet_valid(gate: Gate, umbrella: Holder, name: str) -> Holder:
    """Of the partner's CA, and not begun."""
    return of_umbrella(umbrella, name, days=(1, 10))


def for_servers(gate: Gate, umbrella: Holder, name: str) -> Holder:
    """Of the partner's CA, for servers only."""
    return material.issue(name, by=umbrella, names=["a.umbrella.com"], usage=[SERVER])


def below_an_expired_one(gate: Gate, umbrella: Holder, name: str) -> Holder:
    """Below an intermediate that is over."""
    return of_umbrella(material.issue("Old CA", by=umbrella, ca=True, days=(-10, -1)), name)


def below_a_leaf(gate: Gate, umbrella: Holder, name: str) -> Holder:
    """Signed by a client of the partner's."""
    return of_umbrella(of_umbrella(umbrella, "leaf"), name)


def with_an_unknown_extension(gate: Gate, umbrella: Holder, name: str) -> Holder:
    """Of the partner's CA, and says something critical that nobody understands."""
    extension = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x05\x00")
    return crafted(name, umbrella, usage=["digital_signature"], names=["a.umbrella.com"], critical=extension)


# What ends a strict handshake: the alert, and the journal's code.
ENDED: dict[Way, tuple[str, str]] = {
    stranger: ("unknown_ca", "handshake-certificate-unknown"),
    stranger_without_its_ca: ("unknown_ca", "handshake-certificate-unknown"),
    self_signed: ("unknown_ca", "handshake-certificate-unknown"),
    namesake: ("unknown_ca", "handshake-certificate-unknown"),
    namesake_of_ours: ("unknown_ca", "handshake-certificate-unknown"),
    other_leaf_of_a_pinned_ones_ca: ("unknown_ca", "handshake-certificate-unknown"),
    expired: ("certificate_expired", "handshake-certificate-expired"),
    not_yet_valid: ("certificate_expired", "handshake-certificate-not-yet-valid"),
    for_servers: ("unsupported_certificate", "handshake-purpose-wrong"),
    below_an_expired_one: ("certificate_expired", "handshake-certificate-expired"),
    below_a_leaf: ("unknown_ca", "handshake-certificate-unknown"),
    with_an_unknown_extension: ("certificate_unknown", "handshake-chain-broken"),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("way", ENDED, ids=lambda way: way.__name__)
def test_strict_host_ends_the_handshake(gate: Gate, umbrella: Holder, way: Way, version: Version) -> None:
    """With the alert that says why; the journal names no caller, as the key was not proven yet."""
    alert, code = ENDED[way]
    name = gate.name("nobody")
    files = gate.pem(way(gate, umbrella, name))
    gate.served.settled()
    with gate.reaching() as reached, pytest.raises(NoAnswer, match=f"^{alert}$"):
        call(gate, files, version)
    [entry] = gate.failed_handshakes(f"CN={name}")
    assert (code, None, None) == (entry.code, entry.client, entry.subject)
    assert STRICT == json.loads(entry.detail)["sni"]
    assert [] == reached
    assert call(gate, gate.right, version) == 200


@pytest.mark.parametrize(
    ("version", "alert"), [("TLSv1.2", "handshake_failure"), ("TLSv1.3", "certificate_required")]
)
def test_strict_host_requires_a_certificate(gate: Gate, version: Version, alert: str) -> None:
    """The alert that security teams expect, which TLS 1.2 has no word for."""
    before = counted(gate, "handshake-certificate-missing")
    with gate.reaching() as reached, pytest.raises(Alert, match=f"^{alert}$"):
        call(gate, None, version)
    wait_for(lambda: counted(gate, "handshake-certificate-missing") > before)
    assert [] == reached
    assert call(gate, gate.right, version) == 200


def issued(gate: Gate, umbrella: Holder) -> Pem:
    """Issued by us."""
    return gate.issued("strict")[1]


def pinned_self_signed(gate: Gate, umbrella: Holder) -> Pem:
    """Pinned, signed by itself."""
    own = material.issue("initech", usage=[CLIENT])
    gate.pinned(own, "strict")
    return gate.pem(own)


def pinned_of_a_ca(gate: Gate, umbrella: Holder) -> Pem:
    """Pinned, of a CA that is not accepted."""
    own = material.client(material.root("Some CA"), "initech")
    gate.pinned(own, "strict")
    return gate.pem(own)


def pinned_without_its_ca(gate: Gate, umbrella: Holder) -> Pem:
    """Likewise, and it sends its own certificate only."""
    own = material.client(material.root("Some CA"), "initech")
    gate.pinned(own, "strict")
    return gate.pem(Holder(own.key, own.certificates[:1]))


def of_a_partner_ca(gate: Gate, umbrella: Holder) -> Pem:
    """Of the partner's CA, through an intermediate."""
    return gate.pem(of_umbrella(material.issue("Umbrella Issuing CA", by=umbrella, ca=True), "good"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "known",
    [issued, pinned_self_signed, pinned_of_a_ca, pinned_without_its_ca, of_a_partner_ca],
    ids=lambda known: known.__name__,
)
def test_strict_host_lets_the_known_in(
    gate: Gate, umbrella: Holder, known: Callable[[Gate, Holder], Pem], version: Version
) -> None:
    """Each kind of client."""
    files = known(gate, umbrella)
    gate.served.settled()
    assert call(gate, files, version) == 200


def of_another_service(gate: Gate, umbrella: Holder) -> Caller:
    """Issued by us, for another host."""
    name, files = gate.issued("orders")
    return Caller(files, "service-not-allowed", name)


def revoked(gate: Gate, umbrella: Holder) -> Caller:
    """Issued by us, and revoked."""
    name, files = gate.issued("strict")
    gate.served.revoke(name)
    return Caller(files, "certificate-revoked", name)


def outside_the_rule(gate: Gate, umbrella: Holder) -> Caller:
    """Of the partner's CA, and its name is not one that was agreed."""
    own = material.client(umbrella, "a.other.com")
    return Caller(gate.pem(own), "name-outside-rule", "umbrella")


def below_a_pinned_authority(gate: Gate, umbrella: Holder) -> Caller:
    """Issued by a pinned certificate that may issue."""
    pinned = crafted("Pinned", None, authority=True, usage=("digital_signature", "key_cert_sign"))
    gate.pinned(pinned, "strict", despite=("client-certificate-is-authority",))
    return Caller(gate.pem(material.issue("below", by=pinned, usage=[CLIENT])), "certificate-unknown")


@pytest.mark.parametrize(
    "way",
    [of_another_service, revoked, outside_the_rule, below_a_pinned_authority],
    ids=lambda way: way.__name__,
)
def test_strict_handshake_is_no_right(
    gate: Gate, umbrella: Holder, way: Callable[[Gate, Holder], Caller]
) -> None:
    """What chains to something that the host trusts is decided on as everywhere."""
    caller = way(gate, umbrella)
    gate.refuses(Caller(caller.identity, caller.code, caller.client, host=STRICT))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("host", ["localhost", STRICT])
def test_stolen_certificate_without_its_key_does_not_pass(gate: Gate, host: str, version: Version) -> None:
    """The handshake fails, also where any certificate may finish it, and its owner is not named as the caller."""
    name = gate.name("victim")
    own = material.issue(name, usage=[CLIENT])
    gate.pinned(own, "orders", "strict")
    right = gate.pem(own)
    theft = gate.pem(own)
    theft.key.write_bytes(material.stolen(own))
    gate.served.settled()
    with gate.reaching() as reached, pytest.raises(Alert, match="decrypt_error"):
        call(gate, theft, version, host)
    [entry] = gate.failed_handshakes(f"CN={name}")
    assert ("handshake-key-unproven", None, None, None) == (
        entry.code,
        entry.client,
        entry.subject,
        entry.sha256,
    )
    assert f"CN={name}" == json.loads(entry.detail)["presented"]
    assert [] == reached
    assert call(gate, right, version, host) == 200


@pytest.mark.parametrize("host", ["localhost", STRICT])
def test_certificate_cannot_be_changed_within_a_connection(gate: Gate, host: str) -> None:
    """TLS 1.2 could negotiate anew: the connection ends instead."""
    with gate.connect(gate.right, host=host, version="TLSv1.2") as connection:
        assert isinstance(connection, Connection)
        assert connection.request(host=host).status == 200
        connection._tls.renegotiate()
        with pytest.raises(NoAnswer):
            connection._patiently(connection._tls.do_handshake)


@pytest.mark.parametrize("version", VERSIONS)
def test_key_that_may_not_sign_fails_the_handshake(gate: Gate, version: Version) -> None:
    """Its key usage says so; there is no connection to answer on."""
    name = gate.name("signer")
    files = gate.pem(material.issue(name, ca=True, usage=[CLIENT]))
    before = counted(gate, "handshake-key-usage")
    with gate.reaching() as reached, pytest.raises(NoAnswer):
        call(gate, files, version, "localhost")
    assert [] == reached
    wait_for(lambda: counted(gate, "handshake-key-usage") > before)
    assert call(gate, gate.right, version, "localhost") == 200


# Bytes of a chain that no handshake takes: more than Envoy reads, and more than BoringSSL has room for in the two
# tickets of TLS 1.3. What is more than a ticket holds gets none, and is refused by the authorizer.
TOO_LARGE: dict[int, tuple[Version, ...]] = {120_000: VERSIONS, 40_000: ("TLSv1.3",), 60_000: ("TLSv1.3",)}


@pytest.mark.parametrize(
    ("size", "version"), [(size, version) for size, versions in TOO_LARGE.items() for version in versions]
)
def test_chain_that_no_handshake_takes_fails_it(gate: Gate, size: int, version: Version) -> None:
    """A chain of 100 kB, or one whose tickets nobody could send; the journal says what it was."""
    own = material.issue("large", usage=[CLIENT])
    filling = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.4.1.99999.1"), b"\x04" * (size // 2))
    padding = material.issue("padding", ca=True, extensions=[filling]).leaf
    files = gate.pem(Holder(own.key, (own.leaf, padding, padding)))
    before = counted(gate, "handshake-chain-too-large")
    with gate.reaching() as reached, pytest.raises(NoAnswer):
        call(gate, files, version, "localhost")
    assert [] == reached
    wait_for(lambda: counted(gate, "handshake-chain-too-large") > before)
    assert call(gate, gate.right, version, "localhost") == 200


@pytest.mark.parametrize(
    "curve", [ec.SECP256K1(), ec.BrainpoolP256R1(), ec.SECP224R1()], ids=lambda curve: curve.name
)
def test_key_that_no_handshake_takes_is_not_accepted(gate: Gate, curve: ec.EllipticCurve) -> None:
    """A client with such a key would send nothing, and nobody would say why."""
    own = material.issue("odd", usage=[CLIENT], key=ec.generate_private_key(curve))
    with pytest.raises(CertificateUnfit, match="key"):
        gate.pinned(own, "orders")


PLAIN = {
    "HTTP": (b"GET /orders HTTP/1.1\r\nHost: localhost\r\n\r\n", "handshake-plain-http"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n", "handshake-not-tls"),
    "noise": (b"\0" * 64, "handshake-not-tls"),
}


@pytest.mark.parametrize(("said", "code"), PLAIN.values(), ids=PLAIN)
def test_what_is_no_handshake_gets_no_answer(gate: Gate, said: bytes, code: str) -> None:
    """The connection ends, and the journal says what it was."""
    before = counted(gate, code)
    with gate.reaching() as reached, socket.create_connection(("127.0.0.1", gate.served.port)) as plain:
        plain.settimeout(5)
        plain.sendall(said)
        assert b"HTTP" not in plain.recv(4096)
    assert [] == reached
    wait_for(lambda: counted(gate, code) > before)
    assert call(gate, gate.right, "TLSv1.3", "localhost") == 200


def test_old_tls_is_refused(gate: Gate) -> None:
    """Older than 1.2 is no TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", gate.served.port)) as plain,
        pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"),
    ):
        context.wrap_socket(plain, server_hostname="localhost")
    assert gate.served.entries("handshake-tls-version")


@pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda one: one.name
)
def test_caller_that_does_not_trust_us_is_in_the_journal(gate: Gate, version: ssl.TLSVersion) -> None:
    """It refuses our certificate, and that is what the journal says."""
    name = f"{gate.name('distrusted')}.example.com"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = version
    distrust(context, gate.served.port, name)
    assert ["handshake-server-untrusted"] == [entry.code for entry in gate.failed_handshakes(name)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("host", "asked", "names"),
    [
        ("localhost", True, []),
        (NAMED, True, ["Hooli CA", "Umbrella CA"]),
        (OPEN, False, []),
    ],
)
def test_names_in_a_certificate_request_are_the_configured_ones(
    gate: Gate, host: str, asked: bool, names: list[str], version: Version
) -> None:
    """None unless a service has them; an open host does not ask at all."""
    with gate.connect(gate.right, host=host, version=version) as connection:
        assert isinstance(connection, Connection)
        assert (asked, names) == (connection.asked, sorted(connection.acceptable_cas))
        assert connection.request(host=host).status == 200


def test_configured_name_gives_no_right(gate: Gate) -> None:
    """A CA that is named is not trusted for that."""
    hooli = material.issue("Hooli CA", ca=True)
    own = material.issue("a.hooli.com", by=hooli, names=["a.hooli.com"], usage=[CLIENT])
    gate.refuses(Caller(gate.pem(own), "certificate-unknown", host=NAMED))


def test_names_that_no_handshake_can_carry_are_refused(gate: Gate) -> None:
    """At 64 kB every handshake would fail, for all clients, and nothing would say why."""
    names = tuple(
        f"CN=Certificate Authority number {number} of a very large partner,O=Partner" for number in range(800)
    )
    with pytest.raises(ValueRefused, match="bytes"):
        gate.served.service("crowded", gate.api.url, host="crowded.example.com", ca_names=names)
    assert gate.call(gate.right).status == 200


def call(gate: Gate, identity: Pem | None, version: Version, host: str = STRICT) -> int:
    """Return the status of a request, after the handshake's verdict was waited for."""
    patience = raw.TICKET_SECONDS if host == STRICT or identity is not gate.right else 0.0
    with gate.connect(identity, host=host, version=version, verdict_seconds=patience) as connection:
        return connection.request(host=host).status


def counted(gate: Gate, code: str) -> int:
    """Return how many entries of a code the journal has."""
    return len(gate.served.entries(code, seconds=0))


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def distrust(context: ssl.SSLContext, port: int, name: str) -> None:
    """Refuse the server's certificate, and leave only when the server has: a reset would overtake the alert."""
    received, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(received, said, server_hostname=name)
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        with suppress(ssl.SSLCertVerificationError):
            while True:
                with suppress(ssl.SSLWantReadError):
                    tls.do_handshake()
                plain.sendall(said.read())
                received.write(plain.recv(65536))
        plain.sendall(said.read())
        while plain.recv(65536):
            pass


def of_umbrella(by: Holder, subject: str, *, days: tuple[float, float] = (-1, 30)) -> Holder:
    """Issue a certificate within the partner's rule."""
    return material.issue(subject, by=by, names=["a.umbrella.com"], usage=[CLIENT], days=days)
