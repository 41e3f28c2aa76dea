"""Where a realm is, when nobody says: the user's own data folder, or what TWOWAY_REALM names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "TWOWAY_REALM"


def default_directory() -> Path:
    """Return the folder of the user's own realm, where the platform keeps data."""
    home = Path.home()
    match sys.platform:
        case "darwin":
            return home / "Library" / "Application Support" / "twoway"
        case "win32":
            return Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "twoway"
        case _:
            return Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share") / "twoway"


def named_directory() -> Path:
    """Return the folder that TWOWAY_REALM names, or else the user's own."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else default_directory()
