"""Envoy with nothing but the kit's files: in front of an application, and towards a partner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.interop.platforms.front import (
    Callers,
    Front,
    calling,
    headers,
    partner,
    rootless,
    standing,
)
from tests.parts import envoy, material
from tests.parts.answers import NoAnswer
from tests.parts.upstream import Upstream, upstream
from twoway.platforms.envoy import HEADERS


def running(kit: Path, port: int) -> AbstractContextManager[Path]:
    """Envoy with the configuration of a kit."""
    return envoy.envoy(kit, kit / "keep/envoy.yaml", port)


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
    """Envoy that trusts a root and a partner's own certificate."""
    options = ("--trust", callers.initech.certificate, "--set", f"upstream={application.url}")
    with standing(callers, "envoy", running, *options) as made:
        yield made


@pytest.fixture(scope="module")
def strict(callers: Callers, application: Upstream) -> Iterator[Front]:
    """Envoy that looks at revocation lists."""
    options = (*callers.crls, "--set", f"upstream={application.url}")
    with standing(callers, "envoy", running, *options, name="strict") as made:
        yield made


def test_configuration_is_sound(strict: Front) -> None:
    """``envoy --mode validate`` says so."""
    said = envoy.validated(strict.callers.directory / "strict/keep/envoy.yaml")
    assert (0, True) == (said.status, b"OK" in said.stdout + said.stderr)


@pytest.mark.parametrize("name", ["globex", "initech"])
def test_client_is_answered(front: Front, name: str) -> None:
    """One of the CA, which sends its intermediate, and a partner with its own certificate."""
    answer = front.get(getattr(front.callers, name))
    assert (200, [f"CN={name}"]) == (answer.status, headers(answer)["x-ssl-client-dn"])


def test_nobody_is_answered_without_a_certificate(front: Front, application: Upstream) -> None:
    """And nothing reaches the application."""
    before = len(application.requests)
    with pytest.raises(NoAnswer, match="handshake failure"):
        front.get(None, "--tls-max", "1.2")
    with pytest.raises(NoAnswer):
        front.get(None)
    assert before == len(application.requests)


def test_certificate_of_a_foreign_ca_is_refused(front: Front) -> None:
    """Also if that CA has the name of ours."""
    with pytest.raises(NoAnswer, match=r"unknown ca"):
        front.get(front.callers.stranger, "--tls-max", "1.2")


def test_identity_headers_of_the_caller_are_gone(front: Front) -> None:
    """The application reads what Envoy knows."""
    spoofed = [f"-H{name}: CN=admin" for name in HEADERS]
    sent = headers(front.get(front.callers.globex, *spoofed))
    assert {name.lower(): 1 for name in HEADERS} == {name: len(values) for name, values in sent.items()}
    assert not [value for values in sent.values() for value in values if "admin" in value]


def test_identity_headers_with_underscores_are_refused(front: Front) -> None:
    """Some applications would read them as the ones with dashes."""
    assert 400 == front.get(front.callers.globex, "-Hx_ssl_client_dn: CN=admin").status


def test_revoked_client_is_refused(strict: Front) -> None:
    """The other one of its CA is answered."""
    with pytest.raises(NoAnswer, match="certificate revoked"):
        strict.get(strict.callers.vandelay, "--tls-max", "1.2")
    assert 200 == strict.get(strict.callers.globex).status


def test_intermediate_may_be_trusted_without_its_root(callers: Callers, tmp_path: Path) -> None:
    """Unlike with servers that verify with OpenSSL: the preflight has nothing against it."""
    with rootless(callers, tmp_path, "envoy", running, status=0) as (front, findings):
        # There is no application: it is Envoy that answers whom it let in.
        assert ([], 503) == (findings, front.get(callers.globex).status)


def test_client_kit_calls_a_partner(tmp_path: Path) -> None:
    """Plain HTTP in, mutual TLS out, with the chain of the client."""
    with partner(tmp_path) as there:
        answer = calling(tmp_path, "envoy", running, there, there.root)
    assert (200, "acme") == (answer.status, answer.json["subject"])


def test_client_kit_refuses_another_server(tmp_path: Path) -> None:
    """Whose certificate is of a CA that was not named."""
    with partner(tmp_path) as there:
        assert 503 == calling(tmp_path, "envoy", running, there, material.root("Other")).status
        assert [] == there.server.requests
