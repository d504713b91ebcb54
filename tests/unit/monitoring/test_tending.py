"""Background work that breaks is told, and begun anew."""

import anyio
import pytest
from structlog.testing import capture_logs

from orchestra.clock import ManualClock
from orchestra.monitoring.tending import AGAIN_S, tend

pytestmark = pytest.mark.anyio


async def test_broken_work_is_told_and_begun_anew() -> None:
    clock, begun, again = ManualClock(), list[int](), anyio.Event()

    async def serve() -> None:
        begun.append(clock.now_ms())
        if len(begun) == 1:
            raise LookupError("broken")
        again.set()
        await anyio.sleep_forever()

    with capture_logs() as lines:
        async with anyio.create_task_group() as group:
            group.start_soon(tend, serve, clock)
            while not again.is_set():
                await anyio.lowlevel.checkpoint()
                clock.advance(round(AGAIN_S * 1_000))
            group.cancel_scope.cancel()

    assert len(begun) == 2
    assert [line["event"] for line in lines] == ["monitoring.task_failed"]
