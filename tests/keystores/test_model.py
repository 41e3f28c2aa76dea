import pytest

from tests.keystores.material import CHAIN, IDENTITY, KEY_DER, OTHER, OTHER_LEAF, TRUSTED, store
from twoway.errors import CertificateMissing, EntryAmbiguous, EntryMissing, KeyMismatch, WrongPassword
from twoway.keystores import Format, IdentityEntry, Keystore, LockedEntry, SecretEntry


def test_the_only_identity_needs_no_alias():
    """A keystore with one identity gives it without being told its name."""
    assert CHAIN == store(IDENTITY, TRUSTED).identity().certificates


def test_an_alias_may_differ_by_case():
    """Java writes aliases in small letters whatever was typed."""
    assert CHAIN == store(IDENTITY, OTHER).identity("Server").certificates


def test_several_identities_must_be_told_apart():
    """With two identities and no alias nothing is guessed."""
    with pytest.raises(EntryAmbiguous) as caught:
        store(IDENTITY, OTHER).identity()
    assert {"count": 2, "aliases": "'server', 'other'"} == caught.value.facts


def test_a_key_alone_beside_an_identity_is_not_meant():
    """A key without certificate does not make the identity ambiguous."""
    assert CHAIN == store(IdentityEntry("bare", KEY_DER), IDENTITY).identity().certificates


def test_a_truststore_has_no_identity():
    """The error names what is there instead."""
    with pytest.raises(EntryMissing, match="'partner'"):
        store(TRUSTED).identity()


def test_a_trusted_entry_is_no_identity():
    """Naming the wrong kind of entry says that no identity has the name."""
    with pytest.raises(EntryMissing, match="no identity named 'partner'"):
        store(IDENTITY, TRUSTED).identity("partner")


def test_an_unknown_alias_lists_the_known():
    """The error shows what could have been meant."""
    with pytest.raises(EntryMissing, match="it has 'server'"):
        store(IDENTITY).entry("serve")


def test_a_key_without_certificate_is_no_identity():
    """The error is about the certificate, not about the key."""
    with pytest.raises(CertificateMissing):
        store(IdentityEntry("bare", KEY_DER)).identity()


def test_a_foreign_certificate_is_found_out():
    """A key whose certificate is another's is listed, and refused when it is to be used."""
    with pytest.raises(KeyMismatch):
        store(IdentityEntry("mixed", KEY_DER, (OTHER_LEAF,))).identity()


def test_a_locked_entry_raises_its_own_reason():
    """An entry with another password is listed and says why it cannot be used."""
    locked = Keystore((LockedEntry("shut", WrongPassword("the key 'shut'"), CHAIN),), Format.PKCS12)
    with pytest.raises(WrongPassword):
        locked.identity()


def test_keys_never_show_in_representations():
    """A keystore can be logged."""
    shown = repr(Keystore((IDENTITY, SecretEntry("s", "AES", b"very secret")), Format.PKCS12))
    assert "very secret" not in shown
    assert repr(KEY_DER) not in shown
