"""Which spellings of a path are refused where paths have rights of their own.

Python's expressions and RE2 read these alike; that Envoy does is shown in test_refusals_paths.
"""

from __future__ import annotations

import re

import pytest

from twoway.gateway.paths import ambiguous, miscased

TWO = ["/orders", "/admin"]


def refused(path: str, paths: list[str] | None = None) -> bool:
    """Whether a host with these services refuses the path."""
    expression = ambiguous(paths or TWO)
    return expression is not None and re.fullmatch(expression, path) is not None


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/orders",
        "/orders/1",
        "/orders/a.b/c-d_e~f",
        "/orders/1.json",
        "/orders/.well-known",
        "/orders/caf%C3%A9",
        "/orders/a%20b",
        "/orders/a:b@c=d,e+f!g*h'(i)",
        "/orders/%E2%82%AC",
        "/orders/%D0%B0",
        "/orders/%7Ename",
    ],
)
def test_plain_path_passes(path: str) -> None:
    """What honest clients send is read in one way."""
    assert not refused(path)


@pytest.mark.parametrize(
    "path",
    [
        "/orders;a=b/1",
        "/;/admin",
        "/admin;",
        "/%3Badmin",
        "/orders/..%3b/admin",
        "/orders\\..\\admin",
        "/orders%5c..%5cadmin",
        "/%2561dmin",
        "/orders/%252e%252e/admin",
        "/orders/%2e%2e/admin",
        "/orders%2fadmin",
        "/admin.",
        "/admin../x",
        "/admin%20",
        "/admin%20/x",
        "/admin/x.",
        "/admin%00",
        "/admin%0a",
        "/admin%1F/x",
        "/admin%7f",
        "/orders/%c0%ae%c0%ae/admin",
        "/orders/%e0%80%ae/admin",
        "/orders/%f0%80%80%ae/admin",
        "/%u0061dmin",
        "/orders/%zz",
        "/orders/%4",
        "/orders/%",
        "/admin%3f",
        "/admin%23x",
        "/admin::$DATA",
        "/admin::%24DATA",
        "/adm%C4%B1n",
        "/%EF%BD%81dmin",
        "/admin%C2%A0",
        "/orders/\xe9",
        "/orders/a b",
    ],
)
def test_ambiguous_path_is_refused(path: str) -> None:
    """Some server behind the gateway reads it as another service's."""
    assert refused(path)


@pytest.mark.parametrize("path", ["/admin;a=b", "/%252e", "/a."])
def test_one_service_that_owns_everything_takes_every_path(path: str) -> None:
    """No other service's rights can be borrowed."""
    assert not refused(path, ["/"])


def test_root_beside_another_service_is_not_everything() -> None:
    """The other one's rights could be borrowed."""
    assert refused("/;/admin", ["/", "/admin"])


@pytest.mark.parametrize("path", ["/ADMIN", "/Admin/1", "/aDMIN/"])
def test_other_letter_case_is_matched(path: str) -> None:
    """Some servers compare without it."""
    assert re.fullmatch(miscased("/admin") or "", path)


@pytest.mark.parametrize("path", ["/ADMINS", "/x/ADMIN", "/adm"])
def test_other_paths_are_not_matched(path: str) -> None:
    """A service owns whole segments."""
    assert not re.fullmatch(miscased("/admin") or "", path)


def test_path_is_no_expression() -> None:
    """A dot in a service's path is a dot."""
    assert not re.fullmatch(miscased("/a.c") or "", "/abc")


def test_path_without_letters_has_no_case() -> None:
    """There is nothing to match."""
    assert miscased("/1/2") is None
