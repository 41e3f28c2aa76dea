"""The story, and that it notices when any part of it does not come out as it should."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.parts import curl
from tests.parts.credentials import P12
from twoway.gateway.runtime import control_plane
from twoway.lab import partners, quickstart
from twoway.lab.quickstart import Step
from twoway.realm import bindings, clients, services

NAMES = (
    "realm",
    "client globex",
    "client initech",
    "client umbrella",
    "service orders",
    "gateway",
    "globex, certificate issued by us",
    "initech, its own self-signed certificate",
    "umbrella, certificate from its own CA",
    "a stranger",
    "a caller without certificate",
    "umbrella, expired",
    "100 more calls of these three",
    "globex, revoked",
)


def told() -> tuple[bool, list[Step]]:
    """Play the story in this process; its gateway and its API are others."""
    steps: list[Step] = []
    ok = quickstart.run(tell=steps.append, stay=None)
    return ok, steps


def wrong(steps: list[Step]) -> list[str]:
    """Return the names of the steps that did not come out as they should."""
    return [step.name for step in steps if not step.ok]


def test_once_tells_the_whole_story_and_ends_with_zero() -> None:
    """As a process of its own, as a user has it, within ten seconds by its own clock."""
    command = [sys.executable, "-m", "twoway", "quickstart", "--once", "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    story = json.loads(ended.stdout)
    assert (ended.returncode, story["ok"], [step["name"] for step in story["steps"]]) == (
        0,
        True,
        list(NAMES),
    )


def test_it_stays_up_for_curl_and_leaves_nothing(tmp_path: Path) -> None:
    """The commands that it prints work while it stays, and its folder is gone afterwards."""
    seen: dict[str, Any] = {}

    def visit(stage: quickstart.Stage) -> None:
        commands = quickstart.keep_for_curl(stage)
        identity = P12(stage.folder / "initech.p12", quickstart.PASSWORD)
        url = f"https://localhost:{stage.port}/orders"
        answer = curl.get(url, ca=stage.folder / "server-ca.pem", identity=identity)
        seen.update(
            status=answer.status,
            client=answer.json["client"],
            folders=(stage.folder, stage.place.folder),
            commands=commands,
        )

    assert quickstart.run(tell=lambda _: None, stay=visit)
    assert (seen["status"], seen["client"]) == (200, "initech")
    assert [False, False] == [folder.exists() for folder in seen["folders"]]


def test_killed_it_leaves_nothing_either() -> None:
    """Not its processes, which nobody would end, and not its folders, in which keys lie."""
    command = [sys.executable, "-m", "twoway", "quickstart"]
    with tempfile.TemporaryDirectory(prefix="q") as name:  # short enough for sockets
        place = Path(name)
        environment = {**os.environ, "TMPDIR": name, "XDG_RUNTIME_DIR": name}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            assert any("Try it yourself" in line for line in process.stdout)
            (realm,) = place.glob("*/realm")
            serving = control_plane(realm)
            process.kill()
        assert serving is not None
        end = time.monotonic() + 20
        while left(place, serving.pid) and time.monotonic() < end:
            time.sleep(0.1)
        assert [] == left(place, serving.pid)


def left(place: Path, process: int) -> list[Path]:
    """Return what is left of a quickstart: its folders, and its control plane."""
    return [path for path in (*place.glob("*/*"), Path(f"/proc/{process}")) if path.exists()]


def suspended(patch: pytest.MonkeyPatch) -> None:
    """Break globex: it is suspended as soon as it has its certificate."""
    issue = bindings.issue

    def issue_and_suspend(change: Any, client: str, **options: Any) -> Any:
        issued = issue(change, client, **options)
        clients.suspend(change, client)
        return issued

    patch.setattr(bindings, "issue", issue_and_suspend)


def another_certificate(patch: pytest.MonkeyPatch) -> None:
    """Break initech: another certificate is accepted for it."""
    accept = bindings.accept_certificate

    def accept_another(change: Any, client: str, _data: bytes) -> Any:
        other = partners.self_signed("other", at=change.at - timedelta(days=1))
        return accept(change, client, other.leaf.pem)

    patch.setattr(bindings, "accept_certificate", accept_another)


def another_rule(patch: pytest.MonkeyPatch) -> None:
    """Break umbrella: its CA is accepted for other names."""
    accept = bindings.accept_authority

    def accept_other_names(change: Any, client: str, data: bytes, **_options: Any) -> Any:
        return accept(change, client, data, rule="DNS:*.other.example")

    patch.setattr(bindings, "accept_authority", accept_other_names)


def stranger_accepted(patch: pytest.MonkeyPatch) -> None:
    """Break the stranger: it is somebody's after all."""
    gateway = quickstart._service

    def accept_too(stage: quickstart.Stage, port: str) -> Step:
        with stage.realm.changing("test") as change:
            bindings.accept_certificate(change, "initech", stage.identities["stranger"].leaf.pem)
        return gateway(stage, port)

    patch.setattr(quickstart, "_service", accept_too)


def certificates_optional(patch: pytest.MonkeyPatch) -> None:
    """Break the caller without certificate: none is needed."""
    options = services.ServiceOptions
    patch.setattr(
        quickstart, "ServiceOptions", lambda **given: options(**given, client_certificate="optional")
    )


def never_expired(patch: pytest.MonkeyPatch) -> None:
    """Break the expired certificate: it has not expired."""
    issued = partners.issued

    def still_valid(by: Any, name: str, *, begins: Any, ends: Any) -> Any:
        return issued(by, name, begins=begins, ends=max(ends, begins + timedelta(days=30)))

    patch.setattr(partners, "issued", still_valid)


def retired_meanwhile(patch: pytest.MonkeyPatch) -> None:
    """Break the calls of known clients: one of them is retired before."""

    def retire(stage: quickstart.Stage, _connections: Any) -> None:
        with stage.realm.changing("test") as change:
            for record in bindings.bindings(change.connection, "initech"):
                bindings.retire(change, "initech", record.id)

    patch.setattr(quickstart, "_until_known", retire)


def not_revoked(patch: pytest.MonkeyPatch) -> None:
    """Break the revocation: nothing is revoked."""
    patch.setattr(bindings, "revoke", lambda change, client, **_: change.audit("test.nothing", client))


@pytest.mark.parametrize(
    ("broken", "first"),
    [
        (suspended, "globex, certificate issued by us"),
        (another_certificate, "initech, its own self-signed certificate"),
        (another_rule, "umbrella, certificate from its own CA"),
        (stranger_accepted, "a stranger"),
        (certificates_optional, "a caller without certificate"),
        (never_expired, "umbrella, expired"),
        (retired_meanwhile, "100 more calls of these three"),
        (not_revoked, "globex, revoked"),
    ],
)
def test_a_broken_step_is_told(
    monkeypatch: pytest.MonkeyPatch, broken: Callable[[pytest.MonkeyPatch], None], first: str
) -> None:
    """Each step, broken for real, is the first one that did not come out as it should."""
    # What goes wrong is waited for no longer than a slow machine needs.
    monkeypatch.setattr(quickstart, "PATIENCE", 3.0)
    broken(monkeypatch)
    ok, steps = told()
    assert (ok, wrong(steps)[0]) == (False, first)


def test_a_gateway_that_cannot_listen_ends_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A taken port is the end of the story, in words and with a status that is not zero."""
    from twoway.cli import run

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(quickstart, "_free_port", lambda: taken.getsockname()[1])
        assert run(["quickstart", "--once"]) == 1
