"""Keys, certificates and PKCS#12 files for the tests, made by ``cryptography`` and by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PrivateFormat, pkcs12
from cryptography.x509.oid import NameOID

from twoway.keystores import Format, IdentityEntry, Keystore, TrustedEntry, asn1
from twoway.keystores import pkcs12_bags as bags
from twoway.x509.certificates import Certificate
from twoway.x509.keys import PrivateKey, private_der

START = datetime(2026, 1, 1, tzinfo=UTC)
PASSWORD = "changeit"


@cache
def key(name: str) -> PrivateKey:
    """Return the key of that name, the same one each time."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def certificate(name: str, issuer: str | None = None) -> Certificate:
    """Return the certificate of a name, issued by another or by itself."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key(name).public_key())
        .serial_number(sum(name.encode()) + 1)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return Certificate(builder.sign(key(issuer or name), hashes.SHA256()).public_bytes(Encoding.DER))


ROOT = certificate("Root")
ISSUING = certificate("Issuing", "Root")
LEAF = certificate("api.example.com", "Issuing")
OTHER_LEAF = certificate("other", "Root")
STRANGER = certificate("Stranger")
CHAIN = (LEAF, ISSUING, ROOT)
KEY_DER = private_der(key("api.example.com"))
OTHER_KEY_DER = private_der(key("other"))
# A structure like a certificate's that no parser takes: its dates are no dates.
UNPARSABLE = Certificate(
    asn1.sequence(
        asn1.sequence(
            asn1.integer_der(1), *(asn1.sequence(asn1.oid_der(f"1.2.{part}")) for part in range(5))
        ),
        asn1.sequence(asn1.oid_der("1.2.3")),
        asn1.encoded(asn1.BIT_STRING, b"\0"),
    )
)
IDENTITY = IdentityEntry("server", KEY_DER, CHAIN)
OTHER = IdentityEntry("other", OTHER_KEY_DER, (OTHER_LEAF, ROOT))
TRUSTED = TrustedEntry("partner", STRANGER)


def store(*entries: IdentityEntry | TrustedEntry) -> Keystore:
    """Return a keystore of those entries."""
    return Keystore(entries, Format.PEM)


@cache
def foreign_pkcs12(password: str = PASSWORD) -> bytes:
    """Return an identity as cryptography writes it, with so few iterations that thousands can be read."""
    protection = (
        PrivateFormat.PKCS12.encryption_builder()
        .kdf_rounds(1)
        .hmac_hash(hashes.SHA256())
        .build(password.encode())
    )
    leaf, *rest = (one.parsed for one in CHAIN)
    return pkcs12.serialize_key_and_certificates(b"server", key("api.example.com"), leaf, rest, protection)


def explicit(value: bytes) -> bytes:
    """Put an element under the tag [0]."""
    return asn1.encoded(asn1.CONTEXT_0, value)


def certificate_bag(one: Certificate, *attributes: bytes) -> bytes:
    """Return a certificate bag."""
    value = asn1.sequence(asn1.oid_der(bags.X509_CERTIFICATE), explicit(asn1.octet_string_der(one.der)))
    return asn1.sequence(asn1.oid_der(bags.CERTIFICATE_BAG), explicit(value), asn1.set_of(attributes))


def key_bag(key_der: bytes, *attributes: bytes) -> bytes:
    """Return a bag with a key in clear."""
    return asn1.sequence(asn1.oid_der(bags.KEY_BAG), explicit(key_der), asn1.set_of(attributes))


def key_id(value: bytes) -> bytes:
    """Return the attribute that ties a key to its certificate."""
    return asn1.sequence(asn1.oid_der(bags.LOCAL_KEY_ID), asn1.set_of((asn1.octet_string_der(value),)))


def data(content: bytes) -> bytes:
    """Return a ContentInfo of plain data."""
    return asn1.sequence(asn1.oid_der(bags.DATA), explicit(asn1.octet_string_der(content)))


def open_pkcs12(*contents: bytes, mac: bytes = b"") -> bytes:
    """Return a PKCS#12 file of bags in which nothing is encrypted."""
    return asn1.sequence(asn1.integer_der(3), data(asn1.sequence(data(asn1.sequence(*contents)))), mac)
