"""What instruments say of agents as they are now: read in the pools, by one process of all.

Agents whose code runs in a process have no slots in the store: each process tells of its own.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from orchestra.agents import Status
from orchestra.agents.health.statuses import Health
from orchestra.agents.pools.roster import PLACES, Roster
from orchestra.agents.pools.seats import Seats
from orchestra.agents.records import Agent
from orchestra.agents.registry.registry import Registry
from orchestra.clock import Clock
from orchestra.instruments import Reading, measure
from orchestra.store.keys import Tenant

AGENTS_MAX: Final = 200
"""Of a tenant have series of their own, the oldest; the others are in no figure of one agent."""
ALL_MAX: Final = 2_000
TELL_S: Final = 2.0
BADNESS: Final[dict[Status, int]] = {
    "healthy": 0, "degraded": 1, "stale": 2, "unhealthy": 3, "offline": 4, "misconfigured": 5,
}  # fmt: skip
"""What the gauge says. Draining, disabled and waiting ones are as people want them: nothing."""
_STATE = measure("orchestra_agent_state", ("tenant", "agent"))
_SLOTS = measure("orchestra_agent_slots", ("tenant", "agent"))
_IN_USE = measure("orchestra_agent_slots_in_use", ("tenant", "agent"))
_SEATS = measure("orchestra_agent_seats", ("tenant",))
_SEATED = measure("orchestra_agent_seats_in_use", ("tenant",))


class AgentSurveyor:
    """Reads it."""

    def __init__(self, registry: Registry, health: Health, seats: Seats, clock: Clock) -> None:
        self._registry, self._health, self._seats = registry, health, seats
        self._clock = clock
        self._told: set[tuple[str, ...]] = set()

    async def survey(self) -> Sequence[Reading]:
        """A `Survey`: one look at each pool. Raises StoreAway."""
        agents = [one for roster in self._registry.rosters for one in shown(roster)][:ALL_MAX]
        found: list[Reading] = []
        for agent, status, in_use in await self._health.glances(agents):
            values = (agent.tenant, agent.spec.name)
            if status in BADNESS:
                found.append((_STATE, values, BADNESS[status]))
            if in_use is not None:
                found.append((_SLOTS, values, agent.spec.max_concurrency or PLACES))
                found.append((_IN_USE, values, in_use))
        return found

    async def slots(self, tenant: Tenant) -> tuple[Sequence[str], int, int]:
        """Of a tenant: the status of each agent, slots taken, slots in all. Raises StoreAway.

        Agents without slots in the store are in no sum: the gauges of seats have theirs.
        """
        agents = self._registry.roster(tenant).by_id.values()
        statuses: list[str] = []
        taken = places = 0
        for agent, status, in_use in await self._health.glances(agents):
            statuses.append(status)
            if not agent.storeless:
                taken += in_use or 0
                places += agent.spec.max_concurrency or PLACES
        return statuses, taken, places

    async def serve(self, waiting: Callable[[], None]) -> None:
        """Tell of the seats of this process, until cancelled; `waiting` tells who waits for one."""
        while True:
            self.tell()
            waiting()
            await self._clock.sleep(TELL_S)

    def tell(self) -> None:
        """How many seats there are here for each agent, and how many are taken."""
        now: set[tuple[str, ...]] = set()
        for roster in self._registry.rosters:
            seated = places = 0
            for agent in roster.by_id.values():
                if agent.storeless:
                    seated += self._seats.in_use(agent.id)
                    places += self._seats.places
            for agent in shown(roster):
                if agent.storeless:
                    now.add((agent.tenant, agent.spec.name))
                    _SLOTS.set(self._seats.places, agent.tenant, agent.spec.name)
                    _IN_USE.set(self._seats.in_use(agent.id), agent.tenant, agent.spec.name)
            if places:
                now.add((roster.tenant,))
                _SEATS.set(places, roster.tenant)
                _SEATED.set(seated, roster.tenant)
        for values in self._told - now:
            for gauge in (_SLOTS, _IN_USE) if len(values) == 2 else (_SEATS, _SEATED):
                gauge.forget(*values)
        self._told = now


def shown(roster: Roster) -> Iterable[Agent]:
    """The agents of a tenant that have series: ids are in the order of their making."""
    if len(roster.by_id) <= AGENTS_MAX:
        return roster.by_id.values()
    return [roster.by_id[name] for name in sorted(roster.by_id)[:AGENTS_MAX]]
