"""The last 24 hours by the hour, and the 24 before them: what a figure is compared with.

From the windows of the overview, which remember what is over: nothing is counted twice.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from orchestra.clock import Clock
from orchestra.instants import instant
from orchestra.instruments import Tally
from orchestra.monitoring.metrics.functions import Sum, quantile
from orchestra.monitoring.windows import Labels, Older, Windows
from orchestra.store.keys import Tenant

HOUR_S: Final = 3_600
HOURS: Final = 24
WORKFLOWS_MAX: Final = 8
_SPAN_S: Final = (2 * HOURS - 1) * HOUR_S
_BAD: Final = ("failed", "rolled_back")
_COUNTERS: Final[Mapping[str, str]] = {
    "events": "orchestra_events_total",
    "tokens": "orchestra_workflow_tokens_total",
    "cost_usd": "orchestra_workflow_cost_usd_total",
}

Document = dict[str, Any]


class Activity:
    """Makes it."""

    def __init__(self, windows: Windows, clock: Clock) -> None:
        self._windows, self._clock = windows, clock

    async def make(self, tenant: Tenant) -> Document:
        """By hour, the present one last. Raises StoreAway."""
        # One after the other: a failure in a task group would be no StoreAway any more.
        ended = await self._bins(tenant, "orchestra_executions_total")
        lasted = await self._bins(tenant, "orchestra_execution_seconds")
        counts = {
            name: _summed(await self._bins(tenant, metric)) for name, metric in _COUNTERS.items()
        }
        hour_s = self._clock.now_ms() // 1_000 // HOUR_S * HOUR_S
        outcomes = _outcomes(ended)
        before: Document = {name: round(sum(n[:HOURS]), 6) for name, n in counts.items()}
        before |= {name: int(sum(values[:HOURS])) for name, values in outcomes.items()}
        return {
            "begins_at": instant((hour_s - (HOURS - 1) * HOUR_S) * 1_000),
            "step_s": HOUR_S,
            "workflows": _by_workflow(ended),
            "series": {
                **{name: values[HOURS:] for name, values in (counts | outcomes).items()},
                "p95_ms": _p95(lasted),
            },
            "day_before": before | {"p95_ms": _p95_of(lasted, range(HOURS))},
        }

    async def _bins(self, tenant: Tenant, metric: str) -> Older:
        return await self._windows.bins(tenant, metric, _SPAN_S, HOUR_S)


def _summed(series: Mapping[Labels, Mapping[int, Any]]) -> list[float]:
    found = [0.0] * (2 * HOURS)
    for bins in series.values():
        for i, cell in bins.items():
            if isinstance(cell, Sum) and i < len(found):
                found[i] += cell.n
    return [round(one, 6) for one in found]


def _outcomes(series: Mapping[Labels, Mapping[int, Any]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for outcome in ("completed", "failed", "cancelled", "rolled_back"):
        ones = {of: bins for of, bins in series.items() if dict(of).get("outcome") == outcome}
        found[outcome] = _summed(ones)
    return found


def _by_workflow(series: Mapping[Labels, Mapping[int, Any]]) -> list[Document]:
    """Those with the most ends; each hour with how many of them failed."""
    totals: Counter[str] = Counter()
    ended: dict[str, list[int]] = {}
    failed: dict[str, list[int]] = {}
    for labels, bins in series.items():
        of = dict(labels)
        name = of.get("workflow", "other")
        hours = [int(n) for n in _summed({labels: bins})[HOURS:]]
        totals[name] += sum(hours)
        kept = ended.setdefault(name, [0] * HOURS)
        ended[name] = [a + b for a, b in zip(kept, hours, strict=True)]
        if of.get("outcome") in _BAD:
            kept = failed.setdefault(name, [0] * HOURS)
            failed[name] = [a + b for a, b in zip(kept, hours, strict=True)]
    return [
        {"workflow": name, "ended": ended[name], "failed": failed.get(name, [0] * HOURS)}
        for name, total in totals.most_common(WORKFLOWS_MAX)
        if total
    ]


def _p95(series: Mapping[Labels, Mapping[int, Any]]) -> list[float | None]:
    return [_p95_of(series, range(i, i + 1)) for i in range(HOURS, 2 * HOURS)]


def _p95_of(series: Mapping[Labels, Mapping[int, Any]], hours: range) -> float | None:
    """Of all executions that ended in these hours, in milliseconds."""
    whole = Tally()
    for bins in series.values():
        for i in hours:
            cell = bins.get(i)
            if isinstance(cell, Tally):
                whole.merge(cell)
    found = quantile(whole, 0.95)
    return None if found is None else round(found * 1_000, 3)
