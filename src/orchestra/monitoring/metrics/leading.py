"""Who leads: one replica does what is to be done once. Others take over when it is silent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import structlog

from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.store import metric_keys
from orchestra.store.client import Store
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

TTL_MS: Final = 3_000
BEAT_S: Final = 1.0
SLACK_S: Final = 0.02
_MARGIN_S: Final = 0.5


class Leading:
    """The claim of this replica to lead. What it does meanwhile is safe if two do it."""

    def __init__(self, store: Store, clock: Clock, session: str) -> None:
        self._store, self._clock, self._session = store, clock, session
        self._claim = load_scripts("orchestra.monitoring")["lead_claim"]
        self._prefix = metric_keys.monitoring(store.space)
        self._until = float("-inf")
        self._changed = anyio.Event()
        self.token = 0

    @property
    def leads(self) -> bool:
        """Whether it is this replica, for all we know."""
        return self._clock.monotonic() < self._until

    async def elected(self) -> None:
        """Wait until this replica leads."""
        while not self.leads:
            await self._changed.wait()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ask for it again and again, for the duration of the block."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._beat)
            yield
            group.cancel_scope.cancel()

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(min(BEAT_S, await self.ask()))

    async def ask(self) -> float:
        """Claim, or renew. Returns after how many seconds it may be ours, or should be renewed."""
        asked = self._clock.monotonic()
        try:
            with anyio.move_on_after(TTL_MS / 1_000 - _MARGIN_S):
                token = await self._store.run(
                    self._claim, self._prefix, session=self._session, ttl_ms=TTL_MS
                )
                self._won(int(token), asked)
                if int(token) < 0:  # the claim of somebody who may be dead: we are there at its end
                    return -int(token) / 1_000 + SLACK_S
        except OrchestraError as away:
            log.debug("monitoring.lead_not_asked", error=away.code)
        return BEAT_S

    def _won(self, token: int, asked: float) -> None:
        if token <= 0:
            self._until = float("-inf")
            return
        if token != self.token:
            log.info("monitoring.leads", term=token)
        self.token, self._until = token, asked + TTL_MS / 1_000 - _MARGIN_S
        self._changed.set()
        self._changed = anyio.Event()
