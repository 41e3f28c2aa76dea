"""What of the realm a gateway needs, read at one moment, its servers' keys unsealed. Shell."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Connection

from twoway.gateway.compose import Anchors
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
        anchors: what strict handshakes may chain to.
    """

    view: GatewayView
    identities: dict[int, ServerIdentity]
    anchors: Anchors


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


def _anchors(connection: Connection, view: GatewayView) -> Anchors:
    """Return what strict hosts trust; nothing is read where no host is strict."""
    strict = {service.id for service in view.services if service.handshake == "strict"}
    if not strict:
        return Anchors()
    pinned: dict[int, list[bytes]] = defaultdict(list)
    issuers: dict[int, list[bytes]] = defaultdict(list)
    partners: dict[int, list[bytes]] = defaultdict(list)
    for pin in gateways.pinned(connection):
        for service_id in view.permissions.get(pin.client_id, frozenset()) & strict:
            pinned[service_id].append(pin.der)
            issuers[service_id].append(Certificate(pin.der).issuer_name.public_bytes())
    for partner in view.partners:
        for service_id in view.permissions.get(partner.client_id, frozenset()) & strict:
            # Its clients may forget to send the intermediates that came with it, here too.
            above = load_certificates(partner.chain) if partner.chain else ()
            partners[service_id] += [partner.der, *(certificate.der for certificate in above)]
    return Anchors(
        ours=tuple(certificate.der for certificate in authorities.issuers(connection)),
        pinned={one: tuple(found) for one, found in pinned.items()},
        partners={one: tuple(found) for one, found in partners.items()},
        issuers={one: tuple(found) for one, found in issuers.items()},
    )
