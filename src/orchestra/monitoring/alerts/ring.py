"""The newest slots of the series that rules ask for, kept in memory and renewed every few seconds.

A round reads the register of each metric, and of each series only the slots that may have changed:
those of the last minute. All of a window is read when a series is new here, and once a minute and
a half for what came late.
"""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from orchestra.instruments import Tally
from orchestra.monitoring.alerts.judging import Row
from orchestra.monitoring.metrics.admission import About, Admission
from orchestra.monitoring.metrics.admission import Row as Registered
from orchestra.monitoring.metrics.functions import Cell, Level, Sum
from orchestra.monitoring.metrics.names import scale_of
from orchestra.monitoring.metrics.series import (
    SPANS,
    Letter,
    Series,
    Span,
    add_packed,
    place,
    series_of,
    tag_of,
)
from orchestra.monitoring.metrics.shelf import Grid, Shelf, opened
from orchestra.store import metric_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

SPAN_MAX_S: Final = 3_600
"""Windows up to here are answered from memory."""
NEWEST_S: Final = 60
WHOLE_S: Final = 90
TURN: Final = 1_000
CELLS_MAX: Final = 500_000
"""Slots in memory, about 150 bytes each. Metrics beyond are answered from their chunks."""

Name = tuple[Tenant, str]


class Held(msgspec.Struct):
    """A series, and its slots by their second. `whole_s`: when all of them were read."""

    series: Series
    span: Span
    prefix: str
    cells: dict[int, Cell]
    whole_s: int = 0


class Metric(msgspec.Struct):
    """A metric, and its series."""

    about: About
    span_s: int
    held: dict[str, Held]


