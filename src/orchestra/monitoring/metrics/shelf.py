"""Reads chunks: what is in the slots of a series. Sealed chunks are kept in memory."""

import zlib
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Sequence
from typing import Any, Final, NamedTuple, cast

import anyio
import msgspec

from orchestra.instruments import Tally
from orchestra.monitoring.metrics.functions import Bins, Level, Sum
from orchestra.monitoring.metrics.names import scale_of
from orchestra.monitoring.metrics.series import Series, Span, add_packed, packed, place, tag_of
from orchestra.store import metric_keys
from orchestra.store.client import Store

CACHE_MAX_BYTES: Final = 32 * 1024 * 1024
LATE_S: Final = 3_600 + 300
"""After so long nothing comes late any more: then a sealed chunk stays as it is."""
TURN: Final = 64
"""Chunks that are asked for together."""

Slots = list[tuple[int, Any]]
"""Number of a slot -> what is stored there: a number, values of replicas, or a histogram."""


class Grid(NamedTuple):
    """Which slots are read, and the bins they go into: from `from_s`, `step_s` each."""

    span: Span
    from_s: int
    to_s: int
    step_s: int

    @property
    def bins(self) -> int:
        """How many bins."""
        return max(0, -(-(self.to_s - self.from_s) // self.step_s))

    @property
    def chunks(self) -> range:
        """The chunks they lie in."""
        return range(self.from_s // self.span.chunk_s, (self.to_s - 1) // self.span.chunk_s + 1)


class Shelf:
    """What the store has of series."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sealed: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0

    async def read(self, wanted: Sequence[Series], grid: Grid, now_s: int) -> list[Bins]:
        """The bins of each series. Raises StoreAway."""
        found: list[Bins] = [{} for _ in wanted]
        async for i, bins in self.each(wanted, grid, now_s):
            found[i] = bins
        return found

    async def each(
        self, wanted: Sequence[Series], grid: Grid, now_s: int
    ) -> AsyncGenerator[tuple[int, Bins], None]:
        """One series after the other: its place, and its bins. Raises StoreAway.

        The next chunks are asked for together, and no chunk is worked through before others in
        this process had their turn.
        """
        asked = [(i, number) for i in range(len(wanted)) for number in grid.chunks]
        bins: Bins = {}
        for start in range(0, len(asked), TURN):
            part = asked[start : start + TURN]
            sent = [self._ask(wanted[i], grid.span, number, now_s) for i, number in part]
            for (i, number), (kept, reply) in zip(part, sent, strict=True):
                series = wanted[i]
                stored = kept
                if stored is None:
                    stored = await self._stored(series, grid.span, number, now_s, reply[1])
                if stored:
                    _into(bins, series, grid, number, unpacked(stored))
                _into(bins, series, grid, number, opened(series.kind, await reply[0]))
                await anyio.lowlevel.checkpoint()
                if number == grid.chunks[-1]:
                    yield i, bins
                    bins = {}

    def _ask(
        self, series: Series, span: Span, number: int, now_s: int
    ) -> tuple[bytes | None, tuple[Awaitable[Any], Awaitable[Any] | None]]:
        """What is sealed, if it is known here, and what was asked for: open, and sealed."""
        prefix = self._store.prefix(tag_of(series.sid, self._store.partitions))
        names = (prefix, series.tenant, place(series.kind), series.sid, span.step_s, number)
        key = metric_keys.sealed(*names)
        opened = self._store.read(prefix, "HGETALL", metric_keys.chunk(*names))
        known = self._sealed.get(key)
        if known is not None:
            self._sealed.move_to_end(key)
            return known, (opened, None)
        if (number + 1) * span.chunk_s > now_s:
            return b"", (opened, None)
        return None, (opened, self._store.read(prefix, "GET", key))

    async def _stored(
        self, series: Series, span: Span, number: int, now_s: int, reply: Awaitable[Any] | None
    ) -> bytes:
        assert reply is not None
        found = cast("bytes | None", await reply)
        if found and (number + 1) * span.chunk_s + LATE_S < now_s:
            prefix = self._store.prefix(tag_of(series.sid, self._store.partitions))
            kind = place(series.kind)
            key = metric_keys.sealed(prefix, series.tenant, kind, series.sid, span.step_s, number)
            self._sealed[key] = found
            self._bytes += len(found) + len(key)
            while self._bytes > CACHE_MAX_BYTES:
                old, gone = self._sealed.popitem(last=False)
                self._bytes -= len(gone) + len(old)
        return found or b""


def opened(kind: str, flat: Sequence[bytes]) -> Slots:
    """An open chunk, as HGETALL gives it."""
    rows = zip(flat[::2], flat[1::2], strict=True)
    if kind == "h":
        return [(int(slot), msgspec.msgpack.decode(value)) for slot, value in rows]
    if kind == "g":
        levels: dict[int, list[float]] = {}
        for field, value in rows:
            levels.setdefault(int(field.partition(b":")[0]), []).append(float(value))
        return list(levels.items())
    if kind == "c":
        return [(int(slot), int(value)) for slot, value in rows]
    return [(int(slot), float(value)) for slot, value in rows]


def merged(kind: str, old: Slots, new: Slots) -> Slots:
    """Two parts of one chunk, by slot."""
    found: dict[int, Any] = {}
    for slot, value in (*old, *new):
        had = found.get(slot)
        if had is None:
            found[slot] = value
        elif kind == "h":
            tally = Tally()
            add_packed(tally, had)
            add_packed(tally, value)
            found[slot] = packed(tally)
        else:
            found[slot] = had + value
    return sorted(found.items())


def sealed(slots: Slots) -> bytes:
    """A chunk as one string: gaps between its slots, and the values."""
    numbers = [slot for slot, _ in slots]
    gaps = [slot - before for slot, before in zip(numbers, [0, *numbers], strict=False)]
    return zlib.compress(msgspec.msgpack.encode((gaps, [value for _, value in slots])), 6)


def unpacked(text: bytes) -> Slots:
    """The slots of a sealed chunk."""
    gaps, values = msgspec.msgpack.decode(zlib.decompress(text), type=tuple[list[int], list[Any]])
    found: Slots = []
    slot = 0
    for gap, value in zip(gaps, values, strict=True):
        slot += gap
        found.append((slot, value))
    return found


def _into(bins: Bins, series: Series, grid: Grid, number: int, slots: Slots) -> None:
    """Add slots to the bins they lie in."""
    base, step = number * grid.span.chunk_s, grid.span.step_s
    scale = scale_of(series.name) if series.kind == "c" else 1
    for slot, value in slots:
        at_s = base + slot * step
        if not grid.from_s <= at_s < grid.to_s:
            continue
        i = (at_s - grid.from_s) // grid.step_s
        cell = bins.get(i)
        if series.kind == "h":
            cell = bins.setdefault(i, Tally()) if cell is None else cell
            assert isinstance(cell, Tally)
            add_packed(cell, value)
        elif series.kind == "g":
            cell = bins.setdefault(i, Level()) if cell is None else cell
            assert isinstance(cell, Level)
            cell.slots.setdefault(at_s, []).extend(value)
        else:
            cell = bins.setdefault(i, Sum()) if cell is None else cell
            assert isinstance(cell, Sum)
            cell.n += value / scale
