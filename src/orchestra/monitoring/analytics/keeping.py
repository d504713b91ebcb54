"""The shelf of profiles: where those of a tenant are, and the scripts that put them there."""

import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import anyio.to_thread
import msgspec

from orchestra.monitoring.analytics.profiles import Kept, day_of, unpacked
from orchestra.store import metric_keys, profile_keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

_SCRIPTS = load_scripts(__package__ or "")
DAY_S: Final = 86_400
DAY_MAX: Final = 2_000
"""Profiles of a workflow and day. Beyond, one in two of them is kept, then one in four, …"""
TENANT_MAX: Final = 100_000
BYTES_MAX: Final = 32 * 1024 * 1024
KEEP_DAYS: Final = 30
CACHED_MAX: Final = 12_000
WORKFLOWS_MAX: Final = 20

Entry = tuple[str, int, bytes]
"""Workflow, day of the end, the profile packed."""


class Look(msgspec.Struct, frozen=True):
    """Profiles of a window. `level`: at worst one in 2^level of a day is here; `skipped`: as many
    executions of the tenant were passed over.
    """

    kept: Sequence[Kept]
    level: int
    skipped: int

    @property
    def sampled(self) -> bool:
        """Whether there were executions without a profile."""
        return bool(self.level or self.skipped)


