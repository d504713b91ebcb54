"""OpenTelemetry in this process: what is gathered while it is up, and its last words at the end."""

import importlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import anyio
import anyio.to_thread
import structlog
from litestar.types import ControllerRouterHandler

from orchestra import tracing
from orchestra.clock import Clock, Random
from orchestra.errors import OrchestraError
from orchestra.instruments import INSTRUMENTS, counter
from orchestra.log import COVERED, EXPORTED
from orchestra.otel.readings import Snapshot, snapshot
from orchestra.otel.shipping import BATCH, Latest, Shipping, Spans
from orchestra.otel_settings import headers_of
from orchestra.settings import Settings
from orchestra.tap import Line

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0
SPANS_S: Final = 1.0
LINES_S: Final = 1.0
FIGURES_S: Final = 15.0
STOP_S: Final = 2.0
"""For the last batches. What a collector has not taken by then is lost."""
_DROPPED = counter("orchestra_dropped_total", ("what",))
_SENT = counter("orchestra_otel_sent_total", ("what",))


class ExtraMissing(OrchestraError):
    """`otel_endpoint` is set, and the packages it needs are not installed. Ends the start."""


def collecting(settings: Settings, clock: Clock, chance: Random) -> "Sequence[OtelModule]":
    """The module, if what is gathered is to go anywhere. Raises ExtraMissing."""
    return () if settings.otel_endpoint is None else (OtelModule(settings, clock, chance),)


class OtelModule:
    """A `Module`: the first to start, so that it tells of the others' ends, too."""

    name = "otel"
    routes: Sequence[ControllerRouterHandler] = ()

    def __init__(self, settings: Settings, clock: Clock, chance: Random) -> None:
        """Raises ExtraMissing."""
        assert settings.otel_endpoint is not None
        try:
            sdk: Any = importlib.import_module("orchestra.otel.exporting")
        except ImportError as missing:
            told = 'otel_endpoint needs the extra "otel": pip install "orchestra-server[otel]"'
            raise ExtraMissing(f"{told} ({missing.name} is not installed)") from missing
        headers = headers_of(settings.otel_headers)
        for value in headers.values():
            COVERED.add(value)
        self._clock, self._chance, self._ratio = clock, chance, settings.otel_sample
        self._since_ns = clock.now_ms() * 1_000_000
        self.spans, self._figures = Spans(), Latest[Snapshot]()
        self._sdk = sdk.Exporting(
            settings.otel_endpoint,
            headers,
            settings.otel_service_name,
            EXPORTED.replica,
            clock.monotonic,
        )
        self._told: dict[str, int] = {}
        self._well = True
        self.shipping: dict[str, Shipping[Any]] = {
            "spans": Shipping("spans", self.spans.batch, self._sdk.spans, SPANS_S, self.spans.wake),
            "lines": Shipping("lines", _lines, self._sdk.lines, LINES_S),
            "figures": Shipping("figures", self._figures.batch, self._sdk.figures, FIGURES_S),
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Spans and lines are gathered and sent for the duration of the block."""
        for one in self.shipping.values():
            one.start()
        tracing.configure(self.spans, self._clock, self._chance, self._ratio)
        EXPORTED.open = True
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._look)
                try:
                    yield
                finally:
                    group.cancel_scope.cancel()
        finally:
            tracing.close(self.spans)
            EXPORTED.open = False
            with anyio.CancelScope(shield=True):
                await self._stop()

    async def quiesce(self) -> None:
        """Nobody waits here."""

    async def check(self) -> None:
        """A collector that is away is nobody's trouble."""

    async def _look(self) -> None:
        """Count what was lost, and hand over the figures, now and then."""
        next_s = 0.0
        while True:
            if self._clock.monotonic() >= next_s:
                next_s = self._clock.monotonic() + FIGURES_S
                self.gather()
            self.count()
            await self._clock.sleep(LOOK_S)

    def gather(self) -> None:
        """The figures as they are now are sent next."""
        at_ns = self._clock.now_ms() * 1_000_000
        self._figures.put(snapshot(INSTRUMENTS, self._since_ns, at_ns))
        self.shipping["figures"].hurry()

    def count(self) -> None:
        """Count what was sent and what was lost since the last time."""
        for what, one in self.shipping.items():
            lost = {"spans": self.spans.over}.get(what, 0) + one.failed
            self._more(_DROPPED, what, f"lost {what}", lost)
            self._more(_SENT, what, f"sent {what}", one.sent)
        over = EXPORTED.lost()
        if over:
            _DROPPED.add(over, "lines")
        well = all(one.well for one in self.shipping.values())
        if well != self._well:
            self._well = well
            if well:
                log.info("otel.export_recovered")
            else:
                log.warning("otel.export_failing")

    def _more(self, counted: Any, what: str, name: str, now: int) -> None:
        more, self._told[name] = now - self._told.get(name, 0), now
        if more:
            counted.add(more, what)

    async def _stop(self) -> None:
        """The last of it, within two seconds."""
        self.gather()
        for one in self.shipping.values():
            one.stop()
        await anyio.to_thread.run_sync(self._ended)
        self.count()
        left = len(self.spans)
        if left:
            _DROPPED.add(left, "spans")
            log.warning("otel.spans_lost", spans=left)

    def _ended(self) -> None:
        """For a thread: until all is sent, or for two seconds."""
        until = self._clock.monotonic() + STOP_S
        for one in self.shipping.values():
            one.join(until - self._clock.monotonic())
        self._sdk.shutdown()


def _lines() -> list[Line]:
    return EXPORTED.take(most=BATCH)
