from __future__ import annotations

import contextlib

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from tests.x509.pki import made, name
from twoway.errors import NameInvalid, NameRuleTooWide, TwowayError
from twoway.x509.names import (
    NameRule,
    check_general_name,
    check_web_address,
    comparable_name,
    distinguished_name,
    general_name_text,
    name_text,
    printable,
    subject_alternative_name,
)

BEYOND_LATIN = "Παράδειγμα 例え"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        (BEYOND_LATIN, BEYOND_LATIN),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("line\r\nbreak", "line\\r\\nbreak"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\u2066left\u2069", "\\u2066left\\u2069"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\u2028", "\\u2028"),
        ("\x9b1m", "\\x9b1m"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_what_does_not_print_is_escaped(text, shown):
    """Control characters, ANSI, bidirectional marks, separators, surrogates and tags; no letter of any script."""
    assert shown == printable(text)


@given(st.text())
def test_nothing_that_is_shown_can_move_the_cursor(text):
    """Whatever goes in, only printing characters come out."""
    assert printable(text).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [("globex", "CN=globex"), ("CN=x,O=y", "CN=x,O=y"), (" CN=a b ", "CN=a b"), ("CN=ü", "CN=ü")],
)
def test_subjects_are_read(text, shown):
    """RFC 4514 text, or a common name alone."""
    assert shown == distinguished_name(text).rfc4514_string()


@pytest.mark.parametrize(
    "text",
    ["", "  ", "x" * 65, "C=Germany,CN=x", "=x", "CN=", "a=b", "CN=a\\0Ab", "a\x1bb", "CN=#0403616263"],
)
def test_subjects_that_cannot_be_are_refused(text):
    """Empty, too long, of unknown parts, or with characters that do not print, however they are written."""
    with pytest.raises(NameInvalid):
        distinguished_name(text)


def test_damaged_names_are_shown_as_bytes():
    """A name whose value is no text has no RFC 4514 form."""
    odd = x509.Name(
        [x509.NameAttribute(x509.NameOID.X500_UNIQUE_IDENTIFIER, b"\x00\xff", x509.name._ASN1Type.BitString)]
    )
    assert name_text(odd).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("DNS:a.example", "DNS:a.example"),
        ("a.example", "DNS:a.example"),
        ("*.a.example", "DNS:*.a.example"),
        ("dns:a_b.example", "DNS:a_b.example"),
        ("IP:10.0.0.1", "IP:10.0.0.1"),
        ("2001:db8::1", "IP:2001:db8::1"),
        ("URI:spiffe://a/b", "URI:spiffe://a/b"),
        ("https://a.example/x", "URI:https://a.example/x"),
        ("urn:uuid:1", "URI:urn:uuid:1"),
        ("email:a@b.example", "email:a@b.example"),
        ("a@b.example", "email:a@b.example"),
    ],
)
def test_alternative_names_are_read(text, shown):
    """With a kind before them or without."""
    if text.startswith("urn:"):
        text = f"URI:{text}"
    assert shown == general_name_text(subject_alternative_name(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "DNS:",
        "*",
        "a..b",
        "a.*.b",
        "f*.b",
        ".a",
        "-a.b",
        "a b",
        "bücher.example",
        "a\x00.example",
        "x" * 64 + ".example",
        ".".join(["x" * 60] * 5),
        "IP:1.2.3",
        "IP:10.0.0.0/8",
        "URI:no scheme",
        "URI:http://a/\x1b",
        "email:a",
        "email:a@b@c d",
        "email:a@\u212a.example",
        "URI:http://a/\u017f",
        "email:a(@b",
        "email:a@(b",
        "email:<a@b>",
        "email:a@b,c@d",
        "email:" + "x" * 65 + "@b",
    ],
)
def test_alternative_names_that_cannot_be_are_refused(text):
    """What no peer could match, or what would be read differently by different peers."""
    with pytest.raises(NameInvalid):
        subject_alternative_name(text)


@pytest.mark.parametrize(
    "other",
    [
        x509.DNSName("a\x00b"),
        x509.DNSName("a b"),
        x509.UniformResourceIdentifier("http://a/\n"),
        x509.UniformResourceIdentifier("http://a/" + "x" * 3000),
        x509.RFC822Name("not an address"),
        x509.DirectoryName(name("x")),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x05\x00"),
    ],
)
def test_hostile_names_of_a_request_are_refused(other):
    """They came as values, so they are looked at as values."""
    with pytest.raises(NameInvalid) as caught:
        check_general_name(other)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("text", ["DNS:*.a.example", "IP:::1", "URI:spiffe://a/b", "email:a@b.example"])
def test_sound_names_of_a_request_pass(text):
    """What can be written can be asked for."""
    check_general_name(subject_alternative_name(text))


@pytest.mark.parametrize("url", ["http://a/crl", "https://[::1]:8443/x.crl", "http://a"])
def test_web_addresses_pass(url):
    """With port and path or without."""
    check_web_address(url)


