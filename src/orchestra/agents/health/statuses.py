"""How agents are: their status as the pools of the store see it now."""

from collections.abc import Iterable
from typing import Any, cast

import anyio

from orchestra.agents import Status
from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.records import Agent
from orchestra.clock import Clock
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

OFFLINE_MS = 300_000


class Health:
    """Reads statuses. Nothing is probed: heartbeats and real traffic are what it knows from."""

    def __init__(self, store: Store, balancer: Balancer, clock: Clock) -> None:
        self._store, self._balancer, self._clock = store, balancer, clock

    async def status(self, agent: Agent) -> Status:
        """The status of one agent."""
        return (await self.statuses([agent]))[agent.id]

    async def statuses(self, agents: Iterable[Agent]) -> dict[str, Status]:
        """By agent id; one look at each pool."""
        found: dict[str, Status] = {}
        pools: dict[tuple[Tenant, str], list[Agent]] = {}
        for agent in agents:
            if agent.draining:
                found[agent.id] = "draining"
            elif agent.untold:
                found[agent.id] = "waiting"
            elif agent.storeless:
                found[agent.id] = "healthy"
            else:
                pools.setdefault((agent.tenant, agent.spec.agent_type), []).append(agent)
        async with anyio.create_task_group() as group:
            for (tenant, agent_type), members in pools.items():
                prefix = self._balancer.prefix(tenant, agent_type)
                group.start_soon(self._look, prefix, members, found)
        return found

    async def in_use(self, agent: Agent) -> int:
        """Slots of the agent that are taken, by all replicas."""
        prefix = self._balancer.prefix(agent.tenant, agent.spec.agent_type)
        return int(await self._store.read(prefix, "HGET", f"{prefix}inf", agent.id) or 0)

    async def _look(self, prefix: str, agents: list[Agent], found: dict[str, Status]) -> None:
        ids = [agent.id for agent in agents]
        alive = await self._read(prefix, "ZMSCORE", f"{prefix}hb", *ids)
        gates = await self._read(prefix, "HMGET", f"{prefix}gate", *ids)
        breakers = await self._read(prefix, "HMGET", f"{prefix}brk", *ids)
        now_ms = self._clock.now_ms()
        for agent, until, gate, breaker in zip(agents, alive, gates, breakers, strict=True):
            left_ms = float(until) - now_ms if until is not None else 0.0
            gated = gate is not None and float(gate) > now_ms
            state = (breaker or b"c")[:1]
            found[agent.id] = _status(left_ms, state, gated=gated)
            if until is None and agent.spec.provider == "pull":
                found[agent.id] = "waiting"  # for its first poll

    async def _read(self, prefix: str, *command: str) -> list[Any]:
        return cast("list[Any]", await self._store.read(prefix, *command))


def _status(left_ms: float, breaker: bytes, *, gated: bool) -> Status:
    if left_ms <= -OFFLINE_MS:
        return "offline"
    if left_ms <= 0:
        return "stale"
    if breaker == b"o" and gated:
        return "unhealthy"
    return "degraded" if gated or breaker != b"c" else "healthy"
