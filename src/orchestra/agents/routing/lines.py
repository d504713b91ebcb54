"""Waiting for a slot: one line per pool and wish, first come first served within a replica.

Only the head of a line asks the store; it is woken by a slot that this replica gives back, and
asks by itself every 100 ms for those that others give back.
"""

from collections import deque
from collections.abc import Awaitable, Callable

import anyio

from orchestra.agents.pools.balancer import Refusal, Slot
from orchestra.agents.pools.roster import Choice
from orchestra.agents.pools.seats import NOBODY
from orchestra.clock import Clock
from orchestra.store.keys import Tenant

POLL_S = 0.1
WAITERS_MAX = 1_000

Key = tuple[Tenant, str, str, tuple[str, ...]]


class _Ticket:
    """A place in a line. `called` is renewed each time it has been used."""

    __slots__ = ("called",)

    def __init__(self) -> None:
        self.called = anyio.Event()


class Lines:
    """All lines of this replica."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lines: dict[Key, deque[_Ticket]] = {}

    def types(self) -> frozenset[str]:
        """Agent types that somebody waits for."""
        return frozenset(key[1] for key in self._lines) if self._lines else NOBODY

    def wake(self, tenant: Tenant, agent_type: str) -> None:
        """A slot of this pool is free: its heads may ask at once."""
        for key, line in self._lines.items():
            if key[1] == agent_type and key[0] == tenant:
                line[0].called.set()

    async def pick(
        self, choice: Choice, ask: Callable[[], Awaitable[Slot | Refusal]], until: float
    ) -> Slot | Refusal:
        """What `ask` gives, in turn, waiting while all are full or cooling, until `until`."""
        only = tuple(agent.id for agent in choice.agents) if choice.only else ()
        key = (choice.tenant, choice.agent_type, choice.capability, only)
        line = self._lines.get(key)
        if line is None:
            picked = await ask()
            if isinstance(picked, Slot) or picked.kind not in ("full", "cooling"):
                return picked
            line = self._lines.setdefault(key, deque())
        if len(line) >= WAITERS_MAX:
            return Refusal("saturated", len(line))
        ticket = _Ticket()
        line.append(ticket)
        try:
            return await self._wait(line, ticket, ask, until)
        finally:
            line.remove(ticket)
            if line:
                line[0].called.set()
            else:
                self._lines.pop(key, None)

    async def _wait(
        self,
        line: deque[_Ticket],
        ticket: _Ticket,
        ask: Callable[[], Awaitable[Slot | Refusal]],
        until: float,
    ) -> Slot | Refusal:
        while (left := until - self._clock.monotonic()) > 0:
            pause = left
            if line[0] is ticket:
                picked = await ask()
                if isinstance(picked, Slot) or picked.kind not in ("full", "cooling"):
                    return picked
                if picked.kind == "cooling" and picked.figure / 1_000 > left:
                    return picked
                pause = POLL_S if picked.kind == "full" else max(picked.figure / 1_000, 0.001)
            with anyio.move_on_after(min(pause, left)):
                await ticket.called.wait()
            if ticket.called.is_set():
                ticket.called = anyio.Event()
        return Refusal("late")
