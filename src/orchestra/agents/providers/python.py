"""Agents in this process: a function per capability, on the loop or in a worker thread."""

import inspect
from collections.abc import Awaitable, Sequence
from typing import cast

import anyio
import anyio.to_thread
import structlog

from orchestra.agents import PythonAgent, PythonCapability, Reject, Retry, Task, TaskError
from orchestra.agents.providers import Answer, Call, Failure
from orchestra.agents.providers.deadlines import Deadlines
from orchestra.agents.records import Agent
from orchestra.errors import Problem

log = structlog.get_logger(__name__)

THREADS_MAX = 8


class PythonProvider:
    """Calls the functions of the installed Python agents, found by type and capability."""

    def __init__(self, agents: Sequence[PythonAgent], deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._threads: anyio.CapacityLimiter | None = None
        self.installed: dict[str, PythonAgent] = {one.agent_type: one for one in agents}
        self._functions: dict[tuple[str, str], tuple[PythonCapability, bool]] = {
            (one.agent_type, capability.spec.name): (
                capability,
                inspect.iscoroutinefunction(capability.run),
            )
            for one in agents
            for capability in one.capabilities
        }

    def serves(self, agent_type: str) -> frozenset[str]:
        """Capabilities the code of this type has; empty when no code is installed for it."""
        return frozenset(name for kind, name in self._functions if kind == agent_type)

    async def call(self, agent: Agent, call: Call) -> Answer | Failure:
        """Run the function. What it raises is the agent's failure, never ours."""
        found = self._functions.get((agent.spec.agent_type, call.capability or ""))
        if found is None:
            found = self._sole(agent.spec.agent_type, call.capability)
        if found is None:
            return _refused("this agent needs to be told which capability: capability or task_type")
        capability, waits = found
        try:
            if capability.blocking:
                return await self._in_thread(capability, call)
            if waits:
                return await self._awaited(
                    cast("Awaitable[object]", capability.run(call.task)), call
                )
            output = capability.run(call.task)
            if inspect.isawaitable(output):
                return await self._awaited(output, call)
            return Answer(output)
        except Reject as reject:
            return Failure(
                TaskError(
                    "agent.bad_request",
                    _clip(str(reject)),
                    problem="input-invalid",
                    findings=reject.findings,
                )
            )
        except Retry as again:
            wait_ms = round(again.after_s * 1_000)
            return Failure(
                TaskError("agent.error", _clip(str(again)), retryable=True, retry_after_ms=wait_ms)
            )
        except Exception as error:  # the edge between our code and an agent's
            log.warning("agent.raised", agent=agent.id, exc_info=error)
            return Failure(TaskError("agent.error", f"the agent raised {type(error).__name__}"))

    def _sole(
        self, agent_type: str, capability: str | None
    ) -> tuple[PythonCapability, bool] | None:
        """With one capability there is no need to say which."""
        served = self.serves(agent_type)
        if capability is None and len(served) == 1:
            return self._functions[agent_type, next(iter(served))]
        return None

    async def _awaited(self, output: Awaitable[object], call: Call) -> Answer | Failure:
        scope = self._deadlines.scope(call.timeout_ms / 1_000)
        try:
            with scope:
                return Answer(await output)
        finally:
            self._deadlines.close(scope)
        return late(call)

    async def _in_thread(self, capability: PythonCapability, call: Call) -> Answer | Failure:
        if self._threads is None:
            self._threads = anyio.CapacityLimiter(THREADS_MAX)
        with anyio.move_on_after(call.timeout_ms / 1_000):
            # A thread cannot be stopped: at the deadline it is left to itself, and its slot of
            # the limiter stays taken until it ends.
            output: object = await anyio.to_thread.run_sync(
                _run, capability, call.task, abandon_on_cancel=True, limiter=self._threads
            )
            if inspect.isawaitable(output):
                return Answer(await output)
            return Answer(output)
        return late(call)


def late(call: Call) -> Failure:
    """No answer in time: the agent may have done the work."""
    error = TaskError("timeout.attempt", f"no answer within {call.timeout_ms} ms", definite=False)
    return Failure(error, outcome="fail", elsewhere=True)


def _run(capability: PythonCapability, task: Task) -> object:
    return capability.run(task)


def _refused(message: str) -> Failure:
    finding = Problem("/task_type", "missing_field", message)
    return Failure(
        TaskError("agent.bad_request", message, problem="input-invalid", findings=(finding,))
    )


def _clip(text: str) -> str:
    return text[:4_096]
