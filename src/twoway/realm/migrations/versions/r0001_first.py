"""The first schema of a realm."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "audit_entry",
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("mac", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("audit_entry_pk")),
    )
    op.create_table(
        "client",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created", sa.String(length=27), nullable=False),
        sa.Column("ended", sa.String(length=27), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("client_pk")),
    )
    op.create_index(
        "client_name_ix", "client", ["name"], unique=True, sqlite_where=sa.text("state <> 'removed'")
    )
    op.create_table(
        "ended",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("not_after", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("ended_pk")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ended_at_ix"), "ended", ["at"], unique=False)
    op.create_index(op.f("ended_revision_ix"), "ended", ["revision"], unique=False)
    op.create_index(op.f("ended_sha256_ix"), "ended", ["sha256"], unique=False)
    op.create_table(
        "gateway_node",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("acknowledged_revision", sa.Integer(), nullable=False),
        sa.Column("ended_revision", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("gateway_node_pk")),
    )
    op.create_table(
        "journal_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket", sa.Text(), nullable=True),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("first_at", sa.String(length=27), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column("issuer", sa.Text(), nullable=True),
        sa.Column("serial", sa.Text(), nullable=True),
        sa.Column("not_after", sa.String(length=27), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("journal_entry_pk")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("journal_entry_ticket_ix"), "journal_entry", ["ticket"], unique=False)
    op.create_table(
        "realm",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("identifier", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", sa.String(length=27), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("ended_revision", sa.Integer(), nullable=False),
        sa.Column("learned_revision", sa.Integer(), nullable=False),
        sa.Column("unlock_method", sa.Text(), nullable=False),
        sa.Column("unlock_parameters", sa.Text(), nullable=False),
        sa.Column("unlock_check", sa.LargeBinary(), nullable=False),
        sa.Column("audit_count", sa.Integer(), nullable=False),
        sa.Column("audit_mac", sa.LargeBinary(), nullable=False),
        sa.Column("audit_head", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("realm_pk")),
    )
    op.create_table(
        "secret",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("secret_pk")),
    )
    op.create_table(
        "authority",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("spki_sha256", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("serial_hex", sa.Text(), nullable=False),
        sa.Column("not_before", sa.String(length=27), nullable=False),
        sa.Column("not_after", sa.String(length=27), nullable=False),
        sa.Column("key_secret_id", sa.String(length=32), nullable=False),
        sa.Column("crl_number", sa.Integer(), nullable=False),
        sa.Column("created", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["key_secret_id"], ["secret.id"], name=op.f("authority_key_secret_id_fk")),
        sa.ForeignKeyConstraint(["parent_id"], ["authority.id"], name=op.f("authority_parent_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("authority_pk")),
        sa.UniqueConstraint("name", name=op.f("authority_name_uq")),
        sa.UniqueConstraint("sha256", name=op.f("authority_sha256_uq")),
    )
    op.create_table(
        "certificate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("authority_id", sa.Integer(), nullable=False),
        sa.Column("serial_hex", sa.Text(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("spki_sha256", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("not_before", sa.String(length=27), nullable=False),
        sa.Column("not_after", sa.String(length=27), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created", sa.String(length=27), nullable=False),
        sa.Column("revoked_at", sa.String(length=27), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("client_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["authority_id"], ["authority.id"], name=op.f("certificate_authority_id_fk")),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("certificate_client_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("certificate_pk")),
        sa.UniqueConstraint(
            "authority_id", "serial_hex", name=op.f("certificate_authority_id_serial_hex_uq")
        ),
        sa.UniqueConstraint("sha256", name=op.f("certificate_sha256_uq")),
    )
    op.create_index(op.f("certificate_client_id_ix"), "certificate", ["client_id"], unique=False)
    op.create_index("certificate_not_after_ix", "certificate", ["not_after"], unique=False)
    op.create_index(
        "certificate_revoked_ix",
        "certificate",
        ["authority_id"],
        unique=False,
        sqlite_where=sa.text("state = 'revoked'"),
    )
    op.create_index(op.f("certificate_spki_sha256_ix"), "certificate", ["spki_sha256"], unique=False)
    op.create_table(
        "binding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("spki_sha256", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("serial_hex", sa.Text(), nullable=False),
        sa.Column("not_before", sa.String(length=27), nullable=False),
        sa.Column("not_after", sa.String(length=27), nullable=False),
        sa.Column("rule", sa.Text(), nullable=True),
        sa.Column("certificate_id", sa.Integer(), nullable=True),
        sa.Column("challenge", sa.Text(), nullable=True),
        sa.Column("created", sa.String(length=27), nullable=False),
        sa.Column("activated", sa.String(length=27), nullable=True),
        sa.Column("ended", sa.String(length=27), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name=op.f("binding_certificate_id_fk")
        ),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("binding_client_id_fk")),
        sa.PrimaryKeyConstraint("id", name=op.f("binding_pk")),
    )
    op.create_index(op.f("binding_certificate_id_ix"), "binding", ["certificate_id"], unique=False)
    op.create_index(op.f("binding_client_id_ix"), "binding", ["client_id"], unique=False)
    op.create_index(
        "binding_leaf_ix",
        "binding",
        ["sha256"],
        unique=True,
        sqlite_where=sa.text("kind <> 'partner-ca' AND state IN ('proposed', 'active')"),
    )
    op.create_index(op.f("binding_serial_hex_ix"), "binding", ["serial_hex"], unique=False)
    op.create_index("binding_sha256_ix", "binding", ["sha256"], unique=False)
    op.create_index(op.f("binding_spki_sha256_ix"), "binding", ["spki_sha256"], unique=False)
    op.create_index(
        "binding_view_ix",
        "binding",
        ["state", "kind", "client_id", "sha256", "not_before", "not_after", "id"],
        unique=False,
    )
    op.create_table(
        "vault_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("certificates", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("not_before", sa.String(length=27), nullable=False),
        sa.Column("not_after", sa.String(length=27), nullable=False),
        sa.Column("key_secret_id", sa.String(length=32), nullable=False),
        sa.Column("certificate_id", sa.Integer(), nullable=True),
        sa.Column("source_path", sa.Text(), nullable=True),
        sa.Column("source_alias", sa.Text(), nullable=True),
        sa.Column("source_password_secret_id", sa.String(length=32), nullable=True),
        sa.Column("source_digest", sa.String(length=64), nullable=True),
        sa.Column("created", sa.String(length=27), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["certificate_id"], ["certificate.id"], name=op.f("vault_entry_certificate_id_fk")
        ),
        sa.ForeignKeyConstraint(["key_secret_id"], ["secret.id"], name=op.f("vault_entry_key_secret_id_fk")),
        sa.ForeignKeyConstraint(
            ["source_password_secret_id"],
            ["secret.id"],
            name=op.f("vault_entry_source_password_secret_id_fk"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("vault_entry_pk")),
        sa.UniqueConstraint("owner", "name", name=op.f("vault_entry_owner_name_uq")),
    )
    op.create_table(
        "endpoint",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("vault_entry_id", sa.Integer(), nullable=True),
        sa.Column("trust", sa.Text(), nullable=False),
        sa.Column("auth", sa.Text(), nullable=False),
        sa.Column("auth_user", sa.Text(), nullable=True),
        sa.Column("auth_secret_id", sa.String(length=32), nullable=True),
        sa.Column("created", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["auth_secret_id"], ["secret.id"], name=op.f("endpoint_auth_secret_id_fk")),
        sa.ForeignKeyConstraint(
            ["vault_entry_id"], ["vault_entry.id"], name=op.f("endpoint_vault_entry_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("endpoint_pk")),
        sa.UniqueConstraint("name", name=op.f("endpoint_name_uq")),
    )
    op.create_table(
        "learned",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("spki_sha256", sa.String(length=64), nullable=False),
        sa.Column("binding_id", sa.Integer(), nullable=False),
        sa.Column("not_after", sa.String(length=27), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["binding_id"], ["binding.id"], name=op.f("learned_binding_id_fk")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("learned_pk")),
    )
    op.create_index(op.f("learned_binding_id_ix"), "learned", ["binding_id"], unique=False)
    op.create_index(op.f("learned_spki_sha256_ix"), "learned", ["spki_sha256"], unique=False)
    op.create_table(
        "partner_name",
        sa.Column("binding_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["binding_id"], ["binding.id"], name=op.f("partner_name_binding_id_fk")),
        sa.PrimaryKeyConstraint("binding_id", "name", name=op.f("partner_name_pk")),
    )
    op.create_index("partner_name_name_ix", "partner_name", ["name"], unique=False)
    op.create_table(
        "service",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("client_certificate", sa.Text(), nullable=False),
        sa.Column("handshake", sa.Text(), nullable=False),
        sa.Column("refusals", sa.Text(), nullable=False),
        sa.Column("send", sa.Text(), nullable=False),
        sa.Column("max_stream_seconds", sa.Integer(), nullable=False),
        sa.Column("ca_names", sa.Text(), nullable=False),
        sa.Column("vault_entry_id", sa.Integer(), nullable=False),
        sa.Column("created", sa.String(length=27), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["vault_entry_id"], ["vault_entry.id"], name=op.f("service_vault_entry_id_fk")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("service_pk")),
        sa.UniqueConstraint("name", name=op.f("service_name_uq")),
    )
    op.create_table(
        "permission",
        sa.Column("client_id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("created", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["client.id"], name=op.f("permission_client_id_fk")),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"], name=op.f("permission_service_id_fk")),
        sa.PrimaryKeyConstraint("client_id", "service_id", name=op.f("permission_pk")),
    )
    op.create_index("permission_service_id_ix", "permission", ["service_id"], unique=False)
