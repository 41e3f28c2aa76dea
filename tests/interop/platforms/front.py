"""What stands in front of an application and asks for certificates: who calls it, and what it is made of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.interop.platforms.server_kits import kit, own
from tests.parts import curl, openssl, tls
from tests.parts import material as parts
from tests.parts.answers import Answer
from tests.parts.credentials import Pem
from tests.parts.material import Holder
from tests.parts.served import free_port
from tests.parts.upstream import Upstream, upstream
from twoway.cli import run


@dataclass(frozen=True)
class Callers:
    """A CA with an issuing CA and two clients, one revoked; a partner that signed its own; a stranger.

    Args:
        directory: where their files lie.
    """

    directory: Path

    @cached_property
    def root(self) -> Holder:
        """The clients' root."""
        return parts.root("Clients Root")

    @cached_property
    def issuing(self) -> Holder:
        """The CA below it, which clients send along."""
        return parts.issue("Clients Issuing", by=self.root, ca=True)

    @cached_property
    def globex(self) -> Pem:
        """A client."""
        return parts.client(self.issuing, "globex").pem(self.directory, "globex")

    @cached_property
    def vandelay(self) -> Pem:
        """A client that is revoked."""
        return self._revoked.pem(self.directory, "vandelay")

    @cached_property
    def _revoked(self) -> Holder:
        return parts.client(self.issuing, "vandelay")

    @cached_property
    def initech(self) -> Pem:
        """A partner that brings what ``openssl req -x509`` made."""
        return openssl.self_signed(self.directory / "initech", "initech", "-days", "365")

    @cached_property
    def stranger(self) -> Pem:
        """Somebody with a client's name and another CA."""
        return parts.client(parts.root("Clients Root"), "globex").pem(self.directory, "stranger")

    @cached_property
    def server(self) -> Holder:
        """Who they call, under a CA of its own."""
        return parts.server(parts.issue("Server Issuing", by=parts.root("Server Root"), ca=True))

    @property
    def crls(self) -> tuple[object, ...]:
        """The options with the lists of both CAs."""
        written: list[object] = []
        for holder, serials in ((self.root, []), (self.issuing, [self._revoked.leaf.serial_number])):
            path = self.directory / f"{len(written)}.crl"
            path.write_bytes(crl(holder, serials))
            written += ["--crl", path]
        return tuple(written)

    def kit(self, name: str, platform: str, *options: object) -> Path:
        """Make a server's kit that trusts the root, or what the options say."""
        identity = own(self.server, self.directory, "server")
        root = self.root.ca_file(self.directory, "clients-root")
        return kit(self.directory / name, platform, "server", *identity, "--trust", root, *options)


@dataclass(frozen=True)
class Front:
    """A server with a kit, in front of an application."""

    callers: Callers
    port: int
    ca: Path

    def get(self, identity: Pem | None, *options: str) -> Answer:
        """Call it with a certificate."""
        return curl.get(
            f"https://localhost:{self.port}/hello", ca=self.ca, identity=identity, options=options
        )


# What runs a server with the kit's configuration on this port.
Running = Callable[[Path, int], AbstractContextManager[object]]


@contextmanager
def standing(
    callers: Callers, platform: str, running: Running, *options: object, name: str = "kit"
) -> Iterator[Front]:
    """Make a kit and let a server run with it, and with nothing else, until the block ends."""
    port = free_port()
    made = callers.kit(name, platform, "--peer", f"https://localhost:{port}", *options)
    with running(made, port):
        yield Front(callers, port, made / "send/server-ca.pem")


@contextmanager
def rootless(
    callers: Callers, directory: Path, platform: str, running: Running, *, status: int = 1
) -> Iterator[tuple[Front, list[str]]]:
    """Run a server with a kit that trusts the issuing CA without its root, and tell what the preflight found."""
    issuing, port = directory / "issuing.pem", free_port()
    issuing.write_bytes(callers.issuing.leaf.public_bytes(Encoding.PEM))
    identity = own(callers.server, directory, "server")
    made = directory / "kit"
    where = ("--peer", f"https://localhost:{port}", "--set", f"directory={made / 'keep'}", "-o", made)
    words = ["kit", platform, "--use", "server", *identity, "--trust", issuing, *where]
    assert status == run([str(word) for word in words])
    report = json.loads((made / "preflight.json").read_text())
    with running(made, port):
        found = [finding["code"] for finding in report["findings"] if finding["severity"] == "error"]
        yield Front(callers, port, made / "send/server-ca.pem"), found


@dataclass(frozen=True)
class Partner:
    """A partner's server on localhost that lets one client in.

    Args:
        server: what it is; ``requests`` has who called.
        root: what its own certificate is of.
        client: whom it lets in, under a CA with an intermediate.
    """

    server: Upstream
    root: Holder
    client: Holder


@contextmanager
def partner(directory: Path) -> Iterator[Partner]:
    """Serve until the block ends."""
    root, clients = parts.root("Partner Root"), parts.root("Acme Root")
    client = parts.client(parts.issue("Acme Issuing", by=clients, ca=True), "acme")
    context = tls.server(
        parts.server(root).pem(directory, "partner"), clients=clients.ca_file(directory, "acme")
    )
    with upstream(context) as server:
        yield Partner(server, root, client)


def calling(directory: Path, platform: str, running: Running, there: Partner, trusting: Holder) -> Answer:
    """Make a client's kit, let a server run with it, and call the partner through it.

    Args:
        trusting: the root that the kit is told to trust.
    """
    listen = free_port()
    options = (*own(there.client, directory, "client"), "--trust", trusting.ca_file(directory, "trusted"))
    where = ("--set", f"listen=127.0.0.1:{listen}", "--peer", f"https://localhost:{there.server.port}")
    made = kit(directory / "kit", platform, "client", *options, *where)
    with running(made, listen):
        return curl.get(f"http://127.0.0.1:{listen}/users")


def headers(answer: Answer) -> dict[str, list[str]]:
    """What the application got about the client, by name in lower case and with dashes."""
    found: dict[str, list[str]] = {}
    sent: Any = answer.json["headers"]
    for name, value in sent:
        plain = name.lower().replace("_", "-")
        if plain.startswith("x-ssl-client-"):
            found.setdefault(plain, []).append(value)
    return found


def forged(names: object) -> list[str]:
    """Options of curl that write each header, with dashes and with underscores."""
    assert isinstance(names, dict)
    return [f"-H{name.replace('-', mark)}: CN=admin" for name in names for mark in "-_"]


def crl(by: Holder, serials: list[int]) -> bytes:
    """Sign a revocation list, PEM."""
    now = datetime.now(UTC)
    revoked = [
        x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now).build()
        for serial in serials
    ]
    builder = x509.CertificateRevocationListBuilder(revoked_certificates=revoked)
    builder = builder.issuer_name(by.leaf.subject).last_update(now - timedelta(hours=1))
    signed = builder.next_update(now + timedelta(days=7)).sign(by.key, hashes.SHA256())
    return signed.public_bytes(Encoding.PEM)
