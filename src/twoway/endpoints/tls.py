"""A TLS context for calls, with an identity from memory: its key never lies in clear on a disk."""

from __future__ import annotations

import os
import secrets
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twoway.errors import IdentityUnusable, TrustUnusable
from twoway.x509.certificates import pem_bundle
from twoway.x509.identity import Identity
from twoway.x509.keys import encrypted_pem

# Where Linux shows a process its own open files; each opening begins at the start of the file.
_OWN_FILES = Path("/proc/self/fd")


def context(identity: Identity | None, trust: str = "") -> ssl.SSLContext:
    """Make a context for calls to one partner.

    The server's chain and name are checked, always. TLS is 1.2 or later. Not checked: whether the server's certificate
    was revoked. ``SSLKEYLOGFILE`` is not obeyed.

    Args:
        identity: what to show when asked, in the handshake or after it; None for one-way TLS.
        trust: PEM of the anchors, which may be intermediates or the server's own certificate; empty for the
            system's, which ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` name where they are set.

    Raises:
        IdentityUnusable: OpenSSL does not take the key or a certificate.
        TrustUnusable: OpenSSL does not take an anchor.
    """
    # Not create_default_context: it would write the sessions' keys to the file that SSLKEYLOGFILE names.
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if trust:
        _trust(made, trust)
    else:
        made.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if identity is not None:
        _load(made, identity)
        # Some servers ask only when they have seen the path (Apache with SSLVerifyClient in a Location).
        made.post_handshake_auth = True
    return made


def _trust(made: ssl.SSLContext, trust: str) -> None:
    # An intermediate or the server's own certificate may be the anchor. VERIFY_X509_STRICT stays off: what it wants,
    # many private CAs lack.
    made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        made.load_verify_locations(cadata=trust)
    except (ssl.SSLError, ValueError) as error:
        raise TrustUnusable(words(error)) from error


def _load(made: ssl.SSLContext, identity: Identity) -> None:
    password = secrets.token_hex(32)
    encrypted = encrypted_pem(identity.key, password.encode()) + pem_bundle(identity.certificates)
    with _private_file(encrypted) as path:
        try:
            made.load_cert_chain(path, password=password)
        except ssl.SSLError as error:
            raise IdentityUnusable(identity.leaf.subject, words(error)) from error


@contextmanager
def _private_file(content: bytes) -> Iterator[str]:
    """Give the content a path, which ``ssl`` insists on: in memory where Linux has that, else in a file of ours alone.

    Either is gone when the block ends. The content is encrypted all the same: memory can be swapped out, and a process
    can be killed within the block.
    """
    descriptor = _in_memory()
    if descriptor is None:
        with tempfile.TemporaryDirectory(prefix="twoway-") as directory:
            path = Path(directory, "identity.pem")
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            yield str(path)
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        yield str(_OWN_FILES / str(descriptor))


def _in_memory() -> int | None:
    """Open a file that has no name and lies in memory; None where that, or a path to it, is not to be had."""
    if not hasattr(os, "memfd_create") or not _OWN_FILES.is_dir():
        return None
    try:
        return os.memfd_create("twoway", os.MFD_CLOEXEC)
    except OSError:
        return None


def words(error: Exception) -> str:
    """Return what OpenSSL says, such as ``ee key too small``."""
    reason = getattr(error, "reason", None)
    return str(reason).replace("_", " ").lower() if reason else str(error)
