"""What the preflight of servers finds: httpd, nginx, HAProxy, Envoy and PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.interop.platforms.front import crl
from tests.parts import material as parts
from tests.parts.material import SERVER, Holder
from tests.platforms.material import AT, chain, client, entry, issuing, ours, presented, root
from twoway.errors import UsageError
from twoway.keystores.model import Format, TrustedEntry
from twoway.platforms import apache, envoy, haproxy, nginx, postgresql
from twoway.platforms.kit import Kit, made
from twoway.platforms.order import Order
from twoway.platforms.platform import Platform
from twoway.platforms.preflight import preflight
from twoway.x509.certificates import pem_bundle
from twoway.x509.revocation import RevocationList, load_crl

EVERY = (apache.PLATFORM, nginx.PLATFORM, haproxy.PLATFORM, envoy.PLATFORM, postgresql.PLATFORM)
OPENSSL = (apache.PLATFORM, nginx.PLATFORM, haproxy.PLATFORM, postgresql.PLATFORM)
HOST = parts.issue("api", by=issuing(), names=["api.example.com"], usage=[SERVER], days=(-1, 300))
CLIENTS = parts.root("Clients")


def trusted(*holders: Holder) -> tuple[TrustedEntry, ...]:
    """What is trusted, under names of their own."""
    return tuple(TrustedEntry(f"ca{number}", ours(one.leaf), AT) for number, one in enumerate(holders))


def ordered(*anchors: Holder, crls: Sequence[RevocationList] = (), peer: str = "api.example.com") -> Order:
    """An order of a server."""
    return Order(entry(HOST), trusted(*anchors), AT, "", peer, crls=tuple(crls))


def kit(platform: Platform, order: Order, use: int = 0, **settings: str) -> Kit:
    """The kit of an order, with the settings of the use."""
    chosen = platform.uses[use]
    values = {one.name: one.default or "" for one in chosen.settings} | settings
    return made(platform, chosen, replace(order, settings=values))


def errors(made: Kit) -> list[str]:
    """What speaks against it; certificates of 30 days do not count here."""
    return [finding.code for finding in made.findings if finding.code != "certificate-ends-soon"]


def content(made: Kit, name: str) -> str:
    """A file of the kit."""
    return next(file.content for file in made.files if file.name == name).decode()


@pytest.mark.parametrize("platform", EVERY, ids=lambda platform: platform.name)
def test_sound_order_has_no_findings(platform: Platform) -> None:
    """Nobody is told what is right."""
    assert [] == errors(kit(platform, ordered(CLIENTS)))


@pytest.mark.parametrize("platform", EVERY, ids=lambda platform: platform.name)
def test_verification_without_a_ca_is_an_error(platform: Platform) -> None:
    """Httpd would start all the same."""
    assert ["client-verification-without-ca"] == errors(kit(platform, ordered()))


@pytest.mark.parametrize("platform", OPENSSL, ids=lambda platform: platform.name)
def test_intermediate_without_its_root_is_an_error(platform: Platform) -> None:
    """OpenSSL does not stop there."""
    assert ["anchor-without-root"] == errors(kit(platform, ordered(issuing())))
    assert [] == errors(kit(platform, ordered(issuing(), root())))


def test_intermediate_without_its_root_is_enough_for_envoy() -> None:
    """BoringSSL stops there."""
    assert [] == errors(kit(envoy.PLATFORM, ordered(issuing())))


@pytest.mark.parametrize("platform", EVERY, ids=lambda platform: platform.name)
def test_certificate_of_another_host_is_an_error(platform: Platform) -> None:
    """Clients would refuse it."""
    assert ["server-certificate-other-host"] == errors(
        kit(platform, ordered(CLIENTS, peer="www.example.com"))
    )


def test_depth_is_that_of_the_longest_chain() -> None:
    """Httpd counts the CAs, nginx those between."""
    below = parts.issue("Below", by=parts.issue("Middle", by=CLIENTS, ca=True), ca=True)
    three = ordered(CLIENTS, Holder(below.key, below.certificates[1:]), below)
    assert "SSLVerifyDepth 3\n" in content(kit(apache.PLATFORM, three), "keep/server.conf")
    assert "ssl_verify_depth 2;" in content(kit(nginx.PLATFORM, three), "keep/server.conf")


def test_depth_leaves_room_for_an_intermediate_that_clients_send() -> None:
    """The root alone is what is mostly given."""
    assert "SSLVerifyDepth 2\n" in content(kit(apache.PLATFORM, ordered(CLIENTS)), "keep/server.conf")


def test_list_of_one_ca_and_none_of_another() -> None:
    """Most servers refuse all of the other; httpd lets them pass unchecked, and the kit says so."""
    order = ordered(CLIENTS, root(), crls=[load_crl(crl(CLIENTS, []))])
    assert ["revocation-unchecked"] == errors(kit(apache.PLATFORM, order))
    for platform in EVERY[1:]:
        assert ["crl-missing"] == errors(kit(platform, order))


def test_list_that_has_ended_is_an_error() -> None:
    """From then on everybody is refused."""
    order = replace(ordered(CLIENTS, crls=[load_crl(crl(CLIENTS, []))]), at=AT + timedelta(days=8))
    assert "crl-not-current" in errors(kit(nginx.PLATFORM, order))


def test_list_of_nobody_that_is_trusted_is_found() -> None:
    """It was signed by another CA."""
    lists = [load_crl(crl(one, [])) for one in (CLIENTS, root())]
    assert ["crl-foreign"] == errors(kit(nginx.PLATFORM, ordered(CLIENTS, crls=lists)))


@pytest.mark.parametrize("platform", EVERY, ids=lambda platform: platform.name)
def test_chain_that_does_not_begin_with_the_leaf_is_an_error(platform: Platform) -> None:
    """The server would say that the key does not match."""
    backwards = pem_bundle(tuple(reversed(chain(HOST)[:2])))
    file = presented(
        entry(HOST, certificates=2), name="server.pem", format=Format.PEM, password=None, content=backwards
    )
    found = preflight(platform, platform.uses[0], file)
    assert "leaf-not-first" in [finding.code for finding in found]


def test_certificate_without_its_key_is_an_error_for_haproxy() -> None:
    """It reads both from one file."""
    alone = presented(
        *trusted(HOST), name="server.pem", format=Format.PEM, password=None, content=ours(HOST.leaf).pem
    )
    codes = [finding.code for finding in preflight(haproxy.PLATFORM, haproxy.PLATFORM.uses[0], alone)]
    assert "haproxy-key-apart" in codes


def test_haproxy_has_certificate_and_key_in_one_secret_file() -> None:
    """Leaf, intermediates, key; the root stays out."""
    (bundle,) = [
        file for file in kit(haproxy.PLATFORM, ordered(CLIENTS)).files if file.name == "keep/server.pem"
    ]
    labels = [line for line in bundle.content.decode().splitlines() if line.startswith("-----BEGIN")]
    assert (True, ["CERTIFICATE", "CERTIFICATE", "PRIVATE KEY"]) == (
        bundle.secret,
        [label.strip("-").removeprefix("BEGIN ") for label in labels],
    )


@pytest.mark.parametrize(("mode", "codes"), [(0o600, []), (0o644, ["database-key-readable"]), (None, [])])
def test_key_that_others_may_read_is_an_error_for_postgresql(mode: int | None, codes: list[str]) -> None:
    """The server does not start with it; where nobody knows the mode, nothing is said."""
    file = presented(
        entry(HOST, certificates=2), name="server.pem", format=Format.PEM, password=None, mode=mode
    )
    found = preflight(postgresql.PLATFORM, postgresql.PLATFORM.uses[0], file)
    assert codes == [finding.code for finding in found]


def test_database_user_of_another_name_wants_a_map() -> None:
    """PostgreSQL takes the common name for the user's."""
    order = Order(entry(client()), trusted(CLIENTS), AT, "", "db.example.com")
    assert [] == errors(kit(postgresql.PLATFORM, order, use=1))
    mapped = kit(postgresql.PLATFORM, order, use=1, user="app")
    assert ["database-user-mapped"] == errors(mapped)
    assert 'twoway "acme" app' in content(mapped, "STEPS.md")


