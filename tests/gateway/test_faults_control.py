"""The control plane is killed under load, and comes back."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.gateway.load import Load, answered_with, ask, connect, load
from tests.gateway.processes import authorizers, become, envoys
from tests.parts import material
from tests.parts.answers import Answer
from tests.parts.credentials import Pem
from tests.parts.programs import run
from tests.parts.served import Served, realm_at
from tests.parts.upstream import Upstream, upstream
from twoway.gateway.statistics import counters
from twoway.realm import bindings, gateways

OUTAGE_SECONDS = 1.5
# Each of these would end connections in the seconds that follow.
CHANGED = ("modified", "in_place_updated", "removed", "stopped")


@dataclass
class Story:
    """What was seen, in its order."""

    requests: Load
    gateways: tuple[list[int], list[int], list[int]]
    told: tuple[Answer, Answer, Answer]
    bare: tuple[Answer, Answer]
    added: tuple[int, int]
    revoked: tuple[int, int, Answer]
    listeners: int
    control_planes: tuple[int | None, int | None, int | None]
    during: int
    after: int
    left: tuple[list[int], list[int], set[str]]
    upstream: Counter[tuple[str, ...]]
    log: str


@pytest.fixture(scope="module")
def api() -> Iterator[Upstream]:
    """A backend."""
    with upstream() as made:
        yield made


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, api: Upstream) -> Story:
    """Serve, kill, wait, serve again, stop; known clients call all the time."""
    files = tmp_path_factory.mktemp("killed")
    stranger = material.client(material.root("Strange CA"), "stranger").pem(files, "stranger")
    with realm_at(files) as realm:
        realm.service("orders", api.url, path="/orders")
        realm.service("bare", api.url, path="/bare", refusals="bare")
        known = kinds(realm, files)
        realm.client("soylent", "orders")
        _, leaving = realm.issue("soylent")
        realm.start()
        answered_with(200, realm.port, known["umbrella"], "/orders")
        realm.settled()

        def told(target: str = "/orders") -> Answer:
            return ask(realm.port, stranger, target)

        def status(identity: Pem) -> int:
            return ask(realm.port, identity, "/orders").status

        with (
            connect(realm.port, leaving) as open_connection,
            load(realm.port, known, "/orders") as requests,
        ):
            before = told()
            open_connection.request("/orders")
            first = envoys(realm)
            serving = [control_plane_of(realm)]
            realm.kill()
            serving.append(control_plane_of(realm))
            killed = time.monotonic()
            become(lambda found: not found, authorizers, realm)
            second = envoys(realm)
            count = requests.count()
            meanwhile, bare = told(), told("/bare")
            realm.client("hooli", "orders")
            _, added = realm.issue("hooli")
            with realm.realm.changing("test") as change:
                bindings.revoke(change, "soylent")
            added_meanwhile, revoked_meanwhile = status(added), open_connection.request("/orders").status
            time.sleep(max(0.0, killed + OUTAGE_SECONDS - time.monotonic()))
            during = requests.count() - count
            realm.start()
            serving.append(control_plane_of(realm))
            refused = open_connection.request("/orders")
            added_after = status(added)
            answered_with(403, realm.port, stranger, "/orders")
            count = requests.count()
            after, bare_after = told(), told("/bare")
            time.sleep(0.3)
            back = requests.count() - count
            third = envoys(realm)
            counted = counters(realm.runtime, "listener_manager.listener_")
        realm.stop()
        with realm.realm.reading() as connection:
            states = {node.state for node in gateways.nodes(connection)}
        return Story(
            requests=requests,
            gateways=(first, second, third),
            told=(before, meanwhile, after),
            bare=(bare, bare_after),
            added=(added_meanwhile, added_after),
            revoked=(revoked_meanwhile, refused.status, refused),
            listeners=sum(counted[f"listener_manager.listener_{how}"] for how in CHANGED),
            control_planes=(serving[0], serving[1], serving[2]),
            during=during,
            after=back,
            left=(envoys(realm), authorizers(realm), states),
            upstream=Counter(tuple(request.values("x-client-id")) for request in api.requests),
            log=(files / "serve.log").read_text(),
        )


def control_plane_of(realm: Served) -> int | None:
    """Return what ``twoway status`` says of the control plane."""
    status = run([sys.executable, "-m", "twoway", "status", "--realm", realm.realm.directory, "--json"])
    found: int | None = json.loads(status.stdout)["control_plane"]
    return found


def kinds(realm: Served, files: Path) -> dict[str, Pem]:
    """Add a client of each kind; return their files by name."""
    realm.client("globex", "orders")
    _, issued = realm.issue("globex")
    realm.client("initech", "orders")
    own = material.client(material.root("Initech CA"), "initech")
    realm.pin("initech", own.leaf.public_bytes(Encoding.PEM))
    realm.client("umbrella", "orders")
    authority = material.root("Umbrella CA")
    realm.accept_authority("umbrella", authority.leaf.public_bytes(Encoding.PEM), "DNS:*.umbrella.com")
    branch = material.client(authority, "branch.umbrella.com")
    return {
        "globex": issued,
        "initech": own.pem(files, "initech"),
        "umbrella": branch.pem(files, "umbrella"),
    }


def test_no_request_of_a_known_client_fails(story: Story) -> None:
    """Issued, pinned and learned; on kept connections and on new ones; before, during and after."""
    assert [] == story.requests.failed


def test_known_clients_were_answered_all_the_time(story: Story) -> None:
    """There was load: each client on its kept connection and on new ones, also during the outage."""
    names = {"globex", "initech", "umbrella"}
    assert names | {f"{name} anew" for name in names} == set(story.requests.answered)
    assert min(story.during, story.after) > 50


def test_unknown_are_told_that_nobody_can_decide(story: Story) -> None:
    """A stranger gets 503 and the words, while there is nobody to ask."""
    before, meanwhile, _ = story.told
    assert (403, "certificate-unknown") == (before.status, before.json["code"])
    assert (503, "cannot-decide") == (meanwhile.status, meanwhile.json["code"])


def test_nothing_of_the_unknown_reaches_the_upstream(story: Story) -> None:
    """Neither of a stranger, nor of a client that was added in the outage before its first answer."""
    names = {"globex", "initech", "umbrella", "soylent", "hooli"}
    assert {(name,) for name in names} == set(story.upstream)
    assert [2, 1] == [story.upstream[(name,)] for name in ("soylent", "hooli")]


def test_bare_service_says_nothing(story: Story) -> None:
    """Where refusals are bare, the status is all there is."""
    meanwhile, after = story.bare
    assert [(503, ""), (403, "")] == [(meanwhile.status, meanwhile.body), (after.status, after.body)]


def test_strangers_are_told_their_reason_again(story: Story) -> None:
    """After its return everything is as before."""
    after = story.told[2]
    assert (403, "certificate-unknown") == (after.status, after.json["code"])


def test_gateway_is_adopted(story: Story) -> None:
    """One Envoy, the same before, during and after."""
    first, second, third = story.gateways
    assert (1, first, first) == (len(first), second, third)


def test_status_says_whether_there_is_a_control_plane(story: Story) -> None:
    """None in the outage, and another one afterwards."""
    before, meanwhile, after = story.control_planes
    assert (True, None, True) == (before is not None, meanwhile, after not in {None, before})


def test_listener_is_left_as_it_is(story: Story) -> None:
    """A new control plane makes no new listener: that would end the connections of the old one."""
    assert 0 == story.listeners


def test_client_that_was_added_meanwhile_is_known(story: Story) -> None:
    """Nobody could know it during the outage; afterwards it passes at once."""
    assert (503, 200) == story.added


def test_client_that_was_revoked_meanwhile_is_refused_at_once(story: Story) -> None:
    """Nothing can reach the gateway in the outage; the new control plane is not ready before it has."""
    before, after, answer = story.revoked
    assert (200, 403, "certificate-revoked") == (before, after, answer.json["code"])


def test_proper_stop_leaves_nothing(story: Story) -> None:
    """Neither the adopted Envoy nor an authorizer remains, and the realm knows."""
    assert ([], [], {"stopped"}) == story.left


def test_nobody_sees_a_traceback(story: Story) -> None:
    """Nothing of this is a failure of ours, and an operator would read it as one."""
    assert "Traceback" not in story.log
