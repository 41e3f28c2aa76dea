from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.x509.pki import (
    AT,
    CLIENT,
    DAY,
    MD5_RSA,
    SERVER,
    SHA1_RSA,
    SHA256_RSA,
    Holder,
    crl,
    made,
    resigned,
    rsa_key,
    twin,
    version_1,
    with_modulus,
)
from twoway.errors import (
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRevoked,
    CertificateUnreadable,
    CertificateWeak,
    ChainBroken,
    ChainTooLong,
    IssuerNotAuthority,
    IssuerUntrusted,
    NameNotPermitted,
    PathLengthExceeded,
    PurposeWrong,
    RevocationUnknown,
    SignatureBroken,
    TwowayError,
)
from twoway.x509.certificates import Certificate
from twoway.x509.chains import in_order, path
from twoway.x509.purposes import Purpose

CA_USAGE = ["key_cert_sign", "crl_sign"]
ROOT = made("root", ca=True, key_usages=CA_USAGE)
ISSUING = made("issuing", by=ROOT, ca=True, path_length=0, key_usages=CA_USAGE)
LEAF = made("leaf", by=ISSUING, usages=[CLIENT], key_usages=["digital_signature"])
SOUND = (LEAF.certificate, ISSUING.certificate, ROOT.certificate)


def verified(leaf, intermediates=(), anchors=(ROOT,), *, at=AT, purpose=Purpose.CLIENT, crls=()):
    """The path of holders, as certificates."""
    return path(
        leaf.certificate,
        [holder.certificate for holder in intermediates],
        [holder.certificate for holder in anchors],
        at=at,
        purpose=purpose,
        crls=crls,
    )


# -- in order


@pytest.mark.parametrize("pool", list(permutations([LEAF, ISSUING, ROOT])))
def test_a_chain_is_put_in_order_from_any_order(pool):
    """The leaf, then whoever signed it, to the root."""
    chain = in_order(LEAF.certificate, [holder.certificate for holder in pool])
    assert (SOUND, True, None) == (chain.certificates, chain.complete, chain.missing_issuer)


def test_a_missing_issuer_is_named():
    """What is there comes in order, and who is missing is said."""
    chain = in_order(LEAF.certificate, [ISSUING.certificate])
    assert (SOUND[:2], False, "CN=root") == (chain.certificates, chain.complete, chain.missing_issuer)
    alone = in_order(LEAF.certificate, [])
    assert ((LEAF.certificate,), "CN=issuing") == (alone.certificates, alone.missing_issuer)


def test_a_self_signed_leaf_is_complete_alone():
    """Strangers in the pool stay out."""
    leaf = made("leaf").certificate
    assert ((leaf,), True) == (in_order(leaf, SOUND).certificates, in_order(leaf, SOUND).complete)


def test_authorities_of_one_name_are_told_apart_by_their_key():
    """Without key identifiers, in both orders."""
    first, second = (made("root", ca=True, identifiers=False) for _ in range(2))
    leaf = made("leaf", by=second, identifiers=False).certificate
    for pool in ([first, second], [second, first]):
        assert (leaf, second.certificate) == in_order(leaf, [one.certificate for one in pool]).certificates


def test_a_self_signed_issuer_comes_before_a_cross_certificate():
    """The shorter way that ends."""
    other = made("other", ca=True)
    crossed = made("root", by=other, ca=True, key=ROOT.key)
    leaf = made("leaf", by=ROOT).certificate
    for pool in permutations([crossed.certificate, other.certificate, ROOT.certificate]):
        assert (leaf, ROOT.certificate) == in_order(leaf, pool).certificates


def test_the_renewed_issuer_comes_before_the_old_one():
    """Same name, same key, later end."""
    renewed = made("issuing", by=ROOT, ca=True, key=ISSUING.key, end=AT + 900 * DAY)
    chain = in_order(LEAF.certificate, [ISSUING.certificate, renewed.certificate])
    assert (LEAF.certificate, renewed.certificate) == chain.certificates


