"""BouncyCastle's keystores, BKS, UBER and BCFKS: recognised, so that the way out can be named.

Source: BouncyCastle 1.80, ``BcKeyStoreSpi`` and ``org.bouncycastle.asn1.bc.ObjectStore``.
"""

from __future__ import annotations

from struct import Struct

from twoway.errors import FormatUnread, KeystoreError
from twoway.keystores import asn1

# version, bytes of the salt, salt, iteration count
HEAD = Struct(">II20sI")
VERSIONS = {1, 2}
SALT_SIZE = 20
# Java's end of an entry list, and its kinds: certificate, key, secret, sealed.
KINDS = range(5)
# The block of Twofish, in which all of UBER is encrypted.
UBER_BLOCK = 16
MAX_ITERATIONS = 1 << 24


def recognised(data: bytes) -> str | None:
    """Return the name of the format that the bytes begin like; None for any other."""
    if data.startswith(b"\x30"):
        return "BCFKS" if _is_object_store(data) else None
    if len(data) <= HEAD.size:
        return None
    version, size, _, iterations = HEAD.unpack_from(data)
    if version not in VERSIONS or size != SALT_SIZE or not 0 < iterations < MAX_ITERATIONS:
        return None
    if _begins_entries(data):
        return "BKS"
    return "UBER" if (len(data) - HEAD.size) % UBER_BLOCK == 0 else "BKS"


def refuse(name: str) -> FormatUnread:
    """Make the error that says how to get at what a keystore of that format holds."""
    return FormatUnread(
        f"a {name} keystore of BouncyCastle",
        f"convert it with keytool -importkeystore -srckeystore FILE -srcstoretype {name} -destkeystore FILE.p12 "
        "-deststoretype PKCS12 -providerpath bcprov.jar "
        "-providerclass org.bouncycastle.jce.provider.BouncyCastleProvider",
    )


def _begins_entries(data: bytes) -> bool:
    """Whether an entry that is not encrypted begins behind the head: kind, alias, date."""
    at = HEAD.size
    if data[at] not in KINDS:
        return False
    if data[at] == 0:
        return True
    size = int.from_bytes(data[at + 1 : at + 3], "big")
    date = data[at + 3 + size : at + 11 + size]
    # Dates until the year 36,812 begin with two zero bytes; those of any encrypted text hardly do.
    return len(date) == 8 and date.startswith(b"\0\0")


def _is_object_store(data: bytes) -> bool:
    """Whether the bytes are two sequences: encrypted data (algorithm, bytes) and the check of their integrity."""
    try:
        store, check = asn1.children(asn1.element(data)[0])
        inner = [part.tag for part in asn1.children(store)]
        return inner == [asn1.SEQUENCE, asn1.OCTET_STRING] and check.tag == asn1.SEQUENCE
    except (KeystoreError, ValueError):
        return False
