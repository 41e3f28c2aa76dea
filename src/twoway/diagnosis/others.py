"""Files that are no keystores: requests, revocation lists, public keys; and what shows without a password. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives import serialization

from twoway import keystores
from twoway.errors import CrlUnreadable, KeystoreError, MaterialError, PasswordMissing, RequestUnproven
from twoway.findings import Finding, Severity
from twoway.keystores.arrangement import Naming, Pool, suggested_alias
from twoway.keystores.model import Entry, Format, Keystore, LockedEntry, TrustedEntry
from twoway.keystores.private_keys import ENCRYPTED_PKCS8, kind_of
from twoway.x509 import pem
from twoway.x509.certificates import iso
from twoway.x509.keys import PublicKey, key_facts, spki_sha256
from twoway.x509.reading import UNREADABLE
from twoway.x509.requests import load_request
from twoway.x509.revocation import load_crl

_SIZE = 10 * 1024 * 1024  # bytes
_REQUESTS = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}
_PUBLIC_KEYS = {"PUBLIC KEY", "RSA PUBLIC KEY"}


@dataclass(frozen=True, slots=True)
class Recognised:
    """A file that holds neither keys nor certificates, and is yet of use.

    Args:
        format: ``pem`` or ``der``.
        finding: what it is.
    """

    format: str
    finding: Finding


def recognised(data: bytes, *, at: datetime) -> Recognised | None:
    """Say what a file is that is no keystore; None where that is not known either."""
    labels = {block.label for block in pem.blocks(data)} if len(data) <= _SIZE else set()
    format_ = str(Format.PEM if labels else Format.DER)
    for found in (_request(data, labels), _revocation_list(data, labels, at), _public_key(data, labels)):
        if found is not None:
            return Recognised(format_, found)
    return None


def without_password(data: bytes) -> Keystore | None:
    """Return what can be seen of a PEM or DER file whose key is encrypted; None for other formats.

    The certificate of the key is taken to be the first one, as everybody writes them.
    """
    if kind_of(data) == ENCRYPTED_PKCS8:
        return Keystore((LockedEntry("key", PasswordMissing("the private key")),), Format.DER)
    blocks = list(pem.blocks(data))
    encrypted = [block for block in blocks if _is_encrypted(block)]
    if not encrypted:
        return None
    rest = b"".join(block.whole for block in blocks if block not in encrypted)
    try:
        seen = keystores.load(rest)
    except KeystoreError:
        seen = Keystore((), Format.PEM)
    pool = Pool(entry.certificate for entry in seen.trusted)
    chain = pool.chain(pool.certificates[0]) if pool.certificates else ()
    naming = Naming()
    alias = naming.alias(suggested_alias(chain[0]) if chain else "key")
    entries: list[Entry] = [LockedEntry(alias, PasswordMissing("the private key"), chain)]
    entries += [
        TrustedEntry(naming.alias(suggested_alias(entry.certificate)), entry.certificate)
        for entry in seen.trusted
        if entry.certificate not in chain
    ]
    return Keystore((*entries, *seen.identities), Format.PEM)


def _is_encrypted(block: pem.Block) -> bool:
    return block.label == ENCRYPTED_PKCS8 or (
        block.label.endswith("PRIVATE KEY") and b"ENCRYPTED" in block.body[:200]
    )


def _request(data: bytes, labels: set[str]) -> Finding | None:
    if labels and not labels & _REQUESTS:
        return None
    try:
        request = load_request(data)
    except RequestUnproven as error:
        return error.finding()
    except MaterialError:
        return None
    names = f" for {', '.join(request.names_text)}" if request.names_text else ""
    key = key_facts(request.public_key)
    return Finding(
        code="request-found",
        severity=Severity.INFO,
        title=f"a certificate signing request of {request.subject_text}{names}, with a key {key}",
        cause="it asks an authority for a certificate, and is none",
        remedy="send it to the authority; twoway client issue NAME --csr FILE signs one of a client",
        facts={
            "subject": request.subject_text,
            "san": list(request.names_text),
            "algorithm": key.algorithm,
            "bits": key.bits,
            "spki_sha256": spki_sha256(request.public_key),
        },
    )


def _revocation_list(data: bytes, labels: set[str], at: datetime) -> Finding | None:
    if labels and "X509 CRL" not in labels:
        return None
    try:
        crl = load_crl(data)
        parsed, issuer = crl.parsed, crl.issuer
        revoked, update, due = len(parsed), parsed.last_update_utc, parsed.next_update_utc
    except (CrlUnreadable, MaterialError, *UNREADABLE):
        return None
    until = f", next one due at {iso(due)}" if due else ""
    late = " (overdue)" if due and at > due else ""
    return Finding(
        code="revocation-list-found",
        severity=Severity.INFO,
        title=f"a revocation list of {issuer} with {revoked} certificates, made at {iso(update)}{until}{late}",
        cause="it says which certificates of its issuer no longer count",
        remedy="give it to whoever checks certificates of that issuer",
        facts={
            "issuer": issuer,
            "revoked": revoked,
            "this_update": iso(update),
            "next_update": iso(due) if due else None,
        },
    )


def _public_key(data: bytes, labels: set[str]) -> Finding | None:
    if labels and not labels & _PUBLIC_KEYS:
        return None
    try:
        key = serialization.load_pem_public_key(data) if labels else serialization.load_der_public_key(data)
    except UNREADABLE:
        return None
    if not isinstance(key, PublicKey):
        return None
    facts = key_facts(key)
    return Finding(
        code="public-key-found",
        severity=Severity.INFO,
        title=f"a public key {facts}, alone",
        cause="it is the half of a key that everybody may have; there is no certificate around it",
        remedy="give the certificate, or the private key, where one of these is wanted",
        facts={"algorithm": facts.algorithm, "bits": facts.bits, "spki_sha256": spki_sha256(key)},
    )
