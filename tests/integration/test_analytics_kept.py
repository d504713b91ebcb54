"""Profiles in the store: each execution has one whatever crashes, and they are bounded."""

import random
import signal
import sys
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import anyio
import profile_reader
import pytest
from products import a_product
from profile_ends import NOW_MS, ONE, OTHER, STEPS, Breaks, Ends, a_reader
from simulated_profiles import START_MS, executed

from orchestra.clock import ManualClock, SystemClock
from orchestra.monitoring.analytics import keeping
from orchestra.monitoring.analytics.keeping import Entry, Shelf
from orchestra.monitoring.analytics.profiles import packed
from orchestra.store.client import Store
from orchestra.store.failures import NotSent
from orchestra.store.keys import DEFAULT_TENANT, Tenant
from orchestra.workflows.catalogue.plans import Catalogue
from orchestra.workflows.history.profiles import Profiles
from orchestra.workflows.history.reader import Reader as WorkflowReader

pytestmark = pytest.mark.anyio


class Unsure(Shelf):
    """A shelf whose replies are lost now and then, and with them the reader."""

    def __init__(self, store: Store, chance: random.Random, losing: float) -> None:
        super().__init__(store)
        self._chance, self._losing = chance, losing

    async def keep(
        self, tenant: Tenant, tag: int, until_ms: int, entries: Sequence[Entry], skipped: int
    ) -> int:
        """Kept or not: nobody hears of it."""
        if self._chance.random() < self._losing:
            raise NotSent("no answer")
        done = await super().keep(tenant, tag, until_ms, entries, skipped)
        if self._chance.random() < self._losing:
            raise Breaks
        return done

    async def reached(self, positions: Mapping[int, int]) -> None:
        """Sometimes it is not written any more."""
        if self._chance.random() < self._losing:
            raise Breaks
        await super().reached(positions)


async def kept(store: Store, tenant: Tenant) -> list[str]:
    """Every profile there is, in the order of the store, twice when it is there twice."""
    shelf, found = Shelf(store), list[str]()
    for day in (START_MS // 86_400_000, START_MS // 86_400_000 + 1):
        stored = await shelf._stored(shelf._prefix(tenant), "wfl_1", day)
        found += [f"exe_{uuid.UUID(bytes=one[:16])}" for one in stored]
    return found


async def test_each_execution_is_kept_once_whoever_reads_and_crashes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "DAY_MAX", 100_000)
    ends, chance = Ends(store, 1, breaking=0.01), random.Random(2)
    crashes, over = 0, anyio.Event()

    async def replica() -> None:
        """Reads, dies, is there again, and does not know of the others."""
        nonlocal crashes
        while not over.is_set():
            reader = a_reader(ends, Unsure(store, chance, 0.1))
            try:
                await reader.begin()
                while not over.is_set():
                    await reader.turn()
            except (Breaks, NotSent):
                crashes += 1

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(replica)
        with anyio.fail_after(60):
            while crashes < 40:
                ends.happen(5)
                await anyio.lowlevel.checkpoint()
        over.set()
    ends.until_ms += 1
    last = a_reader(ends, Shelf(store))
    ends._breaking = 0.0
    await last.begin()
    while await last.turn():
        pass

    assert ends.of(ONE)
    for tenant in (ONE, OTHER):
        found = await kept(store, tenant)
        assert len(found) == len(set(found))
        assert set(found) == ends.of(tenant)


async def test_beyond_the_rate_a_sample_is_kept_that_says_so(store: Store) -> None:
    ends = Ends(store, 3)
    ends.happen(4_000, per_ms=2, tenants=(ONE,))
    ends.happen(10, tenants=(OTHER,))
    ends.until_ms += 1
    shelf = Shelf(store)
    reader = a_reader(ends, shelf, per_s=500)

    while await reader.turn():
        pass

    look = await shelf.look(ONE, "wfl_1", START_MS, NOW_MS)
    rare = await shelf.look(OTHER, "wfl_1", START_MS, NOW_MS)
    assert 80 <= len(look.kept) <= 180  # one in 32
    assert look.skipped == 4_000 - len(look.kept)
    assert look.sampled
    assert ends.fetched == len(look.kept) + len(rare.kept)


