"""Events that are kept: one by its id, and lists of them, newest or oldest first."""

from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec

from orchestra.bus import Event, PositionInvalid, Source
from orchestra.bus.live.missed import Origins
from orchestra.bus.patterns import matcher
from orchestra.bus.positions import decoded, encoded, name_of, parsed
from orchestra.errors import NotFound
from orchestra.store import partitions
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.tails import Entry, entries

PAGE = 200
LOOKED_AT_MAX = 20_000
"""Entries one list looks at; what it found by then is the page, and the cursor goes on."""


class EventUnknown(NotFound):
    """No event of this id is kept (any more)."""


class Wanted(msgspec.Struct, frozen=True):
    """Which events: patterns of types, the source, the key, between two times in ms.

    `causation` is what caused them, `correlation` what they have in common.
    """

    types: tuple[str, ...] = ()
    source: str | None = None
    key: str | None = None
    since_ms: int = 0
    until_ms: int | None = None
    oldest_first: bool = False
    causation: str | None = None
    correlation: str | None = None


class Events:
    """Reads the streams of all sources."""

    def __init__(self, store: Store, sources: Sequence[Source]) -> None:
        self._store, self._sources = store, tuple(sources)

    async def one(self, tenant: Tenant, event_id: str) -> Event:
        """Raises EventUnknown."""
        try:
            stream, tag, position = partitions.event_position(event_id)
        except ValueError:
            raise EventUnknown("no event has this id") from None
        homes = {self._store.prefix(one) for one in self._store.partitions}
        home = self._store.prefix(tag)
        for key, (source, prefix) in self._origins().items():
            if (prefix in homes) if stream > 1 else (prefix != home):
                continue
            raw = await self._read(prefix, "XRANGE", key, position, position)
            for found, fields in entries(raw):
                event = source.event(key, found, fields)
                if event is not None and event.id == event_id and event.tenant == tenant:
                    return event
        raise EventUnknown("no event has this id, or it is no longer kept")

    async def page(
        self, tenant: Tenant, wanted: Wanted, limit: int, cursor: str | None
    ) -> tuple[list[Event], str | None]:
        """At most `limit` events, and where to go on; None at the end. Raises PositionInvalid."""
        reader = _Reader(self._store, self._origins(), wanted, cursor, limit)
        fits, found, looked = _fitting(tenant, wanted), list[Event](), 0
        while len(found) < limit and looked < LOOKED_AT_MAX:
            entry = await reader.next()
            if entry is None:
                return found, None
            looked += 1
            if entry[1] is not None and fits(entry[1]):
                found.append(entry[1])
        return found, reader.cursor()

    def _origins(self) -> Origins:
        return {
            key: (source, prefix)
            for source in self._sources
            for key, prefix in source.streams().items()
        }

    async def _read(self, prefix: str, *command: str | int) -> Any:
        return await self._store.insist(lambda: self._store.read(prefix, *command))


def _fitting(tenant: Tenant, wanted: Wanted) -> Callable[[Event], bool]:
    matches = matcher(wanted.types)

    def fits(event: Event) -> bool:
        return (
            event.tenant == tenant
            and matches(event.type)
            and wanted.source in (None, event.source)
            and wanted.key in (None, event.key)
            and wanted.causation in (None, event.causation)
            and wanted.correlation in (None, event.correlation)
        )

    return fits


class _Reader:
    """All streams, merged by time, in one direction, a page of each at a time."""

    def __init__(
        self, store: Store, origins: Origins, wanted: Wanted, cursor: str | None, limit: int
    ) -> None:
        self._store, self._origins, self._wanted = store, origins, wanted
        self._first = min(limit, PAGE)  # of one stream more is seldom shown
        known = decoded(cursor) if cursor else dict[bytes, str]()
        if cursor and not known:
            raise PositionInvalid("this is no cursor of ours: begin without one")
        self._at: dict[str, str] = {
            key: known[name_of(key)] for key in origins if name_of(key) in known
        }
        given = sorted(self._at.values(), key=parsed)
        # All that lies before this in our direction was given out: what is new there stays away.
        self._edge = (
            (given[-1] if wanted.oldest_first else given[0]).partition("-")[0] if given else ""
        )
        self._pages: dict[str, list[Entry]] = {}
        self._ended: set[str] = set()

    async def next(self) -> tuple[str, Event | None] | None:
        """The next entry in order; None at the end."""
        for key in self._origins.keys() - self._ended:
            if not self._pages.get(key):
                await self._fill(key)
        heads = [(parsed(page[0][0]), key) for key, page in self._pages.items() if page]
        if not heads:
            return None
        _, key = min(heads) if self._wanted.oldest_first else max(heads)
        position, fields = self._pages[key].pop(0)
        self._at[key] = position
        return key, self._origins[key][0].event(key, position, fields)

    def cursor(self) -> str:
        """Behind what was given out. A stream of which nothing was given out is at its edge."""
        return encoded(self._at)

    async def _fill(self, key: str) -> None:
        low, high = str(self._wanted.since_ms), "+"
        if self._wanted.until_ms is not None:
            high = str(self._wanted.until_ms)
        forward = self._wanted.oldest_first
        at = self._at.get(key)
        if at is not None:
            low, high = (f"({at}", high) if forward else (low, f"({at}")
        elif self._edge:
            low, high = (self._edge, high) if forward else (low, self._edge)
        command = ("XRANGE", key, low, high) if forward else ("XREVRANGE", key, high, low)
        prefix, most = self._origins[key][1], PAGE if key in self._pages else self._first
        raw = await self._store.insist(lambda: self._store.read(prefix, *command, "COUNT", most))
        self._pages[key] = entries(cast("list[Any]", raw))
        if len(self._pages[key]) < most:
            self._ended.add(key)
