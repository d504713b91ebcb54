"""Answers about one workflow: how it goes, where its time goes, and what if a step were quicker."""

import math
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from typing import Any, Final

import anyio
import anyio.to_thread

from orchestra.errors import NotFound
from orchestra.instruments import Tally
from orchestra.monitoring.analytics.documents import (
    Outcomes,
    Percentiles,
    Spent,
    Throughput,
    WhatIf,
    WorkflowAnalytics,
)
from orchestra.monitoring.analytics.exact import DAY_S, HOUR_S, Exact
from orchestra.monitoring.analytics.judging import Case, then
from orchestra.monitoring.analytics.keeping import Look
from orchestra.monitoring.analytics.looking import ENDED, Looking, Window, resting
from orchestra.monitoring.analytics.profiles import DAY_MS, Kept
from orchestra.monitoring.analytics.showing import (
    failures_of,
    path_of,
    steps_of,
    versions_of,
    waste_of,
)
from orchestra.monitoring.analytics.statistics import quantile
from orchestra.monitoring.analytics.summing import Sums, summed
from orchestra.monitoring.metrics.functions import ERROR_MAX, Sum
from orchestra.monitoring.metrics.functions import quantile as quantile_of
from orchestra.store.keys import Tenant

SECONDS: Final = "orchestra_execution_seconds"
TOKENS: Final = "orchestra_workflow_tokens_total"
COST: Final = "orchestra_workflow_cost_usd_total"
STEPS: Final = "orchestra_steps_total"
KEPT_MAX: Final = 64
FRESH_S: Final = 1.0
NUMBERS_MAX: Final = 1_000_000
"""In sums that are remembered: 8 MB."""

Mark = tuple[int, str, str, int]


class StepUnknown(NotFound):
    """No execution of the workflow in the window had this step. Context: `steps`."""


