"""Answers questions: finds the series, reads what may be read, and says what was left out."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

import anyio
import msgspec

from orchestra.clock import Clock
from orchestra.errors import Invalid, NotFound, Problem
from orchestra.instants import instant
from orchestra.monitoring.metrics import functions
from orchestra.monitoring.metrics.admission import About, Admission, MetricUnknown
from orchestra.monitoring.metrics.asking import STEPS_S, QueryInvalid, Question
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.functions import AGGREGATES, DEFAULTS, PERCENTILES, Bins
from orchestra.monitoring.metrics.grids import grid_of, incomplete_from, pieces, so_far
from orchestra.monitoring.metrics.grouping import (
    Key,
    groups,
    key_of,
    matches,
    merge_packed,
    packed_bins,
)
from orchestra.monitoring.metrics.names import TOLD, near, unit_of
from orchestra.monitoring.metrics.series import KINDS, SPANS, Series, place
from orchestra.monitoring.metrics.shelf import Grid, Shelf
from orchestra.store.keys import Tenant

CHUNKS_MAX: Final = 2_000
AT_ONCE: Final = 4
"""Questions that are worked on: what else this process does must not wait for all of them."""
OTHERS: Final = "others"
Values = list[float | None]
Kept = tuple[bytes, bytes]
"""A group and its part, packed; nothing when all groups are shown."""


class QueryTooWide(Invalid):
    """It would read too much. Context: `range_s`, the longest range that fits, if any does."""


class LabelUnknown(NotFound):
    """No series of the metric has this label. Context: `near`."""


class Group(msgspec.Struct):
    """Series that are shown as one: figures, and what they were made of, packed."""

    labels: Key
    weight: float
    values: Values
    kept: Kept
    earlier: Values | None = None
    kept_earlier: Kept = (b"", b"")


class Found(msgspec.Struct, frozen=True):
    """A metric, whose it is, its series that match."""

    tenants: Sequence[Tenant]
    about: About
    series: Sequence[Series]


class Answers:
    """Asks the store what questions need."""

    def __init__(
        self, admission: Admission, shelf: Shelf, clock: Clock, buffer: Buffer | None = None
    ) -> None:
        """`buffer`: what this process has still to hand over."""
        self.admission, self._shelf, self._clock = admission, shelf, clock
        self._buffer = buffer
        self._limiter: anyio.Semaphore | None = None

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
        asked = msgspec.structs.replace(asked, agg=agg)
        if self._limiter is None:
            self._limiter = anyio.Semaphore(AT_ONCE)
        async with self._limiter:
            await self._settled(found.about, found.series)
            return await self._shown(asked, found, grid, clipped)

    async def _settled(self, about: About, series: Sequence[Series]) -> None:
        """What this process recorded is in the store. What it measures of itself comes each second.

        Raises StoreAway.
        """
        if self._buffer is not None and not about.own:
            await self._buffer.settle([one.sid for one in series])

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
        await self._settled(about, series)
        together: dict[Key, Bins] = {}
        for grid in grids:
            _check_width(len(series), grid, asked)
            async with aclosing(groups(self._shelf, series, asked, grid, now_s)) as told:
                async for key, bins, _ in told:
                    functions.merge_bins(together.setdefault(key, {}), bins)
        rows = sorted(together.items(), key=lambda one: (-functions.weight(one[1]), one[0]))
        return [(dict(key), bins) for key, bins in rows]

    async def _groups(
        self, asked: Question, found: Found, grid: Grid, steps: Sequence[float]
    ) -> list[Group]:
        """The series that match, put together by the labels that were asked for."""
        now_s, agg = self._clock.now_ms() // 1_000, asked.agg or ""
        few = len({key_of(one, asked.by) for one in found.series}) <= asked.limit
        rows: dict[Key, Group] = {}
        async with aclosing(groups(self._shelf, found.series, asked, grid, now_s)) as told:
            async for key, bins, part in told:
                kept = (b"", b"") if few else (packed_bins(bins), packed_bins(part))
                values = functions.series_of(bins, agg, len(steps), steps, part)
                rows[key] = Group(key, functions.weight(bins), values, kept)
                await anyio.lowlevel.checkpoint()
        if asked.offset_s:
            shift = asked.offset_s - asked.offset_s % grid.step_s
            back = grid._replace(from_s=grid.from_s - shift, to_s=grid.to_s - shift)
            whole = _whole(steps)
            async with aclosing(groups(self._shelf, found.series, asked, back, now_s)) as told:
                async for key, bins, part in told:
                    row = rows[key]
                    row.earlier = functions.series_of(bins, agg, len(whole), whole, part)
                    if not few:
                        row.kept_earlier = (packed_bins(bins), packed_bins(part))
                    await anyio.lowlevel.checkpoint()
        return sorted(rows.values(), key=lambda one: (-one.weight, one.labels))

    async def _shown(
        self, asked: Question, found: Found, grid: Grid, clipped: Mapping[str, Any]
    ) -> dict[str, Any]:
        now_s, agg = self._clock.now_ms() // 1_000, asked.agg or ""
        steps = [so_far(grid, i, now_s) for i in range(grid.bins)]
        every = await self._groups(asked, found, grid, steps)
        shown, rest = every[: asked.limit], every[asked.limit :]
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
            "series": [_series(one, asked) for one in shown],
        }
        if rest:
            made["others"] = _series(await _others(rest, asked, found.about.kind, steps), asked)
            clipped = {**clipped, "series": len(every), "shown": len(shown)}
            clipped = {**clipped, "chosen_by": "sum", "rest": OTHERS}
        made["bounded"] = dict(clipped) or None
        return made


async def _others(
    rest: Sequence[Group], asked: Question, kind: str, steps: Sequence[float]
) -> Group:
    """All that is not shown, as one: from what it was made of, so percentiles stay honest."""
    agg, whole = asked.agg or "", _whole(steps)
    bins, part = await _together([one.kept for one in rest], kind)
    values = functions.series_of(bins, agg, len(steps), steps, part)
    made = Group((), functions.weight(bins), values, (b"", b""))
    if asked.offset_s:
        bins, part = await _together([one.kept_earlier for one in rest if one.earlier], kind)
        made.earlier = functions.series_of(bins, agg, len(whole), whole, part)
    return made


async def _together(rest: Sequence[Kept], kind: str) -> tuple[Bins, Bins]:
    found: tuple[Bins, Bins] = ({}, {})
    for kept in rest:
        for into, data in zip(found, kept, strict=True):
            merge_packed(into, data, kind)
        await anyio.lowlevel.checkpoint()
    return found


def _whole(steps: Sequence[float]) -> list[float]:
    return [float(max(steps, default=1.0))] * len(steps)


def _series(group: Group, asked: Question) -> dict[str, Any]:
    made: dict[str, Any] = {"labels": dict(group.labels), "values": group.values}
    if asked.offset_s:
        made["earlier"] = group.earlier
    return made


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
