"""How Alembic moves a realm's schema forward: on the connection that the realm hands over, in its transaction."""

from alembic import context

from twoway.realm.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite's own transactions cover DDL; Alembic assumes otherwise because Python's sqlite3 once broke it.
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
