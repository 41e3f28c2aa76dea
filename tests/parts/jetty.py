"""Debian's Jetty 9 as a backend, embedded in a small program that answers with all that it was sent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.parts.java import QUICK_START, SOURCES
from tests.parts.presence import require
from tests.parts.programs import serving

JARS = Path("/usr/share/java")
NAMES = ("jetty9-server", "jetty9-http", "jetty9-io", "jetty9-util", "servlet-api")


@contextmanager
def jetty(directory: Path) -> Iterator[str]:
    """Serve HTTP on a free port of 127.0.0.1 until the block ends.

    Returns:
        The URL, of which every path answers with JSON.
    """
    require("libjetty9-java", "default-jdk-headless")
    classpath = ":".join(str(JARS / f"{name}.jar") for name in NAMES)
    argv: list[str | Path] = ["java", *QUICK_START, "-cp", classpath, SOURCES / "JettyEcho.java"]
    with serving(argv, log=directory / "jetty.log", ready=r"listening on (\d+)") as match:
        yield f"http://127.0.0.1:{match[1]}"
