"""What analytics costs: answers over 10,000 profiles, their weight, W1 with and without them.

The profiles are of a graph of six steps, spread over 30 days, kept and packed as the product does.
"""

import random
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio

from bench.beside import by_turns
from bench.machine import fsync_ms
from orchestra.clock import SystemClock, system_random
from orchestra.log import configure
from orchestra.monitoring.analytics import keeping
from orchestra.monitoring.analytics.exact import DAY_S, Exact
from orchestra.monitoring.analytics.insights import Advice
from orchestra.monitoring.analytics.keeping import Shelf
from orchestra.monitoring.analytics.looking import Looking
from orchestra.monitoring.analytics.of_workflows import OfWorkflows
from orchestra.monitoring.analytics.profiles import Profile, Row, packed
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.shelf import Shelf as Chunks
from orchestra.settings import load
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT, Tenant
from orchestra.store.opening import StoreOptions, open_store

NAME = "AN"
PROFILES, DAYS = 10_000, 30
AFTER = ((), (0,), (0,), (1, 2), (3,), (3, 4))
TURNS, TIMES = 20, 40
W1 = {rate: ("--profiles-per-s", rate) for rate in ("0", "50", "1000")}
WORKFLOW = "wfl_01900000-0000-7000-8000-000000000001"


class Nobody:
    """Answers for the workflows: there is one, and nothing ends."""

    def tags(self) -> Sequence[int]:
        """None."""
        return ()

    async def ended(self, _: int, after_ms: int, __: int) -> Mapping[str, Any]:
        """None."""
        return {"until_ms": after_ms, "more": False, "executions": []}

    async def profile(self, _: Tenant, execution: str) -> Mapping[str, Any]:
        """Nobody asks."""
        raise AssertionError(execution)

    async def shape(self, digest: str) -> Mapping[str, Any]:
        """That of the graph."""
        steps = [
            {"path": f"s{i}", "kind": "agent", "parent": "", "reads": [f"s{j}" for j in after],
             "depends_on": [f"s{j}" for j in after], "auto": False, "condition": False,
             "timeout_ms": 60_000, "branches": []}
            for i, after in enumerate(AFTER)
        ]  # fmt: skip
        return {"name": "w", "digest": digest, "steps": steps}

    async def filled(self, _: Tenant, __: str) -> Mapping[str, Sequence[str]]:
        """None."""
        return {}

    async def workflow(self, _: Tenant, __: str) -> tuple[str, str]:
        """The only one."""
        return WORKFLOW, "w"


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of AN."""
    part = 10 if quick else 1
    disk_ms = fsync_ms(place)
    found = anyio.run(_kept, durability, place, part, backend_options={"use_uvloop": True})
    return {
        "scenario": NAME,
        "what": "answers over profiles of ended executions; W1 without and with them",
        "durability": {"appendfsync": mode},
        **found,
        "w1": by_turns(place, durability, W1, TURNS // part, 1_000),
        "fsync_ms": disk_ms,
    }


async def _kept(durability: str, place: Path, part: int) -> dict[str, Any]:
    configure(load({"log_level": "warning"}, environ={}))
    options = StoreOptions(directory=place / "analytics", durability=durability)
    async with open_store(options, SystemClock(), system_random()) as store:
        count = PROFILES // part
        before = await _memory(store)
        shelf, clock = Shelf(store), SystemClock()
        kept_us = await _fill(shelf, clock.now_ms(), count)
        raw = await _memory(store) - before
        today = clock.now_ms() // 1_000 // DAY_S
        await shelf.pack(DEFAULT_TENANT, today)
        used = await _memory(store) - before
        answers = await _answers(store, count)
    return {
        "profiles": count,
        "keep_us_a_profile": kept_us,
        "bytes_a_profile": {"open": round(raw / count), "packed": round(used / count)},
        **answers,
    }


async def _fill(shelf: Shelf, now_ms: int, count: int) -> float:
    chance, spent = random.Random(1), 0.0
    for day in range(DAYS):
        at_ms = now_ms - (DAYS - day) * DAY_S * 1_000 + 1
        entries: list[keeping.Entry] = []
        for i in range(count // DAYS):
            ended_ms = at_ms + i * 1_000
            text = packed(f"exe_{uuid.UUID(int=chance.getrandbits(128))}", ended_ms, _one(chance))
            entries.append((WORKFLOW, ended_ms // 1_000 // DAY_S, text))
        began = time.perf_counter()
        await shelf.keep(DEFAULT_TENANT, 0, at_ms + DAY_S * 500, entries, 0)
        spent += time.perf_counter() - began
    return round(spent / count * 1e6, 1)


def _one(chance: random.Random) -> Profile:
    rows: list[Row] = []
    for i, after in enumerate(AFTER):
        queued = max((rows[j].ended for j in after), default=0)
        started = queued + chance.randrange(5)
        ended = started + round(chance.lognormvariate(5, 0.6))
        rows.append(
            Row(f"s{i}", False, "agent", "completed", queued, started, ended, after,
                last=started, agent=f"agent-{i % 3}", tokens_in=chance.randrange(2_000),
                tokens_out=chance.randrange(500), micro=chance.randrange(9_000), priced=True)
        )  # fmt: skip
    return Profile(
        created_ms=0, duration=max(row.ended for row in rows), paused=0, name="w", version=1,
        digest="d" * 40, outcome="D", code=None, step=None, input_hash=chance.randbytes(8),
        cut=False, rows=tuple(rows),
    )  # fmt: skip


async def _answers(store: Store, count: int) -> dict[str, Any]:
    clock = SystemClock()

    def anew(shelf: Shelf) -> OfWorkflows:
        exact = Exact(Answers(Admission(store, clock), Chunks(store), clock), clock)
        return OfWorkflows(Looking(Nobody(), shelf, exact, clock), exact)

    async def workflow(asked: OfWorkflows) -> None:
        asked._kept.clear()  # each is made anew
        found = await asked.answer(DEFAULT_TENANT, WORKFLOW, ("30d", DAYS * DAY_S))
        assert found.critical_path.executions > count * 0.9

    async def insights(shelf: Shelf) -> None:
        exact = Exact(Answers(Admission(store, clock), Chunks(store), clock), clock)
        looking = Looking(Nobody(), shelf, exact, clock)
        found = await Advice(looking).answer(DEFAULT_TENANT, ("30d", DAYS * DAY_S), None)
        assert found.insights

    warm = Shelf(store)
    again = anew(warm)
    return {
        "first_answer_ms": await _ms(lambda: workflow(anew(Shelf(store))), 5),
        "answer_ms": await _ms(lambda: workflow(again), TIMES),
        "insights_ms": await _ms(lambda: insights(warm), 10),
    }


async def _ms(ask: Callable[[], Awaitable[None]], times: int) -> dict[str, float]:
    """Made anew each time, and how late the loop was for others meanwhile."""
    took: list[float] = []
    late = 0.0

    async def watch() -> None:
        nonlocal late
        while True:
            began = time.perf_counter()
            await anyio.sleep(0.001)
            late = max(late, time.perf_counter() - began - 0.001)

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        spent = time.process_time()
        for _ in range(times):
            began = time.perf_counter()
            await ask()
            took.append((time.perf_counter() - began) * 1_000)
        spent = time.process_time() - spent
        group.cancel_scope.cancel()
    took.sort()
    return {
        "p50": round(took[len(took) // 2], 1),
        "p95": round(took[int(len(took) * 0.95)], 1),
        "cpu": round(spent / times * 1_000, 1),
        "loop_late_max": round(late * 1_000, 1),
    }


async def _memory(store: Store) -> int:
    text = await store.read(store.prefix(store.partitions[0]), "INFO", "memory")
    line = next(one for one in text.decode().splitlines() if one.startswith("used_memory:"))
    return int(line.partition(":")[2])
