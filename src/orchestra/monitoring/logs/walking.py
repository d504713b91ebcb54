"""Walking: through the chunks of some tenants in order of time, in threads, as far as is wanted.

Chunks of several replicas overlap: lines are told once no chunk that is still to be read can hold
one that comes before them. Chunks are read while those before them are looked through.
"""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from math import inf
from typing import Final, Generic, Literal, TypeAlias, TypeVar

import anyio
import anyio.to_thread
import msgspec

from orchestra.clock import Clock
from orchestra.monitoring.logs.chunks import Header, levels_of, unpacked
from orchestra.monitoring.logs.lines import AT, ms_of
from orchestra.monitoring.logs.matching import Matcher
from orchestra.monitoring.logs.shelf import Looked, Shelf
from orchestra.store.keys import Tenant

T = TypeVar("T")

Order: TypeAlias = Literal["newest", "oldest"]
FIRST, LAST = b"", b"~"
BEHIND: Final = b"!"
"""Behind an instant and all that has it, before the next."""
BUDGET_S: Final = 2.0
LINES_MAX: Final = 5_000_000
WAVES: Final = (2, 8, 32)
"""Chunks at a time: few first, for what is asked is mostly found among the newest."""
THREADS: Final = 2
HEADERS: Final = 256
HELD_MAX_BYTES: Final = 16_777_216
"""Of lines that match and wait for those before them."""


class Part(msgspec.Struct, frozen=True):
    """What is read at once: a chunk, or a batch (`data`) that is in none yet."""

    tenant: Tenant
    name: str
    header: Header
    data: bytes | None = None


class Asked(msgspec.Struct, frozen=True):
    """What is looked for, from `since` up to before `until`, as lines show time."""

    tenants: Sequence[Tenant]
    matcher: Matcher
    since: bytes = FIRST
    until: bytes = LAST
    order: Order = "newest"
    lines_max: int = LINES_MAX
    budget_s: float = BUDGET_S


class Walk:
    """One walk, and how far it came."""

    def __init__(self, shelf: Shelf, clock: Clock, limiter: anyio.CapacityLimiter) -> None:
        self._shelf, self._clock, self._limiter = shelf, clock, limiter
        self.chunks = self.lines = 0
        self.bounded = False
        self.bound: bytes | None = None
        """Where it would go on: every line before it was told. None: there is nothing more."""

    async def lines_of(self, asked: Asked) -> AsyncGenerator[list[bytes], None]:
        """Matching lines in their order, as they are known. May be empty, and go on.

        Where so many chunks overlap that too much would wait, it ends before `bound`, and is
        `bounded`: who wants more walks again from there.
        """
        waiting = _Waiting(asked)

        async with aclosing(self.through(asked, waiting.look, onward=True)) as told:
            async for found, bound in told:
                # Sorting ten thousand lines takes longer than others may have to wait.
                ready = await anyio.to_thread.run_sync(
                    waiting.ready, found, bound, limiter=self._limiter
                )
                self.bound = bound
                if waiting.is_past_cut(bound):
                    self.bound, self.bounded = waiting.cut, True
                yield ready
                if self.bounded:
                    return

    async def through(
        self, asked: Asked, look: Callable[[bytes], T], *, onward: bool = False
    ) -> AsyncGenerator[tuple[list[T], bytes | None], None]:
        """What `look` says of each chunk, and the time behind which all is looked through.

        `onward`: it stops only at a time behind the one from which it is asked, so who walks again
        from there is further, also where all chunks begin before what is asked.
        """
        until = self._clock.monotonic() + asked.budget_s
        parts = await self._parts(asked)
        at, wave = 0, 0
        ahead = await self._read(parts[: WAVES[0]])
        while at < len(parts):
            size = WAVES[min(wave, len(WAVES) - 1)]
            following = WAVES[min(wave + 1, len(WAVES) - 1)]
            now, raw = parts[at : at + size], ahead
            coming = parts[at + size : at + size + following]
            may_stop = not onward or _is_onward(_edge(parts[at], asked.order), asked)
            work = _Work(look, raw, self._clock, until if may_stop else inf)
            async with anyio.create_task_group() as group:
                for n in range(min(THREADS, len(now))):
                    group.start_soon(self._work, work, n)
                ahead = await self._read(coming)
            found = work.found()
            at, wave = at + len(found), wave + 1
            self.chunks += len(found)
            self.lines += sum(part.header.lines for part in now[: len(found)])
            bound = _edge(parts[at], asked.order) if at < len(parts) else None
            over = self.lines >= asked.lines_max or self._clock.monotonic() >= until
            if bound and over and (not onward or _is_onward(bound, asked)):
                self.bounded = True
            yield found, bound
            if self.bounded:
                return

    async def _work(self, work: "_Work[T]", number: int) -> None:
        await anyio.to_thread.run_sync(
            work.run, number, limiter=self._limiter, abandon_on_cancel=True
        )

    async def _parts(self, asked: Asked) -> list[Part]:
        """What may hold such lines, in the order in which it is to be read."""
        found: list[Part] = []
        since_ms = ms_of(asked.since) if asked.since else 0
        for tenant in asked.tenants:
            looked = await self._shelf.look(tenant, since_ms)
            found += await self._chunks(tenant, looked)
            found += await anyio.to_thread.run_sync(_batches, tenant, looked, limiter=self._limiter)
        wanted = [
            part
            for part in found
            if part.header.first < asked.until
            and part.header.last >= asked.since
            and asked.matcher.may_be_in(part.header)
        ]
        newest = asked.order == "newest"
        wanted.sort(key=lambda part: _edge(part, asked.order), reverse=newest)
        return wanted

    async def _chunks(self, tenant: Tenant, looked: Looked) -> list[Part]:
        found: list[Part] = []
        names = [name for name, _ in looked.chunks]
        for n in range(0, len(names), HEADERS):
            some = names[n : n + HEADERS]
            for name, header in zip(some, await self._shelf.headers(tenant, some), strict=True):
                if header is not None:
                    found.append(Part(tenant, name, header))
        return found

    async def _read(self, parts: Sequence[Part]) -> list[bytes]:
        """The chunks as they are kept; those that are gone meanwhile are b''."""
        found: dict[tuple[Tenant, str], bytes] = {}
        for tenant in {part.tenant for part in parts if part.data is None}:
            names = [one.name for one in parts if one.tenant == tenant and one.data is None]
            raw = await self._shelf.chunks(tenant, names)
            found |= {(tenant, name): one for name, one in zip(names, raw, strict=True)}
        return [
            part.data if part.data is not None else found[part.tenant, part.name] for part in parts
        ]


