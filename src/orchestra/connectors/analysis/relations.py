"""What columns and rows of a table have to do with each other."""

import math
from collections.abc import Sequence
from itertools import combinations
from operator import mul

import msgspec

from orchestra.connectors.analysis.columns import Column, sorted_in_turns, tidy

_COLUMNS_MAX = 20  # looked at for correlations: 190 pairs
_TOLD_MAX = 20
_ALIKE = 0.5
_PAIRS_MIN = 3
_TREND_FROM = 4  # values
_TREND_R = 0.3


class Correlation(msgspec.Struct, frozen=True):
    """Pearson's `r` of two columns over the `n` rows that have both."""

    columns: tuple[str, str]
    r: float
    n: int


class Trend(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """A column that rises or falls along `by` (a date column, or "row"), beyond chance.

    `first` and `last` are the means of the first and the last third.
    """

    column: str
    by: str
    direction: str
    first: float
    last: float
    change_percent: float | None
    r: float


def correlations(columns: Sequence[Column]) -> tuple[Correlation, ...]:
    """The strongest pairs, from 0.5 up (or -0.5 down), among the first 20 columns of numbers."""
    numeric = [column for column in columns if column.numbers][:_COLUMNS_MAX]
    complete = {
        column.name: _unit(_present(column.numbers))
        for column in numeric
        if None not in column.numbers
    }
    found: list[Correlation] = []
    for one, other in combinations(numeric, 2):
        if one.name in complete and other.name in complete:
            n = len(one.numbers)
            r = sum(map(mul, complete[one.name], complete[other.name]))
        else:
            n, r = _pairwise(one.numbers, other.numbers)
        if n >= _PAIRS_MIN and abs(r) >= _ALIKE:
            r = round(max(-1.0, min(1.0, r)), 4)
            found.append(Correlation((one.name, other.name), r, n))
    found.sort(key=lambda correlation: -abs(correlation.r))
    return tuple(found[:_TOLD_MAX])


def pearson(left: Sequence[float], right: Sequence[float]) -> float:
    """Correlation of two equally long rows; 0 when one of them never changes."""
    return max(-1.0, min(1.0, sum(map(mul, _unit(left), _unit(right)))))


def trends(columns: Sequence[Column]) -> tuple[Trend, ...]:
    """Columns of numbers that change with time, or along the rows when nothing is dated."""
    dates = next((column for column in columns if column.moments), None)
    by = dates.name if dates else "row"
    found: list[Trend] = []
    for column in columns:
        if not column.numbers:
            continue
        moments = dates.moments if dates else range(len(column.numbers))
        pairs = [
            (at, place, value)
            for place, (at, value) in enumerate(zip(moments, column.numbers, strict=True))
            if at is not None and value is not None
        ]
        series = [value for _, _, value in sorted_in_turns(pairs)]
        if trend := _trend(column.name, by, series):
            found.append(trend)
    return tuple(sorted(found, key=lambda trend: -abs(trend.r))[:_TOLD_MAX])


def duplicate_rows(columns: Sequence[Column]) -> int:
    """Rows that say in every column what an earlier row says."""
    rows = list(zip(*(column.cells for column in columns), strict=True))
    return len(rows) - len(set(rows))


def _trend(column: str, by: str, series: Sequence[float]) -> Trend | None:
    if len(series) < _TREND_FROM:
        return None
    r = pearson(range(len(series)), series)
    free = len(series) - 2
    # Student's t beside a cautious bound of its 95 % quantile for this many values.
    if abs(r) < _TREND_R or (abs(r) < 1 and abs(r) * math.sqrt(free / (1 - r * r)) < 2 + 5 / free):
        return None
    third = max(len(series) // 3, 1)
    first, last = math.fsum(series[:third]) / third, math.fsum(series[-third:]) / third
    change = round((last - first) / abs(first) * 100, 1) if first else None
    direction = "rising" if r > 0 else "falling"
    return Trend(column, by, direction, tidy(first), tidy(last), change, round(r, 4))


def _pairwise(left: Sequence[float | None], right: Sequence[float | None]) -> tuple[int, float]:
    """How many rows have both values, and their correlation."""
    pairs = [
        (one, other)
        for one, other in zip(left, right, strict=True)
        if one is not None and other is not None
    ]
    if not pairs:
        return 0, 0.0
    return len(pairs), pearson(*zip(*pairs, strict=True))


def _present(numbers: Sequence[float | None]) -> list[float]:
    return [value for value in numbers if value is not None]


def _unit(values: Sequence[float]) -> list[float]:
    """`values` around 0, scaled to length 1; all zero when they never change."""
    mean = math.fsum(values) / len(values) if values else 0.0
    centred = [value - mean for value in values]
    length = math.hypot(*centred)
    return [value / length for value in centred] if length else centred
