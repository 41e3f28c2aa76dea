"""``twoway serve``: the control plane, its authorizer and an embedded gateway, brought up and kept so. Shell.

Three processes: this one (desired state, discovery protocol, supervision), the authorizer, and Envoy. Envoy
outlives this one when it is killed, and is adopted when it comes back; when it is stopped, all three end.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import grpc.aio
from envoy.service.discovery.v3 import ads_pb2_grpc

from twoway.errors import EnvoyWillNotStart, ListenerRefused, TwowayError
from twoway.gateway.authorizing import AuthorizerProcess
from twoway.gateway.compose import SETTLED, Listen, desired, ended_somewhere, next_change
from twoway.gateway.control import ControlPlane
from twoway.gateway.delta import Gateway, Published, published
from twoway.gateway.desired import LEASE
from twoway.gateway.reading import Reading, read
from twoway.gateway.reasons import (
    AUTHORIZER_RESTARTED,
    CERTIFICATE_KEPT,
    GATEWAY_RESTARTED,
    NAMES_FULL,
    REALM_UNREAD,
    UPDATE_REFUSED,
    Alarm,
)
from twoway.gateway.resources import ended, snapshot
from twoway.gateway.resources.filters import ENDED
from twoway.gateway.resources.messages import EXTENSION, LISTENER
from twoway.gateway.runtime import Runtime, lock, runtime
from twoway.gateway.supervisor import Restart, Supervisor
from twoway.gateway.writing import Writer
from twoway.realm import gateways, journal, services
from twoway.realm.database import Watch
from twoway.realm.journal import JournalEntry
from twoway.realm.realm import Realm, Revisions

log = logging.getLogger(__name__)

# Seconds between two looks at whether another process has changed the realm; one look costs microseconds.
_LOOK = 0.01
# How long what lost its rights has to be sent, in seconds, before making the rest takes the processor.
_HEAD_START = 0.005
# A state is made anew at least this often, so that what ends soon carries its own end in good time.
_AT_LEAST_EVERY = timedelta(hours=1)
# How often watched files and certificates to renew are looked at, in seconds.
_MAINTENANCE = 2.0
# Seconds until a realm that cannot be read is tried again.
_PAUSE = 1.0
# A gateway that ends so often as soon as it was started, and has never been ready, will not be.
_HOPELESS = 3

ACTOR = "serve"


@dataclass(frozen=True)
class Serving:
    """How to serve.

    Args:
        listen: where the gateway listens.
        node: the gateway's name.
        lease: how long it goes on without us.
        concurrency: Envoy's worker threads; 0 for one a core.
    """

    listen: Listen = field(default_factory=lambda: Listen("0.0.0.0", 8443))  # noqa: S104  a gateway is for others
    node: str = "embedded"
    lease: timedelta = LEASE
    concurrency: int = 0


def serve(realm: Realm, options: Serving, *, on_ready: Callable[[Listen], None] = lambda _: None) -> None:
    """Serve until a signal ends it.

    Args:
        realm: an open realm; its keys are unlocked here.
        options: how.
        on_ready: called once, when the gateway has taken over everything and listens.

    Raises:
        AlreadyServed: another process serves the realm.
        ListenerRefused: the gateway cannot listen there.
    """
    place = runtime(realm.record().identifier, realm.directory)
    with lock(realm.directory), lock(place.folder):
        asyncio.run(_Server(realm, options, place, on_ready).run())


class _Server:
    def __init__(
        self, realm: Realm, options: Serving, place: Runtime, on_ready: Callable[[Listen], None]
    ) -> None:
        self._realm = realm
        self._options = options
        self._place = place
        self._on_ready = on_ready
        self._taken_over = asyncio.Event()
        self._failed: TwowayError | None = None
        self._stopping = asyncio.Event()
        self._control = ControlPlane(options.lease, self._news)
        self._supervisor = Supervisor(place, options.node, options.concurrency)
        self._authorizer = AuthorizerProcess(realm.directory, place)
        self._watch = Watch(realm.directory)
        self._writer = Writer()
        self._refused: dict[str, dict[str, str]] = {}
        self._failing: dict[str, str] = {}
        self._left_out: dict[str, int] = {}
        self._state: Published | None = None
        self._seen: Revisions | None = None
        self._made_at = datetime.now(UTC)
        self._next_change: datetime | None = None

    async def run(self) -> None:
        """Bring everything up, and keep it so until a signal comes."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # A closed terminal ends it too, or Envoy would be left behind; not so under nohup.
            if signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, self._stopping.set)
        await self._publish()
        server = await self._listen()
        try:
            self._authorizer.start()
            if not self._supervisor.adopt():
                self._supervisor.start()
            await self._keep_up()
        finally:
            self._supervisor.stop()
            self._authorizer.stop()
            await server.stop(0.2)
            await asyncio.to_thread(self._writer.close)
            self._write_down_end()

    async def _keep_up(self) -> None:
        tasks = [
            asyncio.create_task(job)
            for job in (
                self._supervisor.watch(self._gateway_restarted),
                self._authorizer.watch(lambda why: self._alarm(AUTHORIZER_RESTARTED, why=why)),
                self._follow(),
                self._maintain(),
            )
        ]
        announcing = asyncio.create_task(self._announce())
        ending = asyncio.create_task(self._stopping.wait())
        try:
            done, _ = await asyncio.wait({ending, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ending}:
                task.result()
            if self._failed:
                raise self._failed
        finally:
            for task in (*tasks, ending, announcing):
                task.cancel()
            await asyncio.gather(*tasks, ending, announcing, return_exceptions=True)

    async def _listen(self) -> grpc.aio.Server:
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 * 1024 * 1024)])
        ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(self._control, server)
        self._place.control.unlink(missing_ok=True)
        server.add_insecure_port(f"unix:{self._place.control}")
        await server.start()
        return server

    async def _announce(self) -> None:
        """Say that it is ready once the gateway listens and strangers can be told why."""
        await self._taken_over.wait()
        await self._authorizer.answers.wait()
        self._on_ready(self._options.listen)

    async def _follow(self) -> None:
        """Push what another process changed as soon as it did, and what changes with time when it does."""
        behind = False
        while True:
            await asyncio.sleep(_LOOK)
            try:
                aged = self._aged(datetime.now(UTC))
                # A change that could not be taken over is still one when nothing further changes.
                behind = self._watch.changed() or aged or behind
                if behind:
                    await self._take_over(force=aged)
            except Exception as failure:  # noqa: BLE001  whatever it is, gateways go on with what they know
                behind, self._control.current = True, False
                self._complain("realm", failure, REALM_UNREAD)
                await asyncio.sleep(_PAUSE)
            else:
                behind, self._control.current = False, True
                self._complain("realm", None, REALM_UNREAD)

    def _aged(self, now: datetime) -> bool:
        """Tell whether the published state is not what would be made now, though nobody has changed anything."""
        due = self._next_change
        return now - self._made_at > _AT_LEAST_EVERY or (due is not None and now >= due)

    async def _take_over(self, *, force: bool) -> None:
        moved = self._realm.revisions()
        if moved == self._seen and not force:
            return
        if self._state and self._seen and moved.realm != self._seen.realm:
            await self._end_first(moved)
        await self._publish()

    async def _end_first(self, moved: Revisions) -> None:
        """Push what lost its rights, ahead of the maps, which take longer to make."""
        assert self._state is not None  # noqa: S101  for the type checker: the caller looked
        with self._realm.reading() as connection:
            lost = gateways.ended_since(connection, 0)
        if not lost or not self._state.snapshot[EXTENSION]:
            return
        resource = ended(ended_somewhere(lost, datetime.now(UTC), self._acknowledged()))
        await self._control.publish(self._state.ending(moved.realm, EXTENSION, ENDED, resource))
        # The streams send it before this task goes on making the rest.
        await asyncio.sleep(_HEAD_START)

    async def _publish(self) -> None:
        at = datetime.now(UTC)
        known: Reading = read(self._realm)
        state = desired(
            known.view,
            known.identities,
            self._options.listen,
            at=at,
            acknowledged=self._acknowledged(),
            anchors=known.anchors,
            lease=self._options.lease,
        )
        self._state = published(known.view.revision, snapshot(state))
        self._seen = Revisions(known.view.revision, known.view.learned_revision)
        self._made_at, self._next_change = at, next_change(known.view, at)
        if state.ended:
            self._next_change = min(self._next_change or at + SETTLED, at + SETTLED)
        await self._control.publish(self._state)
        self._note_left_out({host.name or "*": host.left_out for host in state.hosts if host.left_out})

    def _note_left_out(self, hosts: dict[str, int]) -> None:
        """Raise an alarm for each strict host that can't name all the CAs that it should, when that changes."""
        for host, count in hosts.items():
            if self._left_out.get(host) != count:
                self._alarm(NAMES_FULL, host=host, left_out=count)
        self._left_out = hosts

    def _acknowledged(self) -> int:
        """Return the revision that every connected gateway has taken over."""
        return min((gateway.acknowledged for gateway in self._control.gateways), default=0)

    async def _maintain(self) -> None:
        """Renew and take over server certificates."""
        before: dict[str, str] = {}
        while True:
            await asyncio.sleep(_MAINTENANCE)
            self._place.in_use()
            try:
                # In a thread: it waits for the database's lock, and for whatever the watched files lie on.
                problems = await asyncio.to_thread(services.maintain, self._realm, ACTOR)
            except Exception as failure:  # noqa: BLE001  whatever it is, the certificates that are there go on
                self._complain("server certificates", failure, CERTIFICATE_KEPT)
                continue
            self._complain("server certificates", None, CERTIFICATE_KEPT)
            now = {host: str(failure) for host, failure in problems.items()}
            for host in {*before, *now}:
                # Once is not enough: the file may just be being written.
                lasting = problems[host] if host in now and before.get(host) == now[host] else None
                if lasting or host not in now:
                    self._complain(host, lasting, CERTIFICATE_KEPT, host=host)
            before = now

    def _complain(self, what: str, failure: Exception | None, alarm: Alarm, **detail: Any) -> None:
        """Raise an alarm where something fails that did not, or in another way, and say when it no longer does.

        Args:
            what: tells one thing that may fail from another.
            failure: how; None where it does not.
            alarm: what it means.
            detail: goes into the journal.
        """
        before = self._failing.pop(what, "")
        if failure is None:
            if before:
                log.warning("no longer: %s: %s", alarm.title, before)
            return
        self._failing[what] = now = str(failure) or repr(failure)
        if now != before:
            trace = None if isinstance(failure, (TwowayError, OSError)) else failure
            log.error("%s: %s", alarm.title, now, exc_info=trace)
            self._alarm(alarm, why=now, **detail)

    def _gateway_restarted(self, restart: Restart) -> None:
        self._alarm(GATEWAY_RESTARTED, status=restart.status, log=self._place.log_before)
        if restart.failures >= _HOPELESS and not self._taken_over.is_set():
            self._fail(EnvoyWillNotStart(str(self._place.log_before)))

    def _news(self, gateway: Gateway) -> None:
        """Write down what a gateway acknowledged or refused."""
        refused, self._refused[gateway.name] = self._refused.get(gateway.name, {}), gateway.refused
        for kind, said in gateway.refused.items():
            if refused.get(kind) != said:
                self._update_refused(gateway.name, kind, said)
        if gateway.acknowledged:
            self._taken_over.set()
        here = gateway in self._control.gateways
        if not here and gateway.name in {other.name for other in self._control.gateways}:
            return  # it has come back before it was seen to go
        job = partial(self._write_down, gateway.name, gateway.acknowledged, gateway.ended, here=here)
        self._writer.put(job, key=gateway.name)

    def _write_down(self, name: str, acknowledged: int, ended: int, *, here: bool) -> None:
        at = datetime.now(UTC)
        with self._realm.writing() as connection:
            if here:
                gateways.acknowledge(connection, name, acknowledged, at, ended=ended)
            else:
                gateways.away(connection, name, at)

    def _write_down_end(self) -> None:
        """Say that the gateway lets nobody in any more, if that can be said."""
        try:
            with self._realm.writing() as connection:
                gateways.stopped(connection, self._options.node, datetime.now(UTC))
        except Exception as problem:  # noqa: BLE001  the gateway has ended, whether it is written down or not
            log.error("that the gateway ended could not be written down: %s", problem)  # noqa: TRY400  its words do

    def _update_refused(self, name: str, kind: str, said: str) -> None:
        if kind == LISTENER and not self._taken_over.is_set() and "cannot bind" in said:
            listen = self._options.listen
            self._fail(ListenerRefused(listen.address, listen.port, said.strip().rpartition(": ")[2]))
            return
        log.error("the gateway %s refused an update of %s: %s", name, kind, said)
        self._alarm(UPDATE_REFUSED, type=kind, gateway=said)

    def _alarm(self, alarm: Alarm, **detail: Any) -> None:
        told = {name: value for name, value in detail.items() if value is not None}
        entry = JournalEntry(
            kind="alarm", code=alarm.code, at=datetime.now(UTC), detail={"what": alarm.title, **told}
        )
        self._writer.put(partial(journal.record, self._realm, [entry]))

    def _fail(self, failure: TwowayError) -> None:
        self._failed = failure
        self._stopping.set()
