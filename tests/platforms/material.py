"""Identities, right and wrong, as platforms are handed them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from tests.parts import material
from tests.parts.material import CLIENT, Holder
from twoway.keystores.model import Format, IdentityEntry, Keystore, TrustedEntry
from twoway.platforms.presented import Presented
from twoway.x509.certificates import Certificate
from twoway.x509.keys import private_der

AT = datetime.now(UTC).replace(microsecond=0)
PASSWORD = "mybundle123"


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """An RSA key, the same one each time."""
    return rsa.generate_private_key(65537, bits)


@cache
def root() -> Holder:
    """A root CA."""
    return material.root("Partner Root")


@cache
def issuing() -> Holder:
    """A CA under the root."""
    return material.issue("Partner Issuing", by=root(), ca=True)


def client(**options: Any) -> Holder:
    """A client's identity under both CAs; the options are those of ``material.issue``."""
    given = {"by": issuing(), "usage": [CLIENT], "key": rsa_key(), "days": (-1, 300), **options}
    return material.issue("acme", **given)


def ours(certificate: object) -> Certificate:
    """A certificate as the product holds it."""
    return Certificate(certificate.public_bytes(Encoding.DER))  # type: ignore[attr-defined]  # cryptography's


def chain(holder: Holder) -> tuple[Certificate, ...]:
    """A holder's certificates as the product holds them."""
    return tuple(ours(one) for one in holder.certificates)


def entry(holder: Holder, alias: str = "acme", *, certificates: int = 10) -> IdentityEntry:
    """A holder's identity with so many of its certificates."""
    return IdentityEntry(alias, private_der(holder.key), chain(holder)[:certificates], AT)


def presented(*entries: IdentityEntry | TrustedEntry, name: str = "acme.jks", **options: Any) -> Presented:
    """A file with these entries; its format is JKS if nothing else is said."""
    format_ = options.pop("format", Format.JKS)
    values = {"octets": 4000, "password": PASSWORD, "at": AT, **options}
    return Presented(name=name, keystore=Keystore(entries, format_), **values)
