from __future__ import annotations

import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone

import pytest

from twoway.cli import output
from twoway.cli.output import Output, in_words, plain
from twoway.findings import Finding, Severity

EVIL = "\x1b]0;owned\x07evil\u202egnp.exe"
TABLE = """
from twoway.cli.output import Output
Output().table(["name", "subject"], [["globex", "[red]CN=x[/red]"], ["umbrella", "\\x1b[31mCN=y"]], [])
"""


def test_table_is_aligned_columns_where_nobody_looks(capsys):
    """A pipe gets plain columns under a header."""
    Output().table(["name", "state"], [["globex", "active"], ["umbrella-corp", None]], [])
    assert "NAME           STATE\nglobex         active\numbrella-corp  -\n" == capsys.readouterr().out


def test_empty_table_leaves_stdout_empty(capsys):
    """Nothing is no data; a person is told on stderr."""
    Output().table(["name"], [], [])
    assert ("", "none\n") == capsys.readouterr()


def test_table_as_json_is_its_data(capsys):
    """A script gets the records, not the cells."""
    Output(json=True).table(["name"], [["globex"]], [{"name": "globex", "bindings": 2}])
    assert '[\n  {\n    "name": "globex",\n    "bindings": 2\n  }\n]\n' == capsys.readouterr().out


def test_terminal_gets_a_table_that_no_cell_can_format():
    """Neither markup nor escape sequences in a cell do anything."""
    ours, theirs = pty.openpty()
    try:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
        subprocess.run([sys.executable, "-c", TABLE], stdout=theirs, check=True, env=environment)
        shown = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "[red]CN=x[/red]" in shown
    assert "\x1b[31m" not in shown


def test_attackers_text_cannot_move_the_terminal(capsys):
    """Control characters and text that runs backwards are escaped in every kind of output."""
    Output().table(["subject"], [[EVIL]], [])
    Output().record({"subject": EVIL})
    Output().done(EVIL, {})
    finding = Finding("x", Severity.ERROR, EVIL, "", EVIL)
    Output().findings([finding])
    shown = "".join(capsys.readouterr())
    assert set() == set("\x1b\x07\u202e") & set(shown)
    assert 5 == shown.count("evil")


def test_attackers_text_is_ascii_in_json(capsys):
    """JSON on a terminal is harmless too."""
    Output(json=True).record({"subject": EVIL})
    assert capsys.readouterr().out.isascii()


def test_times_are_utc_in_words_and_in_json():
    """A time of any zone is shown in UTC, to the second."""
    at = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert "2026-02-28 23:30:00Z" == in_words(at)
    assert "2026-02-28T23:30:00Z" == plain(at)
    assert at.astimezone(UTC) == datetime.fromisoformat(plain(at))


def test_bytes_never_become_json():
    """A key or a certificate does not slip into an output by accident."""
    with pytest.raises(TypeError):
        plain({"key": b"secret"})


def test_errors_come_last_where_a_person_reads_first(capsys):
    """The line next to the prompt is the one that matters most."""
    found = [Finding(code, severity, code, "", "") for code, severity in zip("abc", Severity, strict=True)]
    Output().findings(found)
    assert "info: c (c)\nwarning: b (b)\nerror: a (a)\n" == capsys.readouterr().err


def test_findings_belong_to_the_data_of_json(capsys):
    """With --json stderr does not repeat them."""
    Output(json=True).findings([Finding("a", Severity.ERROR, "a", "", "")])
    assert ("", "") == capsys.readouterr()


def test_note_keeps_lines_apart(capsys):
    """Several lines stay several lines."""
    output.note("one\ntwo")
    assert "one\ntwo\n" == capsys.readouterr().err
