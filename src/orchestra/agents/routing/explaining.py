"""Why this agent: how everybody stands for a task now, without taking a slot.

The store says load, latency and gates in one look at each pool; the order of the pick is made of
them here as `slot_acquire` makes it. Between the look and a pick the world may change.
"""

import math
from collections.abc import Iterable

import msgspec

from orchestra.agents import NoAgentAvailable, Task
from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.pools.roster import (
    ANY,
    PLACES,
    Choice,
    Pool,
    Roster,
    capability_of,
    choose,
)
from orchestra.agents.pools.seats import Seats
from orchestra.agents.pools.wishes import Prices, Wish, estimate, own_price, wish_of
from orchestra.agents.records import Agent
from orchestra.agents.registry.registry import Registry
from orchestra.errors import Invalid, NotFound

AGENTS_MAX = 500
BOUND = 1.25


class Stand(msgspec.Struct, frozen=True):
    """How one agent stands."""

    agent: Agent
    reason: str
    score: float = 0.0
    in_flight: int = 0
    gate_ms: int = 0
    latency_ms: int = 0

    @property
    def eligible(self) -> bool:
        """It could be picked now."""
        return self.reason in ("free", "half_open")

    @property
    def places(self) -> int:
        """How many tasks it does at once."""
        return self.agent.spec.max_concurrency or PLACES


class Explainer:
    """Looks, and says."""

    def __init__(
        self, registry: Registry, balancer: Balancer, seats: Seats, prices: Prices = own_price
    ) -> None:
        self._registry, self._balancer, self._seats = registry, balancer, seats
        self._prices = prices

    async def explain(self, task: Task) -> dict[str, object]:
        """Every agent that was considered, best first. Raises as `choose`, and StoreAway."""
        try:
            choices = self._choices(task)
        except (NotFound, Invalid):  # it may have been registered elsewhere just now
            await self._registry.refresh()
            choices = self._choices(task)
        roster = self._registry.roster(task.tenant)
        by_type = {choice.agent_type: choice for choice in choices}
        stands: list[Stand] = []
        strategy: str = task.strategy
        for pool in _pools(roster, task):
            choice = by_type.get(pool.agent_type)
            wish = wish_of(task, choice, self._prices) if choice else Wish()
            strategy = wish.strategy if choice else strategy
            found = await self._pool(task, pool, choice)
            stands += _in_order(found, wish)
        chosen = next((one for one in stands if one.eligible), None)
        gates = [one.gate_ms for one in stands if one.gate_ms and one.reason != "stale"]
        return {
            "strategy": strategy,
            "capability": capability_of(task),
            "chosen": None if chosen is None else chosen.agent.spec.name,
            "eligible": sum(one.eligible for one in stands),
            "retry_after_ms": min(gates) if gates and chosen is None else None,
            "agents": [_shown(one) for one in stands],
        }

    def _choices(self, task: Task) -> tuple[Choice, ...]:
        try:
            return choose(self._registry.roster(task.tenant), task)
        except NoAgentAvailable:
            return ()

    async def _pool(self, task: Task, pool: Pool, choice: Choice | None) -> list[Stand]:
        members = pool.agents[:AGENTS_MAX]
        asked = [agent for agent in members if not agent.storeless]
        tokens = estimate(task, choice) if choice is not None and choice.metered else 0
        facts: dict[str, tuple[object, ...]] = {}
        if asked:
            target = choice or pool.choices[ANY]
            found = await self._balancer.explain(target, tokens, asked)
            facts = {agent.id: one for agent, one in zip(asked, found, strict=True)}
        able = {agent.id for agent in choice.agents} if choice is not None else set[str]()
        stands: list[Stand] = []
        for agent in members:
            unfit = _unfit(task, agent, able)
            if agent.storeless:
                stands.append(self._here(agent, unfit))
            else:
                stands.append(_standing(agent, unfit, facts[agent.id]))
        return stands

    def _here(self, agent: Agent, unfit: str | None) -> Stand:
        """An agent whose seats are counted in this process."""
        seat = self._seats.of(agent)
        reason = unfit or ("full" if seat.full else "free")
        return Stand(agent, reason, seat.in_use / agent.spec.weight, seat.in_use)


def _pools(roster: Roster, task: Task) -> Iterable[Pool]:
    """Where to look: the pool that is named, that of the agent named, or all that declare it."""
    if task.agent is not None:
        return (roster.pools[roster.find(task.agent).spec.agent_type],)
    if task.agent_type is not None:
        return (roster.pools[task.agent_type],)
    wanted = capability_of(task)
    found = [pool for pool in roster.pools.values() if wanted and wanted in pool.choices]
    return sorted(found, key=lambda pool: pool.choices[ANY].best)


def _unfit(task: Task, agent: Agent, able: set[str]) -> str | None:
    """Why the agent is none of those that may do it; None when it is."""
    if not agent.selectable:
        return agent.mode if agent.mode != "working" else "waiting"
    if agent.id in able:
        return None
    if task.agent is not None and task.agent not in (agent.id, agent.spec.name):
        return "not_named"
    wanted = capability_of(task)
    if wanted is not None and wanted not in agent.offers and not agent.anything:
        return "incapable"
    if not task.labels.items() <= agent.spec.labels.items():
        return "label"
    return "version" if task.version is not None else "incapable"


def _standing(agent: Agent, unfit: str | None, facts: tuple[object, ...]) -> Stand:
    score, used, gate_ms, alive_ms, _, latency, breaker, rate_ms = (
        one.decode() if isinstance(one, bytes) else str(one) for one in facts
    )
    in_flight, gate, wait = int(used), int(float(gate_ms)), int(float(rate_ms))
    reason = "free" if breaker == "c" else "half_open"
    if unfit is not None:
        reason = unfit
    elif score == "":
        reason = "unknown_to_pool"
    elif float(alive_ms) <= 0:
        reason = "stale"
    elif gate > 0:
        reason = "cooling" if breaker == "c" else "down"
    elif in_flight >= (agent.spec.max_concurrency or PLACES):
        reason = "full"
    elif wait > 0:
        reason, gate = "rate_limited", wait
    return Stand(agent, reason, float(score or 0), in_flight, gate, int(float(latency)))


def _in_order(stands: list[Stand], wish: Wish) -> list[Stand]:
    """As they would be picked; those that cannot be are at the end."""
    total = sum(one.in_flight for one in stands) + 1
    ranks = {
        agent: int(rank)
        for agent, _, rank in (line.partition("|") for line in wish.prefer.splitlines())
    }

    def key(one: Stand) -> tuple[bool, int, float, float]:
        weight, cost = one.places * one.agent.spec.weight, 0.0
        if wish.strategy == "ewma":
            cost = (one.in_flight + 1) * (one.latency_ms + 1) / weight
        elif ranks:
            cost = ranks.get(one.agent.id, math.inf)
            if wish.bound and one.in_flight + 1 > math.ceil(BOUND * total * weight / wish.bound):
                cost = math.inf
        return not one.eligible, one.agent.spec.priority, cost, one.score

    return sorted(stands, key=key)


def _shown(one: Stand) -> dict[str, object]:
    spec = one.agent.spec
    return {
        "id": one.agent.id,
        "agent": spec.name,
        "agent_type": spec.agent_type,
        "eligible": one.eligible,
        "reason": one.reason,
        "tier": spec.priority,
        "in_flight": one.in_flight,
        "max": spec.max_concurrency,
        "latency_ms": one.latency_ms,
        "gate_ms": one.gate_ms,
    }
