"""How many lines of the log match: what rules about the log ask for."""

from collections.abc import Sequence
from typing import Any, cast

from orchestra.clock import Clock
from orchestra.errors import Invalid, Problem
from orchestra.instants import instant
from orchestra.monitoring.logs.asking import Asking, Wanted
from orchestra.monitoring.logs.language import parsed
from orchestra.monitoring.logs.lines import NAMES
from orchestra.store.keys import Tenant


class Lines:
    """Counts them, with the search of the log."""

    def __init__(self, asking: Asking, clock: Clock) -> None:
        self._asking, self._clock = asking, clock

    def check(self, query: str) -> Sequence[Problem]:
        """Everything wrong with a search; pointers are empty."""
        try:
            parsed(query)
        except Invalid as invalid:
            return [one for one in invalid.findings if isinstance(one, Problem)]
        return []

    async def count(self, tenant: Tenant, query: str, window_s: int, most: int) -> int:
        """Those of the last so many seconds, at most `most`. Raises Invalid, StoreAway."""
        now_ms = self._clock.now_ms()
        [found] = await self.over(tenant, query, (now_ms - window_s * 1_000, now_ms), 1)
        return min(found, most)

    async def over(
        self, tenant: Tenant, query: str, span_ms: tuple[int, int], buckets: int
    ) -> list[int]:
        """In each of so many parts of a span. Raises Invalid, StoreAway."""
        since, until = (instant(at) for at in span_ms)
        found = await self._asking.counted(Wanted([tenant], query, since, until), buckets)
        rows = cast("list[dict[str, Any]]", found.shown()["buckets"])
        return [sum(row[name] for name in NAMES) for row in rows]
