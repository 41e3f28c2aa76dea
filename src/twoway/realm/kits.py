"""What the realm puts into a kit: identities from the vault, whom to trust, and where the link goes.

A private key leaves the vault through here only, and each time the audit says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from twoway.errors import EndpointWithoutIdentity
from twoway.findings import Finding, Severity, Who
from twoway.platforms.order import Named, alias_from
from twoway.realm import authorities, bindings, clients, endpoints, services, vault
from twoway.realm.change import Change
from twoway.realm.records import BindingRecord, ServiceRecord
from twoway.realm.states import BindingKind, BindingState, ClientState
from twoway.x509.certificates import Certificate, load_certificates
from twoway.x509.revocation import RevocationList, load_crl
from twoway.x509.weaknesses import from_public_ca

if TYPE_CHECKING:
    from twoway.realm.realm import Realm
    from twoway.realm.records import VaultEntryRecord
    from twoway.x509.identity import Identity


@dataclass(frozen=True, slots=True)
class Parts:
    """What the realm knows of one side of a link.

    Args:
        alias: what its identity is called in a kit.
        peer: the URL of the link; empty where that is not known.
        trusted: anchors for the other side, each under its alias.
        settings: what platforms may want to know, by the names of their settings.
        findings: what was decided on the way and is worth knowing.
    """

    alias: str
    peer: str
    trusted: tuple[Named, ...]
    settings: Mapping[str, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def of_client(connection: Connection, name: str) -> Parts:
    """Return what a client of ours needs to call us, but for its identity.

    It trusts what the certificates of its services' hosts come from; our root where it may call nothing yet.
    """
    allowed = clients.allowed(connection, name)
    called = [services.find(connection, service) for service in allowed]
    entries = {entry.id: entry for entry in vault.entries(connection, services.OWNER)}
    tops = [_top(connection, entries[service.vault_entry_id]) for service in called]
    # Where all is public the platform knows the CA by itself; where only some is, all has to be named.
    public = bool(tops) and all(from_public_ca(top) for top in tops)
    trusted = () if public else tuple(dict.fromkeys(tops)) or authorities.anchors(connection)
    return Parts(
        alias_from(name),
        url_of(called[0]) if called else "",
        tuple(Named(one) for one in trusted),
        findings=tuple(_further(name, called)),
    )


def of_endpoint(connection: Connection, name: str) -> Parts:
    """Return what calls to a partner need, but for the identity."""
    found = endpoints.find(connection, name)
    trusted = load_certificates(found.trust.encode()) if found.trust else ()
    return Parts(alias_from(name), found.url, tuple(Named(one) for one in trusted))


def of_service(connection: Connection, name: str) -> Parts:
    """Return what a server in the place of our gateway needs for a service, but for its identity.

    It trusts the CAs and the pinned certificates of the clients that may call the service now.
    """
    found = services.find(connection, name)
    known = tuple(_let_in(connection, name))
    trusted: dict[Certificate, Named] = {}
    for client, binding in known:
        for certificate in _vouching(connection, binding):
            own = None if binding.kind == BindingKind.ISSUED else alias_from(client)
            trusted.setdefault(certificate, Named(certificate, own))
    return Parts(
        alias_from(name),
        url_of(found),
        tuple(trusted.values()),
        {"upstream": found.upstream},
        tuple(_wider(name, known)),
    )


def identity_of_endpoint(change: Change, name: str, *, platform: str) -> Identity:
    """Take an endpoint's identity out of the vault, for a kit.

    Args:
        change: the change that the audit writes it down with.
        name: the endpoint's.
        platform: what the kit is for.

    Raises:
        EndpointWithoutIdentity: it is called without one.
    """
    found = endpoints.find(change.connection, name)
    if found.vault_entry_id is None:
        raise EndpointWithoutIdentity(endpoint=name)
    return _out_of_vault(change, vault.entry(change.connection, found.vault_entry_id), platform)


def identity_of_service(change: Change, name: str, *, platform: str) -> Identity:
    """Take the identity of a service's host out of the vault, for a kit; up to the root where it is of our CA."""
    from twoway.x509.identity import Identity

    found = services.find(change.connection, name)
    taken = _out_of_vault(change, vault.entry(change.connection, found.vault_entry_id), platform)
    top = _top_of(change.connection, taken.certificates)
    whole = taken.certificates if top in taken.certificates else (*taken.certificates, top)
    return Identity(taken.key, whole)


