"""One watcher: what it wants, what it was told, and what it missed."""

import asyncio  # noqa: TID251 -- a bare future: anyio has nothing as small
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

from orchestra.bus import Beat, Event, Missed
from orchestra.bus.live.missed import Expired
from orchestra.bus.positions import decoded, encoded, name_of
from orchestra.store.keys import Tenant
from orchestra.store.tails import START

QUEUE_MAX = 1_024
BEAT_S = 15


class Followed(Protocol):
    """What a watcher asks of the hub."""

    @property
    def positions(self) -> Mapping[str, str]:
        """How far each stream was read."""
        ...

    def between(
        self, start: Mapping[str, str], end: Mapping[str, str]
    ) -> AsyncIterator[tuple[str, str, Event | None]]:
        """What lies between two positions, in the order of time. Raises Expired on the way."""
        ...


class Watcher:
    """One watcher: what it wants, and what it has not been told yet.

    While nothing waits to be told it is where the hub is, and keeps no positions of its own. It
    waits for a bare future: an event would be 0.7 KiB more of each of a thousand streams.
    """

    __slots__ = (
        "_ending", "_ends", "_hub", "_matches", "_news", "_only", "_overflow", "_positions",
        "_queue", "_quiet", "tenant", "wish",
    )  # fmt: skip

    def __init__(
        self,
        hub: Followed,
        tenant: Tenant,
        matches: Callable[[str], bool],
        only: Callable[[Event], bool] | None,
        wish: tuple[Tenant, str] | None = None,
    ) -> None:
        self.wish = wish
        self.tenant, self._matches, self._only = tenant, matches, only
        self._hub = hub
        self._queue: deque[tuple[str, str, Event]] | None = None
        self._news: asyncio.Future[None] | None = None
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
        self._wake()

    def offer_fleeting(self, event: Event) -> None:
        """Something that is not kept: told while there is room, and moving no position."""
        if self._queue is None:
            self._queue = deque()
        if len(self._queue) < QUEUE_MAX // 2 and not self._overflow:
            self._queue.append(("", "", event))
            self._wake()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def tick(self) -> None:
        """Another `TICK_S` has passed. After `BEAT_S` of them without news it is told a beat."""
        self._quiet += 1
        if self._quiet >= BEAT_S:
            self._wake()

    def end(self) -> None:
        """Tell nothing more: the process stops."""
        self._ending = True
        self._wake()

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
                if self._positions is not None and key:
                    self._positions[key] = position
                yield event
            self._queue = None
            if self._overflow:
                self._overflow = False
                self._positions = None
                yield Missed("overflow")
                continue
            if not self._ending:
                self._news, self._quiet = asyncio.get_running_loop().create_future(), 0
                await self._news
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
