"""What is made once however many ask."""

import anyio
import pytest

from orchestra.clock import ManualClock
from orchestra.errors import Unavailable
from orchestra.monitoring.once import Once

pytestmark = pytest.mark.anyio


async def test_all_who_ask_at_once_get_the_one_that_is_made() -> None:
    once: Once[str, int] = Once(ManualClock(), 1.0)
    made, found, go = list[int](), list[int](), anyio.Event()

    async def make() -> int:
        made.append(1)
        await go.wait()
        return 7

    async def ask() -> None:
        found.append(await once.get("a", make))

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(ask)
        while not made:
            await anyio.lowlevel.checkpoint()
        go.set()

    assert (len(made), found) == (1, [7] * 100)


async def test_it_is_made_anew_when_it_is_no_longer_fresh() -> None:
    clock, made = ManualClock(), list[int]()
    once: Once[str, int] = Once(clock, 1.0)

    async def make() -> int:
        made.append(1)
        return len(made)

    found = [await once.get("a", make), await once.get("a", make), await once.get("b", make)]
    clock.advance(1_000)
    found.append(await once.get("a", make))

    assert found == [1, 1, 2, 3]


async def test_who_waited_for_one_that_failed_makes_it() -> None:
    once: Once[str, int] = Once(ManualClock(), 1.0)
    begun, go, found = anyio.Event(), anyio.Event(), list[int]()

    async def fail() -> int:
        begun.set()
        await go.wait()
        raise Unavailable("not now")

    async def make() -> int:
        return 3

    async def first() -> None:
        with pytest.raises(Unavailable):
            await once.get("a", fail)

    async def second() -> None:
        found.append(await once.get("a", make))

    async with anyio.create_task_group() as group:
        group.start_soon(first)
        await begun.wait()
        group.start_soon(second)
        await anyio.lowlevel.checkpoint()
        go.set()

    assert found == [3]


async def test_who_is_cancelled_while_making_leaves_it_to_the_next() -> None:
    once: Once[str, int] = Once(ManualClock(), 1.0)
    begun = anyio.Event()

    async def hang() -> int:
        begun.set()
        await anyio.sleep_forever()
        return 0

    async def make() -> int:
        return 5

    async with anyio.create_task_group() as group:
        group.start_soon(once.get, "a", hang)
        await begun.wait()
        group.cancel_scope.cancel()

    assert await once.get("a", make) == 5


async def test_what_is_kept_is_bounded() -> None:
    once: Once[int, int] = Once(ManualClock(), 60.0)

    async def make() -> int:
        return 1

    for n in range(2_000):
        await once.get(n, make)

    assert len(once._kept) <= 256
