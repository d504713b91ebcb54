"""What an event costs: published and acknowledged, and told to a durable reader.

Beside the store's ceiling in the same run: XADD of the same bytes, many at a time, on the same
connection; and, at the same rate, from before an XADD until a waiting XREAD on another connection
has it. Publishing is a script (dedup, tenant, trimming) around that XADD.
"""

import functools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec

from bench.machine import fsync_ms
from orchestra.app import store_options
from orchestra.bus import Draft, Event, Gap, Reading
from orchestra.bus.module import BusModule
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.log import configure
from orchestra.settings import load
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.store.opening import open_store
from orchestra.store.tails import START, Raw, Tail, entries

NAME = "E1"
EVENTS, AT_ONCE = 20_000, 200
PACED, RATE = 5_000, 1_000
WARM_UP = 500
DATA = msgspec.Raw(b'{"order":"order-17","total":120.5,"lines":[1,2,3]}')

Times = dict[str, float]


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of E1."""
    part = 10 if quick else 1
    run = functools.partial(_measure, mode, durability, place, EVENTS // part, PACED // part)
    return anyio.run(run, backend_options={"use_uvloop": True})


async def _measure(
    mode: str, durability: str, place: Path, events: int, paced: int
) -> dict[str, Any]:
    disk_ms = fsync_ms(place)
    async with opened(place / f"events-{mode}", durability) as store:
        bus = a_bus(store)
        publish = functools.partial(_publish, bus)
        append = functools.partial(_append, store)
        for warm in (append, publish):
            await per_second(warm, WARM_UP)
        ceiling = await per_second(append, events)
        assert await appended(store) == events + WARM_UP
        published = await per_second(publish, events)
        alone = [await timed(publish, n) for n in range(500)]
        raw = await raw_ms(store, paced)
        told = await told_ms(bus, paced)
    return {
        "scenario": NAME,
        "what": f"events published, {AT_ONCE} at once; then {RATE}/s to a durable reader",
        "durability": {"appendfsync": mode},
        "events": events,
        "published_per_s": round(published, 1),
        "ceiling_xadd_per_s": round(ceiling, 1),
        "ratio_to_ceiling": round(published / ceiling, 3),
        "publish_alone_ms": quantiles(alone),
        "publish_to_handler_ms": told,
        "ceiling_xadd_to_xread_ms": raw,
        "fsync_ms": disk_ms,
    }


async def told_ms(bus: BusModule, count: int) -> dict[str, float]:
    """From before an event is published until the durable handler has it, at a steady rate."""
    sent, took, ended = dict[str, float](), list[float](), anyio.Event()

    async def handle(told: Event | Gap) -> None:
        assert isinstance(told, Event)
        took.append((time.perf_counter() - sent[told.key]) * 1_000)
        if len(took) == count:
            ended.set()

    bus.subscribe("bench", ["paced.*"], handle, Reading(origins=("module",)))
    async with bus.running(), anyio.create_task_group() as group:
        await anyio.sleep(1.0)
        began = time.perf_counter()
        for n in range(count):
            key = f"paced-{n}"
            await anyio.sleep(max(0.0, began + n / RATE - time.perf_counter()))
            sent[key] = time.perf_counter()
            group.start_soon(bus.publish, draft(key, "paced.event"))
        with anyio.fail_after(30):
            await ended.wait()
    return quantiles(took)


async def raw_ms(store: Store, count: int) -> dict[str, float]:
    """From before an XADD until the tail of the process has the entry, at the same rate."""
    prefix = store.prefix(store.partitions[0])
    key, sent, took, ended = f"{prefix}raw", list[float](), list[float](), anyio.Event()

    def arrived(_: str, found: Sequence[Raw]) -> None:
        now = time.perf_counter()
        took.extend((now - sent[int(fields["n"])]) * 1_000 for _, fields in entries(found))
        if len(took) == count:
            ended.set()

    async def add(n: int) -> None:
        await store.call(
            prefix, "XADD", key, "*", "n", n, "o", "module", "t", "default", "e", bytes(DATA)
        )

    tail = Tail(arrived)
    tail.follow(key, START)
    async with anyio.create_task_group() as group:
        group.start_soon(store.tail, tail)
        await anyio.sleep(1.0)
        began = time.perf_counter()
        for n in range(count):
            await anyio.sleep(max(0.0, began + n / RATE - time.perf_counter()))
            sent.append(time.perf_counter())
            group.start_soon(add, n)
        with anyio.fail_after(30):
            await ended.wait()
        group.cancel_scope.cancel()
    return quantiles(took)


async def _publish(bus: BusModule, n: int) -> None:
    await bus.publish(draft(f"k{n % 1_000}", "bench.event"))


async def _append(store: Store, n: int) -> None:
    prefix = store.prefix(store.partitions[n % len(store.partitions)])
    await store.call(
        prefix, "XADD", f"{prefix}bench", "*", "o", "module", "t", "default", "e", bytes(DATA)
    )


async def appended(store: Store) -> int:
    """How many entries the ceiling has really written."""
    prefixes = [store.prefix(tag) for tag in store.partitions]
    lengths = [await store.read(one, "XLEN", f"{one}bench") for one in prefixes]
    return sum(one for one in lengths if isinstance(one, int))


def draft(key: str, kind: str) -> Draft:
    """An event of the size of an order."""
    return Draft(DEFAULT_TENANT, kind, "bench", key, DATA, "module")


async def per_second(once: Callable[[int], Awaitable[None]], count: int) -> float:
    """How many of `count` calls end a second, `AT_ONCE` at a time."""
    numbers = iter(range(count))

    async def work() -> None:
        for n in numbers:
            await once(n)

    began = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(AT_ONCE):
            group.start_soon(work)
    return count / (time.perf_counter() - began)


async def timed(once: Callable[[int], Awaitable[None]], n: int) -> float:
    """Milliseconds of one call."""
    began = time.perf_counter()
    await once(n)
    return (time.perf_counter() - began) * 1_000


def quantiles(took: list[float]) -> Times:
    """p50 and p99."""
    ordered = sorted(took)
    return {
        name: round(ordered[int(len(ordered) * share)], 3)
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }


def a_bus(store: Store) -> BusModule:
    """The module, as a server has it."""
    clock, chance = SystemClock(), system_random()
    return BusModule(store, [], (clock, Ids(clock, chance), chance))


@asynccontextmanager
async def opened(data: Path, durability: str) -> AsyncIterator[Store]:
    """A bundled store of its own."""
    settings = load({"data": str(data), "durability": durability}, environ={})
    configure(load({"log_level": "error"}, environ={}))
    async with open_store(store_options(settings), SystemClock(), system_random()) as store:
        yield store
