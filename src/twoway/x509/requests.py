"""Certificate signing requests: make one, and read one that somebody else made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from twoway.errors import MaterialTooLarge, RequestUnproven, RequestUnreadable
from twoway.x509 import pem
from twoway.x509.extensions import signing_digest
from twoway.x509.keys import PrivateKey, PublicKey
from twoway.x509.names import general_name_text, name_text
from twoway.x509.reading import UNREADABLE, lenient_reading

_REQUEST_BYTES = 64 * 1024
# keytool writes the second.
_REQUEST_LABELS = {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"}


@dataclass(frozen=True, slots=True)
class Request:
    """What a request asks for, its signature verified: whoever made it holds the key.

    The subject and the names are wishes. Nothing else that a request may hold (purposes, CA:TRUE, ...) is kept.
    """

    subject: x509.Name
    names: tuple[x509.GeneralName, ...]
    public_key: PublicKey

    @property
    def subject_text(self) -> str:
        """The subject as RFC 4514 text, escaped for display."""
        return name_text(self.subject)

    @property
    def names_text(self) -> tuple[str, ...]:
        """The names, each as ``DNS:``, ``URI:``, ... and its escaped value."""
        return tuple(general_name_text(name) for name in self.names)


def new_request(key: PrivateKey, subject: x509.Name, names: Sequence[x509.GeneralName] = ()) -> bytes:
    """Return a request for a certificate, as PEM, signed with the key."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(key, signing_digest(key)).public_bytes(Encoding.PEM)


def load_request(data: bytes) -> Request:
    """Read a request, PEM with any text around it or DER, and verify that it is signed by its own key.

    Raises:
        MaterialTooLarge: more than 64 kB.
        RequestUnreadable: there is none in the data, or it is damaged.
        RequestUnproven: its signature does not verify.
    """
    if len(data) > _REQUEST_BYTES:
        raise MaterialTooLarge("certificate signing request", len(data), _REQUEST_BYTES)
    try:
        request = x509.load_der_x509_csr(_der(data))
    except UNREADABLE as error:
        raise RequestUnreadable("it is not PKCS#10, PEM or DER") from error
    try:
        with lenient_reading():
            subject, key, names = request.subject, request.public_key(), _names(request)
        proven = request.is_signature_valid
    except UNREADABLE as error:
        raise RequestUnreadable(
            "its subject, key, signature or extensions are damaged or of an unknown kind"
        ) from error
    if not isinstance(key, PublicKey):
        raise RequestUnreadable("its key makes no signatures in TLS")
    if not proven:
        raise RequestUnproven(name_text(subject))
    return Request(subject, names, key)


def _der(data: bytes) -> bytes:
    for block in pem.blocks(data):
        if block.label in _REQUEST_LABELS:
            return block.der()
    return data


def _names(request: x509.CertificateSigningRequest) -> tuple[x509.GeneralName, ...]:
    try:
        return tuple(request.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return ()
