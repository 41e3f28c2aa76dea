"""Debian's HAProxy, in the foreground, with a configuration beside its own."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.parts.presence import require
from tests.parts.programs import Finished, run, serving

MAIN = """\
global
    log stderr format raw local0
defaults
    log global
    option httplog
"""


@contextmanager
def haproxy(directory: Path, configuration: Path, port: int) -> Iterator[Path]:
    """Serve until the block ends, and return the log."""
    log = directory / "haproxy.log"
    # In the foreground it says nothing when it serves.
    with serving([*_command(directory, configuration), "-db"], log=log, ready=""):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 5):
                break
            time.sleep(0.02)
        yield log


def configtest(directory: Path, configuration: Path) -> Finished:
    """Return what ``haproxy -c`` says of a configuration."""
    return run([*_command(directory, configuration), "-c"])


def _command(directory: Path, configuration: Path) -> list[str | Path]:
    require("haproxy")
    main = directory / "haproxy.cfg"
    main.write_text(MAIN)
    return ["/usr/sbin/haproxy", "-f", main, "-f", configuration]
