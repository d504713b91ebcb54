"""Puts series together by their labels, group after group: only one of them is worked on at a time.

A group that has been made into figures is kept packed, in case it is to be added to `others`.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, TypeAlias

import msgspec

from orchestra.instruments import Tally
from orchestra.monitoring.metrics.asking import Question
from orchestra.monitoring.metrics.functions import Bins, Level, Sum, merge_bins
from orchestra.monitoring.metrics.series import Series, add_packed, packed
from orchestra.monitoring.metrics.shelf import Grid, Shelf

Key: TypeAlias = tuple[tuple[str, str], ...]


def key_of(series: Series, by: Sequence[str] | None) -> Key:
    """The labels of the group it is in, by name; without `by` it is one by itself."""
    if by is None:
        return series.labels
    labels = dict(series.labels)
    return tuple(sorted((name, labels.get(name, "")) for name in by))


def matches(series: Series, where: Sequence[tuple[str, str]]) -> bool:
    """Whether its labels have these values; several values of one label: any of them."""
    labels = dict(series.labels)
    wanted: dict[str, set[str]] = {}
    for name, value in where:
        wanted.setdefault(name, set()).add(value)
    return all(labels.get(name, "") in values for name, values in wanted.items())


async def groups(
    shelf: Shelf, series: Sequence[Series], asked: Question, grid: Grid, now_s: int
) -> AsyncGenerator[tuple[Key, Bins, Bins], None]:
    """Each group by its labels: its bins, and those of the part that `of` names."""
    keyed = sorted((key_of(one, asked.by), one.labels, one) for one in series)
    current: Key | None = None
    bins: Bins = {}
    part: Bins = {}
    async with aclosing(shelf.each([one for _, _, one in keyed], grid, now_s)) as found:
        async for i, one in found:
            key, _, of = keyed[i]
            if current is not None and key != current:
                yield current, bins, part
                bins, part = {}, {}
            current = key
            if asked.of and matches(of, asked.of):
                merge_bins(part, one)
            if bins:
                merge_bins(bins, one)
            else:
                bins = one
    if current is not None:
        yield current, bins, part


def packed_bins(bins: Bins) -> bytes:
    """A group in little room: a histogram is ten times as large as it is at work."""
    found: list[tuple[int, Any]] = []
    for i, cell in bins.items():
        match cell:
            case Sum():
                found.append((i, cell.n))
            case Level():
                found.append((i, list(cell.slots.items())))
            case Tally():
                found.append((i, [packed(cell)]))
    return msgspec.msgpack.encode(found)


def merge_packed(into: Bins, data: bytes, kind: str) -> None:
    """Add a group that was packed. `kind`: the letter of its metric."""
    for i, value in msgspec.msgpack.decode(data):
        cell = into.get(i)
        if kind == "h":
            cell = into.setdefault(i, Tally()) if cell is None else cell
            assert isinstance(cell, Tally)
            add_packed(cell, value[0])
        elif kind == "g":
            cell = into.setdefault(i, Level()) if cell is None else cell
            assert isinstance(cell, Level)
            for slot, values in value:
                cell.slots.setdefault(slot, []).extend(values)
        else:
            cell = into.setdefault(i, Sum()) if cell is None else cell
            assert isinstance(cell, Sum)
            cell.n += value
