"""What series weigh in the store, and that what labels explode into weighs nothing."""

import random
from collections import defaultdict
from typing import Any

import pytest
from products import a_product

from orchestra.clock import ManualClock
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import question
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.functions import ERROR_MAX
from orchestra.monitoring.metrics.sealing import Sealer
from orchestra.monitoring.metrics.series import (
    HISTOGRAMS_MAX,
    SPANS,
    TENANT_MAX,
    Letter,
    Series,
    series_of,
)
from orchestra.monitoring.metrics.shelf import Shelf
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

BEGIN_MS = 1_795_046_400_000
DAY_S = 86_400
DAY_MAX_BYTES = 40_000_000


def dense() -> list[Series]:
    kinds: list[Letter] = ["h", "h", "c", "c", "c", "c"]
    return [
        series_of(DEFAULT_TENANT, f"orchestra_{kind}_seconds", kind, "seconds", {"i": str(i)})
        for i, kind in enumerate(kinds)
    ]


async def test_a_day_of_2000_dense_series_weighs_what_is_promised(store: Store) -> None:
    """Six are kept for a day, a value in each 10 s; what they weigh is scaled up."""
    chance, clock = random.Random(3), ManualClock(BEGIN_MS)
    admission, buffer = Admission(store, clock), Buffer(store, "day")
    sealer, every = Sealer(store, admission, clock), dense()
    for one in every:
        assert await admission.admit([one]) == [None]
    true = defaultdict[str, list[float]](list)
    for second in range(0, DAY_S, 10):
        for one in every:
            value = (
                round(chance.lognormvariate(0, 2), 6) if one.kind == "h" else chance.randrange(999)
            )
            buffer.add(one, BEGIN_MS // 1_000 + second, value)
            true[one.sid].append(value)
        clock.advance(10_000)
        if second % 1_200 == 0:
            await buffer.flush()
            await sealer.look()
    await buffer.flush()
    await sealer.look()

    weighed = await weights(store, clock, every)
    mean = {
        kind: sum(weighed[one.sid] for one in every if one.kind == kind)
        / sum(one.kind == kind for one in every)
        for kind in ("c", "h")
    }
    whole = mean["h"] * HISTOGRAMS_MAX + mean["c"] * (TENANT_MAX - HISTOGRAMS_MAX)
    assert whole <= DAY_MAX_BYTES, mean

    answers = Answers(admission, Shelf(store), clock)
    for kind, agg in (("c", "increase"), ("h", "p95"), ("h", "count")):
        given = {"metric": [f"orchestra_{kind}_seconds"], "agg": [agg], "step": ["1d"]}
        asked = question(given | {"from": ["-24h"]}, clock.now_ms() // 1_000)
        answer = await answers.answer([DEFAULT_TENANT], asked)
        rows = {row["labels"]["i"]: row["values"] for row in answer["series"]}
        for one in every:
            if one.kind == kind:
                agrees(
                    agg, [v for v in rows[dict(one.labels)["i"]] if v is not None], true[one.sid]
                )


def agrees(agg: str, found: list[float], values: list[float]) -> None:
    if agg == "p95":
        [value] = found
        wanted = sorted(values)[int(0.95 * len(values)) - 1]
        assert abs(value - wanted) <= wanted * ERROR_MAX
    elif agg == "count":
        assert sum(found) == len(values)
    else:
        assert round(sum(found) * 1_000_000) == sum(values)


async def weights(store: Store, clock: ManualClock, every: list[Series]) -> dict[str, int]:
    """Bytes of all chunks of each series that are still kept: the store's clock stood still."""
    found, now_s = defaultdict[str, int](int), clock.now_ms() // 1_000
    known = {one.sid for one in every}
    for tag in store.partitions:
        prefix = store.prefix(tag)
        keys = await all_keys(store, prefix)
        for key in keys:
            parts = key.split(":")
            if len(parts) != 8 or parts[5] not in known:
                continue
            span = next(one for one in SPANS[parts[4][-1]] if one.step_s == int(parts[6]))
            if (int(parts[7]) + 1) * span.chunk_s + span.kept_s >= now_s:
                found[parts[5]] += int(await store.read(prefix, "MEMORY", "USAGE", key))
    return found


async def all_keys(store: Store, prefix: str) -> list[str]:
    found, at = list[str](), 0
    while True:
        cursor, keys = await store.read(prefix, "SCAN", at, "COUNT", 1_000)
        found += [key.decode() for key in keys if key.startswith(prefix.encode())]
        at = int(cursor)
        if not at:
            return found


async def used(store: Store) -> int:
    text = await store.read(store.prefix(store.partitions[0]), "INFO", "memory")
    line = next(one for one in text.decode().splitlines() if one.startswith("used_memory_dataset:"))
    return int(line.partition(":")[2])


async def test_labels_that_explode_weigh_nothing(store: Store, store_url: str) -> None:
    """12,000 sets of labels are posted, in batches and one by one, of one metric and of many."""
    async with a_product(store_url) as one:

        def rows(metric: str, number: int) -> list[dict[str, Any]]:
            return [
                {
                    "metric_name": metric,
                    "value": 1,
                    "labels": {"i": f"{number}.{i}"},
                    "type": "counter",
                }
                for i in range(1_000)
            ]

        statuses = set[int]()
        half = 0
        for number in range(12):
            metric = "m" if number % 2 else f"m{number}"
            answer = await one.post("/api/metrics/batch", {"metrics": rows(metric, number)})
            statuses.add(answer.status_code)
            assert answer.json()["code"] == "series_exhausted"
            if number == 5:
                half = await used(store)
        single = [
            (await one.post("/api/metrics/record", row)).status_code for row in rows("m", 99)[:300]
        ]
        grown = await used(store) - half
        listed = (await one.http.get("/api/metrics/")).json()["metrics"]

    assert statuses == {429}
    assert single == [202] * 200 + [429] * 100
    assert grown < 1_000_000
    assert {row["name"]: row["series"] for row in listed if not row["own"]} == {"m": 200}
