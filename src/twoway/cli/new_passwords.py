"""Passwords that commands make, to be shown once."""

from __future__ import annotations

import sys

from twoway.errors import UsageError


def new_password() -> str:
    """Make a password of 130 bits, if there is a terminal to show it on.

    Raises:
        UsageError: there is none.
    """
    import secrets

    if not sys.stderr.isatty():
        advice = "give one with --out-password-file or --out-password-env"
        raise UsageError("there is no terminal to show a new password on", advice)
    # No letters and digits that look alike: 32 of them, 26 times.
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    text = "".join(secrets.choice(alphabet) for _ in range(26))
    return "-".join(text[start : start + 5] for start in range(0, 26, 5))
