"""Where each certificate of a kit belongs."""

from __future__ import annotations

import pytest

from tests.parts import material as parts
from tests.platforms import material
from tests.platforms.material import AT, chain, client, issuing, root
from twoway.errors import KeyMismatch
from twoway.platforms.order import Named, alias_of, arranged

HOLDER = client()
LEAF, ISSUING, ROOT = chain(HOLDER)


def test_issuers_go_into_the_chain_in_order() -> None:
    """Whatever order they were given in."""
    entry, trusted, findings = arranged(
        HOLDER.key, [LEAF], [Named(ROOT), Named(ISSUING)], [], alias="acme", at=AT
    )
    assert ((LEAF, ISSUING, ROOT), (), ()) == (entry.certificates, trusted, findings)


def test_what_did_not_issue_the_identity_is_kept_as_trusted_and_named() -> None:
    """A CA of the server is what is mostly given as the chain."""
    other = material.ours(parts.root("SYSCA").leaf)
    entry, trusted, findings = arranged(
        HOLDER.key, [LEAF], [Named(ISSUING), Named(ROOT), Named(other, "ejbca")], [], alias="acme", at=AT
    )
    assert (LEAF, ISSUING, ROOT) == entry.certificates
    assert [("ejbca", other)] == [(one.alias, one.certificate) for one in trusted]
    assert ["chain-certificate-foreign"] == [finding.code for finding in findings]


def test_anchor_is_named_after_its_subject() -> None:
    """Nobody has to think of a name."""
    other = material.ours(parts.root("Héllo wörld 3!").leaf)
    _, trusted, _ = arranged(HOLDER.key, [LEAF], [], [Named(other)], alias="acme", at=AT)
    assert ["h_llo_w_rld_3"] == [one.alias for one in trusted]


def test_names_that_are_taken_get_a_number() -> None:
    """No entry hides another."""
    others = [material.ours(parts.root("acme").leaf) for _ in range(2)]
    _, trusted, _ = arranged(HOLDER.key, [LEAF], [], [Named(one) for one in others], alias="ACME", at=AT)
    assert ["acme_2", "acme_3"] == [one.alias for one in trusted]


def test_certificate_that_is_given_twice_is_there_once() -> None:
    """The leaf as its own chain is the commonest slip of all."""
    entry, trusted, findings = arranged(
        HOLDER.key, [LEAF], [Named(LEAF), Named(ISSUING)], [Named(ROOT), Named(ROOT)], alias="a", at=AT
    )
    assert (LEAF, ISSUING) == entry.certificates
    assert ([ROOT], ()) == ([one.certificate for one in trusted], findings)


def test_leaf_is_found_wherever_it_stands() -> None:
    """A bundle may begin with its root."""
    entry, *_ = arranged(HOLDER.key, [ROOT, ISSUING, LEAF], [], [], alias="a", at=AT)
    assert (LEAF, ISSUING, ROOT) == entry.certificates


def test_key_of_another_certificate_is_refused() -> None:
    """Nothing is made that cannot work."""
    with pytest.raises(KeyMismatch):
        arranged(issuing().key, [LEAF], [], [], alias="a", at=AT)


def test_two_authorities_of_one_name_are_told_apart() -> None:
    """The signature says which one issued the identity."""
    twin = material.ours(parts.issue("Partner Issuing", by=root(), ca=True).leaf)
    entry, trusted, _ = arranged(
        HOLDER.key, [LEAF], [Named(twin), Named(ISSUING), Named(ROOT)], [], alias="a", at=AT
    )
    assert (LEAF, ISSUING, ROOT) == entry.certificates
    assert [twin] == [one.certificate for one in trusted]


def test_alias_of_a_number_begins_with_a_letter() -> None:
    """Salesforce takes no other."""
    assert "ca_2026" == alias_of(material.ours(parts.root("2026").leaf))
