"""The monitoring module: wiring and lifetime. Its parts know nothing of each other."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from litestar.types import ControllerRouterHandler

from orchestra.monitoring import Part


class MonitoringModule:
    """Metrics, and what else watches this installation. A `Module`."""

    name = "monitoring"

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)
        self.routes: Sequence[ControllerRouterHandler] = tuple(
            route for part in parts for route in part.routes
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Every part is up for the duration of the block."""
        async with AsyncExitStack() as stack:
            for part in self._parts:
                await stack.enter_async_context(part.running())
            yield

    async def quiesce(self) -> None:
        """Nothing is refused: what is recorded while others end is handed over at the exit."""
        for part in self._parts:
            await part.quiesce()

    async def check(self) -> None:
        """Monitoring is as well as the store, which is checked by itself."""