def test_circles_come_to_an_end():
    """Two authorities that certify each other."""
    one_key, other_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    one = made("one", by=Holder(made("other", key=other_key).certificate, other_key), ca=True, key=one_key)
    other = made("other", by=one, ca=True, key=other_key)
    leaf = made("leaf", by=one).certificate
    chain = in_order(leaf, [other.certificate, one.certificate])
    assert (leaf, one.certificate, other.certificate) == chain.certificates
    assert not chain.complete


def test_endless_chains_come_to_an_end():
    """At ten certificates."""
    holders = ladder(15)
    chain = in_order(holders[-1].certificate, [holder.certificate for holder in holders])
    assert (10, False) == (len(chain.certificates), chain.complete)


def test_what_cannot_be_read_in_the_pool_is_passed_over():
    """One damaged certificate in a bundle spoils nothing."""
    damaged = Certificate(b"\x30\x03\x02\x01\x05")
    assert SOUND == in_order(LEAF.certificate, [damaged, *SOUND]).certificates
    with pytest.raises(CertificateUnreadable):
        in_order(damaged, SOUND)


def test_spelling_does_not_tell_issuers_apart():
    """RFC 5280 compares names without regard to case, spaces and the type of string."""
    root = made("Umbrella  Root", ca=True)
    spelt = Holder(made("umbrella root", ca=True, key=root.key).certificate, root.key)
    leaf = made("leaf", by=spelt).certificate
    assert (leaf, root.certificate) == in_order(leaf, [root.certificate]).certificates
    assert (leaf, root.certificate) == verified(Holder(leaf, root.key), anchors=[root])


# -- sound paths


@pytest.mark.parametrize("pool", list(permutations([LEAF, ISSUING, ROOT])))
def test_a_sound_path_is_found_in_any_order(pool):
    """Superfluous certificates do no harm."""
    assert SOUND == verified(LEAF, pool)


def test_an_intermediate_may_be_the_anchor():
    """A partner's issuing authority is trusted, its root is not known."""
    assert SOUND[:2] == verified(LEAF, anchors=[ISSUING])
    assert SOUND[:2] == verified(LEAF, [ISSUING, ROOT], anchors=[ISSUING])


def test_the_leaf_may_be_the_anchor():
    """A pinned certificate, self-signed or not."""
    pinned = made("pinned")
    assert (pinned.certificate,) == verified(pinned, anchors=[pinned])
    assert (LEAF.certificate,) == verified(LEAF, anchors=[LEAF])


@pytest.mark.parametrize(
    "key",
    [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP521R1()), rsa_key(), rsa_key(3072)],
    ids=["ed25519", "ec-p521", "rsa-2048", "rsa-3072"],
)
def test_keys_of_every_kind_pass(key):
    """As leaf and as authority."""
    root = made("root", ca=True, key=key)
    leaf = made("leaf", by=root, key=key)
    assert (leaf.certificate, root.certificate) == verified(leaf, anchors=[root])


def test_leaves_signed_with_rsa_pss_pass():
    """The parameters are read from the certificate."""
    root = made("root", ca=True, key=rsa_key())
    pss = padding.PSS(padding.MGF1(hashes.SHA384()), padding.PSS.DIGEST_LENGTH)
    leaf = made("leaf", by=root, rsa_padding=pss)
    assert (leaf.certificate, root.certificate) == verified(leaf, anchors=[root])


def test_of_two_authorities_of_one_name_the_one_that_signed_is_found():
    """Both trusted, without key identifiers, in both orders: OpenSSL alone would take the first."""
    first, second = (made("root", ca=True, identifiers=False) for _ in range(2))
    leaf = made("leaf", by=second, identifiers=False)
    for anchors in ([first, second], [second, first]):
        assert (leaf.certificate, second.certificate) == verified(leaf, anchors=anchors)


def test_another_way_is_tried_if_the_first_is_broken():
    """The old issuing certificate has ended, the renewed one has not."""
    old = made("issuing", by=ROOT, ca=True, key=ISSUING.key, end=AT - timedelta(hours=1))
    for pool in ([old, ISSUING], [ISSUING, old]):
        assert SOUND == verified(LEAF, pool)


def test_old_roots_of_version_1_may_issue():
    """They have no way to say that they are authorities."""
    root = version_1(made("old root", key=rsa_key()))
    leaf = made("leaf", by=root)
    assert (leaf.certificate, root.certificate) == verified(leaf, anchors=[root])


