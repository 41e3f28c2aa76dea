"""What ends soon: certificates of clients, hosts, endpoints and authorities, in one list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from twoway.realm import authorities, tables, vault
from twoway.realm.states import BindingState, ClientState


@dataclass(frozen=True)
class Expiring:
    """One certificate that ends soon, or has ended, and is still relied on.

    Args:
        kind: ``authority``, ``binding``, ``host`` or ``endpoint``.
        name: the client's, the host's or the endpoint's.
        subject: of the certificate.
        sha256: its fingerprint.
        not_after: its end.
        remedy: what to do.
    """

    kind: str
    name: str
    subject: str
    sha256: str
    not_after: datetime
    remedy: str


def expiring(connection: Connection, at: datetime, days: int = 30) -> tuple[Expiring, ...]:
    """Return what ends within the days to come or has ended already, the first end first."""
    limit = at + timedelta(days=days)
    found = (*_authorities(connection), *_bindings(connection, limit), *_vault(connection))
    return tuple(sorted((one for one in found if one.not_after <= limit), key=lambda one: one.not_after))


def _authorities(connection: Connection) -> Iterator[Expiring]:
    for record in authorities.authorities(connection):
        remedy = "make a new realm, or restore one with a later authority"
        yield Expiring("authority", record.name, record.subject, record.sha256, record.not_after, remedy)


def _bindings(connection: Connection, limit: datetime) -> Iterator[Expiring]:
    binding, client = tables.binding.c, tables.client.c
    query = (
        select(client.name, binding.kind, binding.subject, binding.sha256, binding.not_after)
        .join(tables.client)
        .where(
            binding.state == BindingState.ACTIVE,
            client.state != ClientState.REMOVED,
            binding.not_after <= limit,
        )
    )
    remedies = {
        "issued": "twoway client issue {name}",
        "pinned": "ask for the next one, then twoway client accept {name} --certificate FILE",
        "partner-ca": "ask for the next one, then twoway client accept {name} --authority FILE --san RULE",
    }
    for name, kind, subject, sha256, not_after in connection.execute(query):
        yield Expiring("binding", name, subject, sha256, not_after, remedies[kind].format(name=name))


def _vault(connection: Connection) -> Iterator[Expiring]:
    for entry in vault.entries(connection):
        leaf = vault.certificates(entry)[0]
        if entry.owner == "endpoint":
            kind, remedy = "endpoint", f"twoway endpoint edit {entry.name} --identity FILE"
        elif entry.certificate_id is not None:
            kind, remedy = "host", "nothing, it is renewed by twoway serve"
        elif entry.source_path:
            kind, remedy = "host", f"renew {entry.source_paths[0]}, which is watched"
        else:
            kind, remedy = "host", f"twoway service edit SERVICE --identity FILE, for the host {entry.name}"
        yield Expiring(kind, entry.name, leaf.subject, entry.sha256, entry.not_after, remedy)
