"""Trends and anomalies of weeks in virtual time, and costs by what they are asked by."""

import random
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from orchestra.clock import ManualClock
from orchestra.instants import instant
from orchestra.instruments import Tally
from orchestra.monitoring.analytics.exact import DAY_S, HOUR_S, Exact
from orchestra.monitoring.analytics.keeping import Shelf
from orchestra.monitoring.analytics.looking import Looking
from orchestra.monitoring.analytics.moving import Moving
from orchestra.monitoring.analytics.of_agents import OfAgents
from orchestra.monitoring.analytics.of_costs import OfCosts
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.names import scale_of, unit_of
from orchestra.monitoring.metrics.series import Letter, series_of
from orchestra.monitoring.metrics.shelf import Shelf as Chunks
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

pytestmark = pytest.mark.anyio

NOW_S = 1_795_046_400 // DAY_S * DAY_S + 7 * HOUR_S
ONE = Tenant("one")
MODELS = {"a": "large", "b": "large", "c": "small"}


class Nobody:
    """A `Profiles` that has none."""

    def tags(self) -> Sequence[int]:
        """Nowhere."""
        return ()

    async def ended(self, tag: int, after_ms: int, limit: int) -> Mapping[str, Any]:
        """Nobody asks."""
        raise AssertionError(tag, after_ms, limit)

    async def profile(self, tenant: Tenant, execution: str) -> Mapping[str, Any]:
        """Nobody asks."""
        raise AssertionError(tenant, execution)

    async def shape(self, digest: str) -> Mapping[str, Any]:
        """Nobody asks."""
        raise AssertionError(digest)

    async def filled(self, tenant: Tenant, execution: str) -> Mapping[str, Sequence[str]]:
        """Nobody asks."""
        raise AssertionError(tenant, execution)

    async def workflow(self, tenant: Tenant, reference: str) -> tuple[str, str]:
        """Nobody asks."""
        raise AssertionError(tenant, reference)


class World:
    """Series of the past, and who answers about them."""

    def __init__(self, store: Store) -> None:
        self.clock = ManualClock(NOW_S * 1_000)
        self._admission = Admission(store, self.clock)
        self._buffer = Buffer(store, "t")
        self.exact = Exact(Answers(self._admission, Chunks(store), self.clock), self.clock)
        self.looking = Looking(Nobody(), Shelf(store), self.exact, self.clock)
        self.moving = Moving(self.looking, self.exact)

    async def put(self, metric: str, at_s: int, value: float | Tally, **labels: str) -> None:
        """A value of a series, as the counting gives it."""
        gauge = metric == "orchestra_agent_state"
        kind: Letter = "h" if isinstance(value, Tally) else "g" if gauge else "c"
        series = series_of(ONE, metric, kind, unit_of(metric), labels)
        if not self._admission.fresh(series):
            await self._admission.admit([series])
        if isinstance(value, Tally):
            self._buffer.merge(series, at_s, value)
        else:
            told = value if gauge else round(value * scale_of(metric))
            self._buffer.add(series, at_s, told)

    async def executed(self, workflow: str, at_s: int, seconds: Sequence[float]) -> None:
        """So many executions ended in an hour."""
        tally = Tally()
        for one in seconds:
            tally.add(one)
        labels = {"workflow": workflow, "outcome": "completed"}
        await self.put("orchestra_executions_total", at_s, len(seconds), **labels)
        await self.put("orchestra_execution_seconds", at_s, tally, workflow=workflow)

    async def flush(self) -> None:
        """All of it is in the store."""
        await self._buffer.flush()


@pytest.fixture
async def world(store: Store) -> World:
    return World(store)


async def test_a_slope_is_that_of_the_daily_medians(world: World) -> None:
    chance, medians = random.Random(1), list[float]()
    today = NOW_S // DAY_S * DAY_S
    for day in range(-14, 0):
        spent = [0.5 + 0.03 * (day + 14) + chance.gauss(0, 0.01) for _ in range(31)]
        medians.append(statistics.median(spent) * 1_000)
        await world.executed("slower", today + day * DAY_S + 3 * HOUR_S, spent)
        await world.executed("same", today + day * DAY_S, [chance.uniform(0.9, 1.1)] * 9)
        if day >= -6:
            await world.executed("young", today + day * DAY_S, [1.0])
    await world.executed("slower", today + HOUR_S, [60.0] * 50)
    await world.flush()

    found = await world.moving.trends(ONE, ("30d", 30 * DAY_S), "duration")

    [slower, same] = found.trends
    assert (slower.workflow, same.workflow) == ("slower", "same")
    assert slower.certain
    assert slower.days == 14
    slopes = [(medians[j] - medians[i]) / (j - i) for i in range(14) for j in range(i + 1, 14)]
    assert slower.per_day == pytest.approx(statistics.median(slopes), rel=0.15)
    assert slower.low <= 30 <= slower.high
    shown = [value for value in slower.values if value is not None]
    assert shown == pytest.approx(medians, rel=0.045)
    assert slower.values[:16] == [None] * 16
    assert not same.certain
    assert found.too_few_days == ["young"]
    counted = await world.moving.trends(ONE, ("14d", 14 * DAY_S), "executions")
    assert {one.workflow: one.per_day for one in counted.trends} == {"same": 0, "slower": 0}


