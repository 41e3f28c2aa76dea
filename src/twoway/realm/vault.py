"""The vault: identities at rest, their certificates in clear, their keys sealed, and where they were brought from.

A brought identity can be watched: the vault keeps its files' names, their digest and, sealed, their password.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, update

from twoway.errors import IdentitySourceUnreadable, NotInRealm
from twoway.realm import tables
from twoway.realm.change import Change
from twoway.realm.records import VaultEntryRecord
from twoway.realm.sealing import Keys
from twoway.x509.certificates import Certificate, load_certificates

if TYPE_CHECKING:
    from twoway.x509.identity import Identity


# What a file that holds a certificate in PEM has in it.
_CERTIFICATE = b"CERTIFICATE-----"


@dataclass(frozen=True)
class Brought:
    """An identity on its way into the vault.

    Args:
        identity: what is used.
        paths: the files that it came in, if they are to be watched, those with certificates first.
        digest: the SHA-256 of the files, hex.
        password: opens the files again when they are replaced.
        alias: which of a keystore's identities it is.
    """

    identity: Identity
    paths: tuple[str, ...] = ()
    digest: str | None = None
    password: bytes | None = field(default=None, repr=False)
    alias: str | None = None


def brought(
    data: bytes, password: bytes | None = None, *, alias: str | None = None, paths: Sequence[Path] = ()
) -> Brought:
    """Take an identity from bytes of any format.

    Args:
        data: a keystore, or PEM of key and certificates.
        password: opens it.
        alias: which one, where the keystore holds several.
        paths: where the bytes came from, if that is to be watched.
    """
    from twoway import keystores

    identity = keystores.load(data, password).identity(alias)
    absolute = tuple(str(path.absolute()) for path in paths)
    return Brought(identity, absolute, _digest(data) if absolute else None, password, alias)


def read(paths: Sequence[Path], password: bytes | None = None, *, alias: str | None = None) -> Brought:
    """Take an identity from files, several of which are read as one (key, certificate and chain in PEM).

    Raises:
        IdentitySourceUnreadable: a file cannot be read.
    """
    # Stable: what is renewed is the certificate, so its file is the one to name.
    read = sorted(((path, _bytes([path])) for path in paths), key=lambda file: _CERTIFICATE not in file[1])
    data = b"\n".join(content for _, content in read)
    return brought(data, password, alias=alias, paths=[path for path, _ in read])


def put(
    change: Change, owner: str, name: str, source: Brought, *, certificate_id: int | None = None
) -> VaultEntryRecord:
    """Put an identity into the vault, in the place of the one of this owner and name if there is one.

    Args:
        change: the change that does it.
        owner: ``gateway`` or ``endpoint``.
        name: a host or an endpoint's name.
        source: the identity, and where it came from.
        certificate_id: set if our authority issued it, and so renews it.
    """
    from twoway.x509.keys import private_der

    before = _one(change.connection, owner, name)
    leaf = source.identity.leaf
    password = None
    if source.paths and source.password is not None:
        password = change.seal(_password_purpose(owner, name), source.password)
    values: dict[str, Any] = {
        "certificates": b"".join(certificate.der for certificate in source.identity.certificates),
        "sha256": leaf.sha256,
        "not_before": leaf.not_before,
        "not_after": leaf.not_after,
        "key_secret_id": change.seal(_key_purpose(owner, name), private_der(source.identity.key)),
        "certificate_id": certificate_id,
        "source_path": "\n".join(source.paths) or None,
        "source_alias": source.alias,
        "source_password_secret_id": password,
        "source_digest": source.digest,
        "revision": change.revision,
    }
    if before is None:
        change.connection.execute(
            insert(tables.vault_entry).values(owner=owner, name=name, created=change.at, **values)
        )
    else:
        columns = tables.vault_entry.c
        change.connection.execute(update(tables.vault_entry).where(columns.id == before.id).values(**values))
        _forget_secrets(change, before)
    change.audit(
        "vault.put" if before is None else "vault.replace",
        f"{owner}/{name}",
        sha256=leaf.sha256,
        subject=leaf.subject,
        not_after=leaf.not_after,
        source=source.paths,
    )
    return find(change.connection, owner, name)


def remove(change: Change, record: VaultEntryRecord) -> None:
    """Remove an identity and its sealed key."""
    change.connection.execute(delete(tables.vault_entry).where(tables.vault_entry.c.id == record.id))
    _forget_secrets(change, record)
    change.audit("vault.remove", f"{record.owner}/{record.name}", sha256=record.sha256)


def entry(connection: Connection, entry_id: int) -> VaultEntryRecord:
    """Return the entry of that id."""
    found = VaultEntryRecord.one(connection, tables.vault_entry.c.id == entry_id)
    if found is None:
        raise NotInRealm(noun="vault entry", name=str(entry_id))
    return found


def find(connection: Connection, owner: str, name: str) -> VaultEntryRecord:
    """Return the entry of that owner and name."""
    found = _one(connection, owner, name)
    if found is None:
        raise NotInRealm(noun="vault entry", name=f"{owner}/{name}")
    return found


def entries(connection: Connection, owner: str | None = None) -> tuple[VaultEntryRecord, ...]:
    """Return all entries, or those of one owner, by name."""
    columns = tables.vault_entry.c
    query = VaultEntryRecord.query().order_by(columns.owner, columns.name)
    if owner is not None:
        query = query.where(columns.owner == owner)
    return tuple(VaultEntryRecord.many(connection, query))


def certificates(record: VaultEntryRecord) -> tuple[Certificate, ...]:
    """Return an entry's certificates, leaf first."""
    return load_certificates(record.certificates)


