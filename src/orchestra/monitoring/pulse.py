"""How this process and its store are, felt once a second: the loop, a round trip, memory."""

import platform
from collections.abc import Sequence
from typing import Final

import structlog

from orchestra import __version__
from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.instruments import Reading, histogram, measure
from orchestra.store import metric_keys
from orchestra.store.client import Store
from orchestra.store.durability import weaker

log = structlog.get_logger(__name__)

NAP_S: Final = 0.25
NAPS: Final = 4
_LAG = histogram("orchestra_loop_lag_seconds")
_STORE = histogram("orchestra_store_seconds", ("profile",))
_MEMORY = measure("orchestra_store_memory_bytes")
_MEMORY_MAX = measure("orchestra_store_memory_max_bytes")
_MEMORY_RATIO = measure("orchestra_store_memory_ratio")
_WEAK = measure("orchestra_durability_low")
_BUILD = measure("orchestra_build_info", ("version", "python", "durability"))


class Pulse:
    """Feels it until cancelled."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._prefix = metric_keys.monitoring(store.space)

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
        """One round trip, and what is promised. Raises StoreAway."""
        kept = self._store.durability
        _BUILD.set(1, __version__, platform.python_version(), str(kept.effective))
        _WEAK.set(float(weaker(kept)))
        before = self._clock.monotonic()
        await self._store.read(self._prefix, "PING")
        _STORE.observe(self._clock.monotonic() - before, "read")

    async def survey(self) -> Sequence[Reading]:
        """The memory of the store, for one process of all to tell. A `Survey`."""
        known = self._store.memory
        if known is None:
            return ()
        used, most = known
        found: list[Reading] = [(_MEMORY, (), used), (_MEMORY_MAX, (), most)]
        return [*found, (_MEMORY_RATIO, (), used / most)] if most else found
