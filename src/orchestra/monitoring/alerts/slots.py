"""Slots of a series in memory, laid out so that a window of them is one addition over a list."""

import math
from typing import Final

from orchestra.instruments import Tally
from orchestra.monitoring.metrics.functions import Cell, Level, Sum
from orchestra.monitoring.metrics.series import Letter

AHEAD_MAX: Final = 10_000
"""Slots between two values: what is further apart begins anew."""


class Gauged:
    """A gauge over a window. Merging is adding; `mask` has a byte for each slot with a value."""

    __slots__ = ("count", "high", "last", "last_at", "low", "mask", "total")

    def __init__(self) -> None:
        self.low, self.high, self.total, self.count = math.inf, -math.inf, 0.0, 0
        self.mask, self.last_at, self.last = 0, -1, 0.0

    def merge(self, other: "Gauged") -> None:
        """Add what another one has, of the same window."""
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.total += other.total
        self.count += other.count
        self.mask |= other.mask
        if other.last_at > self.last_at:
            self.last_at, self.last = other.last_at, other.last
        elif other.last_at == self.last_at:
            self.last += other.last

    def figure(self, agg: str) -> float:
        """One value of it, as a `Level` has it."""
        match agg:
            case "min":
                return self.low
            case "max":
                return self.high
            case "count":
                return float(self.count)
            case "avg":
                return self.total / self.count
            case "sum":
                return self.total / self.mask.bit_count()
            case _:
                return self.last


class _Row:
    """Slots one behind the other from number `base` on. `has`: whether there is a value."""

    __slots__ = ("base", "has")

    def __init__(self) -> None:
        self.base, self.has = 0, bytearray()

    def place(self, slot: int) -> int:
        """Where a slot is; -1 for one that is long gone."""
        if not self.has or slot - self.base - len(self.has) > AHEAD_MAX:
            self.cut(self.base + len(self.has))
            self.base = slot
        at = slot - self.base
        if at >= len(self.has):
            self.grow(at + 1 - len(self.has))
        return at

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """Where slots from `begin` up to `end` are."""
        return max(begin - self.base, 0), max(end - self.base, 0)

    def cut(self, slot: int) -> None:
        """Forget what is before a slot."""
        gone = min(slot - self.base, len(self.has))
        if gone > 0:
            self.drop(gone)
            self.base += gone

    def grow(self, more: int) -> None:
        """So many empty slots behind the last one."""
        self.has.extend(bytes(more))

    def drop(self, gone: int) -> None:
        """So many slots in front."""
        del self.has[:gone]


class Sums(_Row):
    """Of a counter."""

    __slots__ = ("n",)

    def __init__(self) -> None:
        super().__init__()
        self.n: list[float] = []

    def grow(self, more: int) -> None:
        """Empty slots."""
        super().grow(more)
        self.n.extend([0.0] * more)

    def drop(self, gone: int) -> None:
        """Slots in front."""
        super().drop(gone)
        del self.n[:gone]

    def put(self, slot: int, cell: Cell) -> None:
        """What a slot has."""
        assert isinstance(cell, Sum)
        at = self.place(slot)
        if at >= 0:
            self.n[at], self.has[at] = cell.n, 1

    def cell(self, begin: int, end: int) -> Sum | None:
        """All from `begin` up to `end`; None without any value."""
        first, last = self.span(begin, end)
        if self.has.find(1, first, last) < 0:
            return None
        made = Sum()
        made.n = sum(self.n[first:last])
        return made


class Levels(_Row):
    """Of a gauge."""

    __slots__ = ("count", "high", "low", "total")

    def __init__(self) -> None:
        super().__init__()
        self.low, self.high = list[float](), list[float]()
        self.total, self.count = list[float](), list[int]()

    def grow(self, more: int) -> None:
        """Empty slots."""
        super().grow(more)
        self.low.extend([math.inf] * more)
        self.high.extend([-math.inf] * more)
        self.total.extend([0.0] * more)
        self.count.extend([0] * more)

    def drop(self, gone: int) -> None:
        """Slots in front."""
        super().drop(gone)
        del self.low[:gone], self.high[:gone], self.total[:gone], self.count[:gone]

    def put(self, slot: int, cell: Cell) -> None:
        """What a slot has."""
        assert isinstance(cell, Level)
        values, at = cell.values(), self.place(slot)
        if at >= 0 and values:
            self.low[at], self.high[at] = min(values), max(values)
            self.total[at], self.count[at], self.has[at] = sum(values), len(values), 1

    def cell(self, begin: int, end: int) -> Gauged | None:
        """All from `begin` up to `end`; None without any value."""
        first, last = self.span(begin, end)
        newest = self.has.rfind(1, first, last)
        if newest < 0:
            return None
        made = Gauged()
        made.low, made.high = min(self.low[first:last]), max(self.high[first:last])
        made.total, made.count = sum(self.total[first:last]), sum(self.count[first:last])
        made.last_at, made.last = newest + self.base, self.total[newest]
        shift = 8 * (first + self.base - begin)
        made.mask = int.from_bytes(self.has[first:last], "little") << shift
        return made


class Spreads(_Row):
    """Of a histogram."""

    __slots__ = ("tallies",)

    def __init__(self) -> None:
        super().__init__()
        self.tallies: list[Tally | None] = []

    def grow(self, more: int) -> None:
        """Empty slots."""
        super().grow(more)
        self.tallies.extend([None] * more)

    def drop(self, gone: int) -> None:
        """Slots in front."""
        super().drop(gone)
        del self.tallies[:gone]

    def put(self, slot: int, cell: Cell) -> None:
        """What a slot has."""
        assert isinstance(cell, Tally)
        at = self.place(slot)
        if at >= 0:
            self.tallies[at], self.has[at] = cell, 1

    def cell(self, begin: int, end: int) -> Tally | None:
        """All from `begin` up to `end`; None without any value."""
        first, last = self.span(begin, end)
        found = [one for one in self.tallies[first:last] if one is not None]
        if len(found) < 2:
            return found[0] if found else None
        made = Tally()
        for one in found:
            made.merge(one)
        return made


Slots = Sums | Levels | Spreads


def slots_of(kind: Letter) -> Slots:
    """Empty ones."""
    if kind == "h":
        return Spreads()
    return Levels() if kind == "g" else Sums()
