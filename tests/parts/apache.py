"""Debian's Apache httpd, in the foreground, with the modules of its reverse proxy and a configuration to include."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.presence import require
from tests.parts.programs import Finished, check, run, serving

MODULES = Path("/usr/lib/apache2/modules")
# What Debian has on from the start, and what a2enmod ssl headers proxy proxy_http adds.
NAMES = ("mpm_event", "authz_core", "socache_shmcb", "ssl", "headers", "proxy", "proxy_http")

MAIN = """\
ServerRoot {directory}
DefaultRuntimeDir {directory}
PidFile {directory}/httpd.pid
ServerName localhost
ErrorLog /dev/stderr
LogLevel warn mpm_event:notice ssl:info
SSLSessionCache shmcb:{directory}/sessions(512000)
{user}
{modules}
{listen}
{configuration}
"""


@contextmanager
def httpd(directory: Path, configuration: Path, *ports: int) -> Iterator[Path]:
    """Serve until the block ends.

    Args:
        configuration: what is included, with its virtual hosts.
        ports: that it listens on, beside those that the configuration itself says.

    Returns:
        The error log.
    """
    file = _written(directory, f"Include {configuration}", *ports)
    log = directory / "httpd.log"
    ready = r"resuming normal operations"
    with serving(["apache2", "-DFOREGROUND", "-f", file], log=log, ready=ready):
        # It serves a little later than it says so.
        for port in ports:
            socket.create_connection(("127.0.0.1", port), 5).close()
        yield log


def reload(directory: Path) -> None:
    """Do as ``apachectl graceful`` does, and wait until it is done."""
    log = directory / "httpd.log"
    before = log.read_text().count("resuming normal operations")
    check(["apache2", "-k", "graceful", "-f", directory / "httpd.conf"])
    deadline = time.monotonic() + 10
    while log.read_text().count("resuming normal operations") == before and time.monotonic() < deadline:
        time.sleep(0.02)


def configtest(directory: Path, configuration: Path) -> Finished:
    """Return what ``apachectl configtest`` says of a configuration."""
    return run(["apache2", "-t", "-f", _written(directory, f"Include {configuration}")])


def _written(directory: Path, configuration: str, *ports: int) -> Path:
    require("apache2-bin")
    # As root it wants to know who it is to become.
    user = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""
    modules = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in NAMES)
    listen = "\n".join(f"Listen 127.0.0.1:{port}" for port in ports)
    file = directory / "httpd.conf"
    file.write_text(
        MAIN.format(
            directory=directory, user=user, modules=modules, listen=listen, configuration=configuration
        )
    )
    return file
