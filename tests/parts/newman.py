"""newman, what runs Postman's collections without Postman: from npm, in the versions of its lock file."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from tests.parts.presence import require
from tests.parts.programs import run

PACKAGE = Path(__file__).parent / "node/newman"
PROGRAMS = PACKAGE / "node_modules/.bin"


@cache
def programs() -> Path:
    """Return the folder with the command ``newman``, installed there first if need be.

    Without npm, or without its registry, the test is skipped; with CI=true it fails.
    """
    require("nodejs", "npm")
    if not (PROGRAMS / "newman").exists():
        install = run(
            ["npm", "ci", "--prefix", PACKAGE, "--no-audit", "--no-fund", "--ignore-scripts"], timeout=110
        )
        if install.status:
            say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            say(f"newman cannot be installed: {install.stderr.decode()}")
    return PROGRAMS