# -- refusals


def refused(kind, depth, *args, **options):
    """Check that the path is refused with a reason at a depth, and return the error."""
    with pytest.raises(ChainBroken) as caught:
        verified(*args, **options)
    assert (kind, depth) == (type(caught.value), caught.value.depth)
    return caught.value


def test_a_missing_intermediate_is_named():
    """It is neither sent nor trusted."""
    error = refused(IssuerUntrusted, 0, LEAF)
    assert ("CN=leaf", "CN=issuing") == (error.subject, error.issuer)


def test_an_untrusted_root_is_named():
    """All that was sent fits, its end is not trusted."""
    error = refused(IssuerUntrusted, 2, LEAF, [ISSUING, ROOT], anchors=[made("other", ca=True)])
    assert "self-signed" in str(error)


def test_a_stranger_of_the_authoritys_name_is_refused():
    """The same subject, another key: with key identifiers it is another authority ..."""
    forged = made("leaf", by=made("root", ca=True))
    assert "same name" in str(refused(IssuerUntrusted, 0, forged))


def test_a_stranger_with_the_authoritys_key_identifier_is_refused():
    """... and without them, or with stolen ones, a broken signature."""
    refused(SignatureBroken, 0, made("leaf", by=made("root", ca=True), identifiers=False))


def test_a_stranger_who_brings_his_own_authority_is_refused():
    """A self-signed authority of the same name in the chain is not the trusted one."""
    false_root = made("root", ca=True)
    refused(IssuerUntrusted, 1, made("leaf", by=false_root), [false_root])


def test_a_changed_certificate_is_refused():
    """One octet of its subject."""
    changed = Certificate(LEAF.certificate.der.replace(b"leaf", b"lead"))
    refused(SignatureBroken, 0, Holder(changed, LEAF.key), [ISSUING])


def test_a_self_signed_leaf_is_refused():
    """Unless it is an anchor."""
    refused(IssuerUntrusted, 0, made("root"))


@pytest.mark.parametrize("ca", [False, True])
def test_the_twin_of_a_pinned_certificate_is_not_the_pinned_one(ca):
    """Its signature is valid, and yet it is another certificate."""
    pinned = made("pinned", ca=ca)
    refused(IssuerUntrusted, 0, Holder(twin(pinned.certificate), pinned.key), anchors=[pinned])


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_expired_certificates_are_refused_at_every_depth(depth):
    """The leaf, the intermediate and the anchor."""
    holders = dated(depth, AT - 9 * DAY, AT - timedelta(seconds=1))
    error = refused(CertificateExpired, depth, holders[0], holders[1:2], anchors=holders[2:])
    assert "2029-12-31T23:59:59Z" == error.not_after


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_certificates_before_their_time_are_refused_at_every_depth(depth):
    """The leaf, the intermediate and the anchor."""
    holders = dated(depth, AT + timedelta(seconds=1), AT + 9 * DAY)
    error = refused(CertificateNotYetValid, depth, holders[0], holders[1:2], anchors=holders[2:])
    assert "2030-01-01T00:00:01Z" == error.not_before


def test_an_expired_pinned_certificate_is_refused():
    """Trust does not outlive the certificate."""
    pinned = made("pinned")
    refused(CertificateExpired, 0, pinned, anchors=[pinned], at=AT + 366 * DAY)


