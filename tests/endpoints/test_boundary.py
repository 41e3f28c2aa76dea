from __future__ import annotations

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twoway.endpoints.boundary import Boundary
from twoway.errors import RequestLeavesEndpoint

URL = "https://api.partner.example:8443/v1"
BOUNDARY = Boundary("partner", URL)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("", URL),
        ("/", f"{URL}/"),
        ("users", f"{URL}/users"),
        ("/users/", f"{URL}/users/"),
        ("/users?page=2&next=https://x/../y", f"{URL}/users?page=2&next=https://x/../y"),
        ("?q=1", f"{URL}?q=1"),
        ("a/b%2Fc", f"{URL}/a/b%2Fc"),
        ("users:search", f"{URL}/users:search"),
        ("https:/other.example", f"{URL}/https:/other.example"),
        ("mail/a@b.example", f"{URL}/mail/a@b.example"),
        ("...", f"{URL}/..."),
        ("a..b/.c", f"{URL}/a..b/.c"),
        (f"{URL}/users?page=3", f"{URL}/users?page=3"),
        ("HTTPS://API.partner.example:8443/v1/users", f"{URL}/users"),
    ],
)
def test_target_within_the_endpoint(target, expected):
    """A path is below the endpoint's own; an absolute URL may be one of its own links."""
    assert expected == str(BOUNDARY.url(target))


@pytest.mark.parametrize(
    "target",
    [
        "https://other.example/v1/users",
        "http://api.partner.example:8443/v1/users",
        "https://api.partner.example/v1/users",
        "https://api.partner.example:8443/v2/users",
        "https://api.partner.example:8443/v10",
        "https://api.partner.example:8443",
        "https://api.partner.example:8443@other.example/v1",
        "https://me:secret@api.partner.example:8443/v1",
        "https://api.partner.example.other.example:8443/v1",
        "wss://api.partner.example:8443/v1",
        "file:///etc/passwd",
        "//other.example/v1",
        "///other.example",
        "/\\other.example",
        "\\\\other.example",
        "..",
        "../admin",
        "/../v10/users",
        "users/../../admin",
        "./users",
        "%2e%2e/admin",
        "%2E./admin",
        "users/%2e%2e%2f%2e%2e%2fadmin",
        "%252e%252e/admin",
        "..;/admin",
        "..;x=1/admin",
        "%2e%2e%3b/admin",
        "..%00/admin",
        ".. /admin",
        "..\\admin",
        "..%5cadmin",
        "users/..%09/admin",
        "users\r\nHost: other.example",
        "users\u202e",
        f"{URL}/../admin",
        f"{URL}/%2e%2e/admin",
    ],
)
def test_target_that_leaves_the_endpoint(target):
    """In whatever spelling; wrong usage, which nothing is sent for."""
    with pytest.raises(RequestLeavesEndpoint) as caught:
        BOUNDARY.url(target)
    assert 2 == caught.value.exit_status
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.partner.example:8443/v10",
        "https://other.example/v1",
        "http://api.partner.example:8443/v1",
    ],
)
def test_url_that_is_sent_is_checked_itself(url):
    """Whoever builds a request by hand does not get around it."""
    with pytest.raises(RequestLeavesEndpoint):
        BOUNDARY.check(httpx2.URL(url))


def test_queries_stay_out_of_messages():
    """Some APIs want their key in it."""
    with pytest.raises(RequestLeavesEndpoint) as caught:
        BOUNDARY.url("../x?key=secret")
    assert "secret" not in f"{caught.value} {caught.value.finding()}"


@pytest.mark.parametrize("url", ["https://api.partner.example", "https://api.partner.example:443"])
def test_endpoint_without_a_path_is_a_whole_host(url):
    """And the port of https is the same, written or not."""
    boundary = Boundary("partner", url)
    assert "https://api.partner.example/users" == str(boundary.url("/users"))
    boundary.check(httpx2.URL("https://api.partner.example/anything"))
    with pytest.raises(RequestLeavesEndpoint):
        boundary.url("https://api.partner.example:444/users")


@given(st.text(alphabet=st.sampled_from("./\\%25eEfFcC;:@?#ahtps \0"), max_size=24))
def test_nothing_leaves(target):
    """Whatever is made of these, what is sent is below the endpoint's path, or nothing is."""
    try:
        url = BOUNDARY.url(target)
    except RequestLeavesEndpoint:
        return
    assert ("https", "api.partner.example", 8443) == (url.scheme, url.host, url.port)
    assert url.raw_path == b"/v1" or url.raw_path[:4] in {b"/v1/", b"/v1?"}
