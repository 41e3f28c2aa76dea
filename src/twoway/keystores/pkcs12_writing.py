"""PKCS#12 put together: three profiles that cover the field, and RFC 9579's MAC for consumers under FIPS rules.

One salt and one derived key serve all parts of a modern file, each part with its own initialisation vector, so that
a store of thousands of keys costs one derivation to write and to read.

Source: RFC 7292; which program reads which profile was measured: OpenSSL, Java, Node.js, NSS, GnuTLS, Go.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from secrets import token_bytes

from twoway.errors import FormatCannotHold, PasswordMissing, PasswordUnusable
from twoway.keystores import asn1
from twoway.keystores.derivation import Budget
from twoway.keystores.encryption import HMAC_SHA_256, PBKDF2, sealed, sealed_legacy
from twoway.keystores.model import Entry, IdentityEntry, Keystore, SecretEntry, TrustedEntry
from twoway.keystores.passwords import Password
from twoway.keystores.pkcs12_bags import (
    ANY_EXTENDED_KEY_USAGE,
    CERTIFICATE_BAG,
    DATA,
    ENCRYPTED_DATA,
    FRIENDLY_NAME,
    LOCAL_KEY_ID,
    MAC_PURPOSE,
    PBMAC1,
    SECRET_BAG,
    SHROUDED_KEY_BAG,
    TRUSTED_KEY_USAGE,
    X509_CERTIFICATE,
)
from twoway.x509.certificates import Certificate

MODERN = "modern"
COMPAT = "compat"
JAVA_TRUST = "java-trust"
PBMAC1_PROFILE = "pbmac1"
PROFILES = (MODERN, COMPAT, JAVA_TRUST, PBMAC1_PROFILE)

# Ten times what Java writes; costs a tenth of a second. Consumers were tried up to 600,000.
MODERN_ITERATIONS = 100_000
# Java's own number. Each key has its own derivation here, in Python: 20 milliseconds.
COMPAT_ITERATIONS = 10_000
SHA1 = "1.3.14.3.2.26"
SHA256 = "2.16.840.1.101.3.4.2.1"

# Java's names of secret key algorithms (OpenJDK 17, KnownOIDs).
SECRET_ALGORITHMS = {
    "AES": "2.16.840.1.101.3.4.1",
    "DES": "1.3.14.3.2.7",
    "DESede": "1.2.840.113549.3.7",
    "RC2": "1.2.840.113549.3.2",
    "ARCFOUR": "1.2.840.113549.3.4",
    "Blowfish": "1.3.6.1.4.1.3029.1.1.2",
    "HmacMD5": "1.3.6.1.5.5.8.1.1",
    "HmacSHA1": "1.2.840.113549.2.7",
    "HmacSHA224": "1.2.840.113549.2.8",
    "HmacSHA256": "1.2.840.113549.2.9",
    "HmacSHA384": "1.2.840.113549.2.10",
    "HmacSHA512": "1.2.840.113549.2.11",
}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Takes a plain text; returns the AlgorithmIdentifier and the encrypted bytes.
Seal = Callable[[bytes], tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Profile:
    """How a file is protected: the seal of its parts, and the MAC's digest, iterations and kind."""

    seal: Seal
    digest: str
    digest_oid: str
    iterations: int
    pbmac1: bool = False


def dump(keystore: Keystore, password: Password, profile: str = MODERN) -> bytes:
    """Write a PKCS#12 file.

    Every trusted certificate carries Oracle's attribute, without which Java would not list it; no other program
    minds.

    Args:
        keystore: what to write. Identities come back with the chain that the file's certificates make.
        password: protects everything; not empty.
        profile: one of ``PROFILES``.

    Raises:
        FormatCannotHold: an entry did not open, a secret's algorithm has no identifier, or ``java-trust`` is to
            hold a key.
        PasswordMissing, PasswordUnusable: there is no password, or an empty one.
    """
    if not password.given:
        raise PasswordMissing("a PKCS#12 keystore")
    if not password.octets:
        raise PasswordUnusable("PKCS#12", "it is empty, and programs differ about what that means")
    protection = _profile(profile, password)
    writing = Writing(protection.seal, profile)
    for entry in keystore.entries:
        writing.add(entry)
    safe = asn1.sequence(*writing.safes())
    content = asn1.sequence(asn1.oid_der(DATA), _explicit(asn1.octet_string_der(safe)))
    return asn1.sequence(asn1.integer_der(3), content, _mac(safe, password, protection))


