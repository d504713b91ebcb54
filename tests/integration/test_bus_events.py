"""Events on a real store: published, told to watchers, listed, resumed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import msgspec
import pytest

from orchestra.bus import Beat, Draft, Event, Glances, Missed, PositionInvalid
from orchestra.bus.events.published import EventTooLarge, Published
from orchestra.bus.events.reading import Events, EventUnknown, Wanted
from orchestra.bus.live.hub import Hub
from orchestra.bus.live.watcher import QUEUE_MAX, Watcher
from orchestra.bus.positions import encoded
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio

OTHER = Tenant("other")
Told = Event | Missed | Beat


@pytest.fixture
def published(store: Store) -> Published:
    return Published(store, Ids(SystemClock(), system_random()))


@pytest.fixture
async def hub(store: Store, published: Published) -> AsyncIterator[Hub]:
    made = Hub(store, [published])
    async with anyio.create_task_group() as group:
        group.start_soon(made.serve)
        yield made
        group.cancel_scope.cancel()


def draft(
    n: int, key: str = "k", kind: str = "thing.happened", tenant: Tenant = DEFAULT_TENANT
) -> Draft:
    return Draft(tenant, kind, "test", key, msgspec.Raw(b"%d" % n), "api")


def number(event: Event) -> int:
    return int(bytes(event.data))


async def some(watcher: AsyncIterator[Told], count: int) -> list[Event | Missed]:
    """The next few things told, at most 5 s later."""
    found: list[Event | Missed] = []
    with anyio.fail_after(60):
        async for told in watcher:
            if not isinstance(told, Beat):
                found.append(told)
            if len(found) == count:
                return found
    raise AssertionError("the watch ended")


@asynccontextmanager
async def watching(
    hub: Hub, *patterns: str, since: str | None = None
) -> AsyncIterator[tuple[Watcher, AsyncIterator[Told]]]:
    async with hub.watch(DEFAULT_TENANT, patterns, since) as watcher:
        yield watcher, aiter(watcher)


async def test_watchers_are_told_in_the_order_of_each_key(hub: Hub, published: Published) -> None:
    async with watching(hub) as (_, told):
        for n in range(200):
            await published.publish(draft(n, key=f"k{n % 7}"))
        events = await some(told, 200)

    by_key: dict[str, list[int]] = {}
    for event in events:
        assert isinstance(event, Event)
        by_key.setdefault(event.key, []).append(number(event))
    assert sum(map(len, by_key.values())) == 200
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


async def test_nobody_is_told_of_another_tenant_or_of_other_types(
    hub: Hub, published: Published
) -> None:
    async with watching(hub, "order.*") as (_, told):
        await published.publish(draft(1, tenant=OTHER, kind="order.placed"))
        await published.publish(draft(2, kind="parcel.sent"))
        await published.publish(draft(3, kind="order.placed"))
        (event,) = await some(told, 1)

    assert isinstance(event, Event)
    assert number(event) == 3


async def test_who_comes_back_misses_nothing_and_hears_nothing_twice(
    hub: Hub, published: Published
) -> None:
    heard, position = list[int](), encoded({})
    for round_ in range(5):
        for n in range(20):
            await published.publish(draft(round_ * 40 + n, key=f"k{n % 3}"))
        async with watching(hub, since=position) as (watcher, told):
            for n in range(20, 40):
                await published.publish(draft(round_ * 40 + n, key=f"k{n % 3}"))
            for _ in range(30 if round_ < 4 else 40 * 5 - len(heard)):
                (event,) = await some(told, 1)
                assert isinstance(event, Event)
                heard.append(number(event))
                position = watcher.position()

    assert sorted(heard) == list(range(200))
    assert len(set(heard)) == 200


async def test_who_is_too_slow_is_told_so_and_goes_on(hub: Hub, published: Published) -> None:
    many = QUEUE_MAX + 10
    async with watching(hub) as (_, slow), watching(hub) as (_, quick):
        async with anyio.create_task_group() as group:
            group.start_soon(some, quick, many)
            for n in range(many):
                group.start_soon(published.publish, draft(n))
        (first,) = await some(slow, 1)
        await published.publish(draft(-1))
        (after,) = await some(slow, 1)

    assert first == Missed("overflow")
    assert number_of(after) == -1


def number_of(told: Event | Missed) -> int | None:
    return number(told) if isinstance(told, Event) else None


async def test_what_was_trimmed_is_told_as_expired(
    hub: Hub, published: Published, store: Store
) -> None:
    async with watching(hub) as (watcher, told):
        await published.publish(draft(1))
        await some(told, 1)
        position = watcher.position()
    read, came = anyio.Event(), 0

    def heard(_: str, __: str, raw: Sequence[object]) -> None:
        nonlocal came
        came += len(raw)
        if came == 18:
            read.set()

    hub.overhear(heard)
    for n in range(2, 20):
        await published.publish(draft(n))
    with anyio.fail_after(60):
        await read.wait()  # the tail rests while nobody watches
    for key, prefix in published.streams().items():
        await store.call(prefix, "XTRIM", key, "MAXLEN", 2)

    async with watching(hub, since=position) as (_, told):
        first = await some(told, 1)
        await published.publish(draft(99))
        (after,) = await some(told, 1)

    assert first == [Missed("expired")]
    assert number_of(after) == 99


async def test_the_tail_rests_while_nobody_watches(
    hub: Hub, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestra.bus.live.hub.LINGER_S", 0.02)
    monkeypatch.setattr("orchestra.bus.live.hub.LOOK_S", 0.01)
    position = ""
    for n in range(3):
        async with watching(hub) as (watcher, told):
            await published.publish(draft(n))
            assert number_of((await some(told, 1))[0]) == n
            position = watcher.position()
        with anyio.fail_after(60):
            while hub.positions:  # noqa: ASYNC110 -- that it rests is not told
                await anyio.sleep(0.005)
    await published.publish(draft(3))

    async with watching(hub, since=position) as (_, told):
        assert number_of((await some(told, 1))[0]) == 3


async def test_a_watcher_without_news_is_told_a_beat(
    hub: Hub, published: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestra.bus.live.hub.TICK_S", 0.01)
    async with watching(hub) as (_, told):
        with anyio.fail_after(60):
            assert isinstance(await anext(told), Beat)
            await published.publish(draft(1))
            while isinstance(after := await anext(told), Beat):
                pass
    assert isinstance(after, Event)
    assert number(after) == 1


async def test_a_watcher_is_told_only_of_what_it_wants(hub: Hub, published: Published) -> None:
    async with hub.watch(DEFAULT_TENANT, (), only=lambda event: event.key == "mine") as watcher:
        start = watcher.position()
        for n in range(20):
            await published.publish(draft(n, key="theirs" if n % 5 else "mine"))
        live = await some(aiter(watcher), 4)
    async with hub.watch(
        DEFAULT_TENANT, (), start, only=lambda event: event.key == "mine"
    ) as watcher:
        missed = await some(aiter(watcher), 4)

    assert [number_of(event) for event in live] == [0, 5, 10, 15]
    assert [number_of(event) for event in missed] == [0, 5, 10, 15]


async def test_a_glance_tells_what_happened_while_somebody_looks(
    hub: Hub, published: Published
) -> None:
    seen: set[tuple[str, str, str]] = set()
    last = anyio.Event()

    def see(found: Glances) -> None:
        seen.update((*of, key) for of, keys in found.items() for key in keys)
        if any("last" in keys for keys in found.values()):
            last.set()

    hub.on_glance(see)
    await published.publish(draft(0, key="before"))
    async with hub.glancing():
        await published.publish(draft(1))
        await published.publish(draft(2))
        await published.publish(draft(3, tenant=OTHER, key="last"))
        with anyio.fail_after(60):
            await last.wait()

    happened = "thing.happened"
    assert seen == {(DEFAULT_TENANT, happened, "k"), (OTHER, happened, "last")}


async def test_a_position_of_somebody_else_is_refused(hub: Hub) -> None:
    with pytest.raises(PositionInvalid):
        async with watching(hub, since="nonsense"):
            pass


async def test_a_repeat_is_the_same_event(hub: Hub, published: Published, store: Store) -> None:
    one = await published.publish(draft(1), dedup="d")
    again = await published.publish(draft(2), dedup="d")
    another = await published.publish(draft(3), dedup="e")
    found, _ = await Events(store, [published]).page(DEFAULT_TENANT, Wanted(), 10, None)

    assert one == again != another
    assert sorted(map(number, found)) == [1, 3]


async def test_an_event_is_found_by_its_id_by_its_tenant_only(
    published: Published, store: Store
) -> None:
    events = Events(store, [published])
    one = await published.publish(draft(7))

    assert number(await events.one(DEFAULT_TENANT, one)) == 7
    for tenant, name in (
        (OTHER, one),
        (DEFAULT_TENANT, "evt_x"),
        (DEFAULT_TENANT, one[:-2] + "ff"),
    ):
        with pytest.raises(EventUnknown):
            await events.one(tenant, name)


@pytest.mark.parametrize("oldest_first", [True, False])
async def test_pages_have_every_event_once_while_new_ones_come(
    published: Published, store: Store, *, oldest_first: bool
) -> None:
    events = Events(store, [published])
    for n in range(100):
        await published.publish(draft(n, key=f"k{n % 11}"))
    wanted, cursor, found = Wanted(oldest_first=oldest_first), None, list[int]()
    for n in range(100, 120):
        page, cursor = await events.page(DEFAULT_TENANT, wanted, 7, cursor)
        found += map(number, page)
        await published.publish(draft(n, key=f"new{n}"))
        if cursor is None:
            break

    old = [n for n in found if n < 100]
    assert sorted(old) == list(range(100))
    assert len(set(found)) == len(found)


async def test_lists_are_by_type_key_and_time(published: Published, store: Store) -> None:
    events = Events(store, [published])
    await published.publish(draft(1, kind="a.b"))
    await published.publish(draft(2, kind="a.c", key="z"))
    middle = (await events.page(DEFAULT_TENANT, Wanted(), 1, None))[0][0].at_ms
    third, n = await published.publish(draft(3, kind="b.c", key="z")), 3
    while (await events.one(DEFAULT_TENANT, third)).at_ms <= middle:  # the same millisecond
        n += 1
        third = await published.publish(draft(n, kind="b.c", key="z"))

    async def numbers(wanted: Wanted) -> list[int]:
        found, _ = await events.page(DEFAULT_TENANT, wanted, 10, None)
        return [number(one) for one in found]

    assert await numbers(Wanted(types=("a.*",))) == [2, 1]
    assert (await numbers(Wanted(key="z")))[-1] == 2
    assert await numbers(Wanted(since_ms=middle + 1)) == [n]
    assert (await numbers(Wanted(until_ms=middle)))[-2:] == [2, 1]


async def test_an_event_that_is_too_large_is_refused(published: Published) -> None:
    large = msgspec.structs.replace(draft(1), data=msgspec.Raw(b'"' + b"x" * 262_144 + b'"'))

    with pytest.raises(EventTooLarge):
        await published.publish(large)


async def test_watchers_outlive_lost_connections_scripts_and_data(
    hub: Hub, published: Published, store: Store
) -> None:
    prefix = store.prefix(store.partitions[0])
    async with watching(hub) as (_, told):
        await published.publish(draft(1))
        await some(told, 1)
        await store.call(prefix, "CLIENT", "KILL", "SKIPME", "yes", "TYPE", "normal")
        await store.call(prefix, "SCRIPT", "FLUSH")
        await published.publish(draft(2))
        (second,) = await some(told, 1)
        for key, where in published.streams().items():
            await store.call(where, "DEL", key)
        await published.publish(draft(3))
        (third,) = await some(told, 1)

    assert (number_of(second), number_of(third)) == (2, 3)
    assert keys.published(prefix) in published.streams()
