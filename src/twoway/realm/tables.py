"""The tables of a realm, for SQLAlchemy Core. The migrations make them; a test holds both alike.

Moments are text of one fixed form in UTC, so that they sort and compare the same in every database.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect


class Moment(TypeDecorator[datetime]):
    """An aware moment, stored as ``2026-01-31T12:00:00.000000Z``."""

    impl = String(27)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's
        """Return the moment in the form that is stored."""
        return None if value is None else moment_text(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's
        """Return the stored moment, aware and in UTC."""
        return None if value is None else datetime.fromisoformat(value)


def moment_text(value: datetime) -> str:
    """Return an aware moment in the form that is stored."""
    if value.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return value.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


metadata = MetaData(
    naming_convention={
        "ix": "%(column_0_label)s_ix",
        "uq": "%(table_name)s_%(column_0_N_name)s_uq",
        "ck": "%(table_name)s_%(constraint_name)s_ck",
        "fk": "%(table_name)s_%(column_0_N_name)s_fk",
        "pk": "%(table_name)s_pk",
    }
)

realm = Table(
    "realm",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one"), primary_key=True, autoincrement=False),
    Column("identifier", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("created", Moment, nullable=False),
    # Raised by every change; what the control planes watch.
    Column("revision", Integer, nullable=False),
    # The revision of the last change that took a right away from anyone.
    Column("ended_revision", Integer, nullable=False),
    # Raised when a fingerprint is learned, which is no change.
    Column("learned_revision", Integer, nullable=False),
    Column("unlock_method", Text, nullable=False),
    Column("unlock_parameters", Text, nullable=False),
    Column("unlock_check", LargeBinary, nullable=False),
    Column("audit_count", Integer, nullable=False),
    Column("audit_mac", LargeBinary, nullable=False),
    Column("audit_head", LargeBinary, nullable=False),
)

secret = Table(
    "secret",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("wrapped_key", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)

authority = Table(
    "authority",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("parent_id", ForeignKey("authority.id")),
    Column("der", LargeBinary, nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("spki_sha256", String(64), nullable=False),
    Column("subject", Text, nullable=False),
    Column("serial_hex", Text, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("not_after", Moment, nullable=False),
    Column("key_secret_id", ForeignKey("secret.id"), nullable=False),
    Column("crl_number", Integer, nullable=False),
    Column("created", Moment, nullable=False),
    UniqueConstraint("name"),
)

client = Table(
    "client",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("ended", Moment),
    Column("revision", Integer, nullable=False),
    # A removed client stays as history and gives its name free.
    Index(
        "client_name_ix",
        "name",
        unique=True,
        sqlite_where=text("state <> 'removed'"),
    ),
)

certificate = Table(
    "certificate",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("authority_id", ForeignKey("authority.id"), nullable=False),
    Column("serial_hex", Text, nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("sha256", String(64), nullable=False, unique=True),
    Column("spki_sha256", String(64), nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("not_after", Moment, nullable=False),
    Column("profile", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("revoked_at", Moment),
    Column("reason", Text),
    Column("client_id", ForeignKey("client.id"), index=True),
    UniqueConstraint("authority_id", "serial_hex"),
    Index(
        "certificate_revoked_ix",
        "authority_id",
        sqlite_where=text("state = 'revoked'"),
    ),
    Index("certificate_not_after_ix", "not_after"),
)

binding = Table(
    "binding",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", ForeignKey("client.id"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("spki_sha256", String(64), nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("serial_hex", Text, nullable=False, index=True),
    Column("not_before", Moment, nullable=False),
    Column("not_after", Moment, nullable=False),
    Column("rule", Text),
    Column("certificate_id", ForeignKey("certificate.id"), index=True),
    Column("challenge", Text),
    Column("created", Moment, nullable=False),
    Column("activated", Moment),
    Column("ended", Moment),
    Column("reason", Text),
    Column("revision", Integer, nullable=False),
    # Large and seldom read, so last: SQLite then need not walk over them.
    Column("der", LargeBinary, nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Index("binding_sha256_ix", "sha256"),
    # Everything that the gateway's view of the leaves reads, in the index itself.
    Index(
        "binding_view_ix",
        "state",
        "kind",
        "client_id",
        "sha256",
        "not_before",
        "not_after",
        "id",
    ),
    # One certificate knows one client.
    Index(
        "binding_leaf_ix",
        "sha256",
        unique=True,
        sqlite_where=text("kind <> 'partner-ca' AND state IN ('proposed', 'active')"),
    ),
)

# The names under which a partner CA's binding issues: its own subject and those of the stored intermediates.
partner_name = Table(
    "partner_name",
    metadata,
    Column("binding_id", ForeignKey("binding.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Index("partner_name_name_ix", "name"),
)

vault_entry = Table(
    "vault_entry",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("certificates", LargeBinary, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("not_before", Moment, nullable=False),
    Column("not_after", Moment, nullable=False),
    Column("key_secret_id", ForeignKey("secret.id"), nullable=False),
    # Set when our own authority issued it, so that it is renewed by us.
    Column("certificate_id", ForeignKey("certificate.id")),
    # The files that it was brought in, one a line, when they are to be watched.
    Column("source_path", Text),
    Column("source_alias", Text),
    Column("source_password_secret_id", ForeignKey("secret.id")),
    Column("source_digest", String(64)),
    Column("created", Moment, nullable=False),
    Column("revision", Integer, nullable=False),
    UniqueConstraint("owner", "name"),
)

service = Table(
    "service",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("host", Text),
    Column("path", Text, nullable=False),
    Column("upstream", Text, nullable=False),
    Column("client_certificate", Text, nullable=False),
    Column("handshake", Text, nullable=False),
    Column("refusals", Text, nullable=False),
    Column("send", Text, nullable=False),
    Column("max_stream_seconds", Integer, nullable=False),
    # Names in DER, as hex, one a line.
    Column("ca_names", Text, nullable=False),
    Column("vault_entry_id", ForeignKey("vault_entry.id"), nullable=False),
    Column("created", Moment, nullable=False),
    Column("revision", Integer, nullable=False),
)

permission = Table(
    "permission",
    metadata,
    Column("client_id", ForeignKey("client.id"), primary_key=True),
    Column("service_id", ForeignKey("service.id"), primary_key=True),
    Column("created", Moment, nullable=False),
    Index("permission_service_id_ix", "service_id"),
)

endpoint = Table(
    "endpoint",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("url", Text, nullable=False),
    Column("vault_entry_id", ForeignKey("vault_entry.id")),
    Column("trust", Text, nullable=False),
    Column("auth", Text, nullable=False),
    Column("auth_user", Text),
    Column("auth_secret_id", ForeignKey("secret.id")),
    Column("created", Moment, nullable=False),
)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("at", Moment, nullable=False),
    Column("actor", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("mac", LargeBinary, nullable=False),
)

journal_entry = Table(
    "journal_entry",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("ticket", Text, index=True),
    Column("at", Moment, nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("count", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("service", Text),
    Column("client", Text),
    Column("source", Text),
    Column("sha256", String(64)),
    Column("subject", Text),
    Column("issuer", Text),
    Column("serial", Text),
    Column("not_after", Moment),
    Column("detail", Text, nullable=False),
    # An id is never given twice, so that whoever follows misses nothing after a pruning.
    sqlite_autoincrement=True,
)

# Certificates that a partner CA issued and that the authorizer has once decided on.
learned = Table(
    "learned",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("spki_sha256", String(64), nullable=False, index=True),
    Column("binding_id", ForeignKey("binding.id"), nullable=False, index=True),
    Column("not_after", Moment, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("at", Moment, nullable=False),
)

# Fingerprints that lost a right of late: what a gateway is told ahead of the big map.
ended = Table(
    "ended",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", String(64), nullable=False, index=True),
    # Empty: on every service.
    Column("service_id", Integer),
    Column("revision", Integer, nullable=False, index=True),
    Column("at", Moment, nullable=False, index=True),
    Column("not_after", Moment, nullable=False),
    sqlite_autoincrement=True,
)

gateway_node = Table(
    "gateway_node",
    metadata,
    Column("name", Text, primary_key=True),
    # Of everything, and of what lost its rights, which is pushed ahead of everything.
    Column("acknowledged_revision", Integer, nullable=False),
    Column("ended_revision", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("state", Text, nullable=False),
)
