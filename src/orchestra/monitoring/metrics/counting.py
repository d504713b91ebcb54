"""Counts what journals say, exactly once, whoever crashes.

Counts and how far they go are one script in each slot of the store (`journal_apply`): it adds the
entries behind where the slot is, and says where it is now. A slot that is elsewhere refuses. So two
readers at once, a reader that died half-way, a reply that was lost: nothing is added twice, and
nothing is left out. The leader reads; a new one begins where the slot that has least is.

What a tail of this process brings anyway is counted as it comes (`Hearing`), and not read again.
"""

from collections.abc import Collection, Container, Mapping, Sequence
from typing import Any, Final, cast

import anyio
import msgspec
import structlog

from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.instruments import Tally, counter
from orchestra.monitoring import Counts, Ledger, Raw
from orchestra.monitoring.metrics.buffer import FINEST_S, Cell, item
from orchestra.monitoring.metrics.gathering import Gatherer
from orchestra.monitoring.metrics.hearing import Hearing, Overhear, order
from orchestra.monitoring.metrics.leading import Leading
from orchestra.monitoring.metrics.names import scale_of, unit_of
from orchestra.monitoring.metrics.series import PACKED_SPANS, Series, series_of, tag_of
from orchestra.store import metric_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

PAGE: Final = 250
TURN_S: Final = 1.0
RETRY_S: Final = 0.5
SHARE: Final = 20.0
"""After a full turn it rests so many times as long as that took, while it is not far behind."""
FAR: Final = 160
"""Full turns in a row after which it is far behind, and rests no more."""
DOUBT_S: Final = 5.0
"""Streams on which the tail brought nothing for so long are read in the store."""
_DROPPED = counter("orchestra_dropped_total", ("what",))

Place = tuple[str, str, Sequence[int]]
"""A stream, a position in it, the slots that are there."""
Move = tuple[str, str, str]
"""Stream, from, to."""
Sums = dict[int, dict[Cell, float | Tally]]
"""By slot of the store, what is added there."""


class Elsewhere(Exception):
    """A slot of the store is not where this reader believed: another one was faster."""


