"""Bindings: how a client is known. By a certificate that we issued, by its very own one, or by its own CA and a rule.

Several may be active at once: that is how a certificate is rotated without downtime. What was revoked once never
comes back, nor does its key.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, delete, func, insert, select, update

from twoway.errors import (
    AuthorityOurs,
    CertificateOurs,
    NothingBound,
    NotInRealm,
    RuleMissing,
)
from twoway.findings import Finding
from twoway.realm import admission, authorities, endings, partners, tables
from twoway.realm.change import Change
from twoway.realm.records import BindingRecord, CertificateRecord, ClientRecord
from twoway.realm.states import BINDING, COMPROMISES, BindingKind, BindingState, CertificateState
from twoway.x509.certificates import Certificate, load_certificates
from twoway.x509.keys import PrivateKey


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
    """A certificate or a CA that a partner brought, bound, and what is worth knowing about it.

    Args:
        binding: the new one, or the one that there was.
        findings: the weaknesses.
        again: it was bound before, and no more than its chain has changed, if that.
    """

    binding: BindingRecord
    findings: tuple[Finding, ...]
    again: bool = False


@dataclass(frozen=True)
class Ending:
    """A binding that a revocation ends, and whose it is."""

    client: str
    binding: BindingRecord


@dataclass(frozen=True)
class Revoked:
    """What a revocation has ended.

    Args:
        endings: the revoked and the withdrawn ones; those that were named first.
        revision: it is done when every gateway has acknowledged this one.
        max_stream_seconds: how long a stream that is open now may go on at most.
    """

    endings: tuple[Ending, ...]
    revision: int
    max_stream_seconds: int

    @property
    def bindings(self) -> tuple[BindingRecord, ...]:
        """The bindings alone, as they are now."""
        return tuple(one.binding for one in self.endings)


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
        where = f"twoway client show {client}"
        raise NotInRealm(noun="binding", name=f"{binding_id} of {client}", where=where)
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

    Only this certificate: not what it issued, if it could, and not another one of the same names. Where the client
    is known by it already, issuers that come with it are added to those that are kept.

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
    from twoway.x509.chains import in_order
    from twoway.x509.weaknesses import weaknesses

    owner = ClientRecord.named(change.connection, client)
    leaf, issuers = admission.leaf_first(data)
    if authorities.is_ours(change.connection, leaf):
        raise CertificateOurs(subject=leaf.subject)
    admission.check_revoked(change.connection, leaf)
    brought = load_certificates(data)
    again = _known_by(change.connection, owner, BindingKind.PINNED, leaf) if len(brought) > 1 else None
    if again is not None:
        pool = (*certificates_of(again), *brought)
        chain = in_order(leaf, pool).certificates
        findings = admission.bearable(leaf, weaknesses(chain, at=change.at), despite)
        return _with_chain(change, client, again, chain[1:], findings)
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

    Where the client is known by this CA and rule already, intermediates are added to those that are kept.

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
        CertificateOnceRevoked: its key, or that of an intermediate, was compromised.
        RuleTaken: this CA with this rule knows a client already.
        CertificateUnfit: an error finding that ``despite`` does not name.
    """
    from twoway.x509.names import NameRule

    owner = ClientRecord.named(change.connection, client)
    authority = admission.only_authority(data)
    if rule is None:
        raise RuleMissing(subject=authority.subject)
    parsed = NameRule.parse(rule)
    brought = load_certificates(intermediates) if intermediates else ()
    again = (
        _known_by(change.connection, owner, BindingKind.PARTNER_CA, authority, rule=str(parsed))
        if brought
        else None
    )
    kept = certificates_of(again)[1:] if again is not None else ()
    chain = tuple(one for one in dict.fromkeys((*kept, *brought)) if one != authority)
    for certificate in (authority, *chain):
        admission.check_may_issue(certificate)
        if authorities.is_ours(change.connection, certificate):
            raise AuthorityOurs(subject=certificate.subject)
        admission.check_compromised(change.connection, certificate)
    found = partners.findings(change.connection, owner, authority, chain, parsed, at=change.at)
    if again is not None:
        return _with_chain(change, client, again, chain, admission.bearable(authority, found, despite))
    admission.check_rule(change.connection, authority, str(parsed))
    findings = admission.bearable(authority, found, despite)
    state = _first_state(proposed)
    bound = _insert(change, owner, BindingKind.PARTNER_CA, state, authority, chain, rule=str(parsed))
    _name_partner(change, bound)
    if not proposed:
        partners.decide_anew(change, bound)
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
    # Its key may have been revoked since it was proposed.
    if found.kind == BindingKind.PARTNER_CA:
        for certificate in certificates_of(found):
            admission.check_compromised(change.connection, certificate)
        partners.decide_anew(change, found)
    else:
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


