"""The overview, the health of parts, and the windows they are made of."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import pytest
from agent_replicas import an_agent, can
from products import Product, a_product
from told import told
from webhook_deliveries import Receivers, delivering
from webhook_products import a_keeper, a_webhook, come_as

from orchestra.agents import Reject, Task
from orchestra.clock import ManualClock, SystemClock
from orchestra.errors import Unavailable
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.functions import Sum
from orchestra.monitoring.metrics.sealing import Sealer
from orchestra.monitoring.metrics.series import INSTALLATION, series_of
from orchestra.monitoring.metrics.shelf import Shelf
from orchestra.monitoring.pulse import Pulse
from orchestra.monitoring.services import Services
from orchestra.monitoring.uptime import DAYS, METRIC, Uptime
from orchestra.monitoring.windows import Windows
from orchestra.store.client import Store
from orchestra.store.durability import Durability
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

BEGIN_MS = 1_795_003_200_000
COUNTER, SPREAD, LEVEL = "orchestra_t_total", "orchestra_t_seconds", "orchestra_t_depth"


async def echo(task: Task) -> object:
    """Answer what was sent."""
    return task.input_data


async def refuse(_: Task) -> object:
    """Fail, for good."""
    raise Reject("not this")


OWN = an_agent("own", can("do", echo), can("no", refuse))


async def overview(product: Product) -> dict[str, Any]:
    answer = await product.http.get("/api/dashboard/overview?window=1h")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_member_is_there_and_says_what_happened(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path, agents=[OWN]) as one:
        ids: list[str] = []
        for task in ("do", "no"):
            steps = [{"id": "a", "agent_type": "own", "task_type": task}]
            saved = await one.post("/api/workflows", {"name": f"w-{task}", "steps": steps})
            ids.append(saved.json()["id"])
        for workflow, times in zip(ids, (3, 1), strict=True):
            for _ in range(times):
                await one.http.post(
                    f"/api/workflows/{workflow}/execute",
                    json={},
                    headers={"prefer": "wait=60"},
                )
        await a_webhook(one, event_filter={"event_types": ["nothing.of_this_test"]})
        with anyio.fail_after(60):
            while True:
                found = await overview(one)
                ended = found["executions"]["completed"] + found["executions"]["failed"]
                told = [found["agents"]["capacity"], found["system"]["replicas"]]
                told.append(found["system"]["store"]["memory_bytes"])  # not in the first second
                if ended == 4 and all(told):
                    break
                await anyio.sleep(0.1)

    assert found["partial"] == ["next_schedules"]
    empty = {name for name, value in found.items() if value is None}
    assert empty == {"next_schedules"}
    executions = found["executions"]
    live = [executions[name] for name in ("pending", "running", "paused")]
    assert (live, executions["success_rate"]) == ([0, 0, 0], 0.75)
    assert sum(executions["per_minute"]) == 4
    assert executions["p50_ms"] <= executions["p95_ms"]
    assert found["workflows"] == {"total": 2, "active": 2}
    assert found["failing"] == [{"workflow": "w-no", "failed": 1, "of": 1}]
    activity = found["activity"]
    assert [one["workflow"] for one in activity["workflows"]] == ["w-do", "w-no"]
    assert [sum(one["ended"]) for one in activity["workflows"]] == [3, 1]
    assert sum(activity["workflows"][1]["failed"]) == 1
    assert {len(hours) for hours in activity["series"].values()} == {24}
    assert sum(activity["series"]["completed"]) == 3
    assert activity["day_before"]["completed"] == 0
    assert found["webhooks"] == {"endpoints": 1, "success_rate": None, "pending": 0}
    assert found["alerts"]["firing"] >= 0
    assert found["agents"]["in_flight"] == 0
    assert found["agents"]["healthy"] == found["agents"]["total"]
    names = {event["type"] for event in found["recent_events"]}
    assert len(found["recent_events"]) == 10
    assert names & {"workflow.completed", "workflow.failed"}
    assert len(found["recent_executions"]) == 4
    assert found["system"]["store"]["kind"] == "standalone"
    assert found["system"]["store"]["memory_bytes"] > 0


async def test_a_tenant_sees_nothing_of_another_in_it(store_url: str, tmp_path: Path) -> None:
    async with a_keeper(store_url, tmp_path, agents=[OWN]) as one:
        steps = [{"id": "a", "agent_type": "own", "task_type": "do"}]
        saved = await one.post("/api/workflows", {"name": "hidden", "steps": steps})
        path = f"/api/workflows/{saved.json()['id']}/execute"
        await one.http.post(path, json={}, headers={"prefer": "wait=60"})
        await a_webhook(one)
        come_as(one, "viewer", "else")
        found = await overview(one)

    assert "hidden" not in str(found)
    assert found["recent_events"] == found["recent_executions"] == []
    assert found["workflows"] == {"total": 0, "active": 0}
    assert (found["webhooks"]["endpoints"], found["agents"]["total"]) == (0, 0)


def windows_of(store: Store, clock: ManualClock) -> tuple[Windows, Admission, Buffer]:
    admission = Admission(store, clock)
    return (
        Windows(store, Answers(admission, Shelf(store), clock), clock),
        admission,
        Buffer(store, "r"),
    )


async def test_windows_amount_to_what_was_put_in_whenever_they_are_asked(store: Store) -> None:
    """Across minutes, chunks and seals: nothing is counted twice where the two parts meet."""
    chance, clock = random.Random(7), ManualClock(BEGIN_MS + 3_000_000)
    windows, admission, buffer = windows_of(store, clock)
    sealer = Sealer(store, admission, clock)
    one = [series_of(DEFAULT_TENANT, COUNTER, "c", "", {"of": of}) for of in "ab"]
    spread = series_of(DEFAULT_TENANT, SPREAD, "h", "seconds", {})
    for each in (*one, spread):
        await admission.admit([each])
    put: list[tuple[int, str, int]] = []
    values: list[tuple[int, float]] = []
    for _ in range(60):
        now_s = clock.now_ms() // 1_000
        for each in one:
            n = chance.randrange(1, 9)
            buffer.add(each, now_s, n)
            put.append((now_s, dict(each.labels)["of"], n))
        values.append((now_s, 2 ** chance.uniform(-3, 3)))
        buffer.add(spread, *values[-1])
        await buffer.flush()
        await sealer.look()
        for window_s in (60, 3_600):
            begin_s = (now_s - window_s) // 60 * 60
            sums = await windows.sums(DEFAULT_TENANT, COUNTER, window_s)
            true: Counter[str] = Counter()
            for at_s, of, n in put:
                true[of] += n if at_s >= begin_s else 0
            assert {dict(key)["of"]: n for key, n in sums.items()} == dict(true)
            tally = await windows.spread(DEFAULT_TENANT, SPREAD, window_s)
            kept = [value for at_s, value in values if at_s >= begin_s]
            assert (tally.count, tally.sum) == (len(kept), pytest.approx(sum(kept)))
        for window_s, step_s in ((3_540, 60), (7_200, 3_600)):
            begin_s = (now_s - window_s) // step_s * step_s
            truth: Counter[tuple[str, int]] = Counter()
            for at_s, of, n in put:
                if at_s >= begin_s:
                    truth[of, (at_s - begin_s) // step_s] += n
            binned = await windows.bins(DEFAULT_TENANT, COUNTER, window_s, step_s)
            found = {
                (dict(key)["of"], i): cell.n
                for key, bins in binned.items()
                for i, cell in bins.items()
                if isinstance(cell, Sum) and cell.n
            }
            assert found == dict(truth), step_s
        clock.advance(chance.randrange(1_000, 150_000))


async def test_a_gauge_is_that_of_each_replica_that_lives(store: Store) -> None:
    clock = ManualClock(BEGIN_MS)
    windows, admission, _ = windows_of(store, clock)
    depth = series_of(DEFAULT_TENANT, LEVEL, "g", "", {})
    await admission.admit([depth])
    for session, value, later_ms in (("a", 3.0, 0), ("b", 4.0, 12_000), ("gone", 99.0, 0)):
        clock.advance(later_ms)
        buffer = Buffer(store, session)
        buffer.add(depth, clock.now_ms() // 1_000, value)
        await buffer.flush()

    both = await windows.last(DEFAULT_TENANT, LEVEL, ["a", "b"])
    clock.advance(60_000)

    assert sorted(both) == [3.0, 4.0]
    assert await windows.last(DEFAULT_TENANT, LEVEL, ["a", "b"]) == []


async def test_a_replica_that_says_nothing_is_missed_and_one_that_leaves_is_not(
    store: Store,
) -> None:
    clock = ManualClock(BEGIN_MS)
    one, left, died = (Services(store, clock, name, "1", {}) for name in ("one", "left", "died"))
    for each in (one, left, died):
        await each.tell()

    async def surveyed() -> list[float]:
        return [value for _, _, value in await one.survey()]

    found = [await surveyed()]
    await left.leave()
    for later_ms in (15_001, 300_000):
        clock.advance(later_ms)
        await one.tell()
        found.append(await surveyed())

    assert found == [[3, 0], [1, 1], [1, 0]]


async def test_uptime_is_the_share_of_the_time_that_was_watched(store: Store) -> None:
    clock, ill = ManualClock(BEGIN_MS), list[int]()

    async def check() -> None:
        if ill:
            raise Unavailable("not now")

    windows, admission, buffer = windows_of(store, clock)
    services = Services(store, clock, "one", "1", {"agents": check})
    before = told(METRIC)
    await services.tell()
    await services.survey()
    for n in range(20):  # 5 s well, then 15 of 20 looks; ill for the last quarter
        ill[:] = [1] if n >= 15 else []
        await services.tell()
        clock.advance(5_000)
        await services.survey()
    seconds = {
        key[1]: value - before.get(key, 0)
        for key, value in told(METRIC).items()
        if key[0] == "agents"
    }
    for status, value in seconds.items():
        labels = {"service": "agents", "status": status}
        series = series_of(INSTALLATION, METRIC, "c", "seconds", labels)
        await admission.admit([series])
        buffer.add(series, clock.now_ms() // 1_000, round(value * 1e6))
    await buffer.flush()

    found = (await Uptime(windows, clock).read())["agents"]

    assert (seconds["healthy"], seconds["unhealthy"]) == (75.0, 25.0)
    assert found["share"] == found["days"][-1] == 0.75
    assert found["days"][:-1] == [None] * (DAYS - 1)


async def test_health_tells_each_part_since_when_and_how_it_was(store_url: str) -> None:
    async with a_product(store_url) as one:
        with anyio.fail_after(60):
            while True:
                found = (await one.http.get("/api/dashboard/health")).json()
                if found["services"] and all(part["replicas"] for part in found["services"]):
                    break
                await anyio.sleep(0.05)

    parts = {part["name"]: part for part in found["services"]}
    assert parts.keys() == {"agents", "workflows", "communication", "monitoring", "store"}
    assert all(part["since"] for part in parts.values())


async def test_a_store_that_promises_less_than_was_asked_for_is_told(store: Store) -> None:
    pulse, low = Pulse(store, ManualClock()), list[float]()
    for asked, kept in (("fsync", "process"), ("process", "process"), ("process", "fsync")):
        store.durability = Durability(asked, kept)  # type: ignore[arg-type]  # words of a test
        await pulse.feel()
        low.append(told("orchestra_durability_low")[()])

    assert low == [1, 0, 0]


async def test_webhooks_are_told_by_state_and_what_waits_for_them(store: Store) -> None:
    async with delivering(store, Receivers(SystemClock()), working=False) as one:
        first, second = await one.endpoint("a"), await one.endpoint("b")
        for n in range(3):
            await one.happens(n)
        await one.endpoints.disable(second, "a test")
        surveyor = one.parts.surveyor
        before = {of[1]: n for _, of, n in await surveyor.survey()}
        pending = await surveyor.pending(DEFAULT_TENANT)
        for endpoint in (first, second):
            await one.endpoints.remove(endpoint)
        after = {of[1]: n for _, of, n in await surveyor.survey()}

    assert before == {"active": 1, "disabled": 1, first.id: 3, second.id: 3}
    assert pending == (2, 6)
    assert after == {"active": 0, "disabled": 0}
