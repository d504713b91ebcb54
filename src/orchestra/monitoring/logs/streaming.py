"""Streaming: lines as they come, over server-sent events, resumed by `Last-Event-ID`.

Format: WHATWG HTML, "Server-sent events". What follows the tails of tenants is one connection for
all who watch from this process, and none while nobody does. An id names a place in each tail.
"""

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio
import anyio.to_thread
import structlog

from orchestra.clock import Clock
from orchestra.errors import BadRequest, TooMany
from orchestra.monitoring.logs.chunks import unpacked
from orchestra.monitoring.logs.matching import Matcher
from orchestra.monitoring.logs.shelf import PATIENCE_S, Shelf
from orchestra.monitoring.logs.walking import THREADS
from orchestra.store.keys import Tenant
from orchestra.store.log_keys import log_tail
from orchestra.store.tails import START, Entry, Raw, Tail, entries

log = structlog.get_logger(__name__)

STREAMS_MAX: Final = 100
"""That one tenant may have open on one replica."""
QUEUE_MAX: Final = 256
BEAT_S: Final = 15.0
LIFE_S: Final = 1_800.0
LINGER_S: Final = 10.0


class LogStreamsExhausted(TooMany):
    """The tenant has as many streams of lines open here as it may. Context: `limit`."""


class LogPositionInvalid(BadRequest):
    """The id is not one of a stream of lines."""


class Watcher:
    """One who watches: batches that were not told yet, and where each tail was read up to."""

    def __init__(self, tails: dict[str, Tenant], positions: dict[str, str]) -> None:
        self.tails, self.positions = tails, positions
        self.queue: deque[tuple[str, Entry]] = deque()
        self.news = anyio.Event()
        self.overflow = self.ending = False

    def offer(self, key: str, found: Sequence[Entry]) -> None:
        """More was appended to a tail. Too much of it makes the watcher start anew."""
        for one in found:
            if len(self.queue) >= QUEUE_MAX:
                self.queue.clear()
                self.overflow = True
            self.queue.append((key, one))
        self.news.set()

    def end(self) -> None:
        """Tell nothing more."""
        self.ending = True
        self.news.set()

    def id(self) -> bytes:
        """Where to go on from."""
        return ",".join(self.positions[key] for key in self.tails).encode()


