"""The reader of ended executions: fetches a profile of each, and has it kept, once.

The leader reads; others take over where it was. In each partition executions are looked at in the
order of their ends. What is kept says up to which end that is, in the same script, so a reader that
died half-way, or two of them, keep nothing twice and leave nothing out.

It is off the way of executions: every two seconds, one profile after the other, all of up to 50 a
second of a tenant and 200 of all. Beyond that it takes one in 8, 16, 32, … by bits of the id, so
that a quarter of those are read where there is most to do, and counts what it passes over.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cache
from operator import itemgetter
from typing import Final, TypeAlias

import msgspec
import structlog

from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.instruments import counter
from orchestra.monitoring import Profiles
from orchestra.monitoring.analytics.keeping import DAY_S, Entry, Shelf
from orchestra.monitoring.analytics.profiles import packed, profile_of
from orchestra.monitoring.metrics.leading import Leading
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

TURN_S: Final = 2.0
RETRY_S: Final = 1.0
PACK_S: Final = 600.0
PAGE: Final = 500
PER_S: Final = 50
ALL_PER_S: Final = 200
LEVEL_MAX: Final = 12
LESS: Final = 2
"""So many halvings more as soon as not all are taken: a sample need not be as large as all."""
_FAULTS: Final = (
    ArithmeticError, ValueError, LookupError, TypeError, AttributeError, AssertionError,
    msgspec.MsgspecError,
)  # fmt: skip
"""Of one execution: it would be the next one again and again, and the end of all reading."""
_DROPPED = counter("orchestra_dropped_total", ("what",))


Ended: TypeAlias = tuple[str, str, int]
"""An execution that ended, its tenant, when in ms; no tenant: it is archived."""
_who, _when = itemgetter(1), itemgetter(2)
_CHANCE: Final = slice(-7, -4)
"""Random digits of an id: its last byte says where it lives, those before it are chance.

The script that keeps fewer of a day looks at the byte before; these are in front of that.
"""


class Reader:
    """Reads while this replica leads. `serve` must run."""

    def __init__(
        self, profiles: Profiles, shelf: Shelf, clock: Clock, leading: Leading,
        per_s: int = PER_S, all_per_s: int = ALL_PER_S,
    ) -> None:  # fmt: skip
        self._profiles, self._shelf, self._clock = profiles, shelf, clock
        self._leading, self._per_s, self._all_per_s = leading, per_s, all_per_s
        self._at: dict[int, int] = {}
        self._packed_s = float("-inf")

    async def serve(self) -> None:
        """Until cancelled: read while this replica leads."""
        while True:
            await self._leading.elected()
            try:
                await self.begin()
                while self._leading.leads:
                    more = await self.turn()
                    await self._look_for_full_days()
                    await self._clock.sleep(TURN_S if not more else TURN_S / 10)
            except OrchestraError as stopped:
                log.debug("analytics.reading_stopped", error=stopped.code)
            await self._clock.sleep(RETRY_S)

    async def begin(self) -> None:
        """Where the last reader was. Raises StoreAway."""
        self._at = await self._shelf.positions()

    async def turn(self) -> bool:
        """Keep what ended since the last turn; whether there is more. Raises StoreAway."""
        pages: dict[int, tuple[int, list[Ended]]] = {}
        more = False
        for tag in self._tags:
            reply = await self._profiles.ended(tag, self._at.get(tag, 0), PAGE)
            more = more or bool(reply["more"])
            pages[tag] = (int(reply["until_ms"]), reply["executions"])
        every = [one for _, page in pages.values() for one in page]
        if not every:
            self._at |= {tag: until for tag, (until, _) in pages.items()}
            return False
        levels = self._levels(every)
        for tag, (until_ms, page) in pages.items():
            if page:
                await self._keep(tag, until_ms, page, levels)
        self._at |= {tag: until for tag, (until, _) in pages.items()}
        await self._shelf.reached(self._at)
        return more

    @property
    def _tags(self) -> Sequence[int]:
        return self._profiles.tags()

    def _levels(self, every: Sequence[Ended]) -> dict[str, int]:
        """By tenant: one in 2^level is taken."""
        ends = [*map(_when, every)]
        span_s = max(TURN_S, (max(ends) - min(ends)) / 1_000)
        least = _level(len(every), self._all_per_s * span_s)
        counts = Counter(map(_who, every))
        return {who: max(least, _level(n, self._per_s * span_s)) for who, n in counts.items()}

    async def _keep(
        self, tag: int, until_ms: int, page: Sequence[Ended], levels: dict[str, int]
    ) -> None:
        entries: dict[str, list[Entry]] = defaultdict(list)
        skipped = Counter(map(_who, page))
        some = {who: _some(level) for who, level in levels.items() if who and level}
        some[""] = frozenset()
        for execution, who, ended_ms in [
            one for one in page if one[1] not in some or one[0][_CHANCE] in some[one[1]]
        ]:
            entry = await self._fetch(Tenant(who), execution, ended_ms)
            if entry is not None:
                entries[who].append(entry)
                skipped[who] -= 1
        if skipped.pop("", 0):
            _DROPPED.add(1, "profiles")
        for who, n in skipped.items():
            await self._shelf.keep(Tenant(who), tag, until_ms, entries[who], n)

    async def _fetch(self, tenant: Tenant, execution: str, ended_ms: int) -> Entry | None:
        """None of what cannot be read: it is damaged, or goes on. Raises StoreAway."""
        try:
            told = await self._profiles.profile(tenant, execution)
            made = packed(execution, ended_ms, profile_of(told))
        except OrchestraError as error:
            if error.retryable:
                raise
            log.debug("analytics.no_profile", execution_id=execution, error=error.code)
            return None
        except _FAULTS:
            log.exception("analytics.profile_broken", execution_id=execution)
            return None
        return str(told["workflow"]), ended_ms // (DAY_S * 1_000), made

    async def _look_for_full_days(self) -> None:
        if self._clock.monotonic() - self._packed_s < PACK_S:
            return
        self._packed_s = self._clock.monotonic()
        today = self._clock.now_ms() // (DAY_S * 1_000)
        for tenant in await self._shelf.tenants():
            await self._shelf.pack(tenant, today)


def _level(n: int, allowed: float) -> int:
    level = 0
    while n > allowed * (1 << level) and level < LEVEL_MAX:
        level += 1
    return min(level + LESS, LEVEL_MAX) if level else 0


@cache
def _some(level: int) -> frozenset[str]:
    """What is where `_CHANCE` looks, in one of 2^level ids."""
    return frozenset(f"{bits:03x}" for bits in range(0, 1 << LEVEL_MAX, 1 << level))
