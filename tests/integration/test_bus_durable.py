"""Durable readers on a real store: nothing is missed, whoever stops, dies, or fails."""

from typing import Any, cast

import anyio
import msgspec
import pytest
from durable_readers import ALL, Reader, a_bus, draft, number, reading

from orchestra.bus import Event, Gap, Reading
from orchestra.bus.readers import Held, Mark, Readers
from orchestra.store import keys, reader_keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio

OWN = reader_keys.readers(None)


async def letters(store: Store) -> list[dict[bytes, bytes]]:
    key = reader_keys.reader_dead_letters(OWN, "r")
    raw = cast("list[Any]", await store.read(OWN, "XRANGE", key, "-", "+"))
    return [dict(zip(flat[::2], flat[1::2], strict=True)) for _, flat in raw]


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
        await second.has(50, seconds=2)

    assert sorted(second.numbers) == list(range(50, 100))


async def test_one_process_reads_and_another_goes_on_when_it_stops(store: Store) -> None:
    first, second = Reader(), Reader()
    async with reading(store, second) as other:
        async with reading(store, first) as bus:
            await bus.publish(draft(1))
            with anyio.fail_after(5):
                while not first.told and not second.told:
                    await anyio.sleep(0.01)
        await other.publish(draft(2))
        with anyio.fail_after(3):
            while sorted(first.numbers + second.numbers) != [1, 2]:
                await anyio.sleep(0.01)


async def test_new_begins_with_what_comes_after_it_was_first_seen(store: Store) -> None:
    reader, bus = Reader(), a_bus(store)
    await bus.publish(draft(1))
    options = msgspec.structs.replace(ALL, start="new")
    async with reading(store, reader, options) as running:
        with anyio.fail_after(5):
            while await Readers(store, None).cursor("r") is None:
                await anyio.sleep(0.01)
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
        with anyio.fail_after(5):
            while not await letters(store):
                await anyio.sleep(0.01)

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
    async with reading(store, Reader()):
        pass  # the name is known
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
        with anyio.fail_after(5):
            while not await letters(store):
                await anyio.sleep(0.01)

    (letter,) = await letters(store)
    assert letter[b"id"].decode() == fourth
    assert reader.numbers == list(range(10))


async def test_who_lost_the_claim_moves_nothing_any_more(store: Store) -> None:
    readers = Readers(store, None)
    async with reading(store, Reader()):
        pass
    first = await readers.claim("r", "one", 1)
    await anyio.sleep(0.01)
    second = await readers.claim("r", "two", 10_000)

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
