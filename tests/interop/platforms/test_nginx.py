"""Debian's nginx with nothing but the kit's files: in front of an application, and towards a partner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.interop.platforms.front import (
    Callers,
    Front,
    calling,
    forged,
    headers,
    partner,
    rootless,
    standing,
)
from tests.parts import material, nginx
from tests.parts.upstream import Upstream, upstream
from twoway.platforms.nginx import HEADERS

WITHOUT = "No required SSL certificate was sent"
UNVERIFIED = "The SSL certificate error"


def running(kit: Path, _port: int) -> AbstractContextManager[Path]:
    """Nginx with the configuration of a kit, whichever it has."""
    (configuration,) = (kit / "keep").glob("*.conf")
    return nginx.including(kit, configuration)


@pytest.fixture(scope="module")
def application() -> Iterator[Upstream]:
    """What is behind it."""
    with upstream() as made:
        yield made


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Callers:
    """Who calls."""
    return Callers(tmp_path_factory.mktemp("callers"))


@pytest.fixture(scope="module")
def front(callers: Callers, application: Upstream) -> Iterator[Front]:
    """Nginx that trusts a root and a partner's own certificate."""
    options = ("--trust", callers.initech.certificate, "--set", f"upstream={application.url}")
    with standing(callers, "nginx", running, *options) as made:
        yield made


@pytest.fixture(scope="module")
def strict(callers: Callers, application: Upstream) -> Iterator[Front]:
    """Nginx that looks at revocation lists."""
    options = (*callers.crls, "--set", f"upstream={application.url}")
    with standing(callers, "nginx", running, *options, name="strict") as made:
        yield made


def test_configuration_is_sound(strict: Front, tmp_path: Path) -> None:
    """``nginx -t`` says so."""
    said = nginx.configtest(tmp_path, strict.callers.directory / "strict/keep/server.conf")
    assert (0, True) == (said.status, b"test is successful" in said.stderr)


@pytest.mark.parametrize("name", ["globex", "initech"])
def test_client_is_answered(front: Front, name: str) -> None:
    """One of the CA, which sends its intermediate, and a partner with its own certificate."""
    answer = front.get(getattr(front.callers, name))
    assert (200, [f"CN={name}"]) == (answer.status, headers(answer)["x-ssl-client-dn"])


def test_nobody_is_answered_without_a_certificate(front: Front, application: Upstream) -> None:
    """And nothing reaches the application."""
    before = len(application.requests)
    answer = front.get(None)
    assert (400, True, before) == (answer.status, WITHOUT in answer.body, len(application.requests))


def test_certificate_of_a_foreign_ca_is_refused(front: Front) -> None:
    """Also if that CA has the name of ours."""
    answer = front.get(front.callers.stranger)
    assert (400, True) == (answer.status, UNVERIFIED in answer.body)


def test_identity_headers_of_the_caller_are_gone(front: Front) -> None:
    """However they are written: the application reads what nginx knows."""
    sent = headers(front.get(front.callers.globex, *forged(HEADERS)))
    assert {name.lower(): 1 for name in HEADERS} == {name: len(values) for name, values in sent.items()}
    assert not [value for values in sent.values() for value in values if "admin" in value]


def test_revoked_client_is_refused(strict: Front) -> None:
    """The other one of its CA is answered."""
    answer = strict.get(strict.callers.vandelay)
    assert (400, True) == (answer.status, UNVERIFIED in answer.body)
    assert 200 == strict.get(strict.callers.globex).status


def test_intermediate_without_its_root_lets_nobody_in(callers: Callers, tmp_path: Path) -> None:
    """Which the preflight says before anybody tries."""
    with rootless(callers, tmp_path, "nginx", running) as (front, findings):
        assert ["anchor-without-root"] == findings
        assert UNVERIFIED in front.get(callers.globex).body


def test_client_kit_calls_a_partner(tmp_path: Path) -> None:
    """Plain HTTP in, mutual TLS out, with the chain of the client."""
    with partner(tmp_path) as there:
        answer = calling(tmp_path, "nginx", running, there, there.root)
    assert (200, "acme") == (answer.status, answer.json["subject"])


def test_client_kit_refuses_another_server(tmp_path: Path) -> None:
    """Whose certificate is of a CA that was not named."""
    with partner(tmp_path) as there:
        assert 502 == calling(tmp_path, "nginx", running, there, material.root("Other")).status
        assert [] == there.server.requests
