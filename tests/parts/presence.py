"""Which real parts are here: a missing one skips a test on a laptop and fails it in the CI.

A part is named by its Debian package, as in ``tests/debian-packages.txt``.
"""

from __future__ import annotations

import os
import shutil
from functools import cache
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[1] / "debian-packages.txt"


def require(*packages: str) -> None:
    """Skip the test, or fail it where CI=true, when a part is missing."""
    missing = [package for package in packages if not _present(_parts()[package])]
    if not missing:
        return
    reason = f"a real part is missing: apt-get install {' '.join(missing)}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)


@cache
def _parts() -> dict[str, str]:
    lines = [line for line in PACKAGES.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split() for line in lines)


def _present(part: str) -> bool:
    return Path(part).exists() or shutil.which(part) is not None