@pytest.mark.parametrize("url", ["ftp://a/crl", "http://", "http:///x", "http://a/ b", "http://u@a/", ""])
def test_other_addresses_are_refused(url):
    """Nothing that a client would fetch from elsewhere than one thinks."""
    with pytest.raises(NameInvalid):
        check_web_address(url)


def test_names_are_compared_as_rfc_5280_has_it():
    """Letters' case, spaces and the type of string do not tell names apart; the order of parts does."""
    utf8 = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Umbrella  CA ")])
    old = x509.Name(
        [x509.NameAttribute(x509.NameOID.COMMON_NAME, "umbrella ca", x509.name._ASN1Type.PrintableString)]
    )
    assert comparable_name(utf8) == comparable_name(old)
    assert comparable_name(distinguished_name("CN=a,O=b")) != comparable_name(distinguished_name("O=b,CN=a"))


@pytest.mark.parametrize(
    ("rule", "names", "expected"),
    [
        ("DNS:a.example", ["DNS:a.example"], True),
        ("DNS:a.example", ["DNS:A.Example"], True),
        ("DNS:a.example", ["DNS:b.example", "DNS:a.example"], True),
        ("DNS:a.example", ["DNS:aa.example"], False),
        ("DNS:a.example", ["DNS:a.example.evil.example"], False),
        ("DNS:*.umbrella.com", ["DNS:x.umbrella.com"], True),
        ("dns:*.Umbrella.com", ["DNS:X.UMBRELLA.COM"], True),
        ("DNS:*.umbrella.com", ["DNS:umbrella.com"], False),
        ("DNS:*.umbrella.com", ["DNS:x.y.umbrella.com"], False),
        ("DNS:*.umbrella.com", ["DNS:xumbrella.com"], False),
        ("DNS:*.umbrella.com", ["DNS:*.umbrella.com"], False),
        ("DNS:*.umbrella.com", ["DNS:.umbrella.com"], False),
        ("DNS:*.umbrella.com", ["URI:x.umbrella.com"], False),
        ("DNS:*.umbrella.com", [], False),
        ("URI:spiffe://umbrella/a", ["URI:spiffe://umbrella/a"], True),
        ("URI:spiffe://umbrella/a", ["URI:spiffe://umbrella/A"], False),
        ("URI:spiffe://umbrella/*", ["URI:spiffe://umbrella/a/b"], True),
        ("URI:spiffe://umbrella/*", ["URI:spiffe://umbrella/"], False),
        ("URI:spiffe://umbrella/*", ["URI:spiffe://umbrella"], False),
        ("URI:spiffe://umbrella/*", ["URI:spiffe://umbrella.evil/a"], False),
        ("URI:spiffe://umbrella/a/*", ["URI:spiffe://umbrella/ab/c"], False),
        ("email:ops@umbrella.com", ["email:ops@Umbrella.com"], True),
        ("email:ops@umbrella.com", ["email:Ops@umbrella.com"], False),
        ("IP:10.0.0.1", ["IP:10.0.0.1"], True),
        ("IP:2001:db8:0::1", ["IP:2001:db8::1"], True),
        ("IP:10.0.0.1", ["IP:10.0.0.2"], False),
        ("IP:10.0.0.1", ["DNS:10.0.0.1"], False),
        ("CN=", [], None),
        ("CN:leaf", [], True),
        ("CN:Leaf", [], False),
        ("CN:a.example", ["DNS:a.example"], False),
    ],
)
def test_rules_match_what_they_say_and_nothing_more(rule, names, expected):
    """A certificate's names, raw, against a rule of each kind."""
    if expected is None:
        with pytest.raises(NameInvalid):
            NameRule.parse(rule)
        return
    held = [value_of(text) for text in names]
    assert expected == NameRule.parse(rule).matches(made(names=held).certificate)


def value_of(text):
    """A general name as a certificate of a stranger may hold it, not looked at."""
    kind, _, value = text.partition(":")
    match kind:
        case "DNS":
            return x509.DNSName(value)
        case "URI":
            return x509.UniformResourceIdentifier(value)
        case "email":
            return x509.RFC822Name(value)
    return subject_alternative_name(text)


def test_a_rule_for_the_common_name_wants_just_one():
    """Readers disagree on which of two common names counts."""
    two = distinguished_name("CN=leaf,CN=admin")
    assert not NameRule.parse("CN:leaf").matches(made(two).certificate)
    assert not NameRule.parse("CN:admin").matches(made(two).certificate)


@pytest.mark.parametrize(
    "rule",
    [
        *("DNS:*", "DNS:*.com", "DNS:*.COM", "URI:*", "URI:https:*", "URI:https://*", "URI:spiffe:///*"),
        *("CN:*", "CN:", "DNS:", "email:*", "IP:*", "URI:**"),
    ],
)
def test_rules_for_everybody_are_refused(rule):
    """A rule has to leave something that belongs to one partner."""
    with pytest.raises(NameRuleTooWide):
        NameRule.parse(rule)


