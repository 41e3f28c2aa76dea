"""A change: one transaction in which the rows, the audit and the revision move together, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, select, update

from twoway.realm import audit, database, sealing, tables
from twoway.realm.sealing import Keys


@dataclass
class Change:
    """What the functions of the realm write through.

    Args:
        connection: the transaction; BEGIN IMMEDIATE has been said.
        keys: the realm's, unlocked.
        actor: who does it, such as ``cli:alice``.
        at: the clock, read once.
        revision: the one that the realm will have when this is stored.
        realm_name: the organisation in the subjects that we issue.
    """

    connection: Connection
    keys: Keys = field(repr=False)
    actor: str
    at: datetime
    revision: int
    realm_name: str
    audited: int = 0

    def audit(self, action: str, subject: str, /, **facts: Any) -> None:
        """Write what is done into the audit.

        Args:
            action: noun and verb, such as ``client.add``.
            subject: what it is done to, mostly a name.
            facts: ready for JSON, never a secret.
        """
        audit.append(
            self.connection,
            self.keys.audit,
            at=self.at,
            actor=self.actor,
            revision=self.revision,
            action=action,
            subject=subject,
            facts=facts,
        )
        self.audited += 1

    def seal(self, purpose: str, data: bytes) -> str:
        """Seal a secret and return its id."""
        return self.keys.seal(self.connection, purpose, data)

    def unseal(self, secret_id: str, purpose: str) -> bytes:
        """Return the secret that was sealed for this purpose."""
        return self.keys.unseal(self.connection, secret_id, purpose)

    def forget(self, secret_id: str) -> None:
        """Delete a secret."""
        sealing.forget(self.connection, secret_id)

    def takes_rights(self) -> None:
        """Say that after this change someone may do less: a decision made before it must not be learned."""
        self.connection.execute(update(tables.realm).values(ended_revision=self.revision))


@contextmanager
def changing(engine: Engine, directory: Path, keys: Keys, actor: str, at: datetime) -> Iterator[Change]:
    """Open a change. One that writes nothing into the audit is none: it is rolled back."""
    with database.writing(engine, directory) as connection:
        revision, name = connection.execute(select(tables.realm.c.revision, tables.realm.c.name)).one()
        change = Change(connection, keys, actor, at, revision + 1, name)
        yield change
        if change.audited:
            connection.execute(update(tables.realm).values(revision=change.revision))
        else:
            connection.rollback()