def _profile(name: str, password: Password) -> Profile:
    budget = Budget()
    if name in {MODERN, JAVA_TRUST, PBMAC1_PROFILE}:
        salt = token_bytes(16)

        def seal(plain: bytes) -> tuple[bytes, bytes]:
            iv = token_bytes(16)
            return sealed(plain, password, iterations=MODERN_ITERATIONS, salt=salt, iv=iv, budget=budget)

        return Profile(seal, "sha256", SHA256, MODERN_ITERATIONS, pbmac1=name == PBMAC1_PROFILE)
    if name != COMPAT:
        raise FormatCannotHold(
            f"PKCS#12 of profile {name}", "anything", f"choose one of {', '.join(PROFILES)}"
        )

    def seal_legacy(plain: bytes) -> tuple[bytes, bytes]:
        # The derivation is ours to choose, so it is not held against a budget.
        return sealed_legacy(
            plain, password, iterations=COMPAT_ITERATIONS, salt=token_bytes(16), budget=Budget()
        )

    return Profile(seal_legacy, "sha1", SHA1, COMPAT_ITERATIONS)


def _mac(safe: bytes, password: Password, profile: Profile) -> bytes:
    salt = token_bytes(16)
    if profile.pbmac1:
        return _pbmac1(safe, password, salt, profile.iterations)
    size = hashlib.new(profile.digest, usedforsecurity=False).digest_size
    key = Budget().pkcs12(profile.digest, password.forms[0], salt, profile.iterations, MAC_PURPOSE, size)
    digest = asn1.octet_string_der(hmac.digest(key, safe, profile.digest))
    return asn1.sequence(
        asn1.sequence(asn1.algorithm_der(profile.digest_oid), digest),
        asn1.octet_string_der(salt),
        asn1.integer_der(profile.iterations),
    )


def _pbmac1(safe: bytes, password: Password, salt: bytes, iterations: int) -> bytes:
    """Make MacData as RFC 9579 has it: the salt of old readers stands there and says nothing."""
    key = Budget().pbkdf2("sha256", password.octets, salt, iterations, 32)
    function = asn1.algorithm_der(HMAC_SHA_256)
    derivation = asn1.sequence(
        asn1.octet_string_der(salt), asn1.integer_der(iterations), asn1.integer_der(32), function
    )
    scheme = asn1.sequence(asn1.algorithm_der(PBKDF2, derivation), function)
    digest = asn1.octet_string_der(hmac.digest(key, safe, "sha256"))
    return asn1.sequence(
        asn1.sequence(asn1.algorithm_der(PBMAC1, scheme), digest),
        asn1.octet_string_der(b"NOT USED"),
    )


