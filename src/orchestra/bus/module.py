"""The bus module: wiring and lifetime."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.abc
from litestar.types import ControllerRouterHandler

from orchestra.bus import Handler, Reading, Source
from orchestra.bus.limits import LIMITS, Limits
from orchestra.bus.patterns import is_pattern
from orchestra.bus.queues.wiring import QueueParts
from orchestra.bus.readers.durable import Durable
from orchestra.bus.readers.tenure import Ground, Subscriber
from orchestra.bus.webhooks.delivery import READER
from orchestra.bus.webhooks.surveying import NOTHING, HookSurvey
from orchestra.bus.webhooks.wiring import Needs, WebhookParts
from orchestra.bus.wiring import EventParts
from orchestra.clock import Clock, Ids, Random
from orchestra.store.client import Store

LEAVE_S = 4.0


class BusModule:
    """Events and queues of one replica. A `Module`, and the `Bus` of the others."""

    name = "bus"

    def __init__(
        self,
        store: Store,
        sources: Sequence[Source],
        ports: tuple[Clock, Ids, Random],
        drain_s: float = 30.0,
        webhooks: Needs | None = None,
        *,
        limits: Limits = LIMITS,
    ) -> None:
        clock, ids, chance = ports
        self._drain_s = drain_s
        self.events = EventParts(store, sources, ports, limits)
        self.hub, self.live = self.events.hub, self.events.live
        self.publish, self.watch = self.events.published.publish, self.hub.watch
        self.signal, self.on_signal = self.events.signals.signal, self.events.signals.on_signal
        self.step_emitter = self.events.steps.emitter
        self.queues = QueueParts(store, clock, ids, chance)
        self.enqueue, self.worker = self.queues.enqueue, self.queues.worker
        self.webhooks = WebhookParts(store, self.events, webhooks, ports) if webhooks else None
        self.hooks: HookSurvey = self.webhooks.delivery.surveyor if self.webhooks else NOTHING
        self._ground = Ground(self.hub, store, clock, ids.new("rdr"))
        self._durables: list[Durable] = []
        self._group: anyio.abc.TaskGroup | None = None
        self.routes: Sequence[ControllerRouterHandler] = (
            *self.events.routes,
            *self.queues.routes,
            *(self.webhooks.routes if self.webhooks else ()),
        )

    def subscribe(
        self,
        name: str,
        patterns: Sequence[str],
        handler: Handler,
        options: Reading = Reading(),  # noqa: B008 - frozen
    ) -> None:
        """See `Bus.subscribe`."""
        assert all(map(is_pattern, patterns)), patterns
        durable = Durable(self._ground, Subscriber(name, tuple(patterns), handler, options))
        self._durables.append(durable)
        if self._group is not None:
            self._group.start_soon(durable.serve)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Who watches is told, and who subscribed, for the duration of the block."""
        if self.webhooks:
            await self.webhooks.prepare()
            delivery = self.webhooks.delivery
            self.subscribe(READER, ["**"], delivery.handle, delivery.reading)
        async with self._up(self.webhooks):
            yield

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[None]:
        """For a process without this module: what others in it do with the bus."""
        if self.webhooks:
            await self.webhooks.prepare()
        async with self._up(None):
            yield

    @asynccontextmanager
    async def _up(self, webhooks: WebhookParts | None) -> AsyncIterator[None]:
        async with anyio.create_task_group() as group:
            group.start_soon(self.events.serve)
            group.start_soon(self.queues.serve)
            if webhooks:
                group.start_soon(webhooks.serve)
            for durable in self._durables:
                group.start_soon(durable.serve)
            self._group = group
            yield
            self._group = None
            for durable in self._durables:
                durable.stop()
            with anyio.move_on_after(LEAVE_S):
                for durable in self._durables:
                    await durable.ended.wait()
            group.cancel_scope.cancel()

    async def quiesce(self) -> None:
        """Streams end, so that their clients go to another replica; jobs in hand are finished."""
        self.live.close()
        with anyio.move_on_after(self._drain_s):
            async with anyio.create_task_group() as group:
                group.start_soon(self.queues.quiesce)
                if self.webhooks:
                    group.start_soon(self.webhooks.delivery.quiesce)

    async def check(self) -> None:
        """The bus is as well as the store, which is checked by itself."""
