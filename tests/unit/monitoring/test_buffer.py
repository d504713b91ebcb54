"""What waits to be handed over: for whom, how often, and that it counts once."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import anyio
import pytest

from orchestra.clock import ManualClock
from orchestra.monitoring.metrics.buffer import ITEMS_MAX, Buffer
from orchestra.monitoring.metrics.functions import Sum
from orchestra.monitoring.metrics.series import SCALARS, Series, series_of, tag_of
from orchestra.monitoring.metrics.shelf import Grid, Shelf
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

NOW_S = ManualClock().now_ms() // 1_000


class Between:
    """A store behind which something happens, before or after each script."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.partitions, self.prefix = store.partitions, store.prefix
        self.ran = 0
        self.before: Callable[[], object] = lambda: None
        self.after: Callable[[], Awaitable[object]] = anyio.lowlevel.checkpoint

    async def run(self, *args: Any, **named: Any) -> Any:
        self.ran += 1
        self.before()
        reply = await self._store.run(*args, **named)
        await self.after()
        return reply


def a_series(n: int) -> Series:
    return series_of(DEFAULT_TENANT, "orders", "f", "", {"n": str(n)})


def a_buffer(store: Between) -> Buffer:
    return Buffer(cast("Store", store), "session")


async def kept(store: Store, *series: Series) -> list[float]:
    """What the store has of each."""
    grid = Grid(SCALARS[0], NOW_S - 60, NOW_S + 60, 120)
    found = await Shelf(store).read(series, grid, NOW_S)
    return [sum(one.n for one in bins.values() if isinstance(one, Sum)) for bins in found]


async def test_only_what_shares_a_slot_with_those_that_are_read_goes_along(store: Store) -> None:
    between = Between(store)
    buffer = a_buffer(between)
    first = a_series(0)
    tag = tag_of(first.sid, store.partitions)
    every = [a_series(n) for n in range(100)]
    near = [one for one in every if tag_of(one.sid, store.partitions) == tag]
    for one in every:
        buffer.add(one, NOW_S, 2.0)

    await buffer.settle([first.sid])
    after = (between.ran, buffer.waiting)
    await buffer.settle([first.sid])

    assert after == (1, 100 - len(near))
    assert between.ran == 1, "nothing waits: nothing is sent"
    assert await kept(store, first) == [2.0]


async def test_readers_and_the_flush_at_once_count_everything_once(store: Store) -> None:
    buffer = a_buffer(Between(store))
    every = [a_series(n) for n in range(50)]
    async with anyio.create_task_group() as group:
        for turn in range(20):
            for one in every:
                buffer.add(one, NOW_S, 1.0)
            if turn % 4:
                group.start_soon(buffer.settle, [every[turn].sid, every[-turn].sid])
            else:
                group.start_soon(buffer.flush)
            await anyio.lowlevel.checkpoint()
    await buffer.flush()

    assert await kept(store, *every) == [20.0] * 50
    assert buffer.waiting == 0


async def test_a_flush_ends_though_somebody_records_all_the_time(store: Store) -> None:
    between = Between(store)
    buffer, one = a_buffer(between), a_series(0)
    between.before = lambda: buffer.add(one, NOW_S, 1.0)
    buffer.add(one, NOW_S, 1.0)
    with anyio.fail_after(60):
        await buffer.flush()

    assert (between.ran, buffer.waiting) == (1, 1)


async def test_very_much_goes_in_parts_and_whole(store: Store) -> None:
    between = Between(store)
    buffer = a_buffer(between)
    one = a_series(0)
    for n in range(2 * ITEMS_MAX + 1):
        buffer.add(one, NOW_S - 10 * n, 1.0)
    await buffer.settle([one.sid])

    assert (between.ran, buffer.waiting) == (3, 0)


async def test_a_reader_that_leaves_half_way_leaves_nothing_uncounted(store: Store) -> None:
    between = Between(store)
    buffer, one = a_buffer(between), a_series(0)
    arrived = anyio.Event()

    async def hang() -> None:
        arrived.set()
        await anyio.sleep_forever()

    between.after = hang
    buffer.add(one, NOW_S, 1.0)
    async with anyio.create_task_group() as group:
        group.start_soon(buffer.settle, [one.sid])
        with anyio.fail_after(60):
            await arrived.wait()
        group.cancel_scope.cancel()  # it is in the store, and nobody heard so
    between.after = anyio.lowlevel.checkpoint
    buffer.add(one, NOW_S, 4.0)
    await buffer.settle([one.sid])

    assert await kept(store, one) == [5.0]
