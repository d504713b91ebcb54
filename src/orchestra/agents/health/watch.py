"""Looking after pools: late agents are told of and in the end removed, by one replica a pool.

Who looks after a pool holds a lease in it; when that replica dies, another has it within 6 s.
"""

from collections.abc import Iterable
from typing import Any

import anyio
import structlog

from orchestra.agents.health.states import OFFLINE_MS
from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.pools.roster import Pool, Roster
from orchestra.agents.records import Agent
from orchestra.agents.registry.registry import Registry
from orchestra.clock import Clock
from orchestra.errors import OrchestraError
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import Tenant
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

ROUND_S = 1.0
LEASE_MS = 5_000
REMOVED_MS = 86_400_000
REMOVED_EPHEMERAL_MS = 600_000
WINDOW_MS = 15_000
TOGETHER_MIN = 2
"""One agent that falls silent is no mass."""
AT_ONCE = 32


class Watch:
    """Looks after the pools that are ours to look after. `serve` must run in every replica."""

    def __init__(self, store: Store, registry: Registry, balancer: Balancer, clock: Clock) -> None:
        self._store, self._registry, self._clock = store, registry, clock
        self._balancer = balancer
        self._scripts = load_scripts("orchestra.agents")
        self._not_before: dict[str, float] = {}
        self._ours: dict[str, tuple[float, int]] = {}
        """By prefix: until when, and what to add to our clock to have the store's in ms."""
        self._limit = anyio.CapacityLimiter(AT_ONCE)

    def ours(self, prefix: str) -> bool:
        """Whether this replica looks after the pool now."""
        held = self._ours.get(prefix)
        return held is not None and held[0] > self._clock.monotonic()

    def store_ms(self, prefix: str) -> int:
        """The time of the store, for a pool of ours."""
        return int(self._clock.monotonic() * 1_000) + self._ours[prefix][1]

    async def serve(self) -> None:
        """Look after pools until cancelled."""
        while True:
            await self._clock.sleep(ROUND_S)
            await self.round()

    async def round(self) -> None:
        """Look after every pool once that is ours, or may become so."""
        now = self._clock.monotonic()
        seen: set[str] = set()
        async with anyio.create_task_group() as group:
            for roster in self._registry.rosters:
                for pool in roster.pools.values():
                    prefix = self._balancer.prefix(roster.tenant, pool.agent_type)
                    seen.add(prefix)
                    if _needs_watching(pool) and self._not_before.get(prefix, 0.0) <= now:
                        group.start_soon(self._look, prefix, roster, pool)
        for gone in (self._not_before.keys() | self._ours.keys()) - seen:
            self._not_before.pop(gone, None)
            self._ours.pop(gone, None)

    async def leave(self) -> None:
        """Others may look after our pools at once. An orderly goodbye."""
        for prefix in [prefix for prefix in self._ours if self.ours(prefix)]:
            try:
                await self._pool_watch(prefix, lease_ms=0)
            except OrchestraError as away:
                log.debug("pool.not_left", error=away.code)
        self._ours.clear()

    async def _look(self, prefix: str, roster: Roster, pool: Pool) -> None:
        async with self._limit:
            try:
                sent = self._clock.monotonic()
                reply = await self._pool_watch(prefix, LEASE_MS)
                if not reply[0]:
                    self._ours.pop(prefix, None)
                    self._not_before[prefix] = sent + int(reply[1]) / 1_000
                    return
                until = sent + LEASE_MS / 1_000
                self._balancer.reaped(prefix, int(reply[5]))
                self._ours[prefix] = (until, int(reply[1]) - int(sent * 1_000))
                await self._lapsed(roster, int(reply[3]))
                await self._remove_silent(roster, pool, reply[4])
            except OrchestraError as away:
                log.debug("pool.not_watched", error=away.code)

    async def _pool_watch(self, prefix: str, lease_ms: int) -> Any:
        return await self._store.run(
            self._scripts["pool_watch"],
            prefix,
            session=self._balancer.session,
            lease_ms=lease_ms,
            offline_ms=OFFLINE_MS,
            window_ms=WINDOW_MS,
        )

    async def _remove_silent(self, roster: Roster, pool: Pool, offline: list[Any]) -> None:
        for agent_id, silent in zip(offline[::2], offline[1::2], strict=True):
            agent = roster.by_id.get(agent_id.decode())
            if agent is None:
                await self._balancer.drop(roster.tenant, pool.agent_type, agent_id.decode())
                continue
            limit_ms = REMOVED_EPHEMERAL_MS if agent.spec.ephemeral else REMOVED_MS
            if int(silent) >= limit_ms and await self._registry.remove(agent, "not heard of"):
                log.info(
                    "agent.expired", agent=agent.id, tenant=agent.tenant, silent_ms=int(silent)
                )

    async def _lapsed(self, roster: Roster, here: int) -> None:
        """Most agents of a tenant fall silent at once: it is not them, they get one more ttl."""
        if not here:
            return
        prefixes = [self._balancer.prefix(roster.tenant, one) for one in _pushing(roster)]
        counts = [await self._run("pool_count", prefix) for prefix in prefixes]
        pushing, lapsed = (sum(int(one[i]) for one in counts) for i in (0, 1))
        if lapsed < TOGETHER_MIN or lapsed * 2 <= pushing:
            return
        if await self._freeze(roster.tenant, _ttl_max_ms(roster), pushing, lapsed):
            log.warning("agents.expiry_frozen", pushing=pushing, lapsed=lapsed)
            for prefix in prefixes:
                await self._run("pool_extend", prefix)

    async def _freeze(self, tenant: Tenant, ttl_ms: int, pushing: int, lapsed: int) -> bool:
        done = await self._store.run(
            self._scripts["expiry_freeze"],
            keys.agents(self._store.space),
            tenant=tenant,
            freeze_ms=2 * ttl_ms + WINDOW_MS,
            pushing=pushing,
            lapsed=lapsed,
        )
        return bool(done)

    async def _run(self, name: str, prefix: str) -> Any:
        return await self._store.run(self._scripts[name], prefix, window_ms=WINDOW_MS)


def _needs_watching(pool: Pool) -> bool:
    """Agents with slots of the store, or heartbeats. Code of this process needs neither."""
    return any(not agent.storeless or _pushes(agent) for agent in pool.agents)


def _pushes(agent: Agent) -> bool:
    return agent.spec.heartbeat.mode == "push" or agent.spec.provider == "pull"


def _pushing(roster: Roster) -> Iterable[str]:
    for name, pool in roster.pools.items():
        if any(_pushes(agent) for agent in pool.agents):
            yield name


def _ttl_max_ms(roster: Roster) -> int:
    return max(agent.spec.heartbeat.ttl_s for agent in roster.by_id.values()) * 1_000
