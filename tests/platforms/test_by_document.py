"""Rules of platforms that nobody could try here: they warn, and say what is meant."""

from __future__ import annotations

from dataclasses import replace

from tests.parts import material as parts
from tests.parts.material import SERVER
from tests.platforms.material import AT, client, entry, ours, presented, rsa_key
from twoway.findings import Finding, Severity
from twoway.keystores.model import Format, TrustedEntry
from twoway.platforms import kit as kits
from twoway.platforms.catalogue import find, use_of
from twoway.platforms.order import Order
from twoway.platforms.preflight import preflight
from twoway.x509.revocation import load_crl


def found(platform: str, use_name: str, order: Order) -> list[str]:
    """The findings of a kit."""
    target = find(platform)
    return [one.code for one in kits.made(target, use_of(target, use_name), order).findings]


def order(usage: object, **settings: str) -> Order:
    """An order with a server for api.example.com, or whatever the usage says."""
    holder = client(usage=[usage], names=["api.example.com"])
    root = ours(parts.issue("Other Root", ca=True, days=(-1, 300)).leaf)
    return Order(entry(holder), (TrustedEntry("o", root, AT),), AT, "mybundle123", settings=settings)


def truststore(*holders: parts.Holder) -> list[Finding]:
    """What is said of a truststore for API Gateway."""
    platform = find("aws-api-gateway")
    entries = [TrustedEntry(f"ca{number}", ours(one.leaf)) for number, one in enumerate(holders)]
    file = presented(*entries, name="truststore.pem", format=Format.PEM, password=None)
    return list(preflight(platform, use_of(platform, "server").for_trust(), file))


def test_aes_is_not_for_windows_2016() -> None:
    """It would say that the password is incorrect."""
    platform = find("windows")
    file = presented(entry(client()), name="a.pfx", format=Format.PKCS12, profile="modern")
    old, new = (replace(file, settings={"version": version}) for version in ("2016", "2019"))
    said = preflight(platform, platform.uses[0], old)
    assert [("pkcs12-encryption-unread", Severity.WARNING)] == [(one.code, one.severity) for one in said]
    assert () == preflight(platform, platform.uses[0], new)


def test_kit_for_windows_2016_is_one_that_it_reads() -> None:
    """With triple DES."""
    assert [] == found("windows", "client", order(parts.CLIENT, version="2016"))


def test_macos_reads_no_modern_pkcs12() -> None:
    """It says that the MAC verification failed."""
    platform = find("macos")
    file = presented(entry(client()), name="a.p12", format=Format.PKCS12, profile="modern")
    said = preflight(platform, platform.uses[0], file)
    assert ["pkcs12-encryption-unread"] == [one.code for one in said]


def test_broker_whose_certificate_is_for_servers_only_is_warned_of() -> None:
    """Brokers call each other."""
    given = order(SERVER, stores="jks", directory="/etc/kafka")
    assert ["broker-cannot-be-client"] == found("kafka", "broker", given)


def test_weak_authority_is_found_before_the_upload() -> None:
    """API Gateway would take the truststore, and let nobody of it in."""
    weak = parts.issue("Weak Root", ca=True, days=(-1, 300), key=rsa_key(1024))
    assert "truststore-certificate-refused" in [one.code for one in truststore(weak)]


def test_sound_authority_is_not_spoken_of() -> None:
    """With a key of EC P-256."""
    assert [] == truststore(parts.issue("Root", ca=True, days=(-1, 300)))


def test_chain_that_is_too_deep_is_found_before_the_upload() -> None:
    """Four certificates with the client's own are the most."""
    holders = [parts.issue("CA 0", ca=True, days=(-1, 300))]
    for number in range(1, 4):
        holders.append(parts.issue(f"CA {number}", by=holders[-1], ca=True, days=(-1, 300)))
    assert ["CA 3"] == [one.facts["certificate"].removeprefix("CN=") for one in truststore(*holders)]


def test_revocation_lists_are_said_to_be_of_no_use() -> None:
    """API Gateway reads none."""
    from twoway.authority.crls import crl
    from twoway.authority.issuing import Signer

    root = parts.issue("Other Root", ca=True, days=(-1, 300))
    signer = Signer(ours(root.leaf), root.key)
    made = crl(signer, (), number=1, at=AT, next_update=AT.replace(year=AT.year + 1))
    given = replace(
        order(SERVER, bucket="bucket"),
        trusted=(TrustedEntry("o", ours(root.leaf), AT),),
        crls=(load_crl(made),),
        password="",
    )
    assert "revocation-unchecked" in found("aws-api-gateway", "server", given)
