"""One call of one agent: its time, what is said on the way, and what its slot learns from it."""

from collections.abc import Mapping

import structlog

from orchestra import tracing
from orchestra.agents import TaskResult
from orchestra.agents.pools.roster import capability_of
from orchestra.agents.pools.slots import Ended
from orchestra.agents.providers import Answer, Call, Failure, Provider, Usage
from orchestra.agents.records import Agent, HttpReach, LlmReach
from orchestra.agents.routing import spans
from orchestra.agents.routing.attempt import Attempt, Picked
from orchestra.agents.routing.hooks import Hooks, Ports, nobody_counts
from orchestra.agents.routing.told import fell_back
from orchestra.security import hops

log = structlog.get_logger(__name__)

CALL_MS, LLM_CALL_MS = 60_000, 120_000
SHARE_OF_TIME = 0.6
"""Of the time left, when somebody else could be asked afterwards."""
GROWING_GATE_MS = 5_000
"""What a 429 without a hint gates for; the pool's script makes more of it when they repeat."""


class Calls:
    """Makes calls."""

    def __init__(self, providers: Mapping[str, Provider], ports: Ports, hooks: Hooks) -> None:
        self._providers, self._hooks = providers, hooks
        self._now = ports.clock.monotonic
        self._counted = hooks.record is not nobody_counts

    async def make(
        self, attempt: Attempt, picked: Picked, fence: int, *, follows: bool = False
    ) -> tuple[TaskResult | None, Answer | Failure]:
        """Ask the agent. `follows`: somebody else may be asked when it takes too long."""
        task, agent = attempt.task, picked.agent
        capability = capability_of(task)
        if attempt.begun is None:
            attempt.begun = picked.began
        n = len(attempt.calls) + 1
        if attempt.fallback_of is not None and not attempt.here:
            fell_back(picked.choice)
        hops.come(task.hop)
        bound = structlog.contextvars.bind_contextvars(agent=agent.id)
        call = Call(
            task,
            capability,
            time_for(agent, capability, attempt.left(picked.began), follows=follows),
            fence,
            n,
            self._hooks.emitter(task, n),
            attempt.failures_of(agent),
        )
        provider = self._providers[agent.spec.provider]
        contract = self._hooks.contracts.of(agent, capability, task)
        tracing.come(tracing.read(task.trace))
        with spans.invoked(agent, call) if tracing.collected() else tracing.NOTHING as span:
            reply = await (
                provider.call(agent, call)
                if contract is None
                else contract.kept(provider, agent, call)
            )
            if span is not None:
                spans.answered(span, reply)
        ended = self._now()
        structlog.contextvars.reset_contextvars(**bound)
        if type(reply) is Answer:
            result = attempt.answered(picked, reply, ended)
            if self._counted:
                self._count(picked, "ok", reply, ended)
            return result, reply
        assert isinstance(reply, Failure)
        attempt.failed(picked, reply, ended)
        if self._counted:
            self._count(picked, "failed" if reply.error.definite else "unknown", reply, ended)
        log.debug("call.failed", agent=agent.id, code=reply.error.code)
        return None, reply

    def abandoned(self, attempt: Attempt, picked: Picked) -> None:
        """A call was cancelled: another one beside it was quicker."""
        ended = self._now()
        attempt.cancelled(picked, ended)
        if self._counted:
            took_ms = int((ended - picked.began) * 1_000)
            self._hooks.record(picked.agent, "cancelled", took_ms, None, None, picked.waited_ms)

    def _count(self, picked: Picked, outcome: str, reply: Answer | Failure, ended: float) -> None:
        ttft = reply.facts.get("ttft_ms")
        took_ms = int((ended - picked.began) * 1_000)
        self._hooks.record(
            picked.agent,
            outcome,
            took_ms,
            reply.usage,
            ttft if isinstance(ttft, int) else None,
            picked.waited_ms,
        )


def time_for(agent: Agent, capability: str | None, left_s: float, *, follows: bool) -> int:
    """Milliseconds for one call, of those left to the task."""
    left_ms = int(left_s * 1_000)
    limit_ms = agent.limit_ms(capability)
    if limit_ms is None:
        limit_ms = usual_ms(agent)
    if follows:
        left_ms = int(left_ms * SHARE_OF_TIME)
    return max(1, left_ms if limit_ms is None else min(left_ms, limit_ms))


def usual_ms(agent: Agent) -> int | None:
    """How long a call may take when nobody said so. None: as long as the task."""
    match agent.spec.reach:
        case LlmReach():
            return LLM_CALL_MS
        case HttpReach(later=True) | None:
            return None  # it has heartbeats of its own, or runs here
        case _:
            return CALL_MS


def ended_of(reply: Answer | Failure, estimate: int, took_ms: int) -> Ended:
    """What the slot learns: health, latency, when the agent may be asked again, tokens."""
    used = _tokens(reply.usage) - estimate if reply.usage is not None else 0
    if isinstance(reply, Answer):
        return Ended("ok", took_ms, reply.gate_ms, used)
    error, gate_ms = reply.error, reply.gate_ms
    if reply.outcome == "rate" and error.retry_after_ms is None and gate_ms <= GROWING_GATE_MS:
        gate_ms = 0
    if reply.usage is None and error.definite:
        used = -estimate
    return Ended(reply.outcome, took_ms, gate_ms, used)


def _tokens(usage: Usage) -> int:
    return usage.input_tokens + usage.output_tokens
