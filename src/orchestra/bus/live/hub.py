"""The hub: one tail of all streams, and everybody who watches from this process. While nobody does
it reads nothing: an engine at full speed writes more than is worth reading for nobody.

A watcher is registered first and then reads what it missed up to where the tail was at that
moment; what the tail brings later waits in its queue. So nothing is missed, and nothing told twice.
"""

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager

import anyio
import structlog

from orchestra.bus import Beat, Event, Missed, Source
from orchestra.bus.live.missed import Expired, between
from orchestra.bus.patterns import matcher
from orchestra.bus.positions import decoded, encoded, name_of, parsed
from orchestra.errors import OrchestraError
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.tails import START, Entry, Tail, entries

log = structlog.get_logger(__name__)

QUEUE_MAX = 1_024
BEAT_S = 15
TICK_S = 1.0
"""One clock for all watchers: a timer and a scope of its own would be 3 KB of each."""
LOOK_S = 1.0
LINGER_S = 10.0
"""The tail goes on for so long after the last watcher: clients come back."""
OVERLAP_MS = 5_000
"""A stream that is seen for the first time is told from so far back."""


class Watcher:
    """One watcher: what it wants, and what it has not been told yet.

    While nothing waits to be told it is where the hub is, and keeps no positions of its own.
    """

    __slots__ = (
        "_ending", "_ends", "_hub", "_matches", "_news", "_only", "_overflow", "_positions",
        "_queue", "_quiet", "tenant",
    )  # fmt: skip

    def __init__(
        self,
        hub: "Hub",
        tenant: Tenant,
        matches: Callable[[str], bool],
        only: Callable[[Event], bool] | None,
    ) -> None:
        self.tenant, self._matches, self._only = tenant, matches, only
        self._hub = hub
        self._queue: deque[tuple[str, str, Event]] | None = None
        self._news = anyio.Event()
        self._overflow = self._ending = False
        self._quiet = 0
        self._positions: dict[str, str] | None = None
        self._ends: Mapping[str, str] | None = None

    def wants(self, event: Event) -> bool:
        """Whether it is to be told of an event of its tenant. Else it need not wake up."""
        return self._matches(event.type) and (self._only is None or self._only(event))

    def offer(self, key: str, position: str, event: Event) -> None:
        """Something happened. Too much of it makes the watcher start anew."""
        if self._queue is None:
            self._queue = deque()
        if self._positions is None:
            self._positions = dict(self._hub.positions)
        if len(self._queue) >= QUEUE_MAX:
            self._overflow = True
            self._queue.clear()
        if not self._overflow:
            self._queue.append((key, position, event))
        self._news.set()

    def tick(self) -> None:
        """Another `TICK_S` has passed. After `BEAT_S` of them without news it is told a beat."""
        self._quiet += 1
        if self._quiet >= BEAT_S:
            self._news.set()

    def end(self) -> None:
        """Tell nothing more: the process stops."""
        self._ending = True
        self._news.set()

    def begin(self, since: str) -> None:
        """Go on from `since`. Raises PositionInvalid."""
        known = decoded(since)
        self._ends = dict(self._hub.positions)
        self._positions = {key: known.get(name_of(key), START) for key in self._ends}

    def position(self) -> str:
        """Where to go on from."""
        if not self._queue and not self._overflow and self._ends is None:
            self._positions = None
        return encoded(self._hub.positions if self._positions is None else self._positions)

    async def __aiter__(self) -> AsyncIterator[Event | Missed | Beat]:
        if self._ends is not None:
            async for told in self._caught_up(self._ends):
                yield told
            self._ends = None
        while not self._ending:
            while self._queue:
                key, position, event = self._queue.popleft()
                if self._positions is not None:
                    self._positions[key] = position
                yield event
            self._queue = None
            if self._overflow:
                self._overflow = False
                self._positions = None
                yield Missed("overflow")
                continue
            self._news, self._quiet = anyio.Event(), 0
            await self._news.wait()
            if self._ending or (self._queue is None and not self._overflow):
                yield Beat()

    async def _caught_up(self, ends: Mapping[str, str]) -> AsyncIterator[Event | Missed]:
        assert self._positions is not None
        at = self._positions
        try:
            async for key, position, event in self._hub.between(dict(at), ends):
                at[key] = position
                if event is not None and event.tenant == self.tenant and self.wants(event):
                    yield event
        except Expired:
            yield Missed("expired")
        at.update(ends)


