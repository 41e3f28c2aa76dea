"""``twoway serve``: the control plane, its authorizer and an embedded gateway, brought up and kept so. Shell.

Three processes: this one (desired state, discovery protocol, supervision), the authorizer, and Envoy. Envoy
outlives this one when it is killed, and is adopted when it comes back; when it is stopped, all three end.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import grpc.aio
from envoy.service.discovery.v3 import ads_pb2_grpc

from twoway.errors import ListenerRefused, TwowayError
from twoway.gateway.authorizing import AuthorizerProcess
from twoway.gateway.compose import SETTLED, Listen, desired, ended_everywhere, next_change
from twoway.gateway.control import ControlPlane
from twoway.gateway.delta import Gateway, Published, published
from twoway.gateway.desired import LEASE
from twoway.gateway.reading import Reading, read
from twoway.gateway.resources import ended, snapshot
from twoway.gateway.resources.filters import ENDED
from twoway.gateway.resources.messages import EXTENSION, LISTENER
from twoway.gateway.runtime import Runtime, lock, runtime
from twoway.gateway.supervisor import Supervisor
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
_MAINTENANCE = 5.0

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
    with lock(realm.directory):
        place = runtime(realm.record().identifier)
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
        self._authorizer = AuthorizerProcess(realm.directory, place.authorizer)
        self._watch = Watch(realm.directory)
        self._state: Published | None = None
        self._seen: Revisions | None = None
        self._made_at = datetime.now(UTC)
        self._next_change: datetime | None = None

    async def run(self) -> None:
        """Bring everything up, and keep it so until a signal comes."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        await self._publish()
        server = await self._listen()
        self._authorizer.start()
        self._supervisor.start()
        tasks = [
            asyncio.create_task(job)
            for job in (
                self._supervisor.watch(),
                self._authorizer.watch(),
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
            self._supervisor.stop()
            self._authorizer.stop()
            await server.stop(0.2)

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
        while True:
            await asyncio.sleep(_LOOK)
            now = datetime.now(UTC)
            aged = now - self._made_at > _AT_LEAST_EVERY or (self._next_change and now >= self._next_change)
            try:
                if self._watch.changed() or aged:
                    await self._take_over(force=bool(aged))
            except (TwowayError, OSError) as failure:
                # Without its database it goes on with what it knows: gateways keep their lease.
                log.error("cannot read the realm: %s", failure)  # noqa: TRY400  the cause is in the message
                await asyncio.sleep(1)

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
        resource = ended(ended_everywhere(lost, datetime.now(UTC), self._acknowledged()))
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

    def _acknowledged(self) -> int:
        """Return the revision that every connected gateway has taken over."""
        return min((gateway.acknowledged for gateway in self._control.gateways), default=0)

    async def _maintain(self) -> None:
        """Renew and take over server certificates."""
        while True:
            await asyncio.sleep(_MAINTENANCE)
            try:
                services.maintain(self._realm, ACTOR)
            except TwowayError as failure:
                log.error("server certificates: %s", failure)  # noqa: TRY400  the cause is in the message

    def _news(self, gateway: Gateway) -> None:
        """Write down what a gateway acknowledged or refused."""
        at = datetime.now(UTC)
        if gateway.refused:
            self._alarm(gateway, at)
        if gateway.acknowledged:
            self._taken_over.set()
        with suppress(TwowayError), self._realm.writing() as connection:
            if gateway in self._control.gateways:
                gateways.acknowledge(connection, gateway.name, gateway.acknowledged, at, ended=gateway.ended)
            else:
                gateways.away(connection, gateway.name, at)

    def _alarm(self, gateway: Gateway, at: datetime) -> None:
        for kind, said in gateway.refused.items():
            if kind == LISTENER and not self._taken_over.is_set() and "cannot bind" in said:
                listen = self._options.listen
                reason = said.strip().rpartition(": ")[2]
                self._failed = ListenerRefused(listen.address, listen.port, reason)
                self._stopping.set()
                return
            log.error("the gateway %s refused an update of %s: %s", gateway.name, kind, said)
            entry = JournalEntry(
                kind="alarm", code="update-refused", at=at, detail={"type": kind, "gateway": said}
            )
            with suppress(TwowayError):
                journal.record(self._realm, [entry])
