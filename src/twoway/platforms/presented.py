"""A file as it would be handed to a platform. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from twoway.errors import CertificateUnreadable
from twoway.keystores.model import IdentityEntry, Keystore
from twoway.x509.certificates import Certificate


@dataclass(frozen=True, slots=True)
class Presented:
    """A file as it would be handed to a platform.

    Args:
        name: the file's.
        octets: its size.
        keystore: what is in it.
        at: now, aware UTC.
        password: the store's, where it has one.
        profile: how a PKCS#12 is encrypted, by the name of a profile, or ``legacy`` (RC2) or ``mixed``.
        content: its bytes, for rules about how a key is written; empty where they are not at hand.
        settings: what somebody said about the platform besides, such as its version.
        key_password: the key has another password than the file, and was opened with it.
        mode: who may read it, as ``chmod`` has it; None where that is not known.
    """

    name: str
    octets: int
    keystore: Keystore
    at: datetime
    password: str | None = field(default=None, repr=False)
    profile: str | None = None
    content: bytes = field(default=b"", repr=False)
    settings: Mapping[str, str] = field(default_factory=dict)
    key_password: bool = False
    mode: int | None = None

    @property
    def identities(self) -> tuple[IdentityEntry, ...]:
        """The identities in it that have a certificate."""
        return tuple(entry for entry in self.keystore.identities if entry.certificates)

    @property
    def certificates(self) -> Iterator[Certificate]:
        """Each certificate that can be read, once."""
        chains = [one for entry in self.keystore.identities for one in entry.certificates]
        trusted = [entry.certificate for entry in self.keystore.trusted]
        for certificate in dict.fromkeys((*chains, *trusted)):
            try:
                certificate.parsed  # noqa: B018  raises where it cannot be read
            except CertificateUnreadable:
                continue
            yield certificate


def with_chain(key: Presented, chain: Presented) -> Presented:
    """Return a file with a bare key and one with its certificates as the platform sees them: one identity.

    The certificates stay in the order of their file, right or wrong.

    Args:
        key: a file with a single key and nothing else; its format and its bytes are the result's.
        chain: certificates alone.
    """
    (bare,) = key.keystore.identities
    certificates = tuple(entry.certificate for entry in chain.keystore.trusted)
    keystore = replace(key.keystore, entries=(replace(bare, certificates=certificates),))
    return replace(
        key, name=f"{key.name} with {chain.name}", octets=key.octets + chain.octets, keystore=keystore
    )


def is_bare_key(file: Presented) -> bool:
    """Whether a file holds a single key and nothing else."""
    entries = file.keystore.entries
    return len(entries) == 1 and isinstance(entries[0], IdentityEntry) and not entries[0].certificates


def is_chain(file: Presented) -> bool:
    """Whether a file holds certificates and nothing else."""
    return bool(file.keystore.entries) and len(file.keystore.trusted) == len(file.keystore.entries)
