"""What series had in windows that end now or ended earlier: from the ring, else from the chunks."""

from collections.abc import Mapping
from typing import Final

from orchestra.clock import Clock
from orchestra.monitoring.alerts.judging import Row
from orchestra.monitoring.alerts.ration import NotLooked, Ration
from orchestra.monitoring.alerts.ring import SPAN_MAX_S, Name, Ring
from orchestra.monitoring.metrics.admission import About
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import Question

ROWS_MAX: Final = 100_000
"""Rows in memory, 0.2 to 2 KiB each. Windows that were read longest ago go first."""
FRESH_MAX_S: Final = 60
OLD_FRESH_S: Final = 60
"""What lies a while back changes no more; so often is it read again."""


class Windows:
    """Reads them; what was read lately is remembered."""

    def __init__(self, answers: Answers, ring: Ring, clock: Clock) -> None:
        self._answers, self._ring, self._clock = answers, ring, clock
        self._kept: dict[tuple[Name, int, int], list[Row]] = {}
        self.kept_rows = 0
        self._ration = Ration(clock)

    def forget(self) -> None:
        """Somebody else looked for a while: read all of it anew."""
        self._ring.clear()
        self._kept.clear()
        self.kept_rows = 0
        self._ration = Ration(self._clock)

    async def prepare(self, wanted: Mapping[Name, int], now_s: int) -> None:
        """Have the newest of these metrics at hand, for windows so long. Raises StoreAway."""
        self._ration.begin()
        await self._ring.refresh(wanted, now_s)

    def heard(self, name: Name) -> bool:
        """Whether anything of it is at hand."""
        return self._ring.about(name) is not None

    async def about(self, name: Name) -> About | None:
        """What a metric is; None: nothing of it was ever heard."""
        found = self._ring.about(name)
        return found if found else await self._answers.admission.about(*name)

    async def rows(self, name: Name, window_s: int, ago_s: int = 0) -> list[Row]:
        """Each series of a metric, with what it had in a window. Raises StoreAway, QueryTooWide.

        NotLooked: it was not read yet, and there is no time for it in this round.
        """
        if window_s <= SPAN_MAX_S and not ago_s and self._ring.about(name):
            return await self._ring.rows(name, window_s)
        key, began = (name, window_s, ago_s), self._clock.monotonic()
        kept = self._kept.get(key)
        fresh_s = OLD_FRESH_S if ago_s else min(window_s / 1_000, FRESH_MAX_S)
        if not self._ration.may(key, fresh_s if kept is not None else 0.0):
            if kept is None:
                raise NotLooked
            return kept
        end_s = self._clock.now_ms() // 1_000 - ago_s
        asked = Question(name[1], end_s - window_s, end_s + (0 if ago_s else 1))
        found: list[Row] = [
            (labels, next(iter(bins.values()), None))
            for labels, bins in await self._answers.window(name[0], asked)
        ]
        self._ration.spent(key, began)
        self._keep(key, found)
        return found

    def _keep(self, key: tuple[Name, int, int], found: list[Row]) -> None:
        if key in self._kept:
            self.kept_rows -= len(self._kept.pop(key)) + 1
        while self._kept and self.kept_rows + len(found) >= ROWS_MAX:
            self.kept_rows -= len(self._kept.pop(next(iter(self._kept)))) + 1
        self._kept[key] = found
        self.kept_rows += len(found) + 1  # one of nothing takes its place, too
