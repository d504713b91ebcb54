"""Windows that end now, asked for again and again: what is over is remembered for a minute.

A window is read in two parts. Up to a few minutes ago nothing changes any more: that is one
question, repeated each minute. The rest is a handful of slots of each series, read each time. Which
series there are is read anew when their number changed, and twice a minute.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import msgspec

from orchestra.clock import Clock
from orchestra.instruments import Tally
from orchestra.monitoring.metrics.admission import Row
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import Question
from orchestra.monitoring.metrics.functions import Bins, Cell, Sum
from orchestra.monitoring.metrics.names import PREFIX, scale_of
from orchestra.monitoring.metrics.series import SPANS, Series, add_packed, place, series_of, tag_of
from orchestra.store import metric_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

FRESH_S: Final = 180
"""Of the newest slots, so old at most, each is read each time."""
KNOWN_S: Final = 30.0
KEPT_MAX: Final = 2_000
LAST_S: Final = 30
"""A gauge that nobody set for so long has no value."""

Labels = tuple[tuple[str, str], ...]
Older = dict[Labels, Bins]


class _Known(NamedTuple):
    read_s: float
    rows: int
    by_metric: Mapping[str, Sequence[Series]]


class _Past(NamedTuple):
    from_s: int
    until_s: int
    series: Older


class Windows:
    """Reads them."""

    def __init__(self, store: Store, answers: Answers, clock: Clock) -> None:
        self._store, self._answers, self._clock = store, answers, clock
        self._prefix = metric_keys.monitoring(store.space)
        self._known: dict[Tenant, _Known] = {}
        self._past: dict[tuple[Tenant, str, int, int], _Past] = {}

    async def sums(self, tenant: Tenant, metric: str, window_s: int) -> dict[Labels, float]:
        """What a counter grew by, by series. Raises StoreAway."""
        found: dict[Labels, float] = {}
        for labels, bins in (await self.bins(tenant, metric, window_s)).items():
            found[labels] = sum(one.n for one in bins.values() if isinstance(one, Sum))
        return found

    async def spread(self, tenant: Tenant, metric: str, window_s: int) -> Tally:
        """All values of a histogram. Raises StoreAway."""
        found = Tally()
        for bins in (await self.bins(tenant, metric, window_s)).values():
            for cell in bins.values():
                assert isinstance(cell, Tally)
                found.merge(cell)
        return found

    async def bins(self, tenant: Tenant, metric: str, window_s: int, step_s: int = 0) -> Older:
        """By series: one bin, or bins of `step_s` (a minute or more) from `window_s` ago on.

        The window begins at a whole step, or minute. Raises StoreAway.
        """
        now_s = self._clock.now_ms() // 1_000
        step = step_s or 60
        begin_s = (now_s - window_s) // step * step
        cut_s = max(begin_s, (now_s - FRESH_S) // 60 * 60 + 60)
        series = (await self.series(tenant)).get(metric, ())
        whole_s = max(begin_s, cut_s // step * step)  # a question ends with a whole step
        past = await self._before(tenant, metric, (window_s, step_s), (begin_s, whole_s))
        found: Older = {labels: dict(bins) for labels, bins in past.series.items()}
        if whole_s < cut_s:
            past = await self._before(tenant, metric, (0, 60), (whole_s, cut_s))
            for labels, bins in past.series.items():
                kept, i = found.setdefault(labels, {}), (whole_s - begin_s) // step
                for cell in bins.values():
                    kept[i] = _both(kept.get(i), cell)
        fresh = await self._fresh(series, past.until_s, now_s)
        for one, slots in zip(series, fresh, strict=True):
            bins = found.setdefault(one.labels, {})
            for at_s, value in slots:
                i = (at_s - begin_s) // step_s if step_s else 0
                bins[i] = _added(bins.get(i), one, value)
        return found

    async def last(self, tenant: Tenant, metric: str, sessions: Sequence[str]) -> list[float]:
        """The newest values of each series of a gauge, one of each replica that set it lately.

        `sessions`: the replicas that are alive. Raises StoreAway.
        """
        now_s = self._clock.now_ms() // 1_000
        step, series = SPANS["g"][0].step_s, (await self.series(tenant)).get(metric, ())
        slots = range(now_s - now_s % step, now_s - LAST_S, -step)
        found: list[float] = []
        sent = [(one, at_s, self._ask(one, [at_s], sessions)) for one in series for at_s in slots]
        told: set[tuple[str, int]] = set()
        for one, _, asked in sent:
            for n, value in enumerate(await asked[0][1]):
                if value is not None and (one.sid, n) not in told:
                    told.add((one.sid, n))
                    found.append(float(value))
        return found

    async def series(self, tenant: Tenant) -> Mapping[str, Sequence[Series]]:
        """All series of ours that a tenant has, by metric. Raises StoreAway."""
        reg = metric_keys.series(self._prefix, tenant)
        rows = int(await self._store.read(self._prefix, "HLEN", reg))
        known, now = self._known.get(tenant), self._clock.monotonic()
        if known is not None and known.rows == rows and now - known.read_s < KNOWN_S:
            return known.by_metric
        texts = cast("list[bytes]", await self._store.read(self._prefix, "HVALS", reg))
        found: dict[str, list[Series]] = {}
        for text in texts:
            row = msgspec.json.decode(text, type=Row)
            if row.name.startswith(PREFIX):
                one = series_of(tenant, row.name, row.kind, "", row.labels)
                found.setdefault(row.name, []).append(one)
        _make_room(self._known)
        self._known[tenant] = _Known(now, len(texts), found)
        return found

    async def _before(
        self, tenant: Tenant, metric: str, of: tuple[int, int], between: tuple[int, int]
    ) -> _Past:
        """What is over, from `between` one second to the other."""
        begin_s, cut_s = between
        key = (tenant, metric, *of)
        past = self._past.get(key)
        if past is not None and (past.from_s, past.until_s) == between:
            return past
        found: Older = {}
        if begin_s < cut_s:
            asked = Question(metric, begin_s, cut_s, step_s=of[1] or None, limit=100)
            for labels, bins in await self._answers.window(tenant, asked, whole=not of[1]):
                found[tuple(sorted(labels.items()))] = bins
        _make_room(self._past)
        self._past[key] = _Past(begin_s, cut_s, found)
        return self._past[key]

    async def _fresh(
        self, series: Sequence[Series], from_s: int, now_s: int
    ) -> list[list[tuple[int, Any]]]:
        """What is stored in the newest slots of each."""
        sent: list[list[tuple[Sequence[int], Any]]] = []
        for one in series:
            step = SPANS[place(one.kind)][0].step_s
            sent.append(self._ask(one, range(from_s, now_s + 1, step)))
        return [
            [
                (at_s, value)
                for slots, reply in asked
                for at_s, value in zip(slots, cast("list[Any]", await reply), strict=True)
                if value is not None
            ]
            for asked in sent
        ]

    def _ask(
        self, one: Series, slots: Iterable[int], sessions: Sequence[str] = ()
    ) -> list[tuple[Sequence[int], Any]]:
        """Ask for slots of a series, chunk by chunk: which, and what will answer."""
        span, prefix = SPANS[place(one.kind)][0], self._store.prefix(self._tag(one))
        chunks: dict[int, list[int]] = {}
        for at_s in slots:
            chunks.setdefault(at_s // span.chunk_s, []).append(at_s)
        found: list[tuple[Sequence[int], Any]] = []
        for number, part in chunks.items():
            key = metric_keys.chunk(
                prefix, one.tenant, place(one.kind), one.sid, span.step_s, number
            )
            fields = [str(at_s % span.chunk_s // span.step_s) for at_s in part]
            if sessions:
                fields = [f"{field}:{session}" for field in fields for session in sessions]
            found.append((part, self._store.read(prefix, "HMGET", key, *fields)))
        return found

    def _tag(self, one: Series) -> int:
        return tag_of(one.sid, self._store.partitions)


def _added(cell: Cell | None, series: Series, value: Any) -> Cell:
    """A new cell with what was there and what is stored in a slot."""
    if series.kind == "h":
        tally = Tally()
        if isinstance(cell, Tally):
            tally.merge(cell)
        add_packed(tally, msgspec.msgpack.decode(value))
        return tally
    found = Sum()
    found.n = cell.n if isinstance(cell, Sum) else 0.0
    found.n += int(value) / scale_of(series.name) if series.kind == "c" else float(value)
    return found


def _both(one: Cell | None, other: Cell) -> Cell:
    """A new cell with what is in two."""
    found = type(other)()
    for cell in (one, other):
        if cell is not None:
            found.merge(cell)  # type: ignore[arg-type]  # cells of one series are of one kind
    return found


def _make_room(kept: dict[Any, Any]) -> None:
    if len(kept) >= KEPT_MAX:
        kept.clear()
