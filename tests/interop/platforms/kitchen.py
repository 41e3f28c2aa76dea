"""Kits as ``twoway kit`` writes them, for real consumers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from tests.parts import material
from tests.parts.credentials import Pem
from tests.parts.material import Holder
from twoway.cli import run

PASSWORD = "mybundle123"


@dataclass(frozen=True)
class Kit:
    """The folder of a kit and the password of its files."""

    folder: Path
    password: str = PASSWORD

    def keep(self, name: str) -> Path:
        """A file that stays with us."""
        return self.folder / "keep" / name

    def send(self, name: str) -> Path:
        """A file for the other side."""
        return self.folder / "send" / name

    @property
    def steps(self) -> str:
        """What it says is to be done."""
        return (self.folder / "STEPS.md").read_text()

    @property
    def report(self) -> Any:
        """What was checked."""
        return json.loads((self.folder / "preflight.json").read_text())

    @property
    def codes(self) -> list[str]:
        """The findings of the report."""
        return [finding["code"] for finding in self.report["findings"]]


def kit(folder: Path, platform: str, *options: object, status: int = 0) -> Kit:
    """Make a kit in a new folder with ``twoway kit``; in this process, which saves half a second each."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    secret = folder.with_name(f"{folder.name}.password")
    secret.write_text(PASSWORD)
    words = ["kit", platform, "-o", folder, "--out-password-file", secret, *options]
    assert status == run([str(word) for word in words])
    return Kit(folder)


def of(files: Pem) -> tuple[object, ...]:
    """Options that name an identity's files, the chain in the one with the certificate."""
    return ("--key", files.key, "--certificate", files.certificate)


@dataclass(frozen=True)
class Link:
    """Both sides of a link: two PKIs that have nothing in common, each with an issuing CA, and their files."""

    client: Pem
    client_ca: Path
    server: Pem
    server_ca: Path
    stranger: Pem
    stranger_ca: Path


def link(directory: Path, *, names: Iterable[str] = ()) -> Link:
    """Make the material of a link: RSA for the identities, as every platform takes it.

    Args:
        names: further names of the server, beside localhost and 127.0.0.1.
    """
    clients, servers, strangers = (
        _issuing(material.issue(f"{who} Root", ca=True, days=(-1, 300)))
        for who in ("Client", "Server", "Stranger")
    )
    days = (-1.0, 300.0)
    client = material.issue("acme", by=clients, usage=[material.CLIENT], key=_rsa(), days=days)
    hosts = ("localhost", "127.0.0.1", *names)
    server = material.issue("api", by=servers, names=hosts, usage=[material.SERVER], key=_rsa(), days=days)
    stranger = material.issue("stranger", by=strangers, usage=[material.CLIENT], key=_rsa(), days=days)
    return Link(
        client.pem(directory, "client"),
        client.ca_file(directory, "client-root"),
        server.pem(directory, "server"),
        server.ca_file(directory, "server-root"),
        stranger.pem(directory, "stranger"),
        stranger.ca_file(directory, "stranger-root"),
    )


def _issuing(root: Holder) -> Holder:
    return material.issue(f"{_name(root)} Issuing", by=root, ca=True, days=(-1, 300))


def _name(holder: Holder) -> str:
    return holder.leaf.subject.rdns[0].rfc4514_string().removeprefix("CN=")


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)
