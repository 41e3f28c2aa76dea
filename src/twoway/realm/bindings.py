"""Bindings: how a client is known. By a certificate that we issued, by its very own one, or by its own CA and a rule.

Several may be active at once: that is how a certificate is rotated without downtime. What was revoked once never
comes back, nor does its key.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Connection, func, insert, select, update

from twoway.errors import (
    AuthorityOurs,
    CertificateOurs,
    NothingBound,
    NotInRealm,
    RuleMissing,
)
from twoway.findings import Finding
from twoway.realm import admission, authorities, endings, tables
from twoway.realm.change import Change
from twoway.realm.records import BindingRecord, CertificateRecord, ClientRecord
from twoway.realm.states import BINDING, BindingKind, BindingState, CertificateState
from twoway.x509.certificates import Certificate, load_certificates
from twoway.x509.keys import PrivateKey

if TYPE_CHECKING:
    from cryptography.x509 import Name


@dataclass(frozen=True)
class Issued:
    """A certificate that was issued and is bound.

    Args:
        certificate: the leaf.
        chain: its issuers, as they are sent in a handshake.
        key: made here and kept nowhere, or None if a request brought the public one.
        binding: active at once.
        requested_subject: what the request asked for; nothing of it was taken.
        requested_names: likewise.
    """

    certificate: Certificate
    chain: tuple[Certificate, ...]
    key: PrivateKey | None = field(repr=False)
    binding: BindingRecord
    requested_subject: str | None = None
    requested_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Accepted:
    """A certificate or a CA that a partner brought, bound, and what is worth knowing about it."""

    binding: BindingRecord
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Revoked:
    """What a revocation has ended.

    Args:
        bindings: the revoked and the withdrawn ones.
        revision: it is done when every gateway has acknowledged this one.
        max_stream_seconds: how long a stream that is open now may go on at most.
    """

    bindings: tuple[BindingRecord, ...]
    revision: int
    max_stream_seconds: int


def bindings(connection: Connection, client: str) -> tuple[BindingRecord, ...]:
    """Return all bindings of a client, oldest first."""
    return _of(connection, ClientRecord.named(connection, client))


def binding(connection: Connection, client: str, binding_id: int) -> BindingRecord:
    """Return one binding of a client.

    Raises:
        NotInRealm: there is no such client, or no such binding of it.
    """
    owner = ClientRecord.named(connection, client)
    columns = tables.binding.c
    found = BindingRecord.one(connection, columns.id == binding_id, columns.client_id == owner.id)
    if found is None:
        raise NotInRealm(noun="binding", name=f"{binding_id} of {client}")
    return found


def certificates_of(record: BindingRecord) -> tuple[Certificate, ...]:
    """Return a binding's leaf, or its CA, and the issuers that came with it."""
    above = load_certificates(record.chain) if record.chain else ()
    return (Certificate(record.der), *above)


def issue(
    change: Change,
    client: str,
    *,
    days: int | None = None,
    request: bytes | None = None,
    names: Sequence[str] = (),
    algorithm: str = "ec-p256",
    key: PrivateKey | None = None,
) -> Issued:
    """Issue a certificate for a client; its binding is active at once.

    Args:
        change: the change that does it.
        client: whom it is for; the common name.
        days: of validity; the profile's if left out.
        request: a CSR, PEM or DER. Its possession of the key is checked, and only the public key is taken.
        names: the subject alternative names.
        algorithm: of the key that is made here, where there is neither a request nor a key.
        key: a key made before the change, so that a slow one keeps no other writer waiting.

    Raises:
        RequestUnreadable, RequestUnproven: the request.
        CertificateOnceRevoked: the key was revoked before.
        CertificateBound: the key knows another client.
        AuthorityError: the authority refuses to sign.
    """
    from twoway.authority.profiles import CLIENT
    from twoway.x509.keys import new_key, spki_sha256
    from twoway.x509.requests import load_request

    owner = ClientRecord.named(change.connection, client)
    asked = None if request is None else load_request(request)
    if asked is not None:
        key, public_key = None, asked.public_key
    else:
        key = key or new_key(algorithm)
        public_key = key.public_key()
    admission.check_key(change.connection, owner, spki_sha256(public_key), f"CN={client}")
    record = authorities.issue(
        change, CLIENT, subject=client, names=names, public_key=public_key, days=days, client_id=owner.id
    )
    certificate = Certificate(record.der)
    chain = authorities.issuers(change.connection)
    bound = _insert(
        change, owner, BindingKind.ISSUED, BindingState.ACTIVE, certificate, chain, certificate_id=record.id
    )
    wishes = (None, ()) if asked is None else (asked.subject_text, asked.names_text)
    return Issued(certificate, chain, key, bound, *wishes)


