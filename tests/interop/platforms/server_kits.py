"""Kits of servers, whose configuration names the folder that its files lie in."""

from __future__ import annotations

from pathlib import Path

from tests.parts.material import Holder
from twoway.cli import run


def twoway(*arguments: object) -> None:
    """Run a command that must succeed; in this process, which saves half a second each."""
    assert 0 == run([*map(str, arguments)])


def kit(directory: Path, platform: str, use: str, *arguments: object) -> Path:
    """Make a kit that takes its files from where it lies, and return its folder."""
    settings = ("--set", f"directory={directory / 'keep'}")
    twoway("kit", platform, "--use", use, *settings, "-o", directory, *arguments)
    return directory


def own(holder: Holder, directory: Path, name: str) -> tuple[object, ...]:
    """Write a holder's key and chain, and return the options that name them."""
    files = holder.pem(directory, name)
    return ("--key", files.key, "--certificate", files.certificate)
