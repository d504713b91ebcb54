"""The logs of one replica, put together: a part of monitoring."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
from litestar import Router
from litestar.types import ControllerRouterHandler

from orchestra.clock import Clock, Ids
from orchestra.log import TAP
from orchestra.monitoring.logs.asking import Asking
from orchestra.monitoring.logs.ingesting import Ingesting
from orchestra.monitoring.logs.routes import LogRoutes
from orchestra.monitoring.logs.shelf import Keeping, Shelf
from orchestra.monitoring.logs.shipping import Shipping
from orchestra.monitoring.logs.streaming import Streaming
from orchestra.provided import provided
from orchestra.settings import Settings
from orchestra.store.client import Store
from orchestra.tap import Tap


class LogParts:
    """What monitoring has of logs."""

    def __init__(
        self, settings: Settings, store: Store, clock: Clock, ids: Ids, tap: Tap = TAP
    ) -> None:
        shelf = Shelf(store, Keeping(settings.log_keep_s, settings.log_keep_mb * 1_048_576))
        self.shipping = Shipping(shelf, tap, clock, ids.new("log"))
        self.streaming = Streaming(shelf, clock)
        self.asking = Asking(shelf, clock)
        parts = {
            "asking": self.asking,
            "ingesting": Ingesting(shelf, clock),
            "streaming": self.streaming,
            "clock": clock,
        }
        self.routes: Sequence[ControllerRouterHandler] = (
            Router("/", route_handlers=[LogRoutes], dependencies=provided(parts)),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Lines go to the store for the duration of the block, the last ones at its end."""
        async with anyio.create_task_group() as group:
            group.start_soon(self.shipping.serve)
            group.start_soon(self.streaming.serve)
            try:
                yield
            finally:
                group.cancel_scope.cancel()
        await self.shipping.leave()

    async def quiesce(self) -> None:
        """Streams end, so that their clients go to another replica."""
        self.streaming.close()
