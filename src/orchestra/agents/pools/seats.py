"""Seats for agents in this process that need no slot of the store: counted here, FIFO."""

from collections.abc import Mapping

import anyio

from orchestra.agents.pools.roster import PLACES, Choice
from orchestra.agents.records import Agent
from orchestra.store.keys import Tenant

WAITERS_MAX = 1_000
NOBODY: frozenset[str] = frozenset()


class Seat:
    """How busy one agent is in this replica."""

    __slots__ = ("free", "in_use", "picked", "waiting")

    def __init__(self, places: int) -> None:
        self.free = anyio.Semaphore(places, max_value=places)
        self.in_use = self.picked = self.waiting = 0

    @property
    def full(self) -> bool:
        """Whoever comes now has to wait."""
        return self.free.value == 0


class Seats:
    """All seats of this replica. Taking a free one costs no wait and no lock."""

    def __init__(self, places: int = PLACES) -> None:
        self.places = places
        self._seats: dict[str, Seat] = {}
        self._waiting: dict[tuple[Tenant, str], int] = {}
        self._picks = 0

    def types(self) -> frozenset[str]:
        """Agent types that somebody waits for."""
        return frozenset(pool[1] for pool in self._waiting) if self._waiting else NOBODY

    def waiting(self) -> Mapping[tuple[Tenant, str], int]:
        """How many callers wait, by pool."""
        return self._waiting

    def best(self, choice: Choice) -> Agent:
        """Of the best tier the least loaded, of those the least recently picked."""
        agents = choice.agents
        if len(agents) == 1:
            return agents[0]
        tier = agents[0].spec.priority
        return min(
            (agent for agent in agents if agent.spec.priority == tier),
            key=lambda agent: (
                self.of(agent).in_use / agent.spec.weight,
                self.of(agent).picked,
            ),
        )

    def of(self, agent: Agent) -> Seat:
        """The seat of an agent, made when it is first asked for."""
        seat = self._seats.get(agent.id)
        if seat is None:
            seat = self._seats[agent.id] = Seat(self.places)
        return seat

    def in_use(self, agent_id: str) -> int:
        """How many sit there."""
        seat = self._seats.get(agent_id)
        return 0 if seat is None else seat.in_use

    def take(self, seat: Seat) -> bool:
        """Sit down if nobody has to get up for it."""
        try:
            seat.free.acquire_nowait()
        except anyio.WouldBlock:
            return False
        self._sat(seat)
        return True

    async def wait(self, seat: Seat, choice: Choice, seconds: float) -> bool:
        """Sit down when it is our turn; False when that took longer than `seconds`."""
        if seat.waiting >= WAITERS_MAX:
            return False
        seat.waiting += 1
        pool = (choice.tenant, choice.agent_type)
        self._waiting[pool] = self._waiting.get(pool, 0) + 1
        try:
            with anyio.move_on_after(seconds):
                await seat.free.acquire()
                self._sat(seat)
                return True
        finally:
            seat.waiting -= 1
            self._waiting[pool] -= 1
            if not self._waiting[pool]:
                del self._waiting[pool]
        return False

    def leave(self, seat: Seat) -> None:
        """Get up; the next in line sits down."""
        seat.in_use -= 1
        seat.free.release()

    def forget(self, agent_id: str) -> None:
        """An agent is gone. Who still sits keeps the seat alive."""
        self._seats.pop(agent_id, None)

    def _sat(self, seat: Seat) -> None:
        self._picks += 1
        seat.picked = self._picks
        seat.in_use += 1
