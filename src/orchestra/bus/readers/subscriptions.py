"""Subscriptions of clients outside: durable readers that are asked, not called.

A pull claims the reader and hands out a window of events; the claim is the lease on that window.
Acknowledging it moves the cursor; letting it run out makes the same events come again.
"""

import functools
from contextlib import suppress
from typing import Any, Final, cast

import anyio
import msgspec

from orchestra.bus import Event, Gap, PositionInvalid
from orchestra.bus.live.hub import Hub
from orchestra.bus.positions import decoded
from orchestra.bus.readers.feed import EVENT, FELL_BEHIND, Feed, before, start_ms
from orchestra.bus.readers.records import READERS_MAX, Definition, Held, Mark, Readers
from orchestra.clock import Clock, Ids
from orchestra.errors import Conflict, NotFound, OrchestraError
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.partitions import event_position
from orchestra.store.tails import entries

LEASE_MS: Final = 30_000
LAG_MAX: Final = 10_000
_CLAIM_S = 0.25
_LET_GO_S = 1.0


class SubscriptionUnknown(NotFound):
    """No subscription has this name."""


class SubscriptionExists(Conflict):
    """There is another subscription of this name."""


class Quota(Conflict):
    """The tenant has as many of these as it may. Context: `limit`."""


class WindowLost(Conflict):
    """These events were not acknowledged in time, and went to somebody else: pull again."""


class Lag(msgspec.Struct, frozen=True):
    """How far a reader is behind: `events`, or more of them; how old the oldest is."""

    events: int
    more: bool
    oldest_at_ms: int | None


class Pulled(msgspec.Struct, frozen=True):
    """What a pull gave: events, gaps, and what to acknowledge them by; None: nothing."""

    told: tuple[Event | Gap, ...]
    token: str | None


NOTHING: Final = Pulled((), None)


class Subscriptions:
    """The subscriptions of all tenants."""

    def __init__(self, hub: Hub, store: Store, clock: Clock, ids: Ids) -> None:
        self._hub, self._store, self._clock, self._ids = hub, store, clock, ids

    async def create(self, tenant: Tenant, name: str, definition: Definition) -> Definition:
        """The subscription, from now on; the same again is none the worse.

        Raises SubscriptionExists, Quota, PositionInvalid.
        """
        start = definition.start
        if start not in ("new", "oldest") and start_ms(start) is None:
            decoded(start)
        async with self._hub.followed():
            now = dict(self._hub.positions) if start == "new" else {}
            if start.startswith(EVENT):
                now = await self._behind(tenant, start)
            known = await self._readers(tenant).create(name, definition, now, READERS_MAX)
        if known is None:
            raise Quota(f"a tenant has at most {READERS_MAX} subscriptions", limit=READERS_MAX)
        if msgspec.structs.replace(known, created_ms=definition.created_ms) != definition:
            raise SubscriptionExists("there is another subscription of this name")
        return known

    async def all(self, tenant: Tenant) -> list[tuple[str, Definition]]:
        """By name."""
        return sorted((await self._readers(tenant).all()).items())

    async def one(self, tenant: Tenant, name: str) -> tuple[Definition, Lag]:
        """Raises SubscriptionUnknown."""
        readers = self._readers(tenant)
        found = await readers.cursor(name)
        if found is None:
            raise _unknown()
        feed = Feed(self._hub, self._store, tenant, *found)
        times, looked = list[int](), 0
        async with self._hub.followed():
            while looked < LAG_MAX:
                batch = await feed.batch(LAG_MAX)
                if not batch:
                    break
                looked += len(batch)
                times += [one.told.at_ms for one in batch if isinstance(one.told, Event)]
        return found[0], Lag(len(times), looked >= LAG_MAX, min(times, default=None))

    async def remove(self, tenant: Tenant, name: str) -> None:
        """Raises SubscriptionUnknown."""
        if not await self._readers(tenant).drop(name):
            raise _unknown()

    async def pull(self, tenant: Tenant, name: str, most: int, wait_s: float) -> Pulled:
        """What there is; nothing when there are no events in `wait_s`.

        While somebody has events that are not acknowledged nobody is given any.
        Raises SubscriptionUnknown.
        """
        async with self._hub.followed():
            return await self._pulled(tenant, name, most, self._clock.monotonic() + wait_s)

    async def _pulled(self, tenant: Tenant, name: str, most: int, until: float) -> Pulled:
        readers, owner = self._readers(tenant), self._ids.new("pul")
        while True:
            claim = await readers.claim(name, owner, LEASE_MS)
            left_s = until - self._clock.monotonic()
            if claim is None:
                raise _unknown()
            if isinstance(claim, Held):
                break
            if left_s <= 0:
                return NOTHING
            await self._clock.sleep(min(left_s, _CLAIM_S, claim / 1_000 + 0.01))
        feed = Feed(self._hub, self._store, tenant, claim.definition, claim.cursor)
        given, moved = False, dict[str, str]()
        try:
            told = await self._some(feed, most, until)
            for _ in (one for one in told if isinstance(one, Gap)):
                FELL_BEHIND.add(1, f"subscription:{name}")
            if told:
                given = await readers.give(name, claim.token, LEASE_MS, feed.positions)
            else:
                moved = dict(feed.positions.items() - claim.cursor.items())
            return Pulled(tuple(told), claim.token) if given else NOTHING
        finally:
            if not given:
                with anyio.move_on_after(_LET_GO_S, shield=True), suppress(OrchestraError):
                    await readers.advance(name, claim.token, LEASE_MS, moved, Mark(release=True))

    async def ack(self, tenant: Tenant, name: str, cursor: str) -> None:
        """All events of that pull are handled. Raises SubscriptionUnknown, WindowLost."""
        done = await self._readers(tenant).ack(name, cursor)
        if done is None:
            raise _unknown()
        if not done:
            raise WindowLost("these events are no longer yours: pull again")

    async def _some(self, feed: Feed, most: int, until: float) -> list[Event | Gap]:
        """What there is, when there is something; at the end of the time what was looked at."""
        looked = 0
        while True:
            batch = await feed.batch(most)
            looked += len(batch)
            told = [one.told for one in batch if one.told is not None]
            left_s = until - self._clock.monotonic()
            if told or (left_s <= 0 and (not batch or looked > LAG_MAX)):
                return told
            await feed.wait(max(left_s, 0))

    async def _behind(self, tenant: Tenant, event_id: str) -> dict[str, str]:
        """Positions behind this event: exact in its stream, of the same time in others."""
        _, _, at = event_position(event_id)
        since = before(int(at.partition("-")[0]))
        found = dict.fromkeys(self._hub.origins, since)
        for key, (source, prefix) in self._hub.origins.items():
            read = functools.partial(self._store.read, prefix, "XRANGE", key, at, at)
            for position, fields in entries(cast("list[Any]", await self._store.insist(read))):
                event = source.event(key, position, fields)
                if event is not None and (event.id, event.tenant) == (event_id, tenant):
                    return found | {key: position}
        raise PositionInvalid("this event is not kept (any more): begin elsewhere")

    def _readers(self, tenant: Tenant) -> Readers:
        return Readers(self._store, tenant)


def _unknown() -> SubscriptionUnknown:
    return SubscriptionUnknown("there is no subscription of this name")