def revocation_lists(
    realm: Realm,
    trusted: Sequence[Certificate],
    given: Sequence[RevocationList],
    at: datetime,
    *,
    signed: bool,
) -> tuple[tuple[RevocationList, ...], tuple[Finding, ...]]:
    """Return the lists of our CAs for a server that trusts them, and what is to be known about it.

    A server that looks at one list wants one of every CA: ours are left out where a trusted one would have none.

    Args:
        realm: an open realm, in no transaction.
        trusted: what the server trusts.
        given: lists of other CAs.
        at: now, aware.
        signed: under a number of their own; False: only to try.
    """
    with realm.reading() as connection:
        ours = {Certificate(one.der): one.name for one in authorities.authorities(connection)}
    if not any(one in ours for one in trusted):
        return (), ()
    without = [one for one in trusted if one not in ours and not any(crl.is_from(one) for crl in given)]
    if without:
        return (), (_lists_left_out(without),)
    names = [name for one, name in ours.items() if one in trusted]
    return tuple(load_crl(authorities.crl(realm, at, name=name, numbered=signed)) for name in names), ()


def url_of(service: ServiceRecord) -> str:
    """Return the URL that a service is called by; empty where it has no host of its own."""
    if service.host is None:
        return ""
    return f"https://{service.host}{'' if service.path == '/' else service.path}"


def _out_of_vault(change: Change, entry: VaultEntryRecord, platform: str) -> Identity:
    taken = vault.identity(change.keys, change.connection, entry)
    change.audit(
        "vault.export",
        f"{entry.owner}/{entry.name}",
        sha256=entry.sha256,
        subject=taken.leaf.subject,
        platform=platform,
    )
    return taken


def _top(connection: Connection, entry: VaultEntryRecord) -> Certificate:
    return _top_of(connection, vault.certificates(entry))


def _top_of(connection: Connection, chain: Sequence[Certificate]) -> Certificate:
    """Return the highest certificate of a chain that is known: our root where it is of our CA."""
    (root,) = authorities.anchors(connection)
    ours = {root, *authorities.issuers(connection)}
    return root if chain[-1] in ours or any(chain[-1].signed_by(one) for one in ours) else chain[-1]


def _let_in(connection: Connection, service: str) -> Iterator[tuple[str, BindingRecord]]:
    """Yield the active bindings of the active clients that may call a service."""
    for client in clients.clients(connection):
        if client.state != ClientState.ACTIVE or service not in client.allowed:
            continue
        for binding in bindings.bindings(connection, client.name):
            if binding.state == BindingState.ACTIVE:
                yield client.name, binding


def _vouching(connection: Connection, binding: BindingRecord) -> tuple[Certificate, ...]:
    """Return the certificates by which a server knows a client: with their issuers, as OpenSSL goes up to a root."""
    if binding.kind == BindingKind.ISSUED:
        return (*authorities.anchors(connection), *authorities.issuers(connection))
    own, *above = bindings.certificates_of(binding)
    return (own, *above) if binding.kind == BindingKind.PARTNER_CA else (own,)


def _further(name: str, called: Sequence[ServiceRecord]) -> Iterator[Finding]:
    if len(called) > 1:
        first, *others = (service.name for service in called)
        yield Finding(
            "kit-one-of-several-services",
            Severity.INFO,
            f"the kit calls {first}; {name} may also call {', '.join(others)}",
            "the certificate is good for all of them, and the configuration names one",
            "say --peer URL for another one",
            facts={"client": name, "service": first, "others": others},
        )


def _wider(service: str, known: Sequence[tuple[str, BindingRecord]]) -> Iterator[Finding]:
    """Yield where a server that trusts CAs lets in more than the gateway would."""
    issued = sorted({client for client, binding in known if binding.kind == BindingKind.ISSUED})
    if issued:
        yield Finding(
            "kit-lets-in-all-of-ours",
            Severity.WARNING,
            f"this server lets in every client with a certificate of our CA, not only {', '.join(issued)}",
            "a server that trusts a CA trusts all that it issued; which client may call what, the gateway knows alone",
            "compare the subject in the server's configuration, or put the gateway in front (twoway serve)",
            facts={"service": service, "clients": issued},
        )
    for client, binding in known:
        if binding.kind == BindingKind.PARTNER_CA and binding.rule is not None:
            yield Finding(
                "kit-rule-not-kept",
                Severity.WARNING,
                f"this server lets in all that {binding.subject} issued, not only {binding.rule} of {client}",
                "a server that trusts a CA looks at no names in the client's certificate",
                "compare the names in the server's configuration, or put the gateway in front (twoway serve)",
                facts={
                    "service": service,
                    "client": client,
                    "rule": binding.rule,
                    "authority": binding.subject,
                },
            )


def _lists_left_out(without: Sequence[Certificate]) -> Finding:
    names = ", ".join(one.subject for one in without)
    return Finding(
        "kit-without-revocation-lists",
        Severity.WARNING,
        f"our revocation lists are left out, as there is none of {names}",
        "a server with one list wants one of every CA that it trusts, and refuses all clients of those without",
        "give these with --crl; until then a certificate that is revoked here goes on working there",
        who=Who.EITHER,
        facts={"without": [one.subject for one in without]},
    )