def test_map_of_common_names_becomes_lines() -> None:
    """Each common name is one user."""
    mapped = kit(postgresql.PLATFORM, ordered(CLIENTS), map="Globex Inc=app,initech=report")
    assert ['twoway    "Globex Inc"   app', 'twoway    "initech"   report'] == content(
        mapped, "keep/pg_ident.conf"
    ).splitlines()[2:]
    assert "clientcert=verify-full map=twoway" in content(mapped, "keep/pg_hba.conf")


def test_common_name_cannot_be_two_users() -> None:
    """Nobody could say which."""
    with pytest.raises(UsageError, match="twice"):
        kit(postgresql.PLATFORM, ordered(CLIENTS), map="a=b,a=c")


@pytest.mark.parametrize("peer", ["https://a b", "https://a;b", 'https://a"b', "https://", "https://x:99999"])
@pytest.mark.parametrize("platform", EVERY, ids=lambda platform: platform.name)
def test_peer_that_a_configuration_cannot_hold_is_refused(platform: Platform, peer: str) -> None:
    """Nothing of it becomes a directive."""
    for use in range(2):
        with pytest.raises(UsageError):
            kit(platform, ordered(CLIENTS, peer=peer), use)


@pytest.mark.parametrize("platform", EVERY, ids=lambda platform: platform.name)
def test_nothing_secret_is_sent(platform: Platform) -> None:
    """And what is kept in clear is for its owner only."""
    for use in range(2):
        for file in kit(platform, ordered(CLIENTS), use).files:
            assert file.secret == (b"PRIVATE KEY" in file.content)
            assert file.name.startswith("keep/") or not file.secret
