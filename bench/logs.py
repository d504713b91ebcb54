"""What a line of the log costs, and how fast lines are found: the log in this process.

Lines are kept as the product keeps them, and searched for through the product's own search. Then
W1 by turns with the log gathered and not, while the server logs 5,000 lines/s all the time: the
lines themselves cost what they cost, what is asked is what gathering them adds.
"""

import functools
import os
import statistics
import time
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import anyio

from bench.beside import Steps, Turn, summed
from bench.log_lines import lines
from bench.machine import cpu_ms, fsync_ms, peak_rss_mb
from bench.serving import served
from orchestra.clock import SystemClock, system_random
from orchestra.log import configure
from orchestra.monitoring.logs.asking import Asking, Wanted
from orchestra.monitoring.logs.chunks import packed
from orchestra.monitoring.logs.lines import AT
from orchestra.monitoring.logs.sealing import seal
from orchestra.monitoring.logs.shelf import Keeping, Shelf
from orchestra.settings import load
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.store.opening import StoreOptions, open_store

NAME = "L1"
LINES, LAST = 1_000_000, 100_000
BATCH = 1_024
RATE, ROUNDS = 5_000, 5
TIMES = 7
QUERIES = {
    "text nowhere": "no-such-text-here",
    "text in capitals nowhere": "No-Such-Text",
    "pattern nowhere": "/no.such.t[aeiou]xt/",
    "one member nowhere": "agent:nobody level>=error",
    "id nowhere": "execution:exe_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44",
    "text in many": "call.failed",
}


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of L1."""
    part = 10 if quick else 1
    disk_ms = fsync_ms(place)
    run = functools.partial(_kept, mode, durability, place, LINES // part)
    found = anyio.run(run, backend_options={"use_uvloop": True})
    rounds = 1 if quick else ROUNDS
    return {
        "scenario": NAME,
        "what": "lines of the log kept and searched; W1 while the server logs",
        "durability": {"appendfsync": mode},
        **found,
        "w1_at_5000_lines_per_s": _beside_steps(durability, place, rounds, part),
        "fsync_ms": disk_ms,
    }


async def _kept(mode: str, durability: str, place: Path, count: int) -> dict[str, Any]:
    options = StoreOptions(directory=place / f"logs-{mode}", durability=durability)
    configure(load({"log_level": "warning"}, environ={}))
    clock = SystemClock()
    async with open_store(options, clock, system_random()) as store:
        shelf = Shelf(store, Keeping(bytes=1 << 30))
        made, seconds, cpu = lines(count), 0.0, cpu_ms(os.getpid())
        texts, spent = 0, 0.0
        while some := list(islice(made, BATCH)):
            texts += sum(map(len, some))
            spent -= cpu_ms(os.getpid())
            began = time.perf_counter()
            if await shelf.append(DEFAULT_TENANT, packed(some), len(some)):
                await seal(shelf, DEFAULT_TENANT)
            seconds += time.perf_counter() - began
            spent += cpu_ms(os.getpid())
        figures = await shelf.figures(DEFAULT_TENANT)
        asking = Asking(shelf, clock)
        since = await _since(asking, LAST)
        last = {name: await _ms(asking, q, since) for name, q in QUERIES.items()}
        whole = {name: await _ms(asking, q, None) for name, q in QUERIES.items()}
        export = await _exported(asking)
    return {
        "lines": count,
        "bytes_a_line": {
            "as text": round(texts / count, 1),
            "kept": round(figures["bytes"] / figures["lines"], 1),
        },
        "kept_per_s": round(count / seconds),
        "cpu_us_a_line": round(1_000 * spent / count, 1),
        f"search_last_{LAST}_ms": last,
        f"search_all_{count}_ms": whole,
        "export_all": export,
        "peak_rss_mb": peak_rss_mb(os.getpid()),
        "cpu_s": round((cpu_ms(os.getpid()) - cpu) / 1_000, 1),
    }


async def _exported(asking: Asking) -> dict[str, float]:
    """All lines as a file: how long it takes, and what this process grows by meanwhile."""
    began, before, grown, size = time.perf_counter(), _resident_mb(), 0.0, 0
    async for some in asking.exported(Wanted((DEFAULT_TENANT,), order="oldest")):
        size += len(some)
        grown = max(grown, _resident_mb() - before)
    seconds = time.perf_counter() - began
    return {"mb": round(size / 1e6), "seconds": round(seconds, 1), "grew_mb": round(grown, 1)}


def _resident_mb() -> float:
    text = Path("/proc/self/statm").read_text(encoding="ascii")
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def _since(asking: Asking, last: int) -> str:
    """When the last so many lines began: they are 200 µs apart."""
    page = await asking.page(Wanted((DEFAULT_TENANT,)), 1, None)
    newest = datetime.fromisoformat(page.lines[0][AT].decode())
    return (newest - timedelta(microseconds=200 * last)).isoformat()


async def _ms(asking: Asking, q: str, since: str | None) -> dict[str, float]:
    took: list[float] = []
    for _ in range(TIMES):
        began = time.perf_counter()
        page = await asking.page(Wanted((DEFAULT_TENANT,), q, since), 100, None)
        took.append((time.perf_counter() - began) * 1_000)
        assert not page.bounded, "the machine is too slow for the bound of a search"
    return {"median": round(statistics.median(took), 1), "worst": round(max(took), 1)}


def _beside_steps(durability: str, place: Path, rounds: int, part: int) -> dict[str, Any]:
    """W1 without and with the log gathered, one at a time: a server writes lines all the time."""
    found: dict[str, list[Turn]] = {"not gathered": [], "gathered": []}
    for _ in range(rounds):
        for runs, keep_mb in zip(found.values(), ("0", "64"), strict=True):
            options = ("--log-lines", str(RATE), "--log-keep-mb", keep_mb)
            with served(place, durability, options=options) as server:
                one = Steps(server)
                one.run(200 // part)
                runs.append(one.run(1_000 // part))
    return {**summed(found), "rounds": rounds}
