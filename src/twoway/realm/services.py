"""Services: the APIs of ours behind the gateway, and the server certificates of their hosts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, delete, insert, select, update

from twoway.errors import (
    HandshakeMixed,
    HostCertificateUnfit,
    NameTaken,
    NotInRealm,
    PathIndistinct,
    TwowayError,
    ValueRefused,
)
from twoway.findings import Finding, Severity, worst_first
from twoway.realm import tables
from twoway.realm.change import Change
from twoway.realm.names import check_name, short
from twoway.realm.records import ServiceRecord, VaultEntryRecord
from twoway.realm.sharing import host_text, others_of_host, shared

if TYPE_CHECKING:
    from twoway.realm.realm import Realm
    from twoway.realm.vault import Brought
    from twoway.x509.certificates import Certificate

# The owner of the hosts' identities in the vault.
OWNER = "gateway"
# The host of a service that names none: its certificate is for the machine itself.
OWN_HOST = "localhost"
OWN_NAMES = ("DNS:localhost", "IP:127.0.0.1")

CLIENT_CERTIFICATES = ("required", "optional", "off")
HANDSHAKES = ("explain", "strict")
REFUSALS = ("bare", "explained")
SENDS = ("x-client-id", "x-forwarded-client-cert", "client-cert", "client-cert-chain")

# Seconds. A stream outlives a revocation by at most this; longer than the gateway's lease would make no sense.
MAX_STREAM_LIMIT = 86400
HOST_LIMIT = 253
PATH_LIMIT = 512
# A certificate of ours is renewed when this part of its life has passed.
RENEWAL = 2 / 3

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_SEGMENT = re.compile(r"[A-Za-z0-9._~@:+=,-]+")


@dataclass(frozen=True, kw_only=True)
class ServiceOptions:
    """What a service may say of itself; every default is the safe one.

    Args:
        host: lower-case, without port; None for every host that no other service names.
        path: the prefix, whole segments, such as ``/orders``.
        client_certificate: ``required``, ``optional`` (none is anonymous, a wrong one is refused) or ``off``.
        handshake: ``explain`` answers a stranger with a reason, ``strict`` ends the handshake.
        refusals: ``bare`` or ``explained`` (problem+json with the certificate's facts and a ticket).
        send: the identity headers that the upstream gets.
        max_stream_seconds: how long one request, stream or WebSocket may last.
        ca_names: what the CertificateRequest names; a certificate stands for its subject. None sends every client.
    """

    host: str | None = None
    path: str = "/"
    client_certificate: str = "required"
    handshake: str = "explain"
    refusals: str = "bare"
    send: tuple[str, ...] = ("x-client-id",)
    max_stream_seconds: int = 3600
    ca_names: tuple[str | bytes | Certificate, ...] = ()


DEFAULTS = ServiceOptions()


def add(
    change: Change,
    name: str,
    upstream: str,
    *,
    options: ServiceOptions = DEFAULTS,
    identity: Brought | None = None,
) -> ServiceRecord:
    """Add a service.

    Args:
        change: the change that does it.
        name: of the same form as a client's.
        upstream: where the requests go, ``http://`` or ``https://``, host and port.
        options: the rest.
        identity: the host's server certificate; one of ours is issued if left out. It serves all services of the host.

    Raises:
        NameRefused, NameTaken: the name.
        ValueRefused: a field has a value that cannot work.
        PathIndistinct: another service of the host has this path, or one that differs in case alone, or lies under
            it in another case.
        HandshakeMixed: the host would have strict and other services.
        HostCertificateUnfit: the certificate would serve nobody.
    """
    check_name("service", name)
    if ServiceRecord.one(change.connection, tables.service.c.name == name) is not None:
        raise NameTaken(noun="service", name=name)
    values = _values(upstream, options)
    _check_host(change.connection, name, values)
    entry = _host_identity(change, values["host"], identity)
    change.connection.execute(
        insert(tables.service).values(
            name=name, vault_entry_id=entry.id, created=change.at, revision=change.revision, **values
        )
    )
    change.audit("service.add", name, **values)
    return find(change.connection, name)


def edit(
    change: Change, name: str, *, upstream: str | None = None, identity: Brought | None = None, **options: Any
) -> ServiceRecord:
    """Change a service; what is left out stays.

    Args:
        change: the change that does it.
        name: the service's.
        upstream: where the requests go.
        identity: a new server certificate for the host.
        options: fields of ``ServiceOptions``.

    Raises:
        RealmError: as ``add``.
    """
    before = find(change.connection, name)
    wanted = replace(_options(before), **options)
    values = _values(before.upstream if upstream is None else upstream, wanted)
    _check_host(change.connection, name, values)
    changed = {field: value for field, value in values.items() if value != getattr(before, field)}
    if not changed and identity is None:
        return before
    entry = _host_identity(change, values["host"], identity)
    change.connection.execute(
        update(tables.service)
        .where(tables.service.c.id == before.id)
        .values(vault_entry_id=entry.id, revision=change.revision, **values)
    )
    _drop_unused(change, before.vault_entry_id)
    # Whatever was decided about the service as it was is decided again.
    change.takes_rights()
    change.audit("service.edit", name, **changed)
    return find(change.connection, name)


def remove(change: Change, name: str) -> ServiceRecord:
    """Remove a service, the permissions for it, and its host's certificate if it was the host's last."""
    before = find(change.connection, name)
    change.connection.execute(delete(tables.permission).where(tables.permission.c.service_id == before.id))
    change.connection.execute(delete(tables.ended).where(tables.ended.c.service_id == before.id))
    change.connection.execute(delete(tables.service).where(tables.service.c.id == before.id))
    _drop_unused(change, before.vault_entry_id)
    change.takes_rights()
    change.audit("service.remove", name, host=before.host, path=before.path)
    return before


def find(connection: Connection, name: str) -> ServiceRecord:
    """Return the service of that name.

    Raises:
        NotInRealm: there is none.
    """
    found = ServiceRecord.one(connection, tables.service.c.name == name)
    if found is None:
        raise NotInRealm(noun="service", name=short(name), where="twoway service list")
    return found


def services(connection: Connection) -> tuple[ServiceRecord, ...]:
    """Return all services by name."""
    return tuple(ServiceRecord.many(connection, ServiceRecord.query().order_by(tables.service.c.name)))


def findings(
    connection: Connection, name: str, identity: Brought | None, *, at: datetime
) -> tuple[Finding, ...]:
    """Return what is worth knowing about a service that was just added or changed, the worst first.

    Args:
        connection: of the change that did it.
        name: the service's.
        identity: what was brought with it: it was taken, so there is no error among them.
        at: now, aware.
    """
    service = find(connection, name)
    others = others_of_host(connection, name, service.host)
    weak = () if identity is None else _weaknesses(identity, service.host, at)
    return worst_first((*weak, *shared(service, others, brought=identity is not None)))


def maintain(realm: Realm, actor: str, *, at: datetime | None = None) -> dict[str, TwowayError]:
    """Renew the server certificates that are due, and take over watched ones whose files have changed.

    Nothing is written where nothing is due. What goes wrong with one host keeps no other from it, and the certificate
    that it has stays.

    Args:
        realm: an open realm.
        actor: who does it.
        at: now, aware; the clock's time if left out.

    Returns:
        What went wrong, by host; perhaps only because a file is just being written.
    """
    from twoway.realm import vault

    at = at or datetime.now(UTC)
    with realm.reading() as connection:
        due = _renewals_due(connection, at)
        watched = [entry for entry in vault.entries(connection, OWNER) if entry.source_paths]
    failures: dict[str, TwowayError] = {}
    for entry in due:
        try:
            with realm.changing(actor, at=at) as change:
                _issue_identity(change, entry.name)
        except TwowayError as error:
            failures[entry.name] = error
    for entry in watched:
        try:
            _take_again(realm, actor, entry, at)
        except TwowayError as error:
            failures[entry.name] = error
    return failures


def _renewals_due(connection: Connection, at: datetime) -> tuple[VaultEntryRecord, ...]:
    """Return the server certificates of ours that have lived two thirds of their life."""
    from twoway.realm import vault

    return tuple(
        entry
        for entry in vault.entries(connection, OWNER)
        if entry.certificate_id is not None
        and at >= entry.not_before + (entry.not_after - entry.not_before) * RENEWAL
    )


def _take_again(realm: Realm, actor: str, entry: VaultEntryRecord, at: datetime) -> None:
    """Take a watched server certificate again if its files have changed, and what is in them can serve."""
    from twoway.realm import vault

    if not vault.source_changed(entry):
        return
    with realm.reading() as connection:
        known = vault.as_brought(realm.keys, connection, entry)
        host = _called(connection, entry)
    # Read and judged before the change: nobody waits for the files while they hold the database.
    again = vault.read([Path(path) for path in known.paths], known.password, alias=known.alias)
    _check_fit(again, host, at)
    with realm.changing(actor, at=at) as change:
        if vault.entry(change.connection, entry.id) == entry:
            vault.put(change, OWNER, entry.name, again)


def _options(record: ServiceRecord) -> ServiceOptions:
    stored = {
        field.name: getattr(record, field.name)
        for field in fields(ServiceOptions)
        if field.name not in {"send", "ca_names"}
    }
    return ServiceOptions(**stored, send=record.sends, ca_names=record.ca_subjects)


def _values(upstream: str, options: ServiceOptions) -> dict[str, Any]:
    """Check everything and return the columns."""
    values = asdict(replace(options, ca_names=()))
    for field, allowed in (
        ("client_certificate", CLIENT_CERTIFICATES),
        ("handshake", HANDSHAKES),
        ("refusals", REFUSALS),
    ):
        if values[field] not in allowed:
            raise _refused(field, values[field], "it is none of " + ", ".join(allowed))
    if options.handshake == "strict" and options.client_certificate != "required":
        problem = "a strict handshake ends without a certificate"
        raise _refused(
            "client_certificate", options.client_certificate, problem, "use --client-certificate required"
        )
    if not 1 <= options.max_stream_seconds <= MAX_STREAM_LIMIT:
        problem = f"it is not from 1 to {MAX_STREAM_LIMIT} seconds"
        raise _refused("max_stream_seconds", str(options.max_stream_seconds), problem)
    return values | {
        "upstream": checked_upstream(upstream),
        "host": None if options.host is None else checked_host(options.host),
        "path": checked_path(options.path),
        "send": _checked_send(options.send),
        "ca_names": _ca_names_text(options.ca_names),
    }


def checked_upstream(url: str) -> str:
    """Return an upstream's URL in its one form: scheme, host and port."""
    advice = "write it as http://127.0.0.1:8080"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused("upstream", url, "it is not a URL", advice) from error
    if not url.isascii() or not url.isprintable() or " " in url:
        raise _refused("upstream", url, "it holds characters that a URL does not", advice)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise _refused("upstream", url, "it does not begin with http:// or https:// and a host", advice)
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise _refused("upstream", parts.hostname, "it holds a user or a password", advice)
    if parts.path not in {"", "/"} or parts.query or parts.fragment or url.endswith(("?", "#")):
        raise _refused("upstream", url, "it has a path or a query, and requests keep their own", advice)
    if port == 0:
        raise _refused("upstream", url, "the port 0 is none", advice)
    host = parts.hostname
    if ":" in host:
        if not _is_address(host) or "%" in host:
            raise _refused("upstream", url, "its address is none", advice)
        host = f"[{host}]"
    else:
        host = _checked_labels("upstream", host.rstrip("."))
    return f"{parts.scheme}://{host}" + ("" if port is None else f":{port}")


def checked_host(host: str) -> str:
    """Return a host's name in its one form: lower-case ASCII.

    Other characters are refused, as in every name of a certificate: whoever owns the name knows its xn-- form, and two
    versions of IDNA make two names of one.
    """
    if not host.isascii():
        raise _refused("host", host, "it is not ASCII", "write it in its xn-- form")
    if _is_address(host):
        advice = "leave out --host: callers that name an address reach the service without one"
        raise _refused("host", host, "it is an address, and handshakes name none", advice)
    return _checked_labels("host", host.lower())


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def checked_path(path: str) -> str:
    """Return a path in its one form: it begins with a slash and ends without one."""
    advice = "write whole segments, such as /orders"
    if not path.startswith("/"):
        raise _refused("path", path, "it does not begin with /", advice)
    if path == "/":
        return path
    if len(path) > PATH_LIMIT:
        raise _refused(
            "path", path[:40] + "...", f"it has {len(path)} characters, more than {PATH_LIMIT}", advice
        )
    segments = path.removesuffix("/").split("/")[1:]
    for segment in segments:
        if not segment:
            raise _refused("path", path, "it holds //", advice)
        # /admin. is /admin on some servers, so no segment ends in a dot, .. and . least of all.
        if segment.endswith("."):
            raise _refused("path", path, "a segment ends in a dot", advice)
        if not _SEGMENT.fullmatch(segment):
            raise _refused(
                "path", path, "a segment holds other characters than A-Z a-z 0-9 . _ ~ @ : + = , -", advice
            )
    return "/" + "/".join(segments)


def _checked_labels(field: str, name: str) -> str:
    if len(name) > HOST_LIMIT or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        problem = "it is not made of letters, digits and hyphens between dots"
        raise _refused(field, name, problem, "write the host alone, without port, such as api.example.com")
    return name


def _checked_send(send: Iterable[str]) -> str:
    headers = tuple(dict.fromkeys(header.lower() for header in send))
    for header in headers:
        if header not in SENDS:
            raise _refused("send", header, "it is none of " + ", ".join(SENDS))
    return ",".join(headers)


def _ca_names_text(names: Iterable[str | bytes | Certificate]) -> str:
    return "\n".join(dict.fromkeys(_name_der(name).hex() for name in names))


def _name_der(name: str | bytes | Certificate) -> bytes:
    from twoway.x509.certificates import Certificate
    from twoway.x509.names import distinguished_name

    if isinstance(name, bytes):
        return name
    if isinstance(name, Certificate):
        return name.parsed.subject.public_bytes()
    return distinguished_name(name).public_bytes()


def _refused(field: str, value: str, problem: str, advice: str | None = None) -> ValueRefused:
    # Called as the command line calls it, whose options are the fields but for these two.
    option = {"max_stream_seconds": "max-stream", "ca_names": "ca-name"}.get(field, field).replace("_", "-")
    return ValueRefused(
        field=f"--{option}", value=repr(value), problem=problem, advice=advice or f"give another --{option}"
    )


def _check_host(connection: Connection, name: str, values: dict[str, Any]) -> None:
    """Hold a service against the others of its host."""
    shown = host_text(values["host"])
    others = others_of_host(connection, name, values["host"])
    _check_ca_names(values["ca_names"], others)
    for other in others:
        if _confusable(other.path, values["path"]):
            raise PathIndistinct(path=values["path"], host=shown, other=other.name, other_path=other.path)
        if other.handshake != values["handshake"]:
            pair = (name, other.name) if values["handshake"] == "strict" else (other.name, name)
            raise HandshakeMixed(host=shown, strict=pair[0], other=pair[1])


def _check_ca_names(text: str, others: Iterable[ServiceRecord]) -> None:
    """Hold the names of CAs against what a handshake can carry; a host has one for all its services."""
    from twoway.x509.names import CA_NAMES_OCTETS, ca_names_octets

    if not text:
        return
    names = {*text.split(), *(name for other in others for name in other.ca_names.split())}
    size = ca_names_octets(bytes.fromhex(name) for name in names)
    if size > CA_NAMES_OCTETS:
        problem = f"their host has {size} bytes of them, more than {CA_NAMES_OCTETS}: handshakes would fail"
        raise _refused("ca_names", f"({len(names)} names)", problem, "name fewer CAs, or none")


def _confusable(one: str, other: str) -> bool:
    """Tell whether a server that ignores case could take a path of one for a path of the other."""
    short, long = sorted((one.rstrip("/") + "/", other.rstrip("/") + "/"), key=len)
    return long.lower().startswith(short.lower()) and (not long.startswith(short) or len(short) == len(long))


def _host_identity(change: Change, host: str | None, identity: Brought | None) -> VaultEntryRecord:
    from twoway.realm import vault

    name = OWN_HOST if host is None else host
    if identity is not None:
        _check_fit(identity, host, change.at)
        return vault.put(change, OWNER, name, identity)
    present = [entry for entry in vault.entries(change.connection, OWNER) if entry.name == name]
    return present[0] if present else _issue_identity(change, name)


def _called(connection: Connection, entry: VaultEntryRecord) -> str | None:
    """Return the name that clients call the host of a certificate by, None if any: a service has it without a host."""
    columns = tables.service.c
    query = select(columns.id).where(columns.vault_entry_id == entry.id, columns.host.is_(None)).limit(1)
    return entry.name if connection.execute(query).first() is None else None


def _weaknesses(brought: Brought, host: str | None, at: datetime) -> tuple[Finding, ...]:
    from twoway.x509.server_weaknesses import server_weaknesses

    return server_weaknesses(brought.identity.certificates, at=at, host=host)


def _check_fit(brought: Brought, host: str | None, at: datetime) -> None:
    """Return if a brought certificate can serve a host.

    Raises:
        HostCertificateUnfit: it cannot.
    """
    errors = [found for found in _weaknesses(brought, host, at) if found.severity is Severity.ERROR]
    if errors:
        raise HostCertificateUnfit(
            subject=brought.identity.leaf.subject,
            source=f" in {brought.paths[0]}" if brought.paths else "",
            host=host or "any host",
            problems="; ".join(found.title for found in errors),
            advice="; ".join(dict.fromkeys(found.remedy for found in errors)),
            codes=",".join(found.code for found in errors),
        )


def _issue_identity(change: Change, name: str) -> VaultEntryRecord:
    from twoway.authority.profiles import SERVER
    from twoway.realm import authorities, vault
    from twoway.realm.vault import Brought
    from twoway.x509.certificates import Certificate
    from twoway.x509.identity import Identity
    from twoway.x509.keys import new_key

    key = new_key()
    record = authorities.issue(
        change,
        SERVER,
        # A common name has room for 64 characters, and clients read the alternative names.
        subject=name[:64],
        names=OWN_NAMES if name == OWN_HOST else (name,),
        public_key=key.public_key(),
    )
    issued = Identity(key, (Certificate(record.der), *authorities.issuers(change.connection)))
    return vault.put(change, OWNER, name, Brought(issued), certificate_id=record.id)


def _drop_unused(change: Change, entry_id: int) -> None:
    from twoway.realm import vault

    query = select(tables.service.c.id).where(tables.service.c.vault_entry_id == entry_id).limit(1)
    if change.connection.execute(query).first() is None:
        vault.remove(change, vault.entry(change.connection, entry_id))