def to_revoke(
    connection: Connection, client: str, binding_id: int | None = None, *, reason: str = "unspecified"
) -> tuple[Ending, ...]:
    """Return what ``revoke`` would end, as it is now: what is named, then what goes with it.

    The key of a revoked certificate never comes back, so every other binding of the same key goes too, whoever has
    it. The key of a partner's CA is as good as before, unless the reason is a compromise: then it is gone everywhere.

    Raises:
        RevocationReasonUnknown: there is no such reason.
        NothingBound: there is none to revoke.
        IllegalTransition: the one named cannot be revoked.
    """
    authorities.known_reason(reason)
    owner = ClientRecord.named(connection, client)
    if binding_id is None:
        over = {BindingState.WITHDRAWN, BindingState.REVOKED}
        named = [found for found in _of(connection, owner) if found.state not in over]
    else:
        one = binding(connection, client, binding_id)
        BINDING.check(_shown(client, one), one.state, BindingState.REVOKED)
        named = [one]
    if not named:
        raise NothingBound(client=client)
    return (*(Ending(client, found) for found in named), *_of_their_keys(connection, named, reason))


def revoke(
    change: Change, client: str, binding_id: int | None = None, *, reason: str = "unspecified"
) -> Revoked:
    """Revoke one binding of a client, or all, and what ``to_revoke`` says goes with it.

    What we issued is revoked by its serial number too.

    Args:
        change: the change that does it.
        client: whose.
        binding_id: which; None for all, the retired ones too, and what is proposed is withdrawn.
        reason: one of RFC 5280's.

    Raises:
        RevocationReasonUnknown: there is no such reason.
        NothingBound: there is none to revoke.
        IllegalTransition: the one named cannot be revoked.
    """
    going = to_revoke(change.connection, client, binding_id, reason=reason)
    ended = tuple(_revoke_one(change, one, reason) for one in going)
    return Revoked(ended, change.revision, _longest_stream(change.connection, ended))


def end_all(change: Change, client: ClientRecord) -> None:
    """End whatever a client that is removed still has: issued is revoked, brought retired, proposed withdrawn."""
    reason = "cessationOfOperation"
    live = (BindingState.ACTIVE, BindingState.RETIRED)
    issued = [
        found
        for found in _of(change.connection, client)
        if found.kind == BindingKind.ISSUED and found.state in live
    ]
    going = (
        *(Ending(client.name, found) for found in issued),
        *_of_their_keys(change.connection, issued, reason),
    )
    for one in going:
        _revoke_one(change, one, reason)
    for found in _of(change.connection, client):
        if found.state == BindingState.PROPOSED:
            _withdraw(change, client.name, found)
        elif found.state == BindingState.ACTIVE:
            retire(change, client.name, found.id)


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


def _revoke_one(change: Change, one: Ending, reason: str) -> Ending:
    client, found = one.client, one.binding
    if found.state == BindingState.PROPOSED:
        return Ending(client, _withdraw(change, client, found))
    BINDING.check(_shown(client, found), found.state, BindingState.REVOKED)
    endings.end_bindings(change, tables.binding.c.id == found.id)
    if found.kind != BindingKind.PARTNER_CA:
        endings.end_learned(change, found.sha256, found.spki_sha256)
    elif reason in COMPROMISES:
        # It may stand on the way to another partner's root as well.
        endings.end_taught(change)
    # Also where the binding was retired before: what was decided about its key may no longer hold.
    change.takes_rights()
    if found.certificate_id is not None:
        record = CertificateRecord.one(change.connection, tables.certificate.c.id == found.certificate_id)
        if record is not None and record.state != CertificateState.REVOKED:
            authorities.mark_revoked(change, record, reason)
    moved = _move(change, found, BindingState.REVOKED, reason)
    change.audit("binding.revoke", client, binding=found.id, sha256=found.sha256, reason=reason)
    return Ending(client, moved)


