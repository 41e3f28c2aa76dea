"""The PKCS#12 files of other projects' tests: what loads in Java loads here and agrees, what does not does not."""

import hashlib
import os
from typing import Any

import pytest

from tests.keystores.vectors import ABSENT, MANIFEST, content, vectors
from twoway.errors import WrongPassword
from twoway.keystores import Entry, Format, IdentityEntry, SecretEntry, TrustedEntry, load

KINDS = {"private-key": IdentityEntry, "trusted-cert": TrustedEntry, "secret-key": SecretEntry}
RECORDS = vectors("PKCS12")
# The date by which Java's "now" of the measurement is told from a date that the file has.
MEASURED = 1_795_000_000_000


def test_vectors_are_here():
    """They are skipped with their reason, but not in the CI."""
    if not MANIFEST.exists():
        say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        say(ABSENT)


def expected(entry: dict[str, Any]) -> tuple[Any, ...]:
    """What Java says of an entry."""
    chain = tuple(one["sha256"] for one in entry.get("chain", ()))
    created = entry["created_ms"] if entry["kind"] != "trusted-cert" else None
    return (
        entry["alias"],
        KINDS[entry["kind"]],
        chain,
        entry.get("key_encoded_sha256"),
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
            raise AssertionError(f"{entry} did not open")
    digest = None if key is None else hashlib.sha256(key).hexdigest()
    created = None if entry.created is None else round(entry.created.timestamp() * 1000)
    # Java shows aliases in small letters, the file may have them otherwise.
    return entry.alias.lower(), type(entry), chain, digest, created


@pytest.mark.parametrize(
    "record",
    [record for record in RECORDS if record["expected"] == "load"],
    ids=lambda record: record["file"],
)
def test_what_java_loads_loads_and_agrees(record):
    """Aliases, kinds, chains, keys and dates."""
    keystore = load(content(record), record["store_password"])
    assert Format.PKCS12 == keystore.format
    assert {expected(entry) for entry in record["entries"]} == {actual(entry) for entry in keystore.entries}


@pytest.mark.parametrize(
    "record",
    [record for record in RECORDS if record["expected"] == "reject"],
    ids=lambda record: record["file"],
)
def test_what_java_refuses_is_refused(record):
    """Nobody knows the password of this one."""
    with pytest.raises(WrongPassword):
        load(content(record), "not-the-password")


@pytest.mark.parametrize("record", RECORDS[::8], ids=lambda record: record["file"])
def test_a_wrong_password_is_named(record):
    """Whoever wrote the file."""
    with pytest.raises(WrongPassword):
        load(content(record), "not-the-password")