def dated(depth, start, end):
    """Leaf, issuing and root, the one at a depth with other dates."""

    def dates(at):
        return {"start": start, "end": end} if at == depth else {}

    root = made("root", ca=True, **dates(2))
    issuing = made("issuing", by=root, ca=True, **dates(1))
    return [made("leaf", by=issuing, **dates(0)), issuing, root]


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/St_Johns", "Asia/Kolkata"])
def test_the_machines_time_zone_does_not_matter(monkeypatch, zone):
    """To the second, in summer and winter, before and after 2038 and 2050."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        for year, month in [(2030, 7), (2049, 12), (2050, 1), (2120, 7), (9998, 1)]:
            end = datetime(year, month, 1, tzinfo=UTC)
            pinned = made("pinned", start=end - DAY, end=end)
            assert (pinned.certificate,) == verified(pinned, anchors=[pinned], at=end - DAY)
            assert (pinned.certificate,) == verified(pinned, anchors=[pinned], at=end)
            refused(CertificateExpired, 0, pinned, anchors=[pinned], at=end + timedelta(seconds=1))
            refused(CertificateNotYetValid, 0, pinned, anchors=[pinned], at=end - DAY - timedelta(seconds=1))
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("hours", [-12, 5.5, 14])
def test_the_zone_of_the_moment_does_not_matter(hours):
    """A moment is a moment, however it is written."""
    zone = timezone(timedelta(hours=hours))
    pinned = made("pinned", end=AT)
    assert (pinned.certificate,) == verified(pinned, anchors=[pinned], at=AT.astimezone(zone))
    late = (AT + timedelta(seconds=1)).astimezone(zone)
    refused(CertificateExpired, 0, pinned, anchors=[pinned], at=late)


def test_a_server_is_no_client_and_a_client_no_server():
    """The extended key usage of the leaf."""
    server = made("leaf", by=ROOT, usages=[SERVER])
    assert "serverAuth" in str(refused(PurposeWrong, 0, server))
    refused(PurposeWrong, 0, LEAF, [ISSUING], purpose=Purpose.SERVER)


def test_a_pinned_server_is_no_client():
    """Being an anchor does not change what a certificate is for."""
    server = made("server", usages=[SERVER])
    refused(PurposeWrong, 0, server, anchors=[server])


@pytest.mark.parametrize("depth", [1, 2])
def test_authorities_for_servers_issue_no_clients(depth):
    """The extended key usage of every authority narrows what is below it."""
    root = made("root", ca=True, usages=[SERVER] if depth == 2 else [])
    issuing = made("issuing", by=root, ca=True, usages=[SERVER] if depth == 1 else [])
    refused(PurposeWrong, depth, made("leaf", by=issuing, usages=[CLIENT]), [issuing], anchors=[root])


def test_a_leaf_that_must_not_sign_is_refused():
    """Without digitalSignature there is no handshake."""
    leaf = made("leaf", by=ROOT, key_usages=["key_encipherment"])
    assert "digitalSignature" in str(refused(PurposeWrong, 0, leaf))


@pytest.mark.parametrize(
    "options",
    [
        {"ca": False},
        {"ca": True, "key_usages": ["digital_signature"]},
        {"constraints": False, "key_usages": CA_USAGE},
        {"constraints": False},
    ],
    ids=["leaf", "no keyCertSign", "key usage alone", "nothing"],
)
def test_what_is_no_authority_may_not_issue(options):
    """As intermediate and as anchor: basic constraints and key usage must both allow it."""
    issuer = made("issuer", by=ROOT, **options)
    leaf = made("leaf", by=issuer)
    refused(IssuerNotAuthority, 1, leaf, [issuer])
    refused(IssuerNotAuthority, 1, leaf, anchors=[issuer])


def test_a_pinned_leaf_may_not_issue():
    """A partner's own certificate is no authority, whoever it signs for."""
    pinned = made("pinned")
    refused(IssuerNotAuthority, 1, made("leaf", by=pinned), anchors=[pinned])


def test_an_intermediate_of_version_1_may_not_issue():
    """Only a root that is trusted as it stands is let off."""
    root = made("root", ca=True, key=rsa_key())
    old = version_1(made("old", by=root, key=rsa_key()))
    refused(IssuerNotAuthority, 1, made("leaf", by=old), [old], anchors=[root])


def test_more_authorities_than_the_path_length_allows_are_refused():
    """The issuing authority may make no authority."""
    third = made("third", by=ISSUING, ca=True)
    refused(PathLengthExceeded, 2, made("leaf", by=third), [third, ISSUING])


def test_names_outside_of_an_authoritys_constraints_are_refused():
    """A partner's authority may be limited to the partner's domain."""
    limits = x509.NameConstraints([x509.DNSName("umbrella.com")], None)
    root = made("root", ca=True, extensions=[(limits, True)])
    inside = made("leaf", by=root, names=[x509.DNSName("a.umbrella.com")])
    assert (inside.certificate, root.certificate) == verified(inside, anchors=[root])
    refused(NameNotPermitted, 0, made("leaf", by=root, names=[x509.DNSName("a.globex.com")]), anchors=[root])


