"""The metrics part of monitoring: wiring and lifetime."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
import structlog
from litestar import Router
from litestar.types import ControllerRouterHandler

from orchestra import __version__
from orchestra.clock import Clock, Ids
from orchestra.errors import OrchestraError
from orchestra.instruments import histogram
from orchestra.monitoring import Ledger, Views
from orchestra.monitoring.dashboard_routes import DashboardRoutes
from orchestra.monitoring.metrics.admission import Admission
from orchestra.monitoring.metrics.answering import Answers
from orchestra.monitoring.metrics.buffer import Buffer
from orchestra.monitoring.metrics.counting import Counting
from orchestra.monitoring.metrics.forgetting import Forgetting
from orchestra.monitoring.metrics.gathering import Gatherer
from orchestra.monitoring.metrics.hearing import Overhear
from orchestra.monitoring.metrics.leading import Leading
from orchestra.monitoring.metrics.recording import Recorder
from orchestra.monitoring.metrics.routes import MetricRoutes, scraped
from orchestra.monitoring.metrics.sealing import LOOK_S, Sealer
from orchestra.monitoring.metrics.shelf import Shelf
from orchestra.monitoring.overview import Overview, Sources
from orchestra.monitoring.pulse import Pulse
from orchestra.monitoring.services import Services
from orchestra.monitoring.surveying import Surveying
from orchestra.monitoring.tending import tend
from orchestra.monitoring.uptime import Uptime
from orchestra.monitoring.windows import Windows
from orchestra.provided import provided
from orchestra.store.client import Store

log = structlog.get_logger(__name__)

FLUSH_S: Final = 1.0
_LAST_S: Final = 2.0
_FLUSH = histogram("orchestra_flush_seconds")


class MetricsPart:
    """Metrics of one replica. A `Part` of monitoring."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, views: Views, ledgers: Sequence[Ledger] = (),
        overhear: Overhear | None = None,
    ) -> None:  # fmt: skip
        self._store, self._clock, self._views = store, clock, views
        self.session = ids.new("mon").rpartition("-")[2]
        self.admission = Admission(store, clock)
        self.buffer = Buffer(store, self.session)
        self.recorder = Recorder(self.admission, self.buffer, clock)
        self.gatherer = Gatherer(self.admission, self.buffer, clock)
        self.answers = Answers(self.admission, Shelf(store), clock, self.buffer)
        self.sealer = Sealer(store, self.admission, clock)
        self.leading = Leading(store, clock, self.session)
        self.counting = Counting(store, clock, ledgers, self.gatherer, self.leading, overhear)
        self.windows = Windows(store, self.answers, clock)
        self.pulse = Pulse(store, clock)
        self.services = Services(store, clock, self.session, __version__, views.checks)
        surveys = (*views.surveys, self.services.survey, self.pulse.survey)
        self.surveying = Surveying(surveys, clock, self.leading, self.flush)
        self._flushing = anyio.Lock()
        self.overview = Overview(Sources(store, clock, self.windows, views, self.services))
        parts = {
            "recorder": self.recorder,
            "answers": self.answers,
            "forgetting": Forgetting(store, self.admission, clock, self.buffer),
            "overview": self.overview,
            "services": self.services,
            "uptime": Uptime(self.windows, clock),
            "clock": clock,
        }
        self.routes: Sequence[ControllerRouterHandler] = (
            Router(
                "/",
                route_handlers=[MetricRoutes, DashboardRoutes, scraped],
                dependencies=provided(parts),
            ),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hand over once a second what is measured; the last of it at the exit."""
        async with anyio.create_task_group() as group, self.leading.running():
            group.start_soon(tend, self._flush_always, self._clock)
            group.start_soon(tend, self._seal_always, self._clock)
            group.start_soon(tend, self.counting.serve, self._clock)
            group.start_soon(tend, self.pulse.serve, self._clock)
            group.start_soon(tend, self.services.serve, self._clock)
            group.start_soon(tend, self.surveying.serve, self._clock)
            yield
            group.cancel_scope.cancel()
        with anyio.move_on_after(_LAST_S, shield=True):
            await self.flush()
            await self.services.leave()

    async def quiesce(self) -> None:
        """Nothing is refused: the last of it is handed over at the exit."""

    async def flush(self) -> None:
        """Hand over all there is. What the store does not take now is handed over later."""
        async with self._flushing:
            await self._flush()

    async def _flush(self) -> None:
        began = self._clock.monotonic()
        try:
            await self.gatherer.gather()
            await self.recorder.refresh()
            await self.buffer.flush()
        except OrchestraError as away:
            log.debug("metrics.not_flushed", error=away.code)
            if self.recorder.away_since is None:
                self.recorder.away_since = began
        else:
            self.recorder.away_since = None
            _FLUSH.observe(self._clock.monotonic() - began)

    async def _flush_always(self) -> None:
        while True:
            await self._clock.sleep(FLUSH_S)
            await self.flush()

    async def _seal_always(self) -> None:
        while True:
            await self._clock.sleep(LOOK_S)
            if self.leading.leads:
                try:
                    await self.sealer.look()
                except OrchestraError as away:
                    log.debug("metrics.not_sealed", error=away.code)
