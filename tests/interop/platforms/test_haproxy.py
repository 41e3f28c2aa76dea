"""Debian's HAProxy with nothing but the kit's files: in front of an application, and towards a partner."""

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
from tests.parts import haproxy, material
from tests.parts.answers import NoAnswer
from tests.parts.upstream import Upstream, upstream
from twoway.platforms.haproxy import HEADERS


def running(kit: Path, port: int) -> AbstractContextManager[Path]:
    """HAProxy with the configuration of a kit, whichever it has."""
    (configuration,) = (kit / "keep").glob("*.cfg")
    return haproxy.haproxy(kit, configuration, port)


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
    """HAProxy that trusts a root and a partner's own certificate."""
    options = ("--trust", callers.initech.certificate, "--set", f"upstream={application.url}")
    with standing(callers, "haproxy", running, *options) as made:
        yield made


@pytest.fixture(scope="module")
def strict(callers: Callers, application: Upstream) -> Iterator[Front]:
    """HAProxy that looks at revocation lists."""
    options = (*callers.crls, "--set", f"upstream={application.url}")
    with standing(callers, "haproxy", running, *options, name="strict") as made:
        yield made


def test_configuration_is_sound(strict: Front, tmp_path: Path) -> None:
    """``haproxy -c`` says so."""
    said = haproxy.configtest(tmp_path, strict.callers.directory / "strict/keep/server.cfg")
    assert (0, True) == (said.status, b"Configuration file is valid" in said.stdout)


@pytest.mark.parametrize("name", ["globex", "initech"])
def test_client_is_answered(front: Front, name: str) -> None:
    """One of the CA, which sends its intermediate, and a partner with its own certificate."""
    answer = front.get(getattr(front.callers, name))
    assert (200, [f"CN={name}"]) == (answer.status, headers(answer)["x-ssl-client-dn"])


def test_nobody_is_answered_without_a_certificate(front: Front, application: Upstream) -> None:
    """And nothing reaches the application."""
    before = len(application.requests)
    with pytest.raises(NoAnswer, match="certificate required"):
        front.get(None)
    assert before == len(application.requests)


def test_certificate_of_a_foreign_ca_is_refused(front: Front) -> None:
    """Also if that CA has the name of ours."""
    with pytest.raises(NoAnswer, match="alert"):
        front.get(front.callers.stranger)


def test_certificate_and_key_are_one_file(strict: Front) -> None:
    """For its owner only."""
    bundle = strict.callers.directory / "strict/keep/server.pem"
    assert (0o600, 1) == (
        bundle.stat().st_mode & 0o777,
        bundle.read_bytes().count(b"PRIVATE KEY-----\n") // 2,
    )


def test_identity_headers_of_the_caller_are_gone(front: Front) -> None:
    """However they are written: the application reads what HAProxy knows."""
    sent = headers(front.get(front.callers.globex, *forged(HEADERS)))
    assert {name.lower(): 1 for name in HEADERS} == {name: len(values) for name, values in sent.items()}
    assert not [value for values in sent.values() for value in values if "admin" in value]


def test_revoked_client_is_refused(strict: Front) -> None:
    """The other one of its CA is answered."""
    with pytest.raises(NoAnswer, match="certificate revoked"):
        strict.get(strict.callers.vandelay)
    assert 200 == strict.get(strict.callers.globex).status


def test_intermediate_without_its_root_lets_nobody_in(callers: Callers, tmp_path: Path) -> None:
    """Which the preflight says before anybody tries."""
    with rootless(callers, tmp_path, "haproxy", running) as (front, findings):
        assert ["anchor-without-root"] == findings
        with pytest.raises(NoAnswer, match="unknown ca"):
            front.get(callers.globex)


def test_client_kit_calls_a_partner(tmp_path: Path) -> None:
    """Plain HTTP in, mutual TLS out, with the chain of the client."""
    with partner(tmp_path) as there:
        answer = calling(tmp_path, "haproxy", running, there, there.root)
    assert (200, "acme") == (answer.status, answer.json["subject"])


def test_client_kit_refuses_another_server(tmp_path: Path) -> None:
    """Whose certificate is of a CA that was not named."""
    with partner(tmp_path) as there:
        assert 503 == calling(tmp_path, "haproxy", running, there, material.root("Other")).status
        assert [] == there.server.requests
