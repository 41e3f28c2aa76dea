"""What Salesforce's uses say of files that its callouts would not take, and of those that they would."""

from __future__ import annotations

from dataclasses import replace

from tests.parts import material as parts
from tests.parts.material import SERVER
from tests.platforms.material import AT, chain, client, entry, ours, presented, rsa_key
from twoway.findings import Finding
from twoway.keystores.model import Format, IdentityEntry
from twoway.platforms import kit as kits
from twoway.platforms.catalogue import use_of
from twoway.platforms.order import Order
from twoway.platforms.preflight import preflight
from twoway.platforms.salesforce import PLATFORM
from twoway.x509.keys import private_der

APP = use_of(PLATFORM, "app")
INBOUND = use_of(PLATFORM, "api-client")
DEFAULTS = {setting.name: setting.default or "" for setting in APP.settings}


def self_signed() -> IdentityEntry:
    """What the JWT bearer flow is mostly used with."""
    holder = parts.issue("jwt", key=rsa_key(), days=(-1, 300))
    return IdentityEntry("jwt", private_der(holder.key), (ours(holder.leaf),), AT)


def findings(use_name: str, of: IdentityEntry) -> list[Finding]:
    """What the preflight says of a PEM file with this identity."""
    file = presented(of, name="a.pem", format=Format.PEM, password=None)
    return list(preflight(PLATFORM, use_of(PLATFORM, use_name), file))


def codes(use_name: str, of: IdentityEntry) -> list[str]:
    """The findings' codes."""
    return [finding.code for finding in findings(use_name, of)]


def noted(peer: str = "", use_name: str = "app", **settings: str) -> list[str]:
    """What is noted when a kit is made."""
    use = use_of(PLATFORM, use_name)
    of = self_signed() if use is APP else entry(client())
    given = {**DEFAULTS, **settings}
    order = Order(of, (), AT, "" if use is APP else "mybundle123", peer, given)
    return [finding.code for finding in kits.made(PLATFORM, use, order).findings]


def test_self_signed_certificate_is_right_for_an_app() -> None:
    """Salesforce trusts what was uploaded."""
    assert [] == codes("app", self_signed())


def test_purposes_and_issuers_do_not_matter_to_an_app() -> None:
    """Its key signs tokens, and takes part in no handshake."""
    assert [] == codes("app", entry(client(usage=[SERVER]), certificates=1))


def test_other_keys_than_rsa_are_refused_for_an_app() -> None:
    """The token is signed with RS256."""
    holder = parts.issue("jwt", days=(-1, 300))
    found = codes("app", IdentityEntry("jwt", private_der(holder.key), (ours(holder.leaf),), AT))
    assert ["platform-key-refused"] == found


def test_issuers_are_not_uploaded() -> None:
    """Nobody misses them."""
    assert ["app-issuers-unread"] == codes("app", entry(client()))


def test_org_as_audience_is_warned_of() -> None:
    """The commonest reason of an invalid audience."""
    assert ["audience-my-domain"] == noted(audience="https://acme.my.salesforce.com")


def test_certificate_that_is_large_is_warned_of() -> None:
    """A certificate of hundreds of names."""
    names = [f"host-{number}.example.com" for number in range(200)]
    holder = parts.issue("jwt", key=rsa_key(), names=names, days=(-1, 300))
    large = IdentityEntry("jwt", private_der(holder.key), (ours(holder.leaf),), AT)
    order = Order(large, (), AT, "", settings=DEFAULTS)
    assert ["app-certificate-large"] == [one.code for one in kits.made(PLATFORM, APP, order).findings]


def test_self_signed_certificate_is_none_for_calls_into_salesforce() -> None:
    """It verifies the chain first."""
    assert "salesforce-self-signed" in codes("api-client", self_signed())


def test_private_root_is_warned_of_for_calls_into_salesforce() -> None:
    """Only roots of its own list are trusted there."""
    assert ["salesforce-root-unlisted"] == codes("api-client", entry(client()))


def test_gap_in_the_chain_is_found_for_calls_into_salesforce() -> None:
    """Every issuer has to be sent."""
    assert "chain-incomplete" in codes(
        "api-client", replace(entry(client()), certificates=chain(client())[:1])
    )


def test_other_port_than_the_mutual_one_is_warned_of() -> None:
    """On 443 no certificate is asked for."""
    url = "https://acme.my.salesforce.com"
    assert ["salesforce-not-mutual-host", "salesforce-root-unlisted"] == noted(url, "api-client")
    assert ["salesforce-root-unlisted"] == noted(f"{url}:8443", "api-client")
