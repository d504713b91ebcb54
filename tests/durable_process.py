"""A process that reads events durably, or publishes them, until it is killed.

`python durable_process.py read|publish <store url> <file> [events]`. A line a handled or
acknowledged event: `number key monotonic-time`.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import anyio
from durable_readers import ALL, a_bus, draft, number

from orchestra.bus import Event, Gap
from orchestra.bus.module import BusModule
from orchestra.clock import SystemClock, system_random
from orchestra.store.client import Store
from orchestra.store.opening import StoreOptions, open_store

LANES = 10
PAUSE_S = 0.024


async def read(store: Store, say: Callable[[int, str], None]) -> None:
    """Handle all there is."""
    bus = a_bus(store)

    async def handle(told: Event | Gap) -> None:
        assert isinstance(told, Event)
        say(number(told), told.key)

    bus.subscribe("r", ["**"], handle, ALL)
    async with bus.running():
        await anyio.sleep_forever()


async def publish(
    store: Store, say: Callable[[int, str], None], events: int, done: set[int]
) -> None:
    """Publish what was not acknowledged yet, in the order of each key."""
    bus = a_bus(store)
    async with anyio.create_task_group() as group:
        for lane in range(LANES):
            group.start_soon(_lane, bus, say, list(range(lane, events, LANES)), done)


async def _lane(
    bus: BusModule, say: Callable[[int, str], None], numbers: list[int], done: set[int]
) -> None:
    for n in numbers:
        if n not in done:
            key = f"k{n % LANES}"
            await bus.publish(draft(n, key=key), dedup=str(n))
            say(n, key)
            await anyio.sleep(PAUSE_S)


async def main(role: str, url: str, file: int, events: int, done: set[int]) -> None:
    """Open the store, and go."""

    def say(n: int, key: str) -> None:
        os.write(file, b"%d %s %.3f\n" % (n, key.encode(), time.monotonic()))

    options = StoreOptions(url=url, durability="no", allow_weaker=True)
    async with open_store(options, SystemClock(), system_random()) as store:
        if role == "read":
            await read(store, say)
        else:
            await publish(store, say, events, done)


if __name__ == "__main__":
    _, ROLE, URL, PLACE, EVENTS = sys.argv
    DONE = {int(line.split()[0]) for line in Path(PLACE).read_text("utf-8").splitlines()}
    FILE = os.open(PLACE, os.O_WRONLY | os.O_APPEND)
    anyio.run(main, ROLE, URL, FILE, int(EVENTS), DONE)
