"""Asking: a page of lines, what stands around one, how many there were when, all of them."""

import os
from bisect import bisect_right
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from math import inf
from sys import maxsize
from typing import Final

import anyio
import msgspec

from orchestra.clock import Clock
from orchestra.errors import Invalid, Problem
from orchestra.instants import instant
from orchestra.monitoring.logs import cursors
from orchestra.monitoring.logs.language import parsed
from orchestra.monitoring.logs.lines import AT, LEVEL_AT, NAMES, RANKS, moment, ms_of
from orchestra.monitoring.logs.matching import Matcher
from orchestra.monitoring.logs.shelf import Shelf
from orchestra.monitoring.logs.span import moment_of
from orchestra.monitoring.logs.walking import BEHIND, FIRST, LAST, THREADS, Asked, Order, Walk
from orchestra.store.keys import Tenant

BUCKETS_MAX: Final = 400
EXPORTED: Final = 2_048
"""Lines that are written at once."""
_DAY_MS: Final = 86_400_000


class Wanted(msgspec.Struct, frozen=True):
    """What a caller asks for, as it was sent."""

    tenants: Sequence[Tenant]
    q: str = ""
    since: str | None = None
    until: str | None = None
    order: Order = "newest"


class Page(msgspec.Struct, frozen=True):
    """Lines as they are kept, and how the search went."""

    lines: Sequence[bytes]
    next_cursor: str | None
    chunks: int
    looked: int
    bounded: bool


class Asking:
    """Answers questions. A few threads for all of them: a search must not take the machine."""

    def __init__(self, shelf: Shelf, clock: Clock) -> None:
        self._shelf, self._clock = shelf, clock
        self._limiter: anyio.CapacityLimiter | None = None

    def walk(self) -> Walk:
        """A new walk."""
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(max(THREADS, min(4, os.cpu_count() or 1)))
        return Walk(self._shelf, self._clock, self._limiter)

    def asked(self, wanted: Wanted) -> Asked:
        """The question, understood. Raises Invalid with everything that is wrong."""
        findings: list[Problem] = []
        times: list[bytes | None] = []
        for name, text in (("from", wanted.since), ("to", wanted.until)):
            at = moment_of(text, self._clock.now_ms()) if text else None
            times.append(at)
            if text and at is None:
                told = "an instant is 2026-11-23T08:00:00Z, -1h or now"
                findings.append(Problem(f"/{name}", "not_an_instant", told))
        since, until = times[0] or FIRST, times[1] or LAST
        if not findings and since > until:
            findings.append(Problem("/from", "span", "is after `to`"))
        if findings:
            raise Invalid("the span of time is wrong", findings)
        matcher = Matcher(parsed(wanted.q))
        return Asked(wanted.tenants, matcher, since, until, wanted.order)

    async def page(self, wanted: Wanted, limit: int, cursor: str | None) -> Page:
        """Lines that match, in order; a page may be short, and the cursor go on."""
        asked = self.asked(wanted)
        of = msgspec.json.encode(wanted).decode()
        start = cursors.read(cursor, of) if cursor else None
        passed = start.passed if start else 0
        if start:
            asked = _from(asked, start.at.encode())
        walk, lines, left = self.walk(), list[bytes](), passed
        async with aclosing(walk.lines_of(asked)) as told:
            async for some in told:
                lines += some[left : left + limit + 1 - len(lines)]
                left = max(0, left - len(some))
                if len(lines) > limit:
                    break
        found = lines[:limit]
        more = None
        if len(lines) > limit:
            at = found[-1][AT]
            again = passed if start and at == start.at.encode() else 0
            more = cursors.written(of, at, again + sum(line[AT] == at for line in found))
        elif walk.bounded and walk.bound is not None:
            more = cursors.written(of, walk.bound, 0)
        return Page(found, more, walk.chunks, walk.lines, walk.bounded)

    async def around(self, wanted: Wanted, at: bytes, n: int) -> tuple[list[bytes], list[bytes]]:
        """`n` lines before the instant, and `n` from it on, both in the order of time."""
        base = self.asked(wanted)
        before = msgspec.structs.replace(base, until=at)
        behind = msgspec.structs.replace(base, since=at, order="oldest")
        found: list[list[bytes]] = []
        for asked in (before, behind):
            lines = list[bytes]()
            async with aclosing(self.walk().lines_of(asked)) as told:
                async for some in told:
                    lines += some
                    if len(lines) >= n:
                        break
            found.append(lines[:n])
        return found[0][::-1], found[1]

    async def counted(self, wanted: Wanted, buckets: int) -> "Histogram":
        """How many lines of each level matched when."""
        asked = self.asked(wanted)
        now_ms = self._clock.now_ms()
        end = ms_of(asked.until) if asked.until != LAST else now_ms
        begin = ms_of(asked.since) if asked.since else max(0, end - 3_600_000)
        step = max(1, -(-(end - begin) // buckets))
        edges = [moment(begin + n * step).encode() for n in range(buckets)]
        asked = msgspec.structs.replace(
            asked, since=asked.since or edges[0], until=min(asked.until, moment(end).encode())
        )
        matcher, since, until = asked.matcher, asked.since, asked.until

        def look(raw: bytes) -> dict[tuple[int, int], int]:
            counts: dict[tuple[int, int], int] = {}
            for line in matcher.found(raw, since, until):
                key = bisect_right(edges, line[AT]) - 1, RANKS.get(line[LEVEL_AT], 1)
                counts[key] = counts.get(key, 0) + 1
            return counts

        rows, walk = [[0, 0, 0, 0] for _ in edges], self.walk()
        async with aclosing(walk.through(asked, look)) as told:
            async for found, _ in told:
                for counts in found:
                    for (bucket, rank), n in counts.items():
                        rows[max(0, bucket)][rank] += n
        return Histogram(begin, end, step, rows, walk)

    async def exported(self, wanted: Wanted) -> AsyncIterator[bytes]:
        """All lines that match, as NDJSON, the oldest first unless asked for otherwise."""
        asked = msgspec.structs.replace(self.asked(wanted), budget_s=inf, lines_max=maxsize)
        while True:
            walk = self.walk()
            async with aclosing(walk.lines_of(asked)) as told:
                async for some in told:
                    for start in range(0, len(some), EXPORTED):
                        yield b"\n".join(some[start : start + EXPORTED]) + b"\n"
            if not walk.bounded or walk.bound is None:
                return
            asked = _from(asked, walk.bound)


class Histogram:
    """Counts by time and level, and how the search went."""

    def __init__(
        self, begin_ms: int, end_ms: int, step_ms: int, rows: Sequence[Sequence[int]], walk: Walk
    ) -> None:
        self._span, self._step, self._rows, self._walk = (begin_ms, end_ms), step_ms, rows, walk

    def shown(self) -> dict[str, object]:
        """As clients see it."""
        begin, end = self._span
        return {
            "from": instant(begin),
            "to": instant(end),
            "step_ms": self._step,
            "buckets": [
                {"at": instant(begin + n * self._step), **dict(zip(NAMES, row, strict=True))}
                for n, row in enumerate(self._rows)
            ],
            "scanned": {"chunks": self._walk.chunks, "lines": self._walk.lines},
            "bounded": self._walk.bounded,
        }


def _from(asked: Asked, at: bytes) -> Asked:
    if asked.order == "newest":
        return msgspec.structs.replace(asked, until=min(asked.until, at + BEHIND))
    return msgspec.structs.replace(asked, since=max(asked.since, at))
