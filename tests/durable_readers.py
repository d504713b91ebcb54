"""Durable readers of tests: what they handled, and the bus they run on."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import msgspec

from orchestra.bus import Draft, Event, Gap, Reading
from orchestra.bus.module import BusModule
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant

ALL = Reading(start="oldest", origins=("engine", "module", "api"), backoff_ms=(1,), tries=3)


class Reader:
    """A handler that keeps what it was told."""

    def __init__(self, fails: Callable[[int], bool] = lambda _: False) -> None:
        self.told: list[Event | Gap] = []
        self.tries = 0
        self._fails = fails
        self._more = anyio.Event()

    async def __call__(self, told: Event | Gap) -> None:
        """Handle one."""
        self.tries += 1
        if isinstance(told, Event) and self._fails(number(told)):
            raise ValueError("cannot be handled")
        self.told.append(told)
        self._more.set()
        self._more = anyio.Event()

    @property
    def numbers(self) -> list[int]:
        """Of the events, in the order in which they were handled."""
        return [number(one) for one in self.told if isinstance(one, Event)]

    async def has(self, count: int, seconds: float = 60.0) -> None:
        """Wait until so much was told."""
        with anyio.fail_after(seconds):
            while len(self.told) < count:
                await self._more.wait()


def a_bus(store: Store) -> BusModule:
    """The module, as one process has it."""
    clock, chance = SystemClock(), system_random()
    return BusModule(store, [], (clock, Ids(clock, chance), chance))


@asynccontextmanager
async def reading(
    store: Store, reader: Reader, options: Reading = ALL, patterns: Sequence[str] = ("**",)
) -> AsyncIterator[BusModule]:
    """A bus on which `reader` is subscribed as `r`."""
    bus = a_bus(store)
    bus.subscribe("r", patterns, reader, options)
    async with bus.running():
        yield bus


async def eventually(check: Callable[[], Awaitable[object]], seconds: float = 60.0) -> None:
    """Wait until it is so."""
    clock = SystemClock()
    with anyio.fail_after(seconds):
        while not await check():
            await clock.sleep(0.01)


def draft(
    n: int, key: str = "k", kind: str = "thing.happened", tenant: Tenant = DEFAULT_TENANT
) -> Draft:
    """An event with a number."""
    return Draft(tenant, kind, "test", key, msgspec.Raw(b"%d" % n), "module")


def number(event: Event) -> int:
    """Of an event made by `draft`."""
    return int(bytes(event.data))
