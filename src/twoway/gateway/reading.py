"""What of the realm a gateway needs, read at one moment, its servers' keys unsealed. Shell."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Connection

from twoway.gateway.compose import Anchor
from twoway.gateway.desired import ServerIdentity
from twoway.realm import authorities, gateways, vault
from twoway.realm.gateways import GatewayView
from twoway.realm.realm import Realm
from twoway.x509.certificates import Certificate, load_certificates


@dataclass(frozen=True)
class Reading:
    """One moment of the realm.

    Args:
        view: services, clients and what ended.
        identities: the servers' certificates and keys, by vault entry.
        anchors: what strict handshakes may chain to, the oldest first.
    """

    view: GatewayView
    identities: dict[int, ServerIdentity]
    anchors: tuple[Anchor, ...]


def read(realm: Realm) -> Reading:
    """Return what a gateway needs, of one moment."""
    with realm.reading() as connection:
        view = gateways.view(connection)
        identities = {
            one: _identity(realm, connection, one) for one in {s.vault_entry_id for s in view.services}
        }
        return Reading(view, identities, _anchors(connection, view))


def _identity(realm: Realm, connection: Connection, entry_id: int) -> ServerIdentity:
    identity = vault.identity(realm.keys, connection, vault.entry(connection, entry_id))
    return ServerIdentity(
        chain=b"".join(certificate.pem for certificate in identity.certificates),
        key=identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def _anchors(connection: Connection, view: GatewayView) -> tuple[Anchor, ...]:
    """Return what strict hosts trust, the oldest first; nothing is read where no host is strict."""
    strict = frozenset(service.id for service in view.services if service.handshake == "strict")
    if not strict:
        return ()
    found: list[tuple[int, Anchor]] = []
    for pin in gateways.pinned(connection):
        if services := view.permissions.get(pin.client_id, frozenset()) & strict:
            leaf = Certificate(pin.der)
            found.append((pin.binding_id, _anchor(leaf, services, leaf.issuer_name.public_bytes())))
    for partner in view.partners:
        if services := view.permissions.get(partner.client_id, frozenset()) & strict:
            # Its clients may forget to send the intermediates that came with it, here too.
            above = load_certificates(partner.chain) if partner.chain else ()
            found += [
                (partner.binding_id, _anchor(authority, services))
                for authority in (Certificate(partner.der), *above)
            ]
    ours = [_anchor(authority, strict) for authority in authorities.issuers(connection)]
    return (*ours, *(anchor for _, anchor in sorted(found, key=lambda bound: bound[0])))


def _anchor(certificate: Certificate, services: frozenset[int], *issuer: bytes) -> Anchor:
    return Anchor(certificate.der, certificate.subject_name.public_bytes(), services, *issuer)
