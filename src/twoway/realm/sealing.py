"""Secrets at rest: AES-256-GCM under a data key of its own for each record, that key wrapped by the realm's.

The associated data of both names the realm, the record and the purpose that the reader expects, so a sealed
record that was changed, exchanged with another one or used for something else does not open.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import Connection, delete, insert, select

from twoway.errors import SecretDamaged
from twoway.realm import tables

# AES-256: bytes of the unlock key, of every key derived from it and of every data key.
KEY_BYTES = 32
# The nonce size of GCM in NIST SP 800-38D, 8.2: bytes. Random, and every key seals at most one record
# (data keys) or far fewer than 2**32 (the wrapping key).
NONCE_BYTES = 12

_CHECK = b"twoway realm"


@dataclass(frozen=True, repr=False)
class Keys:
    """What is derived from a realm's unlock key; opened once for each process.

    Args:
        identifier: the realm's own; keys of two realms differ even if their passphrases do not.
        unlock_key: 32 bytes.
    """

    identifier: str
    unlock_key: bytes

    @cached_property
    def audit(self) -> bytes:
        """The key of the audit's chain."""
        return self._derive(b"audit")

    def check(self) -> bytes:
        """Return a value by which the unlock key is recognised."""
        return _seal(self._derive(b"check"), _CHECK, self._bound("check", ""))

    def fits(self, check: bytes) -> bool:
        """Tell whether ``check`` was made with this very key."""
        return _open(self._derive(b"check"), check, self._bound("check", "")) == _CHECK

    def seal(self, connection: Connection, purpose: str, data: bytes) -> str:
        """Store a secret and return its id.

        Args:
            connection: in a transaction that writes.
            purpose: what it is for and whose it is, such as ``vault gateway/api.example.com``.
            data: the secret.
        """
        identifier = secrets.token_hex(16)
        bound = self._bound(identifier, purpose)
        data_key = secrets.token_bytes(KEY_BYTES)
        connection.execute(
            insert(tables.secret).values(
                id=identifier,
                purpose=purpose,
                wrapped_key=_seal(self._wrapping, data_key, bound),
                sealed=_seal(data_key, data, bound),
            )
        )
        return identifier

    def unseal(self, connection: Connection, identifier: str, purpose: str) -> bytes:
        """Return a secret.

        Args:
            connection: any.
            identifier: the id that ``seal`` returned.
            purpose: the one that it was sealed for.

        Raises:
            SecretDamaged: it was changed, exchanged with another one, sealed for another purpose, or is gone.
        """
        row = connection.execute(
            select(tables.secret.c.wrapped_key, tables.secret.c.sealed).where(
                tables.secret.c.id == identifier
            )
        ).one_or_none()
        if row is None:
            raise SecretDamaged(purpose=purpose)
        bound = self._bound(identifier, purpose)
        data_key = _open(self._wrapping, row.wrapped_key, bound)
        data = None if data_key is None else _open(data_key, row.sealed, bound)
        if data is None:
            raise SecretDamaged(purpose=purpose)
        return data

    @cached_property
    def _wrapping(self) -> bytes:
        return self._derive(b"wrap")

    def _derive(self, use: bytes) -> bytes:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        info = b"twoway 1 " + use
        return HKDF(SHA256(), KEY_BYTES, salt=self.identifier.encode(), info=info).derive(self.unlock_key)

    def _bound(self, identifier: str, purpose: str) -> bytes:
        return f"twoway secret 1\0{self.identifier}\0{identifier}\0{purpose}".encode()


def forget(connection: Connection, identifier: str) -> None:
    """Delete a secret that nothing refers to any more."""
    connection.execute(delete(tables.secret).where(tables.secret.c.id == identifier))


def _seal(key: bytes, data: bytes, bound: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, data, bound)


def _open(key: bytes, sealed: bytes, bound: bytes) -> bytes | None:
    """Return what was sealed, or None if this is not it."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound)
    except (InvalidTag, ValueError):  # the latter: too short for a nonce
        return None
