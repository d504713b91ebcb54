"""How this process and its store are, felt once a second: the loop, a round trip, memory."""

import platform
from typing import Final

import structlog

from orchestra import __version__
from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.instruments import histogram, measure
from orchestra.monitoring.metrics.leading import Leading
from orchestra.store import metric_keys
from orchestra.store.client import Store

log = structlog.get_logger(__name__)

NAP_S: Final = 0.25
NAPS: Final = 4
MEMORY_EVERY: Final = 5
_LAG = histogram("orchestra_loop_lag_seconds")
_STORE = histogram("orchestra_store_seconds", ("profile",))
_MEMORY = measure("orchestra_store_memory_bytes")
_MEMORY_MAX = measure("orchestra_store_memory_max_bytes")
_BUILD = measure("orchestra_build_info", ("version", "python", "durability"))


class Pulse:
    """Feels it until cancelled."""

    def __init__(self, store: Store, clock: Clock, leading: Leading) -> None:
        self._store, self._clock, self._leading = store, clock, leading
        self._prefix = metric_keys.monitoring(store.space)
        self._beats = 0

    async def serve(self) -> None:
        """Until cancelled."""
        while True:
            for _ in range(NAPS):
                before = self._clock.monotonic()
                await self._clock.sleep(NAP_S)
                _LAG.observe(max(self._clock.monotonic() - before - NAP_S, 0.0))
            try:
                await self.feel()
            except OrchestraError as away:
                log.debug("monitoring.store_not_felt", error=away.code)

    async def feel(self) -> None:
        """One round trip; now and then the memory. Raises StoreAway."""
        _BUILD.set(1, __version__, platform.python_version(), str(self._store.durability.effective))
        before = self._clock.monotonic()
        await self._store.read(self._prefix, "PING")
        _STORE.observe(self._clock.monotonic() - before, "read")
        if self._leading.leads and self._beats % MEMORY_EVERY == 0:
            used, most = await self.memory()
            _MEMORY.set(used)
            _MEMORY_MAX.set(most)
        self._beats += 1

    async def memory(self) -> tuple[int, int]:
        """Bytes used, and bytes allowed (0: no limit), of the server that keeps our register."""
        text = await self._store.read(self._prefix, "INFO", "memory")
        about = dict(line.split(":", 1) for line in text.decode().splitlines() if ":" in line)
        return int(about.get("used_memory", 0)), int(about.get("maxmemory", 0))
