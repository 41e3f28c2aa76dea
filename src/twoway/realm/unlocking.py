"""Where the unlock key comes from: a file beside the database, a passphrase, or the environment.

The unlock key seals every private key of the realm. In its file it is in clear, by design, for its owner only:
whoever wants none on the disk takes a passphrase or the environment.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from twoway.errors import UnlockKeyAbsent, UnlockKeyExposed, UnlockKeyMalformed
from twoway.realm.sealing import KEY_BYTES

KEY_FILE = "unlock.key"
VARIABLE = "TWOWAY_UNLOCK_KEY"

# scrypt: 128 MB and about 0.3 s. Source: OWASP Password Storage Cheat Sheet, scrypt, its strongest memory setting.
SCRYPT_N = 2**17
SCRYPT_R = 8
SCRYPT_P = 1
# Bytes of memory that parameters from a database may ask for at most (128 * N * r).
SCRYPT_MEMORY_LIMIT = 2**30


class Unlock(Protocol):
    """A way to the unlock key, as chosen when the realm is made."""

    @property
    def method(self) -> str:
        """The word that the realm stores."""

    def make(self, directory: Path) -> tuple[bytes, dict[str, Any]]:
        """Make or take the key of a new realm and return it with the parameters to store."""


@dataclass(frozen=True)
class KeyFile:
    """The key rests in ``unlock.key`` in the realm's directory, mode 0600."""

    method: str = field(default="file", init=False)

    def make(self, directory: Path) -> tuple[bytes, dict[str, Any]]:
        """Write a new key."""
        key = secrets.token_bytes(KEY_BYTES)
        _write_key(directory / KEY_FILE, key)
        return key, {}


@dataclass(frozen=True)
class Passphrase:
    """The key is derived from a passphrase by scrypt.

    Args:
        ask: called when the passphrase is needed.
    """

    ask: Callable[[], bytes]
    method: str = field(default="passphrase", init=False)

    def make(self, directory: Path) -> tuple[bytes, dict[str, Any]]:  # noqa: ARG002 - the protocol's
        """Derive a key under a new salt."""
        parameters = {"salt": secrets.token_hex(16), "n": SCRYPT_N, "r": SCRYPT_R, "p": SCRYPT_P}
        return _derive(self.ask(), parameters), parameters


@dataclass(frozen=True)
class Environment:
    """The key is in the environment, base64 of 32 bytes."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    method: str = field(default="environment", init=False)

    def make(self, directory: Path) -> tuple[bytes, dict[str, Any]]:  # noqa: ARG002 - the protocol's
        """Take the key from the environment."""
        return _from_environment(self.environ), {}


def unlock_key(
    directory: Path,
    method: str,
    parameters: str,
    *,
    passphrase: Callable[[], bytes] | None,
    environ: Mapping[str, str],
) -> tuple[bytes, str]:
    """Return the unlock key of a realm that exists, and where it was found.

    Args:
        directory: the realm's.
        method: ``file``, ``passphrase`` or ``environment``.
        parameters: the stored ones, JSON.
        passphrase: asks for the passphrase; None where nobody can be asked.
        environ: the process's environment.

    Raises:
        UnlockKeyAbsent: it is not there.
        UnlockKeyMalformed: something else is there.
        UnlockKeyExposed: others can read it.
    """
    if method == "passphrase":
        if passphrase is None:
            raise UnlockKeyAbsent(source="a passphrase that nobody could be asked for")
        return _derive(passphrase(), json.loads(parameters)), "the passphrase"
    if method == "environment":
        return _from_environment(environ), VARIABLE
    path = directory / KEY_FILE
    return _read_key(path), str(path)


def encode_key(key: bytes) -> str:
    """Return an unlock key in the form of its file and of the environment."""
    return base64.b64encode(key).decode()


def _from_environment(environ: Mapping[str, str]) -> bytes:
    text = environ.get(VARIABLE)
    if not text:
        raise UnlockKeyAbsent(source=f"the environment variable {VARIABLE}")
    return _decode_key(text, VARIABLE)


def _write_key(path: Path, key: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(encode_key(key) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _read_key(path: Path) -> bytes:
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise UnlockKeyExposed(path=str(path), mode=f"{mode:04o}")
            return _decode_key(file.read(1024), str(path))
    except OSError as error:
        raise UnlockKeyAbsent(source=str(path)) from error


def _decode_key(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnlockKeyMalformed(source=source) from error
    if len(key) != KEY_BYTES:
        raise UnlockKeyMalformed(source=source)
    return key


def _derive(passphrase: bytes, parameters: Mapping[str, Any]) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    n, r, p = (int(parameters[name]) for name in "nrp")
    if 128 * n * r > SCRYPT_MEMORY_LIMIT or p > 16:
        raise UnlockKeyMalformed(source="the stored scrypt parameters")
    return Scrypt(salt=bytes.fromhex(parameters["salt"]), length=KEY_BYTES, n=n, r=r, p=p).derive(passphrase)
