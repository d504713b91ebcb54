"""Tails of streams: at once for who waits, in lots for who only counts."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest

from orchestra.store.client import Store
from orchestra.store.tails import START, Raw, Tail

pytestmark = pytest.mark.anyio

N = 20


class Lots:
    """What a tail brought, lot by lot. `wants`: somebody waits for it."""

    def __init__(self, *, wants: bool) -> None:
        self.tail = Tail(self._arrived, 1.0)
        self._wants = wants
        self.lots: list[int] = []
        self.news = anyio.Event()

    def _arrived(self, _: str, raw: Sequence[Raw]) -> None:
        self.lots.append(len(raw))
        self.tail.wanted = self._wants
        self.news.set()

    async def have(self, n: int) -> None:
        while sum(self.lots) < n:
            self.news = anyio.Event()
            with anyio.fail_after(60):
                await self.news.wait()


@asynccontextmanager
async def tailed(store: Store, lots: Lots) -> AsyncIterator[str]:
    prefix = store.prefix(store.partitions[0])
    key = f"{prefix}told"
    lots.tail.follow(key, START)
    async with anyio.create_task_group() as group:
        group.start_soon(store.tail, lots.tail)
        yield key
        group.cancel_scope.cancel()


async def add(store: Store, key: str) -> None:
    await store.call(store.prefix(store.partitions[0]), "XADD", key, "*", "k", "v")


async def test_what_is_waited_for_is_told_one_by_one(store: Store) -> None:
    lots = Lots(wants=True)
    async with tailed(store, lots) as key:
        for n in range(1, N + 1):
            await add(store, key)
            await lots.have(n)

    assert lots.lots == [1] * N


async def test_what_nobody_waits_for_comes_in_lots_and_whole(store: Store) -> None:
    lots = Lots(wants=False)
    async with tailed(store, lots) as key:
        await add(store, key)
        await lots.have(1)
        for _ in range(N):
            await add(store, key)
        await lots.have(1 + N)

    assert sum(lots.lots) == 1 + N
    assert len(lots.lots) < N / 2
