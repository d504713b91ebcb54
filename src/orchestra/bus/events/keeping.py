"""How long events are kept: every half minute each partition forgets what is too old or too much.

What is published is trimmed by its own script, too; this is for partitions where nothing more is
published, and for the journal, whose transitions only bound its length.
"""

from typing import Final

import structlog

from orchestra.bus.limits import LIMITS, Limits
from orchestra.clock import Clock, Random
from orchestra.errors import OrchestraError
from orchestra.store.client import Store
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

EVERY_S: Final = 30.0


class Keeper:
    """Trims the streams of every partition. Any number of replicas may."""

    def __init__(self, store: Store, clock: Clock, chance: Random, limits: Limits = LIMITS) -> None:
        self._store, self._clock, self._chance, self._limits = store, clock, chance, limits
        self._trim = load_scripts(__package__ or "")["stream_trim"]

    async def serve(self) -> None:
        """Until cancelled."""
        while True:
            await self._clock.sleep(EVERY_S * (0.5 + self._chance.random()))
            try:
                gone = await self.trim()
            except OrchestraError as away:
                log.debug("bus.not_trimmed", error=away.code)
                continue
            if gone:
                log.debug("bus.trimmed", entries=gone)

    async def trim(self) -> int:
        """Everywhere, once. How many entries went."""
        limits, gone = self._limits, 0
        for tag in self._store.partitions:
            gone += await self._one(tag, "pub", limits.keep_ms, limits.keep_bytes)
            gone += await self._one(tag, "ev", limits.journal_keep_ms, 0)
        return gone

    async def _one(self, tag: int, stream: str, keep_ms: int, keep_bytes: int) -> int:
        reply = await self._store.insist(
            lambda: self._store.run(
                self._trim,
                self._store.prefix(tag),
                stream=stream,
                keep_ms=keep_ms,
                keep_bytes=keep_bytes,
            )
        )
        return reply if isinstance(reply, int) else 0
