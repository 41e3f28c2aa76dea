"""What bytes are that hold no key and no certificate, and what to do instead.

People hand over the file beside the right one: the request, the CRL, the public half, the page that the download ended
at. Each is told by name.
"""

from __future__ import annotations

import binascii
import re

from twoway.errors import FormatUnknown, FormatUnread, KeystoreError
from twoway.keystores import asn1
from twoway.keystores.encryption import shape

OPENSSH = "OPENSSH PRIVATE KEY"

REQUEST = "a certificate signing request"
REVOCATIONS = "a certificate revocation list"
PUBLIC_KEY = "a public key"
PARAMETERS = "parameters for keys"
OCSP = "an answer about revocation (OCSP)"
SSH_PUBLIC_KEY = "an SSH public key"
PUTTY = "a PuTTY private key"
PGP = "an OpenPGP key or message"
MESSAGE = "a PKCS#7 message without certificates"
PAGE = "a web page"
ARCHIVE = "a ZIP archive"
BARE_BASE64 = "base64 without the lines of PEM around it"
UNKNOWN_DER = "DER of an unknown kind"

ADVICE = {
    REQUEST: "have it signed by an authority, and give the certificate that comes back",
    REVOCATIONS: "it only lists revoked serial numbers: give the certificate of the authority that issued it",
    PUBLIC_KEY: "give the certificate that was issued for it, or the private key that it belongs to",
    PARAMETERS: "give the key that was made with them",
    OCSP: "give the certificate that it is about",
    SSH_PUBLIC_KEY: "TLS needs a certificate: make a request from the private key (twoway csr new)",
    PUTTY: "convert it: puttygen FILE -O private-openssh, then ssh-keygen -p -m PKCS8 -f FILE",
    PGP: "TLS takes no OpenPGP keys: make a key of its own (twoway key new)",
    MESSAGE: "ask for the certificates as PEM, or as a PKCS#7 chain (.p7b)",
    PAGE: "the download ended at a login or at an error: open the address in a browser and download the file itself",
    ARCHIVE: "unpack it and give the file in it",
    BARE_BASE64: "decode it: base64 -d FILE > FILE.der",
}
LABELS = {
    "CERTIFICATE REQUEST": REQUEST,
    "NEW CERTIFICATE REQUEST": REQUEST,
    "X509 CRL": REVOCATIONS,
    "PUBLIC KEY": PUBLIC_KEY,
    "RSA PUBLIC KEY": PUBLIC_KEY,
    "EC PARAMETERS": PARAMETERS,
    "DH PARAMETERS": PARAMETERS,
    "DSA PARAMETERS": PARAMETERS,
    "X9.42 DH PARAMETERS": PARAMETERS,
    "OCSP RESPONSE": OCSP,
    "SSH2 PUBLIC KEY": SSH_PUBLIC_KEY,
}
BEGINNINGS = {
    b"ssh-": SSH_PUBLIC_KEY,
    b"ecdsa-sha2-": SSH_PUBLIC_KEY,
    b"sk-ssh-": SSH_PUBLIC_KEY,
    b"---- BEGIN SSH2": SSH_PUBLIC_KEY,
    b"PuTTY-User-Key-File": PUTTY,
    b"-----BEGIN PGP": PGP,
    b"<!DOCTYPE": PAGE,
    b"<!doctype": PAGE,
    b"<html": PAGE,
    b"<HTML": PAGE,
    b"PK\x03\x04": ARCHIVE,
}
BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]+")
# The smallest key has 48 bytes.
MIN_BASE64 = 64
UTC_TIME = 0x17
GENERALIZED_TIME = 0x18
ENUMERATED = 0x0A


def unknown(what: str) -> FormatUnknown:
    """Make the error for bytes of a kind that holds neither keys nor certificates."""
    return FormatUnknown(what, ADVICE[what]) if what in ADVICE else FormatUnknown(what)


def unknown_data(data: bytes) -> FormatUnknown:
    """Make the error for bytes that are neither DER nor PEM, after what they begin with."""
    text = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    for beginning, what in BEGINNINGS.items():
        if text.startswith(beginning):
            return unknown(what)
    if _is_bare_base64(text):
        return unknown(BARE_BASE64)
    return FormatUnknown(f"data of {len(data)} bytes that begins with {data[:4].hex(' ')}")


def unknown_pem(labels: list[str]) -> FormatUnknown:
    """Make the error for PEM whose blocks hold neither keys nor certificates."""
    named = ", ".join(sorted(set(labels))[:5]) or "nothing"
    kinds = {LABELS.get(label) for label in labels}
    if len(kinds) > 1:
        # They stand before keys and requests, and say nothing of them.
        kinds.discard(PARAMETERS)
    what = kinds.pop() if len(kinds) == 1 else None
    return (
        FormatUnknown(f"{what} (PEM of {named})", ADVICE[what]) if what else FormatUnknown(f"PEM of {named}")
    )


def openssh_key() -> FormatUnread:
    """Make the error for a private key in OpenSSH's own format."""
    return FormatUnread(
        "a private key in OpenSSH's own format", "convert it in place: ssh-keygen -p -m PKCS8 -f FILE"
    )


def kind_of_der(der: bytes) -> str | None:
    """Say what a SEQUENCE is that is no private key; None for a certificate."""
    tags = shape(der)
    if tags[:2] == (asn1.SEQUENCE, asn1.BIT_STRING) or tags == (asn1.INTEGER, asn1.INTEGER):
        return PUBLIC_KEY
    if tags[:1] == (ENUMERATED,):
        return OCSP
    if tags[:3] != (asn1.SEQUENCE, asn1.SEQUENCE, asn1.BIT_STRING):
        return UNKNOWN_DER
    try:
        body = asn1.fields(asn1.element(der)[0], 1)[0]
    except KeystoreError:  # pragma: no cover  # its shape was read already
        return UNKNOWN_DER
    inside = shape(body.raw)
    if {UTC_TIME, GENERALIZED_TIME} & set(inside):
        return REVOCATIONS
    if inside[:4] == (asn1.INTEGER, asn1.SEQUENCE, asn1.SEQUENCE, asn1.CONTEXT_0):
        return REQUEST
    return None


def _is_bare_base64(text: bytes) -> bool:
    """Whether a text is nothing but base64 of what begins as DER and Java's keystores do."""
    if len(text) < MIN_BASE64 or BASE64.fullmatch(text) is None:
        return False
    try:
        begins = binascii.a2b_base64(b"".join(text[:400].split())[:64], strict_mode=True)
    except ValueError:
        return False
    return begins.startswith((b"\x30\x80", b"\x30\x81", b"\x30\x82", b"\x30\x83", b"\xfe\xed\xfe\xed"))
