"""As many series as a tenant may have: what they weigh, and what questions about them cost.

python -m bench.series              2,000 dense series for a simulated day: 10 to 20 minutes
python -m bench.series 10           a tenth of the series
python -m bench.series 10 labels    only sets of labels that explode: a million of them

Everything is in this process, on an embedded store of its own. `held_ms` is the longest that the
event loop kept others waiting while a question was answered.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio

from bench.machine import cpu_ms, peak_rss_mb
from orchestra.clock import ManualClock, Random, SystemClock, system_random
from orchestra.errors import TooMany
from orchestra.instruments import Tally
from orchestra.log import configure
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import Question
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.recording import Recorder
from orchestra.monitoring.metrics.sealing import Sealer
from orchestra.monitoring.metrics.series import SPANS, Letter, Series, Span, series_of
from orchestra.monitoring.metrics.shelf import Shelf
from orchestra.monitoring.metrics.wishes import Wish
from orchestra.settings import load
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.store.opening import StoreOptions, open_store

SERIES, SPREADS, DAY_S = 2_000, 300, 86_400
LABELS, BATCH = 1_000_000, 1_000
HOUR_S, HOUR_VALUES = 3_600, 60
GROWN = ((3_600, 4 * DAY_S), (60, 8 * 3_600), (10, -1))
"""Seconds from one value to the next, while there is more than so long to go."""
BEGIN_MS = 1_795_046_400_000


class Held:
    """How long others waited for the event loop."""

    worst_s = 0.0

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """For the duration of the block."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch)
            await anyio.sleep(0.05)
            self.worst_s = 0.0
            yield
            group.cancel_scope.cancel()

    async def _watch(self) -> None:
        while True:
            before = time.perf_counter()
            await anyio.sleep(0.002)
            self.worst_s = max(self.worst_s, time.perf_counter() - before - 0.002)


def a_series(i: int, spreads: int) -> Series:
    kind: Letter = "h" if i < spreads else "c"
    return series_of(DEFAULT_TENANT, f"orchestra_{kind}{i % 10}", kind, "", {"i": str(i)})


async def lived(store: Store, clock: ManualClock, every: Sequence[Series], seconds: int) -> float:
    """Every series has a value in each 10 s; seconds that handing over took."""
    chance, admission = system_random(), Admission(store, clock)
    buffer, sealer = Buffer(store, "day"), Sealer(store, admission, clock)
    for one in every:
        assert await admission.admit([one]) == [None]
    spent = 0.0
    for second in range(0, seconds, 10):
        at_s = clock.now_ms() // 1_000
        for one in every:
            value = 2 ** (chance.random() * 4) if one.kind == "h" else chance.getrandbits(10)
            buffer.add(one, at_s, value)
        began = time.process_time()
        await buffer.flush()
        spent += time.process_time() - began
        clock.advance(10_000)
        if second % 600 == 0:
            await sealer.look()
    await sealer.look()
    return spent


async def chunks(store: Store) -> AsyncIterator[tuple[str, Span, int, str]]:
    """Letter, span, number and key of each chunk there is."""
    prefix, at = store.prefix(store.partitions[0]), 0
    while True:
        cursor, found = await store.read(prefix, "SCAN", at, "COUNT", 1_000)
        for key in found:
            parts = key.decode().split(":")
            if len(parts) == 8 and parts[2] == "m":
                span = next(one for one in SPANS[parts[4][-1]] if one.step_s == int(parts[6]))
                yield parts[4], span, int(parts[7]), key.decode()
        at = int(cursor)
        if not at:
            return


async def expire(store: Store, clock: ManualClock) -> None:
    """Drop what a real day would have outlived: the store's own clock has hardly moved."""
    now_s, prefix = clock.now_ms() // 1_000, store.prefix(store.partitions[0])
    async for _, span, number, key in chunks(store):
        if (number + 1) * span.chunk_s + span.kept_s < now_s:
            await store.call(prefix, "UNLINK", key)


async def used(store: Store) -> int:
    text = await store.read(store.prefix(store.partitions[0]), "INFO", "memory")
    line = next(one for one in text.decode().splitlines() if one.startswith("used_memory:"))
    return int(line.partition(":")[2])


