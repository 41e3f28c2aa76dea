"""Both sides of a link as their owners have them, and kits made of that with the product's command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.interop.platforms import kitchen
from tests.interop.platforms.kitchen import PASSWORD
from tests.parts import material
from tests.parts.material import CLIENT, SERVER, Holder
from tests.parts.programs import Finished, run, serving

__all__ = ["PASSWORD", "Side", "both", "ca_signed", "java", "java_server", "kit", "self_signed", "side"]

DAYS = (-1.0, 300.0)
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")


@dataclass(frozen=True)
class Side:
    """One side of a link: its identity, and what the other side has to trust."""

    holder: Holder
    folder: Path
    name: str

    @property
    def key(self) -> Path:
        """The private key, PEM."""
        return self.folder / f"{self.name}.key"

    @property
    def chain(self) -> Path:
        """The certificates, PEM, leaf first."""
        return self.folder / f"{self.name}.pem"

    @property
    def anchor(self) -> Path:
        """What the other side trusts, PEM: the root, or the certificate itself where it is self-signed."""
        return self.folder / f"{self.name}-anchor.pem"


def side(folder: Path, name: str, holder: Holder) -> Side:
    """Write the files of one side."""
    holder.pem(folder, name)
    holder.ca_file(folder, f"{name}-anchor")
    return Side(holder, folder, name)


def ca_signed(folder: Path, name: str, usage: object, *names: str) -> Side:
    """Make a side whose certificate comes of a CA below a root, both of its own."""
    issuing = material.issue(f"{name} issuing", by=material.root(f"{name} root"), ca=True, days=DAYS)
    return side(folder, name, material.issue(name, by=issuing, names=names, usage=[usage], days=DAYS))  # type: ignore[list-item]


def self_signed(folder: Path, name: str, usage: object, *names: str) -> Side:
    """Make a side that is its own CA."""
    return side(folder, name, material.issue(name, names=names, usage=[usage], days=DAYS))  # type: ignore[list-item]


def both(folder: Path, make: object = ca_signed) -> tuple[Side, Side, Side]:
    """Make a client, a server for localhost, and a stranger whom nobody trusts."""
    return (
        make(folder, "client", CLIENT, "client.example"),  # type: ignore[operator]
        make(folder, "server", SERVER, "localhost", "127.0.0.1"),  # type: ignore[operator]
        make(folder, "stranger", CLIENT, "stranger.example"),  # type: ignore[operator]
    )


def kit(
    platform: str, of: Side, *options: object, trust: Side | None = None, to: str = "", status: int = 0
) -> Path:
    """Make a kit for a side with ``twoway kit`` and return its folder."""
    trusted = ["--trust", trust.anchor] if trust else []
    files = ["--key", of.key, "--certificate", of.chain, *trusted]
    return kitchen.kit(
        of.folder / f"{platform}-{to or of.name}", platform, *files, *options, status=status
    ).folder


def java(folder: Path, *arguments: object, **environment: str) -> Finished:
    """Run Java in a folder."""
    return run(
        ["java", *QUICK, *map(str, arguments)],
        cwd=folder,
        env={"STORE_PASSWORD": PASSWORD, **environment},
        timeout=60,
    )


@contextmanager
def java_server(folder: Path, *arguments: object, ready: str, **environment: str) -> Iterator[int]:
    """Run a Java server, whose log says the port that it chose, until the block ends."""
    # The shell's cd is what makes paths of a kit relative to the kit.
    argv: list[str | Path] = [
        "sh",
        "-c",
        'cd "$0" && exec "$@"',
        folder,
        "java",
        *QUICK,
        *map(str, arguments),
    ]
    environment = {"STORE_PASSWORD": PASSWORD, **environment}
    with serving(argv, log=folder / "server.log", ready=ready, env=environment, timeout=60) as match:
        yield int(match[1])
