"""What every way in without right has to show.

It is refused with the reason that a user should see; the upstream receives nothing of it; the journal has the
ticket and names the true reason; and the same request with the right certificate passes.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from tests.parts import material, raw
from tests.parts.answers import Answer
from tests.parts.credentials import Pem
from tests.parts.material import Holder
from tests.parts.raw_http2 import Http2
from tests.parts.served import ACTOR, Served
from tests.parts.upstream import Request, Upstream
from twoway.realm import bindings, journal
from twoway.realm.realm import Realm
from twoway.realm.records import BindingRecord, JournalEntryRecord
from twoway.x509.certificates import KEY_USAGES

IDENTITY_HEADERS = ("x-client-id", "x-forwarded-client-cert", "client-cert", "client-cert-chain")

NOT_KNOWN_YET = Request("", "", "", (), b"", 0, None)

# Every way is tried over both.
PROTOCOLS = {"HTTP/1.1": ("http/1.1",), "HTTP/2": ("h2",)}


@dataclass(frozen=True)
class Caller:
    """Somebody without right, and what should become of it.

    Args:
        identity: what it presents; None for no certificate.
        code: the reason, to the caller and in the journal.
        client: whose certificate the journal says it is.
        status: of the answer.
        right: what passes with the same request; the gate's own client if left out.
        target: what it asks for.
        host: of the request, and of the handshake.
    """

    identity: Pem | None
    code: str
    client: str | None = None
    status: int = 403
    right: Pem | None = None
    target: str = "/orders/1"
    host: str = "localhost"


@dataclass
class Gate:
    """A served realm with a backend behind it.

    Args:
        served: the realm and its gateway.
        api: the backend of its services.
        right: the certificate of the client ``globex``, which may call what the rows ask for.
    """

    served: Served
    api: Upstream
    right: Pem
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def realm(self) -> Realm:
        """The realm."""
        return self.served.realm

    @property
    def files(self) -> Path:
        """Where certificates are written."""
        return self.served.files

    def name(self, kind: str = "client") -> str:
        """Return a name that nobody has yet."""
        return f"{kind}-{next(self._numbers)}"

    def pem(self, holder: Holder) -> Pem:
        """Write a certificate with its chain and key."""
        return holder.pem(self.files, self.name("file"))

    def client(self, *allow: str) -> str:
        """Add a client that may call these services; return its name."""
        name = self.name()
        self.served.client(name, *allow)
        return name

    def issued(self, *allow: str) -> tuple[str, Pem]:
        """Add a client with an issued certificate; return its name and its files."""
        name = self.client(*allow)
        _, files = self.served.issue(name)
        return name, files

    def pinned(self, holder: Holder, *allow: str, despite: tuple[str, ...] = ()) -> tuple[str, BindingRecord]:
        """Add a client that brings this very certificate; return its name and the binding."""
        name = self.client(*allow)
        with self.realm.changing(ACTOR) as change:
            accepted = bindings.accept_certificate(change, name, der(holder), despite=despite)
        return name, accepted.binding

    def bindings(self, client: str) -> tuple[BindingRecord, ...]:
        """Return a client's bindings."""
        with self.realm.reading() as connection:
            return bindings.bindings(connection, client)

    @contextmanager
    def connect(
        self,
        identity: Pem | None,
        *,
        host: str | None = "localhost",
        protocol: str = "HTTP/1.1",
        **options: Any,
    ) -> Iterator[raw.Connection | Http2]:
        """Connect, and do not wait for an alert that an explaining host does not send."""
        options.setdefault("verdict_seconds", 0.0)
        alpn = PROTOCOLS[protocol]
        with raw.connect(
            self.served.port, identity=identity, server_name=host, alpn=alpn, **options
        ) as connection:
            yield Http2(connection) if protocol == "HTTP/2" else connection

    def call(
        self,
        identity: Pem | None,
        target: str = "/orders/1",
        *,
        host: str = "localhost",
        protocol: str = "HTTP/1.1",
        **request: Any,
    ) -> Answer:
        """Make one request on a connection of its own."""
        with self.connect(identity, host=host, protocol=protocol) as connection:
            return connection.request(target, host=host, **request)

    def both(self, identity: Pem | None, target: str, **options: Any) -> list[Answer]:
        """Make the same request over HTTP/1.1 and over HTTP/2."""
        return [self.call(identity, target, protocol=protocol, **options) for protocol in PROTOCOLS]

    def refuses(self, caller: Caller) -> None:
        """Hold a way in against what it has to show."""
        self.served.settled()
        with self.reaching() as reached:
            for answer in self.both(caller.identity, caller.target, host=caller.host):
                self.explains(answer, caller)
        assert [] == reached
        with self.reaching() as reached:
            passed = self.both(caller.right or self.right, caller.target, host=caller.host)
        assert ([200, 200], 2) == ([answer.status for answer in passed], len(reached)), passed

    def explains(self, answer: Answer, caller: Caller) -> JournalEntryRecord:
        """Hold an answer against the reason, and the journal's entry of its ticket; return the entry."""
        told = json.loads(answer.body or "{}")
        assert (caller.status, caller.code) == (answer.status, told.get("code")), answer.body
        [entry] = self.served.entries(ticket=told["ticket"])
        assert (caller.code, caller.client) == (entry.code, entry.client), entry
        return entry

    @contextmanager
    def reaching(self) -> Iterator[list[Request]]:
        """Collect what reaches the upstream in the block; before its end nobody can take it for nothing."""
        before, unfinished = len(self.api.requests), len(self.api.unfinished)
        reached: list[Request] = [NOT_KNOWN_YET]
        yield reached
        # A part of a request is something as well.
        reached[:] = [*self.api.requests[before:], *self.api.unfinished[unfinished:]]

    def journalled(self, client: str, count: int = 1) -> list[JournalEntryRecord]:
        """Return the journal's entries of an issued client that never called before, once there are so many.

        This is how a refusal is found that has no ticket: the request was not even read.
        """
        end = time.monotonic() + 5
        while True:
            with self.realm.reading() as connection:
                latest = journal.latest(connection, limit=200)
            found = [entry for entry in latest if (entry.subject or "").startswith(f"CN={client},")]
            if len(found) >= count or time.monotonic() > end:
                return found
            time.sleep(0.02)

    def failed_handshakes(self, word: str) -> list[JournalEntryRecord]:
        """Return the journal's entries of handshakes in whose detail a word is, once there are any."""
        end = time.monotonic() + 5
        while True:
            with self.realm.reading() as connection:
                latest = journal.latest(connection, limit=200)
            found = [entry for entry in latest if entry.kind == "handshake" and word in entry.detail]
            if found or time.monotonic() > end:
                return found
            time.sleep(0.02)