def accept_certificate(
    change: Change, client: str, data: bytes, *, despite: Iterable[str] = (), proposed: bool = False
) -> Accepted:
    """Bind a client to the very certificate that it brings.

    Only this certificate: not what it issued, if it could, and not another one of the same names.

    Args:
        change: the change that does it.
        client: who brings it.
        data: the certificate, PEM or DER, with its issuers if there are any.
        despite: codes of findings that would refuse it.
        proposed: leave it without effect until it is confirmed, or its possession proven.

    Raises:
        BundleAmbiguous: which certificate is meant cannot be told.
        CertificateOurs: our own authority issued it.
        CertificateOnceRevoked: it, or its key, was revoked before.
        CertificateBound: it, or its key, knows a client already.
        CertificateUnfit: an error finding that ``despite`` does not name.
    """
    from twoway.x509.weaknesses import weaknesses

    owner = ClientRecord.named(change.connection, client)
    leaf, issuers = admission.leaf_first(data)
    if authorities.is_ours(change.connection, leaf):
        raise CertificateOurs(subject=leaf.subject)
    admission.check_revoked(change.connection, leaf)
    admission.check_bound(change.connection, owner, leaf)
    findings = admission.bearable(leaf, weaknesses((leaf, *issuers), at=change.at), despite)
    bound = _insert(change, owner, BindingKind.PINNED, _first_state(proposed), leaf, issuers)
    if not proposed:
        endings.end_learned(change, bound.sha256, bound.spki_sha256)
    _audit_accepted(change, client, bound, findings)
    return Accepted(bound, findings)


def accept_authority(
    change: Change,
    client: str,
    data: bytes,
    *,
    rule: str | None,
    intermediates: bytes = b"",
    despite: Iterable[str] = (),
    proposed: bool = False,
) -> Accepted:
    """Bind a client to what its own CA issues, as far as the names match a rule.

    Args:
        change: the change that does it.
        client: whose CA it is.
        data: the CA's certificate, PEM or DER; an intermediate may be the anchor.
        rule: such as ``DNS:*.umbrella.com``.
        intermediates: CAs below it that the partner's clients may forget to send.
        despite: codes of findings that would refuse it.
        proposed: leave it without effect until it is confirmed.

    Raises:
        RuleMissing, NameInvalid, NameRuleTooWide: the rule.
        BundleAmbiguous: there is not exactly one CA in ``data``.
        AuthorityOurs: it is our own, or issued by it.
        NotAnAuthority: it may not issue.
        CertificateOnceRevoked: its key was compromised.
        RuleTaken: this CA with this rule knows a client already.
        CertificateUnfit: an error finding that ``despite`` does not name.
    """
    from twoway.realm.partners import authority_weaknesses
    from twoway.x509.names import NameRule

    owner = ClientRecord.named(change.connection, client)
    authority = admission.only_authority(data)
    if rule is None:
        raise RuleMissing(subject=authority.subject)
    parsed = str(NameRule.parse(rule))
    chain = load_certificates(intermediates) if intermediates else ()
    for certificate in (authority, *chain):
        admission.check_may_issue(certificate)
        if authorities.is_ours(change.connection, certificate):
            raise AuthorityOurs(subject=certificate.subject)
    admission.check_authority(change.connection, authority, parsed)
    findings = admission.bearable(authority, authority_weaknesses(authority, at=change.at), despite)
    state = _first_state(proposed)
    bound = _insert(change, owner, BindingKind.PARTNER_CA, state, authority, chain, rule=parsed)
    _name_partner(change, bound, (authority, *chain))
    _audit_accepted(change, client, bound, findings)
    return Accepted(bound, findings)


def confirm(change: Change, client: str, binding_id: int) -> BindingRecord:
    """Make a proposed binding active, without a proof of possession."""
    found = binding(change.connection, client, binding_id)
    return activate(change, client, found, proven=False)


def activate(change: Change, client: str, found: BindingRecord, *, proven: bool) -> BindingRecord:
    """Make a proposed binding active.

    Args:
        change: the change that does it.
        client: whose it is.
        found: the binding.
        proven: whether the partner has shown that it holds the key.
    """
    BINDING.check(_shown(client, found), found.state, BindingState.ACTIVE)
    if found.kind != BindingKind.PARTNER_CA:
        # Its key may have been revoked since it was proposed.
        admission.check_revoked(change.connection, Certificate(found.der))
        endings.end_learned(change, found.sha256, found.spki_sha256)
    moved = _move(change, found, BindingState.ACTIVE)
    change.audit("binding.confirm", client, binding=found.id, sha256=found.sha256, proven=proven)
    return moved


