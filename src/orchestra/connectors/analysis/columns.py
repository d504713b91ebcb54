"""One column of a table in figures."""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from orchestra.connectors.analysis.cells import Cell, moment, number

_TOP = 5
_OUTLIERS_MAX = 10
_OUTLIERS_FROM = 5  # values: of fewer, none can be called unusual
_BINS_MAX = 10
_MOSTLY = 0.8
_PROBE = 50
_TURN = 16_384
Ordered = TypeVar("Ordered", float, tuple[float, int, float])


class Value(msgspec.Struct, frozen=True):
    """A value and how often it stands in the column."""

    value: Cell
    count: int


class Bin(msgspec.Struct, frozen=True, rename={"lower": "from", "upper": "to"}):
    """Values from `lower` up to `upper`, which only the last bin includes."""

    lower: float
    upper: float
    count: int


class Outlier(msgspec.Struct, frozen=True):
    """A value beyond Tukey's fences (1.5 times the middle half's width), and its row from 0."""

    row: int
    value: float


class ColumnSummary(msgspec.Struct, frozen=True):
    """`type`: integer, number, boolean, date, string, mixed or empty. Figures are of the numbers.

    `median` and `p95` interpolate between the values around them; `stdev` is the sample's.
    """

    name: str
    type: str
    count: int
    missing: int
    distinct: int
    min: Cell = None
    max: Cell = None
    mean: float | None = None
    median: float | None = None
    stdev: float | None = None
    p95: float | None = None
    top: tuple[Value, ...] = ()
    histogram: tuple[Bin, ...] = ()
    outliers: tuple[Outlier, ...] = ()


class Column(msgspec.Struct, frozen=True):
    """A column read: `cells` as they stand, `numbers` and `moments` of those that are one."""

    name: str
    type: str
    cells: Sequence[Cell]
    numbers: Sequence[float | None] = ()
    moments: Sequence[float | None] = ()


def read_column(name: str, cells: Sequence[Cell]) -> Column:
    """Find out what `cells` are. Texts that are all numbers, dates or truths are taken as such."""
    present = [cell for cell in cells if cell is not None]
    kinds = {type(cell) for cell in present}
    if not present:
        return Column(name, "empty", cells)
    if kinds == {bool}:
        return Column(name, "boolean", cells)
    if kinds <= {int, float}:
        return Column(name, "integer" if kinds == {int} else "number", cells, _numbers(cells))
    if kinds == {str}:
        return _read_texts(name, cells, [cell for cell in present if isinstance(cell, str)])
    numbers = _numbers(cells)
    share = sum(value is not None for value in numbers) / len(present)
    return Column(name, "mixed", cells, numbers if share >= _MOSTLY else ())


def _read_texts(name: str, cells: Sequence[Cell], texts: Sequence[str]) -> Column:
    if {text.lower() for text in texts[:_PROBE]} <= {"true", "false"} and (
        {text.lower() for text in texts} <= {"true", "false"}
    ):
        truths = [text.lower() == "true" if isinstance(text, str) else None for text in cells]
        return Column(name, "boolean", truths)
    if sum(number(text) is not None for text in texts[:_PROBE]) >= _MOSTLY * len(texts[:_PROBE]):
        read = [number(text) if isinstance(text, str) else None for text in cells]
        found = sum(value is not None for value in read)
        if found == len(texts):
            whole = all(isinstance(value, int) for value in read if value is not None)
            return Column(name, "integer" if whole else "number", read, read)
        if found >= _MOSTLY * len(texts):
            return Column(name, "mixed", cells, read)
    if moment(texts[0]) is not None:
        moments = [moment(text) if isinstance(text, str) else None for text in cells]
        if sum(value is not None for value in moments) == len(texts):
            return Column(name, "date", cells, (), moments)
    return Column(name, "string", cells)


def _numbers(cells: Sequence[Cell]) -> list[float | None]:
    return [
        cell if isinstance(cell, int | float) and not isinstance(cell, bool) else None
        for cell in cells
    ]