class Streaming:
    """All who watch from this process. `serve` must run."""

    def __init__(self, shelf: Shelf, clock: Clock) -> None:
        self._shelf, self._clock = shelf, clock
        self._tail = Tail(self._arrived)
        self._watchers: dict[str, set[Watcher]] = {}
        self._open: dict[Tenant, int] = {}
        self._wanted = anyio.Event()
        self._closed = False
        self._limiter: anyio.CapacityLimiter | None = None

    async def serve(self) -> None:
        """Until cancelled: follow the tails that somebody watches."""
        while True:
            await self._wanted.wait()
            async with anyio.create_task_group() as group:
                group.start_soon(self._shelf.store.tail, self._tail)
                idle = 0.0
                while idle < LINGER_S:
                    await self._clock.sleep(1.0)
                    idle = 0.0 if self._watchers else idle + 1.0
                self._wanted = anyio.Event()
                group.cancel_scope.cancel()

    def close(self) -> None:
        """Every stream ends, so that clients go to another replica."""
        self._closed = True
        for watcher in {one for mine in self._watchers.values() for one in mine}:
            watcher.end()

    def admit(self, tenant: Tenant) -> None:
        """Raises LogStreamsExhausted."""
        if self._open.get(tenant, 0) >= STREAMS_MAX:
            raise LogStreamsExhausted("too many streams are open", limit=STREAMS_MAX)

    async def frames(
        self,
        tenants: Sequence[Tenant],
        matcher: Matcher,
        since: Sequence[str] | None,
        follow: bool = True,
    ) -> AsyncIterator[bytes]:
        """The body of one response. The first of the tenants is the caller's.

        Not `follow`: it ends with what is known now.
        """
        self._open[tenants[0]] = self._open.get(tenants[0], 0) + 1
        try:
            yield b"retry: 2000\n\n"
            async with self._watching(tenants, since) as watcher:
                if not follow:
                    watcher.end()
                async for frame in self._told(watcher, matcher, resumed=since is not None):
                    yield frame
        finally:
            self._open[tenants[0]] -= 1
            if not self._open[tenants[0]]:
                del self._open[tenants[0]]

    @asynccontextmanager
    async def _watching(
        self, tenants: Sequence[Tenant], since: Sequence[str] | None
    ) -> AsyncIterator[Watcher]:
        tails = {log_tail(self._shelf.prefix(one)): one for one in tenants}
        ends = [await self._end(key) for key in tails]
        watcher = Watcher(tails, dict(zip(tails, since or ends, strict=True)))
        for key, end in zip(tails, ends, strict=True):
            self._watchers.setdefault(key, set()).add(watcher)
            self._tail.follow(key, end)
        self._wanted.set()
        if self._closed:
            watcher.end()
        try:
            yield watcher
        finally:
            for key in tails:
                self._watchers[key].discard(watcher)
                if not self._watchers[key]:
                    del self._watchers[key]
                    self._tail.forget([key])

    async def _end(self, key: str) -> str:
        prefix = key.removesuffix("t")
        raw = await self._shelf.store.insist(
            lambda: self._shelf.store.read(prefix, "XREVRANGE", key, "+", "-", "COUNT", 1),
            PATIENCE_S,
        )
        return entries(raw)[0][0] if raw else START

    async def _told(
        self, watcher: Watcher, matcher: Matcher, *, resumed: bool
    ) -> AsyncGenerator[bytes, None]:
        ends = self._clock.monotonic() + LIFE_S
        yield b"id: %s\nevent: open\ndata: {}\n\n" % watcher.id()
        if resumed:
            async for frame in self._missed(watcher, matcher):
                yield frame
        while not watcher.ending and self._clock.monotonic() < ends:
            while watcher.queue:
                key, entry = watcher.queue.popleft()
                if _after(entry[0], watcher.positions[key]):
                    watcher.positions[key] = entry[0]
                    if frames := await self._frames(watcher, matcher, entry):
                        yield frames
            if watcher.overflow:
                watcher.overflow = False
                yield b'id: %s\nevent: resync\ndata: {"reason":"overflow"}\n\n' % watcher.id()
            watcher.news = anyio.Event()
            if watcher.queue or watcher.ending:
                continue
            with anyio.move_on_after(BEAT_S) as quiet:
                await watcher.news.wait()
            if quiet.cancelled_caught:
                yield b": hb\n" + _id(watcher)
        yield _id(watcher)

    async def _missed(self, watcher: Watcher, matcher: Matcher) -> AsyncGenerator[bytes, None]:
        """What was appended since the position the client knows. Too long ago: it is told so."""
        for key in watcher.tails:
            since, prefix = watcher.positions[key], key.removesuffix("t")
            first = await self._shelf.store.read(prefix, "XRANGE", key, "-", "+", "COUNT", 1)
            known = not first or since == START or not _after(entries(first)[0][0], since)
            if not known:
                yield b'event: resync\ndata: {"reason":"expired"}\n\n'
            raw = await self._shelf.store.read(prefix, "XRANGE", key, f"({since}", "+")
            for entry in entries(raw):
                watcher.positions[key] = entry[0]
                if frames := await self._frames(watcher, matcher, entry):
                    yield frames

    async def _frames(self, watcher: Watcher, matcher: Matcher, entry: Entry) -> bytes:
        """The lines of a batch as events, in their order; the id behind the last of them."""
        # Threads of its own: what a hundred streams look for must not keep all others waiting.
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(THREADS)
        lines = await anyio.to_thread.run_sync(
            _matching, matcher, entry[1]["z"], limiter=self._limiter
        )
        if not lines:
            return b""
        told = [b"event: line\ndata: %s\n\n" % line for line in lines]
        told[-1] = b"id: %s\n" % watcher.id() + told[-1]
        return b"".join(told)

    def _arrived(self, key: str, found: Sequence[Raw]) -> None:
        watchers = self._watchers.get(key, ())
        read = entries(found) if watchers else ()
        for watcher in watchers:
            watcher.offer(key, read)


def _matching(matcher: Matcher, data: bytes) -> list[bytes]:
    return sorted(matcher.found(unpacked(data)))


def _id(watcher: Watcher) -> bytes:
    """An id alone moves `Last-Event-ID` and is no event."""
    return b"id: %s\n\n" % watcher.id()


def position_of(text: str, tails: int) -> list[str]:
    """The places an id names, one in each tail. Raises LogPositionInvalid."""
    found = text.split(",")
    parts = [part for one in found for part in one.split("-")]
    sound = len(found) == tails and len(parts) == 2 * tails
    if not sound or not all(
        part.isdecimal() and part.isascii() and len(part) < 20 for part in parts
    ):
        raise LogPositionInvalid("the id is not one of this stream")
    return found


def _after(a: str, b: str) -> bool:
    return _pair(a) > _pair(b)


def _pair(position: str) -> tuple[int, int]:
    ms, _, seq = position.partition("-")
    return int(ms), int(seq)
