"""The bus module: wiring and lifetime."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.abc
from litestar import Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from orchestra.bus import Handler, Reading, Source
from orchestra.bus.events.published import Published
from orchestra.bus.events.reading import Events
from orchestra.bus.events.routes import EventRoutes
from orchestra.bus.live.hub import Hub
from orchestra.bus.live.streams import Live
from orchestra.bus.patterns import is_pattern
from orchestra.bus.queues.wiring import QueueParts
from orchestra.bus.readers.durable import Durable
from orchestra.bus.readers.routes import SubscriptionRoutes
from orchestra.bus.readers.subscriptions import Subscriptions
from orchestra.bus.readers.tenure import Ground, Subscriber
from orchestra.bus.webhooks.wiring import Needs, WebhookParts
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
    ) -> None:
        clock, ids, chance = ports
        self._drain_s = drain_s
        published = Published(store, ids)
        everything = (*sources, published)
        self.hub = Hub(store, everything)
        self.live = Live(self.hub, clock, chance)
        self.publish, self.watch = published.publish, self.hub.watch
        self.queues = QueueParts(store, clock, ids, chance)
        self.enqueue, self.worker = self.queues.enqueue, self.queues.worker
        self.webhooks = WebhookParts(store, clock, ids, webhooks) if webhooks else None
        self._ground = Ground(self.hub, store, clock, ids.new("rdr"))
        self._durables: list[Durable] = []
        self._group: anyio.abc.TaskGroup | None = None
        parts = {
            "published": published,
            "events": Events(store, everything),
            "live": self.live,
            "subscriptions": Subscriptions(self.hub, store, clock, ids),
            "clock": clock,
        }
        provided = {
            name: Provide(_constant(part), sync_to_thread=False) for name, part in parts.items()
        }
        self.routes: Sequence[ControllerRouterHandler] = (
            Router("/", route_handlers=[EventRoutes, SubscriptionRoutes], dependencies=provided),
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
        async with anyio.create_task_group() as group:
            group.start_soon(self.hub.serve)
            group.start_soon(self.queues.serve)
            if self.webhooks:
                group.start_soon(self.webhooks.serve)
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
            await self.queues.quiesce()

    async def check(self) -> None:
        """The bus is as well as the store, which is checked by itself."""


def _constant(part: object) -> Callable[[], object]:
    def provide() -> object:
        return part

    return provide
