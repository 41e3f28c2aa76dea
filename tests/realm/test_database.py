"""The schema: the migrations make what the tables say, and every connection is set up."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event

from tests.x509.pki import name
from twoway.realm import bindings, clients, database, gateways
from twoway.realm.tables import metadata


def test_migrations_make_the_tables(realm):
    """Tables, columns, indexes and constraints of the migrations are those of tables.py."""
    with realm.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert [] == compare_metadata(context, metadata)


def test_head_of_the_migrations_is_the_schema():
    """Opening knows the head without importing Alembic."""
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    assert [database.SCHEMA] == script.get_heads()
    assert set(database.SCHEMAS) == {revision.revision for revision in script.walk_revisions()}


def test_every_commit_reaches_the_disk(realm):
    """The write-ahead log is on, and synced with each COMMIT; foreign keys hold."""
    with realm.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000} == found


@pytest.fixture
def plans(realm, globex):
    """Run a function that reads, and return how SQLite answers each of its queries."""

    def plans(read):
        said = []
        with realm.reading() as connection:
            event.listen(connection, "before_cursor_execute", lambda *given: said.append(given[2:4]))
            read(connection)
            return [
                " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values))
                for query, values in tuple(said)
                if query.startswith("SELECT")
            ]

    return plans


@pytest.mark.parametrize(
    "table", ["binding", "certificate", "client", "permission", "learned", "partner_name"]
)
def test_one_certificate_is_decided_on_without_reading_all(plans, table):
    """A hundred thousand clients do not slow a decision, a revocation or a look at one client down."""

    def read(connection):
        gateways.candidates(connection, sha256="a", spki_sha256="b", issuer="c", serial_hex="d")
        gateways.partner_candidates(connection, [name("CA")])
        gateways._allowed_services(connection, {"a"})
        clients.summary(connection, "globex")
        bindings.bindings(connection, "globex")

    found = plans(read)
    assert len(found) >= 10
    assert not [plan for plan in found if f"SCAN {table}" in plan]


def test_the_view_of_the_gateway_is_read_from_an_index(realm):
    """A hundred thousand bindings are read without walking over their certificates."""
    query = (
        "SELECT sha256, client_id, not_before, not_after, id FROM binding "
        "WHERE state = 'active' AND kind IN ('issued', 'pinned')"
    )
    with realm.reading() as connection:
        plan = " ".join(str(row) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}"))
    assert "COVERING INDEX binding_view_ix" in plan