class Hub:
    """All watchers of this process. `serve` must run."""

    def __init__(self, store: Store, sources: Sequence[Source]) -> None:
        self._store, self._sources = store, tuple(sources)
        self._tail = Tail(self._arrived)
        self._watchers: dict[Tenant, set[Watcher]] = {}
        self._origin: dict[str, tuple[Source, str]] = {}
        self._wanted, self._following = anyio.Event(), anyio.Event()
        self._watches = 0
        self._news: anyio.Event | None = None

    @property
    def origins(self) -> Mapping[str, tuple[Source, str]]:
        """Every stream that is followed: its source, and the prefix it lives under."""
        return self._origin

    def news(self) -> anyio.Event:
        """Set when the next entry of any stream has arrived."""
        if self._news is None:
            self._news = anyio.Event()
        return self._news

    @property
    def positions(self) -> Mapping[str, str]:
        """How far each stream was read. Changes with the next turn of the loop."""
        return self._tail.positions

    def event(self, key: str, position: str, fields: Entry) -> Event | None:
        """What an entry means."""
        source, _ = self._origin[key]
        return source.event(key, position, fields[1])

    def between(
        self, start: Mapping[str, str], end: Mapping[str, str]
    ) -> AsyncIterator[tuple[str, str, Event | None]]:
        """What lies between two positions, in the order of time. Raises Expired on the way."""
        return between(self._store, self._origin, start, end)

    @asynccontextmanager
    async def watch(
        self,
        tenant: Tenant,
        patterns: Sequence[str],
        since: str | None = None,
        *,
        only: Callable[[Event], bool] | None = None,
    ) -> AsyncIterator[Watcher]:
        """See `Bus.watch`. `only` says which of the events that match are told."""
        async with self.followed():
            with self._watching(Watcher(self, tenant, matcher(patterns), only)) as watcher:
                if since is not None:
                    watcher.begin(since)
                yield watcher

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Every stream is followed for the duration of the block."""
        self._watches += 1
        self._wanted.set()
        try:
            await self._following.wait()
            yield
        finally:
            self._watches -= 1

    @contextmanager
    def _watching(self, watcher: Watcher) -> Iterator[Watcher]:
        """Events are offered to the watcher for the duration of the block."""
        mine = self._watchers.setdefault(watcher.tenant, set())
        mine.add(watcher)
        try:
            yield watcher
        finally:
            mine.discard(watcher)
            if not mine:
                self._watchers.pop(watcher.tenant, None)

    def end(self) -> None:
        """Every watch ends with one last beat."""
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
            idle = 0.0 if self._watches else idle + LOOK_S

    async def _look(self, *, overlap_ms: int) -> None:
        """Follow streams that are new, and no longer those that are gone."""
        now = {
            key: (source, prefix)
            for source in self._sources
            for key, prefix in source.streams().items()
        }
        new = now.keys() - self._origin.keys()
        self._tail.forget(self._origin.keys() - now.keys())
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
        self._tail.follow(key, position)

    def _arrived(self, key: str, found: Sequence[Entry]) -> None:
        if self._news is not None:
            self._news.set()
            self._news = None
        if not self._watchers or key not in self._origin:
            return
        for entry in found:
            event = self.event(key, entry[0], entry)
            if event is None:
                continue
            for watcher in self._watchers.get(event.tenant, ()):
                if watcher.wants(event):
                    watcher.offer(key, entry[0], event)
