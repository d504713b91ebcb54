"""A durable reader passes over what it is not interested in."""

import msgspec
import pytest
from durable_readers import ALL, Reader, draft, number, reading

from orchestra.bus import Event
from orchestra.store.client import Store

pytestmark = pytest.mark.anyio


class Odd:
    """Interested in odd numbers, while it is awake."""

    def __init__(self) -> None:
        self.is_awake, self.asked = True, 0

    def awake(self) -> bool:
        return self.is_awake

    def wants(self, event: Event) -> bool:
        self.asked += 1
        return number(event) % 2 == 1


async def test_only_what_is_wanted_is_handled(store: Store) -> None:
    reader, interest = Reader(), Odd()
    options = msgspec.structs.replace(ALL, interest=interest)
    async with reading(store, reader, options) as bus:
        for n in range(10):
            await bus.publish(draft(n))
        await reader.has(5)
        interest.is_awake = False
        for n in range(10, 20):
            await bus.publish(draft(n))
        await bus.publish(draft(20, kind="other.happened"))

    assert reader.numbers == [1, 3, 5, 7, 9]
    assert interest.asked <= 10 + 11


async def test_the_cursor_moves_past_what_nobody_wants(store: Store) -> None:
    interest, first, later = Odd(), Reader(), Reader()
    options = msgspec.structs.replace(ALL, interest=interest)
    async with reading(store, first, options) as bus:
        await bus.publish(draft(1))
        await bus.publish(draft(2))
        await bus.publish(draft(3))
        await first.has(2)
    async with reading(store, later, options) as bus:
        await bus.publish(draft(4))
        await bus.publish(draft(5))
        await later.has(1)

    assert first.numbers == [1, 3]
    assert later.numbers == [5]
