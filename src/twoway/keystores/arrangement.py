"""Which certificate belongs to which key, in which order, and under which name, where a format does not say.

Issuers are found by the bytes of their names, so that certificates that no parser takes find their place too;
several of one name are told apart by their signatures. Nothing is verified here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from twoway.errors import CertificateUnreadable, KeyMismatch
from twoway.findings import Finding, Severity
from twoway.keystores.captions import MAX_LISTED, called, common_name, listed, names_of
from twoway.keystores.model import Entry, IdentityEntry, TrustedEntry
from twoway.keystores.private_keys import public_half
from twoway.x509.certificates import Certificate

# Longer chains exist nowhere: TLS stacks stop at 10 to 100.
MAX_CHAIN = 100
# Certificates of one name that are tried by signature.
MAX_CANDIDATES = 8
# Signatures checked for one file: a key of 16,384 bits takes ten milliseconds each.
MAX_SIGNATURE_CHECKS = 500
NO_NAME = "certificate"


class Pool:
    """Certificates, to be found by the key that they are for and by the bytes of their subject names."""

    def __init__(self, certificates: Iterable[Certificate]) -> None:
        self.certificates = tuple(certificates)
        self._by_subject: dict[bytes, list[Certificate]] = {}
        self._by_key: dict[str, Certificate] | None = None
        self._issuers: dict[Certificate, Certificate | None] = {}
        self._checks_left = MAX_SIGNATURE_CHECKS
        for certificate in self.certificates:
            names = names_of(certificate)
            if names is not None:
                self._by_subject.setdefault(names[1], []).append(certificate)

    def leaf(self, public: str) -> Certificate | None:
        """Return the first certificate for a public key of that digest."""
        if self._by_key is None:
            self._by_key = {}
            for certificate in self.certificates:
                self._by_key.setdefault(key_digest(certificate), certificate)
        return self._by_key.get(public)

    def chain(self, leaf: Certificate) -> tuple[Certificate, ...]:
        """Return the leaf and its issuers as far as they are in the pool, in order."""
        chain = [leaf]
        while len(chain) < MAX_CHAIN:
            last = chain[-1]
            if last not in self._issuers:
                self._issuers[last] = self._issuer(last)
            issuer = self._issuers[last]
            if issuer is None or issuer in chain:
                break
            chain.append(issuer)
        return tuple(chain)

    def _issuer(self, certificate: Certificate) -> Certificate | None:
        names = names_of(certificate)
        if names is None or names[0] == names[1]:
            return None
        candidates = self._by_subject.get(names[0], [])
        if len(candidates) < 2:
            return candidates[0] if candidates else None
        for candidate in candidates[:MAX_CANDIDATES]:
            self._checks_left -= 1
            if self._checks_left >= 0 and certificate.signed_by(candidate):
                return candidate
        return candidates[0]


def arranged(
    keys: Sequence[bytes], certificates: Sequence[Certificate]
) -> tuple[tuple[Entry, ...], tuple[Finding, ...]]:
    """Make entries of keys and certificates that lie side by side without names.

    Each key gets the certificate that was issued for it and that one's issuers; what is left over is kept as
    trusted entries, which is a finding where there are keys.

    Args:
        keys: PKCS#8 DER.
        certificates: in any order, repeated or not.

    Returns:
        The entries, identities first, and what is odd about them.

    Raises:
        KeyMismatch: there are keys and certificates, and none of them belong together.
    """
    distinct = tuple(dict.fromkeys(certificates))
    pool = Pool(distinct)
    leaves = [_leaf_for(key, pool, only_key=len(keys) == 1) for key in keys]
    if leaves and distinct and not any(leaves):
        raise KeyMismatch(called(distinct[0]))
    chains = [pool.chain(leaf) if leaf else () for leaf in leaves]
    used = {certificate for chain in chains for certificate in chain}
    left = [certificate for certificate in distinct if certificate not in used]
    naming = Naming()
    entries: list[Entry] = [
        IdentityEntry(naming.alias(suggested_alias(chain[0]) if chain else "key"), key, chain)
        for key, chain in zip(keys, chains, strict=True)
    ]
    entries += [TrustedEntry(naming.alias(suggested_alias(one)), one) for one in left]
    outside = [entry for entry in entries if isinstance(entry, TrustedEntry)]
    findings = [certificates_outside_chain(outside)] if keys and outside else []
    if distinct and not all(leaves):
        findings.append(
            keys_alone([one.alias for one, leaf in zip(entries, leaves, strict=False) if not leaf])
        )
    if len(distinct) < len(certificates):
        findings.append(certificates_repeated(len(certificates) - len(distinct)))
    return tuple(entries), tuple(findings)


def _leaf_for(key: bytes, pool: Pool, *, only_key: bool) -> Certificate | None:
    if not pool.certificates:
        return None
    public = public_half(key)
    if public is None and only_key:
        # The certificate of a key that is only kept is the one that convention puts first.
        return pool.certificates[0]
    return None if public is None else pool.leaf(public)


def key_digest(certificate: Certificate) -> str:
    """Return the SHA-256 of a certificate's public key; empty for one that cannot be read."""
    try:
        return certificate.spki_sha256
    except CertificateUnreadable:
        return ""


def suggested_alias(certificate: Certificate) -> str:
    """Return an alias that every platform takes: the common name in small letters, digits and single underscores.

    Source: Salesforce's rule for unique names, the narrowest there is (letter first, no underscore doubled or last).
    """
    words = re.findall(r"[a-z0-9]+", (common_name(certificate) or "")[:100].lower())
    alias = "_".join(words)[:40].strip("_")
    if not alias:
        return NO_NAME
    return alias if alias[0].isalpha() else f"c_{alias}"


class Naming:
    """Aliases, each given once; case does not tell two apart, as in Java."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def alias(self, wanted: str) -> str:
        """Return the alias, with a number where it is taken."""
        alias = wanted
        while alias.lower() in self._taken:
            self._taken[wanted.lower()] += 1
            alias = f"{wanted}_{self._taken[wanted.lower()]}"
        self._taken[alias.lower()] = 1
        return alias


def certificates_outside_chain(entries: Sequence[TrustedEntry]) -> Finding:
    """Make the finding about certificates that do not belong to the identity beside them."""
    named = listed([f"{called(entry.certificate)} ({entry.alias})" for entry in entries])
    return Finding(
        code="certificates-outside-chain",
        severity=Severity.INFO,
        title=f"not of the identity's chain, and kept as trusted: {named}",
        cause="they issued none of the identity's certificates; often they are those of the server on the other side",
        remedy="leave them out, or give them as trusted (--trust) where they are the other side's issuers",
        facts={"count": len(entries), "sha256": [entry.certificate.sha256 for entry in entries[:MAX_LISTED]]},
    )


def keys_alone(aliases: Sequence[str]) -> Finding:
    """Make the finding about keys that none of the certificates beside them is for."""
    return Finding(
        code="keys-alone",
        severity=Severity.WARNING,
        title=f"none of the certificates is for these private keys: {listed(aliases)}",
        cause="their certificates are in another file, or were replaced while the keys stayed",
        remedy="add their certificates, or leave the keys out",
        facts={"count": len(aliases), "aliases": list(aliases[:MAX_LISTED])},
    )


def certificates_repeated(count: int) -> Finding:
    """Make the finding about certificates that stand in the file more than once."""
    return Finding(
        code="certificates-repeated",
        severity=Severity.INFO,
        title=f"{count} certificates stand in the file more than once and are kept once",
        cause="the leaf is often given a second time as its own chain",
        remedy="give each certificate once",
        facts={"count": count},
    )
