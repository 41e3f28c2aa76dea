"""JKS written and read in process, beside a bare loop of struct and hashlib that does the same and checks nothing."""

from __future__ import annotations

import hashlib
import os
import resource
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime

from bench.measure import paired
from twoway.keystores import Entry, Format, IdentityEntry, Keystore, TrustedEntry, dump, load
from twoway.x509.certificates import Certificate
from twoway.x509.keys import PrivateKey, new_key, private_der
from twoway.x509.names import distinguished_name, subject_alternative_name
from twoway.x509.purposes import Purpose
from twoway.x509.selfsigned import self_signed

ROUNDS = 40
TURNS = 100
MANY = 5000
PASSWORD = "changeit"  # noqa: S105  # of a store that is measured and thrown away
AT = datetime(2026, 1, 1, tzinfo=UTC)
ALGORITHM = bytes.fromhex("300e060a2b060104012a021101010500")


def floor_written(key: bytes, chain: list[bytes], trusted: list[bytes]) -> bytes:
    """A store as the shortest script writes it."""
    secret, salt = PASSWORD.encode("utf-16-be"), os.urandom(20)
    check = hashlib.sha1(secret + key, usedforsecurity=False).digest()
    content = salt + masked(key, secret, salt) + check
    protected = struct.pack(">BBH", 0x30, 0x82, len(content) + 20) + ALGORITHM
    protected += struct.pack(">BBH", 4, 0x82, len(content)) + content
    parts = [struct.pack(">III", 0xFEEDFEED, 2, 1 + len(trusted))]
    parts += [struct.pack(">IH8sQI", 1, 8, b"mybundle", 0, len(protected)), protected]
    parts.append(struct.pack(">I", len(chain)))
    parts += [struct.pack(">H5sI", 5, b"X.509", len(one)) + one for one in chain]
    for number, one in enumerate(trusted):
        parts.append(struct.pack(">IH1sQH5sI", 2, 1, b"%d" % number, 0, 5, b"X.509", len(one)) + one)
    body = b"".join(parts)
    return body + hashlib.sha1(secret + b"Mighty Aphrodite" + body, usedforsecurity=False).digest()


def floor_read(data: bytes) -> list[bytes]:
    """What the store holds, as the shortest script reads it."""
    secret = PASSWORD.encode("utf-16-be")
    body = data[:-20]
    assert data[-20:] == hashlib.sha1(secret + b"Mighty Aphrodite" + body, usedforsecurity=False).digest()
    (count,) = struct.unpack_from(">I", data, 8)
    at, found = 12, []
    for _ in range(count):
        kind, size = struct.unpack_from(">IH", data, at)
        at += 14 + size
        chain = 1
        if kind == 1:
            (size,) = struct.unpack_from(">I", data, at)
            content = data[at + 28 : at + 4 + size]
            key = masked(content[20:-20], secret, content[:20])
            assert content[-20:] == hashlib.sha1(secret + key, usedforsecurity=False).digest()
            found.append(key)
            (chain,) = struct.unpack_from(">I", data, at + 4 + size)
            at += 8 + size
        for _ in range(chain):
            (size,) = struct.unpack_from(">I", data, at + 7)
            found.append(data[at + 11 : at + 11 + size])
            at += 11 + size
    return found


def masked(data: bytes, secret: bytes, salt: bytes) -> bytes:
    """The keystream of Sun's protector over a key."""
    stream, digest = [], salt
    for _ in range(-(-len(data) // 20)):
        digest = hashlib.sha1(secret + digest).digest()  # noqa: S324  # saying what for costs a third of the speed
        stream.append(digest)
    mask = int.from_bytes(b"".join(stream)[: len(data)], "big")
    return (int.from_bytes(data, "big") ^ mask).to_bytes(len(data), "big")


def taken(work: Callable[[], object]) -> float:
    """The processor time of one turn in microseconds."""
    begun = time.process_time()
    for _ in range(TURNS):
        work()
    return (time.process_time() - begun) / TURNS * 1e6


def certificates(key: PrivateKey, count: int) -> list[Certificate]:
    """So many certificates of one key."""
    subject = distinguished_name("CN=api.umbrella.example,O=Umbrella")
    named = [subject_alternative_name("DNS:api.umbrella.example")]
    purposes = (Purpose.CLIENT,)
    return [
        self_signed(key, subject, named, at=AT, days=365, serial=number + 1, purposes=purposes)
        for number in range(count)
    ]


def main() -> None:
    """Take the figures and print them."""
    key = new_key("rsa-2048")
    held = certificates(key, 5)
    key_der, ders = private_der(key), [one.der for one in held]
    entries: tuple[Entry, ...] = (
        IdentityEntry("mybundle", key_der, tuple(held[:3]), AT),
        *(TrustedEntry(str(number), one, AT) for number, one in enumerate(held[3:])),
    )
    keystore = Keystore(entries, Format.JKS)
    assert entries == load(dump(keystore, "jks", PASSWORD), PASSWORD).entries
    assert [key_der, *ders] == floor_read(dump(keystore, "jks", PASSWORD))
    pair = paired(
        lambda: taken(lambda: load(dump(keystore, "jks", PASSWORD), PASSWORD)),
        lambda: taken(lambda: floor_read(floor_written(key_der, ders[:3], ders[3:]))),
        ROUNDS,
    )
    low, high = pair.spread
    print("a key entry of RSA-2048 with a chain of 3, and 2 trusted certificates, written and read:")
    figures = f"{min(pair.ours):.0f} us, the bare loop {min(pair.peers):.0f} us"
    print(f"  {figures}: {pair.ratio:.2f} times ({low:.2f} to {high:.2f})")

    many = Keystore(
        tuple(IdentityEntry(f"entry{number}", key_der, tuple(held[:3]), AT) for number in range(MANY)),
        Format.JKS,
    )
    begun = time.process_time()
    data = dump(many, "jks", PASSWORD)
    assert len(load(data, PASSWORD).identities) == MANY
    spent = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{MANY} such identities ({len(data) / 1e6:.1f} MB): {spent:.2f} s, {peak:.0f} MB at most")


if __name__ == "__main__":
    main()
