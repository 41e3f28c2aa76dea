"""How cryptography is asked to read what strangers made: without its warnings, and with all of its errors known."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from cryptography import x509
from cryptography.exceptions import InternalError, UnsupportedAlgorithm

# All that it raises about bytes; found by changing every octet of certificates, requests, lists and keys into any
# other. InternalError is what OpenSSL says of an Ed25519 key that is too short.
UNREADABLE = (
    InternalError,
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@contextmanager
def lenient_reading() -> Iterator[None]:
    """Keep cryptography's warnings about what it reads off the terminal.

    They are for the authority that made a country of three letters or a negative serial number. Whoever only reads
    such a certificate can do nothing about them, and programs that make warnings errors would not read it at all.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield
