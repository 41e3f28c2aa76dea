"""Which files make up an identity, and which say whom to trust."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.parts import material
from tests.platforms.material import AT, chain, client, entry, issuing, ours, presented, root
from twoway.errors import PasswordMissing
from twoway.keystores.model import Format, IdentityEntry, LockedEntry, TrustedEntry
from twoway.platforms.handed import sorted_out
from twoway.platforms.platform import Accepts
from twoway.platforms.presented import Presented

ACME = client()
ACCEPTS = Accepts(formats=(Format.PEM,), source="a test")


def pem(name: str, *entries: IdentityEntry | TrustedEntry | LockedEntry, **options: object) -> Presented:
    """A PEM file with these entries, its name for its content."""
    given = {"format": Format.PEM, "content": name.encode(), **options}
    return presented(*entries, name=name, **given)  # type: ignore[arg-type]  # locked ones too


def certificates(name: str, *given: object, **options: object) -> Presented:
    """A PEM file with certificates."""
    entries = [TrustedEntry(f"c{n}", ours(one), AT) for n, one in enumerate(given)]
    return pem(name, *entries, **options)


@pytest.fixture
def key() -> Presented:
    """The client's key alone."""
    return pem("key", entry(ACME, certificates=0))


@pytest.fixture
def parts() -> list[Presented]:
    """The client's certificates, each in a file of its own: root, issuing, leaf."""
    leaf, middle, top = ACME.certificates
    return [certificates("root", top), certificates("issuing", middle), certificates("leaf", leaf)]


def test_parts_are_one_identity_in_the_order_of_its_chain(key: Presented, parts: list[Presented]) -> None:
    """Whatever order they were named in; the content too, as a server would read it."""
    (one,) = sorted_out([*parts, key], ACCEPTS)
    assert (False, chain(ACME)) == (one.trust, one.file.identities[0].certificates)
    assert b"leaf\nissuing\nroot\nkey" == one.file.content


def test_certificates_of_others_say_whom_to_trust(key: Presented, parts: list[Presented]) -> None:
    """A CA that issued nothing here is a file of its own."""
    stranger = certificates("stranger", material.root("Stranger").leaf)
    found = sorted_out([key, *parts, stranger], ACCEPTS)
    assert [("stranger", True)] == [(one.file.name, one.trust) for one in found[1:]]


def test_leaf_alone_is_half_an_identity(parts: list[Presented]) -> None:
    """And no anchor, but for platforms without such files nothing is."""
    assert [False] == [one.trust for one in sorted_out(parts[2:], ACCEPTS)]
    assert [True] == [one.trust for one in sorted_out(parts[:1], ACCEPTS)]
    assert [False] == [one.trust for one in sorted_out(parts[:1], replace(ACCEPTS, trust_apart=False))]


def test_key_gets_a_wrong_certificate_rather_than_none(key: Presented) -> None:
    """So that the mismatch is found."""
    other = certificates("other", client(key=None).leaf)
    (one,) = sorted_out([key, other], ACCEPTS)
    assert (other.keystore.trusted[0].certificate,) == one.file.identities[0].certificates


def test_locked_key_has_its_certificates_too(parts: list[Presented]) -> None:
    """It is listed with them."""
    locked = pem("key", LockedEntry("key", PasswordMissing("the private key")))
    (one,) = sorted_out([locked, parts[2]], ACCEPTS)
    assert chain(ACME)[:1] == one.file.keystore.locked[0].certificates


def test_der_chain_stays_as_it_stands(key: Presented) -> None:
    """Whoever reads DER puts nothing in order."""
    given = certificates("chain", root().leaf, issuing().leaf, ACME.leaf, format=Format.DER)
    (one,) = sorted_out([replace(key, keystore=replace(key.keystore, format=Format.DER)), given], ACCEPTS)
    assert tuple(reversed(chain(ACME))) == one.file.identities[0].certificates


def test_keystore_is_whole_by_itself(parts: list[Presented]) -> None:
    """What lies beside a PKCS#12 does not go into it."""
    store = presented(entry(ACME, certificates=1), format=Format.PKCS12)
    found = sorted_out([store, parts[1]], ACCEPTS)
    assert [False, True] == [one.trust for one in found]
    assert 1 == len(found[0].file.identities[0].certificates)