@pytest.mark.parametrize(
    "rule",
    [
        "a.example",
        "",
        "OU:x",
        "DNS:a.*.example",
        "DNS:*a.example",
        "DNS:*.*.example.com",
        "DNS:.example.com",
        "URI:https://*.example.com/",
        "URI:https://a/*/b",
        "URI:https://a*",
        "URI:https://a/?*",
        "URI:relative/path",
        "email:*@umbrella.com",
        "email:umbrella.com",
        "IP:10.0.0.0/8",
        "CN:um*",
        "CN:a\x1b",
    ],
)
def test_rules_that_say_nothing_clear_are_refused(rule):
    """No kind, a wildcard elsewhere, or no value of the kind."""
    with pytest.raises(NameInvalid):
        NameRule.parse(rule)


@pytest.mark.parametrize(
    "text", ["DNS:*.umbrella.com", "URI:spiffe://a/*", "email:a@b.c", "IP:::1", "CN:x y"]
)
def test_a_rule_reads_as_it_was_written(text):
    """What is stored is what is shown."""
    assert text == str(NameRule.parse(text))
    assert NameRule.parse(text) == NameRule.parse(str(NameRule.parse(text)))


@given(st.text(max_size=60))
def test_any_text_ends_in_a_name_or_in_an_error_of_ours(text):
    """Subjects, names and rules alike."""
    for read in (distinguished_name, subject_alternative_name, NameRule.parse):
        for written in (text, f"DNS:{text}", f"CN={text}", f"URI:{text}", f"email:{text}", f"CN:{text}"):
            with contextlib.suppress(TwowayError):
                read(written)


@given(st.text(alphabet="a@.()<>,;:\"'[]\\", max_size=12))
def test_any_address_ends_in_a_name_or_in_an_error_of_ours(text):
    """The library below parses addresses as mail programs do."""
    with contextlib.suppress(TwowayError):
        assert f"email:{text}" == general_name_text(subject_alternative_name(f"email:{text}"))


@given(st.text(alphabet="ab*./:", max_size=12), st.text(alphabet="ab*.", min_size=1, max_size=12))
def test_a_host_rule_matches_only_its_own_domain(pattern, host):
    """Whatever matches a rule ends in what the rule says after its wildcard."""
    with contextlib.suppress(TwowayError):
        rule = NameRule.parse(f"DNS:{pattern}")
        if rule.matches(made(names=[x509.DNSName(host)]).certificate):
            assert host.endswith(rule.pattern.removeprefix("*"))
            assert host.count(".") == rule.pattern.count(".")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("DNS:a.umbrella.com", "DNS:A.umbrella.com"),
        ("DNS:*.umbrella.com", "DNS:a.umbrella.com"),
        ("DNS:*.umbrella.com", "DNS:*.umbrella.com"),
        ("URI:spiffe://umbrella/*", "URI:spiffe://umbrella/a"),
        ("URI:spiffe://umbrella/*", "URI:spiffe://umbrella/a/*"),
        ("email:a@umbrella.com", "email:a@UMBRELLA.com"),
        ("CN:umbrella", "CN:umbrella"),
        ("IP:::1", "IP:0:0::1"),
    ],
)
def test_rules_that_one_name_fits_overlap(one, other):
    """Whichever is asked."""
    first, second = NameRule.parse(one), NameRule.parse(other)
    assert (True, True) == (first.overlaps(second), second.overlaps(first))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("DNS:*.umbrella.com", "DNS:*.initech.com"),
        ("DNS:*.umbrella.com", "DNS:*.a.umbrella.com"),
        ("DNS:*.umbrella.com", "DNS:a.b.umbrella.com"),
        ("DNS:*.umbrella.com", "DNS:umbrella.com"),
        ("DNS:a.umbrella.com", "CN:a.umbrella.com"),
        ("URI:spiffe://umbrella/*", "URI:spiffe://umbrella"),
        ("URI:spiffe://umbrella/a/*", "URI:spiffe://umbrella/ab"),
        ("CN:umbrella", "CN:Umbrella"),
    ],
)
def test_rules_that_no_name_fits_both_of_do_not_overlap(one, other):
    """A certificate with two names may still fit both."""
    first, second = NameRule.parse(one), NameRule.parse(other)
    assert (False, False) == (first.overlaps(second), second.overlaps(first))


@pytest.mark.parametrize(
    ("read", "text", "advice"),
    [
        (distinguished_name, "=", "CN=name,O=organisation"),
        (distinguished_name, "", "CN=name,O=organisation"),
        (subject_alternative_name, "DNS:a b", "DNS:api.example.com"),
        (NameRule.parse, "umbrella.com", "DNS:*.umbrella.com"),
    ],
)
def test_advice_is_of_the_kind_of_name_that_was_meant(read, text, advice):
    """A host name has no organisation."""
    with pytest.raises(NameInvalid) as caught:
        read(text)
    assert advice in caught.value.hint
