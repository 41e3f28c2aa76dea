"""The keystores of other projects' tests: what loads in Java loads here and agrees, what does not does not.

A failure in ``PKCS12`` is one of ``pkcs12*.py``; one in ``JKS`` or ``JCEKS`` of ``jks*.py``, ``java_*.py`` and
``sealed_secrets.py``; one in ``BKS`` or ``UBER`` of ``bouncycastle.py``.
"""

import hashlib
from typing import Any

import pytest

from tests.keystores.vectors import ABSENT, MANIFEST, content, vectors
from twoway.errors import AlgorithmUnsupported, KeystoreError, WrongPassword
from twoway.keystores import Entry, Format, IdentityEntry, LockedEntry, SecretEntry, TrustedEntry, load

KINDS = {
    "private-key": IdentityEntry,
    "trusted-cert": TrustedEntry,
    "secret-key": SecretEntry,
    # BouncyCastle's public keys, and bytes that are its callers' own: listed, not read.
    "public-key": LockedEntry,
    "key?": LockedEntry,
}
READ = {
    "PKCS12": Format.PKCS12,
    "JKS": Format.JKS,
    "JCEKS": Format.JCEKS,
    "BKS": Format.BKS,
    "UBER": Format.UBER,
}
RECORDS = vectors(*READ)
# The date by which Java's "now" of the measurement is told from a date that the file has.
MEASURED = 1_795_000_000_000


def name(record: dict[str, Any]) -> str:
    """What a test is called."""
    return f"{record['format']}:{record['file']}"


def expecting(what: str, *formats: str) -> list[dict[str, Any]]:
    """The records of those formats of which that is expected."""
    return [record for record in vectors(*formats) if record["expected"] == what]


def test_vectors_are_here():
    """They are no part of this repository: without them the tests of this file are skipped, which this one says."""
    if not MANIFEST.exists():
        pytest.skip(ABSENT)
    assert RECORDS


def expected(entry: dict[str, Any], kind: Format) -> tuple[Any, ...]:
    """What Java says of an entry."""
    # BouncyCastle keeps certificates beside secret keys too; here they have no place.
    certificates = () if entry["kind"] == "secret-key" else entry.get("chain", ())
    chain = tuple(one["sha256"] for one in certificates)
    # PKCS#12 has dates for keys alone: Java says "now" for others.
    dated = kind != Format.PKCS12 or entry["kind"] != "trusted-cert"
    created = entry["created_ms"] if dated else None
    return (
        entry["alias"],
        KINDS[entry["kind"]],
        chain,
        entry.get("key_encoded_sha256") if KINDS[entry["kind"]] != LockedEntry else None,
        None if created is None or created > MEASURED else created,
    )


def actual(entry: Entry) -> tuple[Any, ...]:
    """What is said of it here."""
    key: bytes | None
    match entry:
        case IdentityEntry():
            chain, key = tuple(one.sha256 for one in entry.certificates), entry.key_der
        case TrustedEntry():
            chain, key = (entry.certificate.sha256,), None
        case SecretEntry():
            chain, key = (), entry.key
        case _:
            assert isinstance(entry.why, AlgorithmUnsupported), f"{entry} did not open"
            chain, key = tuple(one.sha256 for one in entry.certificates), None
    digest = None if key is None else hashlib.sha256(key).hexdigest()
    created = None if entry.created is None else round(entry.created.timestamp() * 1000)
    # Java shows aliases in small letters, the file may have them otherwise.
    return entry.alias.lower(), type(entry), chain, digest, created


def own_passwords(record: dict[str, Any]) -> dict[str, str]:
    """The passwords of single keys."""
    return {one["alias"]: one["key_password"] for one in record["entries"] if one.get("key_password")}


@pytest.mark.parametrize("record", expecting("load", *READ), ids=name)
def test_what_java_loads_loads_and_agrees(record):
    """Aliases, kinds, chains, keys and dates."""
    keystore = load(content(record), record["store_password"], own_passwords(record))
    assert READ[record["format"]] == keystore.format
    entries = {expected(entry, keystore.format) for entry in record["entries"]}
    assert entries == {actual(entry) for entry in keystore.entries}


@pytest.mark.parametrize("record", expecting("load", "JKS", "JCEKS"), ids=name)
def test_certificates_of_javas_stores_need_no_password(record):
    """Keys are locked; a store of secret keys alone is refused."""
    whole = load(content(record), record["store_password"], own_passwords(record))
    if whole.entries and len(whole.secrets) == len(whole.entries):
        pytest.skip("there is nothing in it but secret keys")
    seen = load(content(record)).entries
    assert [one.alias for one in whole.entries] == [one.alias for one in seen]


@pytest.mark.parametrize("record", expecting("reject", *READ), ids=name)
@pytest.mark.parametrize("password", [None, "12345678", "not-the-password"])
def test_what_java_refuses_is_refused(record, password):
    """Unknown passwords, sealing algorithms and classes, whichever password is tried."""
    with pytest.raises(KeystoreError):
        load(content(record), password)


@pytest.mark.parametrize("record", expecting("load", *READ)[::8], ids=name)
def test_a_wrong_password_is_named(record):
    """Whoever wrote the file."""
    with pytest.raises(WrongPassword):
        load(content(record), "not-the-password")
