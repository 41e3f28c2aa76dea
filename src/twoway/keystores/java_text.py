"""Java's strings in bytes: the modified UTF-8 of ``DataOutput.writeUTF``.

A Java string is UTF-16, and may hold half of a surrogate pair; so may a ``str``, which is how one comes back.

Source: ``java.io.DataInput``, "Modified UTF-8".
"""

from __future__ import annotations

from twoway.keystores.asn1 import damaged

# writeUTF counts bytes in 16 bits.
MAX_BYTES = 0xFFFF
# From here on UTF-8 has four bytes, modified UTF-8 never.
FOUR_BYTES = 0xF0


def modified_utf8(text: str) -> bytes:
    """Write a string; the count that ``writeUTF`` puts first is the caller's."""
    if text.isascii():
        return text.encode("ascii").replace(b"\0", b"\xc0\x80")
    units = text.encode("utf-16-be", "surrogatepass")
    halves = "".join(chr(first << 8 | second) for first, second in zip(units[::2], units[1::2], strict=True))
    return halves.encode("utf-8", "surrogatepass").replace(b"\0", b"\xc0\x80")


def from_modified_utf8(raw: bytes) -> str:
    """Read a string that ``writeUTF`` wrote.

    Raises:
        KeystoreDamaged: the bytes are no modified UTF-8, or longer than it need be, which no Java writes.
    """
    if raw.isascii():
        return raw.decode("ascii")
    try:
        halves = raw.replace(b"\xc0\x80", b"\0").decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise damaged("a name that is no modified UTF-8") from error
    if max(raw) >= FOUR_BYTES:
        raise damaged("a name with a character of four bytes, which Java never writes")
    return halves.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "surrogatepass")
