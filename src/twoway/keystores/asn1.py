"""Just enough ASN.1 to take keystores apart and put them together: BER in, DER out.

Rules of this file:
- No length, nesting or number of elements is believed before it is checked: everything ends in a value or in
  ``KeystoreDamaged`` / ``KeystoreTruncated``, and no allocation is larger than the input.
- BER is read where PKCS#12 files in the field have it (indefinite lengths, strings in pieces); only DER is written.
- Nothing here knows what a certificate is; values stay bytes.

Source: ITU-T X.690 (02/2021).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from twoway.errors import KeystoreDamaged, KeystoreTruncated

BOOLEAN = 0x01
INTEGER = 0x02
BIT_STRING = 0x03
OCTET_STRING = 0x04
NULL = 0x05
OBJECT_IDENTIFIER = 0x06
UTF8_STRING = 0x0C
BMP_STRING = 0x1E
SEQUENCE = 0x30
SET = 0x31
CONTEXT_0 = 0xA0
CONTEXT_1 = 0xA1
CONSTRUCTED = 0x20

# A PKCS#12 nests about 12 deep, each layer parsed on its own; indefinite lengths cost a scan per level.
MAX_DEPTH = 24
# Strings in pieces of pieces exist in tests only, in hundreds of levels.
MAX_STRING_DEPTH = 500
# A store of 5,000 identities has 20,000 bags in one sequence.
MAX_ELEMENTS = 100_000
# Large enough for any serial number, iteration count or version that a keystore's own structure has.
MAX_INTEGER = 64
# No registered identifier comes near; a longer one would only make big numbers.
MAX_OID = 64
END_OF_CONTENTS = b"\0\0"
LONG_TAG = 0x1F
INDEFINITE = 0x80


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its identifier octet and where it lies; its bytes are copied only when they are asked for."""

    tag: int
    data: bytes
    start: int
    body: int
    end: int
    stop: int

    @property
    def content(self) -> bytes:
        """The content octets."""
        return self.data[self.body : self.end]

    @property
    def raw(self) -> bytes:
        """The whole encoding."""
        return self.data[self.start : self.stop]

    @property
    def constructed(self) -> bool:
        """Whether the content is itself a run of elements."""
        return bool(self.tag & CONSTRUCTED)


@contextmanager
def speaking_of(format: str) -> Iterator[None]:  # noqa: A002  # the errors' own word
    """Let the errors of this file name the format that the bytes belong to."""
    try:
        yield
    except KeystoreDamaged as error:
        raise KeystoreDamaged(format, error.detail) from error
    except KeystoreTruncated as error:
        raise KeystoreTruncated(format, error.detail) from error


def damaged(detail: str) -> KeystoreDamaged:
    """Make the error for bytes that break ASN.1's rules."""
    return KeystoreDamaged("ASN.1", detail)


def header(data: bytes, at: int) -> tuple[int, int | None, int]:
    """Read identifier and length octets.

    Returns:
        The identifier octet, the length (None: indefinite) and where the content begins.

    Raises:
        KeystoreTruncated: the octets end within the header.
        KeystoreDamaged: the form is one that no keystore has (tag numbers above 30, lengths of 2**32 and more).
    """
    if at + 2 > len(data):
        raise KeystoreTruncated("ASN.1", f"it ends within the header of an element at byte {at}")
    tag, length = data[at], data[at + 1]
    if tag & LONG_TAG == LONG_TAG or tag == 0:
        raise damaged(f"identifier octet 0x{tag:02x} at byte {at}")
    if length == INDEFINITE:
        if not tag & CONSTRUCTED:
            raise damaged(f"a primitive element of indefinite length at byte {at}")
        return tag, None, at + 2
    if length < INDEFINITE:
        return tag, length, at + 2
    size = length & 0x7F
    if size > 4:
        raise damaged(f"a length of {size} octets at byte {at}")
    if at + 2 + size > len(data):
        raise KeystoreTruncated("ASN.1", f"it ends within the header of an element at byte {at}")
    return tag, int.from_bytes(data[at + 2 : at + 2 + size], "big"), at + 2 + size


def end_of(data: bytes, start: int) -> int:
    """Find where the content of an element of indefinite length ends (the two end octets not counted)."""
    at, depth = start, 1
    for _ in range(MAX_ELEMENTS):
        if data[at : at + 2] == END_OF_CONTENTS:
            depth -= 1
            if depth == 0:
                return at
            at += 2
            continue
        _, length, body = header(data, at)
        at = body if length is None else body + length
        depth += length is None
        if depth > MAX_DEPTH:
            raise damaged(f"elements are nested more than {MAX_DEPTH} deep")
        if at > len(data):
            raise KeystoreTruncated("ASN.1", f"an element needs {at} bytes, there are {len(data)}")
    raise damaged(f"more than {MAX_ELEMENTS} elements in one of indefinite length")


def element(data: bytes, at: int = 0) -> tuple[Element, int]:
    """Read one element and say where the next begins.

    Raises:
        KeystoreTruncated: the element is longer than the data.
        KeystoreDamaged: it breaks the rules.
    """
    tag, length, body = header(data, at)
    if length is None:
        end = end_of(data, body)
        return Element(tag, data, at, body, end, end + 2), end + 2
    end = body + length
    if end > len(data):
        raise KeystoreTruncated("ASN.1", f"{end} bytes are announced, there are {len(data)}")
    return Element(tag, data, at, body, end, end), end


