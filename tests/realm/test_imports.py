"""What a list costs before it begins: imports."""

from __future__ import annotations

import subprocess
import sys

import pytest

DEAR = {"alembic", "sqlalchemy.orm", "sqlalchemy.dialects.postgresql", "cryptography", "OpenSSL", "rich"}


@pytest.mark.parametrize(
    "module", ["realm", "clients", "services", "journal", "audit", "states", "records", "unlocking"]
)
def test_reading_imports_nothing_dear(module):
    """Neither Alembic nor the ORM, nor what only writing needs."""
    code = f"import sys, twoway.realm.{module}; print(*sys.modules)"
    if module == "clients":
        code = code.replace("print", "import twoway.realm.realm; print")
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert set() == DEAR & set(loaded.split())