def describe(column: Column, rows: Sequence[int]) -> ColumnSummary:
    """The figures of `column`; `rows` are its cells' places in the data."""
    present = [cell for cell in column.cells if cell is not None]
    counts = Counter(present)
    ranked = counts.most_common(_TOP)
    telling = bool(ranked) and (ranked[0][1] > 1 or len(counts) <= _TOP)
    summary = ColumnSummary(
        name=column.name,
        type=column.type,
        count=len(present),
        missing=len(column.cells) - len(present),
        distinct=len(counts),
        top=tuple(Value(value, count) for value, count in ranked) if telling else (),
    )
    if column.moments:
        dated = [
            (at, cell)
            for at, cell in zip(column.moments, column.cells, strict=True)
            if at is not None
        ]
        return msgspec.structs.replace(summary, min=min(dated)[1], max=max(dated)[1])
    ordered = sorted_in_turns([value for value in column.numbers if value is not None])
    return _with_figures(summary, ordered, column, rows) if ordered else summary


def _with_figures(
    summary: ColumnSummary, ordered: Sequence[float], column: Column, rows: Sequence[int]
) -> ColumnSummary:
    mean = math.fsum(ordered) / len(ordered)
    stdev = None
    if len(ordered) > 1:
        squares = math.fsum((value - mean) ** 2 for value in ordered)
        stdev = tidy(math.sqrt(squares / (len(ordered) - 1)))
    return msgspec.structs.replace(
        summary,
        min=ordered[0],
        max=ordered[-1],
        mean=tidy(mean),
        median=tidy(quantile(ordered, 0.5)),
        stdev=stdev,
        p95=tidy(quantile(ordered, 0.95)),
        histogram=_histogram(ordered),
        outliers=_outliers(ordered, column.numbers, rows),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """Between the two values around `share` of the way (R's type 7, numpy's default)."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def sorted_in_turns(values: Sequence[Ordered]) -> list[Ordered]:
    """`values` sorted, a part at a time: one long sort would hold the interpreter too long."""
    runs: list[Ordered] = []
    for start in range(0, len(values), _TURN):
        runs += sorted(values[start : start + _TURN])
    runs.sort()  # merges the runs, which is quick
    return runs


def tidy(value: float) -> float:
    """12 significant figures: what binary fractions add after them is noise."""
    return float(f"{value:.12g}")


def _histogram(ordered: Sequence[float]) -> tuple[Bin, ...]:
    low, high = ordered[0], ordered[-1]
    if low == high:
        return (Bin(low, high, len(ordered)),)
    size = min(_BINS_MAX, math.ceil(math.log2(len(ordered))) + 1)  # Sturges
    inner = (tidy(low + (high - low) * at / size) for at in range(1, size))
    edges = [low, *inner, high]
    places = [0, *(bisect_left(ordered, edge) for edge in edges[1:-1]), len(ordered)]
    return tuple(Bin(edges[at], edges[at + 1], places[at + 1] - places[at]) for at in range(size))


def _outliers(
    ordered: Sequence[float], numbers: Sequence[float | None], rows: Sequence[int]
) -> tuple[Outlier, ...]:
    if len(ordered) < _OUTLIERS_FROM:
        return ()
    low, high = quantile(ordered, 0.25), quantile(ordered, 0.75)
    fence = 1.5 * (high - low)
    low, high = low - fence, high + fence
    outside = bisect_left(ordered, low) + sum(value > high for value in ordered)
    if not outside or outside > max(1, len(ordered) // 10):  # so many are no exceptions
        return ()
    found = [
        Outlier(row, value)
        for row, value in zip(rows, numbers, strict=True)
        if value is not None and not low <= value <= high
    ]
    found.sort(key=lambda outlier: -max(outlier.value - high, low - outlier.value))
    return tuple(found[:_OUTLIERS_MAX])
