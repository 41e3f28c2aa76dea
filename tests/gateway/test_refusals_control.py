"""The gateway's own doors: its sockets, its control plane, and updates that it refuses beside a revocation."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from envoy.config.core.v3 import base_pb2
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from envoy.service.discovery.v3 import ads_pb2_grpc
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest
from sqlalchemy import insert

from tests.gateway.refusing import Caller, Gate
from tests.parts import presence
from tests.parts.served import ACTOR, served
from tests.parts.upstream import upstream
from twoway.errors import NameRefused, RuntimeFolderUnsafe
from twoway.gateway.resources.messages import SECRET, Secret
from twoway.gateway.runtime import runtime
from twoway.gateway.statistics import questions
from twoway.realm import bindings, clients, gateways, journal, services, tables
from twoway.realm.change import Change

NOBODY = 65534
HOST = "api.example.com"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Two hosts; the right certificate may call both."""
    with upstream() as api, served(tmp_path_factory.mktemp("control")) as realm:
        realm.service("orders", api.url, path="/orders")
        realm.service("stock", api.url, path="/stock")
        realm.service("api", api.url, host=HOST)
        realm.client("globex", "orders", "stock", "api")
        _, right = realm.issue("globex")
        realm.settled()
        yield Gate(realm, api, right)


@pytest.fixture
def as_nobody() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program as another user of this machine, who has no rights of ours."""
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            user=NOBODY,
            group=NOBODY,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize("socket", ["control", "authorizer", "questions", "admin"])
def test_other_user_cannot_open_a_socket(
    gate: Gate, as_nobody: Callable[..., subprocess.CompletedProcess[str]], socket: str
) -> None:
    """Who could, would have the servers' keys, or say who is let in."""
    presence.require("curl")
    path: Path = getattr(gate.served.runtime, socket)
    assert path.is_socket()
    tried = as_nobody("curl", "--verbose", "--max-time", "2", "--unix-socket", str(path), "http://localhost/")
    assert tried.returncode != 0
    assert "Permission denied" in tried.stderr


