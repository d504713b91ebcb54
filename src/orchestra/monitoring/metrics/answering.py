"""Answers questions: finds the series, reads what may be read, and says what was left out."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from orchestra.clock import Clock
from orchestra.errors import Invalid, NotFound, Problem
from orchestra.instants import instant
from orchestra.monitoring.metrics import functions
from orchestra.monitoring.metrics.admission import About, Admission, MetricUnknown
from orchestra.monitoring.metrics.asking import STEPS_S, QueryInvalid, Question
from orchestra.monitoring.metrics.functions import AGGREGATES, DEFAULTS, PERCENTILES, Bins
from orchestra.monitoring.metrics.grids import grid_of, incomplete_from, pieces, so_far
from orchestra.monitoring.metrics.names import TOLD, near, unit_of
from orchestra.monitoring.metrics.series import KINDS, SPANS, Series, place
from orchestra.monitoring.metrics.shelf import Grid, Shelf
from orchestra.store.keys import Tenant

CHUNKS_MAX: Final = 2_000
OTHERS: Final = "others"
Key = tuple[tuple[str, str], ...]


class QueryTooWide(Invalid):
    """It would read too much. Context: `range_s`, the longest range that fits, if any does."""


class LabelUnknown(NotFound):
    """No series of the metric has this label. Context: `near`."""


class Group(msgspec.Struct):
    """Series that are shown as one."""

    labels: dict[str, str]
    bins: Bins
    part: Bins
    earlier: Bins
    weight: float = 0.0


class Found(msgspec.Struct, frozen=True):
    """A metric, whose it is, its series that match."""

    tenants: Sequence[Tenant]
    about: About
    series: Sequence[Series]


class Answers:
    """Asks the store what questions need."""

    def __init__(self, admission: Admission, shelf: Shelf, clock: Clock) -> None:
        self.admission, self._shelf, self._clock = admission, shelf, clock

    async def answer(self, tenants: Sequence[Tenant], asked: Question) -> dict[str, Any]:
        """The document of `/query`; `tenants`: in whose metrics to look, in this order.

        Raises MetricUnknown, LabelUnknown, QueryInvalid, QueryTooWide, StoreAway.
        """
        found = await self.find(tenants, asked)
        if found is None:
            return _empty(asked)
        kind = KINDS[found.about.kind]
        agg = asked.agg or DEFAULTS[kind]
        if agg not in AGGREGATES[kind]:
            message = f"of a {kind} is one of {', '.join(AGGREGATES[kind])}"
            raise QueryInvalid(
                "the query is not valid", [Problem("/query/agg", "out_of_range", message)]
            )
        now_s = self._clock.now_ms() // 1_000
        grid, clipped = grid_of(asked, SPANS[place(found.about.kind)], now_s)
        _check_width(len(found.series), grid, asked)
        groups = await self._groups(asked, found, grid, now_s)
        return self._shown(asked, agg, found, grid, groups, clipped)

    async def find(self, tenants: Sequence[Tenant], asked: Question) -> Found | None:
        """What a question is about; None for a metric of ours that has nothing yet."""
        for tenant in tenants:
            about = await self.admission.about(tenant, asked.metric)
            if about is not None:
                series = await self.admission.series(tenant, asked.metric, about)
                _check_labels(asked, series)
                wanted = [one for one in series if matches(one, asked.where)]
                return Found([tenant], about, wanted)
        if asked.metric in TOLD:
            return None
        known = set(TOLD)
        for tenant in tenants:
            known |= (await self.admission.metrics(tenant)).keys()
        raise MetricUnknown("no metric has this name", near=near(asked.metric, known))

    async def window(
        self, tenant: Tenant, asked: Question, *, whole: bool = True
    ) -> list[tuple[dict[str, str], Bins]]:
        """The bins of each group, for those who compute by themselves; one bin when `whole`.

        A metric without series is empty. Raises StoreAway, QueryTooWide.
        """
        about = await self.admission.about(tenant, asked.metric)
        if about is None:
            return []
        every = await self.admission.series(tenant, asked.metric, about)
        series = [one for one in every if matches(one, asked.where)]
        now_s = self._clock.now_ms() // 1_000
        spans = SPANS[place(about.kind)]
        grids = pieces(asked, spans, now_s) if whole else [grid_of(asked, spans, now_s)[0]]
        found = Found([tenant], about, series)
        together: dict[Key, Group] = {}
        for grid in grids:
            _check_width(len(series), grid, asked)
            for one in await self._groups(asked, found, grid, now_s):
                key = tuple(sorted(one.labels.items()))
                had = together.setdefault(key, Group(one.labels, {}, {}, {}))
                functions.merge_bins(had.bins, one.bins)
        return [(one.labels, one.bins) for one in together.values()]

    async def _groups(self, asked: Question, found: Found, grid: Grid, now_s: int) -> list[Group]:
        """The series that match, put together by the labels that were asked for."""
        bins = await self._shelf.read(found.series, grid, now_s)
        earlier: list[Bins] = [{} for _ in bins]
        if asked.offset_s:
            shift = asked.offset_s - asked.offset_s % grid.step_s
            back = grid._replace(from_s=grid.from_s - shift, to_s=grid.to_s - shift)
            earlier = await self._shelf.read(found.series, back, now_s)
        groups: dict[Key, Group] = {}
        for series, one, before in zip(found.series, bins, earlier, strict=True):
            labels = dict(series.labels)
            if asked.by is not None:
                labels = {name: labels.get(name, "") for name in asked.by}
            key = tuple(sorted(labels.items()))
            group = groups.setdefault(key, Group(labels, {}, {}, {}))
            functions.merge_bins(group.bins, one)
            functions.merge_bins(group.earlier, before)
            if asked.of and matches(series, asked.of):
                functions.merge_bins(group.part, one)
        for group in groups.values():
            group.weight = functions.weight(group.bins)
        return sorted(groups.values(), key=lambda one: (-one.weight, sorted(one.labels.items())))

    def _shown(
        self, asked: Question, agg: str, found: Found, grid: Grid, groups: list[Group],
        clipped: Mapping[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        shown, rest = groups[: asked.limit], groups[asked.limit :]
        if rest:
            others = Group({}, {}, {}, {})
            for one in rest:
                functions.merge_bins(others.bins, one.bins)
                functions.merge_bins(others.part, one.part)
                functions.merge_bins(others.earlier, one.earlier)
        else:
            others = None
        now_s = self._clock.now_ms() // 1_000
        steps = [so_far(grid, i, now_s) for i in range(grid.bins)]
        made: dict[str, Any] = {
            "metric": asked.metric,
            "type": KINDS[found.about.kind],
            "agg": agg,
            "unit": _unit(agg, found.about.unit),
            "from": instant(grid.from_s * 1_000),
            "to": instant(grid.to_s * 1_000),
            "step_s": grid.step_s,
            "error_max": functions.ERROR_MAX if agg in PERCENTILES else 0,
            "incomplete_from": incomplete_from(grid, now_s),
            "series": [_series(one, agg, steps, asked) for one in shown],
        }
        if others is not None:
            made["others"] = _series(others, agg, steps, asked)
            clipped = {**clipped, "series": len(groups), "shown": len(shown)}
            clipped = {**clipped, "chosen_by": "sum", "rest": OTHERS}
        made["bounded"] = dict(clipped) or None
        return made


def _series(group: Group, agg: str, steps: Sequence[float], asked: Question) -> dict[str, Any]:
    values = functions.series_of(group.bins, agg, len(steps), steps, group.part)
    made: dict[str, Any] = {"labels": group.labels, "values": values}
    if asked.offset_s:
        whole = [float(max(steps, default=1.0))] * len(steps)
        made["earlier"] = functions.series_of(group.earlier, agg, len(steps), whole)
    return made


def matches(series: Series, where: Sequence[tuple[str, str]]) -> bool:
    """Whether its labels have these values; several values of one label: any of them."""
    labels = dict(series.labels)
    wanted: dict[str, set[str]] = {}
    for name, value in where:
        wanted.setdefault(name, set()).add(value)
    return all(labels.get(name, "") in values for name, values in wanted.items())


def _check_width(series: int, grid: Grid, asked: Question) -> None:
    chunks = series * len(grid.chunks) * (2 if asked.offset_s else 1)
    if chunks > CHUNKS_MAX:
        fits = CHUNKS_MAX // (series * (2 if asked.offset_s else 1)) - 1
        range_s = max(fits, 0) * grid.span.chunk_s
        told = f"ask for at most {range_s} s" if range_s else "name labels with `where`"
        raise QueryTooWide(
            f"this would read {chunks} chunks of {CHUNKS_MAX}: {told}",
            [Problem("/query/from", "too_wide", told)],
            range_s=range_s or None,
        )


def _check_labels(asked: Question, series: Sequence[Series]) -> None:
    if not series:
        return
    known = {name for one in series for name, _ in one.labels}
    named = [*(asked.by or ()), *(name for name, _ in (*asked.where, *asked.of))]
    for name in named:
        if name not in known:
            raise LabelUnknown(
                f"no series of this metric has the label {name}", near=near(name, known)
            )


def _unit(agg: str, unit: str) -> str | None:
    match agg:
        case "ratio":
            return "ratio"
        case "rate":
            return f"{unit}/s" if unit else "1/s"
        case "count" | "increase":
            return None if not unit or agg == "count" else unit
        case _:
            return unit or None


def _empty(asked: Question) -> dict[str, Any]:
    unit = unit_of(asked.metric)
    return {
        "metric": asked.metric,
        "type": None,
        "agg": asked.agg,
        "unit": unit or None,
        "from": instant(asked.from_s * 1_000),
        "to": instant(asked.to_s * 1_000),
        "step_s": asked.step_s or STEPS_S[0],
        "error_max": 0,
        "incomplete_from": None,
        "series": [],
        "bounded": None,
    }
