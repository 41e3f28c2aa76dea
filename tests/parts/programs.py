"""Running other programs: bounded in time, in a process group of their own, always reaped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finished:
    """A program that has ended."""

    status: int
    stdout: bytes
    stderr: bytes


def run(
    argv: Sequence[str | Path],
    *,
    stdin: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float = 30,
) -> Finished:
    """Run a program to its end.

    Args:
        env: added to our own environment.
        timeout: seconds.

    Raises:
        subprocess.TimeoutExpired: it did not end in time; it and its children are killed.
    """
    pipe = subprocess.PIPE
    with _group(argv, env=env, cwd=cwd, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        stdout, stderr = process.communicate(stdin, timeout=timeout)
    return Finished(process.returncode, stdout, stderr)


def check(argv: Sequence[str | Path], **options: object) -> bytes:
    """Run a program that must succeed and return what it printed."""
    finished = run(argv, **options)  # type: ignore[arg-type]  # the options are those of run
    assert finished.status == 0, f"{argv} ended with {finished.status}: {finished.stderr.decode()}"
    return finished.stdout


@contextmanager
def serving(
    argv: Sequence[str | Path],
    *,
    log: Path,
    ready: str,
    env: Mapping[str, str] | None = None,
    timeout: float = 30,
) -> Iterator[re.Match[str]]:
    """Run a server in the foreground until the block ends.

    Args:
        log: the file that takes what it prints.
        ready: a regular expression that its log matches once it serves.
        timeout: seconds until it must be ready.

    Returns:
        The match of ``ready``, so that a port that the server chose can be read from it.
    """
    with (
        log.open("wb") as output,
        _group(argv, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output) as process,
    ):
        deadline = time.monotonic() + timeout
        while not (match := re.search(ready, log.read_text(errors="replace"))):
            assert process.poll() is None, f"{argv[0]} ended: {log.read_text(errors='replace')}"
            assert time.monotonic() < deadline, f"{argv[0]} not ready: {log.read_text(errors='replace')}"
            time.sleep(0.02)
        yield match


@contextmanager
def _group(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    **streams: object,
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(  # type: ignore[call-overload]  # the streams are Popen's
        [str(word) for word in argv],
        env={**os.environ, **(env or {})},
        cwd=cwd,
        start_new_session=True,
        **streams,
    )
    with process:
        try:
            yield process
        finally:
            # Nothing of a test's program is worth a graceful end; its children go with it.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
