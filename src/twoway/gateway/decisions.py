"""Whether a presented certificate may call a service, and if not, the true reason. Pure.

Everything comes in as values: the certificate, what the realm knows that has to do with it, and the clock. A
fingerprint only ever allows. What takes rights away (a revocation, our own authority's name, a revoked key) is
looked up by authority and serial number and by public key as well: an ECDSA certificate can be turned into a
twin with another fingerprint by anyone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from twoway.errors import (
    CertificateUnreadable,
    CertificateWeak,
    ChainBroken,
    ChainTooLong,
    IssuerUntrusted,
    PurposeWrong,
    SignatureBroken,
)
from twoway.gateway import reasons
from twoway.gateway.reasons import Reason
from twoway.realm.states import COMPROMISES, BindingKind, BindingState, CertificateState, ClientState
from twoway.x509.certificates import Certificate, load_certificates
from twoway.x509.chains import path
from twoway.x509.names import NameRule
from twoway.x509.purposes import Purpose

if TYPE_CHECKING:
    from twoway.realm.gateways import Candidate, Candidates

# How far a certificate came that is a CA's and fits its rule, and is refused all the same.
_FITS = 4
# With these nothing shows that a certificate is the CA's at all, and so nothing shows whose it is.
_UNPROVEN = (IssuerUntrusted, SignatureBroken, ChainTooLong)


@dataclass(frozen=True, slots=True)
class Presented:
    """What a caller showed in its handshake, its key proven.

    Args:
        leaf: its certificate.
        intermediates: what it sent along.
    """

    leaf: Certificate
    intermediates: tuple[Certificate, ...] = ()


@dataclass(frozen=True, slots=True)
class Allow:
    """The caller is this client.

    Args:
        client: the client's name.
        binding_id: what it is known by.
        learn_until: when set, a partner CA's certificate that gateways may know until then, UTC.
    """

    client: str
    binding_id: int
    learn_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """The caller is refused.

    Args:
        reason: why.
        client: whose certificate it is, where that is known.
        detail: more words for the journal.
    """

    reason: Reason
    client: str | None = None
    detail: str = ""


def decide(
    presented: Presented,
    known: Candidates,
    partners: Sequence[Candidate],
    *,
    service: str,
    ours: bool,
    at: datetime,
) -> Allow | Refuse:
    """Return whether the caller may call the service.

    Args:
        presented: what it showed.
        known: what the realm knows of this certificate, its key and its serial number.
        partners: bindings of partner CAs that issue under the names in the chain.
        service: the service's name.
        ours: whether the certificate's issuer has the name of an authority of ours.
        at: now, UTC.
    """
    try:
        return (
            _taken_away(presented.leaf, known)
            or _still_standing(presented, known, partners, service=service, ours=ours, at=at)
            or Refuse(reasons.CERTIFICATE_UNKNOWN, detail=_unknown(presented, known))
        )
    except CertificateUnreadable as unreadable:
        return Refuse(reasons.CERTIFICATE_UNREADABLE, detail=str(unreadable))


def _taken_away(leaf: Certificate, known: Candidates) -> Refuse | None:
    """Refuse what was revoked: this certificate, its twin of another fingerprint, or another of the same key.

    The serial number of a revoked one says nothing by itself. Anybody can write it into a certificate of a key of
    their own, and two authorities of one name may both have given it; a twin has the same key as well.
    """
    bound = (*known.exact, *known.same_key)
    client = next((one.client for one in bound), None)
    for issued in known.issued:
        if issued.state == CertificateState.REVOKED and issued.spki_sha256 == leaf.spki_sha256:
            same = issued.serial_hex == leaf.serial_hex
            reason = reasons.CERTIFICATE_REVOKED if same else reasons.KEY_REVOKED
            return Refuse(reason, client, f"reason: {issued.reason}")
    for one in bound:
        if one.state == BindingState.REVOKED and one.kind != BindingKind.PARTNER_CA:
            same = one.sha256 == leaf.sha256 or one.serial_hex == leaf.serial_hex
            reason = reasons.CERTIFICATE_REVOKED if same else reasons.KEY_REVOKED
            return Refuse(reason, one.client, f"reason: {one.reason}")
    return None


def _still_standing(
    presented: Presented,
    known: Candidates,
    partners: Sequence[Candidate],
    *,
    service: str,
    ours: bool,
    at: datetime,
) -> Allow | Refuse | None:
    """Decide by the certificate's own binding; where that is over, a partner's CA may still let it in."""
    bound = _bound(presented.leaf, known, service=service, ours=ours, at=at)
    if ours or any(one.state == BindingState.ACTIVE for one in known.exact):
        return bound
    through = _of_a_partner(presented, partners, service=service, at=at)
    return through if isinstance(through, Allow) else bound or through


def _bound(
    leaf: Certificate, known: Candidates, *, service: str, ours: bool, at: datetime
) -> Allow | Refuse | None:
    """Decide on a certificate that is bound itself: issued by us, or pinned."""
    if known.exact:
        # The newest binding that is active says whose it is; else the newest says why not.
        one = next((one for one in known.exact if one.state == BindingState.ACTIVE), known.exact[0])
        return _standing(one, service) or _in_time(leaf, one.client, at) or Allow(one.client, one.id)
    if not ours:
        return None
    if any(issued.sha256 == leaf.sha256 for issued in known.issued):
        return Refuse(reasons.PURPOSE_WRONG, detail="it was issued here, and for no client")
    taken = any(issued.serial_hex == leaf.serial_hex for issued in known.issued)
    detail = "it has the serial number of a certificate that was issued" if taken else ""
    return Refuse(reasons.NOT_ISSUED, detail=detail)


def _of_a_partner(
    presented: Presented, partners: Sequence[Candidate], *, service: str, at: datetime
) -> Allow | Refuse | None:
    """Decide on a certificate that a partner's CA may have issued."""
    lost = frozenset(
        one.spki_sha256 for one in partners if one.state == BindingState.REVOKED and one.reason in COMPROMISES
    )
    decided = [(one, _through(presented, one, lost, service=service, at=at)) for one in partners]
    allowed = [decision for _, decision in decided if isinstance(decision, Allow)]
    refusals = [decision for _, decision in decided if not isinstance(decision, Allow)]
    if allowed:
        # Those that may not call count as well: else a suspended client would be let in as another one.
        clients = {
            one.client
            for one, decision in decided
            if one.state == BindingState.ACTIVE and (isinstance(decision, Allow) or decision[0] == _FITS)
        }
        if len(clients) > 1:
            return Refuse(reasons.CLIENT_AMBIGUOUS, detail=f"clients: {', '.join(sorted(clients))}")
        return allowed[0]
    if not refusals:
        return None
    # Of several CAs the one that came furthest has the true reason. Where several clients have it, none is blamed.
    furthest = max(rank for rank, _ in refusals)
    first, *others = [refusal for rank, refusal in refusals if rank == furthest]
    return replace(first, client=None) if any(one.client != first.client for one in others) else first


