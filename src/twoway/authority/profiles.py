"""The four kinds of certificate that we issue, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Profile:
    """What every certificate of one kind has in common.

    Args:
        name: what messages call it.
        days: its validity in days, where none is asked for.
        key_usage: by RFC 5280's names; always critical.
        extended_key_usage: by RFC 5280's names; empty leaves the extension out.
        ca: whether it may issue.
        path_length: how many authorities may stand below it; None for a leaf.
    """

    name: str
    days: int
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...] = ()
    ca: bool = False
    path_length: int | None = None


ROOT = Profile("root", 7300, ("keyCertSign", "cRLSign"), ca=True, path_length=1)
ISSUING = Profile("issuing", 3650, ("keyCertSign", "cRLSign"), ca=True, path_length=0)
# Browsers refuse server certificates of more than 398 days from public CAs; a day of reserve costs nothing.
# Source: CA/Browser Forum Baseline Requirements, 6.3.2
SERVER = Profile("server", 397, ("digitalSignature",), ("serverAuth",))
CLIENT = Profile("client", 365, ("digitalSignature",), ("clientAuth",))
