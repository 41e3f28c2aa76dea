"""The page of ways that do not lead in: it is what the tests try today."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "refusals.md"
# A row: what is tried, what becomes of it, codes, with what, the test.
ROW = re.compile(r"^\| (?!what is|---)(.+) \| (.+) \| (.*) \| (.*) \| `(test_\w+)` \|$", re.MULTILINE)


def test_page_is_made_of_the_tests() -> None:
    """A way that is new, renamed or gone is so there too; a row without its test is an error."""
    made = subprocess.run(
        [sys.executable, ROOT / "docs" / "refusals.py"], capture_output=True, text=True, check=True
    )
    assert made.stdout == PAGE.read_text(), "run `make docs`"


def test_every_code_of_a_refusal_is_explained() -> None:
    """It has its entry in docs/findings.md."""
    explained = set(re.findall(r"^## (.+)$", (ROOT / "docs" / "findings.md").read_text(), re.MULTILINE))
    told = {code for row in ROW.findall(PAGE.read_text()) for code in re.findall(r"`([^`]+)`", row[2])}
    assert set() == told - explained
    assert "certificate-revoked" in told


def test_code_of_a_row_is_what_its_tests_look_for() -> None:
    """The page names no code that the file of its test does not."""
    for section in PAGE.read_text().split("\n## ")[1:]:
        [file] = re.findall(r"\]\(\.\./(tests/gateway/\w+\.py)\)", section)
        source = (ROOT / file).read_text()
        told = {code for row in ROW.findall(section) for code in re.findall(r"`([^`]+)`", row[2])}
        assert set() == {code for code in told if f'"{code}"' not in source}


def test_there_are_more_ways_than_one_can_think_of() -> None:
    """Certificates one by one, and answers of an authorizer that is none."""
    rows = ROW.findall(PAGE.read_text())
    assert len(rows) > 120
    assert {"test_certificate_gives_no_right", "test_answer_that_is_no_yes_lets_nobody_in"} < {
        row[4] for row in rows
    }
