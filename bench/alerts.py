"""What judging rules costs: a thousand rules in one round, of two tenants, as they come alive.

Fifty metrics of each tenant, twenty series each, counters, gauges and histograms, with a value in
each 10 s of the hour before. A round is all of it: reading what is new, judging, and the scripts.
"""

import statistics
import time
from pathlib import Path
from typing import Any

import anyio

from bench.machine import fsync_ms
from orchestra.clock import Ids, ManualClock, SystemClock, system_random
from orchestra.log import configure
from orchestra.monitoring.alerts.evaluating import Evaluator
from orchestra.monitoring.alerts.keeping import Alerts
from orchestra.monitoring.alerts.meter import Meter
from orchestra.monitoring.alerts.picture import Picture
from orchestra.monitoring.alerts.records import Rule
from orchestra.monitoring.alerts.ring import Ring
from orchestra.monitoring.alerts.rules import Rules
from orchestra.monitoring.alerts.windows import Windows
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.leading import Leading
from orchestra.monitoring.metrics.series import Letter, Series, series_of
from orchestra.monitoring.metrics.shelf import Shelf
from orchestra.settings import load
from orchestra.store import metric_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.opening import StoreOptions, open_store

NAME = "AL"
TENANTS = (Tenant("north"), Tenant("south"))
RULES, METRICS, SERIES = 500, 50, 20
"""Of each tenant: the most rules it may have, a thousand series."""
KINDS: tuple[tuple[Letter, str], ...] = (("f", "ratio"), ("g", "max"), ("h", "p95"), ("f", "rate"))
WINDOWS = (60, 300, 300, 900)
TICK_MS, PAST_S, ROUNDS = 5_000, 1_200, 30


def measure(mode: str, durability: str, place: Path, *, quick: bool) -> dict[str, Any]:
    """The line of AL."""
    disk_ms = fsync_ms(place)
    rounds = 3 if quick else ROUNDS
    found = anyio.run(_measured, durability, place, rounds, backend_options={"use_uvloop": True})
    return {
        "scenario": NAME,
        "what": "a thousand rules judged in one round: quiet, and with 1,200 alerts firing",
        "durability": {"appendfsync": mode},
        **found,
        "fsync_ms": disk_ms,
    }


async def _measured(durability: str, place: Path, rounds: int) -> dict[str, Any]:
    configure(load({"log_level": "warning"}, environ={}))
    clock = ManualClock(1_795_046_400_000)
    options = StoreOptions(directory=place / "alerts", durability=durability)
    async with open_store(options, SystemClock(), system_random()) as store:
        field = Field(store, clock)
        await field.prepare()
        quiet = [await field.round(0.5) for _ in range(rounds)]
        firing = [await field.round(5.0) for _ in range(rounds)]
        heir = await field.heir()
    return {
        "rules": RULES * len(TENANTS),
        "series": METRICS * SERIES * len(TENANTS),
        "round_ms": _shown(quiet),
        "round_1200_firing_ms": _shown(firing[1:]),
        "take_over_ms": round(heir, 1),
    }


class Field:
    """The tenants, their figures, and who judges them."""

    def __init__(self, store: Store, clock: ManualClock) -> None:
        self._store, self._clock, self._ids = store, clock, Ids(clock, system_random())
        self._admission = Admission(store, clock)
        self._session = self._ids.new("t")
        self._buffer = Buffer(store, self._session)
        self._rules, self._series = Rules(store, clock), dict[Tenant, list[Series]]()
        self._token = 1
        self._evaluator = self._made()

    def _made(self) -> Evaluator:
        answers = Answers(self._admission, Shelf(self._store), self._clock)
        windows = Windows(answers, Ring(self._store, self._admission), self._clock)
        alerts = Alerts(self._store, self._clock)
        picture = Picture(self._rules, alerts, self._admission.tenants)
        leading = Leading(self._store, self._clock, "bench")
        meter = Meter(windows, _no_lines, self._clock)
        return Evaluator(self._store, self._clock, leading, meter, picture)

    async def prepare(self) -> None:
        """Rules, series, and twenty minutes of values."""
        mon = metric_keys.monitoring(self._store.space)
        await self._store.call(mon, "HSET", metric_keys.services(mon), self._session, "{}")
        for tenant in TENANTS:
            made: list[Series] = []
            for n in range(METRICS):
                kind, _ = KINDS[n % len(KINDS)]
                for one in range(SERIES):
                    labels = {"agent": f"a{one}", "outcome": "ok" if one % 2 else "failed"}
                    made.append(series_of(tenant, f"m{n}", kind, "", labels))
            await self._admission.admit(made)
            self._series[tenant] = made
            for n in range(RULES):
                await self._rules.create(self._rule(tenant, n))
        for _ in range(PAST_S // 10):
            self._clock.advance(10_000)
            await self._record(0.5)
        await self._evaluator.round(self._token)

    def _rule(self, tenant: Tenant, n: int) -> Rule:
        _, agg = KINDS[n % METRICS % len(KINDS)]
        return Rule(
            id=f"alr_{n}",
            tenant=tenant,
            name=f"rule {n}",
            metric=f"m{n % METRICS}",
            agg=agg,
            of=(("outcome", "failed"),) if agg == "ratio" else (),
            by=("agent",) if n % 2 else (),
            window_s=WINDOWS[n % len(WINDOWS)],
            # The gauges of every fifth metric go over, when they are told to.
            threshold=1.0 if n % METRICS % 20 == 1 else 1e9,
            recover=1.0 if n % METRICS % 20 == 1 else 1e9,
            for_s=0,
        )

    async def _record(self, value: float) -> None:
        at_s = self._clock.now_ms() // 1_000
        for series in self._series.values():
            for one in series:
                self._buffer.add(one, at_s, value)
        await self._buffer.flush()

    async def round(self, value: float) -> tuple[float, float]:
        """Milliseconds of one round, and of the processor in it."""
        self._clock.advance(TICK_MS)
        await self._record(value)
        began, before = time.perf_counter(), time.process_time()
        await self._evaluator.round(self._token)
        spent = time.perf_counter() - began
        return spent * 1_000, (time.process_time() - before) * 1_000

    async def heir(self) -> float:
        """Milliseconds of the first round of another one, which reads everything."""
        self._evaluator, self._token = self._made(), self._token + 1
        taken, _ = await self.round(5.0)
        return taken


async def _no_lines(tenant: Tenant, query: str, window_s: int, most: int) -> int:
    raise NotImplementedError(tenant, query, window_s, most)


def _shown(rounds: list[tuple[float, float]]) -> dict[str, float]:
    wall = sorted(ms for ms, _ in rounds)
    return {
        "p50": round(statistics.median(wall), 1),
        "worst": round(wall[-1], 1),
        "processor": round(statistics.median(ms for _, ms in rounds), 1),
    }
