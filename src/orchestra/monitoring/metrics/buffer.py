"""What was measured and is not in the store yet: added up here, handed over once a second.

Who asks this process for values has them handed over first, so that what was recorded here is seen.
Each slot of the store is told under a number, so that what may not have arrived can be told again
and is added once. While the store is away it waits, in bounded number; the oldest is dropped.
"""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import anyio
import msgspec

from orchestra.errors import OrchestraError
from orchestra.instruments import Tally, counter
from orchestra.monitoring.metrics.series import PACKED_SPANS, Letter, Series, packed, tag_of
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

ITEMS_MAX: Final = 500
WAITING_MAX: Final = 120_000
"""60 s of 2,000 series."""
FINEST_S: Final[Mapping[str, int]] = {"c": 10, "f": 10, "g": 10, "h": 60}

_DROPPED = counter("orchestra_dropped_total", ("what",))


class Cell(NamedTuple):
    """A series in a slot of time."""

    kind: Letter
    tenant: Tenant
    sid: str
    at_s: int


Value = float | Tally


class _Lane:
    """What waits for one slot of the store. `sent`: told, and nobody knows whether it arrived."""

    __slots__ = ("n", "sent", "turn", "waiting")

    def __init__(self) -> None:
        self.turn = anyio.Lock()
        self.n = 0
        self.sent: list[bytes] = []
        self.waiting: dict[Cell, Value] = {}


class Buffer:
    """Gathers values, and hands them over when told to."""

    def __init__(self, store: Store, session: str) -> None:
        self._store, self._session = store, session
        self._apply = load_scripts("orchestra.monitoring")["flush_apply"]
        self._lanes: dict[int, _Lane] = {tag: _Lane() for tag in store.partitions}
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many cells are not in the store yet."""
        return self._waiting

    def add(self, series: Series, at_s: int, value: float) -> None:
        """A counter grew, or a gauge is so much now, or a histogram has one more value."""
        kind = series.kind
        step = FINEST_S[kind]
        cell = Cell(kind, series.tenant, series.sid, at_s - at_s % step)
        waiting = self._lanes[tag_of(series.sid, self._store.partitions)].waiting
        had = waiting.get(cell)
        if kind == "h":
            if had is None:
                had = waiting[cell] = Tally()
                self._grown()
            assert isinstance(had, Tally)
            had.add(value)
        elif had is None:
            waiting[cell] = value
            self._grown()
        else:
            assert not isinstance(had, Tally)
            waiting[cell] = value if kind == "g" else had + value

    def merge(self, series: Series, at_s: int, tally: Tally) -> None:
        """A histogram has more values. `tally` is not kept."""
        cell = Cell("h", series.tenant, series.sid, at_s - at_s % FINEST_S["h"])
        waiting = self._lanes[tag_of(series.sid, self._store.partitions)].waiting
        had = waiting.get(cell)
        if had is None:
            had = waiting[cell] = Tally()
            self._grown()
        assert isinstance(had, Tally)
        had.merge(tally)

    def _grown(self) -> None:
        self._waiting += 1
        if self._waiting > WAITING_MAX:
            lane = max(self._lanes.values(), key=lambda one: len(one.waiting))
            lane.waiting.pop(next(iter(lane.waiting)))
            self._waiting -= 1
            _DROPPED.add(1, "metrics")

    async def flush(self) -> None:
        """Hand over all there is. Raises StoreAway; what was not told stays, and is told later."""
        await self._hand_over(self._lanes)

    async def settle(self, sids: Collection[str]) -> None:
        """Hand over what was added to these series, for who reads them now. Raises as `flush`."""
        await self._hand_over({tag_of(sid, self._store.partitions) for sid in sids})

    async def _hand_over(self, tags: Collection[int]) -> None:
        failed: list[OrchestraError] = []
        async with anyio.create_task_group() as group:
            for tag in tags:
                lane = self._lanes[tag]
                if lane.sent or lane.waiting:
                    group.start_soon(self._try, tag, lane, failed)
        if failed:
            raise failed[0]

    async def _try(self, tag: int, lane: _Lane, failed: list[OrchestraError]) -> None:
        try:
            await self._tell(tag, lane)
        except OrchestraError as away:
            failed.append(away)

    async def _tell(self, tag: int, lane: _Lane) -> None:
        """What waits now, one at a time; what comes meanwhile is for the next time."""
        async with lane.turn:
            for _ in range(bool(lane.sent) + -(-len(lane.waiting) // ITEMS_MAX)):
                if not lane.sent:
                    lane.n += 1
                    lane.sent = self._taken(lane)
                await self._store.run(
                    self._apply, self._store.prefix(tag), *lane.sent,
                    session=self._session, n=lane.n, spans=PACKED_SPANS,
                )  # fmt: skip
                lane.sent = []

    def _taken(self, lane: _Lane) -> list[bytes]:
        taken = [(cell, lane.waiting.pop(cell)) for cell in list(lane.waiting)[:ITEMS_MAX]]
        self._waiting -= len(taken)
        return [item(cell, value, self._session) for cell, value in taken]


def item(cell: Cell, value: Value, replica: str) -> bytes:
    """As the scripts take it."""
    told = packed(value) if isinstance(value, Tally) else value
    return msgspec.msgpack.encode((cell.kind, cell.tenant, cell.sid, cell.at_s, told, replica))
