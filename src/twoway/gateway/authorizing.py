"""The authorizer as a process: started, watched, and killed when it no longer says that it is alive. Shell."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

log = logging.getLogger(__name__)

# It says so every half second; what is silent for this many seconds hangs, perhaps on somebody's certificate.
_SILENCE = 5.0
_LOOK = 0.1


class AuthorizerProcess:
    """Keeps one authorizer running.

    Args:
        directory: the realm's.
        socket: where it answers.

    Attributes:
        answers: set once it has answered for the first time.
    """

    def __init__(self, directory: Path, socket: Path) -> None:
        self._command = [sys.executable, "-m", "twoway.gateway.authorizer", str(directory), str(socket)]
        self._process: subprocess.Popen[bytes] | None = None
        self._heard = time.monotonic()
        self.answers = asyncio.Event()

    def start(self) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdout is not None  # noqa: S101  it is a pipe: the line above says so
        os.set_blocking(self._process.stdout.fileno(), False)
        self._heard = time.monotonic()

    async def watch(self) -> None:
        """Bring it back whenever it ends or hangs, until cancelled."""
        while True:
            await asyncio.sleep(_LOOK)
            if self._ended():
                log.error("the authorizer ended; starting it again")
                await asyncio.sleep(_LOOK)
                self.start()
            elif self._silent():
                log.error("the authorizer hangs; starting it again")
                self.stop()
                self.start()

    def stop(self) -> None:
        """End it."""
        if self._process is None:
            return
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _silent(self) -> bool:
        now = time.monotonic()
        if self._process and self._process.stdout and self._process.stdout.read():
            self._heard = now
            self.answers.set()
        return now - self._heard > _SILENCE
