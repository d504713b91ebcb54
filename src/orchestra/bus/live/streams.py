"""The live stream: events over server-sent events, resumed by `Last-Event-ID`.

Format: WHATWG HTML, "Server-sent events". The id is a position in every stream, sent at most once
a second; within that second a client may see an event twice after a reconnect, never miss one.
"""

from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Final

import anyio
import msgspec

from orchestra.bus import Beat, Event, Glances, Missed
from orchestra.bus.cloudevents import shown
from orchestra.bus.live.hub import Hub
from orchestra.bus.live.places import Place, Places
from orchestra.clock import Clock, Random
from orchestra.store.keys import Tenant

ID_S: Final = 1.0
LIFE_S: Final = (1_500.0, 2_100.0)
FRAMES_KEPT: Final = 512

Told = Event | Missed | Beat | None


class Filter(msgspec.Struct, frozen=True):
    """What a client wants beside the patterns of types."""

    types: tuple[str, ...] = ()
    key: str | None = None
    source: str | None = None
    follow: bool = True
    """Whether to go on behind what is known now."""

    def fits(self, event: Event) -> bool:
        """Whether the event is one of those."""
        return self.key in (None, event.key) and self.source in (None, event.source)


class Live:
    """Opens streams. What an event looks like is worked out once for all."""

    def __init__(self, hub: Hub, places: Places, clock: Clock, chance: Random) -> None:
        self._hub, self._places, self._clock, self._chance = hub, places, clock, chance
        self._frames: OrderedDict[str, bytes] = OrderedDict()

    async def admit(self, tenant: Tenant, actor: str) -> Place:
        """A place for one stream. Raises StreamsExhausted."""
        return await self._places.take(tenant, actor)

    async def look(self, place: Place, begin: Callable[[], None]) -> None:
        """Somebody looks on, until the bus or their time is over. `begin`: from now on all that
        happens is told to who asked for it (`Hub.on_glance`).
        """
        self._places.keep(place)
        (low, high), chance = LIFE_S, self._chance.random()
        try:
            async with self._hub.glancing():
                begin()
                with anyio.move_on_after(low + (high - low) * chance):
                    await self._hub.over.wait()
        finally:
            await self._places.leave(place)

    def on_glance(self, seen: Callable[[Glances], None]) -> None:
        """Who is told what happens, in a few words, while anybody looks."""
        self._hub.on_glance(seen)

    def position(self) -> str | None:
        """Where to go on from now; None when nobody watches, and so nobody knows."""
        return self._hub.position()

    def close(self) -> None:
        """Every stream ends, with where it was, so that clients go to another replica."""
        self._hub.end()

    async def frames(self, place: Place, wanted: Filter, since: str | None) -> AsyncIterator[bytes]:
        """The body of one response: server-sent events."""
        retry_ms = 2_000 + int(3_000 * self._chance.random())
        yield b"retry: %d\n\n" % retry_ms
        async for position, told in self.parts(place, wanted, since):
            line = b"id: %s\n" % position.encode() if position is not None else b""
            match told:
                case None:  # an id alone moves `Last-Event-ID` and is no event
                    yield line + b"\n"
                case Missed(reason=reason):
                    yield b'%sevent: resync\ndata: {"reason":"%s"}\n\n' % (line, reason.encode())
                case Beat():
                    yield b": hb\n" + line + b"\n"
                case event:
                    yield line + self._frame(event)

    async def parts(
        self, place: Place, wanted: Filter, since: str | None
    ) -> AsyncIterator[tuple[str | None, Told]]:
        """What one stream tells, and at most once a second where it is."""
        # In here: a generator whose client left before its first item is never run.
        self._places.keep(place)
        now, (low, high) = self._clock.monotonic, LIFE_S
        ends = now() + low + (high - low) * self._chance.random()
        try:
            only = wanted.fits if wanted.key or wanted.source else None
            async with self._hub.watch(
                place.tenant, wanted.types, since, only=only, key=wanted.key
            ) as watcher:
                if not wanted.follow:
                    watcher.end()
                said = now()
                yield watcher.position(), None
                async for told in watcher:
                    if isinstance(told, Event) and now() - said < ID_S:
                        yield None, told
                    else:
                        yield watcher.position(), told
                        said = now()
                    if now() > ends:
                        break
                yield watcher.position(), None
        finally:
            await self._places.leave(place)

    def _frame(self, event: Event) -> bytes:
        frame = self._frames.get(event.id)
        if frame is None:
            data = msgspec.json.encode(shown(event))
            frame = b"event: %s\ndata: %s\n\n" % (event.type.encode(), data)
            self._frames[event.id] = frame
            if len(self._frames) > FRAMES_KEPT:
                self._frames.popitem(last=False)
        return frame
