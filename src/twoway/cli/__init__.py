"""The command line: parse, call, show.

A command's file is imported when the command is called, not before, and imports what it works with inside its
functions: ``twoway --version`` and a mistyped option cost nothing but click.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence

import click

from twoway import __version__
from twoway.cli.lazy import LazyGroup

# One line a command: where it lives and what `twoway --help` says about it.
COMMANDS = {
    "quickstart": (
        "quickstart.quickstart",
        "A realm, a gateway and clients of all kinds, for real, as a story.",
    ),
    "inspect": ("inspect.inspect", "What a file or a live server really holds."),
    "convert": ("convert.convert", "A keystore in another format."),
    "check": ("check.check", "Whether files are sound, and if not, where they break."),
    "key": ("keys.key", "Private keys."),
    "csr": ("requests.csr", "Certificate signing requests."),
    "certificate": ("certificates.certificate", "Self-signed certificates."),
    "init": ("init.init", "Make a realm: database, unlock key, root and issuing CA."),
    "service": ("services.service", "The APIs of ours behind the gateway."),
    "client": ("clients.client", "The partners that call us, and how we know them."),
    "authority": ("authority.authority", "Our own CA: certificates, chain and revocation list."),
    "endpoint": ("endpoints.endpoint", "The APIs of partners that we call."),
    "call": ("call.call", "Call an endpoint with its certificate."),
    "kit": ("kit.kit", "The files that a platform accepts, checked, with the steps."),
    "platform": ("platform.platform", "What platforms accept."),
    "serve": ("serve.serve", "Run the control plane and a gateway."),
    "status": ("status.status", "What the realm holds, what runs, and what needs attention."),
    "journal": ("journal.journal", "Handshakes and refusals at the gateway, with their reasons."),
    "expiring": ("expiring.expiring", "Certificates that end soon."),
    "audit": ("audit.audit", "Every change that anyone made."),
    "completion": ("completion.completion", "Print the completion script of a shell."),
}

# 128 + SIGPIPE, as shells have it for every program whose reader goes, such as head.
READER_GONE = 141


@click.group(
    cls=LazyGroup,
    package=__name__,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__, "--version", prog_name="twoway", message="%(prog)s %(version)s")
def root() -> None:
    """Two-way (mutual) TLS, made to work.

    Data goes to stdout, everything else to stderr. Exit status: 0 done, 1 an error finding or a refusal, 2 wrong usage,
    3 could not find out, 4 a failure of ours. TWOWAY_REALM names the realm.
    """


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status; errors are shown, never raised.

    Args:
        arguments: the words after ``twoway``.
    """
    stdout = sys.stdout
    try:
        status = root.main(list(arguments), prog_name="twoway", standalone_mode=False)
    except SystemExit:
        # Where nobody reads its output any more, click puts a stand-in for stdout and exits with 1.
        if sys.stdout is stdout:
            raise
        return READER_GONE
    except Exception as error:  # noqa: BLE001 - the last stop: whatever it is, the user gets words and a status
        from twoway.cli.failures import show

        return show(error, as_json="--json" in arguments)
    return status if isinstance(status, int) else 0


def main() -> None:
    """Run ``twoway`` with the process's arguments, and end it."""
    # What a command imports stays: to look for garbage among it, again and again, is a tenth of its start.
    gc.set_threshold(50_000)
    sys.exit(run(sys.argv[1:]))
