"""Executions that end, for readers of profiles: they, and the store behind them, break at times."""

import random
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import anyio
from simulated_profiles import START_MS, Doing, executed

from orchestra.clock import ManualClock
from orchestra.monitoring.analytics.keeping import Shelf
from orchestra.monitoring.analytics.reading import Reader
from orchestra.monitoring.metrics.leading import Leading
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

STEPS = {"a": Doing(), "b": Doing(("a",))}
ONE, OTHER = Tenant("one"), Tenant("other")
NOW_MS = START_MS + 86_400_000


class Breaks(Exception):
    """The reader's process is gone."""


class Ends:
    """Executions that end: a `Profiles`. It, and the store behind it, break now and then."""

    def __init__(self, store: Store, seed: int, breaking: float = 0.0) -> None:
        self.store, self.chance, self._breaking = store, random.Random(seed), breaking
        self.fetched = 0
        self.until_ms = START_MS
        self.all: dict[int, list[tuple[str, str, int]]] = {tag: [] for tag in store.partitions}
        self.told: dict[str, Mapping[str, Any]] = {}

    def happen(self, n: int, per_ms: int = 3, tenants: Sequence[str] = (ONE, OTHER)) -> None:
        """So many end, one or several in a millisecond."""
        for _ in range(n):
            self.until_ms += self.chance.randrange(per_ms + 1) == 0
            tag = self.chance.choice(self.store.partitions)
            low = self.chance.getrandbits(54) << 8 | tag
            execution = f"exe_{uuid.UUID(int=START_MS << 80 | 7 << 76 | 2 << 62 | low)}"
            tenant = self.chance.choice(tenants)
            self.all[tag].append((execution, tenant, self.until_ms))
            self.told[execution] = self._told()

    def _told(self) -> Mapping[str, Any]:
        kept = executed(STEPS, self.chance).profile
        steps = [
            {"path": row.path, "part": "", "kind": row.kind, "state": row.state, "attempts": 1,
             "queued_ms": START_MS + row.queued, "started_ms": START_MS + row.started,
             "ended_ms": START_MS + row.ended, "depends_on": row.after}
            for row in kept.rows
        ]  # fmt: skip
        return {
            "workflow": "wfl_1", "name": "w", "version": 1, "digest": "d1", "status": "completed",
            "created_ms": START_MS, "ended_ms": START_MS + kept.duration, "pauses": (),
            "error": None, "input_hash": "", "cut": False, "steps": steps,
        }  # fmt: skip

    def of(self, tenant: str) -> set[str]:
        """All that ended of a tenant."""
        return {eid for page in self.all.values() for eid, who, _ in page if who == tenant}

    def tags(self) -> Sequence[int]:
        """Everywhere."""
        return self.store.partitions

    async def ended(self, tag: int, after_ms: int, limit: int) -> Mapping[str, Any]:
        """As the script says it: whole milliseconds."""
        await anyio.lowlevel.checkpoint()
        mine = [one for one in self.all[tag] if after_ms < one[2] < self.until_ms]
        page, until_ms = mine[:limit], self.until_ms - 1
        if len(mine) > limit:
            until_ms = page[-1][2] - 1
            page = [one for one in page if one[2] <= until_ms]
        more = len(mine) > limit
        return {"until_ms": max(until_ms, after_ms), "more": more, "executions": page}

    async def profile(self, tenant: Tenant, execution: str) -> Mapping[str, Any]:
        """Of one; sometimes the process ends here."""
        await anyio.lowlevel.checkpoint()
        self.fetched += 1
        if self.chance.random() < self._breaking:
            raise Breaks
        return self.told[execution]

    async def shape(self, digest: str) -> Mapping[str, Any]:
        """Nobody asks."""
        raise AssertionError(digest)

    async def filled(self, tenant: Tenant, execution: str) -> Mapping[str, Sequence[str]]:
        """Nobody asks."""
        raise AssertionError(execution)

    async def workflow(self, tenant: Tenant, reference: str) -> tuple[str, str]:
        """Nobody asks."""
        raise AssertionError(reference)


def a_reader(ends: Ends, shelf: Shelf, per_s: int = 1_000_000) -> Reader:
    """One that reads when it is told to."""
    clock = ManualClock(NOW_MS)
    return Reader(ends, shelf, clock, Leading(ends.store, clock, "s"), per_s, per_s)
