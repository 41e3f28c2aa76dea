"""``twoway`` as a test calls it: in this process, with its exit status and both its streams."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from twoway.cli import run
from twoway.realm.realm import Realm


class Result(NamedTuple):
    """How a command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """What stdout holds, as one JSON document."""
        return json.loads(self.stdout)


Cli = Callable[..., Result]


@pytest.fixture
def cli(monkeypatch, tmp_path) -> Cli:
    """Run one command with a home of its own; ``stdin`` is never a terminal."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("TWOWAY_DEBUG", raising=False)

    def call(*arguments: object, stdin: str | bytes = "") -> Result:
        stdout, stderr = (
            io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2)
        )
        typed = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed), encoding="utf-8"))
        with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
            status = run([str(argument) for argument in arguments])
        return Result(status, *(stream.buffer.getvalue().decode() for stream in (stdout, stderr)))

    return call


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A realm with one service, made once for all tests."""
    directory = tmp_path_factory.mktemp("made") / "realm"
    Realm.create(directory, name="acme", at=datetime.now(UTC), actor="cli:test").close()
    status = run(
        ["service", "add", "orders", "--upstream", "http://127.0.0.1:8080", "--realm", str(directory)]
    )
    assert 0 == status
    return directory


@pytest.fixture
def realm(made, tmp_path, monkeypatch):
    """A copy of it, which TWOWAY_REALM names."""
    directory = tmp_path / "realm"
    shutil.copytree(made, directory)
    monkeypatch.setenv("TWOWAY_REALM", str(directory))
    return directory


@pytest.fixture
def password(tmp_path):
    """A file with a password."""
    file = tmp_path / "password"
    file.write_text("correct-horse-battery\n")
    return file