async def test_a_day_of_one_workflow_is_halved_when_it_is_full(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "DAY_MAX", 100)
    ends = Ends(store, 4)
    ends.happen(900, tenants=(ONE,))
    ends.until_ms += 1
    shelf = Shelf(store)

    await a_reader(ends, shelf).turn()
    look = await shelf.look(ONE, "wfl_1", START_MS, NOW_MS)
    stored = await shelf._stored(shelf._prefix(ONE), "wfl_1", START_MS // 86_400_000)

    assert 20 <= len(look.kept) <= 100
    assert look.level >= 3
    assert look.sampled
    assert await shelf.figures(ONE) == {
        "profiles": len(look.kept),
        "bytes": sum(map(len, stored)),
    }


async def test_every_key_ends(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "DAY_MAX", 50)
    ends = Ends(store, 11)
    ends.happen(300)
    ends.until_ms += 1
    shelf = Shelf(store)
    await a_reader(ends, shelf).turn()
    await shelf.pack(ONE, START_MS // 86_400_000 + 1)

    for tenant in (ONE, OTHER):
        prefix = shelf._prefix(tenant)
        names = await store.read(prefix, "KEYS", prefix.replace("{", "\\{") + "*")
        kinds = {name.decode().removeprefix(prefix).partition(":")[0] for name in names}
        assert kinds >= {"at", "ix", "n", "st"}
        assert kinds & {"d", "z"}
        for name in names:
            assert 0 < await store.read(prefix, "TTL", name) <= 32 * 86_400, name


async def test_old_days_give_way(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "TENANT_MAX", 50)
    shelf, chance = Shelf(store), random.Random(5)
    first = START_MS // 86_400_000
    for day in range(40):
        at_ms = (first + day) * 86_400_000 + 1_000
        entries = [
            ("wfl_1", first + day, packed(one.execution, at_ms, one.profile))
            for one in (executed(STEPS, chance, at_ms) for _ in range(1 + (day >= 35) * 10))
        ]
        assert await shelf.keep(ONE, 0, at_ms, entries, 0) == len(entries)

    look = await shelf.look(ONE, "wfl_1", first * 86_400_000, (first + 40) * 86_400_000)
    days = {one.ended_ms // 86_400_000 - first for one in look.kept}

    assert len(look.kept) <= 50
    assert days == {36, 37, 38, 39}
    assert (await shelf.figures(ONE))["profiles"] == len(look.kept)


async def test_after_thirty_days_they_are_gone(store: Store) -> None:
    shelf, chance = Shelf(store), random.Random(6)
    first = START_MS // 86_400_000
    for day in (0, 1, 29, 31):
        one, at_ms = executed(STEPS, chance), (first + day) * 86_400_000 + day
        entry = ("wfl_1", first + day, packed(one.execution, at_ms, one.profile))
        await shelf.keep(ONE, 0, at_ms, [entry], 0)

    look = await shelf.look(ONE, "wfl_1", first * 86_400_000, (first + 32) * 86_400_000)

    assert [one.ended_ms // 86_400_000 - first for one in look.kept] == [1, 29, 31]


async def test_a_day_that_is_over_is_packed_and_reads_the_same(store: Store) -> None:
    ends = Ends(store, 7)
    ends.happen(500, tenants=(ONE,))
    ends.until_ms += 1
    reader, shelf, today = a_reader(ends, Shelf(store)), Shelf(store), START_MS // 86_400_000
    while await reader.turn():
        pass
    before = await shelf.look(ONE, "wfl_1", START_MS, NOW_MS)
    size = (await shelf.figures(ONE))["bytes"]

    assert await shelf.pack(ONE, today) == 0
    assert await shelf.pack(ONE, today + 1) == 1
    assert await shelf.pack(ONE, today + 1) == 0
    after = await Shelf(store).look(ONE, "wfl_1", START_MS, NOW_MS)
    ends.happen(20, tenants=(ONE,))
    ends.until_ms += 1
    await reader.turn()
    assert await shelf.pack(ONE, today + 1) == 1
    more = await Shelf(store).look(ONE, "wfl_1", START_MS, NOW_MS)

    assert after.kept == before.kept
    assert len(more.kept) == len(ends.of(ONE)) == 520
    assert (await shelf.figures(ONE))["bytes"] < size / 2
    assert (await shelf.figures(ONE))["profiles"] == 520


async def test_ends_are_told_in_whole_milliseconds_however_many_share_one(store: Store) -> None:
    catalogue = Catalogue(store)
    reader = WorkflowReader(store, catalogue, ManualClock(), "")
    profiles, tag = Profiles(store, reader, catalogue), store.partitions[3]
    prefix, chance = store.prefix(tag), random.Random(8)
    ended: dict[str, int] = {}
    for i in range(200):
        at_ms = START_MS + (50 if 80 <= i < 140 else i // 3)
        ended[f"exe_{i:03}"] = at_ms
    for execution in chance.sample(sorted(ended), len(ended)):
        await store.call(prefix, "ZADD", f"{prefix}fin", ended[execution], execution)
        await store.call(prefix, "HSET", f"{prefix}x:{execution}", "@t", "one", "@s", "D")

    found: dict[str, int] = {}
    after, turns, more = 0, 0, True
    while more:
        reply = await profiles.ended(tag, after, 25)
        for execution, tenant, at_ms in reply["executions"]:
            assert execution not in found
            assert tenant == "one"
            assert after < at_ms <= reply["until_ms"]
            found[execution] = at_ms
        assert reply["until_ms"] > after
        after, more, turns = reply["until_ms"], reply["more"], turns + 1

    assert found == ended
    assert turns > 5
    assert after > START_MS + 1_000_000


@pytest.mark.chaos
async def test_each_execution_has_one_profile_though_readers_are_killed(
    store: Store, store_url: str
) -> None:
    program = [sys.executable, str(Path(profile_reader.__file__)), store_url]
    step = {"id": "a", "type": "transform", "input_data": {"n": 1}}
    shelf, ended = Shelf(store), set[str]()

    async with a_product(store_url, profiles_per_s=0) as one:
        made = await one.post("/api/workflows", {"name": "w", "steps": [step]})
        workflow = made.json()["id"]

        async def execute(n: int) -> None:
            for _ in range(n):
                path = f"/api/workflows/{workflow}/execute"
                answer = await one.post(path, {"input_data": {}}, Prefer="wait=30")
                ended.add(answer.json()["execution_id"])

        for _ in range(3):
            readers = [await anyio.open_process(program) for _ in range(2)]
            before = (await shelf.figures(DEFAULT_TENANT))["profiles"]
            await execute(40)
            with anyio.fail_after(120):
                while (await shelf.figures(DEFAULT_TENANT))["profiles"] == before:  # noqa: ASYNC110
                    await anyio.sleep(0.005)  # of other processes
            await execute(5)
            for reader in readers:
                reader.send_signal(signal.SIGKILL)
                await reader.wait()
                await reader.aclose()
        last = profile_reader.a_profile_reader(store, SystemClock())
        await last.begin()
        day = SystemClock().now_ms() // 86_400_000
        with anyio.fail_after(60):
            while True:
                await last.turn()
                prefix = shelf._prefix(DEFAULT_TENANT)
                kept = [*await shelf._stored(prefix, workflow, day - 1)]
                kept += await shelf._stored(prefix, workflow, day)
                if len(kept) >= len(ended):
                    break

    found = [f"exe_{uuid.UUID(bytes=one[:16])}" for one in kept]
    assert len(found) == len(set(found))
    assert set(found) == ended
