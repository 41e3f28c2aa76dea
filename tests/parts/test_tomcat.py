from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.parts import curl
from tests.parts.tomcat import Tomcat, tomcat


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tomcat]:
    """Run one Tomcat."""
    with tomcat(tmp_path_factory.mktemp("tomcat")) as running:
        yield running


def test_servlet_tells_what_it_was_sent(backend: Tomcat) -> None:
    """The request line and every header come back, duplicates kept."""
    options = ["-H", "X-Client-Id: one", "-H", 'x-client-id: t"w\\o']
    said = curl.get(f"{backend.url}/a%20b?c=d", options=options).json
    assert ("GET", "/a%20b?c=d", "HTTP/1.1") == (said["method"], said["target"], said["version"])
    assert ["one", 't"w\\o'] == [value for name, value in said["headers"] if name.lower() == "x-client-id"]


def test_requests_are_counted(backend: Tomcat) -> None:
    """The count says whether anything arrived, and asking for it is not counted."""
    before = backend.count()
    assert before == backend.count()
    curl.get(backend.url)
    assert before + 1 == backend.count()