class Writing:
    """The bags of one file: keys and secrets, each sealed, and certificates, sealed together."""

    def __init__(self, seal: Seal, profile: str) -> None:
        self._seal = seal
        self._profile = profile
        self._keys: list[bytes] = []
        self._leaves: list[bytes] = []
        self._issuers: dict[Certificate, None] = {}
        self._trusted: list[bytes] = []
        self._key_ids: set[bytes] = set()

    def add(self, entry: Entry) -> None:
        """Add an entry.

        Raises:
            FormatCannotHold: the profile has no place for it.
        """
        match entry:
            case TrustedEntry():
                usage = asn1.oid_der(ANY_EXTENDED_KEY_USAGE)
                trust = (*_named(entry.alias), _attribute(TRUSTED_KEY_USAGE, usage))
                self._trusted.append(_certificate_bag(entry.certificate, *trust))
            case _ if self._profile == JAVA_TRUST:
                self._refuse(entry, "choose the profile modern, or leave everything but certificates out")
            case IdentityEntry():
                self._add_identity(entry)
            case SecretEntry():
                self._add_secret(entry)
            case _:
                self._refuse(entry, "give the entry's own password, or leave it out")

    def safes(self) -> Iterator[bytes]:
        """Return the safes: the certificates, then the keys, as OpenSSL orders them."""
        issuers = [_certificate_bag(certificate) for certificate in self._issuers]
        certificates = [*self._leaves, *issuers, *self._trusted]
        if certificates:
            algorithm, content = self._seal(asn1.sequence(*certificates))
            inside = asn1.sequence(asn1.oid_der(DATA), algorithm, asn1.encoded(0x80, content))
            encrypted = asn1.sequence(asn1.integer_der(0), inside)
            yield asn1.sequence(asn1.oid_der(ENCRYPTED_DATA), _explicit(encrypted))
        if self._keys:
            plain = asn1.octet_string_der(asn1.sequence(*self._keys))
            yield asn1.sequence(asn1.oid_der(DATA), _explicit(plain))

    def _add_identity(self, entry: IdentityEntry) -> None:
        key_id = self._key_id(entry.created, *entry.certificates[:1])
        attributes = (*_named(entry.alias), _attribute(LOCAL_KEY_ID, asn1.octet_string_der(key_id)))
        self._keys.append(_bag(SHROUDED_KEY_BAG, self._sealed(entry.key_der), *attributes))
        for certificate in entry.certificates[:1]:
            self._leaves.append(_certificate_bag(certificate, *attributes))
        self._issuers |= dict.fromkeys(entry.certificates[1:])

    def _add_secret(self, entry: SecretEntry) -> None:
        identifier = SECRET_ALGORITHMS.get(entry.algorithm, entry.algorithm)
        if not identifier.replace(".", "").isdigit():
            self._refuse(entry, "PKCS#12 names algorithms by object identifiers; choose JCEKS")
        key = asn1.sequence(
            asn1.integer_der(0), asn1.algorithm_der(identifier), asn1.octet_string_der(entry.key)
        )
        secret = asn1.sequence(
            asn1.oid_der(SHROUDED_KEY_BAG), _explicit(asn1.octet_string_der(self._sealed(key)))
        )
        key_id = self._key_id(entry.created)
        attributes = (*_named(entry.alias), _attribute(LOCAL_KEY_ID, asn1.octet_string_der(key_id)))
        self._keys.append(_bag(SECRET_BAG, secret, *attributes))

    def _sealed(self, plain: bytes) -> bytes:
        """Make an EncryptedPrivateKeyInfo."""
        algorithm, content = self._seal(plain)
        return asn1.sequence(algorithm, asn1.octet_string_der(content))

    def _key_id(self, created: datetime | None, leaf: Certificate | None = None) -> bytes:
        """Return what ties a key to its certificate: Java's date where there is one, else a digest; never twice.

        It stands in the file in clear, so that nothing of the key may go into it.
        """
        wanted = token_bytes(20) if leaf is None else bytes.fromhex(leaf.sha256)[:20]
        if created is not None:
            wanted = b"Time %d" % ((created - EPOCH) // timedelta(milliseconds=1))
        while wanted in self._key_ids:
            wanted = token_bytes(20)
        self._key_ids.add(wanted)
        return wanted

    def _refuse(self, entry: Entry, advice: str) -> None:
        raise FormatCannotHold(f"PKCS#12 of profile {self._profile}", f"the entry {entry.alias!r}", advice)


def _explicit(value: bytes) -> bytes:
    return asn1.encoded(asn1.CONTEXT_0, value)


def _bag(kind: str, value: bytes, *attributes: bytes) -> bytes:
    described = (asn1.set_of(attributes),) if attributes else ()
    return asn1.sequence(asn1.oid_der(kind), _explicit(value), *described)


def _certificate_bag(certificate: Certificate, *attributes: bytes) -> bytes:
    inside = asn1.sequence(asn1.oid_der(X509_CERTIFICATE), _explicit(asn1.octet_string_der(certificate.der)))
    return _bag(CERTIFICATE_BAG, inside, *attributes)


def _attribute(kind: str, value: bytes) -> bytes:
    return asn1.sequence(asn1.oid_der(kind), asn1.set_of((value,)))


def _named(alias: str) -> tuple[bytes, ...]:
    text = asn1.encoded(asn1.BMP_STRING, alias.encode("utf-16-be", "surrogatepass"))
    return (_attribute(FRIENDLY_NAME, text),) if alias else ()
