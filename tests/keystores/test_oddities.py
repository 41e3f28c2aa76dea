import pytest

from tests.keystores.material import CHAIN, KEY_DER, PASSWORD, UNPARSABLE, store
from twoway.keystores import Format, IdentityEntry, Keystore, TrustedEntry, dump, load

KEPT = store(TrustedEntry("old", UNPARSABLE))


@pytest.mark.parametrize("form", ["pem", "der", "pkcs12", "jks"])
def test_a_certificate_that_no_parser_takes_is_kept_and_told_of(form):
    """It is listed, converted and exported in every format, with one finding."""
    password = PASSWORD if form in {"pkcs12", "jks"} else None
    keystore = load(dump(KEPT, form, password), password)
    assert [UNPARSABLE] == [entry.certificate for entry in keystore.trusted]
    (finding,) = keystore.findings
    assert "certificate-unparsable" == finding.code
    assert [UNPARSABLE.sha256] == finding.facts["sha256"]


def test_one_in_a_chain_is_told_of_once():
    """Under the alias that has it first, however many hold it."""
    chain = (*CHAIN, UNPARSABLE)
    both = Keystore((IdentityEntry("a", KEY_DER, chain), IdentityEntry("b", KEY_DER, chain)), Format.JKS)
    (finding,) = both.findings
    assert finding.title.endswith("(a)")


def test_a_finding_that_was_made_already_is_not_made_again():
    """A keystore that is made of others hands their findings on."""
    again = Keystore(KEPT.entries, Format.PEM, KEPT.findings)
    assert KEPT.findings == again.findings


def test_sound_certificates_are_no_finding():
    """Nothing is said of what is right."""
    assert () == store(IdentityEntry("a", KEY_DER, CHAIN)).findings
