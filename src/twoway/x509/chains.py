"""Chains: put in order, and verified as a path from a leaf to a trust anchor.

Two things are kept apart. Which certificate signed which is found out here, by name, key identifier and signature,
so that two authorities of the same name are never taken for each other, whatever order they come in. Whether the
path found is sound is for OpenSSL's own verifier to say, and for the few rules below that it leaves to its caller:
purposes, strength, and what counts as an authority. Everything is bounded before either begins.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from cryptography import x509

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
)
from twoway.x509.certificates import Certificate, iso
from twoway.x509.keys import RSA_BITS_MOST
from twoway.x509.names import comparable_name
from twoway.x509.purposes import Purpose, can_sign_handshakes, extended_usage_permits
from twoway.x509.revocation import RevocationList

if TYPE_CHECKING:
    from OpenSSL.crypto import X509StoreContextError

_CERTIFICATES = 10
_PRESENTED_BYTES = 64 * 1024
_NAMESAKES = 20  # authorities of one name that are tried: renewals and cross-certificates make a few
_STEPS = 200  # of the search for a path

# The least that is not broken or about to be. Source: CA/Browser Forum Baseline Requirements, 6.1.5; NIST SP 800-57
_LEAST_BITS = {"rsa": 2048, "rsa-pss": 2048, "dsa": 2048}
_LEAST_CURVE_BITS = 224
WEAK_DIGESTS = {
    "md5",
    "sha1",
    "1.2.840.113549.1.1.2",
    "1.2.840.113549.1.1.3",
}  # the last: MD2 and MD4 with RSA


@dataclass(frozen=True, slots=True)
class Chain:
    """A leaf and the certificates above it, in order.

    ``complete`` if it ends at a self-signed certificate, trusted or not; else ``missing_issuer`` is who signed its
    last one.
    """

    certificates: tuple[Certificate, ...]
    complete: bool
    missing_issuer: str | None


def in_order(leaf: Certificate, pool: Iterable[Certificate]) -> Chain:
    """Return the leaf and its issuers from the pool, in order, as far as they are there.

    An issuer is matched by its name and by its signature; dates and purposes are not looked at. Where several fit
    (a renewed authority, a cross-certificate), a self-signed one comes first, then the one that ends last. Certificates
    of the pool that cannot be read are passed over. Ends at ten certificates.

    Raises:
        CertificateUnreadable: the leaf cannot be read.
    """
    issuers = _Issuers(pool)
    found = [leaf]
    while not found[-1].self_signed and len(found) < _CERTIFICATES:
        above = _not_yet(found, issuers.of(found[-1]))
        if not above:
            return Chain(tuple(found), complete=False, missing_issuer=found[-1].issuer)
        found.append(max(above, key=lambda issuer: (issuer.self_signed, issuer.not_after)))
    complete = found[-1].self_signed
    return Chain(tuple(found), complete, None if complete else found[-1].issuer)


def path(
    leaf: Certificate,
    intermediates: Iterable[Certificate],
    anchors: Iterable[Certificate],
    *,
    at: datetime,
    purpose: Purpose,
    crls: Iterable[RevocationList] = (),
) -> tuple[Certificate, ...]:
    """Return the verified path from the leaf to a trust anchor.

    The leaf may be an anchor itself, and an anchor need not be a root. Checked are signatures, dates, basic
    constraints, path lengths, key usages, name constraints and unknown critical extensions of every certificate,
    the extended key usage of the leaf and of every authority, the strength of every key and of every signature below
    the anchor, and, where there is a CRL of its issuer, that no certificate below the anchor is revoked. Not
    checked: host names, certificate policies, and the revocation of certificates for whose issuer there is no CRL.

    Args:
        leaf: the certificate that the other side proved to have the key of.
        intermediates: what came with it, in any order.
        anchors: what is trusted; nothing else is.
        at: now, aware.
        purpose: which side of TLS the leaf is used for.
        crls: revocation lists, of any issuers.

    Raises:
        ChainBroken: one of its kinds, by the first thing that is wrong with the shortest path.
        CertificateUnreadable: one of the certificates cannot be read.
    """
    intermediates, anchors, crls = list(intermediates), list(anchors), list(crls)
    _check_bounds(leaf, intermediates)
    refused: ChainBroken | None = None
    for candidate in _paths(leaf, intermediates, anchors):
        try:
            _check_readable(candidate)
            _check_with_openssl(candidate, at)
            _check_authorities(candidate)
            _check_purpose(candidate, purpose)
            _check_strength(candidate)
            _check_revocation(candidate, crls, at)
        except ChainBroken as error:
            refused = refused or error
        else:
            return candidate
    raise refused or _untrusted(leaf, intermediates, anchors)


class _Issuers:
    """Certificates by subject, asked for those that signed another one."""

    def __init__(self, pool: Iterable[Certificate]) -> None:
        self._by_subject: dict[object, list[Certificate]] = defaultdict(list)
        self._signers: dict[Certificate, list[Certificate]] = {}
        for certificate in dict.fromkeys(pool):
            try:
                subject = comparable_name(certificate.subject_name)
            except CertificateUnreadable:
                continue
            self._by_subject[subject].append(certificate)

    def named(self, certificate: Certificate) -> list[Certificate]:
        """Return those whose subject is the certificate's issuer, at most twenty, likely ones first."""
        namesakes = self._by_subject.get(comparable_name(certificate.issuer_name), [])
        return sorted(namesakes, key=lambda issuer: not _key_identifiers_agree(certificate, issuer))[
            :_NAMESAKES
        ]

    def of(self, certificate: Certificate) -> list[Certificate]:
        """Return those that signed the certificate; each signature is verified once."""
        if certificate not in self._signers:
            self._signers[certificate] = [
                issuer
                for issuer in self.named(certificate)
                if issuer.key.bits <= RSA_BITS_MOST and certificate.signed_by(issuer)
            ]
        return self._signers[certificate]