def identity(keys: Keys, connection: Connection, record: VaultEntryRecord) -> Identity:
    """Return an entry's identity, its key unsealed in memory.

    Args:
        keys: the realm's.
        connection: of the transaction in which the entry was read: one that is replaced takes its secret along.
        record: the entry.

    Raises:
        SecretDamaged: the sealed key was changed, or exchanged with another one.
    """
    from twoway.x509.identity import Identity
    from twoway.x509.keys import load_own_key

    key = keys.unseal(connection, record.key_secret_id, _key_purpose(record.owner, record.name))
    return Identity(load_own_key(key), certificates(record))


def as_brought(keys: Keys, connection: Connection, record: VaultEntryRecord) -> Brought:
    """Return an entry in the form that it was brought in, to be put elsewhere too: watched there if it is here.

    Args:
        keys: the realm's.
        connection: of the transaction in which the entry was read.
        record: the entry.
    """
    password = None
    if record.source_password_secret_id is not None:
        purpose = _password_purpose(record.owner, record.name)
        password = keys.unseal(connection, record.source_password_secret_id, purpose)
    return Brought(
        identity(keys, connection, record),
        record.source_paths,
        record.source_digest,
        password,
        record.source_alias,
    )


def source_changed(record: VaultEntryRecord) -> bool:
    """Tell whether the files of a watched entry hold something else than what the vault took from them.

    Raises:
        IdentitySourceUnreadable: a file cannot be read.
    """
    paths = record.source_paths
    return bool(paths) and _digest(_bytes([Path(path) for path in paths])) != record.source_digest


def _one(connection: Connection, owner: str, name: str) -> VaultEntryRecord | None:
    columns = tables.vault_entry.c
    return VaultEntryRecord.one(connection, columns.owner == owner, columns.name == name)


def _forget_secrets(change: Change, record: VaultEntryRecord) -> None:
    for secret_id in (record.key_secret_id, record.source_password_secret_id):
        if secret_id is not None:
            change.forget(secret_id)


def _bytes(paths: Sequence[Path]) -> bytes:
    parts = []
    for path in paths:
        try:
            parts.append(path.read_bytes())
        except OSError as error:
            raise IdentitySourceUnreadable(path=str(path), problem=error.strerror or str(error)) from error
    return b"\n".join(parts)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _key_purpose(owner: str, name: str) -> str:
    return f"vault {owner}/{name} key"


def _password_purpose(owner: str, name: str) -> str:
    return f"vault {owner}/{name} source password"
