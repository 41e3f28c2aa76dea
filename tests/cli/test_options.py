from __future__ import annotations

import io
import sys
from pathlib import Path

import click
import pytest

from twoway.cli.options import PasswordSource, confirm
from twoway.errors import UsageError
from twoway.realm.places import default_directory


class Terminal(io.StringIO):
    """A stdin that somebody types into."""

    def isatty(self) -> bool:
        """A person is there."""
        return True


def test_password_is_the_first_line_of_its_file(tmp_path):
    """Neither the line's end nor what follows belongs to it."""
    file = tmp_path / "password"
    file.write_bytes(b" s3cret \r\nnot this\n")
    assert " s3cret " == PasswordSource("password", str(file), None).given()


def test_password_comes_from_the_environment(monkeypatch):
    """The variable is named, not the password."""
    monkeypatch.setenv("STORE_PASSWORD", "s3cret")
    assert "s3cret" == PasswordSource("password", None, "STORE_PASSWORD").given()


def test_password_comes_from_stdin(monkeypatch):
    """A dash is stdin, one line of it."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("s3cret\nmore"))
    assert "s3cret" == PasswordSource("password", "-", None).given()


def test_no_option_is_no_password():
    """Whether one is needed is the command's to say."""
    assert None is PasswordSource("password", None, None).given()


@pytest.mark.parametrize("content", [b"", b"\nsecret", b"\xff\xfe"])
def test_file_without_a_password_is_refused_by_its_name(tmp_path, content):
    """An empty password is never taken by accident."""
    file = tmp_path / "password"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=str(file)):
        PasswordSource("password", str(file), None).given()


def test_unset_variable_is_refused_by_its_name(monkeypatch):
    """A mistyped name is not an empty password."""
    monkeypatch.delenv("NOWHERE", raising=False)
    with pytest.raises(UsageError, match="NOWHERE"):
        PasswordSource("password", None, "NOWHERE").given()


def test_two_sources_exclude_each_other():
    """Which one would win is not guessed."""
    with pytest.raises(UsageError, match="exclude"):
        PasswordSource("password", "file", "NAME").given()


def test_without_terminal_and_options_the_hint_names_them(monkeypatch):
    """A script is told which option to give."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(UsageError) as caught:
        PasswordSource("out-password", None, None).or_asked("password")
    assert "--out-password-file" in caught.value.hint


def test_confirmation_without_a_terminal_wants_yes(monkeypatch):
    """Nothing is destroyed because nobody was there to say no."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError) as caught:
        confirm("remove globex?", yes=False)
    assert "--yes" in caught.value.hint


def test_no_at_the_question_stops(monkeypatch):
    """The default answer is no."""
    monkeypatch.setattr(sys, "stdin", Terminal("\n"))
    with pytest.raises(click.Abort):
        confirm("remove globex?", yes=False)


def test_yes_asks_nothing(monkeypatch, capsys):
    """--yes is an answer."""
    confirm("remove globex?", yes=True)
    assert ("", "") == capsys.readouterr()


@pytest.mark.parametrize(
    ("platform", "folder"),
    [
        ("linux", Path(".local/share/twoway")),
        ("darwin", Path("Library/Application Support/twoway")),
        ("win32", Path("AppData/Local/twoway")),
    ],
)
def test_realm_rests_where_the_platform_keeps_data(monkeypatch, tmp_path, platform, folder):
    """The default is the user's own data folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", platform)
    assert tmp_path / folder == default_directory()
