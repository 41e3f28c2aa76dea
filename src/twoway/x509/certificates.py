"""Certificates, kept as the DER bytes that they came as and understood only when a field is asked for.

A certificate that no library parses can so still be listed, converted and exported. Everything in one is text of
whoever made it: what is shown is escaped (``printable``), what is compared is not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa

from twoway.errors import CertificateNotFound, CertificateUnreadable, MaterialTooLarge
from twoway.x509 import der as asn1
from twoway.x509 import pem
from twoway.x509.keys import KeyFacts, PublicKey, key_facts, public_der
from twoway.x509.names import comparable_name, general_name_text, name_text
from twoway.x509.reading import UNREADABLE, lenient_reading

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)

_BUNDLE_BYTES = 10 * 1024 * 1024  # Mozilla's whole root programme has 0.25 MB as PEM
_CERTIFICATE_LABELS = {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"}
_RSA_PSS = "1.2.840.113549.1.1.10"
_TBS_FIELDS = 6  # serial number, signature, issuer, validity, subject, key

# RFC 5280, 4.2.1.3: the names of the key usage bits, by cryptography's attributes.
KEY_USAGES = {
    "digital_signature": "digitalSignature",
    "content_commitment": "nonRepudiation",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
    "encipher_only": "encipherOnly",
    "decipher_only": "decipherOnly",
}
# RFC 5280, 4.2.1.12: the purposes that have a name here; others are shown as dotted numbers.
EXTENDED_KEY_USAGES = {
    "1.3.6.1.5.5.7.3.1": "serverAuth",
    "1.3.6.1.5.5.7.3.2": "clientAuth",
    "1.3.6.1.5.5.7.3.3": "codeSigning",
    "1.3.6.1.5.5.7.3.4": "emailProtection",
    "1.3.6.1.5.5.7.3.8": "timeStamping",
    "1.3.6.1.5.5.7.3.9": "OCSPSigning",
    "2.5.29.37.0": "anyExtendedKeyUsage",
}


@dataclass(frozen=True)
class Certificate:
    """One certificate; equal to another if every byte is.

    Every property but ``sha256`` and ``pem`` raises ``CertificateUnreadable`` if the bytes, or the extensions that
    it needs, cannot be understood. That is on purpose: an extension that cannot be read is never taken for absent.
    """

    der: bytes = field(repr=False)

    def __repr__(self) -> str:
        return f"Certificate(sha256={self.sha256})"

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the DER bytes, in lower-case hex."""
        return hashlib.sha256(self.der).hexdigest()

    @cached_property
    def pem(self) -> bytes:
        """The certificate as one PEM block."""
        return pem.encode("CERTIFICATE", self.der)

    @cached_property
    def parsed(self) -> x509.Certificate:
        """The certificate as cryptography reads it."""
        try:
            with lenient_reading():
                return x509.load_der_x509_certificate(self.der)
        except UNREADABLE as error:
            raise self._unreadable("it is not X.509") from error

    @cached_property
    def version(self) -> int:
        """1 or 3."""
        return self.parsed.version.value + 1

    @cached_property
    def serial(self) -> int:
        """The serial number, which a careless CA may have made zero or negative."""
        return int.from_bytes(self._to_be_signed[0].content, "big", signed=True)

    @cached_property
    def serial_hex(self) -> str:
        """The serial number in lower-case hex, of even length, with a minus sign if it is negative."""
        digits = f"{abs(self.serial):x}"
        return ("-" if self.serial < 0 else "") + digits.zfill(len(digits) + len(digits) % 2)

    @cached_property
    def subject(self) -> str:
        """The subject as RFC 4514 text, escaped for display; its bytes in hex after a # if it has no such form."""
        try:
            return name_text(self.subject_name)
        except CertificateUnreadable:
            return f"#{self._to_be_signed[4].whole.hex()}"

    @cached_property
    def issuer(self) -> str:
        """The issuer, in the form of ``subject``."""
        try:
            return name_text(self.issuer_name)
        except CertificateUnreadable:
            return f"#{self._to_be_signed[2].whole.hex()}"

    @cached_property
    def subject_name(self) -> x509.Name:
        """The subject as it stands, to be compared."""
        return self._name("subject")

    @cached_property
    def issuer_name(self) -> x509.Name:
        """The issuer as it stands, to be compared."""
        return self._name("issuer")

    @cached_property
    def not_before(self) -> datetime:
        """The first moment of validity, UTC."""
        return self._moment("not_valid_before_utc")

    @cached_property
    def not_after(self) -> datetime:
        """The last moment of validity, UTC."""
        return self._moment("not_valid_after_utc")

    @cached_property
    def san(self) -> tuple[str, ...]:
        """The subject alternative names, each as ``DNS:``, ``URI:``, ``IP:``, ``email:`` ... and its escaped value."""
        names = self.extension(x509.SubjectAlternativeName)
        return () if names is None else tuple(general_name_text(name) for name in names)

    @cached_property
    def key_usage(self) -> tuple[str, ...]:
        """The key usages by RFC 5280's names; empty also if the extension is absent."""
        usage = self.extension(x509.KeyUsage)
        return () if usage is None else tuple(_key_usages(usage))

    @cached_property
    def extended_key_usage(self) -> tuple[str, ...]:
        """The purposes, such as ``clientAuth``, or dotted numbers; empty also if the extension is absent."""
        usage = self.extension(x509.ExtendedKeyUsage)
        if usage is None:
            return ()
        return tuple(EXTENDED_KEY_USAGES.get(oid.dotted_string, oid.dotted_string) for oid in usage)

    @cached_property
    def is_ca(self) -> bool:
        """Whether its basic constraints say that it may issue certificates."""
        constraints = self.extension(x509.BasicConstraints)
        return constraints is not None and constraints.ca

    @cached_property
    def path_length(self) -> int | None:
        """How many CAs may stand below this one; None if it sets no limit."""
        constraints = self.extension(x509.BasicConstraints)
        return None if constraints is None else constraints.path_length

    @cached_property
    def self_issued(self) -> bool:
        """Whether issuer and subject are the same name, which says nothing about who signed it."""
        return comparable_name(self.issuer_name) == comparable_name(self.subject_name)

    @cached_property
    def self_signed(self) -> bool:
        """Whether it is self-issued and its own key verifies its signature."""
        return self.self_issued and self.signed_by(self)

    @cached_property
    def public_key(self) -> PublicKey:
        """The public key that the certificate is about."""
        try:
            with lenient_reading():
                key = self.parsed.public_key()
        except UNREADABLE as error:
            raise self._unreadable("its public key is of an unknown kind, or damaged") from error
        if not isinstance(key, PublicKey):
            raise self._unreadable("its public key makes no signatures in TLS")
        return key

    @cached_property
    def spki_sha256(self) -> str:
        """The SHA-256 of its key's SubjectPublicKeyInfo, in lower-case hex.

        For a key that can be read it is that of the key's one standard form, so that two certificates of one key
        agree; for any other, of the bytes as they stand.
        """
        try:
            spki = public_der(self.public_key)
        except CertificateUnreadable:
            spki = self._to_be_signed[5].whole
        return hashlib.sha256(spki).hexdigest()

    @cached_property
    def key(self) -> KeyFacts:
        """What kind of key it has; never raises for a key of an unknown kind."""
        algorithm = self.parsed.public_key_algorithm_oid.dotted_string
        try:
            facts = key_facts(self.public_key)
        except CertificateUnreadable:
            return KeyFacts(algorithm, 0)
        return KeyFacts("rsa-pss", facts.bits) if algorithm == _RSA_PSS else facts

    @cached_property
    def signature_digest(self) -> str | None:
        """The digest that was signed (``sha256``), a dotted number if unknown, None where there is none (Ed25519)."""
        try:
            digest = self.parsed.signature_hash_algorithm
        except UNREADABLE:
            return self.parsed.signature_algorithm_oid.dotted_string
        return None if digest is None else digest.name

    def extension(self, kind: type[_Extension]) -> _Extension | None:
        """Return the extension of a kind, or None if the certificate has none."""
        try:
            return self._extensions.get_extension_for_class(kind).value
        except x509.ExtensionNotFound:
            return None

    def signed_by(self, issuer: Certificate) -> bool:
        """Return whether the issuer's key verifies the signature; names, dates and purposes are not looked at."""
        try:
            _verify(self.parsed, issuer.public_key)
        except (CertificateUnreadable, InvalidSignature, *UNREADABLE):
            return False
        return True

    def as_json(self) -> dict[str, Any]:
        """Return what every output says of a certificate, ready for JSON."""
        return {
            "sha256": self.sha256,
            "subject": self.subject,
            "issuer": self.issuer,
            "serial": self.serial_hex,
            "not_before": iso(self.not_before),
            "not_after": iso(self.not_after),
            "san": list(self.san),
            "key_usage": list(self.key_usage),
            "extended_key_usage": list(self.extended_key_usage),
        }

    @cached_property
    def _extensions(self) -> x509.Extensions:
        try:
            with lenient_reading():
                return self.parsed.extensions
        except UNREADABLE as error:
            raise self._unreadable("one of its extensions is damaged, or stands there twice") from error

    @cached_property
    def _to_be_signed(self) -> list[asn1.Element]:
        """The fields of TBSCertificate (RFC 5280, 4.1) from the serial number on."""
        try:
            tbs = asn1.first(asn1.first(self.der).content)
            fields = list(asn1.elements(tbs.content))
        except ValueError as error:
            raise self._unreadable("it is not DER") from error
        if fields and fields[0].tag == asn1.CONTEXT_0:
            del fields[0]  # the version, absent in version 1
        if len(fields) < _TBS_FIELDS or fields[0].tag != asn1.INTEGER or not fields[0].content:
            raise self._unreadable("it has no serial number, or lacks fields")
        return fields

    def _name(self, which: str) -> x509.Name:
        try:
            with lenient_reading():
                name: x509.Name = getattr(self.parsed, which)
        except UNREADABLE as error:
            raise self._unreadable(f"its {which} is damaged") from error
        return name

    def _moment(self, name: str) -> datetime:
        try:
            moment: datetime = getattr(self.parsed, name)
        except UNREADABLE as error:
            raise self._unreadable("its dates are not in the calendar") from error
        return moment

    def _unreadable(self, problem: str) -> CertificateUnreadable:
        return CertificateUnreadable(self.sha256, problem)


