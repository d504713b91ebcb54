"""What is told and not kept: signals between processes, and what steps say while they run."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import msgspec
import pytest
from durable_readers import a_bus, draft, eventually

from orchestra.bus import Beat, Event
from orchestra.bus.live.hub import Hub
from orchestra.bus.module import BusModule
from orchestra.bus.signals import signals
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant

pytestmark = pytest.mark.anyio

OTHER = Tenant("other")


class Level(msgspec.Struct, frozen=True):
    """What is signalled."""

    n: int


class Heard:
    """A handler that keeps what it was told."""

    def __init__(self) -> None:
        self.levels: list[int] = []

    def __call__(self, data: msgspec.Raw) -> None:
        self.levels.append(msgspec.json.decode(data, type=Level).n)


@asynccontextmanager
async def two(store: Store) -> AsyncIterator[tuple[BusModule, BusModule]]:
    """Two replicas."""
    here, there = a_bus(store), a_bus(store)
    async with here.running(), there.running():
        yield here, there


async def test_a_signal_is_heard_here_and_in_other_processes(store: Store) -> None:
    async with two(store) as (here, there):
        near, far, others = Heard(), Heard(), Heard()
        here.on_signal("level", near)
        there.on_signal("level", far)
        there.on_signal("other", others)
        await heard(lambda n: here.signal("level", Level(n)), far)

        assert near.levels
        assert others.levels == []


async def test_of_a_burst_the_newest_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "APART_S", 0.3)
    async with two(store) as (here, there):
        far = Heard()
        there.on_signal("level", far)
        await heard(lambda _: here.signal("level", Level(-1)), far)
        far.levels.clear()
        for n in range(1_000):
            here.signal("level", Level(n))

        await eventually(lambda: says(far.levels[-1:] == [999]))
        assert len(far.levels) <= 3


async def test_a_handler_that_fails_hinders_nobody(store: Store) -> None:
    def fails(_: msgspec.Raw) -> None:
        raise ValueError("no")

    async with two(store) as (here, _):
        near = Heard()
        here.on_signal("level", fails)
        here.on_signal("level", near)
        here.signal("level", Level(1))

        await eventually(lambda: says(near.levels == [1]))


async def test_what_is_too_large_or_too_much_is_dropped(store: Store) -> None:
    bus = a_bus(store)  # does not run: nothing leaves
    for n in range(2 * signals.WAITING_MAX):
        bus.events.signals.send("level", b"%d" % n)
    heard_here = Heard()
    bus.on_signal("large", heard_here)
    bus.signal("large", Large("x" * signals.DATA_MAX_BYTES))
    async with bus.running():
        bus.signal("small", Level(1))

        assert heard_here.levels == []
        assert len(bus.events.signals._waiting) <= signals.WAITING_MAX


class Large(msgspec.Struct, frozen=True):
    """Too much."""

    text: str


async def test_what_a_step_says_is_told_where_somebody_looks_on(store: Store) -> None:
    async with two(store) as (here, there):
        assert here.step_emitter(DEFAULT_TENANT, "exe_1", "s", 1) is None
        async with looking(there.hub, "exe_1") as told, looking(there.hub, "exe_2") as none:
            emit = await an_emitter(here, "exe_1")
            assert here.step_emitter(OTHER, "exe_1", "s", 1) is None
            assert here.step_emitter(DEFAULT_TENANT, "exe_3", "s", 1) is None
            for word in ("a ", "b ", "c"):
                emit({"event": "delta", "text": word})
            emit({"event": "progress", "progress": 0.5})
            await eventually(lambda: says(len(told) >= 2))
        events = [json.loads(bytes(one.data)) for one in told]
        await eventually(
            lambda: says(here.step_emitter(DEFAULT_TENANT, "exe_1", "s", 1) is not None)
        )

    assert "".join(one["text"] for one in events if "text" in one) == "a b c"
    assert events[-1]["report"] == {"event": "progress", "progress": 0.5}
    assert [one["number"] for one in events] == list(range(1, len(events) + 1))
    assert {one.type for one in told} == {"step.output_delta", "step.reported"}
    assert none == []


async def test_who_asks_for_all_events_is_not_told_what_is_not_kept(store: Store) -> None:
    async with two(store) as (here, _), looking(here.hub, None) as everything:
        assert here.step_emitter(DEFAULT_TENANT, "exe_1", "s", 1) is None
        async with looking(here.hub, None, "step.*") as some:
            emit = await an_emitter(here, "exe_1")
            emit({"event": "delta", "text": "a"})
            await eventually(lambda: says(len(some) == 1))
        await here.publish(draft(1))
        await eventually(lambda: says(len(everything) == 1))

    assert everything[0].type == "thing.happened"


async def test_too_much_of_it_is_dropped_and_what_is_kept_still_comes(store: Store) -> None:
    async with two(store) as (here, _), here.hub.watch(DEFAULT_TENANT, [], key="k") as watcher:
        emit = await an_emitter(here, "k")
        for n in range(5_000):
            emit({"event": "progress", "progress": n})
        await here.publish(draft(7))
        with anyio.fail_after(60):
            async for told in watcher:
                if isinstance(told, Event) and told.type == "thing.happened":
                    break
                assert isinstance(told, Event | Beat)


async def an_emitter(bus: BusModule, execution: str) -> Callable[[Any], None]:
    """As soon as the bus knows that somebody looks on."""
    found: list[Callable[[Any], None]] = []

    async def there() -> bool:
        emit = bus.step_emitter(DEFAULT_TENANT, execution, "s", 1)
        found.extend([emit] if emit else [])
        return emit is not None

    await eventually(there)
    return found[0]


@asynccontextmanager
async def looking(hub: Hub, key: str | None, *patterns: str) -> AsyncIterator[list[Event]]:
    """What a watcher of a key is told."""
    told: list[Event] = []

    async def look(begun: anyio.Event) -> None:
        async with hub.watch(DEFAULT_TENANT, patterns, key=key) as watcher:
            begun.set()
            async for one in watcher:
                told.extend([one] if isinstance(one, Event) else [])

    async with anyio.create_task_group() as group:
        begun = anyio.Event()
        group.start_soon(look, begun)
        await begun.wait()
        yield told
        group.cancel_scope.cancel()


async def heard(signal: Callable[[int], None], far: Heard) -> None:
    """Signal until it is heard: a process listens a moment after it asked to."""
    numbers = iter(range(1_000_000))

    async def there() -> bool:
        signal(next(numbers))
        return bool(far.levels)

    await eventually(there)


async def says(so: bool) -> bool:
    """As a coroutine."""
    return so