def whole(data: bytes) -> Element:
    """Read data that is one element and nothing else."""
    found, end = element(data)
    if end != len(data):
        raise damaged(f"{len(data) - end} bytes follow the end")
    return found


def inner(data: bytes) -> Element:
    """Read one element that lies inside another: where it ends too early, that is damage, not a cut-off file."""
    try:
        return whole(data)
    except KeystoreTruncated as cut:
        raise damaged(f"inside, {cut.detail}") from cut


def children(parent: Element, tag: int = SEQUENCE) -> list[Element]:
    """Read the elements inside a constructed one, which must carry that identifier octet."""
    expect(parent, tag)
    content = parent.content
    found: list[Element] = []
    at = 0
    while at < len(content):
        if len(found) == MAX_ELEMENTS:
            raise damaged(f"more than {MAX_ELEMENTS} elements in one")
        try:
            child, at = element(content, at)
        except KeystoreTruncated as cut:
            raise damaged(f"inside, {cut.detail}") from cut
        found.append(child)
    return found


def expect(found: Element, tag: int) -> Element:
    """Hand the element on where its identifier octet is the one expected."""
    if found.tag != tag:
        raise damaged(f"identifier octet 0x{found.tag:02x} where 0x{tag:02x} belongs")
    return found


def fields(parent: Element, least: int, tag: int = SEQUENCE) -> list[Element]:
    """Read the elements inside a constructed one of which there must be at least so many."""
    found = children(parent, tag)
    if len(found) < least:
        raise damaged(f"{len(found)} elements where {least} belong")
    return found


def only(parent: Element, tag: int) -> Element:
    """Read the single element inside a constructed one, an explicit tag for example."""
    found = children(parent, tag)
    if len(found) != 1:
        raise damaged(f"{len(found)} elements where one belongs")
    return found[0]


def integer(found: Element) -> int:
    """Read an INTEGER of at most 64 octets."""
    expect(found, INTEGER)
    content = found.content
    if not 0 < len(content) <= MAX_INTEGER:
        raise damaged(f"an integer of {len(content)} octets")
    return int.from_bytes(content, "big", signed=True)


def octets(found: Element) -> bytes:
    """Read an OCTET STRING, also one in pieces, also one under an implicit tag (X.690 section 8.7)."""
    if not found.constructed:
        return found.content
    whole_pieces: list[bytes] = []
    waiting = [(piece, 1) for piece in reversed(children(found, found.tag))]
    seen = 0
    while waiting:
        piece, depth = waiting.pop()
        seen += 1
        if depth > MAX_STRING_DEPTH or seen > MAX_ELEMENTS:
            raise damaged(f"a string of more than {MAX_ELEMENTS} pieces or {MAX_STRING_DEPTH} levels of them")
        if expect_string(piece).constructed:
            waiting += [(inside, depth + 1) for inside in reversed(children(piece, piece.tag))]
        else:
            whole_pieces.append(piece.content)
    return b"".join(whole_pieces)


def expect_string(found: Element) -> Element:
    """Hand an OCTET STRING on, whole or in pieces."""
    return expect(found, OCTET_STRING | (found.tag & CONSTRUCTED))


def octet_string(found: Element) -> bytes:
    """Read an OCTET STRING that carries its own tag, whole or in pieces."""
    return octets(expect_string(found))


def oid(found: Element) -> str:
    """Read an OBJECT IDENTIFIER in dotted form."""
    expect(found, OBJECT_IDENTIFIER)
    content = found.content
    if not 0 < len(content) <= MAX_OID or content[-1] & 0x80:
        raise damaged(f"an object identifier of {len(content)} octets")
    arcs: list[int] = []
    arc = 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(number) for number in (first, arcs[0] - 40 * first, *arcs[1:]))


def text(found: Element) -> str:
    """Read a string of characters; what is none in its encoding is shown as a replacement character."""
    encoding = "utf-16-be" if found.tag == BMP_STRING else "utf-8"
    return found.content.decode(encoding, "replace").rstrip("\0")


def encoded(tag: int, content: bytes) -> bytes:
    """Write one element in DER."""
    size = len(content)
    if size < INDEFINITE:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, INDEFINITE | len(length))) + length + content


def sequence(*parts: bytes) -> bytes:
    """Write a SEQUENCE of elements that are already written."""
    return encoded(SEQUENCE, b"".join(parts))


def set_of(parts: Iterable[bytes]) -> bytes:
    """Write a SET OF in DER's order (X.690 section 11.6)."""
    return encoded(SET, b"".join(sorted(parts)))


def integer_der(value: int) -> bytes:
    """Write a non-negative INTEGER."""
    return encoded(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octet_string_der(content: bytes) -> bytes:
    """Write an OCTET STRING."""
    return encoded(OCTET_STRING, content)


def oid_der(dotted: str) -> bytes:
    """Write an OBJECT IDENTIFIER given in dotted form."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = bytearray()
    for arc in (40 * first + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        content.extend(reversed(groups))
    return encoded(OBJECT_IDENTIFIER, bytes(content))


def algorithm_der(dotted: str, parameters: bytes = b"\x05\x00") -> bytes:
    """Write an AlgorithmIdentifier; without parameters given they are NULL."""
    return sequence(oid_der(dotted), parameters)
