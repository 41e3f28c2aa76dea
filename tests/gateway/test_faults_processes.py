"""Envoy and the authorizer are killed or hang; a second ``twoway serve`` and a taken port are refused."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.load import answered_with, ask, load
from tests.gateway.processes import authorizers, become, envoys
from tests.parts import material, presence
from tests.parts.credentials import Pem
from tests.parts.served import Served, free_port, realm_at
from tests.parts.upstream import Upstream, upstream
from twoway.realm import gateways
from twoway.realm.states import NodeState

# Envoy is back after about 0.3 s; what a noisy machine adds is in the margin to the second that is promised.
BACK_SECONDS = 1.0
# curl's exit status.
COULD_NOT_CONNECT = 7


@pytest.fixture(scope="module")
def api() -> Iterator[Upstream]:
    """A backend."""
    with upstream() as made:
        yield made


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, api: Upstream) -> Iterator[Served]:
    """A gateway with one service and one client."""
    with realm_at(tmp_path_factory.mktemp("processes")) as made:
        made.service("orders", api.url, path="/orders")
        made.client("globex", "orders")
        made.start()
        yield made


@pytest.fixture(scope="module")
def globex(gateway: Served) -> Pem:
    """A known client."""
    _, files = gateway.issue("globex")
    gateway.settled()
    return files


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Pem:
    """A caller whose certificate is nobody's."""
    root = material.root("Strange CA")
    return material.client(root, "stranger").pem(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def busy_port() -> Iterator[int]:
    """A port on which somebody else listens."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def serve(realm: Path, port: int) -> subprocess.CompletedProcess[str]:
    """Run ``twoway serve`` where it cannot run."""
    command = [sys.executable, "-m", "twoway", "serve", "--realm", str(realm), "--json"]
    command += ["--listen", f"127.0.0.1:{port}", "--workers", "1"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_killed_gateway_is_back_within_a_second(gateway: Served, globex: Pem) -> None:
    """It is another process, and known clients are answered again."""
    [before] = envoys(gateway)
    os.kill(before, signal.SIGKILL)
    seconds = answered_with(200, gateway.port, globex, "/orders")
    assert seconds < BACK_SECONDS
    [after] = envoys(gateway)
    assert before != after


def test_journal_says_that_the_gateway_was_started_again(gateway: Served, globex: Pem) -> None:
    """The operator finds that it happened."""
    already = len(gateway.entries("gateway-restarted", seconds=0))
    os.kill(gateway.gateway_pid(), signal.SIGKILL)
    answered_with(200, gateway.port, globex, "/orders")
    end = time.monotonic() + 5
    while len(found := gateway.entries("gateway-restarted")) == already and time.monotonic() < end:
        time.sleep(0.02)
    assert (already + 1, "alarm") == (len(found), found[-1].kind)


def test_killed_authorizer_is_replaced_and_known_clients_do_not_notice(
    gateway: Served, globex: Pem, stranger: Pem
) -> None:
    """Strangers hear that nobody can decide, and soon after their reason again."""
    with load(gateway.port, {"globex": globex}, "/orders") as known:
        [before] = authorizers(gateway)
        os.kill(before, signal.SIGKILL)
        answered_with(503, gateway.port, stranger, "/orders")
        answered_with(403, gateway.port, stranger, "/orders")
    assert ([], True) == (known.failed, known.count() > 10)
    assert [before] != authorizers(gateway)


def test_hung_authorizer_is_replaced(gateway: Served, globex: Pem, stranger: Pem) -> None:
    """Strangers hear within Envoy's patience that nobody can decide; a revocation meanwhile takes effect at once."""
    gateway.client("soylent", "orders")
    _, leaving = gateway.issue("soylent")
    gateway.settled()
    [before] = authorizers(gateway)
    os.kill(before, signal.SIGSTOP)
    began = time.monotonic()
    refused = ask(gateway.port, stranger, "/orders")
    waited = time.monotonic() - began
    assert (503, "cannot-decide") == (refused.status, refused.json["code"])
    assert waited < 2.5  # its patience is one second
    with load(gateway.port, {"globex": globex}, "/orders") as known:
        slowest = 0.0
        while [before] == authorizers(gateway):
            began = time.monotonic()
            gateway.realm.revisions()
            gateway.client(f"n{time.monotonic_ns()}", "orders")
            gateway.settled()
            slowest = max(slowest, time.monotonic() - began)
        gateway.revoke("soylent")
        answered_with(403, gateway.port, stranger, "/orders")
    assert [] == known.failed
    assert slowest < 1.5
    assert 403 == ask(gateway.port, leaving, "/orders").status


def test_authorizer_that_was_left_takes_nothing_from_the_next(
    gateway: Served, globex: Pem, stranger: Pem
) -> None:
    """One that hung when its control plane was killed is ended: the adopted gateway would go on asking it."""
    [left] = authorizers(gateway)
    os.kill(left, signal.SIGSTOP)
    gateway.kill()
    gateway.start()
    answered_with(403, gateway.port, stranger, "/orders")
    become(lambda found: left not in found, authorizers, gateway)
    os.kill(gateway.gateway_pid(), signal.SIGKILL)
    answered_with(200, gateway.port, globex, "/orders")
    answered_with(403, gateway.port, stranger, "/orders")


def test_adopted_gateway_is_watched_too(gateway: Served, globex: Pem) -> None:
    """An Envoy that is no child of the control plane comes back as well, within a second."""
    gateway.kill()
    gateway.start()
    os.kill(gateway.gateway_pid(), signal.SIGKILL)
    assert answered_with(200, gateway.port, globex, "/orders") < BACK_SECONDS


def test_both_killed_are_both_started(gateway: Served, globex: Pem, stranger: Pem) -> None:
    """The next `twoway serve` starts a new Envoy, and everything is as before."""
    before = gateway.gateway_pid()
    gateway.kill()
    os.kill(before, signal.SIGKILL)
    become(lambda found: not found, envoys, gateway)
    gateway.start()
    assert 200 == ask(gateway.port, globex, "/orders").status
    assert [gateway.gateway_pid()] == envoys(gateway) != [before]
    answered_with(403, gateway.port, stranger, "/orders")


def test_second_control_plane_is_refused(gateway: Served, globex: Pem) -> None:
    """A realm is served once; the first one goes on."""
    before = envoys(gateway), authorizers(gateway)
    ended = serve(gateway.realm.directory, gateway.port)
    assert (1, "already-served") == (ended.returncode, json.loads(ended.stdout)["error"]["code"])
    assert "Traceback" not in ended.stderr
    assert before == (envoys(gateway), authorizers(gateway))
    answered_with(200, gateway.port, globex, "/orders")


def test_second_control_plane_is_refused_from_another_session_too(gateway: Served, session: Path) -> None:
    """Where its sockets would lie says nothing about who serves the realm."""
    ended = serve(gateway.realm.directory, gateway.port)
    assert (1, "already-served") == (ended.returncode, json.loads(ended.stdout)["error"]["code"])


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGINT], ids=lambda number: number.name)
def test_closed_terminal_ends_everything(tmp_path: Path, number: signal.Signals) -> None:
    """As Ctrl-C does: no Envoy is left that would serve on for the length of its lease."""
    with realm_at(tmp_path) as realm:
        realm.start()
        assert realm.process is not None
        realm.process.send_signal(number)
        assert 0 == realm.process.wait(10)
        assert ([], []) == (envoys(realm), authorizers(realm))


