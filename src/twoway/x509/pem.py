"""PEM blocks (RFC 7468) in any text around them, found in one pass: linear in time on any input."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

_MARKER = re.compile(rb"-----(BEGIN|END) ([A-Z0-9][A-Z0-9 .#]{0,39})-----")
_LINE = 64


@dataclass(frozen=True, slots=True)
class Block:
    """One block: its label (``CERTIFICATE``), the text between its markers, and all of it."""

    label: str
    body: bytes
    whole: bytes

    def der(self) -> bytes:
        """Return what the base64 text says.

        Raises:
            ValueError: it is not base64.
        """
        return binascii.a2b_base64(self.body)


def blocks(data: bytes) -> Iterator[Block]:
    """Yield the blocks of ``data`` in order; what has no matching end is passed over."""
    opened: re.Match[bytes] | None = None
    for marker in _MARKER.finditer(data):
        if marker[1] == b"BEGIN":
            opened = marker
        elif opened is not None and opened[2] == marker[2]:
            yield Block(
                marker[2].decode("ascii"),
                data[opened.end() : marker.start()],
                data[opened.start() : marker.end()] + b"\n",
            )
            opened = None


def encode(label: str, der: bytes) -> bytes:
    """Return ``der`` as one PEM block that ends in a newline."""
    text = binascii.b2a_base64(der, newline=False)
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    marker = label.encode("ascii")
    return b"\n".join([b"-----BEGIN " + marker + b"-----", *lines, b"-----END " + marker + b"-----", b""])
