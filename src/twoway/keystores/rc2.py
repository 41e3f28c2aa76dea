"""RC2 as old PKCS#12 files use it: reading only, never writing.

OpenSSL 3 has it in a provider that is not always there, and ``cryptography`` offers no 40-bit keys, with which
nearly every store before 2021 encrypted its certificates. Their secrecy is nil, which is fine for certificates.

Source: RFC 2268.
"""

from __future__ import annotations

import struct
from functools import lru_cache

# RFC 2268 section 2, PITABLE: a random permutation, from the digits of pi.
PI = bytes.fromhex(
    "d978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2"
    "179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82"
    "54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626"
    "6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7"
    "08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec"
    "c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731"
    "2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9"
    "0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad"
)


@lru_cache(maxsize=8)
def expanded(key: bytes, effective_bits: int) -> tuple[int, ...]:
    """Make the 64 words of the key schedule (RFC 2268 section 2)."""
    table = bytearray(key)
    for at in range(len(key), 128):
        table.append(PI[(table[at - 1] + table[at - len(key)]) & 0xFF])
    octets = (effective_bits + 7) // 8
    mask = 0xFF >> (8 * octets - effective_bits)
    table[128 - octets] = PI[table[128 - octets] & mask]
    for at in reversed(range(128 - octets)):
        table[at] = PI[table[at + 1] ^ table[at + octets]]
    return struct.unpack("<64H", bytes(table))


def decrypt_cbc(key: bytes, effective_bits: int, iv: bytes, data: bytes) -> bytes:
    """Decrypt whole blocks of eight bytes; the padding is left on."""
    words = expanded(key, effective_bits)
    plain = bytearray()
    previous = int.from_bytes(iv, "little")
    for at in range(0, len(data), 8):
        block = data[at : at + 8]
        clear = int.from_bytes(decrypt_block(words, block), "little") ^ previous
        plain += clear.to_bytes(8, "little")
        previous = int.from_bytes(block, "little")
    return bytes(plain)


def decrypt_block(words: tuple[int, ...], block: bytes) -> bytes:
    """Decrypt one block (RFC 2268 section 4): five rounds, a mash, six, a mash, five, all backwards."""
    a, b, c, d = struct.unpack("<4H", block)
    for index in range(60, -1, -4):
        d = (d << 11 | d >> 5) & 0xFFFF
        d = d - words[index + 3] - (c & b) - (~c & a) & 0xFFFF
        c = (c << 13 | c >> 3) & 0xFFFF
        c = c - words[index + 2] - (b & a) - (~b & d) & 0xFFFF
        b = (b << 14 | b >> 2) & 0xFFFF
        b = b - words[index + 1] - (a & d) - (~a & c) & 0xFFFF
        a = (a << 15 | a >> 1) & 0xFFFF
        a = a - words[index] - (d & c) - (~d & b) & 0xFFFF
        if index in {44, 20}:
            d = d - words[c & 63] & 0xFFFF
            c = c - words[b & 63] & 0xFFFF
            b = b - words[a & 63] & 0xFFFF
            a = a - words[d & 63] & 0xFFFF
    return struct.pack("<4H", a, b, c, d)
