"""Plain TLS contexts of Python's ssl: mutual TLS without any of the product."""

from __future__ import annotations

import ssl
from pathlib import Path

from tests.parts.credentials import Pem


def server(identity: Pem, *, clients: Path) -> ssl.SSLContext:
    """Return a context that requires a client certificate of the CAs in the PEM file, and does not name them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    context.load_verify_locations(clients)
    context.verify_mode = ssl.CERT_REQUIRED
    return context
