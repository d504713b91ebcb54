"""Totals of windows that end now: what the overview is made of, and what rules will judge.

Each is one question to the register and the newest chunks of the series that match: whole hours
come from slots of an hour, so a day of a series is one or two chunks.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

from orchestra.clock import Clock
from orchestra.instruments import Tally
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import Question
from orchestra.monitoring.metrics.functions import Bins, Level, Sum
from orchestra.store.keys import Tenant

Groups = list[tuple[dict[str, str], Bins]]


class Totals:
    """Asks for them."""

    def __init__(self, answers: Answers, clock: Clock) -> None:
        self._answers, self._clock = answers, clock

    async def groups(
        self, tenant: Tenant, metric: str, window_s: int, by: Sequence[str] = (), step_s: int = 0
    ) -> Groups:
        """By labels, in one bin; with `step_s` in bins of so many seconds."""
        now_s = self._clock.now_ms() // 1_000
        asked = Question(
            metric, now_s - window_s, now_s + 1, by=tuple(by), step_s=step_s or None, limit=100
        )
        return await self._answers.window(tenant, asked, whole=not step_s)

    async def sums(
        self, tenant: Tenant, metric: str, window_s: int, *by: str
    ) -> Counter[tuple[str, ...]]:
        """What a counter grew by, by values of labels."""
        found: Counter[tuple[str, ...]] = Counter()
        for labels, bins in await self.groups(tenant, metric, window_s, by):
            for cell in bins.values():
                assert isinstance(cell, Sum)
                found[tuple(labels[name] for name in by)] += cast("Any", cell.n)
        return found

    async def spread(self, tenant: Tenant, metric: str, window_s: int) -> Tally:
        """All values of a histogram."""
        found = Tally()
        for _, bins in await self.groups(tenant, metric, window_s):
            for cell in bins.values():
                assert isinstance(cell, Tally)
                found.merge(cell)
        return found

    async def level(self, tenant: Tenant, metric: str) -> list[float] | None:
        """The last value of each series in the last half minute; None without any."""
        now_s = self._clock.now_ms() // 1_000
        asked = Question(metric, now_s - 30, now_s + 1, step_s=10, limit=100)
        found: list[float] = []
        for _, bins in await self._answers.window(tenant, asked):
            for cell in bins.values():
                assert isinstance(cell, Level)
                found += cell.slots[max(cell.slots)]
        return found or None
