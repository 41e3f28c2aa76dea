"""What every keystore format holds: named entries, in one model.

Certificates and private keys stay DER bytes, so that what a strict parser refuses can still be listed, converted
and exported; fields are parsed when they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from twoway.errors import CertificateMissing, EntryAmbiguous, EntryMissing, KeystoreError
from twoway.findings import Finding
from twoway.keystores.captions import listed
from twoway.keystores.oddities import odd_certificates
from twoway.x509.certificates import Certificate
from twoway.x509.identity import Identity
from twoway.x509.keys import load_private_key


class Format(StrEnum):
    """The formats by the name that commands and JSON use."""

    PEM = "pem"
    DER = "der"
    PKCS12 = "pkcs12"
    JKS = "jks"
    JCEKS = "jceks"
    # BouncyCastle's, which are only read.
    BKS = "bks"
    UBER = "uber"


@dataclass(frozen=True, slots=True)
class IdentityEntry:
    """A private key and its certificates, leaf first; none where the file holds the key alone.

    Args:
        alias: its name in the keystore.
        key_der: the private key as PKCS#8 DER, as the file has it but for attributes (``private_keys.bare``).
        certificates: the chain as the file has it; whether leaf and key belong together is ``identity``'s question.
        created: when the entry was made, aware UTC; None where the format does not say.
    """

    alias: str
    key_der: bytes = field(repr=False)
    certificates: tuple[Certificate, ...] = ()
    created: datetime | None = None

    def identity(self) -> Identity:
        """Return the entry as an identity that can be used.

        Raises:
            CertificateMissing: the key is alone.
            KeyMismatch: the leaf certificate is another key's.
        """
        if not self.certificates:
            raise CertificateMissing(self.alias)
        return Identity(load_private_key(self.key_der), self.certificates)


@dataclass(frozen=True, slots=True)
class TrustedEntry:
    """A certificate that is trusted, or at least kept, for its own sake."""

    alias: str
    certificate: Certificate
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class SecretEntry:
    """A symmetric key.

    Args:
        alias: its name in the keystore.
        algorithm: Java's name where the format gives one (``AES``, ``HmacSHA256``), else the dotted identifier.
        key: the raw key.
        created: when the entry was made, aware UTC; None where the format does not say.
    """

    alias: str
    algorithm: str
    key: bytes = field(repr=False)
    created: datetime | None = None


@dataclass(frozen=True, slots=True)
class LockedEntry:
    """An entry of a keystore that opened, whose own key did not: it can be listed, not used.

    Args:
        alias: its name in the keystore.
        why: the error that using it raises: another password, or an algorithm that is not read.
        certificates: the chain, empty for a secret key.
        created: when the entry was made, aware UTC; None where the format does not say.
    """

    alias: str
    why: KeystoreError
    certificates: tuple[Certificate, ...] = ()
    created: datetime | None = None


Entry = IdentityEntry | TrustedEntry | SecretEntry | LockedEntry


@dataclass(frozen=True, slots=True)
class Keystore:
    """Named entries in the order of their file.

    Args:
        entries: all of them.
        format: what the bytes were, whatever the file was called.
        noticed: what reading showed to be odd about the file and yet no reason to refuse it.
    """

    entries: tuple[Entry, ...]
    format: Format
    noticed: tuple[Finding, ...] = ()

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is odd: what reading showed, and which certificates a strict parser refuses.

        The certificates are only parsed here, so that reading a store stays as fast as its bytes allow.
        """
        known = {(finding.code, str(finding.facts.get("sha256"))) for finding in self.noticed}
        odd = odd_certificates(self._certificates())
        return (*self.noticed, *(one for one in odd if (one.code, str(one.facts["sha256"])) not in known))

    @property
    def identities(self) -> tuple[IdentityEntry, ...]:
        """The private keys that opened."""
        return tuple(entry for entry in self.entries if isinstance(entry, IdentityEntry))

    @property
    def trusted(self) -> tuple[TrustedEntry, ...]:
        """The certificates that stand alone."""
        return tuple(entry for entry in self.entries if isinstance(entry, TrustedEntry))

    @property
    def secrets(self) -> tuple[SecretEntry, ...]:
        """The symmetric keys that opened."""
        return tuple(entry for entry in self.entries if isinstance(entry, SecretEntry))

    @property
    def locked(self) -> tuple[LockedEntry, ...]:
        """The entries whose own key did not open."""
        return tuple(entry for entry in self.entries if isinstance(entry, LockedEntry))

    def entry(self, alias: str) -> Entry:
        """Return the entry of that name; where none is spelled so, the one that differs by case alone.

        Raises:
            EntryMissing: there is none, or several that differ from it by case.
        """
        exact = [entry for entry in self.entries if entry.alias == alias]
        near = [entry for entry in self.entries if entry.alias.casefold() == alias.casefold()]
        if exact:
            return exact[0]
        if len(near) == 1:
            return near[0]
        raise EntryMissing(f"entry named {alias!r}", self._present())

    def identity(self, alias: str | None = None) -> Identity:
        """Return the identity of that name, or the only one.

        Raises:
            EntryMissing: there is no identity, or none of that name.
            EntryAmbiguous: there are several and none was named.
            WrongPassword, AlgorithmUnsupported: its own key did not open.
            CertificateMissing, KeyMismatch: it is no whole identity.
        """
        entry = self._only_identity() if alias is None else self.entry(alias)
        if isinstance(entry, LockedEntry):
            raise entry.why
        if not isinstance(entry, IdentityEntry):
            raise EntryMissing(f"identity named {alias!r}", self._present())
        return entry.identity()

    def _only_identity(self) -> IdentityEntry | LockedEntry:
        locked = tuple(entry for entry in self.locked if entry.certificates)
        keyed: list[IdentityEntry | LockedEntry] = [*self.identities, *locked]
        whole = [entry for entry in keyed if entry.certificates]
        if len(whole) == 1:
            return whole[0]
        if len(keyed) > 1:
            raise EntryAmbiguous(len(keyed), listed([repr(entry.alias) for entry in keyed]))
        if not keyed:
            raise EntryMissing("identity (a private key with its certificate)", self._present())
        return keyed[0]

    def _certificates(self) -> Iterator[tuple[Certificate, str]]:
        for entry in self.entries:
            match entry:
                case SecretEntry():
                    continue
                case TrustedEntry(certificate=certificate):
                    yield certificate, entry.alias
                case _:
                    yield from ((certificate, entry.alias) for certificate in entry.certificates)

    def _present(self) -> str:
        return listed([repr(entry.alias) for entry in self.entries]) if self.entries else "no entries"
