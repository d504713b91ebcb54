"""Places of live streams: so many a tenant and a caller may have open, over all replicas.

A place is taken in the store before the answer begins, kept while the stream goes on, and given
back at its end; that of a replica which died is free after a while.
"""

from contextlib import suppress
from typing import Final

import anyio
import msgspec
import structlog

from orchestra.bus.limits import LIMITS, Limits
from orchestra.clock import Clock, Ids
from orchestra.errors import OrchestraError, TooMany
from orchestra.instruments import measure
from orchestra.store import event_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import Argument, load_scripts

log = structlog.get_logger(__name__)
_STREAMS = measure("orchestra_streams")

TTL_MS: Final = 45_000
BEAT_S: Final = 15.0
RETRY_MS: Final = 5_000
_LEAVE_S = 1.0


class StreamsExhausted(TooMany):
    """The tenant, or the caller, has as many streams open as it may. Context: `limit`."""


class Place(msgspec.Struct, frozen=True):
    """That of one stream."""

    id: str
    tenant: Tenant
    actor: str


class Places:
    """The places that were taken here. `serve` must run for them to last."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, limits: Limits = LIMITS) -> None:
        self._store, self._clock, self._ids, self._limits = store, clock, ids, limits
        self._scripts = load_scripts(__package__ or "")
        self._taken: dict[str, Place] = {}

    async def take(self, tenant: Tenant, actor: str) -> Place:
        """A place, free again in 45 s unless it is kept. Raises StreamsExhausted."""
        place = Place(self._ids.new("str"), tenant, actor)
        limits = self._limits
        got = await self._run(
            "stream_enter", place, stream=place.id, actor=actor, ttl_ms=TTL_MS,
            most=limits.streams_max, each=limits.streams_each_max,
        )  # fmt: skip
        if got == 1:
            return place
        limit = limits.streams_max if got == 0 else limits.streams_each_max
        whose = "this tenant" if got == 0 else "this caller"
        raise StreamsExhausted(
            f"{whose} has {limit} live streams open: close some",
            limit=limit,
            retry_after_ms=RETRY_MS,
        )

    def keep(self, place: Place) -> None:
        """The stream has begun."""
        self._taken[place.id] = place
        _STREAMS.set(len(self._taken))

    async def leave(self, place: Place) -> None:
        """The stream has ended."""
        self._taken.pop(place.id, None)
        _STREAMS.set(len(self._taken))
        with anyio.move_on_after(_LEAVE_S, shield=True), suppress(OrchestraError):
            await self._run("stream_leave", place, stream=place.id, actor=place.actor)

    async def serve(self) -> None:
        """Keep what is taken, until cancelled."""
        while True:
            await self._clock.sleep(BEAT_S)
            by_tenant: dict[Tenant, list[Place]] = {}
            for place in self._taken.values():
                by_tenant.setdefault(place.tenant, []).append(place)
            for places in by_tenant.values():
                more = [word.encode() for one in places for word in (one.id, one.actor)]
                try:
                    await self._run("stream_stay", places[0], *more, ttl_ms=TTL_MS)
                except OrchestraError as away:
                    log.debug("bus.streams_not_kept", error=away.code)

    async def _run(self, script: str, place: Place, *more: bytes, **args: Argument) -> object:
        prefix = event_keys.of_events(place.tenant, self._store.space)
        return await self._store.insist(
            lambda: self._store.run(self._scripts[script], prefix, *more, **args)
        )
