"""How an error ends a command: one line that says what, one that says what to do, and an exit status.

The statuses: 1 an error finding or a refusal, 2 wrong usage, 3 could not find out, 4 a failure of ours.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from twoway.cli.output import echo_json, printable
from twoway.errors import DiskFull, TwowayError, UsageError
from twoway.findings import Finding

FAILURE_OF_OURS = 4
INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def show(error: Exception, *, as_json: bool) -> int:
    """Say what went wrong and return the exit status.

    Args:
        error: whatever a command raised.
        as_json: the command was asked for JSON, so stdout gets ``{"error": FINDING}``.
    """
    match error:
        case click.Abort():
            say("error", "stopped, nothing further was done")
            return INTERRUPTED
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.format_message(), err=True)
            return error.exit_code
        case click.ClickException():
            return show_ours(wrong_usage(error), as_json=as_json)
        case TwowayError():
            return show_ours(error, as_json=as_json)
        case OSError() if error.errno in FULL:
            return show_ours(DiskFull(*words_of(error, "the output")), as_json=as_json)
        case OSError() if error.errno in REFUSED_BY_THE_SYSTEM:
            return show_ours(wrong_place(error), as_json=as_json)
        case _:
            return show_unexpected(error)


def show_ours(error: TwowayError, *, as_json: bool, findings: Sequence[Finding] = ()) -> int:
    """Say an error that has a name.

    Args:
        error: the error.
        as_json: stdout gets ``{"error": FINDING}``, with ``findings`` beside it where there are some.
        findings: what led to it.
    """
    if as_json:
        echo_json({"error": error.finding(), **({"findings": findings} if findings else {})})
    say("error", str(error))
    if error.hint:
        say("hint", error.hint)
    debug(error)
    return error.exit_status


def wrong_usage(error: click.ClickException) -> UsageError:
    """Put click's words into ours."""
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "twoway"
    return UsageError(message[:1].lower() + message[1:], f"see {command} --help")


# What the system refuses because of what the user named: no failure of ours.
REFUSED_BY_THE_SYSTEM = {
    *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.EROFS),
    errno.ENAMETOOLONG,
}
# What another name would not mend.
FULL = {errno.ENOSPC, errno.EDQUOT}


def wrong_place(error: OSError) -> UsageError:
    """Put the system's refusal of a file into our words."""
    return UsageError(
        ": ".join(filter(None, words_of(error))), "name another file or folder, or mend its rights"
    )


def words_of(error: OSError, unnamed: str = "") -> tuple[str, str]:
    """Return the file that the system means, and what it says of it."""
    return str(error.filename or unnamed), (error.strerror or str(error)).lower()


def show_unexpected(error: Exception) -> int:
    """Say that twoway itself failed, and where the details are."""
    say("error", f"twoway itself failed ({type(error).__name__}), which is a bug")
    details = "" if debugging() else kept(error)
    say("hint", f"{details}set TWOWAY_DEBUG=1 to see them here, and report it")
    debug(error)
    return FAILURE_OF_OURS


def kept(error: Exception) -> str:
    """Write the traceback to the details log, and return where that is."""
    log = (
        Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "twoway" / "failures.log"
    )
    try:
        log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "a") as stream:
            stream.write(f"{datetime.now(UTC).isoformat()} {' '.join(sys.argv[1:3])}\n")
            stream.writelines(traceback.format_exception(error))
    except OSError:
        return ""
    return f"the details are in {log}; "


def debugging() -> bool:
    """Whether the user asked for tracebacks."""
    return os.environ.get("TWOWAY_DEBUG", "") not in {"", "0"}


def debug(error: Exception) -> None:
    """Print the traceback if, and only if, the user asked for it."""
    if debugging():
        traceback.print_exception(error)


def say(kind: str, text: str) -> None:
    """Write one ``twoway: kind: text`` line to stderr, harmless to a terminal whatever the text holds."""
    click.echo(f"twoway: {kind}: {printable(text)}", err=True)
