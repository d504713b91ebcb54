"""What measuring costs: one value, a day of many series, the overview; and W1 with and without it.

A simulated day: every series has a value in each 10 s, and chunks are sealed as the product does.
"""

import statistics
import time
from pathlib import Path
from typing import Any

import anyio

from bench.beside import Steps, by_turns
from bench.load import drive, request
from bench.machine import fsync_ms
from bench.serving import served
from orchestra.clock import ManualClock, SystemClock, system_random
from orchestra.instruments import Counter, Histogram
from orchestra.log import configure
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import Question
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.recording import Recorder
from orchestra.monitoring.metrics.sealing import Sealer
from orchestra.monitoring.metrics.series import SPANS, Letter, Series, series_of
from orchestra.monitoring.metrics.shelf import Shelf
from orchestra.monitoring.metrics.wishes import Wish
from orchestra.settings import load
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.store.opening import StoreOptions, open_store

NAME = "M1"
SERIES, SPREADS = 200, 30
"""A tenth of what a tenant may have; a day of all of them takes ten times as long to make."""
DAY_S = 86_400
EXECUTIONS, STARTS, TURNS, GLANCES = 10_000, 8, 12, 200
W1 = {
    "off": ("--monitoring", "off"),
    "on": ("--monitoring", "on"),
    "off again": ("--monitoring", "off"),
}
"""The third is as the first: what differs between those two is the machine's."""
TIMES = 200_000


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of M1."""
    part = 10 if quick else 1
    disk_ms = fsync_ms(place)
    found = anyio.run(_kept, durability, place, part, backend_options={"use_uvloop": True})
    return {
        "scenario": NAME,
        "what": "values recorded, a day of series kept, the overview; W1 without and with",
        "durability": {"appendfsync": mode},
        **found,
        "overview": _overview(durability, place, EXECUTIONS // part),
        "w1": by_turns(place, durability, W1, TURNS // part, 1_000, STARTS // part or 1),
        "fsync_ms": disk_ms,
    }


async def _kept(durability: str, place: Path, part: int) -> dict[str, Any]:
    configure(load({"log_level": "warning"}, environ={}))
    clock = ManualClock(1_795_046_400_000)
    options = StoreOptions(directory=place / "metrics", durability=durability)
    async with open_store(options, SystemClock(), system_random()) as store:
        hot = await _hot(store, clock)
        before = await _memory(store)
        day = await _day(store, clock, DAY_S // part)
        await _expire(store, clock)
        used = await _memory(store) - before
        query_ms = await _query_ms(store, clock)
    return {
        **hot,
        **day,
        "bytes_a_series": round(used / SERIES),
        "of_2000_series_mb": round(used / SERIES * 2_000 / 1e6, 1),
        "p95_of_24h_of_20_series_ms": query_ms,
    }


async def _hot(store: Store, clock: ManualClock) -> dict[str, Any]:
    """Microseconds of one value: of an instrument, and recorded by somebody."""
    buffer = Buffer(store, "bench")
    recorder = Recorder(Admission(store, clock), buffer, clock)
    await recorder.record(DEFAULT_TENANT, [Wish("m", 1.0, {"a": "x"}, "h", "", clock.now_ms())])
    counter, spread = Counter("c", ("a", "b")), Histogram("h", ("a",))
    labels, at_s = (("a", "x"),), clock.now_ms() // 1_000
    return {
        "counter_us": _us(lambda: counter.add(1, "x", "y")),
        "histogram_us": _us(lambda: spread.observe(0.123, "x")),
        "record_us": _us(lambda: recorder.add(DEFAULT_TENANT, "m", labels, 45.2, at_s)),
    }


def _us(call: Any) -> float:
    began = time.process_time()
    for _ in range(TIMES):
        call()
    return round((time.process_time() - began) / TIMES * 1e6, 2)


def _series(i: int) -> Series:
    kind: Letter = "h" if i < SPREADS else "c"
    return series_of(DEFAULT_TENANT, f"orchestra_{kind}{i % 10}", kind, "", {"i": str(i)})


async def _day(store: Store, clock: ManualClock, seconds: int) -> dict[str, Any]:
    """Every series has a value in each 10 s."""
    chance, admission = system_random(), Admission(store, clock)
    buffer, sealer = Buffer(store, "day"), Sealer(store, admission, clock)
    every = [_series(i) for i in range(SERIES)]
    spreads = [one for one in every if one.kind == "h"]
    for wanted in ([one for one in every if one.kind == "c"], spreads):
        for one in wanted:
            await admission.admit([one])
    spent, cells = 0.0, 0
    for second in range(0, seconds, 10):
        at_s = clock.now_ms() // 1_000
        for one in every:
            value = 2 ** (chance.random() * 4) if one.kind == "h" else chance.getrandbits(10)
            buffer.add(one, at_s, value)
        cells += buffer.waiting
        began = time.perf_counter()
        await buffer.flush()
        spent += time.perf_counter() - began
        clock.advance(10_000)
        if second % 600 == 0:
            await sealer.look()
    return {
        "series": SERIES,
        "simulated_s": seconds,
        "flush_us_a_cell": round(spent / cells * 1e6, 1),
    }


async def _expire(store: Store, clock: ManualClock) -> None:
    """Drop what a real day would have outlived: the store's own clock has hardly moved."""
    now_s, prefix = clock.now_ms() // 1_000, store.prefix(store.partitions[0])
    at = 0
    while True:
        cursor, found = await store.read(prefix, "SCAN", at, "COUNT", 1_000)
        for key in found:
            parts = key.decode().split(":")
            if len(parts) == 8 and parts[2] == "m":
                span = next(one for one in SPANS[parts[4][-1]] if one.step_s == int(parts[6]))
                if (int(parts[7]) + 1) * span.chunk_s + span.kept_s < now_s:
                    await store.call(prefix, "UNLINK", key)
        at = int(cursor)
        if not at:
            return


async def _query_ms(store: Store, clock: ManualClock) -> float:
    answers = Answers(Admission(store, clock), Shelf(store), clock)
    now_s = clock.now_ms() // 1_000
    took: list[float] = []
    for _ in range(9):
        began = time.perf_counter()
        for i in range(10):
            asked = Question(f"orchestra_h{i}", now_s - DAY_S, now_s, agg="p95")
            if i < 7:
                await answers.window(DEFAULT_TENANT, asked, whole=False)
        took.append((time.perf_counter() - began) * 1_000)
    return round(statistics.median(took), 1)


async def _memory(store: Store) -> int:
    text = await store.read(store.prefix(store.partitions[0]), "INFO", "memory")
    line = next(one for one in text.decode().splitlines() if one.startswith("used_memory:"))
    return int(line.partition(":")[2])


def _overview(durability: str, place: Path, executions: int) -> dict[str, Any]:
    """Each asks for another window, so that each is made anew."""
    with served(place, durability) as server:
        Steps(server).run(executions)
        host = f"127.0.0.1:{server.port}"
        paths = [f"/api/dashboard/overview?window={1_200 + i}m" for i in range(GLANCES)]
        run = drive(server.port, [request("GET", host, path) for path in paths], 1)
        assert all(one.status == 200 for one in run.samples)
        took = sorted(one.seconds * 1_000 for one in run.samples)
    return {
        "executions": executions,
        "p50_ms": round(took[len(took) // 2], 2),
        "p95_ms": round(took[int(len(took) * 0.95)], 2),
    }
