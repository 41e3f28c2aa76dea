"""Our authorities at work: their keys unsealed for one signature, what they issue and revoke written down first.

A certificate leaves this module only as the row of a change: none that was issued is unknown to the realm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, or_, select, update

from twoway.errors import CertificateOfClient, NotInRealm, RevocationReasonUnknown
from twoway.realm import tables
from twoway.realm.change import Change
from twoway.realm.records import AuthorityRecord, CertificateRecord, ClientRecord
from twoway.realm.sealing import Keys
from twoway.realm.states import CERTIFICATE, CertificateState
from twoway.x509.certificates import Certificate
from twoway.x509.keys import PublicKey, load_own_key, new_key, private_der

if TYPE_CHECKING:
    from twoway.authority.issuing import Signer
    from twoway.authority.profiles import Profile
    from twoway.realm.realm import Realm

ROOT = "root"
ISSUING = "issuing"

# How long a CRL may be used before the next one: days.
CRL_DAYS = 7
# A revoked certificate stays on the CRL this long after its end, so that it has been on one that was published
# after it (RFC 5280, 3.3).
CRL_KEEP = timedelta(days=2 * CRL_DAYS)


def create(change: Change, *, algorithm: str = "ec-p256") -> tuple[AuthorityRecord, AuthorityRecord]:
    """Make the root and the issuing CA of a new realm.

    Returns:
        The root and the issuing CA.
    """
    from twoway.authority.issuing import Signer, issue, new_root
    from twoway.authority.profiles import ISSUING as ISSUING_PROFILE
    from twoway.authority.profiles import ROOT as ROOT_PROFILE
    from twoway.x509.names import distinguished_name

    organisation = _escaped(change.realm_name)
    root_key, issuing_key = new_key(algorithm), new_key(algorithm)
    root_certificate = new_root(
        root_key,
        distinguished_name(f"CN=Root CA,O={organisation}"),
        serial=_serial(),
        at=change.at,
        days=ROOT_PROFILE.days,
    )
    root = _store_authority(change, ROOT, root_certificate, private_der(root_key), None)
    issuing_certificate = issue(
        ISSUING_PROFILE,
        subject=distinguished_name(f"CN=Issuing CA,O={organisation}"),
        names=(),
        public_key=issuing_key.public_key(),
        signer=Signer(root_certificate, root_key),
        serial=_serial(),
        at=change.at,
        days=None,
    )
    _store_certificate(change, root.id, issuing_certificate, ISSUING_PROFILE.name, None)
    issuing = _store_authority(change, ISSUING, issuing_certificate, private_der(issuing_key), root.id)
    return root, issuing


def authorities(connection: Connection) -> tuple[AuthorityRecord, ...]:
    """Return all authorities, the root first."""
    return tuple(AuthorityRecord.many(connection, AuthorityRecord.query().order_by(tables.authority.c.id)))


def authority(connection: Connection, name: str) -> AuthorityRecord:
    """Return the authority ``root`` or ``issuing``."""
    found = AuthorityRecord.one(connection, tables.authority.c.name == name)
    if found is None:
        raise NotInRealm(noun="authority", name=name)
    return found


def anchors(connection: Connection) -> tuple[Certificate, ...]:
    """Return what others trust when they trust us: the root."""
    return (Certificate(authority(connection, ROOT).der),)


def issuers(connection: Connection) -> tuple[Certificate, ...]:
    """Return what follows a leaf that we issued, as far as it is sent in a handshake: the issuing CA."""
    return (Certificate(authority(connection, ISSUING).der),)


def is_ours(connection: Connection, certificate: Certificate) -> bool:
    """Tell whether a certificate is one of our authorities', shares a key with one, or was signed by one."""
    for ours in authorities(connection):
        if ours.spki_sha256 == certificate.spki_sha256 or certificate.signed_by(Certificate(ours.der)):
            return True
    return False


def issue(
    change: Change,
    profile: Profile,
    *,
    subject: str,
    names: Sequence[str],
    public_key: PublicKey,
    days: int | None = None,
    client_id: int | None = None,
) -> CertificateRecord:
    """Issue a leaf and write it down.

    Args:
        change: the change that it belongs to.
        profile: ``SERVER`` or ``CLIENT`` of ``authority.profiles``.
        subject: the common name; the organisation is the realm's.
        names: the subject alternative names.
        public_key: of whoever holds the private one.
        days: of validity; the profile's if left out.
        client_id: whom it is for.
    """
    from twoway.authority.issuing import issue as sign
    from twoway.x509.names import distinguished_name, subject_alternative_name

    record = authority(change.connection, ISSUING)
    certificate = sign(
        profile,
        subject=distinguished_name(f"CN={_escaped(subject)},O={_escaped(change.realm_name)}"),
        names=tuple(subject_alternative_name(name) for name in names),
        public_key=public_key,
        signer=_signer(change.connection, change.keys, record),
        serial=_serial(),
        at=change.at,
        days=days,
    )
    return _store_certificate(change, record.id, certificate, profile.name, client_id)


def certificates(
    connection: Connection, *, client_id: int | None = None, state: str | None = None
) -> tuple[CertificateRecord, ...]:
    """Return what we have issued, oldest first."""
    columns = tables.certificate.c
    query = CertificateRecord.query().order_by(columns.id)
    if client_id is not None:
        query = query.where(columns.client_id == client_id)
    if state is not None:
        query = query.where(columns.state == state)
    return tuple(CertificateRecord.many(connection, query))


