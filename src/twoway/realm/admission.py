"""What may be bound: the refusals that keep one certificate, one key and one rule to one client.

All of them are asked inside the change that binds, so nothing can slip in between the question and the deed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cryptography.x509 import KeyUsage
from sqlalchemy import ColumnElement, Connection, or_, select

from twoway.errors import (
    BundleAmbiguous,
    CertificateBound,
    CertificateOnceRevoked,
    CertificateUnfit,
    NotAnAuthority,
    RuleTaken,
)
from twoway.findings import Finding, Severity
from twoway.realm import tables
from twoway.realm.records import ClientRecord
from twoway.realm.states import COMPROMISES, BindingKind, BindingState
from twoway.x509.certificates import Certificate, iso, load_certificates

# Certificates in a brought bundle at most: more than any chain has.
BUNDLE_LIMIT = 20


def leaf_first(data: bytes) -> tuple[Certificate, tuple[Certificate, ...]]:
    """Tell the leaf of a bundle from its issuers and put them in order.

    Raises:
        BundleAmbiguous: no certificate, or several, could be the leaf.
    """
    from twoway.x509.chains import in_order

    found = tuple(dict.fromkeys(load_certificates(data)))
    leaves = [certificate for certificate in found if not certificate.is_ca]
    if not leaves and len(found) <= BUNDLE_LIMIT:
        # Only CAs: the one meant has issued none of the others.
        leaves = [one for one in found if not any(other.signed_by(one) for other in found if other != one)]
    if len(leaves) != 1 or len(found) > BUNDLE_LIMIT:
        raise BundleAmbiguous(count=len(leaves) or len(found))
    return leaves[0], in_order(leaves[0], found).certificates[1:]


def only_authority(data: bytes) -> Certificate:
    """Return the one CA of a file.

    Raises:
        BundleAmbiguous: there are several certificates.
    """
    found = tuple(dict.fromkeys(load_certificates(data)))
    if len(found) != 1:
        raise BundleAmbiguous(count=len(found))
    return found[0]


def check_may_issue(certificate: Certificate) -> None:
    """Return if a certificate may issue others.

    Raises:
        NotAnAuthority: it may not.
    """
    restricted = certificate.extension(KeyUsage) is not None
    if not certificate.is_ca or (restricted and "keyCertSign" not in certificate.key_usage):
        raise NotAnAuthority(subject=certificate.subject)


def check_revoked(connection: Connection, certificate: Certificate) -> None:
    """Return if neither a certificate nor its key was ever revoked.

    Raises:
        CertificateOnceRevoked: one of them was.
    """
    columns = tables.binding.c
    same = or_(columns.sha256 == certificate.sha256, columns.spki_sha256 == certificate.spki_sha256)
    _refuse_revoked(connection, certificate.subject, same & _key_given_up())


def check_compromised(connection: Connection, certificate: Certificate) -> None:
    """Return if the key of a partner's CA was never compromised, whatever it was bound as.

    Raises:
        CertificateOnceRevoked: it was.
    """
    columns = tables.binding.c
    lost = columns.reason.in_(COMPROMISES) & (columns.spki_sha256 == certificate.spki_sha256)
    _refuse_revoked(connection, certificate.subject, lost)


def check_key(connection: Connection, owner: ClientRecord, spki_sha256: str, subject: str) -> None:
    """Return if a key for a client was never revoked and knows no other client.

    Raises:
        CertificateOnceRevoked: it was revoked.
        CertificateBound: it knows another client.
    """
    same = tables.binding.c.spki_sha256 == spki_sha256
    _refuse_revoked(connection, subject, same & _key_given_up())
    _refuse_bound(connection, subject, same & (tables.binding.c.client_id != owner.id))


def check_bound(connection: Connection, owner: ClientRecord, leaf: Certificate) -> None:
    """Return if a certificate knows no client, and its key no other client.

    Raises:
        CertificateBound: one of them does.
    """
    columns = tables.binding.c
    another = (columns.spki_sha256 == leaf.spki_sha256) & (columns.client_id != owner.id)
    _refuse_bound(connection, leaf.subject, or_(columns.sha256 == leaf.sha256, another))


def _key_given_up() -> ColumnElement[bool]:
    """Whether a revoked binding's key is of no use any more: a CA outlives the binding that was superseded."""
    columns = tables.binding.c
    return or_(columns.kind != BindingKind.PARTNER_CA, columns.reason.in_(COMPROMISES))


def _refuse_revoked(connection: Connection, subject: str, which: ColumnElement[bool]) -> None:
    columns = tables.binding.c
    query = (
        select(tables.client.c.name, columns.ended)
        .join(tables.client)
        .where(which, columns.state == BindingState.REVOKED)
    )
    row = connection.execute(query.limit(1)).first()
    if row is not None:
        raise CertificateOnceRevoked(subject=subject, client=row.name, ended=iso(row.ended))


def _refuse_bound(connection: Connection, subject: str, same: ColumnElement[bool]) -> None:
    columns = tables.binding.c
    query = (
        select(tables.client.c.name, columns.id)
        .join(tables.client)
        .where(
            same,
            columns.state.in_((BindingState.PROPOSED, BindingState.ACTIVE)),
            columns.kind != BindingKind.PARTNER_CA,
        )
    )
    row = connection.execute(query.limit(1)).first()
    if row is not None:
        raise CertificateBound(subject=subject, client=row.name, binding=row.id)


def check_rule(connection: Connection, authority: Certificate, rule: str) -> None:
    """Return if a partner's CA may be bound under a rule.

    Raises:
        RuleTaken: the same key with the same rule knows a client already.
    """
    columns = tables.binding.c
    query = (
        select(tables.client.c.name, columns.id)
        .join(tables.client)
        .where(
            columns.kind == BindingKind.PARTNER_CA,
            columns.spki_sha256 == authority.spki_sha256,
            columns.state.in_((BindingState.PROPOSED, BindingState.ACTIVE)),
            columns.rule == rule,
        )
    )
    row = connection.execute(query.limit(1)).first()
    if row is not None:
        raise RuleTaken(subject=authority.subject, rule=rule, client=row.name, binding=row.id)


def bearable(
    certificate: Certificate, findings: Sequence[Finding], despite: Iterable[str]
) -> tuple[Finding, ...]:
    """Return the findings if none of them refuses the certificate.

    Raises:
        CertificateUnfit: an error finding that ``despite`` does not name.
    """
    borne = frozenset(despite)
    errors = [found for found in findings if found.severity is Severity.ERROR and found.code not in borne]
    if errors:
        raise CertificateUnfit(
            subject=certificate.subject,
            problems="; ".join(found.title for found in errors),
            codes=",".join(dict.fromkeys(found.code for found in errors)),
        )
    return tuple(findings)
