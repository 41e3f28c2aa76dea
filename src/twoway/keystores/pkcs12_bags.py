"""PKCS#12 taken apart: the MAC, the safes, their bags. What the bags mean together is ``pkcs12``'s business.

Source: RFC 7292; RFC 9579 (PBMAC1); RFC 2985 sections 5.5.1 and 5.5.2 (friendlyName, localKeyID); OpenJDK's
``PKCS12KeyStore`` for Oracle's attribute of trusted certificates.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass, field

from twoway.errors import (
    AlgorithmUnsupported,
    KeystoreDamaged,
    KeystoreError,
    KeystoreTooCostly,
    PasswordMissing,
    WrongPassword,
)
from twoway.keystores import asn1
from twoway.keystores.derivation import Budget
from twoway.keystores.encryption import PRFS, decrypt, derived_key, iteration_count, opened_key
from twoway.keystores.passwords import Password

WHAT = "the PKCS#12 keystore"

DATA = "1.2.840.113549.1.7.1"
ENCRYPTED_DATA = "1.2.840.113549.1.7.6"

KEY_BAG = "1.2.840.113549.1.12.10.1.1"
SHROUDED_KEY_BAG = "1.2.840.113549.1.12.10.1.2"
CERTIFICATE_BAG = "1.2.840.113549.1.12.10.1.3"
CRL_BAG = "1.2.840.113549.1.12.10.1.4"
SECRET_BAG = "1.2.840.113549.1.12.10.1.5"  # noqa: S105  # an object identifier
SAFE_CONTENTS_BAG = "1.2.840.113549.1.12.10.1.6"
X509_CERTIFICATE = "1.2.840.113549.1.9.22.1"

FRIENDLY_NAME = "1.2.840.113549.1.9.20"
LOCAL_KEY_ID = "1.2.840.113549.1.9.21"
# Oracle's: a certificate that Java takes for trusted; the value says for which purposes.
TRUSTED_KEY_USAGE = "2.16.840.1.113894.746875.1.1"
ANY_EXTENDED_KEY_USAGE = "2.5.29.37.0"

PBMAC1 = "1.2.840.113549.1.5.14"
DIGESTS = {
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.5": "sha512_224",
    "2.16.840.1.101.3.4.2.6": "sha512_256",
    "2.16.840.1.101.3.4.2.7": "sha3_224",
    "2.16.840.1.101.3.4.2.8": "sha3_256",
    "2.16.840.1.101.3.4.2.9": "sha3_384",
    "2.16.840.1.101.3.4.2.10": "sha3_512",
    "1.3.6.1.4.1.1722.12.2.1.16": "blake2b",
    "1.3.6.1.4.1.1722.12.2.2.8": "blake2s",
    # Not in every OpenSSL.
    "1.3.36.3.2.1": "ripemd160",
    "1.2.156.10197.1.401": "sm3",
}
MAC_PURPOSE = 3

# 5,000 identities with three certificates each have 20,000.
MAX_BAGS = 50_000
MAX_NESTED_SAFES = 4
# A MAC key is as long as its hash, 64 bytes at most, wherever it was seen.
MAX_MAC_KEY = 1024
# Where the MAC is wrong, so many parts are tried to tell a wrong password from damage.
PARTS_TRIED = 3


@dataclass(frozen=True, slots=True)
class Bag:
    """One bag: its kind, its value and what its attributes say.

    Args:
        kind: the bag's identifier.
        value: what is inside, by kind.
        name: the friendly name, None where there is none.
        key_id: the local key id, which ties a certificate to its key.
        java_trusted: whether Oracle's attribute is there.
    """

    kind: str
    value: asn1.Element
    name: str | None = None
    key_id: bytes | None = None
    java_trusted: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """What a file says once its password is known.

    Args:
        bags: all of them, in the file's order.
        password: in the form that proved right.
        authenticated: whether there was a MAC to prove it.
        budget: what is left for the keys.
    """

    bags: tuple[Bag, ...]
    password: Password
    authenticated: bool
    budget: Budget = field(repr=False)


def opened_file(pfx: asn1.Element, password: Password) -> Opened:
    """Check the MAC and open the safes; keys stay locked.

    Raises:
        WrongPassword, PasswordMissing: the password does not fit, or there is none.
        AlgorithmUnsupported: the MAC or the encryption is of an unknown kind.
        KeystoreDamaged: the structure is broken, or the password is right and the content was changed.
        KeystoreTooCostly: iterations or bags pass a bound.
    """
    _, content_info, *rest = asn1.fields(pfx, 2)
    safe = _data(content_info)
    budget = Budget()
    if not rest:
        return Opened(tuple(_bags(safe, password, budget)), password, authenticated=False, budget=budget)
    settled = _authenticated(rest[0], safe, password, budget)
    if settled is None:
        if _opens_anything(safe, password, budget):
            raise asn1.damaged("its MAC does not fit its content, although the password opens it")
        raise refused(password, WHAT)
    return Opened(tuple(_bags(safe, settled, budget)), settled, authenticated=True, budget=budget)


def refused(password: Password, what: str) -> KeystoreError:
    """Make the error for a password that does not open something, or that was not given."""
    return WrongPassword(what) if password.given else PasswordMissing(what)


def _data(content_info: asn1.Element) -> bytes:
    """Return what a ContentInfo of plain data holds."""
    kind, *content = asn1.fields(content_info, 1)
    if asn1.oid(kind) != DATA:
        raise AlgorithmUnsupported(WHAT, f"content of type {asn1.oid(kind)} (protected by a public key)")
    if not content:
        raise asn1.damaged("a content without bytes")
    return asn1.octet_string(asn1.only(content[0], asn1.CONTEXT_0))


def _authenticated(
    mac_data: asn1.Element, safe: bytes, password: Password, budget: Budget
) -> Password | None:
    """Check the MAC; return the password in the form that fits, None where none does."""
    digest_info, salted, *counted = asn1.fields(mac_data, 2)
    algorithm, expected = asn1.fields(digest_info, 2)[:2]
    identifier, *parameters = asn1.fields(algorithm, 1)
    name, wanted = asn1.oid(identifier), asn1.octet_string(expected)
    if name == PBMAC1 and parameters:
        made = _pbmac1(parameters[0], safe, password, budget)
        return (
            password.settled(password.forms[0])
            if any(hmac.compare_digest(one, wanted) for one in made)
            else None
        )
    if DIGESTS.get(name) not in hashlib.algorithms_available:
        raise AlgorithmUnsupported(WHAT, f"MAC {name}")
    digest, salt = DIGESTS[name], asn1.octet_string(salted)
    iterations = iteration_count(counted[0]) if counted else 1
    size = hashlib.new(digest, usedforsecurity=False).digest_size
    for form in password.forms:
        key = budget.pkcs12(digest, form, salt, iterations, MAC_PURPOSE, size)
        if hmac.compare_digest(hmac.digest(key, safe, digest), wanted):
            return password.settled(form)
    return None


def _pbmac1(parameters: asn1.Element, safe: bytes, password: Password, budget: Budget) -> Iterator[bytes]:
    """Make the MAC as PBMAC1 says how, once for each form that the password may have had."""
    derivation, scheme = asn1.fields(parameters, 2)[:2]
    name = asn1.oid(asn1.fields(scheme, 1)[0])
    if name not in PRFS:
        raise AlgorithmUnsupported(WHAT, f"MAC {name}")
    # RFC 9579 section 4: the key's length must be there.
    described = asn1.fields(asn1.fields(derivation, 2)[1], 2)
    lengths = [asn1.integer(part) for part in described[2:] if part.tag == asn1.INTEGER]
    if len(lengths) != 1 or not 0 < lengths[0] <= MAX_MAC_KEY:
        raise asn1.damaged("a MAC that does not say how long its key is")
    for octets in password.octet_forms:
        yield hmac.digest(derived_key(derivation, octets, lengths[0], budget, WHAT), safe, PRFS[name])


def _bags(safe: bytes, password: Password, budget: Budget) -> Iterator[Bag]:
    """Read the bags of all safes."""
    count = 0
    for content_info in asn1.children(asn1.inner(safe)):
        kind = asn1.oid(asn1.fields(content_info, 1)[0])
        encrypted = kind == ENCRYPTED_DATA
        contents = _decrypted(content_info, password, budget) if encrypted else _data(content_info)
        for bag in _bags_of(asn1.inner(contents), 1):
            count += 1
            if count > MAX_BAGS:
                raise KeystoreTooCostly("the number of bags", count, MAX_BAGS)
            yield bag


def _decrypted(content_info: asn1.Element, password: Password, budget: Budget) -> bytes:
    """Decrypt an encrypted safe and return its SafeContents."""
    encrypted = asn1.only(asn1.fields(content_info, 2)[1], asn1.CONTEXT_0)
    content_type, algorithm, *content = asn1.fields(asn1.fields(encrypted, 2)[1], 2)
    if asn1.oid(content_type) != DATA or not content:
        raise asn1.damaged("an encrypted content without bytes")
    data = asn1.octets(content[0])
    try:
        return decrypt(algorithm, data, password, budget=budget, what=WHAT, accept=_is_sequence)
    except WrongPassword as wrong:
        raise refused(password, "the encrypted part of the PKCS#12 keystore") from wrong


def _is_sequence(plain: bytes) -> bool:
    """Whether a plain text can be SafeContents; padding with random octets would hardly make one."""
    try:
        return asn1.whole(plain).tag == asn1.SEQUENCE
    except KeystoreError:
        return False


def _bags_of(safe_contents: asn1.Element, depth: int) -> Iterator[Bag]:
    if depth > MAX_NESTED_SAFES:
        raise asn1.damaged(f"safes are nested more than {MAX_NESTED_SAFES} deep")
    for safe_bag in asn1.children(safe_contents):
        identifier, wrapped, *attributes = asn1.fields(safe_bag, 2)
        kind, value = asn1.oid(identifier), asn1.only(wrapped, asn1.CONTEXT_0)
        if kind == SAFE_CONTENTS_BAG:
            yield from _bags_of(value, depth + 1)
        else:
            yield _described(kind, value, attributes)


def _described(kind: str, value: asn1.Element, attributes: list[asn1.Element]) -> Bag:
    """Read the attributes of a bag; unknown ones are passed over."""
    name: str | None = None
    key_id: bytes | None = None
    java_trusted = False
    for attribute in asn1.children(attributes[0], asn1.SET) if attributes else ():
        identifier, wrapped = asn1.fields(attribute, 2)[:2]
        values = asn1.children(wrapped, asn1.SET)
        kind_of_attribute = asn1.oid(identifier)
        if kind_of_attribute == FRIENDLY_NAME and values:
            name = asn1.text(values[0])
        elif kind_of_attribute == LOCAL_KEY_ID and values:
            key_id = asn1.octet_string(values[0])
        elif kind_of_attribute == TRUSTED_KEY_USAGE:
            java_trusted = True
    return Bag(kind, value, name or None, key_id, java_trusted)


def _opens_anything(safe: bytes, password: Password, budget: Budget) -> bool:
    """Whether the password opens any encrypted part, so that it is the right one."""
    try:
        contents = asn1.children(asn1.inner(safe))[:PARTS_TRIED]
    except KeystoreDamaged:
        return False
    return any(_opens(content_info, password, budget) for content_info in contents)


def _opens(content_info: asn1.Element, password: Password, budget: Budget) -> bool:
    try:
        if asn1.oid(asn1.fields(content_info, 1)[0]) == ENCRYPTED_DATA:
            return bool(_decrypted(content_info, password, budget))
        bags = list(_bags_of(asn1.inner(_data(content_info)), 1))
    except KeystoreError:
        return False
    shrouded = [bag.value for bag in bags if bag.kind == SHROUDED_KEY_BAG][:PARTS_TRIED]
    return any(_opens_key(value, password, budget) for value in shrouded)


def _opens_key(value: asn1.Element, password: Password, budget: Budget) -> bool:
    try:
        return bool(opened_key(value, password, budget, WHAT))
    except KeystoreError:
        return False