def load_certificates(data: bytes) -> tuple[Certificate, ...]:
    """Read certificates: PEM blocks with any text around them, or DER, one after the other.

    The certificates are not understood yet: one that is damaged inside raises when a field is asked for.

    Raises:
        MaterialTooLarge: more than 10 MB.
        CertificateNotFound: there is none in the data, or a block of PEM is not base64.
    """
    if len(data) > _BUNDLE_BYTES:
        raise MaterialTooLarge("certificate bundle", len(data), _BUNDLE_BYTES)
    if b"-----BEGIN " in data:
        return _from_pem(data)
    return _from_der(data)


def pem_bundle(certificates: Iterable[Certificate]) -> bytes:
    """Return the certificates as PEM, one after the other."""
    return b"".join(certificate.pem for certificate in certificates)


def iso(moment: datetime) -> str:
    """Return an aware time as ISO 8601 in UTC, with seconds and ``Z``."""
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def _from_pem(data: bytes) -> tuple[Certificate, ...]:
    found = list(pem.blocks(data))
    try:
        # OpenSSL's TRUSTED CERTIFICATE has trust settings behind the certificate: only the first element is it.
        certificates = tuple(
            Certificate(asn1.first(block.der()).whole)
            for block in found
            if block.label in _CERTIFICATE_LABELS
        )
    except ValueError as error:
        raise CertificateNotFound("a CERTIFICATE block in it is damaged") from error
    if not certificates:
        labels = ", ".join(sorted({block.label for block in found}))
        raise CertificateNotFound(f"it holds {labels}" if labels else "its PEM blocks have no end")
    return certificates


