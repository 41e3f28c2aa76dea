"""Writing down in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial

import pytest

from twoway.errors import RealmBusy
from twoway.gateway import writing
from twoway.gateway.writing import Writer


@pytest.fixture
def writer() -> Iterator[Writer]:
    """A writer, closed at the end."""
    made = Writer()
    yield made
    made.close()


@pytest.fixture
def done() -> list[str]:
    """What the jobs have done."""
    return []


@pytest.fixture
def held(writer: Writer) -> Iterator[threading.Event]:
    """A first job that lasts until this is set."""
    begun, over = threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        over.wait(10)

    writer.put(job)
    begun.wait(10)
    yield over
    over.set()


def test_jobs_are_done_in_their_order(writer: Writer, done: list[str]) -> None:
    """All that was put is done when it is closed."""
    for name in "abc":
        writer.put(partial(done.append, name))
    writer.close()
    assert ["a", "b", "c"] == done


def test_nobody_waits_for_a_job(writer: Writer, held: threading.Event, done: list[str]) -> None:
    """What is put while another job lasts is done later."""
    writer.put(lambda: done.append("later"))
    assert [] == done
    held.set()
    writer.close()
    assert ["later"] == done


def test_writer_is_behind_while_a_job_waits(writer: Writer, held: threading.Event) -> None:
    """What can wait is better kept where it is bounded."""
    before = writer.behind
    writer.put(lambda: None)
    assert (False, True) == (before, writer.behind)


def test_newer_job_of_a_key_replaces_the_older(
    writer: Writer, held: threading.Event, done: list[str]
) -> None:
    """Of many acknowledgements only the last is written."""
    for name in "abc":
        writer.put(partial(done.append, name), key="gateway")
    held.set()
    writer.close()
    assert ["c"] == done


def test_job_is_tried_until_the_realm_can_be_written(
    writer: Writer, done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A locked database loses nothing, and the order stays."""
    monkeypatch.setattr(writing, "_PAUSE", 0.01)
    over, attempts = threading.Event(), 0

    def locked() -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3:
            raise RealmBusy(directory="realm", seconds=5)
        done.append("first")

    writer.put(locked)
    writer.put(lambda: done.append("second"))
    writer.put(over.set)
    assert over.wait(10)
    assert (["first", "second"], 3) == (done, attempts)


def test_job_that_fails_for_good_holds_nothing_up(writer: Writer, done: list[str]) -> None:
    """A mistake of ours is told in the log, and the next job is done."""
    writer.put(lambda: 1 // 0)
    writer.put(lambda: done.append("next"))
    writer.close()
    assert ["next"] == done


def test_waiting_jobs_are_bounded(writer: Writer, held: threading.Event, done: list[str]) -> None:
    """However long the realm is away, memory is not eaten."""
    for n in range(writing._WAITING + 10):
        writer.put(partial(done.append, str(n)))
    held.set()
    writer.close()
    assert writing._WAITING == len(done)


def test_close_does_not_wait_for_a_realm_that_is_away(writer: Writer) -> None:
    """What cannot be written at the end is lost: the process ends."""

    def away() -> None:
        raise RealmBusy(directory="realm", seconds=5)

    writer.put(away)
    writer.close()
