"""Certificates that only carry a name. Pure.

Envoy takes the names of its certificate request from the certificates that it trusts. A name without its
certificate (the issuer of a pinned certificate, a name that a service configures) is put into a certificate
whose key nobody has: it can be trusted without anything ever chaining to it. Nor may it be taken for an issuer,
or it would stand in the way of the real certificate of that name: its key usage says that it signs nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from twoway.keystores.asn1 import children, sequence, whole

# Positions of the names in a TBSCertificate (RFC 5280, 4.1): version, serial number, signature, issuer, validity,
# subject.
_ISSUER, _SUBJECT = 3, 5

_SIGNS_NOTHING = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=True,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@cache
def carrier(name: bytes) -> bytes:
    """Return a certificate (DER) that carries this name as its subject and issuer, byte for byte.

    Args:
        name: a DER name.
    """
    template = children(whole(_template()))
    fields = [element.raw for element in children(template[0])]
    fields[_ISSUER] = fields[_SUBJECT] = name
    return sequence(sequence(*fields), template[1].raw, template[2].raw)


@cache
def _template() -> bytes:
    """Return a self-signed certificate, of no authority, whose key is forgotten at once."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "name carrier")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2049, 12, 31, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_SIGNS_NOTHING, critical=True)
    )
    return builder.sign(key, SHA256()).public_bytes(Encoding.DER)
