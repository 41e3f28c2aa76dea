"""The authorizer as a process: started, watched, and killed when it no longer says that it is alive. Shell."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from twoway.gateway import processes
from twoway.gateway.runtime import Runtime
from twoway.realm.unlocking import VARIABLE

log = logging.getLogger(__name__)

# It says so every half second; what is silent for this many seconds hangs, perhaps on somebody's certificate.
_SILENCE = 5.0
_LOOK = 0.1
# One that ends again and again, perhaps because the realm is away, is started again after these pauses.
_PAUSES = (0.0, 0.5, 1.0, 2.0, 5.0)
# Seconds that it has to write down what it knows when it is told to end.
_GRACE = 2.0


class AuthorizerProcess:
    """Keeps one authorizer running.

    Args:
        directory: the realm's.
        place: the runtime folder.

    Attributes:
        answers: set once it has answered for the first time.
    """

    def __init__(self, directory: Path, place: Runtime) -> None:
        self._command = [sys.executable, "-m", "twoway.gateway.authorizer"]
        self._command += [str(directory), str(place.authorizer)]
        self._record = place.authorizer_process
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = time.monotonic()
        self._answered = False
        self.answers = asyncio.Event()

    def start(self) -> None:
        """Start it, and kill the one that a killed control plane left and that has not ended by itself.

        It hangs then, and an adopted gateway would go on asking it.
        """
        left = processes.recorded(self._record)
        if left:
            processes.end(left, grace=0)
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            # It looks at strangers' certificates and needs no key.
            env={name: value for name, value in os.environ.items() if name != VARIABLE},
        )
        assert self._process.stdout is not None  # noqa: S101  it is a pipe: the line above says so
        os.set_blocking(self._process.stdout.fileno(), False)
        started = processes.running(self._process.pid)
        if started:
            processes.record(self._record, started)
        self._heard = time.monotonic()
        self._answered = False

    async def watch(self, on_restart: Callable[[str], None]) -> None:
        """Bring it back whenever it ends or hangs, until cancelled.

        Args:
            on_restart: called each time it was, with why.
        """
        failures = 0
        while True:
            await asyncio.sleep(_LOOK)
            if not self._silent() and not self._ended():
                continue
            why = "ended" if self._ended() else "hangs"
            log.error("the authorizer %s; starting it again", why)
            failures = 0 if self._answered else failures + 1
            self._end(0)
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])
            try:
                self.start()
            except OSError as problem:
                log.error("the authorizer cannot be started: %s", problem)  # noqa: TRY400  the cause is in it
            on_restart(why)

    def stop(self) -> None:
        """Let it write down what it knows, and end it."""
        self._end(_GRACE)

    def _end(self, patience: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with process:
            if process.stdin:
                process.stdin.close()
            try:
                process.wait(patience)
            except subprocess.TimeoutExpired:
                process.kill()

    def _ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def _silent(self) -> bool:
        """Tell whether it hangs; what it has said meanwhile is taken note of."""
        now = time.monotonic()
        if self._process and self._process.stdout and self._process.stdout.read():
            self._heard = now
            self._answered = True
            self.answers.set()
        return now - self._heard > _SILENCE
