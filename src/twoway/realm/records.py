"""What the tables hold, as values: one frozen dataclass a table, its fields named as the columns.

A record is a copy of a row at the moment of reading; nothing writes through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from sqlalchemy import ColumnElement, Connection, Select, Table, select

from twoway.errors import NotInRealm
from twoway.realm import tables
from twoway.realm.names import short
from twoway.realm.states import ClientState


class Record:
    """A row of one table."""

    table: ClassVar[Table]
    __dataclass_fields__: ClassVar[dict[str, Any]]
    __slots__ = ()

    @classmethod
    def query(cls, *where: ColumnElement[bool]) -> Select[Any]:
        """Return the select of exactly the record's fields."""
        return select(*_columns(cls)).where(*where)

    @classmethod
    def many(cls, connection: Connection, query: Select[Any]) -> Iterator[Self]:
        """Yield the records of a query that ``query`` made."""
        for row in connection.execute(query):
            yield cls(*row)

    @classmethod
    def one(cls, connection: Connection, *where: ColumnElement[bool]) -> Self | None:
        """Return the only record that fits, or None."""
        row = connection.execute(cls.query(*where)).one_or_none()
        return None if row is None else cls(*row)


def _columns(kind: type[Record]) -> tuple[Any, ...]:
    return tuple(kind.table.c[name] for name in kind.__dataclass_fields__)


@dataclass(frozen=True)
class RealmRecord(Record):
    """The realm itself, without its audit head."""

    table = tables.realm
    identifier: str
    name: str
    created: datetime
    revision: int
    ended_revision: int
    learned_revision: int
    unlock_method: str
    unlock_parameters: str
    unlock_check: bytes


@dataclass(frozen=True)
class AuthorityRecord(Record):
    """A certificate authority of ours."""

    table = tables.authority
    id: int
    name: str
    kind: str
    parent_id: int | None
    der: bytes
    sha256: str
    spki_sha256: str
    subject: str
    serial_hex: str
    not_before: datetime
    not_after: datetime
    key_secret_id: str
    crl_number: int
    created: datetime


@dataclass(frozen=True)
class CertificateRecord(Record):
    """A certificate that our authority issued."""

    table = tables.certificate
    id: int
    authority_id: int
    serial_hex: str
    der: bytes
    sha256: str
    spki_sha256: str
    subject: str
    not_before: datetime
    not_after: datetime
    profile: str
    state: str
    created: datetime
    revoked_at: datetime | None
    reason: str | None
    client_id: int | None


@dataclass(frozen=True)
class ClientRecord(Record):
    """A partner that calls us."""

    table = tables.client
    id: int
    name: str
    state: str
    created: datetime
    ended: datetime | None
    revision: int

    @classmethod
    def named(cls, connection: Connection, name: str) -> Self:
        """Return the client that has the name now; those that were removed have none.

        Raises:
            NotInRealm: there is none.
        """
        columns = tables.client.c
        found = cls.one(connection, columns.name == name, columns.state != ClientState.REMOVED)
        if found is None:
            raise NotInRealm(noun="client", name=short(name), where="twoway client list")
        return found


@dataclass(frozen=True)
class BindingRecord(Record):
    """One way to know a client.

    ``der`` is the leaf, or the partner's CA; ``chain`` is its issuers, DER one after another.
    """

    table = tables.binding
    id: int
    client_id: int
    kind: str
    state: str
    sha256: str
    spki_sha256: str
    subject: str
    issuer: str
    serial_hex: str
    not_before: datetime
    not_after: datetime
    rule: str | None
    certificate_id: int | None
    challenge: str | None
    created: datetime
    activated: datetime | None
    ended: datetime | None
    reason: str | None
    revision: int
    der: bytes
    chain: bytes


@dataclass(frozen=True)
class VaultEntryRecord(Record):
    """An identity at rest: its certificates in clear, its key sealed."""

    table = tables.vault_entry
    id: int
    owner: str
    name: str
    certificates: bytes
    sha256: str
    not_before: datetime
    not_after: datetime
    key_secret_id: str
    certificate_id: int | None
    source_path: str | None
    source_alias: str | None
    source_password_secret_id: str | None
    source_digest: str | None
    created: datetime
    revision: int

    @property
    def source_paths(self) -> tuple[str, ...]:
        """The files that it was brought in and that are to be watched."""
        return tuple(self.source_path.split("\n")) if self.source_path else ()


@dataclass(frozen=True)
class ServiceRecord(Record):
    """An API of ours behind the gateway; ``host`` None is every host that no other service names."""

    table = tables.service
    id: int
    name: str
    host: str | None
    path: str
    upstream: str
    client_certificate: str
    handshake: str
    refusals: str
    send: str
    max_stream_seconds: int
    ca_names: str
    vault_entry_id: int
    created: datetime
    revision: int

    @property
    def sends(self) -> tuple[str, ...]:
        """The identity headers that the upstream is sent."""
        return tuple(self.send.split(",")) if self.send else ()

    @property
    def ca_subjects(self) -> tuple[bytes, ...]:
        """The CA names of the CertificateRequest, each a DER name."""
        return tuple(bytes.fromhex(name) for name in self.ca_names.split())


@dataclass(frozen=True)
class EndpointRecord(Record):
    """An API of a partner that we call; ``trust`` is a PEM bundle, empty for the system's anchors."""

    table = tables.endpoint
    id: int
    name: str
    url: str
    vault_entry_id: int | None
    trust: str
    auth: str
    auth_user: str | None
    auth_secret_id: str | None
    created: datetime


@dataclass(frozen=True)
class AuditEntryRecord(Record):
    """One thing that someone did; ``facts`` is canonical JSON."""

    table = tables.audit_entry
    sequence: int
    at: datetime
    actor: str
    revision: int
    action: str
    subject: str
    facts: str
    mac: bytes


@dataclass(frozen=True)
class JournalEntryRecord(Record):
    """One handshake failure or refusal, or many alike of them; ``detail`` is JSON."""

    table = tables.journal_entry
    id: int
    ticket: str | None
    at: datetime
    first_at: datetime
    count: int
    kind: str
    code: str
    service: str | None
    client: str | None
    source: str | None
    sha256: str | None
    subject: str | None
    issuer: str | None
    serial: str | None
    not_after: datetime | None
    detail: str


@dataclass(frozen=True)
class GatewayNodeRecord(Record):
    """A gateway and the revisions that it has acknowledged: of everything, and of what lost its rights."""

    table = tables.gateway_node
    name: str
    acknowledged_revision: int
    ended_revision: int
    at: datetime
    state: str