def _from_der(data: bytes) -> tuple[Certificate, ...]:
    try:
        found = list(asn1.elements(data))
        shaped = all(_shaped_like_certificate(element) for element in found)
    except ValueError:
        raise CertificateNotFound("it is neither PEM nor DER") from None
    if not found:
        raise CertificateNotFound("it is empty")
    if not shaped:
        raise CertificateNotFound("it is DER of another kind, such as a key or a PKCS#12 or PKCS#7 file")
    return tuple(Certificate(element.whole) for element in found)


def _shaped_like_certificate(element: asn1.Element) -> bool:
    """Certificate ::= SEQUENCE { SEQUENCE, SEQUENCE, BIT STRING }, which so are requests and CRLs, but no keys."""
    tags = [inner.tag for inner in asn1.elements(element.content)]
    return element.tag == asn1.SEQUENCE and tags == [asn1.SEQUENCE, asn1.SEQUENCE, asn1.BIT_STRING]


def _key_usages(usage: x509.KeyUsage) -> Iterator[str]:
    # The last two bits mean something, and may be asked for, only where keyAgreement is set.
    without = set() if usage.key_agreement else {"encipher_only", "decipher_only"}
    for attribute, name in KEY_USAGES.items():
        if attribute not in without and getattr(usage, attribute):
            yield name


def _verify(certificate: x509.Certificate, key: PublicKey) -> None:
    """Verify the signature, MD5 and SHA-1 too: what it was signed with is judged elsewhere.

    cryptography's own ``verify_directly_issued_by`` refuses SHA-1 and compares names byte by byte.
    """
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    parameters, digest = certificate.signature_algorithm_parameters, certificate.signature_hash_algorithm
    match key, parameters:
        case rsa.RSAPublicKey(), padding.PKCS1v15() | padding.PSS() if digest is not None:
            key.verify(signature, signed, parameters, digest)
        case rsa.RSAPublicKey(), None if digest is not None:  # MD5
            key.verify(signature, signed, padding.PKCS1v15(), digest)
        case ec.EllipticCurvePublicKey(), ec.ECDSA():
            key.verify(signature, signed, parameters)
        case ((ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey()), None) if digest is None:
            key.verify(signature, signed)
        case dsa.DSAPublicKey(), None if digest is not None:
            key.verify(signature, signed, digest)
        case _:
            raise InvalidSignature
