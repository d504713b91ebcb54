"""The bus module: wiring and lifetime."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
from litestar import Router
from litestar.di import Provide
from litestar.types import ControllerRouterHandler

from orchestra.bus import Source
from orchestra.bus.hub import Hub
from orchestra.bus.live import Live
from orchestra.bus.published import Published
from orchestra.bus.queues.wiring import QueueParts
from orchestra.bus.reading import Events
from orchestra.bus.routes import EventRoutes
from orchestra.clock import Clock, Ids, Random
from orchestra.store.client import Store


class BusModule:
    """Events and queues of one replica. A `Module`, and the `Bus` of the others."""

    name = "bus"

    def __init__(
        self,
        store: Store,
        sources: Sequence[Source],
        ports: tuple[Clock, Ids, Random],
        drain_s: float = 30.0,
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
        parts = {
            "published": published,
            "events": Events(store, everything),
            "live": self.live,
            "clock": clock,
        }
        provided = {
            name: Provide(_constant(part), sync_to_thread=False) for name, part in parts.items()
        }
        self.routes: Sequence[ControllerRouterHandler] = (
            Router("/", route_handlers=[EventRoutes], dependencies=provided),
            *self.queues.routes,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Who watches is told for the duration of the block."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.hub.serve)
            group.start_soon(self.queues.serve)
            yield
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
