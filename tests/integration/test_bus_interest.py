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


async def test_what_was_passed_over_is_behind_the_cursor(store: Store) -> None:
    interest = Odd()
    options = msgspec.structs.replace(ALL, interest=interest)
    async with reading(store, Reader(), options) as bus:
        await bus.publish(draft(1))
    before = Reader()
    async with reading(store, before, options) as bus:
        await bus.publish(draft(2))
        await bus.publish(draft(3))
        await before.has(1)

    assert before.numbers[-1] == 3
    assert 2 not in before.numbers
