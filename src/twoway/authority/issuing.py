"""Issue certificates. Everything in one comes from its profile and from what the caller says; nothing from a request.

A request gives its public key. The subject and the names that it asks for are data for the caller, who decides;
here they are checked again, as it does not matter who was careless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from twoway.authority.profiles import ROOT, Profile
from twoway.errors import (
    AuthorityExpired,
    AuthorityNotYetValid,
    AuthorityPathExhausted,
    KeyMismatch,
    NamesRefused,
    PublicKeyRefused,
    SignerNotAuthority,
    SubjectRefused,
    ValidityRefused,
)
from twoway.x509.certificates import Certificate, iso
from twoway.x509.extensions import authority_key_identifier, extended_key_usage, key_usage, signing_digest
from twoway.x509.keys import RSA_BITS_MOST, PrivateKey, PublicKey, key_facts, spki_sha256
from twoway.x509.names import check_general_name, check_web_address, comparable_name, name_text, printable

# A partner's clock may be behind ours: a new certificate works at once on a machine that is five minutes late.
_BACKDATE = timedelta(minutes=5)
_DAYS_LIMIT = 36500
_SERIAL_BITS = 159  # RFC 5280, 4.1.2.2: 20 octets, positive
_NAMES_LIMIT = 100
_COMMON_NAME_CHARACTERS = 64  # RFC 5280, A.1: ub-common-name
_ATTRIBUTE_CHARACTERS = 128  # RFC 5280, A.1: ub-locality-name, the longest that is in use
# What TLS stacks agree on.
_RSA_BITS = range(2048, RSA_BITS_MOST + 1)
_KEY_ALGORITHMS = {"rsa", "ec-p256", "ec-p384", "ec-p521", "ed25519"}


@dataclass(frozen=True)
class Signer:
    """An authority's certificate and the key that it signs with.

    Raises:
        KeyMismatch: they do not belong together.
        SignerNotAuthority: the certificate is not an authority's.
    """

    certificate: Certificate
    key: PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        if spki_sha256(self.key.public_key()) != self.certificate.spki_sha256:
            raise KeyMismatch(self.certificate.subject)
        if not self.certificate.is_ca:
            raise SignerNotAuthority(self.certificate.subject)

    def check_usage(self, usage: str, what: str) -> None:
        """Check that the key usage, if the certificate has one, allows it to sign ``what``.

        Raises:
            SignerNotAuthority: it does not.
        """
        if self.certificate.extension(x509.KeyUsage) and usage not in self.certificate.key_usage:
            raise SignerNotAuthority(self.certificate.subject, what)


def issue(  # noqa: PLR0913 - a certificate has this many facts, and all but the profile are named
    profile: Profile,
    *,
    subject: x509.Name,
    names: Sequence[x509.GeneralName],
    public_key: PublicKey,
    signer: Signer,
    serial: int,
    at: datetime,
    days: int | None = None,
    crl_url: str | None = None,
) -> Certificate:
    """Issue a certificate.

    Its validity begins five minutes before ``at`` and ends after ``days``, or with the issuer if that is sooner.

    Args:
        profile: which kind.
        subject: who it is for.
        names: its alternative names, of the kinds DNS, IP, URI and email; a server needs one.
        public_key: the key that it is about, whose possession the caller has seen proven.
        signer: the issuing authority.
        serial: a number of at most 159 bits that this authority has never used.
        at: now, aware.
        days: its validity in days; the profile's if None.
        crl_url: where the signer's CRL is published.

    Raises:
        AuthorityError: one of its kinds, by what is refused.
        NameInvalid: one of the names, or the CRL's address, does not have the form of its kind.
    """
    issuer = signer.certificate
    signer.check_usage("keyCertSign", "certificates")
    _check_alive(issuer, at)
    _check_key(public_key, issuer)
    _check_subject(subject, issuer)
    _check_names(profile, names)
    not_before, not_after = _validity(profile, at, days)
    builder = (
        _builder(profile, subject, public_key, serial, _path_length(profile, issuer))
        .issuer_name(issuer.subject_name)
        .not_valid_before(max(not_before, issuer.not_before))
        .not_valid_after(min(not_after, issuer.not_after))
        .add_extension(authority_key_identifier(issuer), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(_unique(names)), critical=False)
    if crl_url is not None:
        builder = builder.add_extension(_distribution_point(crl_url), critical=False)
    return _signed(builder, signer.key)


def new_root(
    key: PrivateKey, subject: x509.Name, serial: int, at: datetime, days: int | None = None
) -> Certificate:
    """Make the self-signed certificate of a new root authority.

    Args:
        key: its key.
        subject: its name.
        serial: a positive number of at most 159 bits.
        at: now, aware.
        days: its validity in days; the profile's if None.

    Raises:
        AuthorityError: one of its kinds, by what is refused.
    """
    _check_key(key.public_key(), None)
    _check_subject(subject, None)
    not_before, not_after = _validity(ROOT, at, days)
    builder = _builder(ROOT, subject, key.public_key(), serial, ROOT.path_length)
    dated = builder.issuer_name(subject).not_valid_before(not_before).not_valid_after(not_after)
    return _signed(dated, key)


def _builder(
    profile: Profile, subject: x509.Name, public_key: PublicKey, serial: int, path_length: int | None
) -> x509.CertificateBuilder:
    """Everything that follows from the profile, the subject and the key."""
    if not 0 < serial < 1 << _SERIAL_BITS:
        raise ValueError(f"a serial number of {serial.bit_length()} bits")
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(public_key)
        .serial_number(serial)
        .add_extension(x509.BasicConstraints(profile.ca, path_length), critical=True)
        .add_extension(key_usage(profile.key_usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )
    if profile.extended_key_usage:
        builder = builder.add_extension(extended_key_usage(profile.extended_key_usage), critical=False)
    return builder


def _signed(builder: x509.CertificateBuilder, key: PrivateKey) -> Certificate:
    return Certificate(builder.sign(key, signing_digest(key)).public_bytes(Encoding.DER))


def _validity(profile: Profile, at: datetime, days: int | None) -> tuple[datetime, datetime]:
    days = profile.days if days is None else days
    if not 1 <= days <= _DAYS_LIMIT:
        raise ValidityRefused(days, _DAYS_LIMIT)
    moment = at.replace(microsecond=0)
    return moment - _BACKDATE, moment + timedelta(days=days)


def _check_alive(issuer: Certificate, at: datetime) -> None:
    if at > issuer.not_after:
        raise AuthorityExpired(issuer.subject, iso(issuer.not_after))
    if at < issuer.not_before:
        raise AuthorityNotYetValid(issuer.subject, iso(issuer.not_before))


def _check_key(public_key: PublicKey, issuer: Certificate | None) -> None:
    facts = key_facts(public_key)
    if facts.algorithm not in _KEY_ALGORITHMS:
        raise PublicKeyRefused(str(facts), "its kind does not work everywhere in TLS")
    if facts.algorithm == "rsa" and facts.bits not in _RSA_BITS:
        raise PublicKeyRefused(str(facts), f"it has not between {_RSA_BITS[0]} and {_RSA_BITS[-1]} bits")
    if issuer is not None and spki_sha256(public_key) == issuer.spki_sha256:
        raise PublicKeyRefused(str(facts), "it is the authority's own key")


def _check_subject(subject: x509.Name, issuer: Certificate | None) -> None:
    text = name_text(subject)
    attributes = list(subject)
    if not attributes:
        raise SubjectRefused("''", "it is empty")
    for attribute in attributes:
        value = str(attribute.value)
        limit = _COMMON_NAME_CHARACTERS if attribute.oid == NameOID.COMMON_NAME else _ATTRIBUTE_CHARACTERS
        if len(value) > limit:
            raise SubjectRefused(text, f"a part of it has {len(value)} characters, more than {limit}")
        if not isinstance(attribute.value, str) or not value.strip() or value != printable(value):
            raise SubjectRefused(text, "it holds characters that do not print, or nothing")
    if issuer is not None and comparable_name(subject) == comparable_name(issuer.subject_name):
        raise SubjectRefused(text, "it is the authority's own name")


def _check_names(profile: Profile, names: Sequence[x509.GeneralName]) -> None:
    if "serverAuth" in profile.extended_key_usage and not names:
        raise NamesRefused(profile.name, "there is none, and clients compare nothing else")
    if profile.ca and names:
        raise NamesRefused(profile.name, "an authority has none")
    if len(names) > _NAMES_LIMIT:
        raise NamesRefused(profile.name, f"there are {len(names)}, more than {_NAMES_LIMIT}")
    for name in names:
        check_general_name(name)
        wildcard = isinstance(name, x509.DNSName) and name.value.startswith("*")
        if wildcard and "serverAuth" not in profile.extended_key_usage:
            raise NamesRefused(profile.name, "a wildcard names nobody")


def _unique(names: Sequence[x509.GeneralName]) -> list[x509.GeneralName]:
    return list(dict.fromkeys(names))


def _path_length(profile: Profile, issuer: Certificate) -> int | None:
    """The profile's path length, or what the issuer leaves of it (RFC 5280, 4.2.1.9)."""
    if not profile.ca or issuer.path_length is None:
        return profile.path_length
    if issuer.path_length == 0:
        raise AuthorityPathExhausted(issuer.subject)
    return min(profile.path_length or 0, issuer.path_length - 1)


def _distribution_point(url: str) -> x509.CRLDistributionPoints:
    check_web_address(url)
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(url)], None, None, None)
    return x509.CRLDistributionPoints([point])
