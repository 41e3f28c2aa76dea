"""How figures are taken: processor time of whole processes, in pairs, so that a noisy machine cancels out."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used in all its threads, in seconds.

    Source: Linux, Documentation/scheduler/sched-stats.rst: the first number of schedstat is nanoseconds on a CPU.
    """
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def apart() -> None:
    """Leave the first core to those that are measured: neither this process nor what it starts runs on it.

    Where load and gateway share cores, what the scheduler does is most of what is measured.
    """
    _, *others = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, others or [0])


def pinned(*pids: int) -> None:
    """Put these processes, all their threads, on the first core."""
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {0})


@dataclass(frozen=True)
class Paired:
    """A figure of ours and of a peer, taken in turn.

    Args:
        ours: one value a round.
        peers: one value a round.
    """

    ours: Sequence[float]
    peers: Sequence[float]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios, ours to the peer's."""
        return statistics.median(a / b for a, b in zip(self.ours, self.peers, strict=True))

    @property
    def spread(self) -> tuple[float, float]:
        """The lower and the upper quartile of the rounds' ratios."""
        ratios = sorted(a / b for a, b in zip(self.ours, self.peers, strict=True))
        return ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]


def paired(ours: Callable[[], float], peers: Callable[[], float], rounds: int) -> Paired:
    """Take two figures in turn, after one round that is not counted.

    Args:
        ours: returns our figure.
        peers: returns the peer's.
        rounds: how many are counted.
    """
    ours(), peers()
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        # Who goes first changes, so that a drift of the machine favours neither.
        order = (0, 1) if number % 2 else (1, 0)
        for which in order:
            taken[which].append((ours, peers)[which]())
    return Paired(*taken)


def users_environment() -> dict[str, str]:
    """Return this environment, in which Python keeps what it has compiled, as it does for users."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def percentile(values: Sequence[float], which: float) -> float:
    """Return a percentile by the nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(which / 100 * len(ordered)))]


def wall_seconds(what: Callable[[], object]) -> float:
    """Return how long something takes, in seconds."""
    began = time.perf_counter()
    what()
    return time.perf_counter() - began
