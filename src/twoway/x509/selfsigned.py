"""Self-signed certificates as they should be: what ``openssl req -x509`` users need, without its CA:TRUE."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from twoway.x509.certificates import Certificate
from twoway.x509.extensions import extended_key_usage, key_usage, signing_digest
from twoway.x509.keys import PrivateKey
from twoway.x509.purposes import Purpose


def self_signed(
    key: PrivateKey,
    subject: x509.Name,
    names: Sequence[x509.GeneralName],
    *,
    at: datetime,
    days: int,
    serial: int,
    purposes: Iterable[Purpose],
) -> Certificate:
    """Return a certificate for the key, signed by the key: to be pinned, as it can vouch for nothing else.

    Args:
        key: the private key.
        subject: the subject and issuer.
        names: its alternative names; none are needed for a client.
        at: the start of its validity, aware.
        days: its validity in days of 24 hours.
        serial: a positive number of at most 159 bits.
        purposes: client, server or both.
    """
    start = at.replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(["digitalSignature"]), critical=True)
        .add_extension(extended_key_usage(purposes), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return Certificate(builder.sign(key, signing_digest(key)).public_bytes(Encoding.DER))