def test_an_unknown_critical_extension_is_refused():
    """Whatever it means, it must not be passed over."""
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    error = refused(ChainBroken, 0, made("leaf", by=ROOT, extensions=[(unknown, True)]))
    assert "critical extension" in str(error)
    leaf = made("leaf", by=ROOT, extensions=[(unknown, False)])
    assert (leaf.certificate, ROOT.certificate) == verified(leaf)


@pytest.mark.parametrize("oid", [SHA1_RSA, MD5_RSA])
def test_broken_digests_are_refused_below_the_anchor(oid):
    """The signature of an anchor says nothing, and is let off."""
    root = made("root", ca=True, key=rsa_key())
    old_root = Holder(resigned(root.certificate, rsa_key(), (SHA256_RSA, oid)), rsa_key())
    leaf = made("leaf", by=root)
    assert (leaf.certificate, old_root.certificate) == verified(leaf, anchors=[old_root])
    old_leaf = Holder(resigned(leaf.certificate, rsa_key(), (SHA256_RSA, oid)), leaf.key)
    refused(CertificateWeak, 0, old_leaf, anchors=[root])


@pytest.mark.parametrize(
    "key", [rsa_key(1024), ec.generate_private_key(ec.SECP192R1())], ids=["rsa-1024", "ec-p192"]
)
def test_small_keys_are_refused_at_every_depth(key):
    """As leaf, as authority, and pinned."""
    refused(CertificateWeak, 0, made("leaf", by=ROOT, key=key))
    root = made("root", ca=True, key=key)
    refused(CertificateWeak, 1, made("leaf", by=root), anchors=[root])
    refused(CertificateWeak, 0, root, anchors=[root])


# -- revocation


def test_revoked_certificates_are_refused_at_every_depth():
    """The leaf by its issuer, the issuer by the root."""
    leaf = made("leaf", by=ISSUING, serial=77)
    by_issuing = crl(77, by=ISSUING, issuer="issuing", reason=x509.ReasonFlags.key_compromise)
    assert "keyCompromise" in str(refused(CertificateRevoked, 0, leaf, [ISSUING], crls=[by_issuing]))
    by_root = crl(ISSUING.certificate.serial, by=ROOT)
    refused(CertificateRevoked, 1, leaf, [ISSUING], crls=[by_root])


def test_the_twin_of_a_revoked_certificate_is_refused():
    """Another fingerprint, the same serial number."""
    leaf = made("leaf", by=ROOT, serial=77)
    malleated = Holder(twin(leaf.certificate), leaf.key)
    assert malleated.certificate.sha256 != leaf.certificate.sha256
    assert (malleated.certificate, ROOT.certificate) == verified(malleated)
    refused(CertificateRevoked, 0, malleated, crls=[crl(77, by=ROOT)])


def test_revoked_certificates_of_negative_serial_are_refused():
    """Some private authorities have given them out."""
    change = (b"\x02\x02\x12\x34", b"\x02\x02\xff\x7b")
    root = made("root", ca=True, key=rsa_key())
    leaf = resigned(made("leaf", by=root, key=rsa_key(which=1)).certificate, rsa_key(), change)
    sound = crl(0x1234, by=root)
    assert (leaf, root.certificate) == verified(Holder(leaf, rsa_key()), anchors=[root], crls=[sound])


def test_a_list_of_another_authority_says_nothing():
    """Neither of another name nor of the same name and another key."""
    namesake = made("root", ca=True)
    lists = [crl(0x1234, by=namesake), crl(0x1234, by=ISSUING, issuer="issuing")]
    leaf = made("leaf", by=ROOT)
    assert (leaf.certificate, ROOT.certificate) == verified(leaf, crls=lists)


def test_where_there_is_no_list_revocation_is_not_checked():
    """It is the caller's choice to have one."""
    assert SOUND == verified(LEAF, [ISSUING], crls=[crl(1, by=ROOT)])


