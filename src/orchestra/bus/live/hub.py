"""The hub: one tail of all streams, and everybody who watches from this process. While nobody does
it reads nothing: an engine at full speed writes more than is worth reading for nobody.

A watcher is registered first and then reads what it missed up to where the tail was at that
moment; what the tail brings later waits in its queue. So nothing is missed, and nothing told twice.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio
import structlog

from orchestra.bus import Event, Glances, Source
from orchestra.bus.live.glances import glances
from orchestra.bus.live.missed import between
from orchestra.bus.live.recent import Recent, Told
from orchestra.bus.live.watch import Watch
from orchestra.bus.live.watcher import Watcher
from orchestra.bus.patterns import matcher
from orchestra.bus.positions import encoded, parsed
from orchestra.errors import OrchestraError
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.tails import START, Raw, Tail, entries

log = structlog.get_logger(__name__)

ALL = ("*", "**")
TICK_S = 1.0
"""One clock for all watchers: a timer and a scope of its own would be 3 KB of each."""
LOOK_S = 1.0
LINGER_S = 10.0
"""The tail goes on for so long after the last watcher: clients come back."""
REST_S, LONG_REST_S = 0.02, 0.05
"""After what no reader waits for the tail rests: with anybody who glances, with but figures."""
MANY = 10
"""Entries of one stream at once: so much comes that nobody can follow each of them with the eye."""
OVERLAP_MS = 5_000
"""A stream that is seen for the first time is told from so far back."""

Heard = Callable[[str, str, Sequence[Raw]], None]
"""Gets a stream, the position before, and what follows it there."""
Hears = Callable[[str], bool]
"""Whether somebody wants what comes on a stream."""


class Hub:
    """All watchers of this process. `serve` must run."""

    def __init__(self, store: Store, sources: Sequence[Source]) -> None:
        self._store, self._sources = store, tuple(sources)
        self._tail = Tail(self._arrived)
        self._watchers: dict[Tenant, set[Watcher]] = {}
        self._origin: dict[str, tuple[Source, str]] = {}
        self._recent: dict[str, Recent] = {}
        self._wanted, self._following = anyio.Event(), anyio.Event()
        self._ears: list[Hears] = []
        self._overhearing: list[Heard] = []
        self._come = self._gone = _nobody_looks
        self._glancers, self._seen = 0, _unseen
        self.over = anyio.Event()
        self._news: anyio.Event | None = None

    @property
    def origins(self) -> Mapping[str, tuple[Source, str]]:
        """Every stream that is followed: its source, and the prefix it lives under."""
        return self._origin

    def news(self) -> anyio.Event:
        """Set when the next entry has arrived on a stream that a reader hears."""
        if self._news is None:
            self._news = anyio.Event()
        return self._news

    @property
    def positions(self) -> Mapping[str, str]:
        """How far each stream was read. Changes with the next turn of the loop."""
        return self._tail.positions

    def position(self) -> str | None:
        """Where to go on from, behind everything read so far; None while nothing is read."""
        return encoded(self._tail.positions) if self._following.is_set() else None

    def recent(self, key: str, at: str, most: int) -> list[Told] | None:
        """The next entries of a stream behind `at`; None when they must be read from the store."""
        ring = self._recent.get(key)
        return ring.after(at, most) if ring is not None else None

    def between(
        self, start: Mapping[str, str], end: Mapping[str, str]
    ) -> AsyncIterator[tuple[str, str, Event | None]]:
        """What lies between two positions, in the order of time. Raises Expired on the way."""
        return between(self._store, self._origin, start, end)

    def watch(
        self,
        tenant: Tenant,
        patterns: Sequence[str],
        since: str | None = None,
        *,
        only: Callable[[Event], bool] | None = None,
        key: str | None = None,
    ) -> Watch:
        """See `Bus.watch`. `only` says which of the events that match are told.

        Who names a `key`, or types, is told what is not kept, too: "" is all keys.
        """
        wish = (tenant, key or "") if key or any(one not in ALL for one in patterns) else None
        return Watch(self, Watcher(self, tenant, matcher(patterns), only, wish), since)

    async def enter(self, watcher: Watcher, since: str | None) -> None:
        """Events are offered to it, until it leaves. Raises PositionInvalid: then it has left."""
        entered = False
        self._ears.append(_nothing)
        self._wanted.set()
        try:
            await self._following.wait()
            self._watchers.setdefault(watcher.tenant, set()).add(watcher)
            self._come(watcher)
            if since is not None:
                watcher.begin(since)
            entered = True
        finally:
            if not entered:
                self.leave(watcher)

    def leave(self, watcher: Watcher) -> None:
        """Nothing is offered to it any more."""
        self._ears.remove(_nothing)
        mine = self._watchers.get(watcher.tenant)
        if mine is None or watcher not in mine:
            return
        self._gone(watcher)
        mine.discard(watcher)
        if not mine:
            self._watchers.pop(watcher.tenant)

    @asynccontextmanager
    async def followed(self, hears: Hears | None = None) -> AsyncIterator[None]:
        """Every stream is followed for the duration of the block; what is heard is at hand."""
        ear = hears or _everything
        self._ears.append(ear)
        self._wanted.set()
        try:
            await self._following.wait()
            yield
        finally:
            self._ears.remove(ear)

    def overhear(self, heard: Heard) -> Callable[[], Mapping[str, str]]:
        """Tell what the tail brings, while it is read for others; gives a look at `positions`."""
        self._overhearing.append(heard)
        return lambda: self._tail.positions

    def on_watch(self, come: Callable[[Watcher], None], gone: Callable[[Watcher], None]) -> None:
        """Tell of each watcher that comes and goes."""
        self._come, self._gone = come, gone

    def tell(self, event: Event) -> None:
        """Tell those who look on what is not kept."""
        wishes = ((event.tenant, event.key), (event.tenant, ""))
        for watcher in self._watchers.get(event.tenant, ()):
            if watcher.wish in wishes and watcher.wants(event):
                watcher.offer_fleeting(event)

    def on_glance(self, seen: Callable[[Glances], None]) -> None:
        """Tell in a few words of all that happens, while anybody is `glancing`."""
        self._seen = seen

    @asynccontextmanager
    async def glancing(self) -> AsyncIterator[None]:
        """Somebody of this process wants a glance at all that happens, for the duration."""
        self._ears.append(_nothing)
        self._wanted.set()
        self._glancers += 1
        try:
            await self._following.wait()
            yield
        finally:
            self._glancers -= 1
            self._ears.remove(_nothing)

    def end(self) -> None:
        """Every watch ends with one last beat."""
        self.over.set()
        for watcher in [one for mine in self._watchers.values() for one in mine]:
            watcher.end()

    async def serve(self) -> None:
        """Until cancelled: follow every stream there is, while anybody watches."""
        while True:
            await self._wanted.wait()
            async with anyio.create_task_group() as group:
                await self._look(overlap_ms=0)
                self._following.set()
                group.start_soon(self._store.tail, self._tail)
                group.start_soon(self._tick)
                await self._until_unwatched()
                # At once, before anything is awaited: who comes now waits for the next round.
                self._wanted, self._following = anyio.Event(), anyio.Event()
                self._tail.forget(list(self._tail.positions))
                self._origin = {}
                self._recent = {}
                group.cancel_scope.cancel()

    async def _tick(self) -> None:
        while True:
            await anyio.sleep(TICK_S)
            for mine in self._watchers.values():
                for watcher in mine:
                    watcher.tick()

    async def _until_unwatched(self) -> None:
        idle = 0.0
        while idle < LINGER_S:
            await anyio.sleep(LOOK_S)
            await self._look(overlap_ms=OVERLAP_MS)
            idle = 0.0 if self._ears else idle + LOOK_S

    async def _look(self, *, overlap_ms: int) -> None:
        """Follow streams that are new, and no longer those that are gone."""
        now = {
            key: (source, prefix)
            for source in self._sources
            for key, prefix in source.streams().items()
        }
        new = now.keys() - self._origin.keys()
        gone = self._origin.keys() - now.keys()
        self._tail.forget(gone)
        for key in gone:
            self._recent.pop(key, None)
        self._origin = now
        async with anyio.create_task_group() as group:
            for key in new:
                group.start_soon(self._begin, key, now[key][1], overlap_ms)

    async def _begin(self, key: str, prefix: str, overlap_ms: int) -> None:
        """Follow a stream from its end; one that cannot be read now is new again."""
        try:
            raw = await self._store.insist(
                lambda: self._store.read(prefix, "XREVRANGE", key, "+", "-", "COUNT", 1)
            )
        except OrchestraError as away:
            log.debug("bus.stream_not_found", error=away.code)
            self._origin.pop(key, None)
            return
        position = START
        if raw:
            ms, seq = parsed(entries(raw)[0][0])
            position = f"{max(ms - overlap_ms, 0)}-0" if overlap_ms else f"{ms}-{seq}"
        self._recent[key] = Recent(self._origin[key][0], key, position)
        self._tail.follow(key, position)

    def _arrived(self, key: str, found: Sequence[Raw]) -> None:
        for overheard in self._overhearing:
            overheard(key, self._tail.positions[key], found)
        heard = any(hears(key) for hears in self._ears)
        self._tail.rest_s = REST_S if self._glancers and len(found) < MANY else LONG_REST_S
        if heard or self._watchers:
            self._tail.wanted = True
        if heard and self._news is not None:
            self._news.set()
            self._news = None
        ring = self._recent.get(key)
        if ring is None:
            return
        if self._glancers:
            self._seen(glances(self._origin[key][0], key, found))
        if not heard and not self._watchers:
            ring.pass_over(found)
            return
        told = ring.add(found)
        if self._watchers:
            self._offer(key, told)

    def _offer(self, key: str, told: Sequence[Told]) -> None:
        for entry in told:
            event = entry.event
            if event is None:
                continue
            for watcher in self._watchers.get(event.tenant, ()):
                if watcher.wants(event):
                    watcher.offer(key, entry.position, event)


def _everything(_: str) -> bool:
    return True


def _nothing(_: str) -> bool:
    return False


def _unseen(_: Glances) -> None:
    """Until somebody asks."""


def _nobody_looks(_: Watcher) -> None:
    """Until somebody asks."""
