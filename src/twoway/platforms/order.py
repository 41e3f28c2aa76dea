"""What a kit is made of: an identity with its chain, what to trust, and where the link goes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from twoway.errors import KeyMismatch
from twoway.findings import Finding, Severity
from twoway.keystores.model import IdentityEntry, TrustedEntry
from twoway.x509.certificates import Certificate
from twoway.x509.chains import in_order
from twoway.x509.keys import PrivateKey, private_der, spki_sha256
from twoway.x509.revocation import RevocationList


@dataclass(frozen=True, slots=True)
class Named:
    """A certificate, and what somebody wants it called.

    Args:
        certificate: an issuer, or an anchor.
        alias: None: a name is made of its subject.
    """

    certificate: Certificate
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """What a kit is made of.

    Args:
        identity: key and chain, leaf first, under the alias that was asked for.
        trusted: anchors for the other side, each under its alias.
        at: now, aware UTC: the date of new entries.
        password: of every file of the kit that has one.
        peer: the other side's URL, or where we listen; empty if nobody said.
        settings: what the use wants to know besides, every one of them.
        crls: revocation lists of the other side's CAs, for a server that is to look at them.
    """

    identity: IdentityEntry
    trusted: tuple[TrustedEntry, ...]
    at: datetime
    password: str = field(repr=False)
    peer: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    crls: tuple[RevocationList, ...] = ()

    @property
    def leaf(self) -> Certificate:
        """The identity's own certificate."""
        return self.identity.certificates[0]

    @property
    def issuers(self) -> tuple[Certificate, ...]:
        """The certificates above it, in order."""
        return self.identity.certificates[1:]

    @property
    def alias(self) -> str:
        """What the identity is called."""
        return self.identity.alias


def arranged(
    key: PrivateKey,
    certificates: Sequence[Certificate],
    others: Iterable[Named],
    trusted: Iterable[Named],
    *,
    alias: str,
    at: datetime,
) -> tuple[IdentityEntry, tuple[TrustedEntry, ...], tuple[Finding, ...]]:
    """Put each certificate where it belongs.

    One that issues for the identity goes into its chain, in order. One that was given as an issuer and is none is
    kept as a trusted entry, with a finding that says which: mostly it is the CA of the *server*.

    Args:
        key: the private key.
        certificates: what came with it: the leaf, and perhaps issuers.
        others: given as its issuers.
        trusted: given as anchors for the other side.
        alias: what the identity is called.
        at: when the entries are made, aware UTC.

    Raises:
        KeyMismatch: none of the certificates is the key's.
    """
    own = spki_sha256(key.public_key())
    leaf = next((one for one in certificates if one.spki_sha256 == own), None)
    if leaf is None:
        raise KeyMismatch(certificates[0].subject if certificates else "")
    given = (*(Named(one) for one in certificates if one != leaf), *others)
    chain = in_order(leaf, [named.certificate for named in given]).certificates
    strays = [named for named in given if named.certificate not in chain]
    taken = {alias.casefold()}
    entries = tuple(
        TrustedEntry(_free(named.alias or alias_of(named.certificate), taken), named.certificate, at)
        for named in _once((*trusted, *strays))
    )
    identity = IdentityEntry(alias, private_der(key), chain, at)
    return identity, entries, tuple(_stray(named.certificate, leaf) for named in _once(strays))


def alias_of(certificate: Certificate) -> str:
    """Return a name for a certificate that every platform takes: lower-case letters and digits, single underscores."""
    common_name = re.search(r"(?:^|,)CN=((?:[^,\\]|\\.)*)", certificate.subject)
    return alias_from(common_name[1] if common_name else certificate.subject)


def alias_from(text: str) -> str:
    """Return words as a name that every platform takes."""
    words = re.sub(r"[^a-z0-9]+", "_", text.lower())
    name = words.strip("_")[:40].strip("_")
    return name if name[:1].isalpha() else f"ca_{name}".rstrip("_")


def _once(named: Iterable[Named]) -> tuple[Named, ...]:
    """Return each certificate once, under the first name that somebody gave it."""
    kept: dict[Certificate, Named] = {}
    for one in named:
        if one.certificate not in kept or (kept[one.certificate].alias is None and one.alias):
            kept[one.certificate] = one
    return tuple(kept.values())


def _free(alias: str, taken: set[str]) -> str:
    """Return the alias, or one with a number where it is taken, and take it."""
    name, number = alias, 2
    while name.casefold() in taken:
        name, number = f"{alias}_{number}", number + 1
    taken.add(name.casefold())
    return name


def _stray(certificate: Certificate, leaf: Certificate) -> Finding:
    return Finding(
        "chain-certificate-foreign",
        Severity.WARNING,
        f"{certificate.subject} did not issue this identity",
        "it was given as an issuer, but signed neither the identity's certificate nor one above it: mostly it is the CA"
        " of the other side; it is kept as a trusted entry",
        "give it with --trust if that is what it is, or give the CA that issued the identity with --chain",
        facts={
            "certificate": certificate.subject,
            "sha256": certificate.sha256,
            "identity": leaf.subject,
            "issuer": leaf.issuer,
        },
    )
