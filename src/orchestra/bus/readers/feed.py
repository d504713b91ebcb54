"""A feed: what lies between a cursor and the newest there is, read a batch at a time.

The tail of the process only says that there is news; a durable reader reads the streams itself, at
its own pace, so that a slow one falls behind and loses nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

import anyio
import structlog

from orchestra.bus import Event, Gap, Interest, Source
from orchestra.bus.live.hub import Hub
from orchestra.bus.live.missed import gone_until
from orchestra.bus.live.recent import Told
from orchestra.bus.patterns import matcher
from orchestra.bus.positions import decoded, name_of, parsed
from orchestra.bus.readers.records import Definition, Positions
from orchestra.instruments import counter
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.partitions import event_position
from orchestra.store.tails import START

log = structlog.get_logger(__name__)

FELL_BEHIND = counter("orchestra_reader_fell_behind_total", ("reader",))
PAGE = 100
BEHIND_MS = 5_000
"""Who is so far behind may have been overtaken by trimming."""
PASS_OVER_S = 1.0
"""Streams that are of no use are moved on so often."""
EVENT = "evt_"
_LAST = (1 << 64) - 1
SKEW_MS = 1_000
"""Clocks of replicas and stores differ: a stream new to a `new` reader is read from before it."""


class Found(NamedTuple):
    """One entry of one stream; `told` is None for what this reader is not interested in."""

    key: str
    position: str
    told: Event | Gap | None


class Range(NamedTuple):
    """A part of a stream that was not read yet."""

    key: str
    source: Source
    prefix: str
    at: str
    end: str


class Feed:
    """Everything a definition asks for behind `cursor`: in order for each stream."""

    def __init__(
        self,
        hub: Hub,
        store: Store,
        tenant: Tenant | None,
        definition: Definition,
        cursor: Positions,
        interest: Interest | None = None,
    ) -> None:
        self._hub, self._store, self._interest = hub, store, interest
        self._wanted = fitting(tenant, definition)
        self._begin = beginning(definition)
        self._types = matcher(definition.types)
        self._hearing: dict[Source, bool] = {}
        self._pass_over_at = 0.0
        self._at = dict(cursor)
        self._unsure = {key for key, position in cursor.items() if position != START}

    @property
    def positions(self) -> Positions:
        """How far it was read."""
        return self._at

    async def batch(self, most: int) -> list[Found]:
        """What there is now, with at most `most` events; empty when there is nothing new."""
        news = self._ranges()
        ranges = [one for one in news if self.hears(one.key)]
        pages = [self._hub.recent(one.key, one.at, PAGE) for one in ranges]
        behind = [one for one, page in zip(ranges, pages, strict=True) if page is None]
        found = [gap for one in behind if (gap := await self._gap(one)) is not None]
        asked = iter(await self._store.insist(lambda: self._ask(behind)) if behind else ())
        read: list[tuple[tuple[int, int], str, Told | None]] = []
        for one, page in zip(ranges, pages, strict=True):
            here = page
            if here is None:
                here = [Told(one.source, one.key, raw) for raw in next(asked)]
            read += [(entry.at, one.key, entry) for entry in here]
            if len(here) < PAGE and (not here or here[-1].position != one.end):
                read.append((parsed(one.end), one.key, None))
        found += self._passed_over(news)
        read.sort(key=lambda one: one[0])
        for (ms, seq), key, entry in read:
            event = self._event(entry) if entry is not None else None
            self._at[key] = f"{ms}-{seq}"
            found.append(Found(key, self._at[key], event))
            most -= event is not None
            if most <= 0:
                break
        return found

    def hears(self, key: str) -> bool:
        """Whether anything on this stream could be for this reader, as things stand."""
        if self._interest is not None and not self._interest.awake():
            return False
        source, _ = self._hub.origins.get(key, (None, ""))
        if source is None:
            return False
        heard = self._hearing.get(source)
        if heard is None:
            types = source.types()
            heard = self._hearing[source] = types is None or any(map(self._types, types))
        return heard

    def _passed_over(self, news: Sequence[Range]) -> list[Found]:
        """Streams that are of no use just now are moved on, unread."""
        now = anyio.current_time()
        if now < self._pass_over_at:
            return []
        self._pass_over_at = now + PASS_OVER_S
        unheard = [one for one in news if not self.hears(one.key)]
        self._at.update({one.key: one.end for one in unheard})
        return [Found(one.key, one.end, None) for one in unheard]

    def _event(self, entry: Told) -> Event | None:
        """What it stands for, if that is wanted."""
        event = entry.event
        if event is None or not self._wanted(event):
            return None
        return event if self._interest is None or self._interest.wants(event) else None

    async def wait(self, seconds: float) -> None:
        """Until there is news, or the time is over."""
        news = self._hub.news()
        if not any(self.hears(one.key) for one in self._ranges()):
            with anyio.move_on_after(seconds):
                await news.wait()

    def _ranges(self) -> list[Range]:
        """Streams with news."""
        found: list[Range] = []
        for key, end in self._hub.positions.items():
            at = self._at.get(key)
            if at == end or key not in self._hub.origins:
                continue
            at = self._begin(key) if at is None else at
            if parsed(at) < parsed(end):
                found.append(Range(key, *self._hub.origins[key], at, end))
        return found

    async def _ask(self, ranges: Sequence[Range]) -> list[Any]:
        """All at once: the questions are on their way before the first is waited for."""
        asked = [
            self._store.read(prefix, "XRANGE", key, f"({at}", end, "COUNT", PAGE)
            for key, _, prefix, at, end in ranges
        ]
        return [cast("list[Any]", await one) for one in asked]

    async def _gap(self, range_: Range) -> Found | None:
        """Whether trimming has overtaken us here. Asked when it may be, not each time."""
        key, _, prefix, at, end = range_
        if key not in self._at:
            return None
        if key not in self._unsure and parsed(end)[0] - parsed(at)[0] < BEHIND_MS:
            return None
        self._unsure.discard(key)
        until = await gone_until(self._store, prefix, key, at)
        if until is None:
            return None
        log.warning("bus.events_trimmed_unread", stream=key, from_ms=parsed(at)[0], to_ms=until)
        return Found(key, at, Gap(parsed(at)[0], until))


def fitting(tenant: Tenant | None, definition: Definition) -> Callable[[Event], bool]:
    """Whether an event is one of those that are asked for."""
    matches = matcher(definition.types)
    sources, keys, origins = definition.sources, definition.keys, definition.origins

    def fits(event: Event) -> bool:
        return (
            tenant in (None, event.tenant)
            and matches(event.type)
            and (not sources or event.source in sources)
            and (not keys or event.key in keys)
            and (not origins or event.origin in origins)
        )

    return fits


def beginning(definition: Definition) -> Callable[[str], str]:
    """Where a stream begins that the cursor does not know. Raises PositionInvalid."""
    if definition.start == "oldest":
        return lambda _: START
    if definition.start == "new":
        since = f"{max(definition.created_ms - SKEW_MS, 0)}-0"
        return lambda _: since
    since_ms = start_ms(definition.start)
    if since_ms is not None:
        since = before(since_ms)
        return lambda _: since
    known: Mapping[bytes, str] = decoded(definition.start)
    return lambda key: known.get(name_of(key), START)


def start_ms(start: str) -> int | None:
    """When a `start` is that is an instant, or the id of an event; None for others."""
    try:
        if start.startswith(EVENT):
            return int(event_position(start)[2].partition("-")[0])
        at = datetime.fromisoformat(start)
        return None if at.tzinfo is None else max(0, round(at.timestamp() * 1_000))
    except (ValueError, OverflowError):
        return None


def before(ms: int) -> str:
    """The position before everything of this time."""
    return f"{ms - 1}-{_LAST}" if ms else START
