"""Does tasks: picks an agent, calls it, and tries another one where that is safe.

One task is one attempt of its caller: at most three calls, to different agents, within the
attempt's time. A failing agent is a result; nothing but cancellation leaves as an exception.
"""

from collections.abc import Callable, Mapping

import structlog

from orchestra.agents import NoAgentAvailable, Task, TaskResult
from orchestra.agents.pools.balancer import Balancer, Refusal, Slot
from orchestra.agents.pools.roster import Choice, capability_of, choose
from orchestra.agents.pools.seats import Seats
from orchestra.agents.providers import Answer, Call, Emit, Failure, Outcome, Provider
from orchestra.agents.records import Agent
from orchestra.agents.registry.registry import Registry
from orchestra.agents.routing.attempt import Attempt, targets
from orchestra.agents.routing.lines import Lines
from orchestra.clock import Clock
from orchestra.errors import Invalid, NotFound, OrchestraError
from orchestra.security import hops
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

LEASE_GRACE_MS = 5_000
"""A slot outlives its call by this much, then the store takes it back."""


Emitter = Callable[[Tenant, str, int], Emit | None]
"""Where call n of a task may say something on the way; None when nobody looks on."""


def nobody_looks(tenant: Tenant, task: str, n: int) -> None:
    """No frames."""


class Executor:
    """Executes tasks on the agents of a registry."""

    def __init__(
        self,
        registry: Registry,
        balancer: Balancer,
        seats: Seats,
        providers: Mapping[str, Provider],
        clock: Clock,
        emitter: Emitter = nobody_looks,
    ) -> None:
        self._registry, self._balancer, self._seats = registry, balancer, seats
        self._providers, self._emitter = providers, emitter
        self._now = clock.monotonic
        self._lines = Lines(clock)

    def saturated(self) -> frozenset[str]:
        """Agent types whose callers wait for a slot in this replica."""
        lines, seats = self._lines.types(), self._seats.types()
        return lines | seats if lines and seats else lines or seats

    async def execute(self, task: Task) -> TaskResult:
        """Do `task` on the agent best placed. See `Agents.execute`."""
        hops.come(task.hop)
        attempt, why = Attempt(task, self._now()), "nobody who could do it can be picked now"
        for target in targets(task) if task.fallbacks else (task,):
            try:
                choices = choose(self._registry.roster(task.tenant), target)
            except (NotFound, Invalid, NoAgentAvailable) as unfit:
                why = unfit.detail
                choices = await self._second_look(target)
            attempt.fallback = target is not task
            for choice in choices:
                result = await (
                    self._in_process(attempt, choice)
                    if choice.local
                    else self._anywhere(attempt, choice)
                )
                if result is not None:
                    return result
                if not attempt.may_go_on(self._now()):
                    return attempt.result(self._now(), why)
        return attempt.result(self._now(), why)

    async def _second_look(self, task: Task) -> tuple[Choice, ...]:
        """The choices after asking the store what is new; empty when there is still none."""
        try:
            await self._registry.refresh()
            return choose(self._registry.roster(task.tenant), task)
        except OrchestraError:
            return ()

    async def _in_process(self, attempt: Attempt, choice: Choice) -> TaskResult | None:
        """The short way, for agents in this process: no store, no slot, no second agent."""
        seats, agent = self._seats, self._seats.best(choice)
        seat = seats.of(agent)
        if not seats.take(seat):
            left = attempt.task.queue_timeout_ms / 1_000 - (self._now() - attempt.started)
            if not await seats.wait(seat, choice.agent_type, max(left, 0.0)):
                attempt.refused(Refusal("late"))
                return None
        try:
            result = await self._call(attempt, choice, agent, attempt.task.fence)
        finally:
            seats.leave(seat)
        return result if isinstance(result, TaskResult) else None

    async def _anywhere(self, attempt: Attempt, choice: Choice) -> TaskResult | None:
        """Agents with slots in the store: until one answers, or no other one may be asked."""
        while True:
            picked = await self._pick(attempt, choice)
            if isinstance(picked, Refusal):
                attempt.refused(picked)
                return None
            agent = self._registry.roster(attempt.task.tenant).by_id.get(picked.agent_id)
            if agent is None:  # the pool still knows an agent that was removed
                attempt.excluded.add(picked.agent_id)
                await self._forget(picked, choice)
                continue
            result = await self._with_slot(attempt, choice, agent, picked)
            if result is not None or not attempt.may_go_on(self._now()):
                return result

    async def _pick(self, attempt: Attempt, choice: Choice) -> Slot | Refusal:
        task, again = attempt.task, attempt.begun is not None
        until = attempt.started + task.queue_timeout_ms / 1_000
        if attempt.begun is not None:
            until = attempt.begun + task.timeout_ms / 1_000
        give_up_ms = task.timeout_ms + LEASE_GRACE_MS

        async def ask() -> Slot | Refusal:
            picked = await self._balancer.acquire(choice, attempt.excluded, give_up_ms, again=again)
            # After a failure nobody waits for an agent to cool off: the caller's retry does.
            if again and isinstance(picked, Refusal) and picked.kind == "cooling":
                return Refusal("down")
            return picked

        return await self._lines.pick(choice, ask, until)

    async def _with_slot(
        self, attempt: Attempt, choice: Choice, agent: Agent, slot: Slot
    ) -> TaskResult | None:
        began = self._now()
        outcome: Outcome = "none"
        gate_ms = 0
        try:
            result = await self._call(attempt, choice, agent, attempt.task.fence or slot.fence)
            if isinstance(result, TaskResult):
                outcome = "ok"
                return result
            outcome, gate_ms = result.outcome, result.gate_ms
            return None
        finally:
            took_ms = int((self._now() - began) * 1_000)
            await self._balancer.release(slot, outcome, took_ms, gate_ms)
            self._lines.wake(choice.tenant, choice.agent_type)

    async def _call(
        self, attempt: Attempt, choice: Choice, agent: Agent, fence: int
    ) -> TaskResult | Failure:
        """One call."""
        task, began = attempt.task, self._now()
        capability = capability_of(task)
        if attempt.begun is None:
            attempt.begun = began
        left_ms = task.timeout_ms - int((began - attempt.begun) * 1_000)
        limit_ms = agent.limit_ms(capability)
        n = len(attempt.calls) + 1
        call = Call(
            task,
            capability,
            max(1, left_ms if limit_ms is None else min(left_ms, limit_ms)),
            fence,
            n,
            self._emitter(task.tenant, task.id, n),
        )
        reply = await self._providers[agent.spec.provider].call(agent, call)
        if type(reply) is Answer:
            return attempt.answered(choice, agent, reply, began, self._now())
        assert isinstance(reply, Failure)
        attempt.failed(choice, agent, reply, began, self._now())
        log.debug("call.failed", agent=agent.id, code=reply.error.code)
        return reply

    async def _forget(self, slot: Slot, choice: Choice) -> None:
        await self._balancer.release(slot, "none")
        try:
            await self._registry.refresh()
            if slot.agent_id not in self._registry.roster(choice.tenant).by_id:
                await self._balancer.drop(choice.tenant, choice.agent_type, slot.agent_id)
        except OrchestraError as away:
            log.debug("agent.not_dropped", agent=slot.agent_id, error=away.code)
