"""Answers about one workflow: how it goes, where its time goes, and what if a step were quicker."""

import math
from collections.abc import Sequence
from typing import Any, Final

import anyio.to_thread

from orchestra.errors import NotFound
from orchestra.instruments import Tally
from orchestra.monitoring.analytics.documents import (
    Outcomes,
    Percentiles,
    Spent,
    Throughput,
    Waste,
    WhatIf,
    WorkflowAnalytics,
)
from orchestra.monitoring.analytics.exact import DAY_S, HOUR_S, Exact
from orchestra.monitoring.analytics.judging import Case, then
from orchestra.monitoring.analytics.keeping import Look
from orchestra.monitoring.analytics.looking import ENDED, Looking, Window, resting
from orchestra.monitoring.analytics.statistics import quantile
from orchestra.monitoring.analytics.summing import (
    completed,
    failures_of,
    path_of,
    shown_steps,
    steps_of,
    versions_of,
)
from orchestra.monitoring.metrics.functions import ERROR_MAX, Sum
from orchestra.monitoring.metrics.functions import quantile as quantile_of
from orchestra.store.keys import Tenant

SECONDS: Final = "orchestra_execution_seconds"
TOKENS: Final = "orchestra_workflow_tokens_total"
COST: Final = "orchestra_workflow_cost_usd_total"
STEPS: Final = "orchestra_steps_total"
KEPT_MAX: Final = 64
FRESH_S: Final = 1.0


class StepUnknown(NotFound):
    """No execution of the workflow in the window had this step. Context: `steps`."""


class OfWorkflows:
    """Answers them. One answer is the same for a second."""

    def __init__(self, looking: Looking, exact: Exact) -> None:
        self._looking, self._exact = looking, exact
        self._kept: dict[tuple[Tenant, str, str], tuple[int, WorkflowAnalytics]] = {}

    async def answer(
        self, tenant: Tenant, reference: str, said: tuple[str, int]
    ) -> WorkflowAnalytics:
        """Raises NoSuchWorkflow, StoreAway."""
        workflow, name = await self._looking.profiles.workflow(tenant, reference)
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

        Raises NoSuchWorkflow, StepUnknown, StoreAway.
        """
        workflow, name = await self._looking.profiles.workflow(tenant, reference)
        window = self._looking.window(said)
        look = await self._looking.look(tenant, workflow, window)
        case, durations = await anyio.to_thread.run_sync(_again, look, step, scale)
        if step not in case.sums:
            raise StepUnknown("no execution had this step", steps=sorted(case.sums)[:50])
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
            profiles=resting(Look(look.kept, look.level, look.skipped), ended),
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
        found = await anyio.to_thread.run_sync(_looked_at, look)
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
            spent=await self._spent(tenant, where, window, (outcomes.ended, look)),
            retries=_waste(look, retried),
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
        self, tenant: Tenant, where: Any, window: Window, of: tuple[int, Look]
    ) -> Spent:
        ended, look = of
        tokens = await self._exact.sums(tenant, TOKENS, window.seconds, (), where)
        cost = await self._exact.sums(tenant, COST, window.seconds, (), where)
        unpriced = sum(one.profile.unpriced for one in look.kept) if look.kept else None
        return Spent(
            cost_usd=round(cost[()], 6) if cost else None,
            cost_usd_each=round(cost[()] / ended, 9) if cost and ended else None,
            tokens=int(tokens[()]) if tokens else None,
            tokens_each=round(tokens[()] / ended, 3) if tokens and ended else None,
            unpriced_steps=unpriced,
        )


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


def _looked_at(look: Look) -> dict[str, Any]:
    """All that profiles say; in a thread of its own, for there may be many."""
    every = [one.profile for one in look.kept]
    return {
        "failures": failures_of(every),
        "versions": versions_of(every),
        "critical_path": path_of(completed(look.kept)),
        "steps": shown_steps(steps_of(every)),
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


def _waste(look: Look, attempts: int | None) -> Waste:
    kept: Sequence[Any] = look.kept
    rows = [row for one in kept for row in one.profile.rows if row.attempts > 1 and not row.opens]
    lost = sum(max(0, row.last - row.started) for row in rows)
    whole = sum(one.profile.duration for one in kept)
    used = any(row.lost_tokens or row.lost_micro for row in rows)
    return Waste(
        attempts=attempts,
        ms_each=round(lost / len(kept), 3) if kept else None,
        share_of_time=round(min(1.0, lost / whole), 6) if whole else None,
        tokens=sum(row.lost_tokens for row in rows) if used else None,
        cost_usd=sum(row.lost_micro for row in rows) / 1e6 if used else None,
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None or math.isinf(seconds) else round(seconds * 1_000, 3)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
