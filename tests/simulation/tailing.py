"""The tail of a simulated replica: brings what is appended, late at times, and at times with holes.

It stands for `store.tails` and the bus: those who are told see what a process there would see.
"""

from collections.abc import Callable, Mapping
from typing import Any

from orchestra.errors import OrchestraError
from orchestra.monitoring.metrics.hearing import Heard
from orchestra.store.tails import START, Tail
from simulation.loop import World
from simulation.ports import SimClock, SimStore

POLL_S, LATE_S = 0.3, 4.0
LOSES, STOPS = 0.004, 0.004


class SimTail:
    """Follows streams. Now and then it begins anew at their ends, or stops for a while."""

    def __init__(
        self, world: World, store: SimStore, clock: SimClock, streams: Mapping[str, tuple[str, str]]
    ) -> None:
        self._world, self._store, self._clock = world, store, clock
        self._streams = dict(streams.values())
        self._heard: list[Heard] = []
        self._tail = Tail(self._arrived)

    def overhear(self, heard: Heard) -> Callable[[], Mapping[str, str]]:
        """As the bus offers it."""
        self._heard.append(heard)
        return lambda: self._tail.positions

    async def serve(self) -> None:
        """Until the replica dies."""
        while True:
            try:
                await self._turn()
            except OrchestraError:
                await self._clock.sleep(POLL_S)

    async def _turn(self) -> None:
        chance = self._world.random
        if not self._tail.positions or chance.random() < LOSES:
            await self._follow()
        await self._clock.sleep(chance.uniform(0.01, POLL_S))
        if chance.random() < STOPS:
            self._tail.forget(list(self._tail.positions))
            await self._clock.sleep(chance.uniform(0, LATE_S))
            return
        places = list(self._tail.positions.items())
        words = [*(key for key, _ in places), *(at for _, at in places)]
        prefix = self._streams[words[0]]
        reply = await self._store.read(prefix, "XREAD", "COUNT", 500, "STREAMS", *words)
        self._tail.take(reply, dict(places))

    async def _follow(self) -> None:
        """From their ends, whatever was read before."""
        for key, prefix in self._streams.items():
            last: Any = await self._store.read(prefix, "XREVRANGE", key, "+", "-", "COUNT", 1)
            self._tail.forget([key])
            self._tail.follow(key, last[0][0].decode() if last else START)

    def _arrived(self, key: str, raw: Any) -> None:
        for heard in self._heard:
            heard(key, self._tail.positions[key], raw)
