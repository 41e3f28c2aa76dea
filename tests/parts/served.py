"""A realm that is served by ``twoway serve`` in processes of its own, as a user would have it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import dsa

from tests.parts.credentials import Pem
from tests.parts.material import Holder
from twoway.gateway.runtime import Runtime, runtime
from twoway.realm import bindings, clients, gateways, journal, services
from twoway.realm.bindings import Issued
from twoway.realm.realm import Realm
from twoway.realm.records import BindingRecord, JournalEntryRecord
from twoway.realm.services import ServiceOptions

ACTOR = "test"


def free_port() -> int:
    """Return a TCP port that nobody uses just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Served:
    """A realm, and where its gateway listens.

    Args:
        realm: opened by the test's own process: what it changes, ``twoway serve`` hears of.
        port: the gateway's.
        files: where the realm and the test's files are.
        options: more options of ``twoway serve``.
    """

    realm: Realm
    port: int
    files: Path
    options: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def runtime(self) -> Runtime:
        """The folder of the running gateway's sockets."""
        return runtime(self.realm.record().identifier, self.realm.directory)

    def service(self, name: str, upstream: str, **options: object) -> None:
        """Add a service that explains its refusals, unless ``refusals`` says otherwise."""
        made = ServiceOptions(**{"refusals": "explained", **options})  # type: ignore[arg-type]  # the test knows them
        with self.realm.changing(ACTOR) as change:
            services.add(change, name, upstream, options=made)

    def client(self, name: str, *allow: str) -> None:
        """Add a client that may call these services."""
        with self.realm.changing(ACTOR) as change:
            clients.add(change, name, allow)

    def issue(self, client: str, *, at: datetime | None = None, **options: object) -> tuple[Issued, Pem]:
        """Issue a certificate for a client, now or as if it were then; return it, and its files."""
        with self.realm.changing(ACTOR, at=at) as change:
            issued = bindings.issue(change, client, **options)  # type: ignore[arg-type]  # the test knows them
        assert issued.key is not None
        chain = (issued.certificate, *issued.chain)
        assert not isinstance(issued.key, dsa.DSAPrivateKey)
        holder = Holder(issued.key, tuple(one.parsed for one in chain))
        return issued, holder.pem(self.files, f"{client}-{issued.certificate.serial_hex}")

    def pin(self, client: str, certificate: bytes) -> BindingRecord:
        """Accept a certificate that a client brings (PEM or DER)."""
        with self.realm.changing(ACTOR) as change:
            return bindings.accept_certificate(change, client, certificate).binding

    def accept_authority(self, client: str, certificate: bytes, rule: str) -> BindingRecord:
        """Accept a partner's CA (PEM or DER) with a rule for names."""
        with self.realm.changing(ACTOR) as change:
            return bindings.accept_authority(change, client, certificate, rule=rule).binding

    def revoke(self, client: str, binding_id: int | None = None) -> None:
        """Revoke a client or one of its bindings, and wait until the gateway says that it is in force."""
        with self.realm.changing(ACTOR) as change:
            revoked = bindings.revoke(change, client, binding_id)
        self.settled(revoked.revision)

    def settled(self, revision: int | None = None, seconds: float = 10) -> None:
        """Wait until the gateway has acknowledged a revision; the newest if left out."""
        wanted = revision or self.realm.revisions().realm
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with self.realm.reading() as connection:
                nodes = gateways.nodes(connection)
            if nodes and all(node.acknowledged_revision >= wanted for node in nodes):
                return
            time.sleep(0.01)
        raise TimeoutError(f"revision {wanted} was not acknowledged: {nodes}")

    def entries(
        self, code: str | None = None, *, ticket: str | None = None, seconds: float = 5
    ) -> list[JournalEntryRecord]:
        """Return the journal's entries of a code or a ticket, once there are any."""
        end = time.monotonic() + seconds
        while True:
            with self.realm.reading() as connection:
                found = [
                    entry
                    for entry in journal.latest(connection, limit=1000, ticket=ticket)
                    if code is None or entry.code == code
                ]
            if found or time.monotonic() > end:
                return found
            time.sleep(0.02)

    def start(self) -> None:
        """Start ``twoway serve`` and wait until it is ready."""
        command = [sys.executable, "-m", "twoway", "serve", "--realm", str(self.realm.directory), "--json"]
        command += ["--listen", f"127.0.0.1:{self.port}", "--workers", "1", *self.options]
        with (self.files / "serve.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert b'"ready"' in line, (line, (self.files / "serve.log").read_text())

    def stop(self) -> None:
        """End it as Ctrl-C would: the gateway ends with it."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None

    def kill(self) -> None:
        """Kill the control plane, as `kill -9` would; the gateway goes on."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(5)
        if self.process.stdout:
            self.process.stdout.close()
        self.process = None

    def gateway_pid(self) -> int:
        """Return the process number of Envoy."""
        found: int = json.loads(self.runtime.process.read_text())["pid"]
        return found


@contextmanager
def realm_at(files: Path, *options: str, made: datetime | None = None) -> Iterator[Served]:
    """Make a realm that is not served yet; whatever was started for it is ended afterwards.

    Args:
        files: an empty folder.
        options: more options of ``twoway serve``.
        made: when; its authority issues nothing that is older.
    """
    with Realm.create(files / "realm", name="acme", at=made or datetime.now(UTC)) as realm:
        one = Served(realm, free_port(), files, options)
        try:
            yield one
        finally:
            one.stop()
            _end_left_over(one.runtime)


@contextmanager
def served(files: Path, *options: str) -> Iterator[Served]:
    """Make a realm and serve it; services and clients can be added before and while it runs."""
    with realm_at(files, *options) as made:
        made.start()
        yield made


def _end_left_over(place: Runtime) -> None:
    """End an Envoy that a killed control plane left."""
    if place.process.exists():
        with suppress(ProcessLookupError):
            os.kill(json.loads(place.process.read_text())["pid"], signal.SIGKILL)
        place.process.unlink(missing_ok=True)