def test_other_user_cannot_put_a_socket_of_his_own(
    gate: Gate, as_nobody: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """Who could, would become the control plane while there is none."""
    folder = gate.served.runtime.folder
    for command in (
        ("ls", str(folder)),
        ("touch", f"{folder}/control.sock.mine"),
        ("rm", "-f", f"{folder}/control.sock"),
    ):
        assert "Permission denied" in as_nobody(*command).stderr
    assert gate.served.runtime.control.is_socket()


def test_same_user_is_the_gateways_equal(gate: Gate) -> None:
    """The limit of this: a process of our own user can say that it is a gateway, and gets the servers' keys.

    It could read the realm's unlock key as well. Gateways on other machines prove themselves by certificate.
    """
    answered = threading.Event()

    def asking() -> Iterator[DeltaDiscoveryRequest]:
        node = base_pb2.Node(id="forged")
        yield DeltaDiscoveryRequest(node=node, type_url=SECRET, resource_names_subscribe=["*"])
        answered.wait(10)  # a gateway that has nothing more to say goes on listening

    with grpc.insecure_channel(f"unix:{gate.served.runtime.control}") as channel:
        stream = ads_pb2_grpc.AggregatedDiscoveryServiceStub(channel).DeltaAggregatedResources(asking())
        answer = next(stream)
        answered.set()
        secrets = [resource.resource for resource in answer.resources]
        stream.cancel()
    keys = []
    for secret in secrets:
        held = Secret()
        secret.Unpack(held)
        keys.append(held.tls_certificate.private_key.inline_bytes)
    assert any(key.startswith(b"-----BEGIN PRIVATE KEY-----") for key in keys)
    gate.served.settled()


def test_question_without_a_certificate_is_answered_with_no(gate: Gate) -> None:
    """Whoever asks the authorizer gets a yes for nothing but a certificate that may."""
    with grpc.insecure_channel(f"unix:{gate.served.runtime.authorizer}") as channel:
        ask = external_auth_pb2_grpc.AuthorizationStub(channel).Check
        for service in ("orders", "nothing", ""):
            question = external_auth_pb2.CheckRequest()
            question.attributes.context_extensions["service"] = service
            assert ask(question, timeout=5).status.code != 0


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for runtime folders; the paths of sockets must be short."""
    with tempfile.TemporaryDirectory(prefix="tw", dir="/tmp") as made:
        monkeypatch.setenv("XDG_RUNTIME_DIR", made)
        yield Path(made)


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701, 0o777])
@pytest.mark.parametrize("level", [0, 1])
def test_folder_that_others_may_enter_is_not_used(base: Path, mode: int, level: int) -> None:
    """Neither the user's folder nor the realm's in it."""
    place = runtime("0123456789abcdef", base).folder
    (place.parent, place)[level].chmod(mode)
    with pytest.raises(RuntimeFolderUnsafe):
        runtime("0123456789abcdef", base)


@pytest.mark.parametrize("level", [0, 1])
def test_folder_of_another_user_is_not_used(base: Path, level: int) -> None:
    """He made it before us, where everybody may make folders."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    place = runtime("0123456789abcdef", base).folder
    os.chown((place.parent, place)[level], NOBODY, NOBODY)
    with pytest.raises(RuntimeFolderUnsafe):
        runtime("0123456789abcdef", base)


def test_link_to_a_folder_is_not_used(base: Path) -> None:
    """It can be turned elsewhere at any moment."""
    (base / "elsewhere").mkdir(mode=0o700)
    (base / f"twoway-{os.getuid()}").symlink_to(base / "elsewhere")
    with pytest.raises(RuntimeFolderUnsafe):
        runtime("0123456789abcdef", base)


# Words of the gateway's map and the journal, and what is no name at all.
NO_NAMES = (
    *("-", "deny", "denied", "allow", "allowed", "none", "null", "others", "ended", "unknown", "anonymous"),
    *(
        "",
        ".",
        "DENY",
        "Globex",
        "a b",
        "a\n",
        "a\0",
        "../a",
        "a/b",
        "*",
        "a,b",
        "a;b",
        '"',
        "\u00e9",
        "a" * 64,
    ),
)


@pytest.mark.parametrize("name", NO_NAMES)
def test_name_that_means_something_else_is_no_clients(gate: Gate, name: str) -> None:
    """Names go into the gateway's map, headers and the journal."""
    with pytest.raises(NameRefused), gate.realm.changing(ACTOR) as change:
        clients.add(change, name)


def test_caller_without_a_certificate_is_never_asked_about(gate: Gate) -> None:
    """The gateway answers it alone: a flood of such reaches nobody."""
    before = questions(gate.served.runtime)
    assert {403} == {answer.status for _ in range(10) for answer in gate.both(None, "/orders/1")}
    assert before == questions(gate.served.runtime)


def test_right_to_one_service_is_asked_for_at_each(gate: Gate) -> None:
    """What one service has learned of a certificate is nothing to the other."""
    name, files = gate.issued("orders")
    gate.served.settled()
    assert [200, 200] == [answer.status for answer in gate.both(files, "/orders/1")]
    gate.refuses(Caller(files, "service-not-allowed", name, target="/stock/1"))
    gate.refuses(Caller(files, "service-not-allowed", name, target="/", host=HOST))


# Services that no command adds: Envoy, or we, cannot take them over.
BAD = {
    "routes": {"path": "/bad?", "upstream": "http://127.0.0.1:9"},
    "upstream": {"path": "/bad", "upstream": "http://:9"},
    "unmakeable": {"path": "/bad", "upstream": "http://127.0.0.1:99999"},
    "other-host": {"path": "/bad?", "upstream": "http://127.0.0.1:9", "host": HOST},
}


def revoke(change: Change, name: str) -> None:
    """All that the client is known by."""
    bindings.revoke(change, name)


def retire(change: Change, name: str) -> None:
    """One binding."""
    bindings.retire(change, name, bindings.bindings(change.connection, name)[0].id)


def suspend(change: Change, name: str) -> None:
    """The client."""
    clients.suspend(change, name)


def deny(change: Change, name: str) -> None:
    """One service."""
    clients.deny(change, name, "orders")


Ending = Callable[[Change, str], None]
ENDINGS: dict[Ending, str] = {
    revoke: "certificate-revoked",
    retire: "certificate-retired",
    suspend: "client-suspended",
    deny: "service-not-allowed",
}


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: ending.__name__)
@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_right_ends_beside_an_update_that_is_refused(gate: Gate, bad: dict[str, str], ending: Ending) -> None:
    """In one change: the rest of it cannot be taken over, and the right is over all the same; an alarm says so."""
    name, files = gate.issued("orders", "stock", "api")
    gate.served.settled()
    alarms = len(alarm_codes(gate))
    with gate.connect(files) as connection:
        assert connection.request("/orders/1").status == 200
        with broken(gate, bad, lambda change: ending(change, name)) as revision:
            in_force(gate, revision)
            with gate.reaching() as reached:
                answer = connection.request("/orders/1")
            gate.explains(answer, Caller(files, ENDINGS[ending], name))
            others = {connection.request("/stock/1").status, gate.call(files, "/", host=HOST).status}
            assert gate.call(gate.right).status == 200
            assert gate.call(gate.right, "/", host=HOST).status == 200
            wait_for(lambda: len(alarm_codes(gate)) > alarms)
        assert [] == reached
        assert ({200} if ending is deny else {403}) == others
    assert {"update-refused", "realm-unread"} >= set(alarm_codes(gate)[alarms:])


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_gateway_goes_on_when_the_cause_is_gone(gate: Gate, bad: dict[str, str]) -> None:
    """What was refused once does not stay behind: new clients of every host are known without being asked about."""
    name, files = "", gate.right

    def add(change: Change) -> None:
        nonlocal name
        name = gate.name()
        clients.add(change, name, ("orders", "api"))

    with broken(gate, bad, add):
        _, files = gate.served.issue(name)
        assert gate.call(files).status == 200  # by asking
    gate.served.settled()
    before = questions(gate.served.runtime)
    assert [200, 200] == [gate.call(files).status, gate.call(files, "/", host=HOST).status]
    assert before == questions(gate.served.runtime)


@contextmanager
def broken(gate: Gate, bad: dict[str, str], also: Callable[[Change], None]) -> Iterator[int]:
    """Write a service that nobody can take over into the table, with something else; take it out at the end."""
    with gate.realm.changing(ACTOR) as change:
        model = services.find(change.connection, "orders")
        values = {
            column.name: getattr(model, column.name) for column in tables.service.c if column.name != "id"
        }
        also(change)
        change.connection.execute(insert(tables.service).values({**values, "name": "bad", **bad}))
        revision = change.revision
    try:
        yield revision
    finally:
        with gate.realm.changing(ACTOR) as change:
            services.remove(change, "bad")
        gate.served.settled()


def in_force(gate: Gate, revision: int) -> None:
    """Wait until the gateway says that what a revision took away is refused."""

    def reached() -> bool:
        with gate.realm.reading() as connection:
            return all(node.ended_revision >= revision for node in gateways.nodes(connection))

    wait_for(reached)


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def alarm_codes(gate: Gate) -> list[str]:
    """Return the journal's alarms."""
    with gate.realm.reading() as connection:
        return [entry.code for entry in journal.latest(connection, limit=1000) if entry.kind == "alarm"]
