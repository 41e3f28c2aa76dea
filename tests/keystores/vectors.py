"""Keystores from other projects' tests, and what Java, BouncyCastle and OpenSSL see in them.

They are no part of this repository: they are found in ``../shared/vectors/keystores``, or where ``TWOWAY_VECTORS``
says (the folder that holds ``keystores``).
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FOLDER = (
    Path(os.environ.get("TWOWAY_VECTORS", Path(__file__).parents[3] / "shared" / "vectors")) / "keystores"
)
MANIFEST = FOLDER / "manifest.json"
ABSENT = f"the vectors are not in {FOLDER} (set TWOWAY_VECTORS)"


def vectors(*formats: str) -> list[dict[str, Any]]:
    """Return the manifest's records of the files in those formats; none where the folder is absent."""
    if not MANIFEST.exists():
        return []
    return [record for record in json.loads(MANIFEST.read_text())["files"] if record["format"] in formats]


def content(record: dict[str, Any]) -> bytes:
    """Return the file's bytes."""
    found: bytes = (FOLDER / record["file"]).read_bytes()
    return found
