"""Agents in this process: a function per capability, on the loop or in a worker thread."""

import inspect
from collections.abc import Awaitable, Sequence
from typing import NamedTuple, cast

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


class _Function(NamedTuple):
    capability: PythonCapability
    waits: bool


class PythonProvider:
    """Calls the functions of the installed Python agents, found by type and capability."""

    def __init__(self, agents: Sequence[PythonAgent], deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._threads: anyio.CapacityLimiter | None = None
        self.installed: dict[str, PythonAgent] = {}
        """By type. Changes while the process runs: plugins come, change and go."""
        self.entry_points: dict[str, PythonAgent] = {}
        """The same agents by where they were found: `pkg.mod:agent`, `file:agent`."""
        self._functions: dict[str, dict[str, _Function]] = {}
        for one in agents:
            self.install(one)

    def install(self, agent: PythonAgent, entry_point: str | None = None) -> None:
        """Serve the agent's type with this code from now on; running calls keep what they have.

        A capability that it no longer has is served by the old code until the next change: other
        replicas may pick it for as long as they have not heard.
        """
        fresh = {
            one.spec.name: _Function(one, inspect.iscoroutinefunction(one.run))
            for one in agent.capabilities
        }
        old = self.installed.get(agent.agent_type)
        names = {one.spec.name for one in old.capabilities} if old else set[str]()
        before = self._functions.get(agent.agent_type, {})
        late = {name: before[name] for name in names - fresh.keys()}
        self._functions[agent.agent_type] = late | fresh
        self.installed[agent.agent_type] = agent
        if entry_point is not None:
            self.entry_points[entry_point] = agent

    def uninstall(self, agent_type: str) -> None:
        """Serve the type no more; running calls go on. Safe when it is not served."""
        gone = self.installed.pop(agent_type, None)
        self._functions.pop(agent_type, None)
        self.entry_points = {at: one for at, one in self.entry_points.items() if one is not gone}

    def found(self, name: str) -> PythonAgent | None:
        """The code of a type, or what was discovered under an entry point such as `a.b:agent`."""
        return self.entry_points.get(name) if ":" in name else self.installed.get(name)

    def serves(self, agent_type: str) -> frozenset[str]:
        """Capabilities the code of this type has; empty when no code is installed for it."""
        code = self.installed.get(agent_type)
        return frozenset(one.spec.name for one in code.capabilities) if code else frozenset()

    async def call(self, agent: Agent, call: Call) -> Answer | Failure:
        """Run the function. What it raises is the agent's failure, never ours."""
        functions = self._functions.get(agent.spec.agent_type, {})
        found = functions.get(call.capability or "")
        if found is None and call.capability is None:
            found = self._sole(agent.spec.agent_type)
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

    def _sole(self, agent_type: str) -> _Function | None:
        """With one capability there is no need to say which."""
        served = self.serves(agent_type)
        return self._functions[agent_type][next(iter(served))] if len(served) == 1 else None

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
