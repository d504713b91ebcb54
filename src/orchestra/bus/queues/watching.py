"""A receiver that waits and goes away is given nothing: its messages would be lost for a lease."""

from typing import Any

import anyio
from litestar import Request

from orchestra.bus.queues.records import Received
from orchestra.bus.queues.waiting import Bell, Receiving, Waiting
from orchestra.errors import OrchestraError


async def while_waiting(
    request: Request[Any, Any, Any], bell: Bell, waiting: Waiting, wait_s: float, call: Receiving
) -> list[Received]:
    """`Waiting.receive` for as long as the caller is there. The body must have been read."""
    found: list[Received] = []
    refused: OrchestraError | None = None
    gone = anyio.Event()

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()
        bell.ring()

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            found = await waiting.receive(bell, wait_s, gone.is_set, call)
        except OrchestraError as error:
            refused = error
        group.cancel_scope.cancel()
    if refused is not None:
        raise refused
    return found
