"""What all tests share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_part() -> Callable[[str], str]:
    """Find a real part (a command or a file), skip the test where it is missing, and fail in the CI."""

    def find(part: str) -> str:
        found = part if Path(part).exists() else shutil.which(part)
        if found is None:
            say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
            say(f"this needs {part} (tests/debian-packages.txt)")
        return str(found)

    return find
