"""A process that reads events durably, or publishes them, until it is killed.

`durable_process.py read <store url> <file> <consumers>`: a line a handled event, `consumer number
key monotonic-time pid`, and one of `up` once it reads. `durable_process.py publish <store url>
<file> <events> <a second> <part> <parts>`: a line an acknowledged event, of consumer `-`.
"""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec
from durable_readers import ALL, a_bus, draft, number

from orchestra.bus import Event, Gap, Handler
from orchestra.bus.module import BusModule
from orchestra.clock import SystemClock, system_random
from orchestra.store.client import Store
from orchestra.store.opening import StoreOptions, open_store

KEYS = 100

Say = Callable[[str, int, str], None]


class Share(msgspec.Struct, frozen=True):
    """What one publisher does: every `parts`th key, so many events a second."""

    events: int
    per_s: float
    part: int
    parts: int


async def read(store: Store, say: Say, consumers: int) -> None:
    """Handle all there is, once for each consumer."""
    bus = a_bus(store)

    def handler(name: str) -> Handler:
        async def handle(told: Event | Gap) -> None:
            assert isinstance(told, Event)
            say(name, number(told), told.key)

        return handle

    for n in range(consumers):
        bus.subscribe(f"r{n}", ["**"], handler(f"r{n}"), ALL)
    async with bus.running():
        say("up", 0, "-")
        await anyio.sleep_forever()


async def publish(store: Store, say: Say, share: Share, done: set[int]) -> None:
    """Publish what was not acknowledged yet, in the order of each key."""
    bus = a_bus(store)
    lanes = range(share.part, KEYS, share.parts)
    async with anyio.create_task_group() as group:
        for lane in lanes:
            numbers = [n for n in range(lane, share.events, KEYS) if n not in done]
            group.start_soon(_lane, bus, say, numbers, len(lanes) / share.per_s)


async def _lane(bus: BusModule, say: Say, numbers: list[int], apart_s: float) -> None:
    due = time.monotonic()
    for n in numbers:
        key = f"k{n % KEYS}"
        await bus.publish(draft(n, key=key), dedup=str(n))
        say("-", n, key)
        due += apart_s
        await anyio.sleep(max(0.0, due - time.monotonic()))


async def main(role: str, url: str, file: int, rest: list[str], done: set[int]) -> None:
    """Open the store, and go."""

    def say(name: str, n: int, key: str) -> None:
        words = (name, str(n), key, f"{time.monotonic():.3f}", str(os.getpid()))
        os.write(file, (" ".join(words) + "\n").encode())

    options = StoreOptions(url=url, durability="no", allow_weaker=True, patience_s=60)
    async with open_store(options, SystemClock(), system_random()) as store:
        if role == "read":
            await read(store, say, int(rest[0]))
        else:
            events, per_s, part, parts = map(int, rest)
            await publish(store, say, Share(events, per_s, part, parts), done)


if __name__ == "__main__":
    _, ROLE, URL, PLACE, *REST = sys.argv
    TOLD = [line.split() for line in Path(PLACE).read_text("utf-8").splitlines()]
    DONE = {int(words[1]) for words in TOLD if len(words) == 5}
    FILE = os.open(PLACE, os.O_WRONLY | os.O_APPEND)
    anyio.run(main, ROLE, URL, FILE, REST, DONE)