async def a_day(store: Store, part: int) -> dict[str, Any]:
    """What the series of a day weigh, and what is asked of them."""
    clock = ManualClock(BEGIN_MS)
    every = [a_series(i, SPREADS // part) for i in range(SERIES // part)]
    # What scripts and buffers take once is no part of what a series weighs.
    await lived(store, ManualClock(BEGIN_MS - 90 * DAY_S * 1_000), every[:20], 1_800)
    before = await used(store)
    cells = len(every) * DAY_S // 10
    spent = await lived(store, clock, every, DAY_S)
    await expire(store, clock)
    weight = await used(store) - before
    return {
        "series": len(every),
        "store_mb_of_a_day": round(weight / 1e6, 1),
        "of_2000_series_mb": round(weight * part / 1e6, 1),
        "flush_cpu_us_a_cell": round(spent / cells * 1e6, 1),
        **await questions(store, clock),
    }


async def questions(store: Store, clock: ManualClock) -> dict[str, Any]:
    """What is asked often, and the widest that may be asked."""
    answers = Answers(Admission(store, clock), Shelf(store), clock)
    now_s = clock.now_ms() // 1_000
    name = "orchestra_h0"
    day = Question(name, now_s - DAY_S, now_s, agg="p95", limit=20)
    fine = Question(name, now_s - 5 * 3_600, now_s, agg="p99", limit=100, step_s=60)
    every = Question("orchestra_c0", now_s - 3_600, now_s, agg="rate", limit=100, step_s=10)
    asked = {"p95 of 24 h": day, "p99 by minutes of 5 h": fine, "rate by 10 s of 1 h": every}
    found: dict[str, Any] = {}
    for told, question in asked.items():
        found[told] = await cost(lambda one=question: answers.answer([DEFAULT_TENANT], one))
    return {"questions_ms": found, "peak_rss_mb": peak_rss_mb(os.getpid())}


async def cost(ask: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, float]:
    took, held, spent = list[float](), Held(), list[float]()
    rows = 0
    async with held.watching():
        for _ in range(9):
            began, cpu = time.perf_counter(), time.process_time()
            rows = len((await ask())["series"])
            took.append((time.perf_counter() - began) * 1_000)
            spent.append((time.process_time() - cpu) * 1_000)
    return {
        "series": rows,
        "median": round(statistics.median(took), 1),
        "cpu": round(statistics.median(spent), 1),
        "held_ms": round(held.worst_s * 1_000, 1),
    }


async def grown(store: Store, clock: ManualClock, every: Sequence[Series]) -> None:
    """90 days of dense series up to now. What was long ago comes in sums of what is kept of it."""
    chance, admission = system_random(), Admission(store, clock)
    buffer, sealer = Buffer(store, "whole"), Sealer(store, admission, clock)
    for one in every:
        assert await admission.admit([one]) == [None]
    end_s = clock.now_ms() // 1_000 + SPANS["c"][-1].kept_s
    sealed_s = day_s = 0
    while (now_s := clock.now_ms() // 1_000) < end_s:
        step_s = next(step for step, until_s in GROWN if end_s - now_s > until_s)
        for one in every:
            if one.kind != "h":
                buffer.add(one, now_s, chance.getrandbits(10) * step_s // 10)
            elif step_s != 60 or now_s % 600 == 0:
                buffer.merge(one, now_s, spread(chance, 1 if step_s == 10 else HOUR_VALUES))
        await buffer.flush()
        clock.advance(step_s * 1_000)
        if now_s - sealed_s >= HOUR_S:
            sealed_s = now_s
            await sealer.look()
        if now_s - day_s >= DAY_S:
            day_s = now_s
            await expire(store, clock)
    await sealer.look()
    await expire(store, clock)


def spread(chance: Random, n: int) -> Tally:
    """So many values together."""
    tally = Tally()
    for _ in range(n):
        tally.add(2 ** (chance.random() * 4))
    return tally


async def retention(store: Store, part: int) -> dict[str, Any]:
    """What full retention weighs: every slot that is kept of every series is there."""
    clock = ManualClock(BEGIN_MS)
    every = [a_series(i, SPREADS // part) for i in range(SERIES // part)]
    await lived(store, ManualClock(BEGIN_MS - 180 * DAY_S * 1_000), every[:20], 1_800)
    before, began = await used(store), time.monotonic()
    await grown(store, clock, every)
    weight = await used(store) - before
    return {
        "series": len(every),
        "store_mb": round(weight / 1e6, 1),
        "of_2000_series_mb": round(weight * part / 1e6, 1),
        "took_s": round(time.monotonic() - began),
    }


async def labels(store: Store) -> dict[str, Any]:
    """A million sets of labels are posted: nearly all are refused, and nothing grows."""
    clock = SystemClock()
    recorder = Recorder(Admission(store, clock), Buffer(store, "labels"), clock)
    refused, cpu = 0, cpu_ms(os.getpid())
    marks: list[tuple[int, float]] = []
    for n in range(0, LABELS, BATCH):
        now_ms = clock.now_ms()
        wishes = [Wish(f"m{n % 7}", 1.0, {"i": str(n + i)}, "f", "", now_ms) for i in range(BATCH)]
        try:
            await recorder.record(DEFAULT_TENANT, wishes)
        except TooMany:
            refused += BATCH
        if n % (LABELS // 10) == 0:
            marks.append((await used(store), resident_mb()))
    return {
        "posted": LABELS,
        "refused": refused,
        "store_grew_kb": round((marks[-1][0] - marks[1][0]) / 1_000, 1),
        "process_grew_mb": round(marks[-1][1] - marks[1][1], 1),
        "cpu_us_each": round((cpu_ms(os.getpid()) - cpu) * 1_000 / LABELS, 1),
    }


def resident_mb() -> float:
    text = Path("/proc/self/statm").read_text(encoding="ascii")
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def measured(part: int, what: Sequence[str]) -> None:
    """Each on a store of its own, a JSON line each."""
    configure(load({"log_level": "warning"}, environ={}))
    every: dict[str, Callable[[Store], Awaitable[dict[str, Any]]]] = {
        "day": lambda store: a_day(store, part),
        "retention": lambda store: retention(store, part),
        "labels": labels,
    }
    for name, measure in every.items():
        if what and name not in what:
            continue
        with tempfile.TemporaryDirectory(prefix="orchestra-series-") as place:
            options = StoreOptions(directory=Path(place), durability="process")
            async with open_store(options, SystemClock(), system_random()) as store:
                print(json.dumps({"what": name, **await measure(store)}), flush=True)


if __name__ == "__main__":
    PART = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    anyio.run(measured, PART, sys.argv[2:], backend_options={"use_uvloop": True})
