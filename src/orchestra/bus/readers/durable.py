"""A durable reader in this process: claims its name, reads on where it was, and lets go in order.

Everywhere the same name is subscribed one process has the claim, renews it, and is fenced by its
token: at most 2.5 s after it died another one goes on.
"""

from typing import Final

import anyio
import structlog

from orchestra.bus import Reading
from orchestra.bus.readers.records import Definition, Held, Readers
from orchestra.bus.readers.tenure import TTL_MS, Ground, Subscriber, Tenure
from orchestra.errors import OrchestraError

log = structlog.get_logger(__name__)

OWN_READERS_MAX: Final = 10_000
_LOOK_S = 1.0
_RETRY_S = 0.5


class Durable:
    """One subscription in one process: `serve` until `stop`."""

    def __init__(self, ground: Ground, subscriber: Subscriber) -> None:
        self._ground, self._subscriber = ground, subscriber
        self._readers = Readers(ground.store, subscriber.options.tenant)
        self._stopped = anyio.Event()
        self.ended = anyio.Event()

    def stop(self) -> None:
        """Let go: what runs may end, then another process goes on."""
        self._stopped.set()

    async def serve(self) -> None:
        """Read whenever this process has the claim."""
        try:
            while not self._stopped.is_set():
                claim = await self._claim()
                if isinstance(claim, Held):
                    log.info("bus.reader_claimed", reader=self._subscriber.name)
                    tenure = Tenure(self._ground, self._subscriber, self._readers, claim)
                    await tenure.serve(self._stopped)
                else:
                    with anyio.move_on_after(claim):
                        await self._stopped.wait()
        finally:
            self.ended.set()

    async def _claim(self) -> Held | float:
        """The claim, or how many seconds to wait before asking again."""
        name = self._subscriber.name
        try:
            claim = await self._readers.claim(name, self._ground.owner, TTL_MS)
            if claim is None:
                await self._create(name, self._subscriber.options)
                return 0.0
        except OrchestraError as away:
            log.debug("bus.claim_failed", reader=name, error=away.code)
            return _RETRY_S
        return claim if isinstance(claim, Held) else min(claim / 1_000 + 0.01, _LOOK_S)

    async def _create(self, name: str, options: Reading) -> None:
        now = self._ground.clock.now_ms()
        types, origins = self._subscriber.patterns, tuple(options.origins)
        definition = Definition(now, options.start, types, (), (), origins)
        async with self._ground.hub.followed():
            positions = dict(self._ground.hub.positions) if options.start == "new" else {}
            await self._readers.create(name, definition, positions, OWN_READERS_MAX)
