"""The newest events of a tenant, for a page that is looked at: one look for all who ask at once.

A handful of the newest entries of every stream is read together, at most once a second, and those
of the tenant are picked out. One whose events are buried under others' finds fewer; the list of
events itself, `GET /api/events`, finds all.
"""

import heapq
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

import anyio

from orchestra.bus import Event, Source, cloudevents
from orchestra.bus.positions import parsed
from orchestra.clock import Clock
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

EACH: Final = 10
FRESH_S: Final = 1.0


class Entry(NamedTuple):
    """An entry of a stream, as it was read."""

    order: tuple[int, int]
    position: str
    source: Source
    key: str
    flat: Sequence[bytes]


class Latest:
    """Looks."""

    def __init__(self, store: Store, sources: Sequence[Source], clock: Clock) -> None:
        self._store, self._sources, self._clock = store, tuple(sources), clock
        self._reading = anyio.Lock()
        self._entries: list[Entry] = []
        self._read_s = float("-inf")

    async def of(self, tenant: Tenant, limit: int) -> list[dict[str, object]]:
        """At most `limit` events as documents, the newest first. Raises StoreAway."""
        async with self._reading:
            now = self._clock.monotonic()
            if now - self._read_s >= FRESH_S:
                self._entries = await self._read()
                self._read_s = now
        found: list[dict[str, object]] = []
        word = tenant.encode()
        for one in self._entries:
            if word in one.flat:
                event = self._event(one)
                if event is not None and event.tenant == tenant:
                    found.append(cloudevents.shown(event))
                    if len(found) == limit:
                        break
        return found

    def _event(self, one: Entry) -> Event | None:
        names = (name.decode() for name in one.flat[::2])
        return one.source.event(
            one.key, one.position, dict(zip(names, one.flat[1::2], strict=True))
        )

    async def _read(self) -> list[Entry]:
        sent = [
            (source, key, self._store.read(prefix, "XREVRANGE", key, "+", "-", "COUNT", EACH))
            for source in self._sources
            for key, prefix in source.streams().items()
        ]
        found: list[Entry] = []
        for source, key, reply in sent:
            for raw, flat in cast("list[Any]", await reply):
                position: str = raw.decode()
                found.append(Entry(parsed(position), position, source, key, flat))
        return heapq.nlargest(len(found), found, key=lambda one: one.order)
