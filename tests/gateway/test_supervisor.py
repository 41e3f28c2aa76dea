"""Envoy and the authorizer as processes: started once, adopted, told apart from others, brought back, ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from twoway.errors import EnvoyWillNotStart
from twoway.gateway import processes
from twoway.gateway.authorizing import AuthorizerProcess
from twoway.gateway.processes import Process
from twoway.gateway.runtime import Runtime, runtime
from twoway.gateway.supervisor import Restart, Supervisor


@pytest.fixture
def place(session: Path) -> Iterator[Runtime]:
    """A runtime folder; an Envoy that a test leaves is killed."""
    made = runtime("0123456789abcdef", session)
    yield made
    for file in (made.process, made.authorizer_process):
        left = processes.recorded(file)
        if left:
            processes.end(left, grace=0)


@pytest.fixture
def killed(place: Runtime) -> Iterator[Supervisor]:
    """The supervisor of a control plane that was killed; its Envoy goes on."""
    one = supervisor(place)
    one.start()
    yield one
    assert one._child is not None
    one._child.kill()
    one._child.wait()


@pytest.fixture
def other() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with us."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def supervisor(place: Runtime, concurrency: int = 1) -> Supervisor:
    """A control plane's supervisor."""
    return Supervisor(place, "embedded", concurrency)


def runs(one: Supervisor) -> bool:
    """Whether its Envoy runs."""
    return one.process is not None and processes.alive(one.process)


def watched(one: Supervisor, seconds: float) -> list[Restart]:
    """Watch for some time, and return what happened."""
    seen: list[Restart] = []
    with suppress(TimeoutError):
        asyncio.run(asyncio.wait_for(one.watch(seen.append), seconds))
    return seen


def test_gateway_that_was_left_is_adopted(place: Runtime, killed: Supervisor) -> None:
    """A second supervisor finds the process of the first, and starts none."""
    one = supervisor(place)
    assert (True, killed.process) == (one.adopt(), one.process)


def test_nothing_is_adopted_where_nothing_was_left(place: Runtime) -> None:
    """A fresh start."""
    assert not supervisor(place).adopt()


def test_gateway_with_other_options_is_ended(place: Runtime, killed: Supervisor) -> None:
    """It is not the gateway that is wanted now."""
    assert not supervisor(place, 2).adopt()
    assert not runs(killed)


def test_stop_ends_an_adopted_gateway_and_forgets_it(place: Runtime, killed: Supervisor) -> None:
    """Nothing is left running, and nothing to adopt."""
    one = supervisor(place)
    one.adopt()
    one.stop()
    assert (False, False) == (runs(killed), place.process.exists())


def test_gateway_that_hangs_is_killed(killed: Supervisor) -> None:
    """A stop does not wait for it for ever."""
    assert killed.process is not None
    os.kill(killed.process.pid, signal.SIGSTOP)
    processes.end(killed.process, grace=0.1)
    assert not runs(killed)


def test_other_process_of_the_same_number_is_not_adopted(
    place: Runtime, other: subprocess.Popen[bytes]
) -> None:
    """The number was given to another process meanwhile: it is left alone, in adoption and in ending."""
    one = supervisor(place)
    processes.record(place.process, Process(other.pid, "1", one._digest))
    assert not one.adopt()
    processes.record(place.process, Process(other.pid, "1", "other options"))
    assert not one.adopt()
    assert other.poll() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "7", '{"pid": "x", "started": null}'])
def test_process_file_that_says_nothing_is_as_none(place: Runtime, text: str) -> None:
    """A file that was cut, or that somebody wrote, leads to a fresh start."""
    place.process.write_text(text)
    assert not supervisor(place).adopt()


def test_dead_gateway_is_not_adopted(place: Runtime, killed: Supervisor) -> None:
    """Killed together with its control plane."""
    assert killed._child is not None
    killed._child.kill()
    killed._child.wait()
    assert not supervisor(place).adopt()


def test_killed_gateway_is_started_again(place: Runtime) -> None:
    """It is another process, and how the old one ended is told."""
    one = supervisor(place)
    before = one.start()
    os.kill(before.pid, signal.SIGKILL)
    [restart] = watched(one, 0.5)
    assert (-signal.SIGKILL, True) == (restart.status, one.process != before)
    assert one.process == processes.recorded(place.process)
    one.stop()


def test_log_of_a_gateway_that_ended_is_kept(place: Runtime) -> None:
    """What it said at its end is what somebody will want to read."""
    one = supervisor(place)
    one._command = ["/bin/sh", "-c", "echo farewell"]
    with suppress(EnvoyWillNotStart):
        one.start()
    time.sleep(0.1)
    watched(one, 0.5)
    assert "farewell\n" == place.log_before.read_text()


def test_gateway_that_ends_at_once_is_tried_ever_more_slowly(place: Runtime) -> None:
    """One that cannot live does not eat the processor."""
    one = supervisor(place)
    one._command = ["/bin/sh", "-c", "exit 3"]
    seen = watched(one, 1.5)
    assert 1 <= len(seen) <= 4
    assert [restart.failures for restart in seen] == list(range(1, len(seen) + 1))


def test_gateway_that_cannot_be_started_is_tried_again(place: Runtime) -> None:
    """The system may have had no memory for it just then."""
    one = supervisor(place)
    one._command = [str(place.folder / "missing")]
    assert watched(one, 0.5)


def test_process_is_told_from_a_later_one() -> None:
    """By when it was started."""
    ours = processes.running(os.getpid())
    assert ours is not None
    assert (True, False) == (processes.alive(ours), processes.alive(Process(ours.pid, "1")))


def test_what_is_left_of_a_process_is_none() -> None:
    """A child that has ended and that nobody has asked about."""
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert processes.running(child.pid) is None


def test_authorizer_that_was_left_is_killed(place: Runtime, other: subprocess.Popen[bytes]) -> None:
    """One that has not ended with its control plane hangs: an adopted gateway would go on asking it."""
    left = processes.running(other.pid)
    assert left is not None
    processes.record(place.authorizer_process, left)
    one = AuthorizerProcess(place.folder, place)
    one._command = ["sleep", "60"]
    one.start()
    assert not processes.alive(left)
    assert json.loads(place.authorizer_process.read_text())["pid"] != other.pid
    one._end(0)


def test_authorizer_that_is_silent_is_replaced(place: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs and says nothing: something keeps it."""
    monkeypatch.setattr("twoway.gateway.authorizing._SILENCE", 0.1)
    one = AuthorizerProcess(place.folder, place)
    one._command = ["sleep", "60"]
    seen: list[str] = []

    async def watch() -> None:
        one.start()
        with suppress(TimeoutError):
            await asyncio.wait_for(one.watch(seen.append), 1)

    asyncio.run(watch())
    one._end(0)
    assert "hangs" == seen[0]
