"""Writing into the realm without ever making anybody wait for it. Shell.

A database can be locked for seconds, or be away. What gateways acknowledge, what the authorizer learns and the
journal are written by a thread of their own, again and again until they are, while answers and pushes go on.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from twoway.errors import RealmAbsent, RealmBusy, RealmDamaged, RealmUnwritable

log = logging.getLogger(__name__)

# Jobs that wait at most; what comes after these is lost, and counted.
_WAITING = 1000
# Seconds between two attempts.
_PAUSE = 0.5

Job = Callable[[], object]


class Writer:
    """Does jobs in their order, one at a time, in a thread."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[Hashable, Job] = OrderedDict()
        self._changed = threading.Condition()
        self._closing = False
        self._failing = ""
        self._lost = 0
        self._thread = threading.Thread(target=self._work, name="writer", daemon=True)
        self._thread.start()

    @property
    def behind(self) -> bool:
        """Whether a job waits: one that can wait too need not be put yet."""
        return bool(self._jobs)

    def put(self, job: Job, *, key: Hashable = None) -> None:
        """Have a job done soon.

        Args:
            job: writes to the realm.
            key: a job that waits under the same key is replaced by this one.
        """
        with self._changed:
            if len(self._jobs) >= _WAITING and key not in self._jobs:
                self._lost += 1
                return
            self._jobs[object() if key is None else key] = job
            self._changed.notify()

    def close(self) -> None:
        """Do what still waits, once, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while waiting := self._next():
            key, job = waiting
            try:
                job()
            except (RealmAbsent, RealmBusy, RealmDamaged, RealmUnwritable) as failure:
                self._again(key, job, str(failure))
            except Exception:
                # One that can never be done must not hold up the others.
                log.exception("this is not written down")
            else:
                self._done()

    def _next(self) -> tuple[Hashable, Job] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._closing)
            return self._jobs.popitem(last=False) if self._jobs else None

    def _again(self, key: Hashable, job: Job, problem: str) -> None:
        if problem != self._failing:
            self._failing = problem
            log.error("nothing can be written down: %s", problem)
        with self._changed:
            if self._closing:
                return
            self._jobs.setdefault(key, job)
            self._jobs.move_to_end(key, last=False)
            self._changed.wait_for(lambda: self._closing, _PAUSE)

    def _done(self) -> None:
        if self._failing:
            log.warning("it is written down again; lost meanwhile: %d", self._lost)
            self._failing, self._lost = "", 0
