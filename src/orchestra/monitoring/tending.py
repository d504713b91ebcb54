"""Background work that goes on: what only watches must not end what it watches."""

from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from orchestra.clock import Clock

log = structlog.get_logger(__name__)

AGAIN_S: Final = 5.0


async def tend(serve: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Serve until cancelled, whatever happens. Broken work is told, and begun anew after 5 s."""
    while True:
        try:
            await serve()
        except Exception:  # the edge of a task
            log.exception("monitoring.task_failed", task=serve.__qualname__)
        await clock.sleep(AGAIN_S)
