"""Ends and removes what a quickstart leaves that was killed. It runs beside it, and imports next to nothing.

The quickstart tells it the processes that it starts, a number a line. Where the quickstart ends by itself it ends
the sweeper too; where it is killed, the sweeper reads the end of its input.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

# Seconds that a process has to end by itself.
PATIENCE = 8.0


def sweep(processes: Iterable[int], folders: Iterable[str]) -> None:
    """End processes and remove folders.

    Args:
        processes: their numbers; each gets the time to end what it has started itself.
        folders: with all that is in them.
    """
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                os.kill(process, 0)
                time.sleep(0.05)
            os.kill(process, signal.SIGKILL)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sweep([int(line) for line in sys.stdin], sys.argv[1:])
