"""Agents that come for their tasks themselves: workers that poll, behind whatever lets nobody in.

A task is offered in the queue of its agent; a worker takes it with a lease that it keeps alive.
"""

from typing import Protocol

import msgspec

from orchestra.agents import TaskError
from orchestra.agents.providers import Answer, Call, Emit, Failure
from orchestra.agents.providers.http_request import envelope_of
from orchestra.agents.records import Agent
from orchestra.clock import Clock
from orchestra.errors import OrchestraError

_encode = msgspec.json.Encoder().encode

FULL = Failure(
    TaskError(
        "agent.rate_limited",
        "too many tasks wait for the agent's workers",
        retry_after_ms=1_000,
        problem="pool-saturated",
    ),
    elsewhere=True,
)


class Offered(Protocol):
    """A task in the queue of an agent."""

    async def wait(self, timeout_s: float, emit: Emit | None) -> Answer | Failure:
        """What a worker made of it. Leaving early takes it back."""
        ...


class Offers(Protocol):
    """The queues of all pull agents."""

    async def offer(
        self, agent: Agent, call: Call, fence: int, envelope: bytes
    ) -> "Offered | None":
        """Put it into the queue; None when that is full. Raises StoreAway and its like."""
        ...


class PullProvider:
    """Has tasks done by workers that poll."""

    def __init__(self, offers: Offers, clock: Clock) -> None:
        self._offers, self._clock = offers, clock

    async def call(self, agent: Agent, call: Call) -> Answer | Failure:
        """Offer the task once."""
        body = _encode(envelope_of(agent, call, self._clock))
        try:
            offered = await self._offers.offer(agent, call, call.fence, body)
        except OrchestraError as away:
            error = TaskError("agent.unavailable", "the task could not be queued")
            return Failure(
                msgspec.structs.replace(error, retry_after_ms=away.retry_after_ms or 1_000)
            )
        if offered is None:
            return FULL
        return await offered.wait(call.timeout_ms / 1_000, call.emit)