def withdraw(change: Change, client: str, binding_id: int) -> BindingRecord:
    """Give up a proposed binding."""
    return _withdraw(change, client, binding(change.connection, client, binding_id))


def retire(change: Change, client: str, binding_id: int) -> BindingRecord:
    """End an active binding in peace, as after a rotation."""
    found = binding(change.connection, client, binding_id)
    BINDING.check(_shown(client, found), found.state, BindingState.RETIRED)
    endings.end_bindings(change, tables.binding.c.id == found.id)
    moved = _move(change, found, BindingState.RETIRED)
    change.audit("binding.retire", client, binding=found.id, sha256=found.sha256)
    return moved


def revoke(
    change: Change, client: str, binding_id: int | None = None, *, reason: str = "unspecified"
) -> Revoked:
    """Revoke one binding of a client, or all; what we issued is revoked by its serial number too.

    Args:
        change: the change that does it.
        client: whose.
        binding_id: which; None for all, the retired ones too, and what is proposed is withdrawn.
        reason: one of RFC 5280's.

    A revoked key never comes back, so every other binding of the same key goes too, whoever has it.

    Raises:
        RevocationReasonUnknown: there is no such reason.
        NothingBound: there is none to revoke.
        IllegalTransition: the one named cannot be revoked.
    """
    authorities.known_reason(reason)
    owner = ClientRecord.named(change.connection, client)
    if binding_id is None:
        every = _of(change.connection, owner)
        targets = [
            found for found in every if found.state not in {BindingState.WITHDRAWN, BindingState.REVOKED}
        ]
    else:
        named = binding(change.connection, client, binding_id)
        BINDING.check(_shown(client, named), named.state, BindingState.REVOKED)
        targets = [named]
    if not targets:
        raise NothingBound(client=client)
    ended = [_revoke_one(change, client, found, reason) for found in targets]
    ended += _revoke_keys(change, ended, reason)
    return Revoked(tuple(ended), change.revision, _longest_stream(change.connection, ended))


def end_all(change: Change, client: ClientRecord) -> None:
    """End whatever a client that is removed still has: issued is revoked, brought retired, proposed withdrawn."""
    reason = "cessationOfOperation"
    live = (BindingState.ACTIVE, BindingState.RETIRED)
    issued = [found for found in _of(change.connection, client) if found.kind == BindingKind.ISSUED]
    ended = [_revoke_one(change, client.name, found, reason) for found in issued if found.state in live]
    _revoke_keys(change, ended, reason)
    for found in _of(change.connection, client):
        if found.state == BindingState.PROPOSED:
            _withdraw(change, client.name, found)
        elif found.state == BindingState.ACTIVE:
            retire(change, client.name, found.id)


