"""A TLS context with an identity from memory, and what a handshake under it really did."""

from __future__ import annotations

import secrets
import ssl
import tempfile
from dataclasses import dataclass, field
from typing import Any

from twoway.x509.certificates import pem_bundle
from twoway.x509.identity import Identity
from twoway.x509.keys import encrypted_pem

# RFC 8446, appendix B.3: the record's type and the messages that tell the story.
_HANDSHAKE = 22
_CLIENT_HELLO = 1
_CERTIFICATE = 11
_CERTIFICATE_REQUEST = 13
# Bytes of a Certificate message without a certificate, at most: header 4, context length 1, list length 3.
_EMPTY_CERTIFICATE = 8


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a server asked for in its last handshake, and what it got.

    Args:
        asked: it asked for a certificate; without that the call was not two-way, whatever was configured.
        sent: it was sent one.
    """

    asked: bool
    sent: bool

    def __str__(self) -> str:
        """Say it in words."""
        if not self.asked:
            return "the server did not ask for a certificate"
        return (
            "the server asked for a certificate and was sent it"
            if self.sent
            else ("the server asked for a certificate and was sent none")
        )


@dataclass
class Observed:
    """Sees every handshake of a context; several at once are not told apart."""

    asked: bool = False
    sent: bool = False
    seen: bool = field(default=False)

    def __call__(
        self, _connection: Any, direction: str, _version: Any, content: Any, message: Any, data: bytes
    ) -> None:
        """Take note of one TLS message."""
        if content != _HANDSHAKE:
            return
        if message == _CLIENT_HELLO:
            self.asked, self.sent, self.seen = False, False, True
        elif message == _CERTIFICATE_REQUEST and direction == "read":
            self.asked = True
        elif message == _CERTIFICATE and direction == "write":
            self.sent = len(data) > _EMPTY_CERTIFICATE

    def handshake(self) -> Handshake | None:
        """Return what the last handshake did; None if there was none yet."""
        return Handshake(self.asked, self.sent) if self.seen else None


def context(identity: Identity | None, trust: str) -> tuple[ssl.SSLContext, Observed]:
    """Make a context for calls to one partner, and what sees its handshakes.

    The server's name and chain are checked, always. TLS is 1.2 or later.

    Args:
        identity: what to show when asked; its key never lies in clear on a disk.
        trust: PEM of the anchors, which may be intermediates or the server's own certificate; empty for the system's.
    """
    made = ssl.create_default_context(cadata=trust or None)
    if trust:
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        # Set by default from Python 3.13 on; CAs of partners' own often lack what it wants.
        made.verify_flags &= ~ssl.VERIFY_X509_STRICT
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if identity is not None:
        _load(made, identity)
    observed = Observed()
    # The only way in the standard library to see whether a certificate was asked for and sent.
    made._msg_callback = observed  # type: ignore[attr-defined] # noqa: SLF001 - not in the type stubs, as it is private
    return made, observed


def _load(made: ssl.SSLContext, identity: Identity) -> None:
    """Give the context its identity; ``ssl`` takes nothing but a file, which is encrypted and gone at once."""
    password = secrets.token_hex(32)
    key = encrypted_pem(identity.key, password.encode())
    with tempfile.NamedTemporaryFile(prefix="twoway-") as file:
        file.write(key + pem_bundle(identity.certificates))
        file.flush()
        made.load_cert_chain(file.name, password=password)
