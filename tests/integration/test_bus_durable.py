"""Durable readers on a real store: nothing is missed, whoever stops, dies, or fails."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import anyio
import msgspec
import pytest
from durable_readers import ALL, Reader, a_bus, draft, eventually, number, reading

from orchestra.bus import Event, Gap, Reading
from orchestra.bus.readers.records import Definition, Held, Mark, Readers
from orchestra.bus.readers.subscriptions import Subscriptions, WindowLost
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.store import keys, reader_keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio

OWN = reader_keys.readers(None)


async def letters(store: Store) -> list[dict[bytes, bytes]]:
    key = reader_keys.reader_dead_letters(OWN, "r")
    raw = cast("list[Any]", await store.read(OWN, "XRANGE", key, "-", "+"))
    return [dict(zip(flat[::2], flat[1::2], strict=True)) for _, flat in raw]


async def seen(store: Store) -> None:
    """Wait until the reader is there."""
    await eventually(lambda: Readers(store, None).cursor("r"))


async def known(store: Store) -> None:
    """The reader is there, and nobody reads."""
    async with reading(store, Reader()):
        await seen(store)


async def test_every_event_is_handled_once_and_in_the_order_of_its_key(store: Store) -> None:
    reader = Reader()
    async with reading(store, reader) as bus:
        for n in range(600):
            await bus.publish(draft(n, key=f"k{n % 9}"))
        await reader.has(600)

    by_key: dict[str, list[int]] = {}
    for one in reader.told:
        assert isinstance(one, Event)
        by_key.setdefault(one.key, []).append(number(one))
    assert sorted(reader.numbers) == list(range(600))
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


async def test_what_was_let_go_is_gone_on_with_and_nothing_repeats(store: Store) -> None:
    first, second, bus = Reader(), Reader(), a_bus(store)
    async with reading(store, first):
        for n in range(50):
            await bus.publish(draft(n, key=f"k{n % 3}"))
        await first.has(50)
    for n in range(50, 100):
        await bus.publish(draft(n))
    async with reading(store, second):
        await second.has(50)

    assert sorted(second.numbers) == list(range(50, 100))


async def test_one_process_reads_and_another_goes_on_when_it_stops(store: Store) -> None:
    first, second = Reader(), Reader()

    def handled(*numbers: int) -> Callable[[], Awaitable[bool]]:
        async def check() -> bool:
            return sorted(first.numbers + second.numbers) == list(numbers)

        return check

    async with reading(store, second) as other:
        async with reading(store, first) as bus:
            await bus.publish(draft(1))
            await eventually(handled(1))
        await other.publish(draft(2))
        await eventually(handled(1, 2))


async def test_new_begins_with_what_comes_after_it_was_first_seen(store: Store) -> None:
    reader, bus = Reader(), a_bus(store)
    await bus.publish(draft(1))
    options = msgspec.structs.replace(ALL, start="new")
    async with reading(store, reader, options) as running:
        await seen(store)
        await running.publish(draft(2))
        await reader.has(1)

    assert reader.numbers == [2]


async def test_posted_events_are_told_only_to_who_asks_for_them(store: Store) -> None:
    reader = Reader()
    posted = msgspec.structs.replace(draft(1), origin="api")
    async with reading(store, reader, Reading(start="oldest"), ["thing.*"]) as bus:
        await bus.publish(posted)
        await bus.publish(draft(2, kind="other.happened"))
        await bus.publish(draft(3))
        await reader.has(1)

    assert reader.numbers == [3]


async def test_what_cannot_be_handled_is_buried_and_blocks_nobody(store: Store) -> None:
    reader = Reader(fails=lambda n: n == 5)
    async with reading(store, reader) as bus:
        for n in range(20):
            await bus.publish(draft(n, key=f"k{n % 4}"))
        await reader.has(19)
        await eventually(lambda: letters(store))

    (letter,) = await letters(store)
    assert sorted(reader.numbers) == [n for n in range(20) if n != 5]
    assert letter[b"err"] == b"ValueError: cannot be handled"
    assert letter[b"tries"] == b"3"
    assert msgspec.json.decode(letter[b"e"])["data"] == 5
    assert [n for n in reader.numbers if n % 4 == 1] == [1, 9, 13, 17]


async def test_a_reader_of_a_tenant_is_told_of_no_other(store: Store) -> None:
    reader = Reader()
    options = msgspec.structs.replace(ALL, tenant=Tenant("mine"))
    async with reading(store, reader, options) as bus:
        await bus.publish(draft(1, tenant=Tenant("other")))
        await bus.publish(draft(2, tenant=Tenant("mine")))
        await bus.publish(draft(3, tenant=DEFAULT_TENANT))
        await bus.publish(draft(4, tenant=Tenant("mine")))
        await reader.has(2)

    assert reader.numbers == [2, 4]


async def test_who_was_overtaken_by_trimming_is_told_of_the_gap(store: Store) -> None:
    first, second, bus = Reader(), Reader(), a_bus(store)
    async with reading(store, first) as running:
        await running.publish(draft(0))
        await first.has(1)
    for n in range(1, 20):
        await bus.publish(draft(n))
    for prefix in map(store.prefix, store.partitions):
        await store.call(prefix, "XTRIM", keys.published(prefix), "MAXLEN", 2)
    async with reading(store, second):
        await second.has(3)

    assert isinstance(second.told[0], Gap)
    assert second.told[0].from_ms <= second.told[0].to_ms
    assert second.numbers == [18, 19]


async def test_an_event_that_kills_its_process_is_buried_in_the_end(store: Store) -> None:
    """Three crashes at one cursor, then each alone; the fourth crash names the event."""
    bus, readers, reader = a_bus(store), Readers(store, None), Reader()
    await known(store)
    for n in range(10):
        await bus.publish(draft(n))

    async def die(owner: str, trying: str) -> None:
        """Claim as a process would, and never come back."""
        claim = await readers.claim("r", owner, 1)
        while not isinstance(claim, Held):
            await anyio.sleep(0.01)
            claim = await readers.claim("r", owner, 1)
        await readers.advance("r", claim.token, 1, {}, Mark(trying=trying))

    for n in range(3):
        await die(f"process-{n}", "")
    events = a_bus(store)
    fourth = await events.publish(draft(10))
    await die("process-3", fourth)
    async with reading(store, reader):
        await reader.has(10)
        await eventually(lambda: letters(store))

    (letter,) = await letters(store)
    assert letter[b"id"].decode() == fourth
    assert reader.numbers == list(range(10))


async def test_who_lost_the_claim_moves_nothing_any_more(store: Store) -> None:
    readers = Readers(store, None)
    await known(store)
    first = await readers.claim("r", "one", 1)
    await anyio.sleep(0.01)
    second = await readers.claim("r", "two", 60_000)

    assert isinstance(first, Held)
    assert isinstance(second, Held)
    assert second.crashes == first.crashes + 1
    assert not await readers.advance("r", first.token, 1, {"s": "1-1"}, Mark())
    assert not await readers.bury("r", first.token, ("e", b"{}", "", 1))
    assert await readers.claim("r", "one", 1) != first
    assert await readers.advance("r", second.token, 1, {"s": "1-1"}, Mark(release=True))


async def test_readers_outlive_lost_connections_scripts_and_data(store: Store) -> None:
    reader = Reader()
    async with reading(store, reader) as bus:
        await bus.publish(draft(1))
        await reader.has(1)
        await store.call(OWN, "CLIENT", "KILL", "SKIPME", "yes", "TYPE", "normal")
        await store.call(OWN, "SCRIPT", "FLUSH")
        await bus.publish(draft(2))
        await reader.has(2)
        await store.call(OWN, "FLUSHALL")
        await bus.publish(draft(3))
        await reader.has(3)

    assert reader.numbers == [1, 2, 3]


async def test_what_a_client_pulls_is_of_its_tenant_only(store: Store) -> None:
    bus, clock = a_bus(store), SystemClock()
    mine, other = Tenant("mine"), Tenant("other")
    async with bus.running():
        subscriptions = Subscriptions(bus.hub, store, clock, Ids(clock, system_random()))
        for tenant in (mine, other):
            await subscriptions.create(tenant, "s", Definition(1, "oldest"))
        for n, tenant in enumerate((other, mine, other, mine)):
            await bus.publish(draft(n, tenant=tenant))
        first = await subscriptions.pull(mine, "s", 1, 5)
        assert first.token is not None
        with pytest.raises(WindowLost):
            await subscriptions.ack(other, "s", first.token)
        await subscriptions.ack(mine, "s", first.token)
        second = await subscriptions.pull(mine, "s", 9, 5)
        await subscriptions.remove(mine, "s")

        assert [number(one) for one in first.told + second.told if isinstance(one, Event)] == [1, 3]
        assert await subscriptions.all(mine) == []
        assert [name for name, _ in await subscriptions.all(other)] == ["s"]
        assert (await subscriptions.one(other, "s"))[1].events == 2
