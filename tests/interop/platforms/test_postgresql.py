"""Debian's PostgreSQL and its libpq, each with nothing but the files of its kit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.platforms.front import Callers
from tests.interop.platforms.server_kits import twoway
from tests.parts.credentials import Pem
from tests.parts.postgresql import Database, database, psql
from tests.parts.programs import Finished
from tests.parts.served import free_port

WHO = "SELECT current_user, ssl, client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
FILES = ("server.pem", "server.key", "client-ca.pem", "client-ca.crl")


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Callers:
    """Who connects."""
    return Callers(tmp_path_factory.mktemp("callers"))


@pytest.fixture(scope="module")
def server(callers: Callers) -> Iterator[Database]:
    """A server with its kit: globex is the user app, everybody else is who its certificate says."""
    with database(free_port()) as made:
        made.configure(kit_of(callers, made, callers.crls))
        made.put(callers.directory / "kit/keep", *FILES)
        with made.serving("app", "globex", "vandelay"):
            yield made


def kit_of(callers: Callers, made: Database, crls: tuple[object, ...]) -> Path:
    """Make the server's kit, for files in a folder of the database's own user."""
    names = ("--set", f"directory={made.tls}", "--set", "map=globex=app,vandelay=vandelay")
    return callers.kit("kit", "postgresql", "--peer", f"localhost:{made.port}", *crls, *names) / "keep"


def connected(
    server: Database, callers: Callers, directory: Path, identity: Pem, user: str, more: str = ""
) -> Finished:
    """Make a client's kit, and ask who it is there."""
    made = directory / "client"
    own = ("--key", identity.key, "--certificate", identity.certificate)
    trust = ("--trust", callers.directory / "kit/send/server-ca.pem", "--peer", f"localhost:{server.port}")
    settings = [f"directory={made / 'keep'}", f"user={user}", "database=postgres"]
    options = [word for setting in settings for word in ("--set", setting)]
    twoway("kit", "postgresql", "--use", "client", *own, *trust, *options, "-o", made)
    service = {"PGSERVICEFILE": str(made / "keep/pg_service.conf"), "PGSERVICE": "twoway"}
    return psql(f"service=twoway {more}", WHO, service)


def test_certificate_is_the_mapped_user(server: Database, callers: Callers, tmp_path: Path) -> None:
    """Its intermediate comes from the client, as the server has the root alone."""
    said = connected(server, callers, tmp_path, callers.globex, "app")
    assert b"app|t|/CN=globex\n" == said.stdout, said.stderr


def test_certificate_is_no_other_user(server: Database, callers: Callers, tmp_path: Path) -> None:
    """Not even the one of its own name, where the map has another."""
    said = connected(server, callers, tmp_path, callers.globex, "vandelay")
    assert b'certificate authentication failed for user "vandelay"' in said.stderr


def test_nobody_comes_in_without_a_certificate(server: Database, callers: Callers, tmp_path: Path) -> None:
    """Libpq sends none where there is no such file."""
    said = connected(server, callers, tmp_path, callers.globex, "app", "sslcert=/none sslkey=/none")
    assert b"connection requires a valid client certificate" in said.stderr


def test_nobody_comes_in_without_tls(server: Database, callers: Callers, tmp_path: Path) -> None:
    """The rules say so for the network."""
    said = connected(server, callers, tmp_path, callers.globex, "app", "sslmode=disable")
    assert b"pg_hba.conf rejects connection" in said.stderr


def test_certificate_of_a_foreign_ca_is_refused(server: Database, callers: Callers, tmp_path: Path) -> None:
    """Also if that CA has the name of ours."""
    said = connected(server, callers, tmp_path, callers.stranger, "app")
    assert b"alert unknown ca" in said.stderr


def test_revoked_client_is_refused(server: Database, callers: Callers, tmp_path: Path) -> None:
    """The server has the lists of both CAs."""
    said = connected(server, callers, tmp_path, callers.vandelay, "vandelay")
    assert b"alert certificate revoked" in said.stderr


def test_client_key_that_others_can_read_is_refused(
    server: Database, callers: Callers, tmp_path: Path
) -> None:
    """The kit's is for its owner alone, and libpq takes no other."""
    assert 0 == connected(server, callers, tmp_path, callers.globex, "app").status
    keep = tmp_path / "client/keep"
    (keep / "client.key").chmod(0o644)
    said = psql("service=twoway", WHO, {"PGSERVICEFILE": str(keep / "pg_service.conf")})
    assert b"has group or world access" in said.stderr


def test_server_key_that_others_can_read_is_refused(callers: Callers, server: Database) -> None:
    """The server does not start."""
    with database(free_port()) as other:
        other.configure(callers.directory / "kit/keep")
        for name in FILES:
            (other.tls / name).write_bytes((server.tls / name).read_bytes())
        settings = (other.place / "twoway.conf").read_text()
        (other.place / "twoway.conf").write_text(settings.replace(str(server.tls), str(other.tls)))
        (other.tls / "server.key").chmod(0o644)
        assert "has group or world access" in other.said()
