from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from twoway import __version__
from twoway.cli import COMMANDS, root, run


def test_version_goes_to_stdout(cli):
    """The version is data."""
    assert (0, f"twoway {__version__}\n", "") == cli("--version")


def test_no_command_shows_the_help_and_is_wrong_usage(cli):
    """A bare ``twoway`` says what it can do, on stderr."""
    result = cli()
    assert (2, "") == (result.status, result.stdout)
    assert all(name in result.stderr for name in COMMANDS)


def test_mistyped_command_is_told_what_was_meant(cli):
    """The nearest name is offered."""
    result = cli("clint")
    assert 2 == result.status
    assert "twoway: error: no such command 'clint'" in result.stderr
    assert "'client'" in result.stderr


def test_wrong_usage_has_a_hint_of_its_own_command(cli):
    """The hint leads to the help of the command that was called."""
    result = cli("completion", "tcsh")
    assert 2 == result.status
    assert "twoway: hint: see twoway completion --help\n" in result.stderr


def test_wrong_usage_as_json_is_a_finding_on_stdout(cli):
    """A script reads a code, not prose."""
    assert "usage" == cli("completion", "tcsh", "--json").json["error"]["code"]


def test_help_of_all_commands_imports_no_command(cli):
    """The list of commands comes from a table."""
    code = "import sys; from twoway.cli import run; run(['--help']); print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stderr.split()
    files = {f"twoway.cli.{where.split('.')[0]}" for where, _ in COMMANDS.values()}
    assert set() == files & set(loaded)


def test_version_imports_no_heavy_library():
    """``twoway --version`` costs click and nothing else."""
    code = "import sys; from twoway.cli import run; run(['--version']); print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stderr.split()
    assert set() == {"cryptography", "OpenSSL", "sqlalchemy", "rich", "asyncio", "grpc", "json", "ssl"} & set(
        loaded
    )


def command_named(name: str) -> click.Command:
    """A command, imported."""
    command = root.get_command(click.Context(root), name)
    assert command is not None
    return command


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_exists_under_its_name(name):
    """The table and the files agree."""
    assert name == command_named(name).name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help_and_json(name):
    """No command, no option and no group is left without a word."""
    found = [command_named(name)]
    for command in found:
        assert command.help
        if isinstance(command, click.Group):
            context = click.Context(command)
            found.extend(
                filter(None, (command.get_command(context, one) for one in command.list_commands(context)))
            )
        else:
            options = [parameter for parameter in command.params if hasattr(parameter, "help")]
            assert [] == [option.name for option in options if not option.help]
            assert "--json" in {flag for option in options for flag in option.opts}


class Broken(Exception):
    """What no code of ours raises."""


@pytest.fixture
def broken(monkeypatch):
    """A command that fails in a way that nobody foresaw."""

    def fail(*arguments, **named):
        raise Broken("\x1b[31mred")

    monkeypatch.setattr(root, "main", fail)


def test_unforeseen_failure_is_one_line_and_a_log(cli, broken, tmp_path):
    """The traceback goes to the log only."""
    result = cli("status")
    log = tmp_path / "state" / "twoway" / "failures.log"
    assert 4 == result.status
    assert "Traceback" not in result.stderr
    assert "twoway: error: twoway itself failed (Broken), which is a bug\n" in result.stderr
    assert str(log) in result.stderr
    assert "Traceback" in log.read_text()
    assert 0o600 == log.stat().st_mode & 0o777


def test_traceback_is_shown_to_who_asks_for_it(cli, broken, monkeypatch):
    """TWOWAY_DEBUG=1 is for those who mend it."""
    monkeypatch.setenv("TWOWAY_DEBUG", "1")
    assert "Traceback" in cli("status").stderr


def test_unwritable_log_is_no_second_failure(cli, broken, monkeypatch):
    """Where nothing can be kept, the line still comes."""
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    result = cli("status")
    assert 4 == result.status
    assert "/proc/nowhere" not in result.stderr


def test_interrupt_ends_without_a_traceback(cli, monkeypatch):
    """Ctrl-C is status 130, as in every shell."""

    def interrupt(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(root, "invoke", interrupt)
    result = cli("status")
    assert (130, "") == (result.status, result.stdout)
    assert "stopped" in result.stderr


def test_reader_that_goes_away_is_no_failure():
    """``twoway ... | head -0`` says nothing of pipes."""
    process = subprocess.Popen(
        [sys.executable, "-m", "twoway", "completion", "bash"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process:
        assert b"" == process.stderr.read()
        process.stderr.close()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_names_the_program(cli, shell):
    """Each shell gets a script for ``twoway``."""
    result = cli("completion", shell)
    assert 0 == result.status
    assert "_TWOWAY_COMPLETE" in result.stdout


def test_completion_knows_the_commands(monkeypatch, capsys):
    """What a shell asks is answered from the table."""
    monkeypatch.setenv("COMP_WORDS", "twoway cl")
    monkeypatch.setenv("COMP_CWORD", "1")
    monkeypatch.setenv("_TWOWAY_COMPLETE", "bash_complete")
    with pytest.raises(SystemExit):
        run([])
    assert "plain,client\n" == capsys.readouterr().out


def test_no_help_imports_a_heavy_library():
    """Whoever only looks around waits for nothing."""
    calls = "".join(
        f"run([*{words!r}, '--help']);" for words in [[name] for name in COMMANDS] + [["client", "issue"]]
    )
    code = f"import sys; from twoway.cli import run; {calls} print(*sys.modules, file=sys.stderr)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stderr.split()
    assert set() == {"cryptography", "OpenSSL", "sqlalchemy", "rich", "asyncio", "grpc", "httpx2"} & set(
        loaded
    )


def test_disk_that_is_full_is_no_wrong_usage():
    """Another name would not mend it."""
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "twoway", "--version"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (4, "twoway: error: the output: no space left on device") == (
        ended.returncode,
        ended.stderr.splitlines()[0],
    )
    assert "make room" in ended.stderr


def test_reader_that_goes_ends_it_as_it_ends_every_program():
    """As in ``twoway journal | head -1``: with the status of SIGPIPE, and without a word."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "twoway", "--version"]
    ended = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (141, "") == (ended.returncode, ended.stderr)
