"""From a password to keys, within a budget.

The cost of a derivation comes from the file, so it is counted before it is paid: one ``Budget`` belongs to one
reading of one file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from twoway.errors import KeystoreTooCostly

# The largest iteration count that is used anywhere is 5 million (Java's bound for its own stores).
MAX_ITERATIONS = 10_000_000
# All derivations of one file together, in hash rounds: about half a minute on a slow machine. Java's old default
# costs 150,000 for each key, its new one 20,000.
MAX_ROUNDS = 60_000_000
# OpenSSL's scrypt default takes 16 MiB.
MAX_SCRYPT_BYTES = 128 * 1024 * 1024
MAX_SCRYPT_WORK = 2**24


@dataclass
class Budget:
    """What is left to spend on deriving keys, and what was derived already."""

    rounds: int = MAX_ROUNDS
    known: dict[tuple[object, ...], bytes] = field(default_factory=dict, repr=False)

    def spend(self, iterations: int, times: int = 1) -> None:
        """Take a derivation's cost off the budget.

        Raises:
            KeystoreTooCostly: the iteration count alone, or all of the file's together, pass the limit.
        """
        if iterations > MAX_ITERATIONS:
            raise KeystoreTooCostly("the iteration count", iterations, MAX_ITERATIONS)
        self.rounds -= iterations * times
        if self.rounds < 0:
            raise KeystoreTooCostly("the sum of all iteration counts", MAX_ROUNDS - self.rounds, MAX_ROUNDS)

    def pbkdf2(self, digest: str, password: bytes, salt: bytes, iterations: int, size: int) -> bytes:
        """Derive ``size`` bytes by PBKDF2 (RFC 8018 section 5.2)."""
        asked = ("pbkdf2", digest, password, salt, iterations, size)
        if asked not in self.known:
            # Each round is an HMAC, two hashes; the native loop is twice as fast as ours, so it counts once.
            self.spend(iterations, -(-size // hashlib.new(digest).digest_size))
            self.known[asked] = hashlib.pbkdf2_hmac(digest, password, salt, iterations, size)
        return self.known[asked]

    def pbkdf1(self, digest: str, password: bytes, salt: bytes, iterations: int) -> bytes:
        """Derive one digest by PBKDF1 (RFC 8018 section 5.1)."""
        self.spend(iterations)
        return _repeated(digest, password + salt, iterations)

    def scrypt(self, password: bytes, salt: bytes, cost: tuple[int, int, int], size: int) -> bytes:
        """Derive ``size`` bytes by scrypt (RFC 7914), ``cost`` being N, r and p."""
        n, r, p = cost
        if 128 * n * r > MAX_SCRYPT_BYTES:
            raise KeystoreTooCostly("the memory of scrypt in bytes", 128 * n * r, MAX_SCRYPT_BYTES)
        if n * r * p > MAX_SCRYPT_WORK:
            raise KeystoreTooCostly("the work of scrypt (N * r * p)", n * r * p, MAX_SCRYPT_WORK)
        self.spend(n * r * p)
        return hashlib.scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=2 * MAX_SCRYPT_BYTES, dklen=size)

    def pkcs12(
        self, digest: str, password: bytes, salt: bytes, iterations: int, purpose: int, size: int
    ) -> bytes:
        """Derive ``size`` bytes by PKCS#12's own function (RFC 7292 appendix B.2).

        Args:
            digest: the hash's name for hashlib.
            password: the BMPString form, with its two NUL octets.
            salt: from the file.
            iterations: from the file.
            purpose: 1 for a key, 2 for an initialisation vector, 3 for a MAC key.
            size: how many bytes.
        """
        made = hashlib.new(digest)
        block, unit = made.block_size, made.digest_size
        times = -(-size // unit)
        self.spend(iterations, times)
        filled = bytearray(_filled(salt, block) + _filled(password, block))
        derived = b""
        for turn in range(times):
            part = _repeated(digest, bytes((purpose,)) * block + filled, iterations)
            derived += part
            if turn + 1 < times:
                step = int.from_bytes(_filled(part, block), "big") + 1
                for at in range(0, len(filled), block):
                    value = int.from_bytes(filled[at : at + block], "big") + step
                    filled[at : at + block] = (value % (1 << 8 * block)).to_bytes(block, "big")
        return derived[:size]


def _filled(value: bytes, block: int) -> bytes:
    """Repeat a value to fill whole blocks."""
    size = -(-len(value) // block) * block
    return (value * (size // len(value) + 1))[:size] if value else b""


def _repeated(digest: str, value: bytes, iterations: int) -> bytes:
    make = getattr(hashlib, digest, None)
    if make is None:
        for _ in range(iterations):
            value = hashlib.new(digest, value).digest()
        return value
    for _ in range(iterations):
        value = make(value).digest()
    return value
