"""``twoway serve`` as a whole: a realm, its gateway, and clients of all kinds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.parts import material, raw
from tests.parts.served import Served, served
from tests.parts.upstream import Upstream, upstream


@pytest.fixture(scope="module")
def api() -> Iterator[Upstream]:
    """A backend."""
    with upstream() as made:
        yield made


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, api: Upstream) -> Iterator[Served]:
    """A gateway with one service."""
    with served(tmp_path_factory.mktemp("served")) as made:
        made.service("orders", api.url, path="/orders")
        made.settled()
        yield made


def test_issued_client_is_answered_and_named(gateway: Served, api: Upstream) -> None:
    """The upstream hears which client calls."""
    gateway.client("globex", "orders")
    _, identity = gateway.issue("globex")
    gateway.settled()
    with raw.connect(gateway.port, identity=identity) as connection:
        answer = connection.request("/orders/1")
    assert (answer.status, api.requests[-1].values("x-client-id")) == (200, ["globex"])


def test_revoked_client_is_refused_on_an_open_connection(gateway: Served, api: Upstream) -> None:
    """A revocation bites at the next request, with its reason, and nothing reaches the upstream."""
    gateway.client("soylent", "orders")
    _, identity = gateway.issue("soylent")
    gateway.settled()
    with raw.connect(gateway.port, identity=identity) as connection:
        assert connection.request("/orders").status == 200
        gateway.revoke("soylent")
        before = len(api.requests)
        refused = connection.request("/orders")
    assert (refused.status, refused.json["code"], len(api.requests)) == (403, "certificate-revoked", before)
    assert gateway.entries(ticket=refused.json["ticket"])[0].client == "soylent"


def test_stranger_is_told_why_and_the_journal_has_the_ticket(gateway: Served, tmp_path: Path) -> None:
    """A refusal names the reason and a ticket that the operator finds."""
    stranger = material.client(material.root("Strange CA"), "stranger").pem(tmp_path, "stranger")
    with raw.connect(gateway.port, identity=stranger) as connection:
        refused = connection.request("/orders")
    assert (refused.status, refused.json["code"]) == (403, "certificate-unknown")
    assert gateway.entries(ticket=refused.json["ticket"])[0].code == "certificate-unknown"


def test_ca_that_finds_no_room_raises_an_alarm(gateway: Served, api: Upstream, tmp_path: Path) -> None:
    """A strict host can name so many CAs and no more; whoever is left out is not let in, and that is said."""
    names = [",".join([f"O={number}", *["OU=" + "x" * 60] * 37]) for number in range(12)]
    names.append(",".join(["OU=" + "x" * 60] * 3))
    gateway.service("full", api.url, host="full.example", handshake="strict", ca_names=tuple(names))
    gateway.client("late", "full")
    gateway.pin("late", material.client(material.root("x" * 60), "late").leaf.public_bytes(Encoding.PEM))
    gateway.settled()
    alarm = gateway.entries("ca-names-full")[0]
    detail = json.loads(alarm.detail)
    assert ("alarm", "full.example", 1) == (alarm.kind, detail["host"], detail["left_out"])
