"""`Agents` for a process that has none: tasks go to a process that has, the rest is read here.

A task that was in hand of a process that died is what a step in hand of a replica that died is:
sent again with the same key, without using up a try, until it looks as if it were to blame. One
that may be done once only is not sent again: nobody knows whether it was done.
"""

from typing import Final

import structlog

from orchestra.agents import Task, TaskError, TaskResult
from orchestra.agents.module import AgentsModule
from orchestra.bus.requests import (
    AnswerLate,
    Asking,
    NobodyServes,
    ProviderLost,
    Requests,
    RequestTooLarge,
)
from orchestra.errors import OrchestraError
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

EXECUTE: Final = "agents.execute"
SATURATED: Final = "saturated"
AT_ONCE: Final = 10_000
GRACE_MS: Final = 5_000
"""The process that has the task knows better why it is late."""
LOSSES_MAX_IN_PROCESS, LOSSES_MAX = 3, 10


class RemoteAgents:
    """See `Agents`. `beside` is the agents module of this process, which does not run."""

    def __init__(self, beside: AgentsModule, requests: Requests) -> None:
        self._beside, self._requests = beside, requests

    async def execute(self, task: Task) -> TaskResult:
        """Do `task` where agents are."""
        wish = Asking(
            repeatable=not task.once,
            wait_ms=task.queue_timeout_ms,
            losses_max=self._losses_max(task),
            about=_names(task),
        )
        timeout_ms = task.queue_timeout_ms + task.timeout_ms + GRACE_MS
        try:
            return await self._requests.request(EXECUTE, task, TaskResult, timeout_ms, wish)
        except OrchestraError as error:
            log.info("task.not_done_elsewhere", task=task.id, reason=error.code)
            return TaskResult(error=_error(error, task))

    def needs(self, tenant: Tenant, agent_type: str, capability: str | None) -> tuple[str, ...]:
        """By the registry, as this process sees it."""
        return self._beside.needs(tenant, agent_type, capability)

    def known_types(self, tenant: Tenant) -> frozenset[str]:
        """By the registry, as this process sees it."""
        return self._beside.known_types(tenant)

    def in_process(self, agent_type: str) -> bool:  # noqa: ARG002  # as the protocol has it
        """None of them runs here."""
        return False

    def saturated(self) -> frozenset[str]:
        """Types that wait for a slot wherever there are agents; all, while there are none.

        A second old. What is not claimed here stays in its queue.
        """
        told = self._requests.hints(EXECUTE, SATURATED)
        if not told:
            return self._beside.all_types()
        return frozenset(name for name in told[0] if all(name in one for one in told))

    def _losses_max(self, task: Task) -> int:
        """What runs in the process of the agents may be what kills it (R12)."""
        inside = self._beside.runs_inside(task.tenant, task.agent_type or "")
        return LOSSES_MAX_IN_PROCESS if inside else LOSSES_MAX


def serve_agents(requests: Requests, agents: AgentsModule) -> None:
    """Let other processes ask the agents of this one."""
    requests.serve(EXECUTE, Task, agents.execute, AT_ONCE)
    requests.hint(EXECUTE, SATURATED, agents.saturated)


def _names(task: Task) -> dict[str, str]:
    named = {"execution": task.execution, "step": task.step, "tenant": task.tenant}
    return {name: value for name, value in named.items() if value}


def _error(error: OrchestraError, task: Task) -> TaskError:
    match error:
        case ProviderLost() if task.once:
            told = "the process that had the task is gone: it may have been done"
            return TaskError("agent.lost", told, definite=False)
        case ProviderLost():
            times = error.context.get("times")
            told = f"the process of its agents died {times} times while it ran"
            return TaskError("step.crash_loop", told, definite=False)
        case AnswerLate():
            told = f"no answer within {task.timeout_ms} ms"
            return TaskError("timeout.attempt", told, definite=False)
        case RequestTooLarge():
            return TaskError("agent.invalid_response", error.detail, definite=False)
        case NobodyServes():
            told = "no process with agents is running now"
            return TaskError("agent.unavailable", told, problem="no-agent-available")
        case _:
            return TaskError("agent.unavailable", error.detail, definite=False)
