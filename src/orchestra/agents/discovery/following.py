"""Follows what agents say they can do: cards by their `max-age`, tools by their `ttlMs`.

One replica does it for all, by a lease in the store. What changed becomes a new revision of the
agent: a capability that vanished is no longer selected, a new one is.
"""

import anyio
import msgspec
import structlog

from orchestra.agents.discovery.asking import Asking
from orchestra.agents.discovery.told import Told, are_same
from orchestra.agents.providers.mishaps import MISHAPS, Ended
from orchestra.agents.records import Agent
from orchestra.agents.registry.registry import Registry, RevisionMismatch
from orchestra.clock import Clock, Ids, Random
from orchestra.errors import OrchestraError
from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.scripts import load_scripts

log = structlog.get_logger(__name__)

LOOK_S = 1.0
LEASE_MS = 5_000
AT_ONCE = 16
"""Agents asked at the same time."""
SPREAD_S = 30.0
"""Whoever takes over asks everybody within this time."""
AGAIN_S, AGAIN_MAX_S = 5.0, 300.0
"""Until an agent that did not answer is asked again; doubled each time."""
LEAST_S = 5.0
"""No agent makes us ask more often than this."""


class _Due(msgspec.Struct):
    """When an agent is asked next, by the monotonic clock, and how often it did not answer."""

    at: float
    misses: int = 0


class Following:
    """Asks agents again when what they told is no longer fresh. `serve` runs in every replica."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, chance: Random, registry: Registry
    ) -> None:
        self._store, self._clock, self._chance = store, clock, chance
        self._registry = registry
        self._holder = ids.new("flw")
        self._prefix = keys.agents(store.space)
        self._script = load_scripts("orchestra.agents")["lease_take"]
        self._due: dict[str, _Due] = {}

    async def serve(self, asking: Asking) -> None:
        """Follow until cancelled."""
        while True:
            await self._clock.sleep(LOOK_S)
            try:
                if await self._mine():
                    await self._look(asking)
                else:
                    self._due.clear()
            except OrchestraError as away:
                log.debug("discovery.not_followed", error=away.code)

    async def follow(self, asking: Asking, agent: Agent) -> Agent:
        """Ask one agent now, and keep what it tells. The agent as it is then.

        Raises Ended, and what Outbound and Credentials raise.
        """
        told = await asking.ask(agent)
        due = self._due.setdefault(agent.id, _Due(0.0))
        due.misses = 0
        due.at = self._clock.monotonic() + max(LEAST_S, told.fresh_s)
        return await self._keep(agent, told)

    async def _mine(self) -> bool:
        answer = await self._store.run(
            self._script, self._prefix, job="follow", holder=self._holder, lease_ms=LEASE_MS
        )
        return bool(answer)

    async def _look(self, asking: Asking) -> None:
        now = self._clock.monotonic()
        told = [
            agent
            for roster in self._registry.rosters
            for agent in roster.by_id.values()
            if agent.spec.told
        ]
        known = {agent.id for agent in told}
        for gone in self._due.keys() - known:
            del self._due[gone]
        late = [agent for agent in told if self._at(agent, now) <= now][:AT_ONCE]
        async with anyio.create_task_group() as group:
            for agent in late:
                group.start_soon(self._ask, asking, agent)

    def _at(self, agent: Agent, now: float) -> float:
        """When it is due. One that has still to tell anything is due at once."""
        due = self._due.get(agent.id)
        if due is None:
            wait_s = 0.0 if agent.untold else self._chance.random() * SPREAD_S
            due = self._due[agent.id] = _Due(now + wait_s)
        return due.at

    async def _ask(self, asking: Asking, agent: Agent) -> None:
        due = self._due[agent.id]
        try:
            await self.follow(asking, agent)
        except (Ended, OrchestraError, *MISHAPS) as error:
            # What it told before stands: whether it lives is for its checks to say.
            due.misses += 1
            wait_s = min(AGAIN_MAX_S, AGAIN_S * 2 ** min(due.misses - 1, 10))
            due.at = self._clock.monotonic() + wait_s * (0.9 + 0.2 * self._chance.random())
            names = {"agent": agent.id, "tenant": agent.tenant}
            log.debug("discovery.not_told", **names, error=str(error)[:256])

    async def _keep(self, agent: Agent, told: Told) -> Agent:
        if are_same(told.capabilities, agent.spec.capabilities):
            return agent
        spec = msgspec.structs.replace(agent.spec, capabilities=told.capabilities)
        try:
            changed, _ = await self._registry.change(agent, spec)
        except RevisionMismatch:
            return agent  # somebody else changed it: the next look sees what it is now
        names = {"agent": agent.id, "tenant": agent.tenant}
        log.info("agent.told_anew", **names, capabilities=len(told.capabilities))
        return changed
