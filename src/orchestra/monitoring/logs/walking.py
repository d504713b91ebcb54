"""Walking: through the chunks of some tenants in order of time, in threads, as far as is wanted.

Chunks of several replicas overlap: lines are told once no chunk that is still to be read can hold
one that comes before them. Chunks are read while those before them are looked through.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
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
BUDGET_S: Final = 2.0
LINES_MAX: Final = 5_000_000
WAVES: Final = (2, 8, 32)
"""Chunks at a time: few first, for what is asked is mostly found among the newest."""
THREADS: Final = 2
HEADERS: Final = 256


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
        """Matching lines in their order, as they are known. May be empty, and go on."""
        newest = asked.order == "newest"
        waiting: list[bytes] = []

        def look(raw: bytes) -> list[bytes]:
            return asked.matcher.found(raw, asked.since, asked.until)

        async for found, bound in self.through(asked, look):
            waiting += [line for lines in found for line in lines]
            waiting.sort(reverse=newest)
            ready = len(waiting) if bound is None else _ready(waiting, bound, asked.order)
            self.bound = bound
            yield waiting[:ready]
            del waiting[:ready]

    async def through(
        self, asked: Asked, look: Callable[[bytes], T]
    ) -> AsyncGenerator[tuple[list[T], bytes | None], None]:
        """What `look` says of each chunk, and the time behind which all is looked through."""
        until = self._clock.monotonic() + asked.budget_s
        parts = await self._parts(asked)
        at, wave = 0, 0
        ahead = await self._read(parts[: WAVES[0]])
        while at < len(parts):
            size = WAVES[min(wave, len(WAVES) - 1)]
            following = WAVES[min(wave + 1, len(WAVES) - 1)]
            now, raw = parts[at : at + size], ahead
            coming = parts[at + size : at + size + following]
            work = _Work(look, raw)
            async with anyio.create_task_group() as group:
                for n in range(min(THREADS, len(now))):
                    group.start_soon(self._work, work, n)
                ahead = await self._read(coming)
            at, wave = at + size, wave + 1
            self.chunks += len(now)
            self.lines += sum(part.header.lines for part in now)
            bound = _edge(parts[at], asked.order) if at < len(parts) else None
            if bound and (self.lines >= asked.lines_max or self._clock.monotonic() >= until):
                self.bounded = True
            yield work.found, bound
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


class _Work(Generic[T]):
    """Chunks that are looked through by some threads: each takes every so manieth."""

    def __init__(self, look: Callable[[bytes], T], raw: Sequence[bytes]) -> None:
        self._look, self._raw = look, raw
        self.found: list[T] = []

    def run(self, number: int) -> None:
        """In a thread."""
        for raw in self._raw[number::THREADS]:
            self.found.append(self._look(unpacked(raw) if raw else b""))


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


def _ready(lines: Sequence[bytes], bound: bytes, order: Order) -> int:
    """How many of the lines, which are in order, come before all that is still to be read."""
    for n, line in enumerate(lines):
        if line[AT] <= bound if order == "newest" else line[AT] >= bound:
            return n
    return len(lines)
