"""Certificate revocation lists, as they are asked: is this certificate of that issuer on it, and is it current."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from cryptography import x509

from twoway.errors import CrlUnreadable, MaterialTooLarge
from twoway.x509 import pem
from twoway.x509.certificates import Certificate
from twoway.x509.names import comparable_name, name_text
from twoway.x509.reading import UNREADABLE, lenient_reading

_CRL_BYTES = 50 * 1024 * 1024  # the largest lists of public CAs


@dataclass(frozen=True)
class RevocationList:
    """One CRL, understood when it is asked; equal to another if every byte is."""

    der: bytes = field(repr=False)

    @cached_property
    def parsed(self) -> x509.CertificateRevocationList:
        """The list as cryptography reads it."""
        try:
            with lenient_reading():
                return x509.load_der_x509_crl(self.der)
        except UNREADABLE as error:
            raise CrlUnreadable("it is not X.509") from error

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the DER bytes, in lower-case hex."""
        return hashlib.sha256(self.der).hexdigest()

    @cached_property
    def issuer_name(self) -> x509.Name:
        """The issuer as it stands, to be compared."""
        try:
            with lenient_reading():
                return self.parsed.issuer
        except UNREADABLE as error:
            raise CrlUnreadable("its issuer is damaged") from error

    @cached_property
    def issuer(self) -> str:
        """The issuer as RFC 4514 text, escaped for display."""
        return name_text(self.issuer_name)

    @cached_property
    def complete(self) -> bool:
        """Whether it covers all certificates of its issuer: what does not says so in a critical extension."""
        try:
            with lenient_reading():
                return not any(extension.critical for extension in self.parsed.extensions)
        except UNREADABLE:
            return False

    def current(self, at: datetime) -> bool:
        """Return whether it was made before ``at`` and its successor is not due yet."""
        end = self.parsed.next_update_utc
        return self.parsed.last_update_utc <= at and end is not None and at <= end

    def is_from(self, issuer: Certificate) -> bool:
        """Return whether the issuer's name stands on it and the issuer's key verifies its signature."""
        if comparable_name(self.issuer_name) != comparable_name(issuer.subject_name):
            return False
        try:
            return self.parsed.is_signature_valid(issuer.public_key)
        except UNREADABLE:
            return False

    def reason(self, serial: int) -> str | None:
        """Return why a serial number is on the list (``unspecified`` if it does not say), or None if it is not.

        Raises:
            CrlUnreadable: its entries are damaged.
        """
        try:
            with lenient_reading():
                entry = self._entry(serial)
        except UNREADABLE as error:
            raise CrlUnreadable("one of its entries is damaged") from error
        return None if entry is None else _reason(entry)

    def _entry(self, serial: int) -> x509.RevokedCertificate | None:
        if serial >= 0:
            return self.parsed.get_revoked_certificate_by_serial_number(serial)
        # cryptography's own search refuses the negative serial numbers that some private CAs have given out.
        return next((entry for entry in self.parsed if entry.serial_number == serial), None)


def load_crl(data: bytes) -> RevocationList:
    """Read a certificate revocation list, PEM or DER.

    Raises:
        MaterialTooLarge: more than 50 MB.
        CrlUnreadable: there is none in the data, or it is damaged.
    """
    if len(data) > _CRL_BYTES:
        raise MaterialTooLarge("certificate revocation list", len(data), _CRL_BYTES)
    try:
        der = next((block.der() for block in pem.blocks(data) if block.label == "X509 CRL"), data)
    except ValueError as error:
        raise CrlUnreadable("its PEM block is not base64") from error
    found = RevocationList(der)
    _ = found.parsed
    return found


def _reason(entry: x509.RevokedCertificate) -> str:
    try:
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return "unspecified"