def certificate(connection: Connection, wanted: str) -> CertificateRecord:
    """Return the one that we issued under a serial number (hex) or with a SHA-256 fingerprint (hex)."""
    plain = wanted.replace(":", "").lower()
    columns = tables.certificate.c
    query = CertificateRecord.query(or_(columns.serial_hex == plain, columns.sha256 == plain))
    found = tuple(CertificateRecord.many(connection, query.limit(1)))
    if not found:
        raise NotInRealm(noun="certificate", name=wanted)
    return found[0]


def revoke(change: Change, record: CertificateRecord, *, reason: str = "unspecified") -> CertificateRecord:
    """Revoke a server's certificate that we issued; a client's is revoked with its binding.

    Args:
        change: the change that it belongs to.
        record: the certificate's.
        reason: one of RFC 5280's, such as ``keyCompromise``.

    Raises:
        RevocationReasonUnknown: there is no such reason.
        CertificateOfClient: a client is known by it.
        IllegalTransition: it is revoked already.
    """
    known_reason(reason)
    if record.client_id is not None:
        owner = ClientRecord.one(change.connection, tables.client.c.id == record.client_id)
        raise CertificateOfClient(serial=record.serial_hex, client=owner.name if owner else "")
    return mark_revoked(change, record, reason)


def mark_revoked(change: Change, record: CertificateRecord, reason: str) -> CertificateRecord:
    """Write down that a certificate is revoked, by its authority and serial number; its binding is the caller's."""
    CERTIFICATE.check(record.serial_hex, record.state, CertificateState.REVOKED)
    change.connection.execute(
        update(tables.certificate)
        .where(tables.certificate.c.id == record.id)
        .values(state=CertificateState.REVOKED, revoked_at=change.at, reason=reason)
    )
    change.audit(
        "certificate.revoke", record.serial_hex, subject=record.subject, sha256=record.sha256, reason=reason
    )
    return replace(record, state=CertificateState.REVOKED, revoked_at=change.at, reason=reason)


def known_reason(reason: str) -> None:
    """Return if RFC 5280 has the reason.

    Raises:
        RevocationReasonUnknown: it has not.
    """
    from twoway.authority.crls import REASONS

    if reason not in REASONS:
        raise RevocationReasonUnknown(reason, ", ".join(REASONS))


def crl(realm: Realm, at: datetime, *, name: str = ISSUING, numbered: bool = True) -> bytes:
    """Sign the list of what an authority has revoked, under a number that only grows.

    Args:
        realm: an open realm, in no transaction.
        at: now, aware.
        name: ``root`` or ``issuing``.
        numbered: False: the number is not used up, for a list that nobody gets.

    Returns:
        DER.
    """
    from twoway.authority.crls import Revocation
    from twoway.authority.crls import crl as sign

    keys = realm.keys
    columns = tables.certificate.c
    with realm.writing() as connection:
        record = authority(connection, name)
        query = select(columns.serial_hex, columns.revoked_at, columns.reason).where(
            columns.authority_id == record.id,
            columns.state == CertificateState.REVOKED,
            columns.not_after > at - CRL_KEEP,
        )
        revoked = [
            Revocation(int(serial, 16), when, reason) for serial, when, reason in connection.execute(query)
        ]
        number = record.crl_number + 1
        if numbered:
            connection.execute(
                update(tables.authority).where(tables.authority.c.id == record.id).values(crl_number=number)
            )
        signer = _signer(connection, keys, record)
        return sign(signer, revoked, number=number, at=at, next_update=at + timedelta(days=CRL_DAYS))


def _signer(connection: Connection, keys: Keys, record: AuthorityRecord) -> Signer:
    from twoway.authority.issuing import Signer

    key = load_own_key(keys.unseal(connection, record.key_secret_id, _purpose(record.name)))
    return Signer(Certificate(record.der), key)


def _purpose(name: str) -> str:
    return f"authority {name}"


def _store_authority(
    change: Change, name: str, made: Certificate, key_der: bytes, parent_id: int | None
) -> AuthorityRecord:
    change.connection.execute(
        insert(tables.authority).values(
            name=name,
            kind=name,
            parent_id=parent_id,
            key_secret_id=change.seal(_purpose(name), key_der),
            crl_number=0,
            created=change.at,
            **_common(made),
        )
    )
    change.audit("authority.create", name, subject=made.subject, sha256=made.sha256, serial=made.serial_hex)
    return authority(change.connection, name)


def _store_certificate(
    change: Change, authority_id: int, made: Certificate, profile: str, client_id: int | None
) -> CertificateRecord:
    change.connection.execute(
        insert(tables.certificate).values(
            authority_id=authority_id,
            profile=profile,
            state=CertificateState.ACTIVE,
            created=change.at,
            client_id=client_id,
            **_common(made),
        )
    )
    change.audit(
        "certificate.issue",
        made.serial_hex,
        profile=profile,
        subject=made.subject,
        san=made.san,
        sha256=made.sha256,
        not_after=made.not_after,
    )
    return certificate(change.connection, made.sha256)


def _common(made: Certificate) -> dict[str, object]:
    return {
        "der": made.der,
        "sha256": made.sha256,
        "spki_sha256": made.spki_sha256,
        "subject": made.subject,
        "serial_hex": made.serial_hex,
        "not_before": made.not_before,
        "not_after": made.not_after,
    }


def _serial() -> int:
    from cryptography.x509 import random_serial_number

    return random_serial_number()


def _escaped(value: str) -> str:
    """Return a value as RFC 4514, 2.4 wants it inside a distinguished name."""
    escaped = "".join(f"\\{char}" if char in '\\",+;<>=' else char for char in value)
    return "\\" + escaped if escaped.startswith(("#", " ")) else escaped
