"""Compiling the Java parts, once for all tests of a run."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from tests.parts.presence import require
from tests.parts.programs import check

SOURCES = Path(__file__).parent / "java"
SERVLET_API = Path("/usr/share/java/tomcat10-servlet-api.jar")
# A program that lives for a second is not worth the optimising compiler.
QUICK_START = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")


@cache
def classes(source: str) -> Path:
    """Compile a source file and return the directory of its classes."""
    require("default-jdk-headless")
    directory = Path(tempfile.mkdtemp(prefix="twoway-java-"))
    atexit.register(shutil.rmtree, directory)
    check(["javac", "-cp", SERVLET_API, "-d", directory, SOURCES / source], timeout=60)
    return directory
