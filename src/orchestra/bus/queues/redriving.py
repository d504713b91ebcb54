"""Redrives go on wherever there is a replica: the store keeps the rate, so nobody owns one."""

from typing import Final

import anyio
import structlog

from orchestra.bus.queues.calls import Calls, Part
from orchestra.bus.queues.letters import Letters
from orchestra.clock import Random
from orchestra.errors import OrchestraError
from orchestra.store import queue_keys
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

STEP_S: Final = 0.25
LOOK_S: Final = 2.0


class Redriving:
    """Looks for redrives that run, and takes each a step on."""

    def __init__(self, calls: Calls, letters: Letters, chance: Random) -> None:
        self._calls, self._letters, self._chance = calls, letters, chance
        self._news = anyio.Event()

    def begun(self) -> None:
        """There is one: do not wait for the next look."""
        self._news.set()

    async def serve(self) -> None:
        """Until cancelled."""
        while True:
            try:
                running = await self._round()
            except OrchestraError as error:
                log.debug("queue.redrive_delayed", reason=error.detail)
                running = True
            if running:
                await anyio.sleep(STEP_S)
                continue
            with anyio.move_on_after(LOOK_S * (0.5 + self._chance.random())):
                await self._news.wait()
            self._news = anyio.Event()

    async def _round(self) -> bool:
        """Each of them one step; whether any goes on."""
        going = False
        for tag in self._calls.store.partitions:
            prefix = self._calls.store.prefix(tag)
            for queue in await self._calls.read(
                prefix, "SMEMBERS", queue_keys.queue_redrives(prefix)
            ):
                tenant, _, name = queue.decode().partition(":")
                going |= await self._letters.step(Part(Tenant(tenant), name, tag))
        return going