def _key_identifiers_agree(certificate: Certificate, issuer: Certificate) -> bool:
    """Whether the certificate's authority key identifier is the issuer's, or one of them says nothing."""
    try:
        wanted = certificate.extension(x509.AuthorityKeyIdentifier)
        given = issuer.extension(x509.SubjectKeyIdentifier)
    except CertificateUnreadable:
        return False
    if wanted is None or wanted.key_identifier is None or given is None:
        return True
    return wanted.key_identifier == given.digest


def _not_yet(way: Sequence[Certificate], issuers: Iterable[Certificate]) -> list[Certificate]:
    """Return those issuers whose name and key the way does not have yet: a second one would lead round in a circle."""
    met = {(comparable_name(one.subject_name), one.spki_sha256) for one in way}
    return [one for one in issuers if (comparable_name(one.subject_name), one.spki_sha256) not in met]


def _paths(
    leaf: Certificate, intermediates: Sequence[Certificate], anchors: Sequence[Certificate]
) -> Iterator[tuple[Certificate, ...]]:
    """Yield every way up from the leaf to an anchor, the shortest first.

    None goes round in circles, and the steps are counted.

    Raises:
        ChainTooLong: there are more ways than are tried.
    """
    trusted, sent = _Issuers(anchors), _Issuers(intermediates)
    if leaf in anchors:
        yield (leaf,)
    waiting: deque[tuple[Certificate, ...]] = deque([(leaf,)])
    for _ in range(_STEPS):
        if not waiting:
            return
        way = waiting.popleft()
        yield from ((*way, anchor) for anchor in trusted.of(way[-1]) if anchor not in way)
        if len(way) < _CERTIFICATES:
            above = _not_yet(way, sent.of(way[-1]))
            waiting.extend((*way, issuer) for issuer in above if issuer not in anchors)
    raise ChainTooLong(leaf.subject, 0, f"there are more than {_STEPS} ways through them")


def _untrusted(
    leaf: Certificate, intermediates: Sequence[Certificate], anchors: Sequence[Certificate]
) -> ChainBroken:
    """Return why no way leads to an anchor: the last certificate that the way up reaches, and who is missing."""
    chain = in_order(leaf, intermediates)
    last, depth = chain.certificates[-1], len(chain.certificates) - 1
    if last.self_signed:
        return IssuerUntrusted(last.subject, depth, ": it is self-signed", last.issuer)
    known = _Issuers([*intermediates, *anchors])
    if known.of(last):
        return IssuerUntrusted(last.subject, depth, ": the issuers go round in a circle", last.issuer)
    namesakes = known.named(last)
    if any(_key_identifiers_agree(last, namesake) for namesake in namesakes):
        return SignatureBroken(last.subject, depth)
    another = ", only another authority of the same name" if namesakes else ""
    return IssuerUntrusted(last.subject, depth, another, last.issuer)


def _check_bounds(leaf: Certificate, intermediates: Sequence[Certificate]) -> None:
    presented = [leaf, *intermediates]
    size = sum(len(certificate.der) for certificate in presented)
    if len(presented) > _CERTIFICATES:
        raise ChainTooLong(_subject(leaf), 0, f"there are {len(presented)}, more than {_CERTIFICATES}")
    if size > _PRESENTED_BYTES:
        raise ChainTooLong(_subject(leaf), 0, f"they have {size} bytes, more than {_PRESENTED_BYTES}")
    for depth, certificate in enumerate(presented):
        if certificate.key.bits > RSA_BITS_MOST:
            detail = f"a key of {certificate.key.bits} bits, more than {RSA_BITS_MOST}"
            raise ChainTooLong(certificate.subject, depth, detail)


def _subject(certificate: Certificate) -> str:
    """The subject if the certificate is small enough to be read, else its fingerprint."""
    return certificate.subject if len(certificate.der) <= _PRESENTED_BYTES else certificate.sha256


def _check_readable(candidate: tuple[Certificate, ...]) -> None:
    """Raise where an extension is damaged: OpenSSL would only say that the issuer is not to be found."""
    for certificate in candidate:
        certificate.extension(x509.BasicConstraints)


