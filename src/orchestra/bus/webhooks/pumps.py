"""A pump: takes deliveries of one endpoint as fast as it may, and ends when there are none left.

An endpoint with nothing to do has no pump and costs nothing but its share of a sweep.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import anyio
import anyio.abc
import structlog

from orchestra.bus import lines
from orchestra.bus.queues.records import BATCH_MAX, Received
from orchestra.bus.webhooks.circuits import Circuits, Places
from orchestra.bus.webhooks.hands import Hands, Place
from orchestra.bus.webhooks.lines import Lines
from orchestra.bus.webhooks.records import Endpoint
from orchestra.bus.webhooks.turns import Turns
from orchestra.clock import Clock, Ids
from orchestra.errors import OrchestraError

log = structlog.get_logger(__name__)

AWAY_S: Final = 1.0
HOLD_MAX_S: Final = 30.0
"""An open circuit is looked at again after so long, as others may have closed it."""


class Ground(NamedTuple):
    """What all pumps of a replica stand on."""

    circuits: Circuits
    lines: Lines
    hands: Hands
    turns: Turns
    clock: Clock
    ids: Ids


class Pump:
    """Of one endpoint: `run` until there is nothing to do, or nothing that may be done now."""

    def __init__(self, ground: Ground, find: Callable[[], Endpoint | None]) -> None:
        self._ground, self._find = ground, find
        self._bell = anyio.Event()
        self._in_hand = 0
        self._closing = False
        self.dry = False
        """Nothing is in line, as far as we know."""
        self.hold_s = 0.0
        """For so long nothing may be sent."""

    def wake(self) -> None:
        """There may be something in line."""
        self.dry = False
        self._bell.set()

    def close(self) -> None:
        """Take nothing more; what is in hand is finished."""
        self._closing = True
        self._bell.set()

    async def run(self) -> None:
        """Until dry, or held up, with nothing in hand. Safe to run again."""
        self.hold_s = 0.0
        async with anyio.create_task_group() as jobs:
            while True:
                wait_s: float | None = None
                if not self._closing and not self.dry:
                    wait_s = await self._round(jobs)
                if not self._in_hand and (self._closing or self.dry or self.hold_s):
                    return
                if wait_s != 0:
                    await self._pause(wait_s)

    async def _round(self, jobs: anyio.abc.TaskGroup) -> float | None:
        """Begin what may be begun; in how many seconds to look again, None: when woken."""
        endpoint = self._find()
        if endpoint is None:
            self.dry = True
            return None
        free = min(endpoint.concurrency - self._in_hand, BATCH_MAX)
        if free <= 0:
            return None
        turns = await self._ground.turns.take(endpoint.tenant, free)
        begun = 0
        try:
            places = await self._places(endpoint, turns)
            if not places.count:
                return self._held_up(places)
            self.dry = True  # before it is looked at: a wake-up in between is not lost
            found = await self._received(endpoint, places)
            for begun, one in enumerate(found, 1):
                self._in_hand += 1
                place = Place(places.name(begun), places.probe)
                jobs.start_soon(self._work, endpoint, one, place)
            if begun == places.count:
                self.dry = False
                return 0.0
        except OrchestraError as away:
            log.debug("webhook.not_received", webhook=endpoint.id, error=away.code)
            self.dry = False
            return AWAY_S
        finally:
            self._ground.turns.give_back(turns - begun)
        return None

    async def _places(self, endpoint: Endpoint, want: int) -> Places:
        token = self._ground.ids.new("wht")
        if endpoint.state == "disabled":  # nothing is sent
            return Places(token, want)
        return await self._ground.circuits.admit(endpoint, token, want)

    async def _received(self, endpoint: Endpoint, places: Places) -> list[Received]:
        found: list[Received] = []
        try:
            found = await self._ground.lines.receive(endpoint, places.count)
        finally:
            if len(found) < places.count and endpoint.state == "active":
                await self._ground.circuits.release(endpoint, places, len(found))
        return found

    def _held_up(self, places: Places) -> float:
        wait_s = places.wait_ms / 1_000
        if wait_s > AWAY_S and not self._in_hand:
            self.hold_s = min(wait_s, HOLD_MAX_S)
        return wait_s

    async def _work(self, endpoint: Endpoint, one: Received, place: Place) -> None:
        lines.begin(endpoint.tenant, webhook=endpoint.id, message=one.id)
        try:
            await self._ground.hands.deliver(endpoint, one, place)
        except* OrchestraError as away:  # the lease runs out, and it comes again
            log.info("webhook.not_recorded", error=str(away.exceptions[0]))
        except* Exception:  # its task ends here, and no other delivery with it
            log.exception("webhook.delivery_broken")
        finally:
            self._in_hand -= 1
            self._ground.turns.give_back(1)
            self._bell.set()

    async def _pause(self, wait_s: float | None) -> None:
        """Until the bell rings, or the time is up."""
        if wait_s is None:
            await self._bell.wait()
        else:
            async with anyio.create_task_group() as group:
                group.start_soon(self._ring_after, wait_s)
                await self._bell.wait()
                group.cancel_scope.cancel()
        self._bell = anyio.Event()

    async def _ring_after(self, seconds: float) -> None:
        await self._ground.clock.sleep(seconds)
        self._bell.set()