def name_key(name: Name) -> str:
    """Return the key under which a name of a certificate is found again, however its strings are spelled."""
    from twoway.x509.names import comparable_name

    parts = [
        sorted((oid, value.hex() if isinstance(value, bytes) else value) for oid, value in rdn)
        for rdn in comparable_name(name)
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _of(connection: Connection, client: ClientRecord) -> tuple[BindingRecord, ...]:
    columns = tables.binding.c
    query = BindingRecord.query(columns.client_id == client.id).order_by(columns.id)
    return tuple(BindingRecord.many(connection, query))


def _shown(client: str, found: BindingRecord) -> str:
    return f"{found.id} of {client}"


def _first_state(proposed: bool) -> BindingState:
    return BindingState.PROPOSED if proposed else BindingState.ACTIVE


def _insert(
    change: Change,
    owner: ClientRecord,
    kind: BindingKind,
    state: BindingState,
    certificate: Certificate,
    chain: Sequence[Certificate],
    *,
    rule: str | None = None,
    certificate_id: int | None = None,
) -> BindingRecord:
    made = change.connection.execute(
        insert(tables.binding).values(
            client_id=owner.id,
            kind=kind,
            state=state,
            sha256=certificate.sha256,
            spki_sha256=certificate.spki_sha256,
            subject=certificate.subject,
            issuer=certificate.issuer,
            serial_hex=certificate.serial_hex,
            not_before=certificate.not_before,
            not_after=certificate.not_after,
            rule=rule,
            certificate_id=certificate_id,
            created=change.at,
            activated=change.at if state is BindingState.ACTIVE else None,
            revision=change.revision,
            der=certificate.der,
            chain=b"".join(issuer.der for issuer in chain),
        )
    )
    key = made.inserted_primary_key
    return _read(change.connection, 0 if key is None else key.id)


def _read(connection: Connection, binding_id: int) -> BindingRecord:
    found = BindingRecord.one(connection, tables.binding.c.id == binding_id)
    if found is None:
        raise NotInRealm(noun="binding", name=str(binding_id))
    return found


def _move(
    change: Change, found: BindingRecord, state: BindingState, reason: str | None = None
) -> BindingRecord:
    values: dict[str, object] = {
        "state": state,
        "reason": reason,
        "revision": change.revision,
        "challenge": None,
    }
    values["activated" if state is BindingState.ACTIVE else "ended"] = change.at
    change.connection.execute(update(tables.binding).where(tables.binding.c.id == found.id).values(values))
    return _read(change.connection, found.id)


def _withdraw(change: Change, client: str, found: BindingRecord) -> BindingRecord:
    BINDING.check(_shown(client, found), found.state, BindingState.WITHDRAWN)
    moved = _move(change, found, BindingState.WITHDRAWN)
    change.audit("binding.withdraw", client, binding=found.id, sha256=found.sha256)
    return moved


def _revoke_one(change: Change, client: str, found: BindingRecord, reason: str) -> BindingRecord:
    if found.state == BindingState.PROPOSED:
        return _withdraw(change, client, found)
    BINDING.check(_shown(client, found), found.state, BindingState.REVOKED)
    endings.end_bindings(change, tables.binding.c.id == found.id)
    if found.kind != BindingKind.PARTNER_CA:
        endings.end_learned(change, found.sha256, found.spki_sha256)
    # Also where the binding was retired before: what was decided about its key may no longer hold.
    change.takes_rights()
    if found.certificate_id is not None:
        record = CertificateRecord.one(change.connection, tables.certificate.c.id == found.certificate_id)
        if record is not None and record.state != CertificateState.REVOKED:
            authorities.mark_revoked(change, record, reason)
    moved = _move(change, found, BindingState.REVOKED, reason)
    change.audit("binding.revoke", client, binding=found.id, sha256=found.sha256, reason=reason)
    return moved


def _revoke_keys(change: Change, ended: Sequence[BindingRecord], reason: str) -> list[BindingRecord]:
    """Revoke what else is bound by the keys of revoked bindings, at any client."""
    keys = {
        found.spki_sha256
        for found in ended
        if found.state == BindingState.REVOKED and found.kind != BindingKind.PARTNER_CA
    }
    columns = tables.binding.c
    query = BindingRecord.query(
        columns.spki_sha256.in_(keys),
        columns.kind != BindingKind.PARTNER_CA,
        columns.state.in_((BindingState.PROPOSED, BindingState.ACTIVE, BindingState.RETIRED)),
    )
    return [
        _revoke_one(change, _client_name(change.connection, found), found, reason)
        for found in tuple(BindingRecord.many(change.connection, query))
    ]


def _client_name(connection: Connection, found: BindingRecord) -> str:
    return str(
        connection.execute(
            select(tables.client.c.name).where(tables.client.c.id == found.client_id)
        ).scalar_one()
    )


def _longest_stream(connection: Connection, ended: Iterable[BindingRecord]) -> int:
    query = (
        select(func.max(tables.service.c.max_stream_seconds))
        .join(tables.permission)
        .where(tables.permission.c.client_id.in_({found.client_id for found in ended}))
    )
    return connection.execute(query).scalar_one() or 0


def _audit_accepted(change: Change, client: str, bound: BindingRecord, findings: Sequence[Finding]) -> None:
    change.audit(
        "binding.accept",
        client,
        binding=bound.id,
        kind=bound.kind,
        state=bound.state,
        rule=bound.rule,
        sha256=bound.sha256,
        subject=bound.subject,
        issuer=bound.issuer,
        not_after=bound.not_after,
        findings=[found.code for found in findings],
    )


def _name_partner(change: Change, bound: BindingRecord, certificates: Iterable[Certificate]) -> None:
    names = {name_key(certificate.parsed.subject) for certificate in certificates}
    change.connection.execute(
        insert(tables.partner_name), [{"binding_id": bound.id, "name": name} for name in sorted(names)]
    )
