"""Answers about time: what rises or falls over days, and which hours were unlike others."""

from collections.abc import Mapping
from typing import Final

from orchestra.instants import instant
from orchestra.instruments import Tally
from orchestra.monitoring.analytics.exact import DAY_S, HOUR_S, Exact
from orchestra.monitoring.analytics.looking import ENDED, Looking
from orchestra.monitoring.analytics.of_workflows import COST, SECONDS, TOKENS
from orchestra.monitoring.analytics.reports import (
    Anomaly,
    AnomalyAnalytics,
    TrendAnalytics,
    TrendLine,
)
from orchestra.monitoring.analytics.statistics import median, theil_sen, unusual
from orchestra.monitoring.metrics.functions import Cell, Sum, quantile
from orchestra.store.keys import Tenant

DAYS_MIN: Final = 7
WEEKS_MIN: Final = 2
ENOUGH: Final = 20
DEVIATIONS: Final = 4.0
SHOWN_MAX: Final = 100
WEEK_H: Final = 168
OF: Final[Mapping[str, tuple[str, str]]] = {
    "duration": (SECONDS, "ms"),
    "executions": (ENDED, "executions"),
    "failures": (ENDED, "share"),
    "cost": (COST, "usd each"),
    "tokens": (TOKENS, "tokens each"),
}
"""By what is asked: the metric, and the unit of its values."""

Bins = Mapping[int, Cell]
Pair = tuple[float | None, int]
"""The value of a day or an hour, and the executions behind it."""


class Moving:
    """Answers them, from series where everything is counted."""

    def __init__(self, looking: Looking, exact: Exact) -> None:
        self._looking, self._exact = looking, exact

    async def trends(self, tenant: Tenant, said: tuple[str, int], of: str) -> TrendAnalytics:
        """The slope of each workflow's days. The present day is not over, and not in it."""
        window = self._looking.window(said)
        first = window.from_ms // 1_000 // DAY_S * DAY_S
        last = window.until_ms // 1_000 // DAY_S * DAY_S
        found: list[TrendLine] = []
        few: list[str] = []
        days = (last - first) // DAY_S
        for name, bins in (await self._values(tenant, (first, last, DAY_S), of, 0.5)).items():
            values = [bins.get(i, (None, 0))[0] for i in range(days)]
            points = [(float(i), value) for i, value in enumerate(values) if value is not None]
            trend = theil_sen(points)
            if len(points) < DAYS_MIN or trend is None:
                few.append(name)
                continue
            found.append(
                TrendLine(
                    workflow=name,
                    per_day=_short(trend.slope),
                    low=_short(trend.low),
                    high=_short(trend.high),
                    certain=trend.certain,
                    days=len(points),
                    first=_short(trend.level + trend.slope * points[0][0]),
                    last=_short(trend.level + trend.slope * points[-1][0]),
                    values=[None if value is None else _short(value) for value in values],
                )
            )
        found.sort(key=lambda one: (not one.certain, -abs(one.per_day * one.days), one.workflow))
        return TrendAnalytics(
            of=of,
            unit=f"{OF[of][1]} a day",
            window=said[0],
            since=instant(first * 1_000),
            until=instant(last * 1_000),
            trends=found[:SHOWN_MAX],
            too_few_days=sorted(few)[:SHOWN_MAX],
            bounded=_bounded(len(found)),
        )

    async def anomalies(self, tenant: Tenant, said: tuple[str, int], of: str) -> AnomalyAnalytics:
        """Hours of the window, judged by the same hour of all other weeks that are kept."""
        window = self._looking.window(said)
        last = window.until_ms // 1_000 // HOUR_S * HOUR_S
        first = last - 12 * 7 * DAY_S
        since = (window.from_ms // 1_000 - first) // HOUR_S
        found: list[Anomaly] = []
        few: list[str] = []
        for name, bins in (await self._values(tenant, (first, last, HOUR_S), of, 0.95)).items():
            if max(bins, default=0) - min(bins, default=0) < WEEKS_MIN * WEEK_H:
                few.append(name)
                continue
            found += [
                one
                for i in range(max(1, since), (last - first) // HOUR_S)
                if (one := _unlike(name, bins, i, first)) is not None
                and _unlike(name, bins, i - 1, first) is not None
            ]
        found.sort(key=lambda one: one.at, reverse=True)
        return AnomalyAnalytics(
            of=of,
            unit=OF[of][1],
            window=said[0],
            since=window.since,
            until=instant(last * 1_000),
            anomalies=found[:SHOWN_MAX],
            too_few_weeks=sorted(few)[:SHOWN_MAX],
            bounded=_bounded(len(found)),
        )

    async def _values(
        self, tenant: Tenant, asked: tuple[int, int, int], of: str, share: float
    ) -> dict[str, dict[int, Pair]]:
        """By workflow and bin."""
        metric, _ = OF[of]
        ended = await self._exact.steps(tenant, ENDED, asked, ("workflow",))
        if of == "duration":
            spreads = await self._exact.steps(tenant, metric, asked, ("workflow",))
            return {name: _durations(bins, share) for (name,), bins in spreads.items()}
        if of == "executions":
            return {name: _counts(bins) for (name,), bins in ended.items()}
        if of == "failures":
            where = (("outcome", "failed"), ("outcome", "rolled_back"))
            bad = await self._exact.steps(tenant, metric, asked, ("workflow",), where)
            return {name: _shares(bad.get((name,), {}), bins) for (name,), bins in ended.items()}
        sums = await self._exact.steps(tenant, metric, asked, ("workflow",))
        return {name: _shares(bins, ended.get((name,), {})) for (name,), bins in sums.items()}


def _unlike(name: str, bins: Mapping[int, Pair], i: int, first: int) -> Anomaly | None:
    """The anomaly in an hour, if it is far from that hour of the other weeks."""
    value, n = bins.get(i, (None, 0))
    others = [
        other
        for j in range(i % WEEK_H, max(bins, default=0) + 1, WEEK_H)
        if j != i and (other := bins.get(j, (None, 0))[0]) is not None
    ]
    middle = median(others)
    if value is None or middle is None or n < ENOUGH or len(others) < WEEKS_MIN:
        return None
    far = unusual(value, others)
    if far is None or far <= DEVIATIONS:
        return None
    return Anomaly(
        workflow=name,
        at=instant((first + i * HOUR_S) * 1_000),
        value=_short(value),
        median=_short(middle),
        deviations=None if far == float("inf") else round(far, 2),
        weeks=len(others),
        executions=n,
    )


def _durations(bins: Bins, share: float) -> dict[int, Pair]:
    found: dict[int, Pair] = {}
    for i, cell in bins.items():
        assert isinstance(cell, Tally)
        seconds = quantile(cell, share)
        found[i] = (None if seconds is None else seconds * 1_000, cell.count)
    return found


def _counts(bins: Bins) -> dict[int, Pair]:
    return {i: (cell.n, int(cell.n)) for i, cell in bins.items() if isinstance(cell, Sum)}


def _shares(bins: Bins, of: Bins) -> dict[int, Pair]:
    """One by the other; nothing where there were none."""
    found: dict[int, Pair] = {}
    for i, cell in of.items():
        assert isinstance(cell, Sum)
        part = bins.get(i)
        if cell.n:
            found[i] = ((part.n if isinstance(part, Sum) else 0.0) / cell.n, int(cell.n))
    return found


def _bounded(n: int) -> dict[str, int] | None:
    return {"found": n, "shown": SHOWN_MAX} if n > SHOWN_MAX else None


def _short(value: float) -> float:
    return float(f"{value:.8g}")
