"""Compiling the Java parts, and making them start quickly, once for all tests of a run."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
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


def command(name: str) -> Sequence[str | Path]:
    """Return the command that runs a class of its own source file, in a third less time from the second run on.

    What the first run loads is kept in an archive (JEP 350), which wants a jar.
    """
    jar = _jar(name)
    archive = jar.with_suffix(".jsa")
    option = f"-XX:SharedArchiveFile={archive}" if archive.exists() else f"-XX:ArchiveClassesAtExit={archive}"
    # What the archive leaves out would be told on standard output.
    return ["java", *QUICK_START, "-Xlog:disable", option, "-cp", jar, name]


@cache
def _jar(name: str) -> Path:
    directory = classes(f"{name}.java")
    jar = directory / f"{name}.jar"
    with zipfile.ZipFile(jar, "w") as packed:
        for file in directory.glob("*.class"):
            packed.write(file, file.name)
    return jar
