from __future__ import annotations

import pytest

from tests.parts import presence


@pytest.fixture
def nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for programs where there are none."""
    monkeypatch.setenv("PATH", "/nowhere")


@pytest.mark.usefixtures("nothing_here")
def test_missing_part_skips_with_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a laptop the test is skipped, and says what to install."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install curl nodejs"):
        presence.require("curl", "nodejs")


@pytest.mark.usefixtures("nothing_here")
def test_missing_part_fails_the_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the CI a missing part is a failure."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="apt-get install curl"):
        presence.require("curl")
