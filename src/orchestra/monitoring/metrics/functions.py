"""What becomes of slots: added up in bins of a step, and a figure made of each. Pure.

No data is None, never 0. Percentiles come from buckets that merge exactly, so they are at most
4.4 % off, and are never averages of percentiles.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from orchestra.instruments import SCALE, ZERO, Tally

ERROR_MAX: Final = 0.044
PERCENTILES: Final[Mapping[str, float]] = {
    "p50": 0.5,
    "p75": 0.75,
    "p90": 0.9,
    "p95": 0.95,
    "p99": 0.99,
    "p99.9": 0.999,
}
AGGREGATES: Final[Mapping[str, tuple[str, ...]]] = {
    "counter": ("rate", "increase", "sum", "ratio"),
    "gauge": ("last", "avg", "min", "max", "sum", "count"),
    "histogram": (
        "rate", "increase", "count", "sum", "avg", "min", "max", "ratio", *PERCENTILES,
    ),
}  # fmt: skip
DEFAULTS: Final[Mapping[str, str]] = {"counter": "rate", "gauge": "avg", "histogram": "p95"}
_MIDDLE = 2 / (1 + 2 ** (1 / SCALE))


class Level:
    """A gauge in a bin: by slot the values of its series and replicas."""

    __slots__ = ("slots",)

    def __init__(self) -> None:
        self.slots: dict[int, list[float]] = {}

    def merge(self, other: "Level") -> None:
        """Add what another one has."""
        for slot, values in other.slots.items():
            self.slots.setdefault(slot, []).extend(values)

    def values(self) -> list[float]:
        """All of them."""
        return [value for values in self.slots.values() for value in values]


class Sum:
    """A counter in a bin."""

    __slots__ = ("n",)

    def __init__(self) -> None:
        self.n = 0.0

    def merge(self, other: "Sum") -> None:
        """Add what another one has."""
        self.n += other.n


Cell: TypeAlias = Sum | Level | Tally
Bins: TypeAlias = dict[int, Cell]
"""Number of a bin -> what is in it; nothing for no data."""


def quantile(tally: Tally, share: float) -> float | None:
    """The value that so many are not above; None without any."""
    if not tally.count:
        return None
    rank, passed = max(1, math.ceil(share * tally.count)), 0
    for bucket in sorted(tally.buckets):
        passed += tally.buckets[bucket]
        if passed >= rank:
            found = min(0.0, tally.high) if bucket == ZERO else 2.0 ** (bucket / SCALE) * _MIDDLE
            return min(max(found, tally.low), tally.high)
    return tally.high


def merge_bins(into: Bins, more: Bins) -> None:
    """Add what other bins have."""
    for i, cell in more.items():
        had = into.get(i)
        if had is None:
            had = into[i] = type(cell)()
        had.merge(cell)  # type: ignore[arg-type]  # of one metric all are of one kind


def weight(bins: Bins) -> float:
    """What series are ranked by: how much there was."""
    cells = bins.values()
    counted = sum(one.n for one in cells if isinstance(one, Sum))
    observed = sum(one.count for one in cells if isinstance(one, Tally))
    levels = [sum(one.values()) / max(len(one.slots), 1) for one in cells if isinstance(one, Level)]
    return counted + observed + (sum(levels) / len(levels) if levels else 0.0)


def figure(cell: Cell | None, agg: str, step_s: float, of: Cell | None = None) -> float | None:
    """One value of an answer. `of`: for a ratio, the part."""
    if cell is None:
        return None
    if agg == "ratio":
        whole = _amount(cell)
        return None if not whole else (0.0 if of is None else _amount(of)) / whole
    match cell:
        case Sum():
            return cell.n / step_s if agg == "rate" else cell.n
        case Tally():
            return _of_tally(cell, agg, step_s)
        case Level():
            return _of_level(cell, agg)


def _amount(cell: Cell) -> float:
    match cell:
        case Sum():
            return cell.n
        case Tally():
            return float(cell.count)
        case Level():
            return float(len(cell.values()))


_OF_TALLY: Final[Mapping[str, Callable[[Tally], float]]] = {
    "count": lambda tally: float(tally.count),
    "increase": lambda tally: float(tally.count),
    "sum": lambda tally: tally.sum,
    "avg": lambda tally: tally.sum / tally.count,
    "min": lambda tally: tally.low,
    "max": lambda tally: tally.high,
}


def _of_tally(tally: Tally, agg: str, step_s: float) -> float | None:
    if agg == "rate":
        return tally.count / step_s
    if agg in PERCENTILES:
        return quantile(tally, PERCENTILES[agg])
    return _OF_TALLY[agg](tally) if tally.count else None


def _of_level(level: Level, agg: str) -> float | None:
    values = level.values()
    match agg:
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "count":
            return float(len(values))
        case "avg":
            return sum(values) / len(values)
        case "sum":
            return sum(values) / len(level.slots)
        case _:
            return sum(level.slots[max(level.slots)])


def series_of(
    bins: Bins, agg: str, count: int, steps_s: Sequence[float], of: Bins | None = None
) -> list[float | None]:
    """The figures of all bins, in order. `steps_s`: how long each is, so far."""
    return [_rounded(figure(bins.get(i), agg, steps_s[i], (of or {}).get(i))) for i in range(count)]


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.10g}")