def _check_with_openssl(candidate: tuple[Certificate, ...], at: datetime) -> None:
    """Let OpenSSL verify exactly this path, its last certificate being the only one that is trusted."""
    from OpenSSL import crypto

    try:
        leaf, *above = [crypto.load_certificate(crypto.FILETYPE_ASN1, one.der) for one in candidate]
    except crypto.Error as error:
        raise CertificateUnreadable(candidate[0].sha256, "OpenSSL cannot read it or one above it") from error
    store = crypto.X509Store()
    store.add_cert(above[-1] if above else leaf)
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    # pyOpenSSL takes the digits of the time as UTC, whatever its zone is.
    store.set_time(at.astimezone(UTC))
    try:
        crypto.X509StoreContext(store, leaf, above[:-1]).verify_certificate()
    except crypto.X509StoreContextError as error:
        # What OpenSSL still has in its queue would else be laid at the door of cryptography's next failure, which
        # shares the queue. A failure of pyOpenSSL's own empties it.
        with suppress(crypto.Error):
            crypto.load_certificate(crypto.FILETYPE_ASN1, b"")
        raise _reason(error, candidate) from error


def _reason(error: X509StoreContextError, candidate: tuple[Certificate, ...]) -> ChainBroken:
    """Return our error for OpenSSL's. Source: openssl/x509_vfy.h, X509_V_ERR_*."""
    number, depth = error.errors[0], min(error.errors[1], len(candidate) - 1)
    certificate = candidate[depth]
    subject = certificate.subject
    match number:
        case 9:
            return CertificateNotYetValid(subject, depth, not_before=iso(certificate.not_before))
        case 10:
            return CertificateExpired(subject, depth, not_after=iso(certificate.not_after))
        case 2 | 18 | 19 | 20 | 21 | 27 | 28:
            return IssuerUntrusted(subject, depth, issuer=certificate.issuer)
        case 4 | 6 | 7:
            return SignatureBroken(subject, depth)
        case 22:
            return ChainTooLong(subject, depth, "the path is too long")
        case 24 | 32 | 79:
            return IssuerNotAuthority(
                subject, depth, "its basic constraints or its key usage do not allow it"
            )
        case 25:
            return PathLengthExceeded(subject, depth)
        case 47 | 48 | 49 | 50 | 51 | 52 | 53:
            return NameNotPermitted(subject, depth)
    return ChainBroken(subject, depth, f"{error} (OpenSSL's error {number})")


def _check_authorities(candidate: tuple[Certificate, ...]) -> None:
    """Check what OpenSSL is lenient about: without basic constraints only a version 1 root anchor may issue."""
    for depth, issuer in enumerate(candidate[1:], start=1):
        old_root = depth == len(candidate) - 1 and issuer.version == 1 and issuer.self_signed
        if not (issuer.is_ca or old_root):
            raise IssuerNotAuthority(issuer.subject, depth, "its basic constraints do not say CA:TRUE")
        if issuer.extension(x509.KeyUsage) and "keyCertSign" not in issuer.key_usage:
            raise IssuerNotAuthority(issuer.subject, depth, "its key usage has no keyCertSign")


def _check_purpose(candidate: tuple[Certificate, ...], purpose: Purpose) -> None:
    for depth, certificate in enumerate(candidate):
        if not extended_usage_permits(certificate, purpose):
            listed = ", ".join(certificate.extended_key_usage)
            raise PurposeWrong(
                certificate.subject, depth, f"its extended key usage is {listed}", str(purpose)
            )
    if not can_sign_handshakes(candidate[0]):
        detail = "its key usage has no digitalSignature"
        raise PurposeWrong(candidate[0].subject, 0, detail, str(purpose))


def _check_strength(candidate: tuple[Certificate, ...]) -> None:
    for depth, certificate in enumerate(candidate):
        key = certificate.key
        if key.bits < _LEAST_BITS.get(key.algorithm, _LEAST_CURVE_BITS):
            raise CertificateWeak(certificate.subject, depth, f"its key is {key} of {key.bits} bits")
        below_anchor = depth < len(candidate) - 1
        if below_anchor and certificate.signature_digest in WEAK_DIGESTS:
            detail = f"its signature is made with {certificate.signature_digest}"
            raise CertificateWeak(certificate.subject, depth, detail)


def _check_revocation(
    candidate: tuple[Certificate, ...], crls: Sequence[RevocationList], at: datetime
) -> None:
    """Check every certificate below the anchor against its issuer's CRLs, if there are any.

    Being listed counts whatever the state of the list; not being listed only on a complete and current one.
    """
    for depth, (certificate, issuer) in enumerate(pairwise(candidate)):
        lists = [crl for crl in crls if crl.is_from(issuer)]
        for crl in lists:
            reason = crl.reason(certificate.serial)
            if reason is not None:
                raise CertificateRevoked(certificate.subject, depth, f" ({reason})")
        if lists and not any(crl.complete and crl.current(at) for crl in lists):
            raise RevocationUnknown(
                certificate.subject, depth, "no list of its issuer is complete and current"
            )