def _of_their_keys(connection: Connection, named: Sequence[BindingRecord], reason: str) -> tuple[Ending, ...]:
    """Return what else is bound by the keys of bindings that are to be revoked, at any client."""
    columns = tables.binding.c
    keys = {
        found.spki_sha256
        for found in named
        if found.state != BindingState.PROPOSED
        and (found.kind != BindingKind.PARTNER_CA or reason in COMPROMISES)
    }
    # A certificate that was replaced says nothing of a CA of its key; one that was stolen does.
    kinds = [kind for kind in BindingKind if kind != BindingKind.PARTNER_CA or reason in COMPROMISES]
    query = BindingRecord.query(
        columns.spki_sha256.in_(keys),
        columns.kind.in_(kinds),
        columns.state.in_((BindingState.PROPOSED, BindingState.ACTIVE, BindingState.RETIRED)),
        columns.id.not_in({found.id for found in named}),
    ).order_by(columns.id)
    found = tuple(BindingRecord.many(connection, query))
    return tuple(Ending(_client_name(connection, one), one) for one in found)


def _client_name(connection: Connection, found: BindingRecord) -> str:
    return str(
        connection.execute(
            select(tables.client.c.name).where(tables.client.c.id == found.client_id)
        ).scalar_one()
    )


def _longest_stream(connection: Connection, ended: Iterable[Ending]) -> int:
    query = (
        select(func.max(tables.service.c.max_stream_seconds))
        .join(tables.permission)
        .where(tables.permission.c.client_id.in_({one.binding.client_id for one in ended}))
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


def _known_by(
    connection: Connection,
    owner: ClientRecord,
    kind: BindingKind,
    certificate: Certificate,
    *,
    rule: str | None = None,
) -> BindingRecord | None:
    """Return the binding by which a client is known, or to be known, by this very certificate."""
    columns = tables.binding.c
    query = BindingRecord.query(
        columns.client_id == owner.id,
        columns.kind == kind,
        columns.sha256 == certificate.sha256,
        columns.rule == rule,
        columns.state.in_((BindingState.PROPOSED, BindingState.ACTIVE)),
    )
    return next(BindingRecord.many(connection, query), None)


def _with_chain(
    change: Change,
    client: str,
    found: BindingRecord,
    chain: Sequence[Certificate],
    findings: tuple[Finding, ...],
) -> Accepted:
    """Keep these issuers with a binding; nothing happens where they are kept already."""
    der = b"".join(issuer.der for issuer in chain)
    if der == found.chain:
        return Accepted(found, findings, again=True)
    values = {"chain": der, "revision": change.revision}
    change.connection.execute(update(tables.binding).where(tables.binding.c.id == found.id).values(values))
    moved = _read(change.connection, found.id)
    if found.kind == BindingKind.PARTNER_CA:
        columns = tables.partner_name.c
        change.connection.execute(delete(tables.partner_name).where(columns.binding_id == found.id))
        _name_partner(change, moved)
        if found.state == BindingState.ACTIVE:
            partners.decide_anew(change, moved)
    change.audit(
        "binding.chain",
        client,
        binding=found.id,
        sha256=found.sha256,
        chain=[issuer.sha256 for issuer in chain],
        findings=[one.code for one in findings],
    )
    return Accepted(moved, findings, again=True)


def _name_partner(change: Change, bound: BindingRecord) -> None:
    names = {partners.name_key(certificate.parsed.subject) for certificate in certificates_of(bound)}
    change.connection.execute(
        insert(tables.partner_name), [{"binding_id": bound.id, "name": name} for name in sorted(names)]
    )
