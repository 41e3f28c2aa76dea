"""What the upstream was told about a caller, held against what the caller presented."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from tests.interop.visitors import Credential, Seen

IDENTITY = ("x-client-id", "x-forwarded-client-cert", "client-cert", "client-cert-chain")


def identity(seen: Seen) -> dict[str, list[str]]:
    """Return every value of the identity headers that the upstream got; one that did not come is left out."""
    found: dict[str, list[str]] = {}
    for name, value in seen.page["headers"]:
        if name.lower() in IDENTITY:
            found.setdefault(name.lower(), []).append(value)
    return found


def assert_told(seen: Seen, credential: Credential, issuers: Sequence[x509.Certificate]) -> None:
    """Hold what the upstream was told against what the client presented."""
    leaf = credential.certificates[0]
    told = {name: value for name, (value,) in identity(seen).items()}
    assert credential.client == told.pop("x-client-id")
    forwarded = fields(told.pop("x-forwarded-client-cert"))
    assert (leaf.fingerprint(SHA256()).hex(), ["Hash", "Cert", "Subject"]) == (
        forwarded["Hash"],
        [*forwarded],
    )
    assert leaf.subject == x509.Name.from_rfc4514_string(forwarded["Subject"])
    assert [leaf] == byte_sequences(told.pop("client-cert"))
    assert list(issuers) == byte_sequences(told.pop("client-cert-chain", ""))
    assert {} == told


def fields(header: str) -> dict[str, str]:
    """Return the fields of an X-Forwarded-Client-Cert header, without their quotes."""
    field = r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^;,"]*))'
    assert re.fullmatch(f"{field}(;{field})*", header)
    return {name: quoted or plain for name, quoted, plain in re.findall(field, header)}


def byte_sequences(header: str) -> list[x509.Certificate]:
    """Return the certificates of a header of RFC 9440: byte sequences of RFC 8941, base64 between colons."""
    items = re.findall(r":([A-Za-z0-9+/=]*):", header)
    assert header == ", ".join(f":{item}:" for item in items)
    return [x509.load_der_x509_certificate(base64.b64decode(item, validate=True)) for item in items]
