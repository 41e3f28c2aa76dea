"""Twofish, decryption with 256-bit keys alone: BouncyCastle's UBER keystores are encrypted with it.

No library that is maintained has it. It is slow (150 kB a second), which is enough for keystores.

Source: Schneier et al., "Twofish: A 128-Bit Block Cipher", 1998, section 4.
"""

from __future__ import annotations

from struct import Struct

BLOCK = 16
KEY_SIZE = 32
WORDS = Struct("<4I")
MASK = 0xFFFFFFFF
# x^8 + x^6 + x^5 + x^3 + 1 and x^8 + x^6 + x^3 + x^2 + 1
MDS_POLYNOMIAL = 0x169
RS_POLYNOMIAL = 0x14D
MDS = ((0x01, 0xEF, 0x5B, 0x5B), (0x5B, 0xEF, 0xEF, 0x01), (0xEF, 0x5B, 0x01, 0xEF), (0xEF, 0x01, 0xEF, 0x5B))
RS = (
    bytes.fromhex("01a455875a58db9e"),
    bytes.fromhex("a45682f31ec668e5"),
    bytes.fromhex("02a1fcc147ae3d19"),
    bytes.fromhex("a455875a58db9e03"),
)
# The four tables of half bytes from which each of the two permutations is made (section 4.3.5).
NIBBLES = (
    ("817D6F320B59ECA4", "ECB81235F4A6709D", "BA5E6D90C8F32471", "D7F4126E9B3085CA"),
    ("28BDF76E31940AC5", "1E2B4C376DA5F908", "4C75169A0ED82B3F", "B951C3DE647F208A"),
)
# Which of the two permutations each byte of a word goes through, from the outermost key word inwards.
ORDER = ((1, 0, 0, 1), (1, 1, 0, 0), (0, 1, 0, 1), (0, 0, 1, 1), (1, 0, 1, 0))


def decrypt_cbc(key: bytes, iv: bytes, data: bytes) -> bytes:
    """Decrypt whole blocks with a key of 32 bytes; the padding stays."""
    schedule, boxes = _expanded(key)
    plain = []
    before = int.from_bytes(iv, "big")
    for at in range(0, len(data), BLOCK):
        block = data[at : at + BLOCK]
        opened = int.from_bytes(_decrypted(block, schedule, boxes), "big")
        plain.append((opened ^ before).to_bytes(BLOCK, "big"))
        before = int.from_bytes(block, "big")
    return b"".join(plain)


def _permutation(tables: tuple[str, ...]) -> bytes:
    first, second, third, fourth = ([int(digit, 16) for digit in table] for table in tables)
    made = bytearray()
    for value in range(256):
        a, b = value >> 4, value & 15
        a, b = first[a ^ b], second[a ^ _turned(b) ^ (8 * a & 15)]
        a, b = third[a ^ b], fourth[a ^ _turned(b) ^ (8 * a & 15)]
        made.append(b << 4 | a)
    return bytes(made)


def _turned(nibble: int) -> int:
    return nibble >> 1 | (nibble & 1) << 3


PERMUTATIONS = tuple(_permutation(tables) for tables in NIBBLES)


def _product(a: int, b: int, polynomial: int) -> int:
    """Multiply in the field of 256 elements."""
    result = 0
    while b:
        if b & 1:
            result ^= a
        a <<= 1
        if a & 0x100:
            a ^= polynomial
        b >>= 1
    return result


# What each byte of a word adds to the product with the MDS matrix.
COLUMNS = tuple(
    tuple(
        sum(_product(row[column], value, MDS_POLYNOMIAL) << 8 * at for at, row in enumerate(MDS))
        for value in range(256)
    )
    for column in range(4)
)


def _boxes(words: tuple[bytes, ...]) -> tuple[tuple[int, ...], ...]:
    """Tabulate the function h for four words of key: one table for each byte of its argument."""
    tables = []
    for place in range(4):
        table = []
        for value in range(256):
            found = value
            for layer, word in zip(ORDER, reversed(words), strict=False):
                found = PERMUTATIONS[layer[place]][found] ^ word[place]
            table.append(COLUMNS[place][PERMUTATIONS[ORDER[-1][place]][found]])
        tables.append(tuple(table))
    return tuple(tables)


def _applied(boxes: tuple[tuple[int, ...], ...], word: int) -> int:
    first, second, third, fourth = boxes
    return first[word & 255] ^ second[word >> 8 & 255] ^ third[word >> 16 & 255] ^ fourth[word >> 24]


def _expanded(key: bytes) -> tuple[list[int], tuple[tuple[int, ...], ...]]:
    """Make the forty words of the rounds, and the boxes that depend on the key."""
    words = [key[at : at + 4] for at in range(0, KEY_SIZE, 4)]
    even, odd = _boxes(tuple(words[::2])), _boxes(tuple(words[1::2]))
    schedule: list[int] = []
    for pair in range(20):
        a = _applied(even, 0x02020202 * pair)
        b = _left(_applied(odd, 0x02020202 * pair + 0x01010101), 8)
        schedule += ((a + b) & MASK, _left((a + 2 * b) & MASK, 9))
    mixed = [_mixed(key[at : at + 8]) for at in range(0, KEY_SIZE, 8)]
    return schedule, _boxes(tuple(reversed(mixed)))


def _mixed(part: bytes) -> bytes:
    made = bytearray()
    for row in RS:
        total = 0
        for factor, value in zip(row, part, strict=True):
            total ^= _product(factor, value, RS_POLYNOMIAL)
        made.append(total)
    return bytes(made)


def _left(word: int, count: int) -> int:
    return (word << count | word >> 32 - count) & MASK


def _decrypted(block: bytes, schedule: list[int], boxes: tuple[tuple[int, ...], ...]) -> bytes:
    c, d, a, b = (word ^ one for word, one in zip(WORDS.unpack(block), schedule[4:8], strict=True))
    for at in range(38, 6, -2):
        # One round backwards; the halves change places after each.
        first, second = _applied(boxes, c), _applied(boxes, _left(d, 8))
        a = _left(a, 1) ^ (first + second + schedule[at] & MASK)
        b ^= first + 2 * second + schedule[at + 1] & MASK
        b = b >> 1 | (b & 1) << 31
        a, b, c, d = c, d, a, b
    return WORDS.pack(*(word ^ one for word, one in zip((a, b, c, d), schedule, strict=False)))
