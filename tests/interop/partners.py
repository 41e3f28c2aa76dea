"""Partners of every kind, accepted with the product's commands, and the files that their clients load."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.interop.visitors import Credential, Form
from tests.parts import material, openssl, programs
from tests.parts.credentials import P12, Pem
from tests.parts.material import Holder
from tests.parts.served import Served
from twoway.cli import run

PASSWORD = "correct horse battery"


def twoway(gateway: Served, *arguments: object) -> None:
    """Run a command on the gateway's realm; in this process, which saves half a second each."""
    assert 0 == run([*map(str, arguments), "--realm", str(gateway.realm.directory)])


@dataclass
class Partners:
    """The partners of a realm, all of whom may call the same services; ``server_ca`` is what they are given to trust.

    globex has what we issued; initech brings what ``openssl req -x509`` made, hooli a certificate of a CA that is
    not trusted as such; umbrella and tyrell bring their CAs. Umbrella's clients send their intermediate, tyrell's
    do not, so that it was accepted along with the CA.
    """

    gateway: Served
    services: tuple[str, ...]
    made: dict[tuple[str, Form], Credential] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        for name in ("globex", "initech", "hooli", "umbrella", "tyrell"):
            self.gateway.client(name, *self.services)
        self.made["issued", "p12"] = self.issue()
        self.made["issued", "pem"] = self._issue_for_request()
        self._pin_self_signed()
        self._pin_of_a_ca()
        self.umbrella = self._accept_authority("umbrella")
        self.tyrell = self._accept_authority("tyrell", "--chain")
        self.gateway.settled()

    def credential(self, kind: str, form: Form) -> Credential:
        """Return what a client of this kind of partner presents.

        Args:
            kind: ``issued``, ``pinned``, ``pinned-of-a-ca``, ``partner-ca`` or ``partner-ca-alone``. Of the last two
                each call makes a new certificate, that nobody has decided on yet.
            form: of the files.
        """
        if kind == "partner-ca":
            return self._written("umbrella", self._leaf("umbrella", self.umbrella), form)
        if kind == "partner-ca-alone":
            holder = self._leaf("tyrell", self.tyrell)
            return self._written("tyrell", Holder(holder.key, holder.certificates[:1]), form)
        return self.made[kind, form]

    def stranger(self, form: Form) -> Credential:
        """Return what somebody presents whom nobody knows."""
        holder = material.client(material.root("Strange CA"), "stranger")
        return self._written("stranger", holder, form)

    def issue(self, *options: str) -> Credential:
        """Issue a further certificate for globex, by the command in a process of its own, as its user would."""
        files = self.gateway.files
        directory = files / f"globex-{next(self.numbers)}"
        password = files / "password"
        password.write_text(PASSWORD)
        command: list[str | Path] = [sys.executable, "-m", "twoway", "client", "issue", "globex", *options]
        command += ["-o", directory, "--out-password-file", password]
        programs.check([*command, "--realm", self.gateway.realm.directory])
        self.server_ca = directory / "server-ca.pem"
        return Credential("globex", P12(directory / "client.p12", PASSWORD), _certificates(_chain(directory)))

    def _issue_for_request(self) -> Credential:
        """Issue for a key that the partner keeps to itself."""
        files = self.gateway.files
        pem = Pem(files / "globex.pem", files / "globex.key")
        new = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=whatever"]
        programs.check([*new, "-keyout", pem.key, "-out", files / "globex.csr"])
        twoway(self.gateway, "client", "issue", "globex", "-o", files / "csr", "--csr", files / "globex.csr")
        pem.certificate.write_bytes(_chain(files / "csr"))
        return Credential("globex", pem, _certificates(_chain(files / "csr")))

    def _pin_self_signed(self) -> None:
        pem = openssl.self_signed(self.gateway.files / "initech", "initech", "-days", "365")
        twoway(self.gateway, "client", "accept", "initech", "--certificate", pem.certificate)
        sent = _certificates(pem.certificate.read_bytes())
        self.made["pinned", "pem"] = Credential("initech", pem, sent)
        self.made["pinned", "p12"] = Credential("initech", openssl.pkcs12(pem), sent)

    def _pin_of_a_ca(self) -> None:
        """Pin a leaf alone; its clients may well send all that they have, up to the root."""
        holder = material.client(
            material.issue("Hooli Issuing CA", by=material.root("Hooli CA"), ca=True), "hooli"
        )
        self.gateway.pin("hooli", holder.leaf.public_bytes(Encoding.PEM))
        alone = Holder(holder.key, holder.certificates[:1])
        self.made["pinned-of-a-ca", "pem"] = self._written("hooli", holder, "pem")
        self.made["pinned-of-a-ca", "p12"] = self._written("hooli", alone, "p12")

    def _accept_authority(self, client: str, *chain: str) -> Holder:
        root = material.root(f"{client} Root")
        issuing = material.issue(f"{client} Issuing CA", by=root, ca=True)
        authority = root.ca_file(self.gateway.files, f"{client}-root")
        between = self.gateway.files / f"{client}-issuing.pem"
        between.write_bytes(issuing.leaf.public_bytes(Encoding.PEM))
        rule = ("--authority", authority, "--san", f"DNS:*.{client}.example")
        twoway(self.gateway, "client", "accept", client, *rule, *((*chain, between) if chain else ()))
        return issuing

    def _leaf(self, client: str, issuing: Holder) -> Holder:
        """Make a client's certificate, with the intermediate, and without the root, that need not be sent."""
        holder = material.client(issuing, f"billing.{client}.example")
        return Holder(holder.key, holder.certificates[:2])

    def _written(self, client: str, holder: Holder, form: Form) -> Credential:
        stem = f"{client}-{next(self.numbers)}"
        directory = self.gateway.files
        files = holder.pem(directory, stem) if form == "pem" else holder.p12(directory, stem)
        return Credential(client, files, holder.certificates)


def _chain(directory: Path) -> bytes:
    return (directory / "certificate.pem").read_bytes() + (directory / "chain.pem").read_bytes()


def _certificates(data: bytes) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificates(data))
