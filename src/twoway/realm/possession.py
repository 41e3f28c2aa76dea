"""Proof of possession: a text of ours, signed by the partner with the key of the certificate that it brings.

Stock openssl makes the signature: ``openssl dgst -sha256 -sign key.pem challenge.txt`` for RSA and EC keys,
``openssl pkeyutl -sign -rawin -inkey key.pem -in challenge.txt`` for Ed25519. The text names the realm, the client,
the certificate and its end, so that a signature serves nowhere else and not later.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update

from twoway.errors import ChallengeFailed
from twoway.realm import bindings, tables
from twoway.realm.change import Change
from twoway.realm.records import BindingRecord
from twoway.realm.states import BINDING, BindingState
from twoway.x509.certificates import Certificate, iso
from twoway.x509.keys import PublicKey

# How long a partner has to answer: a working day, wherever it is.
VALIDITY = timedelta(hours=24)
# Bytes: an RSA 8192 signature in base64 with line breaks has 1.4 kB.
SIGNATURE_LIMIT = 16 * 1024

_EXPIRES = "expires: "


@dataclass(frozen=True)
class Challenge:
    """What the partner has to sign, to the byte.

    Args:
        text: the file's content, ASCII.
        expires: until when an answer counts.
        command: how stock openssl signs it, with ``key.pem`` and ``challenge.txt``.
    """

    text: str
    expires: datetime
    command: str


def challenge(change: Change, client: str, binding_id: int) -> Challenge:
    """Make a challenge for a proposed binding; one that was made before no longer counts.

    Raises:
        NotInRealm: there is no such binding.
        IllegalTransition: the binding is not proposed.
    """
    found = bindings.binding(change.connection, client, binding_id)
    BINDING.check(f"{binding_id} of {client}", found.state, BindingState.ACTIVE)
    identifier = change.connection.execute(select(tables.realm.c.identifier)).scalar_one()
    expires = (change.at + VALIDITY).replace(microsecond=0)
    lines = (
        "twoway proof of possession 1",
        f"realm: {identifier}",
        f"client: {client}",
        f"certificate: {found.sha256}",
        f"nonce: {secrets.token_hex(32)}",
        f"{_EXPIRES}{iso(expires)}",
    )
    text = "".join(f"{line}\n" for line in lines)
    change.connection.execute(
        update(tables.binding).where(tables.binding.c.id == found.id).values(challenge=text)
    )
    change.audit("binding.challenge", client, binding=found.id, sha256=found.sha256, expires=expires)
    return Challenge(text, expires, _command(Certificate(found.der)))


def answer(change: Change, client: str, binding_id: int, signature: bytes) -> BindingRecord:
    """Make a proposed binding active because its challenge was signed with the certificate's own key.

    Args:
        change: the change that does it.
        client: whose binding it is.
        binding_id: which.
        signature: as openssl writes it, or in base64.

    Raises:
        NotInRealm: there is no such binding.
        IllegalTransition: the binding is not proposed.
        ChallengeFailed: there is no challenge, it is too late, or the signature is not the key's.
    """
    found = bindings.binding(change.connection, client, binding_id)
    BINDING.check(f"{binding_id} of {client}", found.state, BindingState.ACTIVE)
    if found.challenge is None:
        raise ChallengeFailed(binding=binding_id, problem="there is no challenge to be answered")
    expires = _expires(found.challenge)
    if change.at > expires:
        raise ChallengeFailed(binding=binding_id, problem=f"the challenge ended at {iso(expires)}")
    if len(signature) > SIGNATURE_LIMIT:
        raise ChallengeFailed(binding=binding_id, problem=f"the answer has more than {SIGNATURE_LIMIT} bytes")
    key = Certificate(found.der).public_key
    if not any(
        _signed(key, raw, text) for raw in _signatures(signature) for text in _spellings(found.challenge)
    ):
        raise ChallengeFailed(binding=binding_id, problem="the signature is not the certificate's key's")
    return bindings.activate(change, client, found, proven=True)


def _expires(text: str) -> datetime:
    line = next(line for line in text.splitlines() if line.startswith(_EXPIRES))
    return datetime.fromisoformat(line.removeprefix(_EXPIRES)).astimezone(UTC)


def _signatures(given: bytes) -> Iterator[bytes]:
    yield given
    try:
        yield base64.b64decode(b"".join(given.split()), validate=True)
    except binascii.Error:
        return


def _spellings(text: str) -> Iterator[bytes]:
    """Mail and editors change how lines end; it remains the same nonce."""
    plain = text.encode("ascii")
    for spelled in (plain, plain.rstrip(b"\n")):
        yield spelled
        yield spelled.replace(b"\n", b"\r\n")


def _signed(key: PublicKey, signature: bytes, text: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        match key:
            case rsa.RSAPublicKey():
                key.verify(signature, text, padding.PKCS1v15(), SHA256())
            case ec.EllipticCurvePublicKey():
                key.verify(signature, text, ec.ECDSA(SHA256()))
            case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
                key.verify(signature, text)
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def _command(certificate: Certificate) -> str:
    if certificate.key.algorithm in {"ed25519", "ed448"}:
        return "openssl pkeyutl -sign -rawin -inkey key.pem -in challenge.txt -out answer.bin"
    return "openssl dgst -sha256 -sign key.pem -out answer.bin challenge.txt"
