"""The control plane's side of Envoy's configuration protocol, over the network. Shell around ``delta``."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import timedelta

from envoy.service.discovery.v3 import ads_pb2_grpc
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from twoway.gateway.delta import Gateway, Published

log = logging.getLogger(__name__)

# A lease is renewed this many times in its length, so that a busy minute does not end it.
_RENEWALS = 4
# Seconds.
_MOMENT = 0.5

_Inbox = asyncio.Queue[DeltaDiscoveryRequest | None]


class ControlPlane(ads_pb2_grpc.AggregatedDiscoveryServiceServicer):  # type: ignore[misc]  # generated without types
    """Serves the newest published state to every gateway that connects.

    Args:
        lease: how long a gateway honours what it knows without hearing from us.
        on_news: called with a gateway when it comes, acknowledges, refuses or goes.

    Attributes:
        current: whether what is published is what the realm says. While nobody knows that, no lease is renewed.
    """

    def __init__(self, lease: timedelta, on_news: Callable[[Gateway], None]) -> None:
        self.gateways: set[Gateway] = set()
        self.current = True
        self._lease = lease
        self._on_news = on_news
        self._published: Published | None = None
        self._changed = asyncio.Condition()

    async def publish(self, state: Published) -> None:
        """Make this the state that all gateways are brought to."""
        async with self._changed:
            self._published = state
            self._changed.notify_all()

    async def DeltaAggregatedResources(  # noqa: N802  the protocol's name
        self, request_iterator: AsyncIterator[DeltaDiscoveryRequest], _context: object
    ) -> AsyncIterator[DeltaDiscoveryResponse]:
        """Serve one gateway's stream."""
        inbox: _Inbox = asyncio.Queue()
        reading = asyncio.create_task(_read(request_iterator, inbox))
        gateway: Gateway | None = None
        try:
            first = await inbox.get()
            if first is None:
                return
            gateway = Gateway(first.node.id, self._lease)
            gateway.hear(first)
            self.gateways.add(gateway)
            async for response in self._conversation(gateway, inbox):
                yield response
        finally:
            reading.cancel()
            if gateway:
                self.gateways.discard(gateway)
                self._on_news(gateway)

    async def _conversation(self, gateway: Gateway, inbox: _Inbox) -> AsyncIterator[DeltaDiscoveryResponse]:
        state: Published | None = None
        changed = asyncio.create_task(self._next(state))
        asked = asyncio.create_task(inbox.get())
        renewed = time.monotonic()
        heartbeat = self._lease.total_seconds() / _RENEWALS
        try:
            while True:
                # A renewal that is due and may not be is looked at again in a moment.
                due = renewed + heartbeat - time.monotonic()
                left = max(0.0 if self.current else min(heartbeat, _MOMENT), due)
                await asyncio.wait({changed, asked}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                refused = gateway.refused
                if asked.done():
                    request = asked.result()
                    if request is None:
                        return
                    gateway.hear(request)
                    asked = asyncio.create_task(inbox.get())
                if changed.done():
                    state = changed.result()
                    changed = asyncio.create_task(self._next(state))
                if self.current and time.monotonic() - renewed >= heartbeat:
                    # However much else is going on: a realm that changes every hour is never quiet.
                    renewed = time.monotonic()
                    gateway.renew()
                if state is None:
                    continue
                for response in gateway.owed(state):
                    yield response
                if gateway.settle(state) or gateway.refused != refused:
                    self._on_news(gateway)
        finally:
            changed.cancel()
            asked.cancel()

    async def _next(self, seen: Published | None) -> Published:
        async with self._changed:
            while self._published is None or self._published is seen:
                await self._changed.wait()
            return self._published


async def _read(requests: AsyncIterator[DeltaDiscoveryRequest], inbox: _Inbox) -> None:
    """Move requests into the inbox; None is the end of the stream, however it came."""
    try:
        with suppress(Exception):  # the transport's errors all mean that the gateway is gone
            async for request in requests:
                inbox.put_nowait(request)
    finally:
        inbox.put_nowait(None)
