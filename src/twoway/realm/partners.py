"""What the CAs of partners have to do with each other: one key, one way up, or no more than one name.

A certificate that two clients' CAs and rules fit is refused: whose it is cannot be told. So it is said at acceptance
where that can happen, and what gateways have learned through either CA is decided on anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from twoway.findings import Finding, Severity, Who, worst_first
from twoway.realm import endings, tables
from twoway.realm.change import Change
from twoway.realm.records import BindingRecord, ClientRecord
from twoway.realm.states import BindingKind, BindingState
from twoway.x509.certificates import Certificate, load_certificates

if TYPE_CHECKING:
    from cryptography.x509 import Name

    from twoway.x509.names import NameRule


@dataclass(frozen=True, slots=True)
class _Other:
    """Another partner CA that is bound, or proposed; ``certificates`` are it and those below it."""

    binding_id: int
    client_id: int
    client: str
    rule: str
    certificates: tuple[Certificate, ...]


def findings(
    connection: Connection,
    owner: ClientRecord,
    authority: Certificate,
    chain: Sequence[Certificate],
    rule: NameRule,
    *,
    at: datetime,
) -> tuple[Finding, ...]:
    """Return what is wrong, or worth knowing, with a partner's CA: by itself, and beside those of other bindings.

    Args:
        connection: any.
        owner: whose CA it is to be.
        authority: the CA's certificate.
        chain: the CAs below it that came with it.
        rule: for the names.
        at: now, aware.
    """
    from twoway.x509.authority_weaknesses import authority_weaknesses

    beside = _beside(owner, (authority, *chain), rule, _bound(connection))
    return worst_first([*authority_weaknesses(authority, chain, at=at), *beside])


def decide_anew(change: Change, bound: BindingRecord) -> None:
    """Have what was learned through the CAs of other clients decided on again, where this one may fit it too.

    Args:
        change: the change that makes the binding active, or adds to its chain.
        bound: the partner CA's binding.
    """
    certificates = (Certificate(bound.der), *(load_certificates(bound.chain) if bound.chain else ()))
    related = {
        other.binding_id
        for other in _bound(change.connection)
        if other.client_id != bound.client_id and _on_one_way(certificates, other.certificates)
    }
    if related:
        endings.end_taught(change, related)


def name_key(name: Name) -> str:
    """Return the key under which a name of a certificate is found again, however its strings are spelled."""
    from twoway.x509.names import comparable_name

    parts = [
        sorted((oid, value.hex() if isinstance(value, bytes) else value) for oid, value in rdn)
        for rdn in comparable_name(name)
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _bound(connection: Connection) -> Iterator[_Other]:
    columns = tables.binding.c
    query = (
        select(columns.id, columns.client_id, tables.client.c.name, columns.rule, columns.der, columns.chain)
        .join(tables.client)
        .where(
            columns.kind == BindingKind.PARTNER_CA,
            columns.state.in_((BindingState.PROPOSED, BindingState.ACTIVE)),
        )
        .order_by(columns.id)
    )
    for binding_id, client_id, client, rule, der, chain in connection.execute(query):
        below = load_certificates(chain) if chain else ()
        yield _Other(binding_id, client_id, client, rule, (Certificate(der), *below))


def _beside(
    owner: ClientRecord, certificates: Sequence[Certificate], rule: NameRule, others: Iterable[_Other]
) -> Iterator[Finding]:
    from twoway.x509.names import NameRule

    authority = certificates[0]
    name = name_key(authority.subject_name)
    for other in others:
        anchor = other.certificates[0]
        if _on_one_way(certificates, other.certificates):
            if other.client_id == owner.id:
                continue
            if rule.overlaps(NameRule.parse(other.rule)):
                yield _rules_overlap(authority, str(rule), other)
            else:
                yield _shared(authority, other)
        elif name == name_key(anchor.subject_name):
            yield _namesake(authority, other)


def _on_one_way(ours: Sequence[Certificate], theirs: Sequence[Certificate]) -> bool:
    """Whether two CAs have one key, or one of them is above the other, as far as the CAs that are known show."""
    from twoway.x509.chains import in_order

    pool = (*ours, *theirs)
    return any(
        top.spki_sha256 in {one.spki_sha256 for one in in_order(bottom, pool).certificates}
        for bottom, top in ((ours[0], theirs[0]), (theirs[0], ours[0]))
    )


def _rules_overlap(authority: Certificate, rule: str, other: _Other) -> Finding:
    return Finding(
        code="partner-rules-overlap",
        severity=Severity.ERROR,
        title=f"names that fit {rule} fit {other.rule} of the client {other.client} too, under the same CA",
        cause="a certificate that fits two clients is refused, so one that is let in today would be let in no more",
        remedy="give the clients rules that fit different names, or pin their certificates",
        facts=_facts(authority, other),
    )


def _shared(authority: Certificate, other: _Other) -> Finding:
    return Finding(
        code="partner-authority-shared",
        severity=Severity.INFO,
        title=f"the client {other.client} is known by this CA, or one above or below it, too: {other.rule}",
        cause="one CA issues for both clients, so nothing but the names tells them apart",
        remedy="nothing, as long as no certificate has names of both: it is refused",
        facts=_facts(authority, other),
    )


def _namesake(authority: Certificate, other: _Other) -> Finding:
    return Finding(
        code="partner-authority-namesake",
        severity=Severity.INFO,
        title=f"another CA named {authority.subject}, with another key, is bound to the client {other.client}",
        cause="the partner has made its CA anew, or two partners chose one name",
        remedy="nothing, they are told apart by their keys; if it is a surprise, compare the sha256 with the partner",
        who=Who.EITHER,
        facts=_facts(authority, other),
    )


def _facts(authority: Certificate, other: _Other) -> dict[str, object]:
    return {
        "subject": authority.subject,
        "sha256": authority.sha256,
        "client": other.client,
        "binding": other.binding_id,
        "rule": other.rule,
        "other_sha256": other.certificates[0].sha256,
    }
