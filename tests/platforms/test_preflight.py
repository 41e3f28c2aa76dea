"""Each rule finds what it is for, and nothing on a sound file."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.parts import material as parts
from tests.parts.material import SERVER
from tests.platforms.material import (
    AT,
    chain,
    client,
    entry,
    issuing,
    ours,
    presented,
    root,
    rsa_key,
)
from twoway.findings import Severity
from twoway.keystores.model import Format, IdentityEntry, TrustedEntry
from twoway.platforms import salesforce
from twoway.platforms.platform import ByDocument, Platform, Proven, Root, Use
from twoway.platforms.preflight import preflight
from twoway.platforms.presented import Presented

USE: Use = salesforce.PLATFORM.uses[0]
PLATFORM: Platform = replace(salesforce.PLATFORM, proof=Proven("this test"))
SOUND = client()


def codes(file: Presented, use: Use = USE) -> list[str]:
    """What the preflight says of a file."""
    return [finding.code for finding in preflight(PLATFORM, use, file)]


def accepting(**changes: object) -> Use:
    """The use with other rules."""
    return replace(USE, accepts=replace(USE.accepts, **changes))  # type: ignore[arg-type]  # the test knows them


def test_sound_file_has_no_findings() -> None:
    """Nobody is told what is right."""
    assert [] == codes(presented(entry(SOUND)))


def test_other_format_is_refused() -> None:
    """A JKS made by today's keytool is none."""
    assert ["platform-format-refused", "file-name-misleading"] == codes(
        presented(entry(SOUND), format=Format.PKCS12)
    )


def test_size_is_held_against_the_limit() -> None:
    """A platform that limits uploads says so before one is tried."""
    assert ["platform-file-too-large"] == codes(presented(entry(SOUND)), accepting(octets=100))


@pytest.mark.parametrize("profile", ["legacy", "compat", "mixed"])
def test_encryption_that_is_not_read_is_refused(profile: str) -> None:
    """RC2 least of all."""
    file = presented(entry(SOUND), name="a.p12", format=Format.PKCS12, profile=profile)
    assert ["pkcs12-encryption-unread"] == codes(file, accepting(formats=(Format.PKCS12,)))


def test_file_without_an_identity_is_refused() -> None:
    """Certificates alone are no identity."""
    assert ["identity-missing"] == codes(presented(TrustedEntry("a", ours(root().leaf))))


def test_second_identity_is_in_the_way() -> None:
    """Which one the platform takes is not said."""
    assert ["identities-several"] == codes(presented(entry(SOUND), entry(client(), "other")))


@pytest.mark.parametrize("alias", ["1", "My_Cert", "a__b", "a_", "a-b", "a" * 41])
def test_alias_that_the_platform_does_not_take_is_refused(alias: str) -> None:
    """It becomes a name of the platform's own."""
    assert ["alias-refused"] == codes(presented(entry(SOUND, alias)))


@pytest.mark.parametrize("password", ["short", "pässwörter", "has space"])
def test_password_that_not_every_tool_takes_is_found(password: str) -> None:
    """Java takes printable ASCII, keytool six characters."""
    assert ["password-refused"] == codes(presented(entry(SOUND), password=password))


def test_key_of_another_kind_is_refused() -> None:
    """Salesforce takes RSA and nothing else."""
    holder = client(key=ec.generate_private_key(ec.SECP256R1()))
    assert ["platform-key-refused"] == codes(presented(entry(holder)))


def test_key_of_another_size_is_refused() -> None:
    """1024 bits are too few for anybody."""
    assert ["platform-key-refused"] == codes(presented(entry(client(key=rsa_key(1024)))))


def test_key_of_another_certificate_is_found() -> None:
    """The file cannot work anywhere."""
    wrong = IdentityEntry("acme", entry(client(key=rsa_key(3072))).key_der, chain(SOUND), AT)
    assert ["key-mismatch"] == codes(presented(wrong))