class Summing:
    """Adds up profiles by day, and remembers the sums of days that did not change."""

    def __init__(self) -> None:
        self._days: OrderedDict[tuple[Tenant, str, int], tuple[Mark, Sums]] = OrderedDict()
        self._held = 0

    async def of(self, tenant: Tenant, workflow: str, look: Look) -> Sums:
        """All of a look."""
        days: dict[int, list[Kept]] = defaultdict(list)
        for one in look.kept:
            days[one.ended_ms // DAY_MS].append(one)
        found = Sums()
        for day, kept in days.items():
            key, mark = (tenant, workflow, day), _mark(kept)
            known = self._days.get(key)
            if known is None or known[0] != mark:
                self._held -= known[1].weight if known else 0
                known = (mark, await anyio.to_thread.run_sync(summed, kept))
                self._held += known[1].weight
                self._days[key] = known
            self._days.move_to_end(key)
            found.merge(known[1])
            await anyio.lowlevel.checkpoint()
        while self._held > NUMBERS_MAX and self._days:
            self._held -= self._days.popitem(last=False)[1][1].weight
        return found


class OfWorkflows:
    """Answers them. One answer is the same for a second."""

    def __init__(self, looking: Looking, exact: Exact) -> None:
        self._looking, self._exact, self._summing = looking, exact, Summing()
        self._kept: dict[tuple[Tenant, str, str], tuple[int, WorkflowAnalytics]] = {}

    async def answer(
        self, tenant: Tenant, reference: str, said: tuple[str, int]
    ) -> WorkflowAnalytics:
        """Raises WorkflowUnknown, NameShared, StoreAway."""
        workflow, name = await self._looking.find(tenant, reference)
        window = self._looking.window(said)
        key = (tenant, workflow, said[0])
        known = self._kept.get(key)
        if known is not None and window.until_ms - known[0] < FRESH_S * 1_000:
            return known[1]
        made = await self._made(tenant, (workflow, name), window)
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        self._kept[key] = (window.until_ms, made)
        return made

    async def what_if(
        self, tenant: Tenant, reference: str, said: tuple[str, int], step: str, scale: float
    ) -> WhatIf:
        """Executions again, had a step run `scale` times as long.

        Raises WorkflowUnknown, NameShared, StepUnknown, StoreAway.
        """
        workflow, name = await self._looking.find(tenant, reference)
        window = self._looking.window(said)
        look = await self._looking.look(tenant, workflow, window)
        case, durations = await anyio.to_thread.run_sync(_again, look, step, scale)
        if step not in case.sums.steps:
            raise StepUnknown("no execution had this step", steps=sorted(case.sums.steps)[:50])
        was = [float(one.duration) for one in case.sample]
        ended = (await self._looking.ended(tenant, window)).get(name)
        gained = sum(was) - sum(durations)
        return WhatIf(
            workflow=workflow,
            name=name,
            window=said[0],
            step=step,
            scale=scale,
            p50_ms=quantile(was, 0.5),
            p50_ms_then=_rounded(quantile(durations, 0.5)),
            p95_ms=quantile(was, 0.95),
            p95_ms_then=_rounded(quantile(durations, 0.95)),
            saves_ms=_rounded(gained / len(was)) if was else None,
            profiles=resting(look, ended),
        )

    async def _made(
        self, tenant: Tenant, which: tuple[str, str], window: Window
    ) -> WorkflowAnalytics:
        workflow, name = which
        where = (("workflow", name),)
        seconds, exact = window.seconds, self._exact
        ends = await exact.sums(tenant, ENDED, seconds, ("outcome",), where)
        spread = (await exact.spreads(tenant, SECONDS, seconds, (), where)).get((), Tally())
        steps = await exact.sums(tenant, STEPS, seconds, ("outcome",), where)
        look = await self._looking.look(tenant, workflow, window)
        sums = await self._summing.of(tenant, workflow, look)
        found = await anyio.to_thread.run_sync(_shown, sums)
        outcomes = _outcomes({outcome: int(n) for (outcome,), n in ends.items()})
        retried = int(steps["retried",]) if steps else None
        return WorkflowAnalytics(
            workflow=workflow,
            name=name,
            window=window.said,
            since=window.since,
            until=window.until,
            executions=outcomes,
            duration=percentiles(spread),
            throughput=await self._throughput(tenant, where, window, outcomes.ended),
            spent=await self._spent(tenant, where, window, (outcomes.ended, sums)),
            retries=waste_of(sums, retried),
            profiles=resting(look, outcomes.ended),
            **found,
        )

    async def _throughput(
        self, tenant: Tenant, where: Any, window: Window, ended: int
    ) -> Throughput:
        until_s = window.until_ms // 1_000 + 1
        asked = (window.from_ms // 1_000, until_s, DAY_S)
        days = await self._exact.steps(tenant, ENDED, asked, (), where)
        counts = [0] * -(-(until_s - asked[0] // DAY_S * DAY_S) // DAY_S)
        for i, cell in days.get((), {}).items():
            assert isinstance(cell, Sum)
            if i < len(counts):
                counts[i] = int(cell.n)
        return Throughput(
            per_hour=round(ended / (window.seconds / HOUR_S), 6) if ended else None,
            per_day=counts,
        )

    async def _spent(
        self, tenant: Tenant, where: Any, window: Window, of: tuple[int, Sums]
    ) -> Spent:
        ended, sums = of
        tokens = await self._exact.sums(tenant, TOKENS, window.seconds, (), where)
        cost = await self._exact.sums(tenant, COST, window.seconds, (), where)
        return Spent(
            cost_usd=round(cost[()], 6) if cost else None,
            cost_usd_each=round(cost[()] / ended, 9) if cost and ended else None,
            tokens=int(tokens[()]) if tokens else None,
            tokens_each=round(tokens[()] / ended, 3) if tokens and ended else None,
            unpriced_steps=sums.unpriced if sums.executions else None,
        )


def _mark(kept: Sequence[Kept]) -> Mark:
    """Tells two sets of one day apart: they only grow, are halved, or lose what was tried again."""
    return len(kept), kept[0].execution, kept[-1].execution, kept[-1].ended_ms


def percentiles(spread: Tally) -> Percentiles:
    """Of a histogram of seconds."""
    return Percentiles(
        p50_ms=_ms(quantile_of(spread, 0.5)),
        p95_ms=_ms(quantile_of(spread, 0.95)),
        p99_ms=_ms(quantile_of(spread, 0.99)),
        mean_ms=_ms(spread.sum / spread.count) if spread.count else None,
        error_max=ERROR_MAX,
    )


def _again(look: Look, step: str, scale: float) -> tuple[Case, list[float]]:
    case = Case(look.kept)
    return case, then(case, step, scale)


def _shown(sums: Sums) -> dict[str, Any]:
    """All that profiles say; in a thread, for there may be many."""
    return {
        "failures": failures_of(sums),
        "versions": versions_of(sums),
        "critical_path": path_of(sums),
        "steps": steps_of(sums),
    }


def _outcomes(ends: dict[str, int]) -> Outcomes:
    completed, failed = ends.get("completed", 0), ends.get("failed", 0)
    rolled_back, cancelled = ends.get("rolled_back", 0), ends.get("cancelled", 0)
    judged = completed + failed + rolled_back
    return Outcomes(
        ended=judged + cancelled,
        completed=completed,
        failed=failed,
        cancelled=cancelled,
        rolled_back=rolled_back,
        success_rate=round(completed / judged, 6) if judged else None,
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None or math.isinf(seconds) else round(seconds * 1_000, 3)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
