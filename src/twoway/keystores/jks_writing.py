"""JKS and JCEKS put together, so that Java reads them: aliases in lower case, dates in milliseconds.

Source: OpenJDK 17, ``sun.security.provider.JavaKeyStore`` and ``com.sun.crypto.provider.JceKeyStore``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha1
from secrets import token_bytes
from struct import Struct

from twoway.errors import FormatCannotHold, PasswordMissing, PasswordUnusable
from twoway.findings import Finding, Severity
from twoway.keystores.captions import listed
from twoway.keystores.derivation import Budget
from twoway.keystores.java_protection import (
    PBE_ITERATIONS,
    keystream_protected,
    pbe_protected,
    pbe_salt,
)
from twoway.keystores.java_text import MAX_BYTES, modified_utf8
from twoway.keystores.model import Entry, Format, IdentityEntry, Keystore, SecretEntry, TrustedEntry
from twoway.keystores.passwords import Password
from twoway.keystores.sealed_secrets import sealed_object
from twoway.x509.certificates import Certificate

MAGIC_JKS = b"\xfe\xed\xfe\xed"
MAGIC_JCEKS = b"\xce\xce\xce\xce"
VERSION = 2
PRIVATE_KEY = 1
TRUSTED_CERTIFICATE = 2
SECRET_KEY = 3
X509_TYPE = b"\0\x05X.509"
# Mixed into the digest, "to foil attackers" (JavaKeyStore.getPreKeyedHash).
WHITENER = b"Mighty Aphrodite"
DIGEST_SIZE = 20

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
HEAD = Struct(">4sII")
ENTRY = Struct(">IH")
CREATED = Struct(">q")
U32 = Struct(">I")
CERTIFICATE = Struct(f">{len(X509_TYPE)}sI")


def dump(
    keystore: Keystore,
    format: Format,  # noqa: A002  # the word of every command
    password: Password,
    key_passwords: Mapping[str, Password],
    *,
    at: datetime = EPOCH,
    random: Callable[[int], bytes] = token_bytes,
    iterations: int = PBE_ITERATIONS,
) -> bytes:
    """Write a JKS or JCEKS keystore.

    Aliases are written in lower case, without which Java would not find the entries (``aliases_lowered`` says
    whether that changed any).

    Args:
        keystore: what to write.
        format: which of the two.
        password: of the store, and of its keys where ``key_passwords`` says nothing else; not empty.
        key_passwords: of single keys, by alias in lower case.
        at: the date of entries that have none; 1970 where it is not given.
        random: draws salts.
        iterations: of the derivation of JCEKS keys.

    Raises:
        FormatCannotHold: an entry has no place in the format, or two have one alias in lower case.
        PasswordMissing, PasswordUnusable: there is no password, or none that Java could give.
    """
    if not password.given:
        raise PasswordMissing(f"a {format.upper()} keystore")
    writing = _Writing(format, password, key_passwords, at, random, iterations)
    magic = MAGIC_JKS if format == Format.JKS else MAGIC_JCEKS
    parts = [HEAD.pack(magic, VERSION, len(keystore.entries))]
    for entry in keystore.entries:
        writing.add(entry, parts)
    body = b"".join(parts)
    return body + digest_of(body, writing.usable(password))


def digest_of(covered: bytes | memoryview, password: Password) -> bytes:
    """Return the digest that keeps a store from being changed without its password."""
    state = sha1(password.characters + WHITENER, usedforsecurity=False)
    state.update(covered)
    return state.digest()


class _Writing:
    """How the entries of one store are written, and which aliases it has."""

    def __init__(
        self,
        format: Format,  # noqa: A002  # as above
        password: Password,
        key_passwords: Mapping[str, Password],
        at: datetime,
        random: Callable[[int], bytes],
        iterations: int,
    ) -> None:
        self._name = format.upper()
        self._jceks = format == Format.JCEKS
        self._password = password
        self._key_passwords = key_passwords
        self._at = at
        self._random = random
        self._iterations = iterations
        self._aliases: dict[str, str] = {}
        self._certificates: dict[bytes, bytes] = {}

    def add(self, entry: Entry, parts: list[bytes]) -> None:
        """Put the pieces of an entry behind the others."""
        match entry:
            case IdentityEntry():
                if not entry.certificates:
                    self._refuse(f"the key {entry.alias!r} without a certificate", "give its certificate too")
                protected = self._protected(entry)
                self._begin(PRIVATE_KEY, entry, parts)
                parts += (U32.pack(len(protected)), protected, U32.pack(len(entry.certificates)))
                for certificate in entry.certificates:
                    _certificate(certificate, parts)
            case TrustedEntry():
                self._begin(TRUSTED_CERTIFICATE, entry, parts)
                _certificate(entry.certificate, parts)
            case SecretEntry():
                sealed = self._sealed(entry)
                self._begin(SECRET_KEY, entry, parts)
                parts.append(sealed)
            case _:
                self._refuse(f"the entry {entry.alias!r}", "give the entry's own password, or leave it out")

    def usable(self, password: Password) -> Password:
        """Refuse an empty password: no command of Java's opens such a store."""
        if not password.octets:
            raise PasswordUnusable(self._name, "it is empty")
        return password

    def _begin(self, kind: int, entry: Entry, parts: list[bytes]) -> None:
        alias = entry.alias.lower()
        if alias in self._aliases:
            both = f"both {self._aliases[alias]!r} and {entry.alias!r}"
            self._refuse(both, "rename one of them: Java does not tell aliases apart by case")
        self._aliases[alias] = entry.alias
        name = modified_utf8(alias)
        if len(name) > MAX_BYTES:
            self._refuse(f"an alias of {len(name)} bytes", "choose a shorter one")
        created = self._at if entry.created is None else entry.created
        parts += (ENTRY.pack(kind, len(name)), name, CREATED.pack((created - EPOCH) // MILLISECOND))

    def _protected(self, entry: IdentityEntry) -> bytes:
        password = self._key_password(entry)
        if not self._jceks:
            return keystream_protected(entry.key_der, password, self._random(DIGEST_SIZE))
        return pbe_protected(
            entry.key_der,
            password,
            salt=pbe_salt(self._random),
            iterations=self._iterations,
            budget=Budget(),
        )

    def _sealed(self, entry: SecretEntry) -> bytes:
        if not self._jceks:
            self._refuse(f"the secret key {entry.alias!r}", "choose JCEKS or PKCS#12")
        if not entry.key or not entry.algorithm or len(modified_utf8(entry.algorithm)) > MAX_BYTES:
            self._refuse(f"the secret key {entry.alias!r}", "give it bytes, and an algorithm with a name")
        return sealed_object(
            entry.algorithm,
            entry.key,
            self._key_password(entry),
            salt=pbe_salt(self._random),
            iterations=self._iterations,
            # The derivation is ours to choose, so it is not held against a budget.
            budget=Budget(),
        )

    def _key_password(self, entry: Entry) -> Password:
        password = self.usable(self._key_passwords.get(entry.alias.lower(), self._password))
        if self._jceks and not (password.octets.isascii() and password.octets.decode().isprintable()):
            raise PasswordUnusable(
                "the keys of JCEKS", "it has characters outside printable ASCII, which Java refuses"
            )
        return password

    def _refuse(self, what: str, advice: str) -> None:
        raise FormatCannotHold(self._name, what, advice)


def _certificate(certificate: Certificate, parts: list[bytes]) -> None:
    der = certificate.der
    parts += (CERTIFICATE.pack(X509_TYPE, len(der)), der)


def aliases_lowered(keystore: Keystore) -> tuple[Finding, ...]:
    """Say which aliases JKS and JCEKS have otherwise than they were given; none is no finding."""
    changed = [entry.alias for entry in keystore.entries if entry.alias != entry.alias.lower()]
    if not changed:
        return ()
    named = listed([f"{alias!r} as {alias.lower()!r}" for alias in changed])
    return (
        Finding(
            code="aliases-lowered",
            severity=Severity.INFO,
            title=f"aliases were written in lower case: {named}",
            cause="Java looks for every alias in lower case and would not find others",
            remedy="use the lower-case alias on the platform too",
            facts={"aliases": [alias.lower() for alias in changed[:10]]},
        ),
    )
