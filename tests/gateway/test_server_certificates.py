"""Server certificates while the gateway runs: renewed by us, replaced in their files, broken or unfit there.

And the gateway itself: which keys and certificates it takes, so that what refuses them beforehand is true.
"""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519
from cryptography.hazmat.primitives.serialization import Encoding

from tests.parts import material, raw
from tests.parts.material import Holder
from tests.parts.served import Served, realm_at
from tests.parts.upstream import Upstream, upstream
from tests.x509 import pki
from twoway.realm import services, vault
from twoway.realm.records import JournalEntryRecord
from twoway.realm.services import ServiceOptions
from twoway.x509.certificates import Certificate
from twoway.x509.identity import Identity
from twoway.x509.server_weaknesses import server_weaknesses

# Files are looked at every two seconds.
PATIENCE_SECONDS = 15
PASSWORD = "changeit"

RENEWED, PEM, PKCS12, BROKEN, LOST, UNFIT = (
    f"{name}.example.com" for name in ("renewed", "pem", "pkcs12", "broken", "lost", "unfit")
)
HOSTS = (RENEWED, PEM, PKCS12, BROKEN, LOST, UNFIT)


@dataclass
class Story:
    """What new handshakes showed, by host, and what the open connections were answered.

    Args:
        before: at first.
        after: when files had been replaced, broken and removed.
        mended: when the broken file had been replaced by a sound one.
        wanted: what is in the files that were replaced.
        statuses: of requests on connections that were open all the time.
        told: what the journal says about certificates that were kept.
    """

    before: dict[str, bytes]
    after: dict[str, bytes]
    mended: bytes
    wanted: dict[str, bytes]
    statuses: dict[str, int]
    told: list[JournalEntryRecord]


@pytest.fixture(scope="module")
def api() -> Iterator[Upstream]:
    """A backend."""
    with upstream() as made:
        yield made


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, api: Upstream) -> Story:
    """Six hosts, a connection to each that stays open, and then everything happens to their certificates."""
    files = tmp_path_factory.mktemp("certificates")
    root = material.root("Corporate Root")
    old = datetime.now(UTC) - timedelta(days=300)
    with realm_at(files, made=old) as realm, ExitStack() as connections:
        for host in (PEM, BROKEN, LOST, UNFIT):
            add(realm, api, host, brought_as_pem(files, host, material.server(root, host)))
        add(realm, api, PKCS12, brought_as_pkcs12(files, PKCS12, material.server(root, PKCS12)))
        add(realm, api, RENEWED, None, at=old)
        realm.start()
        opened = {
            host: connections.enter_context(raw.connect(realm.port, server_name=host, verdict_seconds=0))
            for host in HOSTS
        }
        before = {host: shown(realm, host) for host in HOSTS}
        wanted = {host: material.server(root, host) for host in (PEM, PKCS12)}
        brought_as_pem(files, PEM, wanted[PEM])
        brought_as_pkcs12(files, PKCS12, wanted[PKCS12])
        (files / BROKEN).with_suffix(".pem").write_text("no certificate")
        (files / LOST).with_suffix(".pem").unlink()
        brought_as_pem(files, UNFIT, material.server(root, "another.example.com"))
        wait(lambda: all(shown(realm, host) != before[host] for host in (RENEWED, PEM, PKCS12)))
        wait(lambda: len(realm.entries("server-certificate-kept", seconds=0)) > 2)
        after = {host: shown(realm, host) for host in HOSTS}
        wanted[BROKEN] = material.server(root, BROKEN)
        brought_as_pem(files, BROKEN, wanted[BROKEN])
        wait(lambda: shown(realm, BROKEN) != before[BROKEN])
        statuses = {host: one.request("/", host=host).status for host, one in opened.items()}
        told = realm.entries("server-certificate-kept")
        leaves = {host: holder.leaf.public_bytes(Encoding.DER) for host, holder in wanted.items()}
        return Story(before, after, shown(realm, BROKEN), leaves, statuses, told)


def add(
    realm: Served, api: Upstream, host: str, identity: vault.Brought | None, at: datetime | None = None
) -> None:
    """Add a service with a host of its own, which anybody may call."""
    options = ServiceOptions(host=host, client_certificate="optional")
    with realm.realm.changing("test", at=at) as change:
        services.add(change, host.partition(".")[0], api.url, options=options, identity=identity)


def brought_as_pem(files: Path, host: str, holder: Holder) -> vault.Brought:
    """Write a certificate into the file of its host, and bring it."""
    made = holder.pem(files, host)
    return vault.read([Path(made.certificate), Path(made.key)])


def brought_as_pkcs12(files: Path, host: str, holder: Holder) -> vault.Brought:
    """Write a certificate into the keystore of its host, and bring it."""
    return vault.read([holder.p12(files, host).path], PASSWORD.encode())


def shown(realm: Served, host: str) -> bytes:
    """Return the certificate (DER) that a new handshake shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", realm.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname=host) as connection,
    ):
        return connection.getpeercert(binary_form=True) or b""


def wait(wanted: Callable[[], bool]) -> None:
    """Wait until it is so, or for long enough."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not wanted() and time.monotonic() < end:
        time.sleep(0.1)


def test_certificate_of_ours_is_renewed(story: Story) -> None:
    """When two thirds of its life have passed, without anybody's doing."""
    assert story.before[RENEWED] != story.after[RENEWED]


