"""The Module protocol and its runtime: start in order, quiesce and stop in reverse."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Protocol

import structlog
from litestar.types import ControllerRouterHandler

log = structlog.get_logger(__name__)


class Module(Protocol):
    """A part of the product: its routes and its background work."""

    name: str
    routes: Sequence[ControllerRouterHandler]

    def running(self) -> AbstractAsyncContextManager[None]:
        """Enter: background work is up. Exit: it is gone. Once per process."""
        ...

    async def quiesce(self) -> None:
        """Take no new work and let what is in flight finish. Safe to repeat."""
        ...

    async def check(self) -> None:
        """Raise Unavailable when the module cannot do its job now."""
        ...


@asynccontextmanager
async def run_modules(modules: Sequence[Module]) -> AsyncIterator[None]:
    """All modules up for the duration of the block: started in order, stopped in reverse.

    Each is quiesced before any is stopped, so work in flight can still call the others.
    """
    async with AsyncExitStack() as stack:
        for module in modules:
            await stack.enter_async_context(module.running())
            log.debug("module.started", module=module.name)
        try:
            yield
        finally:
            await quiesce(modules)


async def quiesce(modules: Sequence[Module]) -> None:
    """Each takes no new work, the last one first. Safe to repeat."""
    for module in reversed(modules):
        await module.quiesce()
