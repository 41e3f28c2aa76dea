"""``twoway quickstart``: two-way TLS for real, on this machine, told as a story.

Every line is what another process answered: the gateway, the API behind it, the journal. Nothing of it is kept.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from twoway.endpoints.tls import context
from twoway.errors import TwowayError
from twoway.gateway.runtime import Runtime, runtime
from twoway.gateway.statistics import questions
from twoway.keystores import Format, IdentityEntry, Keystore, dump
from twoway.lab import partners
from twoway.realm import authorities, bindings, clients, journal, services
from twoway.realm.realm import Realm
from twoway.realm.services import ServiceOptions
from twoway.x509.certificates import pem_bundle
from twoway.x509.identity import Identity
from twoway.x509.keys import private_der

ACTOR = "quickstart"
PATH = "/orders"
# It opens throw-away keys that live as long as the demonstration.
PASSWORD = "demo"  # noqa: S105
# Seconds that anything of the story may take before it counts as gone wrong.
PATIENCE = 8.0
BURST = 100


@dataclass(frozen=True)
class Step:
    """One line of the story.

    Args:
        name: what happens.
        ok: whether it came out as it should.
        seen: what the other process answered, in words.
        facts: the same, for JSON.
    """

    name: str
    ok: bool
    seen: str
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What a caller got."""

    status: int
    body: dict[str, Any]


Tell = Callable[[Step], None]


class Stage:
    """Everything that the story is played on: a realm, the processes, and the partners' identities.

    Args:
        folder: empty, and thrown away afterwards.
        stack: what ends it all.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.now = datetime.now(UTC)
        self.realm = stack.enter_context(Realm.create(folder / "realm", name="quickstart", at=self.now))
        self.port = _free_port()
        self.identities: dict[str, Identity] = {}
        self._stack = stack
        # Its sockets and logs lie elsewhere, and are of no use to anybody once its processes have ended.
        stack.callback(shutil.rmtree, self.place.folder, ignore_errors=True)
        self._sweeper = self._begin("twoway.lab.sweeper", str(folder), str(self.place.folder))
        with self.realm.reading() as connection:
            self.trust = pem_bundle(authorities.anchors(connection)).decode()

    @property
    def place(self) -> Runtime:
        """Where the gateway runs."""
        return runtime(self.realm.record().identifier, self.realm.directory)

    def start(self, *command: str) -> Callable[[], str]:
        """Start a process of ours, and return what waits for the first line that it prints."""
        process = self._begin(*command)
        # Whoever kills us leaves it to the sweeper to end what we started.
        assert self._sweeper.stdin is not None  # noqa: S101  it is a pipe, as all of theirs are
        self._sweeper.stdin.write(f"{process.pid}\n".encode())
        self._sweeper.stdin.flush()
        assert process.stdout is not None  # noqa: S101  likewise
        output = process.stdout
        return lambda: output.readline().decode().strip()

    def _begin(self, *command: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Ctrl-C is for us: we end them in order.
            start_new_session=True,
        )
        self._stack.callback(_end, process)
        return process

    @contextmanager
    def connection(self, caller: str | None) -> Iterator[HTTPSConnection]:
        """Connect to the gateway as this caller, or as one without a certificate."""
        tls = context(self.identities[caller] if caller else None, self.trust)
        connection = HTTPSConnection("localhost", self.port, context=tls, timeout=PATIENCE)
        try:
            yield connection
        finally:
            connection.close()

    def call(self, caller: str | None) -> Answer:
        """Call the API once, on a connection of its own."""
        with self.connection(caller) as connection:
            return ask(connection)

    def reason(self, answer: Answer) -> str:
        """Return the reason that the journal has under the answer's ticket, or nothing."""
        ticket = answer.body.get("ticket")
        end = time.monotonic() + PATIENCE
        while ticket and time.monotonic() < end:
            with self.realm.reading() as connection:
                found = journal.latest(connection, ticket=str(ticket))
            if found:
                return found[0].code
            time.sleep(0.02)
        return ""


def ask(connection: HTTPSConnection) -> Answer:
    """Send one request on a connection that may be open already, and return what came back."""
    connection.request("GET", PATH)
    response = connection.getresponse()
    text = response.read()
    try:
        body = json.loads(text)
    except ValueError:
        body = {}
    return Answer(response.status, body if isinstance(body, dict) else {})


