"""The newest slots of the series that rules ask for, kept in memory and renewed every few seconds.

A round reads the register of each metric, and of each series only the slots that may have changed:
those of the last half minute. All of a window is read when a series is new here, and once in a
minute and a half for what came late.
"""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, Final, cast

import anyio
import msgspec
import structlog

from orchestra.instruments import Tally
from orchestra.monitoring.alerts.judging import Row
from orchestra.monitoring.alerts.slots import slots_of
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
from orchestra.monitoring.metrics.shelf import Grid, Shelf
from orchestra.store import metric_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

SPAN_MAX_S: Final = 3_600
"""Windows up to here are answered from memory."""
NEWEST_S: Final = 30
WHOLE_S: Final = 90
TURN: Final = 1_000
AT_ONCE: Final = 200
BREATH: Final = 100
REPLICAS_MAX: Final = 200
CELLS_MAX: Final = 1_000_000
"""Slots in memory, 20 to 80 bytes each. Metrics beyond are answered from their chunks."""

_UNREADABLE: Final = (msgspec.DecodeError, ValueError, LookupError, TypeError)
Name = tuple[Tenant, str]
Raw = bytes | list[bytes | None] | None
"""What a slot has in the store: of a gauge, of each replica."""
TOLD_MAX: Final = 12


class Held:
    """A series, and its newest slots. `whole_s`: when all of them were read."""

    __slots__ = (
        "key", "labels", "number", "prefix", "series", "slots", "span", "told", "whole_s",
    )  # fmt: skip

    def __init__(self, series: Series, prefix: str) -> None:
        self.series, self.prefix = series, prefix
        self.span = SPANS[place(series.kind)][0]
        self.labels = dict(series.labels)
        self.slots = slots_of(series.kind)
        self.whole_s, self.number, self.key = 0, -1, b""
        self.told: dict[int, Raw] = {}
        """What slots had at the last reading, as it came: the same again is not read twice."""

    def chunk(self, number: int) -> bytes:
        """The key of an open chunk; the last one that was asked for is remembered."""
        if number != self.number:
            one, kind = self.series, place(self.series.kind)
            step_s = self.span.step_s
            key = metric_keys.chunk(self.prefix, one.tenant, kind, one.sid, step_s, number)
            self.number, self.key = number, key.encode()
        return self.key


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
        self._script = load_scripts(__package__ or "")["newest_read"]
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
                step_s = held.span.step_s
                held.slots.cut((now_s - metric.span_s) // step_s - 1)

    async def rows(self, name: Name, window_s: int) -> list[Row]:
        """Each series of a metric, with what it had in the window that ends now."""
        found = self._rows.get((name, window_s))
        if found is None:
            metric = self._metrics.get(name)
            every = metric.held.values() if metric else ()
            found = list[Row]()
            for n, one in enumerate(every, 1):
                if n % BREATH == 0:  # an hour of a hundred histograms takes 20 ms
                    await anyio.lowlevel.checkpoint()
                step_s = one.span.step_s
                begin, end = (self.now_s - window_s) // step_s, self.now_s // step_s + 1
                found.append((one.labels, one.slots.cell(begin, end)))
            self._rows[name, window_s] = found
        return found

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
                row = (await about, await sids)
                try:
                    await self._known(name, wanted[name], *row)
                except _UNREADABLE:  # of one metric: rules about others are judged
                    log.exception("alert.metric_unreadable", metric=name[1], tenant=name[0])
                    self._metrics.pop(name, None)

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
            metric.held[sid] = Held(series, prefix)

    async def _read_whole(self, some: Sequence[Held], span: Span, span_s: int) -> None:
        begin_s = self.now_s - span_s
        grid = Grid(span, begin_s - begin_s % span.step_s, self.now_s + 1, span.step_s)
        bins = await self._shelf.read([one.series for one in some], grid, self.now_s)
        for held, found in zip(some, bins, strict=True):
            slots, first = slots_of(held.series.kind), grid.from_s // span.step_s
            for i in sorted(found):
                slots.put(first + i, found[i])
            held.slots, held.whole_s = slots, self.now_s
            held.told.clear()

    async def _read_newest(self, some: Sequence[Held]) -> None:
        """The slots of the last half minute: a call for each kind, partition and chunk."""
        asked: dict[tuple[str, Letter, int], list[Held]] = {}
        for held in some:
            step_s, chunk_s = held.span.step_s, held.span.chunk_s
            begin_s = self.now_s - NEWEST_S
            for number in range(begin_s // chunk_s, self.now_s // chunk_s + 1):
                letter: Letter = "c" if held.series.kind == "f" else held.series.kind
                asked.setdefault((held.prefix, letter, number), []).append(held)
            assert step_s <= chunk_s
        replicas = await self._replicas() if any(key[1] == "g" for key in asked) else []
        sent: list[tuple[list[Held], int, list[int], Awaitable[Any]]] = []
        for (prefix, letter, number), every in asked.items():
            slots = self._newest(every[0].span, number)
            fields = [b"%d" % slot for slot in slots]
            if letter == "g":
                fields = [b"%d:%b" % (slot, one) for slot in slots for one in replicas]
            for start in range(0, len(every) if fields else 0, AT_ONCE):
                part = every[start : start + AT_ONCE]
                keys = [one.chunk(number) for one in part]
                call = self._store.run(self._script, prefix, *fields, *keys, count=len(fields))
                first = number * part[0].span.chunk_s // part[0].span.step_s
                sent.append((part, first, slots, call))
        for part, first, slots, call in sent:
            for held, values in zip(part, await call, strict=True):
                try:
                    _take(held, first, slots, values, len(replicas))
                except _UNREADABLE:
                    log.exception("alert.slot_unreadable", metric=held.series.name)

    def _newest(self, span: Span, number: int) -> list[int]:
        """Slots of a chunk that may still change."""
        base_s = number * span.chunk_s
        first = max(self.now_s - NEWEST_S - base_s, 0) // span.step_s
        last = min(self.now_s - base_s, span.chunk_s - 1) // span.step_s
        return list(range(first, last + 1))

    async def _replicas(self) -> list[bytes]:
        """By whose names the values of gauges are kept: all that have told how they are."""
        found = await self._read("HKEYS", metric_keys.services(self._prefix))
        return cast("list[bytes]", found)[:REPLICAS_MAX]

    def _read(self, *command: bytes | str | int) -> Awaitable[Any]:
        return self._store.read(self._prefix, *command)


def _take(
    held: Held, first: int, slots: Sequence[int], values: list[bytes | None], replicas: int
) -> None:
    """What some slots have now. A chunk that was sealed has nothing open: what is known stays."""
    kind, keep, told = held.series.kind, held.slots, held.told
    scale = scale_of(held.series.name) if kind == "c" else 1
    for n, slot in enumerate(slots):
        raw = values[n * replicas : (n + 1) * replicas] if kind == "g" else values[n]
        at = first + slot
        if told.get(at) == raw:
            continue
        told[at] = raw
        cell = _cell(kind, at, raw, scale)
        if cell is not None:
            keep.put(at, cell)
    while len(told) > TOLD_MAX:
        del told[next(iter(told))]


def _cell(kind: Letter, at: int, raw: Raw, scale: int) -> Cell | None:
    """What a slot has, of what is stored."""
    if isinstance(raw, list):
        level = Level()
        level.slots[at] = [float(one) for one in raw if one is not None]
        return level if level.slots[at] else None
    if raw is None:
        return None
    if kind == "h":
        tally = Tally()
        add_packed(tally, msgspec.msgpack.decode(raw))
        return tally
    counted = Sum()
    counted.n = float(raw) / scale
    return counted
