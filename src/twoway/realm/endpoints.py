"""Endpoints: the APIs of partners that we call, each with our identity, its own trust and its authentication."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, delete, insert, update

from twoway.errors import NameRefused, NameTaken, NotInRealm, ValueRefused
from twoway.realm import tables, vault
from twoway.realm.change import Change
from twoway.realm.names import short
from twoway.realm.records import EndpointRecord
from twoway.realm.vault import Brought
from twoway.x509.certificates import load_certificates, pem_bundle

if TYPE_CHECKING:
    from twoway.realm.realm import Realm
    from twoway.x509.identity import Identity

# The owner of endpoints' identities in the vault.
OWNER = "endpoint"
# Characters: the name goes into commands (`twoway call NAME/path`) and into Python.
NAME_LIMIT = 63


@dataclass(frozen=True)
class NoAuth:
    """The certificate alone says who we are."""


@dataclass(frozen=True)
class Basic:
    """HTTP Basic authentication."""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Bearer:
    """A bearer token that does not change."""

    token: str = field(repr=False)


Auth = NoAuth | Basic | Bearer
NO_AUTH = NoAuth()


def add(
    change: Change,
    name: str,
    url: str,
    *,
    identity: Brought | None = None,
    trust: bytes = b"",
    auth: Auth = NO_AUTH,
) -> EndpointRecord:
    """Add an endpoint.

    Args:
        change: the change that does it.
        name: letters, digits, dot, dash and underscore, such as ``External_System``.
        url: ``https://`` and what all calls begin with.
        identity: what we show; none for one-way TLS.
        trust: PEM of the anchors for this endpoint alone; empty for the system's.
        auth: how we authenticate beside the certificate.
    """
    _check_name(name)
    if EndpointRecord.one(change.connection, tables.endpoint.c.name == name) is not None:
        raise NameTaken(noun="endpoint", name=name)
    entry_id = None if identity is None else vault.put(change, OWNER, name, identity).id
    values = {"url": checked_url(url), "trust": _checked_trust(trust), **_sealed_auth(change, name, auth)}
    change.connection.execute(
        insert(tables.endpoint).values(name=name, vault_entry_id=entry_id, created=change.at, **values)
    )
    change.audit("endpoint.add", name, url=values["url"], auth=values["auth"], user=values["auth_user"])
    return find(change.connection, name)


def edit(
    change: Change,
    name: str,
    *,
    url: str | None = None,
    identity: Brought | None = None,
    trust: bytes | None = None,
    auth: Auth | None = None,
) -> EndpointRecord:
    """Change an endpoint; what is left out stays."""
    before = find(change.connection, name)
    values: dict[str, Any] = {}
    if url is not None:
        values["url"] = checked_url(url)
    if trust is not None:
        values["trust"] = _checked_trust(trust)
    if auth is not None:
        values |= _sealed_auth(change, name, auth)
    if identity is not None:
        values["vault_entry_id"] = vault.put(change, OWNER, name, identity).id
    if not values:
        return before
    change.connection.execute(
        update(tables.endpoint).where(tables.endpoint.c.id == before.id).values(**values)
    )
    if auth is not None and before.auth_secret_id is not None:
        change.forget(before.auth_secret_id)
    change.audit("endpoint.edit", name, changed=sorted(values), url=values.get("url", before.url))
    return find(change.connection, name)


def remove(change: Change, name: str) -> EndpointRecord:
    """Remove an endpoint, its identity and its password."""
    before = find(change.connection, name)
    change.connection.execute(delete(tables.endpoint).where(tables.endpoint.c.id == before.id))
    if before.auth_secret_id is not None:
        change.forget(before.auth_secret_id)
    if before.vault_entry_id is not None:
        vault.remove(change, vault.entry(change.connection, before.vault_entry_id))
    change.audit("endpoint.remove", name, url=before.url)
    return before


def find(connection: Connection, name: str) -> EndpointRecord:
    """Return the endpoint of that name.

    Raises:
        NotInRealm: there is none.
    """
    found = EndpointRecord.one(connection, tables.endpoint.c.name == name)
    if found is None:
        raise NotInRealm(noun="endpoint", name=short(name), where="twoway endpoint list")
    return found


def endpoints(connection: Connection) -> tuple[EndpointRecord, ...]:
    """Return all endpoints by name."""
    return tuple(EndpointRecord.many(connection, EndpointRecord.query().order_by(tables.endpoint.c.name)))


def identity(realm: Realm, endpoint: EndpointRecord) -> Identity | None:
    """Return the identity that an endpoint is called with, its key unsealed in memory."""
    if endpoint.vault_entry_id is None:
        return None
    keys = realm.keys
    with realm.reading() as connection:
        return vault.identity(keys, connection, vault.entry(connection, endpoint.vault_entry_id))


def auth(realm: Realm, endpoint: EndpointRecord) -> Auth:
    """Return how an endpoint is authenticated to, its secret unsealed in memory."""
    if endpoint.auth_secret_id is None:
        return NO_AUTH
    keys = realm.keys
    with realm.reading() as connection:
        secret = keys.unseal(connection, endpoint.auth_secret_id, _purpose(endpoint.name)).decode()
    return Basic(endpoint.auth_user or "", secret) if endpoint.auth == "basic" else Bearer(secret)


def checked_url(url: str) -> str:
    """Return an endpoint's URL without the slash at its end.

    Raises:
        ValueRefused: it is not https, or holds what belongs elsewhere.
    """
    advice = "write it as https://api.partner.com"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ValueRefused(
            field="--url", value=repr(url), problem="it is not a URL", advice=advice
        ) from error
    if parts.username is not None or parts.password is not None:
        problem = "it holds a user or a password"
        raise ValueRefused(
            field="--url", value=repr(parts.hostname), problem=problem, advice="use --auth basic"
        )
    if parts.scheme != "https" or not parts.hostname:
        problem = "two-way TLS needs https:// and a host"
        raise ValueRefused(field="--url", value=repr(url), problem=problem, advice=advice)
    if parts.query or parts.fragment or not url.isprintable() or " " in url:
        problem = "it has a query, a fragment or characters that a URL does not"
        raise ValueRefused(field="--url", value=repr(url), problem=problem, advice=advice)
    return url.rstrip("/")


def _check_name(name: str) -> None:
    plain = name.replace(".", "").replace("-", "").replace("_", "")
    if not (plain.isascii() and plain.isalnum() and name[0].isalnum() and len(name) <= NAME_LIMIT):
        problem = f"it is not 1 to {NAME_LIMIT} letters, digits, dots, dashes and underscores"
        advice = "choose another, first a letter or digit, such as umbrella"
        raise NameRefused(noun="endpoint", name=repr(short(name)), problem=problem, advice=advice)


def _checked_trust(trust: bytes) -> str:
    return pem_bundle(load_certificates(trust)).decode("ascii") if trust.strip() else ""


def _sealed_auth(change: Change, name: str, auth: Auth) -> dict[str, Any]:
    match auth:
        case Basic(user, password):
            sealed = change.seal(_purpose(name), password.encode())
            return {"auth": "basic", "auth_user": user, "auth_secret_id": sealed}
        case Bearer(token):
            sealed = change.seal(_purpose(name), token.encode())
            return {"auth": "bearer", "auth_user": None, "auth_secret_id": sealed}
        case NoAuth():
            return {"auth": "none", "auth_user": None, "auth_secret_id": None}


def _purpose(name: str) -> str:
    return f"endpoint {name} auth"