def play(stage: Stage) -> Iterator[Step]:
    """Play the story, a step at a time."""
    where = ("--listen", f"127.0.0.1:{stage.port}", "--workers", "1")
    gateway = stage.start("twoway", "serve", "--realm", str(stage.realm.directory), *where, "--json")
    api = stage.start("twoway.lab.demo_api")
    yield from _partners(stage)
    yield _service(stage, api())
    yield _gateway(stage, gateway())
    yield _answered(stage, "globex", "certificate issued by us")
    yield _answered(stage, "initech", "its own self-signed certificate")
    yield _answered(stage, "umbrella", "certificate from its own CA")
    yield _refused(stage, "a stranger", "stranger", "certificate-unknown")
    yield _refused(stage, "a caller without certificate", None, "certificate-missing")
    yield _refused(stage, "umbrella, expired", "umbrella-expired", "certificate-expired")
    yield _nobody_asked(stage)
    yield _revoked(stage)


def _service(stage: Stage, port: str) -> Step:
    with stage.realm.changing(ACTOR) as change:
        options = ServiceOptions(path=PATH, refusals="explained")
        service = services.add(change, "orders", f"http://127.0.0.1:{port}", options=options)
        for client in ("globex", "initech", "umbrella"):
            clients.allow(change, client, "orders")
    seen = f"{PATH} is {service.upstream}, and these three may call it"
    return Step("service orders", port.isdigit(), seen, {"upstream": service.upstream})


def _gateway(stage: Stage, said: str) -> Step:
    ok = '"ready"' in said
    seen = f"answers at https://localhost:{stage.port}{PATH}" if ok else f"it said {said!r}"
    return Step("gateway", ok, seen, {"port": stage.port})


def _partners(stage: Stage) -> Iterator[Step]:
    at, day = stage.now, timedelta(days=1)
    own_ca = partners.authority("Umbrella CA", at=at - day)
    stage.identities |= {
        "initech": partners.self_signed("initech", at=at - day),
        "umbrella": partners.issued(own_ca, "orders.umbrella.example", begins=at - day, ends=at + 90 * day),
        "umbrella-expired": partners.issued(
            own_ca, "old.umbrella.example", begins=at - 2 * day, ends=at - day
        ),
        "stranger": partners.self_signed("stranger", at=at - day),
    }
    with stage.realm.changing(ACTOR) as change:
        for name in ("globex", "initech", "umbrella"):
            clients.add(change, name)
        issued = bindings.issue(change, "globex")
    if issued.key is not None:
        stage.identities["globex"] = Identity(issued.key, (issued.certificate, *issued.chain))
    yield Step(
        "client globex", issued.binding.state == "active", "we issued its certificate", {"kind": "issued"}
    )
    with stage.realm.changing(ACTOR) as change:
        pinned = bindings.accept_certificate(change, "initech", stage.identities["initech"].leaf.pem)
    codes = [finding.code for finding in pinned.findings]
    yield Step(
        "client initech",
        pinned.binding.state == "active",
        "we accepted its self-signed certificate",
        {"findings": codes},
    )
    with stage.realm.changing(ACTOR) as change:
        accepted = bindings.accept_authority(
            change, "umbrella", own_ca.leaf.pem, rule="DNS:*.umbrella.example"
        )
    seen = f"we accepted its CA, for names like {accepted.binding.rule}"
    yield Step("client umbrella", accepted.binding.state == "active", seen, {"rule": accepted.binding.rule})


def _answered(stage: Stage, caller: str, how: str) -> Step:
    # What was just added takes a moment to reach the gateway: until then it asks, and the answer is the same.
    answer = stage.call(caller)
    client = answer.body.get("client")
    seen = f"{answer.status}: the API saw the client {client!r}" if client else _words(answer)
    return Step(
        f"{caller}, {how}",
        (answer.status, client) == (200, caller),
        seen,
        {"status": answer.status, "client": client},
    )


def _refused(stage: Stage, name: str, caller: str | None, code: str) -> Step:
    answer = stage.call(caller)
    noted = stage.reason(answer)
    ok = (answer.status, answer.body.get("code"), noted) == (403, code, code)
    seen = f"{_words(answer)} (journal: {noted or 'nothing'})"
    return Step(name, ok, seen, {"status": answer.status, "code": answer.body.get("code"), "journal": noted})