@pytest.mark.parametrize(
    "options", [{"end": AT - timedelta(seconds=1)}, {"extensions": [x509.DeltaCRLIndicator(1)]}]
)
def test_a_list_that_cannot_say_no_refuses(options):
    """Out of date or partial: closed, not open."""
    refused(RevocationUnknown, 0, made("leaf", by=ROOT), crls=[crl(1, by=ROOT, **options)])


def test_an_old_list_still_revokes():
    """Nobody is revoked for a while only."""
    leaf = made("leaf", by=ROOT, serial=77)
    refused(CertificateRevoked, 0, leaf, crls=[crl(77, by=ROOT, end=AT - DAY + timedelta(hours=1))])


# -- bounds


def ladder(rungs, **options):
    """A root and authorities below each other, the last one the leaf."""
    holders = [made("rung 0", ca=True)]
    for rung in range(1, rungs):
        holders.append(made(f"rung {rung}", by=holders[-1], ca=True, **options))
    return holders


def test_a_chain_of_ten_passes_and_one_of_eleven_is_not_looked_at():
    """Counted as presented, the anchor apart."""
    holders = ladder(11)
    assert 11 == len(verified(holders[-1], holders[1:-1], anchors=holders[:1]))
    refused(ChainTooLong, 0, holders[-1], holders[:-1], anchors=holders[:1])


def test_a_chain_of_100_kilobytes_is_not_looked_at():
    """Nor is any part of it parsed: these certificates are not even certificates."""
    ballast = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), bytes(50_000))
    fat = [made(f"fat {number}", by=ROOT, extensions=[(ballast, False)]) for number in range(2)]
    assert sum(len(holder.certificate.der) for holder in fat) > 100_000
    assert "65536" in str(refused(ChainTooLong, 0, LEAF, [ISSUING, *fat]))
    huge = Certificate(b"\x30\x84\x00\x01\x86\xa0" + bytes(100_000))
    with pytest.raises(ChainTooLong, match=huge.sha256):
        path(huge, [], SOUND, at=AT, purpose=Purpose.CLIENT)


def test_huge_keys_are_not_looked_at():
    """An RSA key above 8192 bits costs more than any handshake is worth."""
    small = made("leaf", by=ROOT, key=rsa_key())
    modulus = rsa_key().public_key().public_numbers().n
    wide = with_modulus(small.certificate, modulus << 7000 | 1)
    assert 9048 == wide.key.bits
    refused(ChainTooLong, 0, Holder(wide, small.key))
    refused(ChainTooLong, 1, LEAF, [ISSUING, Holder(wide, small.key)][1:])


def test_a_maze_of_authorities_is_searched_in_bounded_time():
    """Three certificates each for three authorities that certify one another: every way is a dead end."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
    faces = [Holder(made(f"maze {at}", ca=True, key=key).certificate, key) for at, key in enumerate(keys)]
    maze = [
        made(f"maze {at}", by=faces[(at + step) % 3], ca=True, key=keys[at], serial=number + 1)
        for at in range(3)
        for step in (1, 2)
        for number in range(2)
    ]
    leaf = made("leaf", by=faces[0])
    began = time.perf_counter()
    assert "circle" in str(refused(IssuerUntrusted, 3, leaf, maze[:9]))
    assert time.perf_counter() - began < 2


def test_certificates_that_cannot_be_read_are_refused():
    """As leaf and in the chain."""
    damaged = Holder(Certificate(b"\x30\x03\x02\x01\x05"), LEAF.key)
    with pytest.raises(CertificateUnreadable):
        verified(damaged)
    with pytest.raises(CertificateUnreadable):
        verified(LEAF, [ISSUING, damaged])


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([0, 1]), st.data())
def test_no_changed_certificate_passes(depth, data):
    """Whichever octet of the leaf or of the intermediate is changed, the path is refused, by an error of ours."""
    original = SOUND[depth]
    at = data.draw(st.integers(0, len(original.der) - 1))
    damaged = bytearray(original.der)
    damaged[at] ^= data.draw(st.integers(1, 255))
    changed = [Certificate(bytes(damaged)) if one is original else one for one in SOUND]
    with pytest.raises(TwowayError):
        path(changed[0], changed[1:2], [ROOT.certificate], at=AT, purpose=Purpose.CLIENT)
