"""The page of platforms is what the catalogue says today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_page_is_made_of_the_catalogue() -> None:
    """A platform that is new, or proven now, is so there too."""
    made = subprocess.run([sys.executable, DOCS / "platforms.py"], capture_output=True, text=True, check=True)
    assert made.stdout == (DOCS / "platforms.md").read_text(), "run `make docs`"