def test_taken_port_is_told(tmp_path: Path, api: Upstream, busy_port: int) -> None:
    """It ends with status 1 and words, and nothing is left running."""
    with realm_at(tmp_path) as realm:
        realm.service("orders", api.url)
        ended = serve(realm.realm.directory, busy_port)
        assert (1, "listener-refused") == (ended.returncode, json.loads(ended.stdout)["error"]["code"])
        assert "Traceback" not in ended.stderr
        assert ([], []) == (envoys(realm), authorizers(realm))


def test_port_of_another_gateway_is_taken(tmp_path: Path, gateway: Served, api: Upstream) -> None:
    """Two realms never share a port: each would get some of the other's callers."""
    with realm_at(tmp_path) as realm:
        realm.service("orders", api.url)
        ended = serve(realm.realm.directory, gateway.port)
        assert (1, "listener-refused") == (ended.returncode, json.loads(ended.stdout)["error"]["code"])


@pytest.mark.parametrize("name", ["control", "authorizer", "admin"])
def test_nobody_else_can_open_the_sockets(gateway: Served, name: str) -> None:
    """Whoever could would take the servers' keys, or answer in our place; we can."""
    presence.require("curl")
    if os.getuid() != 0:
        pytest.skip("only root can become another user")
    command = ["curl", "--silent", "--http2-prior-knowledge", "--max-time", "2", "--unix-socket"]
    command += [str(getattr(gateway.runtime, name)), "http://localhost/"]
    ours, others = (subprocess.run(command, user=user, check=False).returncode for user in (0, 65534))
    assert (True, COULD_NOT_CONNECT) == (ours != COULD_NOT_CONNECT, others)


def test_copy_of_a_served_realm_is_not_served(gateway: Served, globex: Pem, tmp_path: Path) -> None:
    """It would take the sockets of the original, whose gateway would never hear of a revocation again."""
    copy = tmp_path / "copy"
    # By another process: to close a file of SQLite's is to lose the locks that this one has on it.
    subprocess.run(["cp", "-r", str(gateway.realm.directory), str(copy)], check=True)
    refused = serve(copy, free_port())
    assert "already-served" in refused.stdout
    assert answered_with(200, gateway.port, globex, "/orders") < BACK_SECONDS


def test_gateway_is_adopted_in_another_login_session(
    gateway: Served, globex: Pem, monkeypatch: pytest.MonkeyPatch, session: Path
) -> None:
    """A control plane that cron starts finds the gateway that one of a login session left."""
    before = gateway.gateway_pid()
    gateway.kill()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    gateway.start()
    assert before == gateway.gateway_pid()
    assert answered_with(200, gateway.port, globex, "/orders") < BACK_SECONDS


def test_gateway_that_was_stopped_is_waited_for_by_nobody(gateway: Served) -> None:
    """One that is away may let people in; one that was stopped in order does not."""
    gateway.stop()
    with gateway.realm.reading() as connection:
        states = [node.state for node in gateways.nodes(connection)]
    assert [NodeState.STOPPED] == states