class Ring:
    """Reads them. Not for two tasks at once."""

    def __init__(self, store: Store, admission: Admission) -> None:
        self._store, self._admission, self._shelf = store, admission, Shelf(store)
        self._prefix = metric_keys.monitoring(store.space)
        self._metrics: dict[Name, Metric] = {}
        self._rows: dict[tuple[Name, int], list[Row]] = {}
        self.now_s = 0

    def clear(self) -> None:
        """Forget all of it: somebody else looked for a while."""
        self._metrics.clear()

    def about(self, name: Name) -> About | None:
        """What a metric is; None: nothing of it was ever heard."""
        found = self._metrics.get(name)
        return found.about if found else None

    async def refresh(self, wanted: Mapping[Name, int], now_s: int) -> None:
        """Have the slots of the last so many seconds of these metrics. Raises StoreAway."""
        self.now_s = now_s
        self._rows.clear()
        for name in self._metrics.keys() - wanted.keys():
            del self._metrics[name]
        await self._register(wanted)
        self._bound()
        fresh: list[Held] = []
        whole: dict[tuple[Span, int], list[Held]] = {}
        for metric in self._metrics.values():
            for sid, held in metric.held.items():
                due = WHOLE_S + int(sid[:2], 16) % 30
                if now_s - held.whole_s >= due or now_s < held.whole_s:
                    whole.setdefault((held.span, metric.span_s), []).append(held)
                else:
                    fresh.append(held)
        for (span, span_s), some in whole.items():
            await self._read_whole(some, span, span_s)
        await self._read_newest(fresh)
        for metric in self._metrics.values():
            for held in metric.held.values():
                _prune(held, now_s - metric.span_s - held.span.step_s)

    def rows(self, name: Name, window_s: int) -> list[Row]:
        """Each series of a metric, with what it had in the window that ends now."""
        found = self._rows.get((name, window_s))
        if found is None:
            metric = self._metrics.get(name)
            every = metric.held.values() if metric else ()
            rows = ((dict(one.series.labels), self._cell(one, window_s)) for one in every)
            found = list[Row](rows)
            self._rows[name, window_s] = found
        return found

    def _cell(self, held: Held, window_s: int) -> Cell | None:
        """What a series had in the window that ends now."""
        step_s, cells = held.span.step_s, held.cells
        begin_s = self.now_s - window_s
        begin_s -= begin_s % step_s
        made: Cell | None = None
        for at_s in range(begin_s, self.now_s + 1, step_s):
            cell = cells.get(at_s)
            if cell is not None:
                if made is None:
                    made = type(cell)()
                made.merge(cell)  # type: ignore[arg-type]  # of one series all are of one kind
        return made

    def _bound(self) -> None:
        """Let go of metrics that there is no room for."""
        room = CELLS_MAX
        for name, metric in list(self._metrics.items()):
            room -= sum(metric.span_s // one.span.step_s + 1 for one in metric.held.values())
            if room < 0:
                del self._metrics[name]

    async def _register(self, wanted: Mapping[Name, int]) -> None:
        """Which series there are now."""
        names = list(wanted)
        for start in range(0, len(names), TURN):
            part = names[start : start + TURN]
            sent = [
                (
                    self._read("HGET", metric_keys.metrics(self._prefix, tenant), name),
                    self._read("SMEMBERS", metric_keys.series_of(self._prefix, tenant, name)),
                )
                for tenant, name in part
            ]
            for name, (about, sids) in zip(part, sent, strict=True):
                await self._known(name, wanted[name], await about, await sids)

    async def _known(
        self, name: Name, span_s: int, about: bytes | None, sids: Iterable[bytes]
    ) -> None:
        """One metric, as the register has it."""
        kept = {sid.decode() for sid in sids}
        if about is None or not kept:
            self._metrics.pop(name, None)
            return
        kind, unit, own = about.decode().split(" ")
        now = About(cast("Letter", kind), unit, own == "1")
        metric = self._metrics.get(name)
        if metric is None or metric.about != now or metric.span_s < span_s:
            metric = self._metrics[name] = Metric(now, span_s, {})
        for gone in metric.held.keys() - kept:
            del metric.held[gone]
        new = sorted(kept - metric.held.keys())
        if not new:
            return
        rows = await self._read("HMGET", metric_keys.series(self._prefix, name[0]), *new)
        for sid, row in zip(new, cast("list[bytes | None]", rows), strict=True):
            if row is None:
                continue
            told = msgspec.json.decode(row, type=Registered)
            series = series_of(name[0], name[1], told.kind, unit, told.labels)
            prefix = self._store.prefix(tag_of(sid, self._store.partitions))
            span = SPANS[place(told.kind)][0]
            metric.held[sid] = Held(series, span, prefix, {})

    async def _read_whole(self, some: Sequence[Held], span: Span, span_s: int) -> None:
        begin_s = self.now_s - span_s
        grid = Grid(span, begin_s - begin_s % span.step_s, self.now_s + 1, span.step_s)
        bins = await self._shelf.read([one.series for one in some], grid, self.now_s)
        for held, found in zip(some, bins, strict=True):
            held.cells = {grid.from_s + i * span.step_s: cell for i, cell in found.items()}
            held.whole_s = self.now_s

    async def _read_newest(self, some: Sequence[Held]) -> None:
        for start in range(0, len(some), TURN):
            sent = [(held, self._ask(held)) for held in some[start : start + TURN]]
            for held, asked in sent:
                for number, slots, reply in asked:
                    _take(held, number, slots, await reply)

    def _ask(self, held: Held) -> list[tuple[int, Sequence[int], Awaitable[Any]]]:
        """The slots of the last minute, by the chunk they lie in."""
        span, series = held.span, held.series
        begin_s = self.now_s - NEWEST_S
        begin_s -= begin_s % span.step_s
        by_chunk: dict[int, list[int]] = {}
        for at_s in range(begin_s, self.now_s + 1, span.step_s):
            number = at_s // span.chunk_s
            by_chunk.setdefault(number, []).append((at_s - number * span.chunk_s) // span.step_s)
        asked: list[tuple[int, Sequence[int], Awaitable[Any]]] = []
        for number, slots in by_chunk.items():
            key = metric_keys.chunk(
                held.prefix, series.tenant, place(series.kind), series.sid, span.step_s, number
            )
            # What a gauge's fields are called depends on the replicas there are.
            command = ("HGETALL", key) if series.kind == "g" else ("HMGET", key, *slots)
            asked.append((number, slots, self._store.read(held.prefix, *command)))
        return asked

    def _read(self, *command: bytes | str | int) -> Awaitable[Any]:
        return self._store.read(self._prefix, *command)


def _take(held: Held, number: int, slots: Sequence[int], reply: Sequence[bytes | None]) -> None:
    """What a chunk has of some slots now."""
    span, kind, base = held.span, held.series.kind, number * held.span.chunk_s
    if kind == "g":
        first = min(slots)
        for slot, values in opened("g", cast("Sequence[bytes]", reply)):
            if slot >= first:
                at_s = base + slot * span.step_s
                level = Level()
                level.slots[at_s] = values
                held.cells[at_s] = level
        return
    scale = scale_of(held.series.name) if kind == "c" else 1
    for slot, text in zip(slots, reply, strict=True):
        # A chunk that was sealed meanwhile has nothing open: what is known of it stays.
        if text is None:
            continue
        if kind == "h":
            tally = Tally()
            add_packed(tally, msgspec.msgpack.decode(text))
            held.cells[base + slot * span.step_s] = tally
        else:
            counted = Sum()
            counted.n = float(text) / scale
            held.cells[base + slot * span.step_s] = counted


def _prune(held: Held, before_s: int) -> None:
    """Forget what no window reaches any more. Slots are about in the order of time."""
    cells = held.cells
    while cells:
        first = next(iter(cells))
        if first >= before_s:
            return
        del cells[first]