def test_chain_out_of_order_is_found() -> None:
    """Java loads it, and fails later."""
    leaf, first, last = chain(SOUND)
    assert ["chain-out-of-order"] == codes(presented(replace(entry(SOUND), certificates=(leaf, last, first))))


def test_leaf_alone_is_found() -> None:
    """Java and Go would send nothing at all to most servers."""
    assert ["chain-incomplete"] == codes(presented(entry(SOUND, certificates=1)))


def test_issuers_beside_the_key_are_found() -> None:
    """A keystore in which keytool -import put them looks complete, and is not."""
    beside = [TrustedEntry(f"ca{number}", one) for number, one in enumerate(chain(SOUND)[1:])]
    assert ["issuers-beside-the-key"] == codes(presented(entry(SOUND, certificates=1), *beside))


def test_root_is_missed_where_it_is_wanted() -> None:
    """Salesforce wants the whole chain."""
    assert ["root-missing"] == codes(presented(entry(SOUND, certificates=2)))


def test_root_is_mentioned_where_it_is_of_no_use() -> None:
    """It is sent at every handshake for nothing."""
    assert ["root-included"] == codes(presented(entry(SOUND)), accepting(root=Root.OUT))


def test_expired_certificate_is_found() -> None:
    """An old file is the commonest of all."""
    assert ["certificate-ended"] == codes(presented(entry(client(days=(-30, -1)))))


def test_certificate_that_ends_soon_is_found() -> None:
    """It would have to be installed anew in a month."""
    assert ["certificate-ends-soon"] == codes(presented(entry(client(days=(-1, 20)))))


def test_certificate_that_has_not_begun_is_found() -> None:
    """The clock may be behind."""
    assert ["certificate-not-yet-valid"] == codes(presented(entry(client(days=(1, 300)))))


def test_issuer_that_ended_counts_too() -> None:
    """A chain is as good as its weakest part."""
    later = presented(entry(SOUND), at=AT + timedelta(days=40))
    assert "certificate-ended" in codes(later)


def test_purpose_that_is_missing_is_found() -> None:
    """A server's certificate is no client's."""
    assert ["purpose-missing"] == codes(presented(entry(client(usage=[SERVER]))))


def test_truststore_with_a_private_key_is_refused() -> None:
    """Keytool -genkey makes such truststores."""
    assert "truststore-with-key" in codes(presented(entry(SOUND)), accepting(purpose=None))


def test_two_trusted_authorities_of_one_name_are_found() -> None:
    """Some verifiers try one of them only."""
    twins = [TrustedEntry(f"ca{number}", ours(parts.root("Twin").leaf)) for number in range(2)]
    assert ["trusted-namesakes"] == codes(presented(entry(SOUND), *twins))


def test_rule_known_by_document_only_warns() -> None:
    """Nobody is kept from an upload by what nobody has seen."""
    by_document = replace(PLATFORM, proof=ByDocument("a page", date(2026, 1, 1)))
    found = preflight(by_document, USE, presented(entry(SOUND, "1")))
    assert [(Severity.WARNING, "a page")] == [(one.severity, one.facts["source"]) for one in found]


def test_what_breaks_everywhere_is_an_error_even_there() -> None:
    """An expired certificate is one on every platform."""
    by_document = replace(PLATFORM, proof=ByDocument("a page", date(2026, 1, 1)))
    found = preflight(by_document, USE, presented(entry(client(days=(-30, -1)))))
    assert [Severity.ERROR] == [one.severity for one in found]


def test_errors_come_first() -> None:
    """The verdict is the first one's."""
    found = preflight(PLATFORM, USE, presented(entry(issuing_only(), "1", certificates=1)))
    assert sorted(found, key=lambda one: list(Severity).index(one.severity)) == list(found)


def issuing_only() -> parts.Holder:
    """A client right under the issuing CA."""
    return client(by=issuing())