def _nobody_asked(stage: Stage) -> Step:
    """Show that known clients are let in without asking the control plane."""
    known = ("globex", "initech", "umbrella")
    with ExitStack() as stack:
        open_ones = [stack.enter_context(stage.connection(caller)) for caller in known]
        _until_known(stage, open_ones)
        before = questions(stage.place)
        answers = [ask(open_ones[number % len(known)]) for number in range(BURST)]
    asked = questions(stage.place) - before
    good = sum(answer.status == 200 for answer in answers)
    seen = f"{good} answered; the control plane was asked {asked} times"
    return Step(
        f"{BURST} more calls of these three",
        (good, asked) == (BURST, 0),
        seen,
        {"answered": good, "asked": asked},
    )


def _until_known(stage: Stage, connections: list[HTTPSConnection]) -> None:
    """Call until the gateway knows a certificate that it asked about before: that takes a few milliseconds."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        before = questions(stage.place)
        for connection in connections:
            ask(connection)
        if questions(stage.place) == before:
            return
        time.sleep(0.02)


def _revoked(stage: Stage) -> Step:
    """Revoke a client while its connection is open, and call on."""
    with stage.connection("globex") as connection:
        before = ask(connection)
        open_socket = connection.sock
        with stage.realm.changing(ACTOR) as change:
            bindings.revoke(change, "globex", reason="keyCompromise")
        committed = time.monotonic()
        answer = before
        while answer.status == 200 and time.monotonic() - committed < PATIENCE:
            answer = ask(connection)
        milliseconds = round((time.monotonic() - committed) * 1000)
        same = connection.sock is open_socket
    noted = stage.reason(answer)
    ok = same and (before.status, answer.status, answer.body.get("code"), noted) == (
        200,
        403,
        "certificate-revoked",
        "certificate-revoked",
    )
    when = f"on its open connection, {milliseconds} ms after the revocation"
    seen = f"{_words(answer)}, {when} (journal: {noted or 'nothing'})"
    return Step(
        "globex, revoked", ok, seen, {"status": answer.status, "milliseconds": milliseconds, "journal": noted}
    )


def _words(answer: Answer) -> str:
    return f"{answer.status}: {answer.body.get('title', 'no reason was given')}"


def keep_for_curl(stage: Stage) -> list[str]:
    """Write the partners' certificates where curl can read them, and return the commands to try."""
    trust = stage.folder / "server-ca.pem"
    trust.write_text(stage.trust)
    commands = []
    for name in ("initech", "umbrella", "stranger", "globex"):
        identity = stage.identities[name]
        entry = IdentityEntry(name, private_der(identity.key), identity.certificates)
        file = stage.folder / f"{name}.p12"
        file.touch(mode=0o600)
        file.write_bytes(dump(Keystore((entry,), Format.PKCS12), Format.PKCS12, PASSWORD))
        certificate = f"--cert-type P12 --cert {file}:{PASSWORD}"
        commands.append(f"curl --cacert {trust} {certificate} https://localhost:{stage.port}{PATH}")
    # Called out of a virtual environment that is not the shell's, it is known by its path alone.
    ourselves = "twoway" if shutil.which("twoway") else sys.argv[0]
    commands.append(f"{ourselves} journal --realm {stage.realm.directory}")
    return commands


def run(*, tell: Tell, stay: Callable[[Stage], None] | None) -> bool:
    """Play the story from beginning to end.

    Args:
        tell: gets each step as soon as it is over.
        stay: called at the end with everything still up; None ends at once.

    Returns:
        Whether every step came out as it should.
    """
    folder = Path(tempfile.mkdtemp(prefix="twoway-quickstart-"))
    ok = True
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        began = time.monotonic()
        stage = Stage(folder, stack)
        seen = f"database, unlock key, root and issuing CA, in {time.monotonic() - began:.1f} s"
        tell(Step("realm", ok=True, seen=seen, facts={"folder": str(stage.realm.directory)}))
        try:
            for step in play(stage):
                ok = ok and step.ok
                tell(step)
        except (TwowayError, OSError, HTTPException) as failure:
            ok = False
            tell(Step("the story", ok=False, seen=f"broke off: {failure}"))
        if stay:
            stay(stage)
    return ok


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process of ours and wait for it; what it does not end itself goes with it."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
