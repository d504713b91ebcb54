"""Waiting for a slot: one line per pool and wish, in the order of priority and arrival.

Only the head of a line asks the store. It is woken by a slot that this replica gives back, by the
store when another one does, and asks by itself every 250 ms in case that was lost.
"""

from bisect import insort
from collections.abc import Awaitable, Callable, Mapping

import anyio
import msgspec

from orchestra.agents.pools.balancer import Balancer
from orchestra.agents.pools.roster import Choice
from orchestra.agents.pools.seats import NOBODY
from orchestra.agents.pools.slots import Refusal, Slot
from orchestra.clock import Clock
from orchestra.store.keys import Tenant

POLL_S = 0.25
COOLING_LOOK_S = 1.0
WAITERS_MAX = 1_000

Key = tuple[Tenant, str, str, bool, tuple[str, ...]]
Picks = Callable[[], Awaitable[Slot | Refusal]]


class Wait(msgspec.Struct, frozen=True):
    """How long somebody waits: while all are busy until `until`, while all cool off `cooling`.

    Whoever lets tiers spill stands in another line.
    """

    until: float
    cooling: float
    priority: int = 0
    spill: bool = False


class _Ticket:
    """A place in a line. `called` is renewed each time it has been used."""

    __slots__ = ("called", "place")

    def __init__(self, place: tuple[int, int]) -> None:
        self.called = anyio.Event()
        self.place = place

    def __lt__(self, other: "_Ticket") -> bool:
        return self.place < other.place


class Lines:
    """All lines of this replica."""

    def __init__(self, balancer: Balancer, clock: Clock) -> None:
        self._balancer, self._clock = balancer, clock
        self._lines: dict[Key, list[_Ticket]] = {}
        self._waiting: dict[tuple[Tenant, str], int] = {}
        self._arrivals = 0

    def types(self) -> frozenset[str]:
        """Agent types that somebody waits for."""
        return frozenset(key[1] for key in self._lines) if self._lines else NOBODY

    def waiting(self) -> Mapping[tuple[Tenant, str], int]:
        """How many callers wait, by pool."""
        return self._waiting

    def wake(self, tenant: Tenant, agent_type: str) -> None:
        """A slot of this pool is free: its heads may ask at once."""
        for key, line in self._lines.items():
            if key[1] == agent_type and key[0] == tenant:
                line[0].called.set()

    async def pick(self, choice: Choice, ask: Picks, wait: Wait) -> Slot | Refusal:
        """What `ask` gives, in turn, waiting while all are full or cooling."""
        only = tuple(agent.id for agent in choice.agents) if choice.only else ()
        key = (choice.tenant, choice.agent_type, choice.capability, wait.spill, only)
        line = self._lines.get(key)
        if line is None:
            picked = await ask()
            if isinstance(picked, Slot) or not self._worth_waiting(picked, wait):
                return picked
            line = self._lines.setdefault(key, [])
        pool = (choice.tenant, choice.agent_type)
        if self._waiting.get(pool, 0) >= WAITERS_MAX:
            return Refusal("saturated", WAITERS_MAX)
        self._arrivals += 1
        ticket = _Ticket((-wait.priority, self._arrivals))
        insort(line, ticket)
        self._enter(pool)
        try:
            return await self._wait(line, ticket, ask, wait)
        finally:
            line.remove(ticket)
            if line:
                line[0].called.set()
            else:
                self._lines.pop(key, None)
            self._leave(pool)

    def _enter(self, pool: tuple[Tenant, str]) -> None:
        self._waiting[pool] = self._waiting.get(pool, 0) + 1
        if self._waiting[pool] == 1:
            prefix = self._balancer.prefix(*pool)
            self._balancer.follow(prefix, lambda: self.wake(*pool))

    def _leave(self, pool: tuple[Tenant, str]) -> None:
        self._waiting[pool] -= 1
        if not self._waiting[pool]:
            del self._waiting[pool]
            self._balancer.unfollow(self._balancer.prefix(*pool))

    async def _wait(
        self, line: list[_Ticket], ticket: _Ticket, ask: Picks, wait: Wait
    ) -> Slot | Refusal:
        last = Refusal("late")
        while (left := wait.until - self._clock.monotonic()) > 0:
            pause = left
            if line[0] is ticket:
                picked = await ask()
                if isinstance(picked, Slot) or not self._worth_waiting(picked, wait):
                    return picked
                last = Refusal("late", picked.figure, picked.seen)
                pause = POLL_S
                if picked.kind == "cooling":  # somebody else may come back before
                    pause = min(max(picked.figure / 1_000, 0.001), COOLING_LOOK_S)
            with anyio.move_on_after(min(pause, left)):
                await ticket.called.wait()
            if ticket.called.is_set():
                ticket.called = anyio.Event()
        return last

    def _worth_waiting(self, refusal: Refusal, wait: Wait) -> bool:
        match refusal.kind:
            case "full":
                return True
            case "cooling":
                ends = self._clock.monotonic() + refusal.figure / 1_000
                return ends <= min(wait.cooling, wait.until)
            case _:
                return False