class Counting:
    """Reads the ledgers while this replica leads."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ledgers: Sequence[Ledger],
        gatherer: Gatherer,
        leading: Leading,
        overhear: Overhear | None = None,
    ) -> None:  # fmt: skip
        self._store, self._clock, self._ledgers = store, clock, tuple(ledgers)
        self._hearing = Hearing(ledgers, overhear)
        self._doubted = float("-inf")
        self._gatherer, self._leading = gatherer, leading
        self._apply = load_scripts("orchestra.monitoring")["journal_apply"]
        self._at: dict[int, dict[str, str]] = {}

    async def serve(self) -> None:
        """Until cancelled: count while this replica leads."""
        while True:
            await self._leading.elected()
            try:
                await self._term()
            except (OrchestraError, Elsewhere) as stopped:
                log.debug("metrics.counting_stopped", reason=type(stopped).__name__)
            finally:
                self._hearing.stop()
            await self._clock.sleep(RETRY_S)

    async def _term(self) -> None:
        await self.begin()
        full = 0
        while self._leading.leads:
            began = self._clock.monotonic()
            more = await self.turn()
            full = full + 1 if more else 0
            if not more:
                await self._clock.sleep(TURN_S)
            elif full < FAR:
                share = 1 if self._hearing.listens else SHARE
                await self._clock.sleep((self._clock.monotonic() - began) * share)
            else:
                await anyio.lowlevel.checkpoint()

    async def begin(self) -> None:
        """Where every slot is. Raises StoreAway."""
        sent = [
            (tag, self._store.read(prefix, "HGETALL", metric_keys.counted(prefix)))
            for tag in self._store.partitions
            for prefix in [self._store.prefix(tag)]
        ]
        found: dict[int, dict[str, str]] = {}
        for tag, reply in sent:
            flat = [one.decode() for one in cast("list[bytes]", await reply)]
            found[tag] = dict(zip(flat[::2], flat[1::2], strict=True))
        self._at = found
        self._hearing.begin()
        await self._look_for_gaps()

    async def turn(self) -> bool:
        """Count what is new, a page of each stream; whether some had a whole page.

        Raises StoreAway, Elsewhere: then `begin` again.
        """
        await self._tell_heard()
        moves: dict[int, list[Move]] = {}
        sums: Sums = {}
        lost = self._lost()
        pages = await self._pages(lost)
        for together in self._together(pages):
            await self._count(together, moves, sums)
        for name in lost:  # the executions of what came meanwhile are known now
            self._go_on(name, pages[name][2] if name in pages else ())
        await self._tell(moves, sums)
        return any(len(entries) >= PAGE for _, _, entries in pages.values())

    async def _tell_heard(self) -> None:
        """Tell what was heard: all slots are at the same place of each of its streams."""
        moved, counts = self._hearing.take()
        if not moved:
            return
        every = [(name, start, end) for name, (start, end) in moved.items()]
        sums: Sums = {}
        await self._sum(counts, self._at, sums)
        await self._tell(dict.fromkeys(self._at, every), sums)

    def _lost(self) -> set[str]:
        """Streams that are to be read."""
        if self._clock.monotonic() - self._doubted > DOUBT_S:
            self._doubted = self._clock.monotonic()
            self._hearing.doubt()
        return set(self._hearing.lost())

    async def _pages(self, lost: Collection[str]) -> dict[str, tuple[Ledger, str, Raw]]:
        """What follows in each of these streams behind the slot that has least of it."""
        sent: list[tuple[str, Ledger, str, Any]] = []
        for ledger in self._ledgers:
            for name, (key, prefix) in ledger.streams().items():
                if name not in lost:
                    continue
                least = min((self._at[tag].get(name, "") for tag in self._at), key=order)
                start = f"({least}" if least else "-"
                read = self._store.read(prefix, "XRANGE", key, start, "+", "COUNT", PAGE)
                sent.append((name, ledger, prefix, read))
        found: dict[str, tuple[Ledger, str, Raw]] = {}
        for name, ledger, prefix, reply in sent:
            entries = cast("Raw", await reply)
            if entries:
                found[name] = (ledger, prefix, entries)
        return found

    def _go_on(self, name: str, entries: Raw) -> None:
        """Hear what follows, when this was the last there is in the store."""
        places = {at.get(name, "") for at in self._at.values()}
        if entries and len(entries) < PAGE:
            self._hearing.resume(name, entries[-1][0].decode())
        elif not entries and len(places) == 1:
            self._hearing.resume(name, places.pop())

    def _together(self, pages: Mapping[str, tuple[Ledger, str, Raw]]) -> list[list[Place]]:
        """Streams that are counted in one go: all slots are at the same place of each.

        A stream that slots are at different places of (after a crash) is counted for each place.
        """
        self._read = pages
        even: list[Place] = []
        odd: list[list[Place]] = []
        for name in pages:
            places: dict[str, list[int]] = {}
            for tag, at in self._at.items():
                places.setdefault(at.get(name, ""), []).append(tag)
            if len(places) == 1:
                [(place, tags)] = places.items()
                even.append((name, place, tags))
            else:
                for place, tags in places.items():
                    alone: list[Place] = [(name, place, tags)]
                    odd.append(alone)
        return [even, *odd] if even else odd

    async def _count(
        self, together: Sequence[Place], moves: dict[int, list[Move]], sums: Sums
    ) -> None:
        """Count streams from where some slots are on, for these slots."""
        counts: Counts = {}
        wanted: set[int] = set()
        for name, place, tags in together:
            ledger, prefix, entries = self._read[name]
            last = entries[-1][0].decode()
            fresh = (
                [one for one in entries if order(one[0].decode()) > order(place)]
                if (place and len(together) == 1)
                else entries
            )
            if not fresh:
                continue
            await ledger.count(prefix, fresh, counts)
            wanted.update(tags)
            for tag in tags:
                moves.setdefault(tag, []).append((name, place, last))
        await self._sum(counts, wanted, sums)

    async def _sum(self, counts: Counts, wanted: Container[int], sums: Sums) -> None:
        """What is counted, by the slot that it is for, if that is wanted."""
        for series, at_s, value in await self._series(counts):
            tag = tag_of(series.sid, self._store.partitions)
            if tag in wanted:
                cell = Cell(series.kind, series.tenant, series.sid, at_s)
                _merge(sums.setdefault(tag, {}), cell, value)

    async def _series(self, counts: Counts) -> list[tuple[Series, int, float | Tally]]:
        """The series that counts belong to; those there is no room for are `other`."""
        found: list[tuple[Series, int, float | Tally]] = []
        for (tenant, name, labels, at_s), value in counts.items():
            kind = "h" if isinstance(value, Tally) else "c"
            series = series_of(Tenant(tenant), name, kind, unit_of(name), dict(labels))
            step = FINEST_S[kind]
            told = value if isinstance(value, Tally) else round(value * scale_of(name))
            found.append((series, at_s - at_s % step, told))
        instead = await self._gatherer.admitted([series for series, _, _ in found])
        return [(instead.get(one.sid, one), at_s, value) for one, at_s, value in found]

    async def _tell(
        self, moves: Mapping[int, list[Move]], sums: Mapping[int, Mapping[Cell, float | Tally]]
    ) -> None:
        """All slots at once. Raises Elsewhere, StoreAway, when every reply is there."""
        sent = [
            (
                tag,
                self._store.run(
                    self._apply,
                    self._store.prefix(tag),
                    *(item(cell, value, "") for cell, value in sums.get(tag, {}).items()),
                    moves=msgspec.msgpack.encode(moved),
                    spans=PACKED_SPANS,
                ),
            )
            for tag, moved in moves.items()
        ]
        failed: Exception | None = None
        for tag, reply in sent:
            try:
                done = await reply
            except OrchestraError as away:
                failed = away
                continue
            if not done:
                failed = failed or Elsewhere()
                continue
            for name, _, to in moves[tag]:
                self._at[tag][name] = to
        if failed is not None:
            raise failed

    async def _look_for_gaps(self) -> None:
        """Say it when entries that were not counted are gone."""
        for ledger in self._ledgers:
            for name, (key, prefix) in ledger.streams().items():
                least = min((self._at[tag].get(name, "") for tag in self._at), key=order)
                first = cast(
                    "Raw", await self._store.read(prefix, "XRANGE", key, "-", "+", "COUNT", 1)
                )
                if not first or order(first[0][0].decode()) <= order(least):
                    continue
                raw = cast("list[Any]", await self._store.read(prefix, "XINFO", "STREAM", key))
                about = dict(zip(raw[::2], raw[1::2], strict=True))
                if int(about[b"entries-added"]) > int(about[b"length"]) and least:
                    _DROPPED.add(1, "journal")
                    log.warning("metrics.journal_gap", stream=name, counted=least)


def _merge(into: dict[Cell, float | Tally], cell: Cell, value: float | Tally) -> None:
    had = into.get(cell)
    if had is None:
        into[cell] = value
    elif isinstance(had, Tally):
        assert isinstance(value, Tally)
        had.merge(value)
    else:
        assert not isinstance(value, Tally)
        into[cell] = had + value