def _through(
    presented: Presented, one: Candidate, lost: frozenset[str], *, service: str, at: datetime
) -> Allow | tuple[int, Refuse]:
    """Decide by one partner's CA; a refusal with how far it came.

    Args:
        presented: what was shown.
        one: the CA and its rule.
        lost: the keys of CAs that were compromised: nothing that goes through them counts.
        service: the service's name.
        at: now, UTC.
    """
    anchor = Certificate(one.der)
    intermediates = (
        (*presented.intermediates, *load_certificates(one.chain)) if one.chain else presented.intermediates
    )
    leaf = presented.leaf
    untimely = _in_time(leaf, one.client, at)
    try:
        # Out of time or not, the chain says whether it is this CA's certificate at all.
        moment = min(max(at, leaf.not_before), leaf.not_after) if untimely else at
        found = path(leaf, intermediates, (anchor,), at=moment, purpose=Purpose.CLIENT)
    except ChainBroken as broken:
        return _broken(broken, one)
    if leaf.is_ca or leaf.sha256 == anchor.sha256:
        return 2, Refuse(reasons.PURPOSE_WRONG, one.client, "it is an authority's certificate")
    if not NameRule.parse(one.rule or "").matches(leaf):
        return 3, Refuse(
            reasons.NAME_OUTSIDE_RULE, one.client, f"rule: {one.rule}; names: {', '.join(leaf.san)}"
        )
    refused = _standing(one, service) or untimely
    if not refused and any(each.spki_sha256 in lost for each in found):
        refused = Refuse(reasons.KEY_REVOKED, one.client, "that of a CA above it was compromised")
    if refused:
        return _FITS, refused
    return Allow(one.client, one.id, learn_until=min(each.not_after for each in found))


def _broken(broken: ChainBroken, one: Candidate) -> tuple[int, Refuse]:
    """Return why a chain does not hold, and how far it came; once it is proven to be the CA's, whose it is too."""
    if isinstance(broken, _UNPROVEN):
        return 1, Refuse(reasons.CHAIN_BROKEN, None, str(broken))
    reason = reasons.CHAIN_BROKEN
    if isinstance(broken, PurposeWrong):
        reason = reasons.PURPOSE_WRONG
    elif isinstance(broken, CertificateWeak):
        reason = reasons.CERTIFICATE_WEAK
    return 2, Refuse(reason, one.client, str(broken))


def _unknown(presented: Presented, known: Candidates) -> str:
    """Say in the journal what an unknown certificate imitates, or lacks."""
    leaf = presented.leaf
    for one in known.same_serial:
        return f"it has issuer and serial number of a certificate of the client {one.client}, and another key"
    if presented.intermediates or leaf.self_issued:
        return ""
    # A browser sends no intermediates of its own accord.
    return f"its issuer {leaf.issuer} was not sent, and may be an intermediate of a partner's CA"


def _standing(one: Candidate, service: str) -> Refuse | None:
    """Refuse what the binding's state, the client's state or its permissions do not allow."""
    if one.state == BindingState.REVOKED:
        return Refuse(reasons.CERTIFICATE_REVOKED, one.client, f"reason: {one.reason}")
    if one.client_state == ClientState.REMOVED:
        return Refuse(reasons.CLIENT_REMOVED, one.client)
    if one.state == BindingState.PROPOSED:
        return Refuse(reasons.BINDING_PROPOSED, one.client, f"binding {one.id}")
    if one.state == BindingState.WITHDRAWN:
        return Refuse(reasons.CERTIFICATE_UNKNOWN, one.client, f"binding {one.id} was withdrawn")
    if one.state != BindingState.ACTIVE:
        return Refuse(reasons.CERTIFICATE_RETIRED, one.client, f"binding {one.id} is {one.state}")
    if one.client_state != ClientState.ACTIVE:
        return Refuse(reasons.CLIENT_SUSPENDED, one.client)
    if service not in one.services:
        return Refuse(reasons.NOT_ALLOWED, one.client, f"service: {service}")
    return None


def _in_time(leaf: Certificate, client: str | None, at: datetime) -> Refuse | None:
    if at > leaf.not_after:
        return Refuse(
            reasons.CERTIFICATE_EXPIRED, client, f"it ended at {leaf.not_after:%Y-%m-%d %H:%M:%S} UTC"
        )
    if at < leaf.not_before:
        return Refuse(
            reasons.CERTIFICATE_NOT_YET_VALID, client, f"it begins at {leaf.not_before:%Y-%m-%d %H:%M:%S} UTC"
        )
    return None
