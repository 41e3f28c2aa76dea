"""As much of DER as is needed to find things without understanding them.

Certificates that no library parses can still be listed, converted and compared; these few functions are how.
They read tags below 31 with definite lengths, copy nothing that is not asked for, and never recurse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

INTEGER = 0x02
BIT_STRING = 0x03
SEQUENCE = 0x30
CONTEXT_0 = 0xA0

_LONG_FORM = 0x80
_HIGH_TAG = 0x1F
_LENGTH_OCTETS = 4  # lengths below 4 GiB: more than any input that is let in


@dataclass(frozen=True, slots=True)
class Element:
    """One tag, length and value; ``whole`` holds all three, ``content`` the value."""

    tag: int
    whole: bytes
    content: bytes


def elements(data: bytes) -> Iterator[Element]:
    """Yield the elements that stand one after the other in ``data``.

    Raises:
        ValueError: an element is cut short or is not DER.
    """
    offset = 0
    while offset < len(data):
        start, end = _value_bounds(data, offset)
        yield Element(data[offset], data[offset:end], data[start:end])
        offset = end


def first(data: bytes) -> Element:
    """Return the first element of ``data``, whatever follows it.

    Raises:
        ValueError: it is cut short, is not DER, or there is none.
    """
    for element in elements(data):
        return element
    raise ValueError("no data")


def _value_bounds(data: bytes, offset: int) -> tuple[int, int]:
    if data[offset] & _HIGH_TAG == _HIGH_TAG:
        raise ValueError("a tag above 30")
    if offset + 2 > len(data):
        raise ValueError("cut short in a length")
    length = data[offset + 1]
    start = offset + 2
    if length & _LONG_FORM:
        octets = length ^ _LONG_FORM
        if not 0 < octets <= _LENGTH_OCTETS:
            raise ValueError("not a definite length")
        length = int.from_bytes(data[start : start + octets])
        start += octets
    if start + length > len(data):
        raise ValueError("cut short in a value")
    return start, start + length