class Shelf:
    """The profiles in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cache: OrderedDict[tuple[Tenant, str, int], tuple[int, list[Kept]]] = OrderedDict()
        self._cached = 0

    async def keep(
        self, tenant: Tenant, tag: int, until_ms: int, entries: Sequence[Entry], skipped: int
    ) -> int:
        """Keep what ended in a partition up to `until_ms`; how many were new. Safe to repeat."""
        more: list[bytes] = []
        for workflow, day, profile in entries:
            more += [workflow.encode(), str(day).encode(), profile]
        reply = await self._store.run(
            _SCRIPTS["profiles_keep"],
            self._prefix(tenant),
            *more,
            tag=str(tag),
            until=until_ms,
            day=max([until_ms // (DAY_S * 1_000), *(day for _, day, _ in entries)]),
            day_max=DAY_MAX,
            tenant_max=TENANT_MAX,
            bytes_max=BYTES_MAX,
            keep_days=KEEP_DAYS,
            skipped=skipped,
        )
        return int(reply[0])

    async def workflows(self, tenant: Tenant, from_day: int) -> list[str]:
        """Those with profiles since a day, most of them first."""
        prefix = self._prefix(tenant)
        raw = await self._store.read(
            prefix, "ZRANGE", profile_keys.profile_days(prefix), from_day, "+inf", "BYSCORE"
        )
        names = [one.decode() for one in cast("list[bytes]", raw)]
        if not names:
            return []
        counts = await self._counts(prefix, [f"{name}:c" for name in names])
        found: dict[str, int] = {}
        for name, n in zip(names, counts, strict=True):
            workflow = name.rpartition(":")[0]
            found[workflow] = found.get(workflow, 0) + n
        return sorted(found, key=lambda one: (-found[one], one))

    async def look(self, tenant: Tenant, workflow: str, from_ms: int, to_ms: int) -> Look:
        """Profiles of executions that ended in between. Raises StoreAway."""
        prefix = self._prefix(tenant)
        days = range(from_ms // (DAY_S * 1_000), to_ms // (DAY_S * 1_000) + 1)
        names = [f"{workflow}:{day}" for day in days]
        counts = await self._counts(prefix, [f"{name}:c" for name in names])
        levels = await self._counts(prefix, [f"{name}:l" for name in names])
        there = [(day, n) for day, n in zip(days, counts, strict=True) if n]
        every: dict[str, Kept] = {}
        for day, n in there:
            for one in await self._day(tenant, workflow, day, n):
                had = every.get(one.execution)
                if had is None or had.ended_ms <= one.ended_ms:
                    every[one.execution] = one
        kept = [one for one in every.values() if from_ms <= one.ended_ms <= to_ms]
        state = profile_keys.profile_state(prefix)
        raw = await self._store.read(prefix, "HMGET", state, *(f"s:{day}" for day in days))
        skipped = sum(int(one or 0) for one in cast("list[bytes | None]", raw))
        return Look(sorted(kept, key=lambda one: one.ended_ms), max(levels), skipped)

    async def figures(self, tenant: Tenant) -> Mapping[str, int]:
        """Profiles and bytes of a tenant."""
        prefix = self._prefix(tenant)
        raw = await self._store.read(prefix, "HMGET", profile_keys.profile_state(prefix), "n", "b")
        return {name: int(one or 0) for name, one in zip(("profiles", "bytes"), raw, strict=True)}

    async def pack(self, tenant: Tenant, today: int) -> int:
        """Pack days that are over; how many. Safe to repeat, and beside others."""
        prefix, done = self._prefix(tenant), 0
        raw = await self._store.read(
            prefix, "ZRANGE", profile_keys.profile_days(prefix), "-inf", today - 1, "BYSCORE"
        )
        for name in cast("list[bytes]", raw):
            done += await self._pack(prefix, name.decode())
        return done

    async def tenants(self) -> list[Tenant]:
        """Whoever ever had a series."""
        prefix = metric_keys.monitoring(self._store.space)
        raw = await self._store.read(prefix, "SMEMBERS", metric_keys.metric_tenants(prefix))
        return [Tenant(one.decode()) for one in cast("list[bytes]", raw)]

    async def positions(self) -> dict[int, int]:
        """By partition: up to which end, in ms, the reader is."""
        prefix = metric_keys.monitoring(self._store.space)
        flat = await self._store.read(prefix, "HGETALL", profile_keys.profile_reader(prefix))
        return {int(tag): int(ms) for tag, ms in zip(flat[::2], flat[1::2], strict=True)}

    async def reached(self, positions: Mapping[int, int]) -> None:
        """Where the reader is. Too low does no harm: what is there is not kept twice."""
        prefix = metric_keys.monitoring(self._store.space)
        words: list[str | int] = [word for pair in positions.items() for word in pair]
        await self._store.call(prefix, "HSET", profile_keys.profile_reader(prefix), *words)

    def _prefix(self, tenant: Tenant) -> str:
        return profile_keys.profiles(tenant, self._store.space)

    async def _counts(self, prefix: str, names: Sequence[str]) -> list[int]:
        raw = await self._store.read(prefix, "HMGET", profile_keys.profile_counts(prefix), *names)
        return [int(one or 0) for one in cast("list[bytes | None]", raw)]

    async def _day(self, tenant: Tenant, workflow: str, day: int, n: int) -> list[Kept]:
        key = (tenant, workflow, day)
        known = self._cache.get(key)
        if known is not None and known[0] == n:
            self._cache.move_to_end(key)
            return known[1]
        stored = await self._stored(self._prefix(tenant), workflow, day)
        made = await anyio.to_thread.run_sync(unpacked, stored)
        if known is not None:
            self._cached -= len(known[1])
        self._cache[key] = (n, made)
        self._cache.move_to_end(key)
        self._cached += len(made)
        while self._cached > CACHED_MAX and len(self._cache) > 1:
            self._cached -= len(self._cache.popitem(last=False)[1][1])
        return made

    async def _stored(self, prefix: str, workflow: str, day: int) -> list[bytes]:
        names = (prefix, workflow, day)
        old = self._store.read(prefix, "GET", profile_keys.profiles_packed(*names))
        new = self._store.read(prefix, "LRANGE", profile_keys.profiles_open(*names), 0, -1)
        whole = cast("bytes | None", await old)
        rest = cast("list[bytes]", await new)
        return [*day_of(whole), *rest]

    async def _pack(self, prefix: str, name: str) -> int:
        workflow, _, day = name.rpartition(":")
        names = (prefix, workflow, int(day))
        rest: Any = await self._store.read(
            prefix, "LRANGE", profile_keys.profiles_open(*names), 0, -1
        )
        if not rest:
            return 0
        old = await self._store.read(prefix, "GET", profile_keys.profiles_packed(*names))
        made = await anyio.to_thread.run_sync(_together, old, rest)
        return int(
            await self._store.run(
                _SCRIPTS["profiles_pack"], prefix, name=name, length=len(rest),
                size=len(old or b""), packed=made, keep_days=KEEP_DAYS,
            )
        )  # fmt: skip


def _together(old: bytes | None, rest: Sequence[bytes]) -> bytes:
    every = [*day_of(old), *rest]
    return zlib.compress(msgspec.msgpack.encode(every), 6)