async def test_hours_unlike_their_hour_of_the_week_are_found_when_two_follow(world: World) -> None:
    chance = random.Random(2)
    last = NOW_S // HOUR_S
    for hour in range(last - 24 * 7 * 4, last):
        usual = 1.0 if hour % 24 < 8 else 3.0
        factor = 4.0 if hour in (last - 5, last - 4, last - 40) else 1.0
        few = hour in (last - 21, last - 20)
        spent = [usual * factor * chance.uniform(0.9, 1.1) * (9.0 if few else 1.0)]
        await world.executed("busy", hour * HOUR_S, spent * (5 if few else 30))
        if hour >= last - 24 * 7:
            await world.executed("young", hour * HOUR_S, spent * 30)
    await world.flush()

    found = await world.moving.anomalies(ONE, ("7d", 7 * DAY_S), "duration")

    assert [(one.workflow, one.executions) for one in found.anomalies] == [("busy", 30)]
    [one] = found.anomalies
    assert one.at == instant((last - 4) * HOUR_S * 1_000)
    assert one.value == pytest.approx(4 * one.median, rel=0.25)
    assert (one.deviations or 0) > 4
    assert one.weeks == 3
    assert found.too_few_weeks == ["young"]
    within = await world.moving.anomalies(ONE, ("3h", 3 * HOUR_S), "duration")
    assert within.anomalies == []


async def test_costs_are_added_up_by_what_is_asked(world: World) -> None:
    today = NOW_S // DAY_S * DAY_S
    spent = {"a": 1.25, "b": 0.5, "c": 3.0, "gone": 0.25}
    for day, at_s in enumerate((today - 2 * DAY_S, today)):
        for agent, usd in spent.items():
            await world.put("orchestra_agent_cost_usd_total", at_s, usd * (day + 1), agent=agent)
            await world.put(
                "orchestra_agent_tokens_total", at_s, 100 * (day + 1), agent=agent, kind="input"
            )
        labels = {"workflow": "w", "agent": "a"}
        await world.put("orchestra_workflow_cost_usd_total", at_s, 0.75, **labels)
    await world.flush()

    async def models(_: Tenant) -> Mapping[str, str]:
        return MODELS

    costs = OfCosts(world.looking, world.exact, models)
    window = ("30d", 30 * DAY_S)
    answers = {
        by: await costs.answer(ONE, window, by, everybody=True)
        for by in ("workflow", "agent", "model", "day", "tenant")
    }

    assert [(one.key, one.cost_usd) for one in answers["workflow"].lines] == [("w", 1.5)]
    assert [(one.key, one.cost_usd, one.tokens) for one in answers["agent"].lines] == [
        ("c", 9.0, 300), ("a", 3.75, 300), ("b", 1.5, 300), ("gone", 0.75, 300),
    ]  # fmt: skip
    assert [(one.key, one.cost_usd) for one in answers["model"].lines] == [
        ("small", 9.0), ("large", 5.25), (None, 0.75),
    ]  # fmt: skip
    assert [one.cost_usd for one in answers["day"].lines] == [5.0, 10.0]
    assert [one.key for one in answers["day"].lines] == sorted(
        str(one.key) for one in answers["day"].lines
    )
    assert [(one.key, one.cost_usd) for one in answers["tenant"].lines] == [("one", 15.0)]
    assert answers["agent"].cost_usd == sum(spent.values()) * 3
    assert sum(one.share or 0 for one in answers["model"].lines) == pytest.approx(1, abs=1e-5)


async def test_agents_are_ranked_by_any_figure_and_what_is_unknown_is_last(world: World) -> None:
    for agent, (ok, failed, seconds, usd) in {
        "a": (90, 10, 0.2, 0.9), "b": (50, 0, 2.0, None), "c": (10, 10, 1.0, 4.0),
    }.items():  # fmt: skip
        labels = {"agent": agent, "agent_type": "t", "provider": "openai"}
        at_s = NOW_S - DAY_S
        for outcome, n in (("ok", ok), ("failed", failed), ("cancelled", 3)):
            await world.put("orchestra_agent_tasks_total", at_s, n, outcome=outcome, **labels)
        tally = Tally()
        for _ in range(ok + failed):
            tally.add(seconds)
        await world.put("orchestra_agent_task_seconds", at_s, tally, agent=agent)
        for hour in range(4):
            await world.put("orchestra_agent_state", at_s + hour * HOUR_S, hour, agent=agent)
        if usd is not None:
            await world.put("orchestra_agent_cost_usd_total", at_s, usd, agent=agent)
    await world.put("orchestra_agent_retries_total", NOW_S - DAY_S, 7, agent_type="t")
    await world.put("orchestra_agent_breaker_opened_total", NOW_S - DAY_S, 2, agent="a")
    await world.flush()

    agents = OfAgents(world.looking, world.exact)
    window = ("30d", 30 * DAY_S)
    order = {
        rank: [one.agent for one in (await agents.answer(ONE, window, rank, 100)).agents]
        for rank in ("tasks", "success_rate", "p95_ms", "cost_usd_per_success", "tokens")
    }
    found = await agents.answer(ONE, window, "tasks", 2)

    assert order == {
        "tasks": ["a", "b", "c"], "success_rate": ["c", "a", "b"], "p95_ms": ["b", "c", "a"],
        "cost_usd_per_success": ["c", "a", "b"], "tokens": ["a", "b", "c"],
    }  # fmt: skip
    assert found.bounded == {"agents": 3, "shown": 2}
    [first, second] = found.agents
    assert (first.tasks, first.success_rate) == (103, 0.9)
    assert first.cost_usd_per_success == 0.01
    assert second.cost_usd is None
    assert second.tokens is None
    assert first.p50_ms == pytest.approx(200, rel=0.045)
    assert (first.retries, first.fallbacks) == (7, None)
    assert (first.breaker_opened, second.breaker_opened) == (2, 0)
    assert first.uptime == 0.5