@pytest.mark.parametrize("host", [PEM, PKCS12])
def test_replaced_file_is_served(story: Story, host: str) -> None:
    """New handshakes show what is in it now."""
    assert story.wanted[host] == story.after[host]


@pytest.mark.parametrize("host", [BROKEN, LOST, UNFIT])
def test_broken_file_changes_nothing(story: Story, host: str) -> None:
    """The certificate that was taken from it before goes on."""
    assert story.before[host] == story.after[host]


def test_journal_says_that_a_certificate_was_kept(story: Story) -> None:
    """Of each host once, not every time that its file is looked at."""
    hosts = [json.loads(entry.detail)["host"] for entry in story.told]
    assert (sorted([BROKEN, LOST, UNFIT]), {"alarm"}) == (sorted(hosts), {entry.kind for entry in story.told})


def test_journal_says_why_and_which_file(story: Story) -> None:
    """A file that could be read, and whose certificate no client would take, is told by its fault."""
    (why,) = (json.loads(one.detail)["why"] for one in story.told if UNFIT in one.detail)
    assert "another.example.com" in why
    assert "unfit.example.pem" in why


def test_mended_file_is_served(story: Story) -> None:
    """It is looked at again and again."""
    assert story.wanted[BROKEN] == story.mended


def test_no_connection_is_dropped(story: Story) -> None:
    """Those that were open before go on with what they were opened with."""
    assert dict.fromkeys(HOSTS, 200) == story.statuses


# -- what the gateway takes ------------------------------------------------------------------------------------------

TAKEN, REFUSED = "taken", "refused"
STAPLE = x509.TLSFeature([x509.TLSFeatureType.status_request])
# By name: what a certificate has otherwise than a sound one, and what Envoy does.
KINDS: dict[str, tuple[dict[str, object], str]] = {
    "rsa-2048": ({"key": pki.rsa_key()}, TAKEN),
    "rsa-1024": ({"key": pki.rsa_key(1024)}, REFUSED),
    "p256": ({}, TAKEN),
    "p384": ({"key": ec.generate_private_key(ec.SECP384R1())}, TAKEN),
    "p521": ({"key": ec.generate_private_key(ec.SECP521R1())}, TAKEN),
    "p224": ({"key": ec.generate_private_key(ec.SECP224R1())}, REFUSED),
    "secp256k1": ({"key": ec.generate_private_key(ec.SECP256K1())}, REFUSED),
    "brainpool": ({"key": ec.generate_private_key(ec.BrainpoolP256R1())}, REFUSED),
    "ed25519": ({"key": ed25519.Ed25519PrivateKey.generate()}, TAKEN),
    "ed448": ({"key": ed448.Ed448PrivateKey.generate()}, REFUSED),
    "ec-without-signatures": ({"key_usages": ["key_agreement"]}, REFUSED),
    "rsa-without-signatures": ({"key": pki.rsa_key(), "key_usages": ["key_encipherment"]}, TAKEN),
    "must-staple": ({"extensions": [(STAPLE, False)]}, REFUSED),
    "authority": ({"ca": True}, TAKEN),
    "without-names": ({"names": []}, TAKEN),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory, api: Upstream) -> dict[str, tuple[str, bool]]:
    """What Envoy did with a certificate of each kind, and whether it is refused beforehand."""
    now = datetime.now(UTC)
    root = pki.made("root", ca=True, start=now - pki.DAY, end=now + 90 * pki.DAY)
    found = {}
    with realm_at(tmp_path_factory.mktemp("kinds")) as realm:
        for kind in KINDS:
            add(realm, api, f"{kind}.example.com", None)
        realm.start()
        chains = {kind: put(realm, kind, root, now) for kind in KINDS}
        last = [kind for kind, (_, expected) in KINDS.items() if expected == TAKEN][-1]
        wait(lambda: shown(realm, f"{last}.example.com") == chains[last][0].der)
        for kind, chain in chains.items():
            host = f"{kind}.example.com"
            errors = [one for one in server_weaknesses(chain, at=now, host=host) if one.severity == "error"]
            found[kind] = (TAKEN if shown(realm, host) == chain[0].der else REFUSED, bool(errors))
    return found


def put(realm: Served, kind: str, root: pki.Holder, now: datetime) -> tuple[Certificate, ...]:
    """Put a certificate of a kind into the vault, past what would refuse it, and return its chain."""
    host, (options, _) = f"{kind}.example.com", KINDS[kind]
    sound = {"names": [x509.DNSName(host)], "usages": [pki.SERVER], "key_usages": ["digital_signature"]}
    dates = {"start": now - pki.DAY, "end": now + 90 * pki.DAY}
    holder = pki.made(host, **{"by": root, **sound, **dates, **options})  # type: ignore[arg-type]  # the table knows them
    chain = (holder.certificate, root.certificate)
    with realm.realm.changing("test") as change:
        vault.put(change, services.OWNER, host, vault.Brought(Identity(holder.key, chain)))
    return chain


@pytest.mark.parametrize("kind", KINDS)
def test_certificate_that_the_gateway_refuses_is_refused_beforehand(
    kind: str, judged: dict[str, tuple[str, bool]]
) -> None:
    """And no other."""
    expected = KINDS[kind][1]
    assert (expected, expected == REFUSED) == judged[kind]
