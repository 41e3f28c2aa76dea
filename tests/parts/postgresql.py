"""Debian's PostgreSQL, in the foreground, with settings and access rules from files, and its psql."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.parts.presence import require
from tests.parts.programs import Finished, check, run, serving

BINARIES = Path("/usr/lib/postgresql/15/bin")
# PostgreSQL runs as anybody but root.
USER = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


@dataclass(frozen=True)
class Database:
    """A new database cluster in a folder that its user can reach.

    Args:
        place: the folder; the files of ``tls`` below are its user's own.
        port: on 127.0.0.1.
    """

    place: Path
    port: int

    @property
    def tls(self) -> Path:
        """Where keys and certificates are put."""
        return self.place / "tls"

    def put(self, files: Path, *names: str) -> None:
        """Do as ``install -o postgres`` does: put files there, with their rights, for the database's user."""
        for name in names:
            shutil.copy(files / name, self.tls / name)
            shutil.chown(self.tls / name, USER)

    def configure(self, kit: Path) -> None:
        """Take over the settings, the rules and the map of a kit."""
        data = self.place / "data"
        with (data / "postgresql.conf").open("a") as file:
            file.write(
                f"include '{self.place}/twoway.conf'\nlisten_addresses = '127.0.0.1'\nport = {self.port}\n"
            )
            file.write(f"unix_socket_directories = '{self.place}'\nfsync = off\n")
        shutil.copy(kit / "twoway.conf", self.place)
        rules = (kit / "pg_hba.conf").read_text()
        (data / "pg_hba.conf").write_text(f"{rules}local all all trust\n")
        if (kit / "pg_ident.conf").exists():
            (data / "pg_ident.conf").write_text((kit / "pg_ident.conf").read_text())

    def said(self) -> str:
        """Start it, and return why it did not start."""
        return run(
            [*_as_user(), BINARIES / "postgres", "-D", self.place / "data"], timeout=10
        ).stderr.decode()

    @contextmanager
    def serving(self, *users: str) -> Iterator[None]:
        """Serve until the block ends, with these users."""
        argv = [*_as_user(), BINARIES / "postgres", "-D", self.place / "data"]
        with serving(argv, log=self.place / "log", ready="ready to accept connections"):
            for user in users:
                local = f"host={self.place} port={self.port} user=postgres"
                check([BINARIES / "psql", local, "-c", f"CREATE ROLE {user} LOGIN"])
            yield


@contextmanager
def database(port: int) -> Iterator[Database]:
    """Make a cluster, and remove it when the block ends."""
    require("postgresql-15")
    place = Path(tempfile.mkdtemp(prefix="twoway-postgresql-"))
    try:
        made = Database(place, port)
        made.tls.mkdir()
        for folder in (place, made.tls):
            shutil.chown(folder, USER)
        folder = place / "data"
        check([*_as_user(), BINARIES / "initdb", "-D", folder, "-U", "postgres", "-A", "trust", "--no-sync"])
        yield made
    finally:
        shutil.rmtree(place)


def psql(connection: str, query: str, env: Mapping[str, str]) -> Finished:
    """Run a query with libpq's settings from the environment."""
    return run([BINARIES / "psql", connection, "-At", "-c", query], env=env)


def _as_user() -> list[str | Path]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={USER}", "--regid=nogroup", "--clear-groups"]
