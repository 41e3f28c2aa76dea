"""Processes that outlive the one that started them, told apart from later ones of the same number. Shell."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# Seconds that a process has to end in order before it is killed.
_GRACE = 5.0


@dataclass(frozen=True)
class Process:
    """A running process.

    Args:
        pid: its process number.
        started: when the system says that it was started, in the system's own unit.
        configuration: digest of what it was started with.
    """

    pid: int
    started: str
    configuration: str = ""


def running(pid: int, configuration: str = "") -> Process | None:
    """Return the process of this number, or None where there is none, or only what is left of one."""
    started = _start_time(pid)
    return None if started is None else Process(pid, started, configuration)


def record(path: Path, process: Process) -> None:
    """Write down which process it is, whole or not at all."""
    beside = path.with_suffix(".new")
    beside.write_text(text(process))
    beside.rename(path)


def text(process: Process) -> str:
    """Return what is written down of a process."""
    return json.dumps(asdict(process))


def recorded(path: Path) -> Process | None:
    """Return the process that was written down, if it still runs."""
    try:
        fields: dict[str, Any] = json.loads(path.read_text())
        process = Process(**fields)
    except (OSError, ValueError, TypeError):
        return None
    return process if alive(process) else None


def alive(process: Process) -> bool:
    """Tell whether this very process still runs."""
    started = _start_time(process.pid)
    return started is not None and started == process.started


def end(process: Process, child: subprocess.Popen[bytes] | None = None, *, grace: float = _GRACE) -> None:
    """End a process, and kill it if it takes too long.

    Args:
        process: what is ended.
        child: set where it is a child of ours.
        grace: how long it has, in seconds; 0 kills it at once.
    """
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, _GRACE)):
        if not patience:
            continue
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if child is not None:
                child.poll()
            if not alive(process):
                return
            time.sleep(0.02)


def _start_time(pid: int) -> str | None:
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        return None if status[0] in "ZX" else status[19]
    except OSError:
        pass
    if Path("/proc/self/stat").exists():
        return None
    shown = subprocess.run(
        ["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return shown.stdout.strip() or None