def identity_headers(request: Request) -> dict[str, list[str]]:
    """Return what the upstream was told about the caller."""
    return {name: request.values(name) for name in IDENTITY_HEADERS if request.values(name)}


def der(holder: Holder) -> bytes:
    """Return a holder's own certificate, to be accepted."""
    return holder.leaf.public_bytes(Encoding.DER)


def crafted(
    name: str,
    by: Holder | None,
    *,
    usage: Sequence[str],
    names: Sequence[str] = (),
    authority: bool = False,
    path_length: int | None = None,
    critical: x509.ExtensionType | None = None,
) -> Holder:
    """Issue a certificate with these very extensions.

    Args:
        name: its common name.
        by: the issuer; itself if None.
        usage: the key usages, as cryptography calls them.
        names: DNS names.
        authority: whether it may issue.
        path_length: how many CAs may be below it.
        critical: one more extension, critical.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    model = material.issue(name, by=by).leaf
    builder = (
        x509.CertificateBuilder(model.issuer, model.subject, key.public_key(), model.serial_number)
        .not_valid_before(model.not_valid_before_utc)
        .not_valid_after(model.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(authority, path_length), critical=True)
        .add_extension(x509.KeyUsage(**{one: one in usage for one in KEY_USAGES}), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
        builder = builder.add_extension(alternatives, critical=False)
    if critical:
        builder = builder.add_extension(critical, critical=True)
    signer = by.key if by else key
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    return Holder(key, (builder.sign(signer, SHA256()), *(by.certificates if by else ())))
