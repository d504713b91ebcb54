"""Figures of the whole installation: the leader reads them in the store, and alone shows them.

So a sum over replicas counts nothing twice. What is no longer read (a queue that is gone, a store
that is away) is shown no more, and so is everything when another replica leads.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.instruments import Gauge, Survey, Values
from orchestra.monitoring.metrics.leading import Leading

log = structlog.get_logger(__name__)

EVERY_S: Final = 2.0
LOOK_S: Final = 1.0

Shown = dict[tuple[str, Values], Gauge]


class Surveying:
    """Asks for them while this replica leads."""

    def __init__(
        self,
        surveys: Sequence[Survey],
        clock: Clock,
        leading: Leading,
        taken_over: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._surveys, self._clock, self._leading = tuple(surveys), clock, leading
        self._taken_over = taken_over
        self._shown: list[Shown] = [{} for _ in self._surveys]
        self._due = float("-inf")

    async def serve(self) -> None:
        """Until cancelled."""
        try:
            while True:
                await self._leading.elected()
                await self.look()
                if self._taken_over:  # who judges waits for nothing that is known here
                    await self._taken_over()
                while self._leading.leads:
                    await self._clock.sleep(LOOK_S)
                    await self.look()
                self._hide()  # also what was read while the claim ran out
        finally:
            self._hide()

    async def look(self) -> None:
        """Read them when it is time, and ours to do."""
        if not self._leading.leads:
            self._hide()
            return
        now = self._clock.monotonic()
        if now >= self._due:
            self._due = now + EVERY_S
            await self.read()

    async def read(self) -> None:
        """Read all once. What cannot be read now is not shown."""
        for n, survey in enumerate(self._surveys):
            found: Shown = {}
            try:
                for gauge, values, value in await survey():
                    gauge.set(value, *values)
                    found[gauge.name, values] = gauge
            except OrchestraError as away:
                log.debug("monitoring.not_surveyed", error=away.code)
            for key, gauge in self._shown[n].items():
                if key not in found:
                    gauge.forget(*key[1])
            self._shown[n] = found

    def _hide(self) -> None:
        self._due = float("-inf")
        for shown in self._shown:
            for (_, values), gauge in shown.items():
                gauge.forget(*values)
            shown.clear()
