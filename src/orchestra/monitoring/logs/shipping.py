"""Shipping: what this process logs, into the store, once a second or every 1,024 lines.

A crash loses what was logged since: a second. While the store is away lines wait in the tap, which
is bounded; how many were let go is told by the first line behind the gap.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from operator import itemgetter

import anyio
import anyio.to_thread
import msgspec
import structlog

from orchestra import instruments
from orchestra.clock import Clock
from orchestra.errors import OrchestraError, Storage, Unavailable
from orchestra.monitoring.logs.chunks import LINES_MAX, packed
from orchestra.monitoring.logs.lines import is_line
from orchestra.monitoring.logs.sealing import seal
from orchestra.monitoring.logs.shelf import Shelf
from orchestra.store.keys import Tenant
from orchestra.store.log_keys import SYSTEM
from orchestra.tap import Line, Tap

log = structlog.get_logger(__name__)

EVERY_S = 1.0
LOOK_S = 0.2
LEAVE_S = 2.0
_level: Callable[[Line], str] = itemgetter(1)
_tenant: Callable[[Line], str] = itemgetter(2)
_LINES = instruments.counter("orchestra_log_lines_total", ("level",))
_DROPPED = instruments.counter("orchestra_dropped_total", ("what",))


class Batch(msgspec.Struct, frozen=True):
    """Lines of one tenant on their way, and the number they were given."""

    tenant: Tenant
    number: int
    levels: Counter[str]
    data: bytes

    @property
    def lines(self) -> int:
        """How many there are."""
        return self.levels.total()


class Shipping:
    """The way of a process's lines to the store."""

    def __init__(self, shelf: Shelf, tap: Tap, clock: Clock, replica: str) -> None:
        self._shelf, self._tap, self._clock, self._replica = shelf, tap, clock, replica
        self._numbers = count(1)
        self._held: list[Batch] = []
        """Batches whose outcome is unknown: the same again, under the same number."""

    async def serve(self) -> None:
        """Until cancelled."""
        while True:
            await self._due()
            await self.ship()

    async def _due(self) -> None:
        until = self._clock.monotonic() + EVERY_S
        while self._clock.monotonic() < until and len(self._tap) < LINES_MAX:
            await self._clock.sleep(LOOK_S)

    async def ship(self) -> bool:
        """Hand on what there is. False when the store did not take it: it waits."""
        while self._held or await self._take():
            one = self._held[0]
            said = (self._replica, one.number)
            try:
                to_seal = await self._shelf.append(one.tenant, one.data, one.lines, said)
            except (Unavailable, Storage) as away:
                log.debug("log.not_shipped", error=away.code)
                return False
            except OrchestraError as refused:  # the same again would be refused again
                log.error("log.batch_refused", lines=one.lines, error=refused.code)  # noqa: TRY400 -- says all of it
                _DROPPED.add(one.lines, "log_lines")
                to_seal = False
            del self._held[0]
            for level, n in one.levels.items():
                _LINES.add(n, level)
            if to_seal:
                await seal(self._shelf, one.tenant)
        if lost := self._tap.lost():
            _DROPPED.add(lost, "log_lines")
            log.warning("log.lines_dropped", lines=lost)
        return True

    async def leave(self) -> None:
        """Hand on the last lines, if that can be done soon."""
        with anyio.move_on_after(LEAVE_S):
            await self.ship()

    async def _take(self) -> bool:
        """Get the next lines ready. Never more than a few, so that the tap bounds the others."""
        least = "debug"
        try:
            self._shelf.store.admit()
        except OrchestraError:  # a store that is nearly full is told what matters only
            least = "warning"
        lines = self._tap.take(least, LINES_MAX)
        if lines:
            self._held = await anyio.to_thread.run_sync(self._batches, lines)
        return bool(lines)

    def _batches(self, lines: Sequence[Line]) -> list[Batch]:
        whose = set(map(_tenant, lines))
        if len(whose) == 1:  # most of the time
            return [self._batch(whose.pop(), lines)]
        by_tenant: dict[str, list[Line]] = {one: [] for one in whose}
        for line in lines:
            by_tenant[line[2]].append(line)
        return [self._batch(tenant, found) for tenant, found in by_tenant.items()]

    def _batch(self, whose: str, lines: Sequence[Line]) -> Batch:
        tenant = Tenant(whose) if whose else SYSTEM
        texts = [line[3] for line in lines if is_line(line[3])]
        return Batch(tenant, next(self._numbers), Counter(map(_level, lines)), packed(texts))
