"""Figures from series, where every execution and every call is counted: sums, spreads, days."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from orchestra.clock import Clock
from orchestra.instruments import Tally
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.asking import Question
from orchestra.monitoring.metrics.functions import Bins, Sum
from orchestra.store.keys import Tenant

DAY_S: Final = 86_400
HOUR_S: Final = 3_600
POINTS: Final = 384
"""Steps are asked for in slices: an answer has at most 400 of them."""
GROUPS_MAX: Final = 200

Where = tuple[tuple[str, str], ...]
Values = tuple[str, ...]


class Exact:
    """Asks for them. Each raises StoreAway, QueryTooWide."""

    def __init__(self, answers: Answers, clock: Clock) -> None:
        self._answers, self._clock = answers, clock

    def now_s(self) -> int:
        """The present second."""
        return self._clock.now_ms() // 1_000

    async def sums(
        self, tenant: Tenant, metric: str, window_s: int, by: Sequence[str], where: Where = ()
    ) -> Counter[Values]:
        """What a counter grew by, by values of labels."""
        found: Counter[Values] = Counter()
        for labels, bins in await self._window(tenant, metric, window_s, by, where):
            for cell in bins.values():
                assert isinstance(cell, Sum)
                found[tuple(labels[name] for name in by)] += cell.n  # type: ignore[assignment]  # counts of money are no integers
        return found

    async def spreads(
        self, tenant: Tenant, metric: str, window_s: int, by: Sequence[str], where: Where = ()
    ) -> dict[Values, Tally]:
        """All values of a histogram, by values of labels."""
        found: dict[Values, Tally] = {}
        for labels, bins in await self._window(tenant, metric, window_s, by, where):
            into = found.setdefault(tuple(labels[name] for name in by), Tally())
            for cell in bins.values():
                assert isinstance(cell, Tally)
                into.merge(cell)
        return found

    async def known(self, tenant: Tenant, metric: str) -> bool:
        """Whether a metric has any series: else it says nothing, not zero."""
        return await self._answers.admission.about(tenant, metric) is not None

    async def steps(
        self, tenant: Tenant, metric: str, asked: tuple[int, int, int], by: Sequence[str],
        where: Where = (),
    ) -> dict[Values, Bins]:  # fmt: skip
        """Bins of `step_s` from the step in which `from_s` is: (from_s, to_s, step_s)."""
        begin, end, step_s = asked
        begin -= begin % step_s
        found: dict[Values, Bins] = {}
        slice_s = POINTS * step_s
        for since in range(begin, end, slice_s):
            question = Question(
                metric, since, min(since + slice_s, end), by=tuple(by), where=where,
                step_s=step_s, limit=GROUPS_MAX,
            )  # fmt: skip
            offset = (since - begin) // step_s
            for labels, bins in await self._answers.window(tenant, question, whole=False):
                into = found.setdefault(tuple(labels[name] for name in by), {})
                into.update({offset + i: cell for i, cell in bins.items()})
        return found

    async def _window(
        self, tenant: Tenant, metric: str, window_s: int, by: Sequence[str], where: Where
    ) -> list[tuple[dict[str, str], Bins]]:
        now_s = self.now_s()
        asked = Question(
            metric, now_s - window_s, now_s + 1, by=tuple(by), where=where, limit=GROUPS_MAX
        )
        return await self._answers.window(tenant, asked)