class _Waiting:
    """Lines that match, until no chunk that is still to be read can hold one before them."""

    def __init__(self, asked: Asked) -> None:
        self._asked, self._newest = asked, asked.order == "newest"
        self._lines: list[bytes] = []
        self.cut: bytes | None = None
        """There was no room for what comes from this time on, in the order that was asked for."""

    def look(self, raw: bytes) -> list[bytes]:
        """In a thread: what matches in a chunk."""
        return self._asked.matcher.found(raw, self._asked.since, self._asked.until)

    def ready(self, found: Sequence[Sequence[bytes]], bound: bytes | None) -> list[bytes]:
        """In a thread: add lines, and take out those that come before all that is to be read."""
        cut = self.cut
        self._lines += [
            line
            for lines in found
            for line in lines
            if cut is None or (line[AT] > cut if self._newest else line[AT] < cut)
        ]
        self._lines.sort(reverse=self._newest)
        told = len(self._lines) if bound is None else _ready(self._lines, bound, self._asked.order)
        ready, self._lines = self._lines[:told], self._lines[told:]
        if sum(map(len, self._lines)) > HELD_MAX_BYTES:
            self._make_room()
        return ready

    def _make_room(self) -> None:
        """Keep the first half. Lines of one time stay together: a walk begins at a time."""
        half, size = 0, 0
        while size < HELD_MAX_BYTES // 2:
            size += len(self._lines[half])
            half += 1
        at = self._lines[half][AT]
        kept = [line for line in self._lines[:half] if line[AT] != at]
        if kept:
            self._lines, self.cut = kept, at

    def is_past_cut(self, bound: bytes | None) -> bool:
        """Whether everything up to the cut was told."""
        if self.cut is None:
            return False
        return bound is None or (bound <= self.cut if self._newest else bound >= self.cut)


class _Work(Generic[T]):
    """Chunks that are looked through by some threads: each takes every so manieth, until it is time
    to stop. The first chunk is always looked through, so that there is an end to it.
    """

    def __init__(
        self, look: Callable[[bytes], T], raw: Sequence[bytes], clock: Clock, until: float
    ) -> None:
        self._look, self._raw, self._clock, self._until = look, raw, clock, until
        self._found: dict[int, T] = {}

    def run(self, number: int) -> None:
        """In a thread."""
        for n in range(number, len(self._raw), THREADS):
            if n and self._clock.monotonic() >= self._until:
                return
            raw = self._raw[n]
            self._found[n] = self._look(unpacked(raw) if raw else b"")

    def found(self) -> list[T]:
        """Of each chunk, up to the first that was not looked through."""
        return list(_unbroken(self._found, len(self._raw)))


def _unbroken(found: Mapping[int, T], count: int) -> Iterator[T]:
    """Those of 0, 1, 2, … until one is missing."""
    for n in range(count):
        if n not in found:
            return
        yield found[n]


def _batches(tenant: Tenant, looked: Looked) -> list[Part]:
    found: list[Part] = []
    for position, fields in looked.open:
        lines = [line for line in unpacked(fields["z"]).split(b"\n") if line]
        times = sorted(line[AT] for line in lines)
        if times:
            # Nothing is known of its ids: it is looked through whatever is asked.
            header = Header(times[0], times[-1], levels_of(lines))
            found.append(Part(tenant, position, header, fields["z"]))
    return found


def _edge(part: Part, order: Order) -> bytes:
    return part.header.last if order == "newest" else part.header.first


def _is_onward(at: bytes, asked: Asked) -> bool:
    """Whether the time is behind the first that is asked for, in the order that is asked for."""
    return at + BEHIND < asked.until if asked.order == "newest" else at > asked.since


def _ready(lines: Sequence[bytes], bound: bytes, order: Order) -> int:
    """How many of the lines, which are in order, come before all that is still to be read."""
    for n, line in enumerate(lines):
        if line[AT] <= bound if order == "newest" else line[AT] >= bound:
            return n
    return len(lines)
