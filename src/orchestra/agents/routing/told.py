"""What instruments say of routing: calls that are not the first, who waits, what nobody does."""

from collections.abc import Mapping
from typing import Final

from orchestra.agents import Task
from orchestra.agents.pools.roster import Choice
from orchestra.agents.pools.slots import Refusal
from orchestra.clock import Clock
from orchestra.instruments import counter, measure
from orchestra.store.keys import Tenant

WANTED_S: Final = 45.0
"""A type that nobody was found of is wanted for so long, unless somebody is found."""
WANTED_MAX: Final = 200
_POOL: Final = ("tenant", "agent_type")
_RETRIES = counter("orchestra_agent_retries_total", _POOL)
_HEDGES = counter("orchestra_agent_hedges_total", _POOL)
_FALLBACKS = counter("orchestra_agent_fallbacks_total", _POOL)
_WAITERS = measure("orchestra_agent_waiters", _POOL)
_WANTED = measure("orchestra_agent_wanted", _POOL)

Pool = tuple[Tenant, str]


def retried(choice: Choice) -> None:
    """An agent of the pool is asked after another call of the task failed."""
    _RETRIES.add(1, choice.tenant, choice.agent_type)


def hedged(choice: Choice) -> None:
    """A second agent is asked beside the first."""
    _HEDGES.add(1, choice.tenant, choice.agent_type)


def fell_back(choice: Choice) -> None:
    """An agent of the pool is asked instead of those the task names."""
    _FALLBACKS.add(1, choice.tenant, choice.agent_type)


class Waiting:
    """How many callers of this process wait for a slot, by pool."""

    def __init__(self) -> None:
        self._told: set[Pool] = set()

    def tell(self, *lines: Mapping[Pool, int]) -> None:
        """All who wait, added up. Who waited and does no more is told of once, as 0."""
        now: dict[Pool, int] = dict.fromkeys(self._told, 0)
        for line in lines:
            for pool, n in line.items():
                now[pool] = now.get(pool, 0) + n
        for pool, n in now.items():
            _WAITERS.set(n, *pool)
        self._told = {pool for pool, n in now.items() if n}


class Wanted:
    """Agent types that tasks of this process asked for lately, and found nobody of."""

    def __init__(self, clock: Clock) -> None:
        self._now = clock.monotonic
        self._pools: dict[Pool, tuple[float, int]] = {}

    def missed(self, task: Task, agent_type: str) -> None:
        """Nobody of the type may be picked."""
        pool = (task.tenant, agent_type)
        if pool in self._pools or len(self._pools) < WANTED_MAX:
            self._pools[pool] = (self._now(), self._pools.get(pool, (0.0, 0))[1] + 1)

    def refused(self, task: Task, choice: Choice, refusal: Refusal) -> None:
        """A pick was refused. Being busy, or asked to wait, is not being gone."""
        seen = refusal.seen
        gated = refusal.kind == "cooling" and seen.open and not seen.cooling
        if refusal.kind == "down" or gated or (refusal.kind == "none" and not choice.capability):
            self.missed(task, choice.agent_type)

    def found(self, choice: Choice) -> None:
        """Somebody was picked."""
        if self._pools and self._pools.pop((choice.tenant, choice.agent_type), None):
            _WANTED.forget(choice.tenant, choice.agent_type)

    def tell(self) -> None:
        """Say what is wanted; what nobody asked for any more is forgotten."""
        since = self._now() - WANTED_S
        for pool, (at, n) in list(self._pools.items()):
            if at < since:
                del self._pools[pool]
                _WANTED.forget(*pool)
            else:
                _WANTED.set(n, *pool)
