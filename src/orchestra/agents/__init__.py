"""Agents: who can do what, who is alive, and who does the next task.

This page is the whole contract. Others import `orchestra.agents`, never a page behind it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from orchestra.errors import Invalid, NotFound, TooMany, Unavailable
from orchestra.store.keys import Tenant

Provider = Literal["python", "http", "openai", "anthropic", "a2a", "mcp", "pull"]
Strategy = Literal["least_load", "ewma", "cheapest", "affinity"]
Status = Literal[
    "waiting",
    "healthy",
    "degraded",
    "unhealthy",
    "stale",
    "offline",
    "misconfigured",
    "draining",
    "disabled",
]


class AgentTypeUnknown(NotFound):
    """No agent of this type is registered. Context: `known`."""


class AgentUnknown(NotFound):
    """No agent of this name or id. Context: `known`."""


class NoSuchCapability(Invalid):
    """The pool exists and nobody in it declares the capability. Context: `known`."""


class PoolSaturated(TooMany):
    """Every eligible agent is at its `max_concurrency` until the deadline."""


class NoAgentAvailable(Unavailable):
    """Nobody healthy offers it. Context: `agent_type`, `capability`, `tried`."""


class Capability(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One thing an agent can do. Schemas are JSON Schema 2020-12, of `input_data` and `output`."""

    name: str
    input_types: tuple[str, ...] = ("any",)
    output_types: tuple[str, ...] = ("any",)
    description: str = ""
    input_schema: dict[str, object] | None = None
    output_schema: dict[str, object] | None = None
    idempotent: bool = False
    timeout_ms: int | None = None


class Task(msgspec.Struct, frozen=True):
    """One unit of work for one agent. Exactly one of `agent_type`, `agent`, `capability` pins it.

    `input_data` is what the agent gets (`task_type` included, when there is one); the capability
    is `capability`, else `input_data["task_type"]`. `key` is the idempotency key of this logical
    try (ENGINE.md §16); `fence` only grows.
    """

    id: str
    tenant: Tenant
    input_data: object
    agent_type: str | None = None
    agent: str | None = None
    capability: str | None = None
    version: str | None = None
    labels: Mapping[str, str] = {}
    fallbacks: tuple[str, ...] = ()
    timeout_ms: int = 120_000
    queue_timeout_ms: int = 300_000
    key: str = ""
    attempt: int = 1
    fence: int = 0
    execution: str | None = None
    step: str | None = None
    workflow: str | None = None
    session: str | None = None
    output_schema: dict[str, object] | None = None
    once: bool = False
    """At most once: no second agent is asked when the first one may have begun."""
    hop: int = 0
    """How many of our own outgoing requests lie behind it (`security.hops`)."""
    trace: str = ""
    """The trace of who asked (`Trace.text`); "" for one of its own."""
    strategy: Strategy = "least_load"
    """How to choose among the free agents of the best tier (AGENTS.md, section 6)."""
    spill: bool = False
    """A worse tier may do it when the best one is busy, not only when it is out."""
    priority: int = 0
    """Who waits with a higher one is served first."""
    budget_micro_usd: int | None = None
    """The most it may cost, in millionths of a USD, over all its calls."""
    depth: int = 0
    """How many models asked for it, one through the other."""


class TaskError(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why a task failed. `code` is one of WORKFLOWS.md §8, or the agent's own `word.word`.

    `definite`: the agent answered, or was never asked. False: it may have done the work.
    `retryable`: None leaves it to the code's default.
    """

    code: str
    message: str
    definite: bool = True
    retryable: bool | None = None
    retry_after_ms: int | None = None
    problem: str | None = None
    findings: tuple[object, ...] = ()
    """What `Reject` found, for direct callers; pointers into `input_data`."""


class TaskResult(msgspec.Struct, frozen=True):
    """What came back. `error` is set exactly when the task failed; then `output` is None."""

    output: object = None
    error: TaskError | None = None
    agent_id: str | None = None
    agent_name: str | None = None
    agent_version: str | None = None
    queue_ms: int = 0
    duration_ms: int = 0
    degraded: bool = False
    calls: tuple[dict[str, object], ...] = ()
    """One entry for each call made inside this attempt: n, agent, queue_ms, duration_ms, outcome,
    error, why."""
    usage: dict[str, object] | None = None


class PythonCapability(msgspec.Struct, frozen=True):
    """A capability and the function behind it. `run` gets the task; it returns the output (JSON).

    A plain function runs in a worker thread when `blocking`, else on the loop: then it must be
    quick. Raise `Reject` for bad input, `Retry` to be asked again; anything else is `agent.error`.
    """

    spec: Capability
    run: Callable[[Task], object] | Callable[[Task], Awaitable[object]]
    blocking: bool = False
    checked: bool = False
    """`run` checks its input against the schema of `spec` by itself, and keeps its promise."""


class PythonAgent(msgspec.Struct, frozen=True):
    """An agent that lives in this process, found by its type. Built-ins and plugins are these."""

    name: str
    agent_type: str
    capabilities: tuple[PythonCapability, ...]
    description: str = ""
    version: str = "0.0.0"
    priority: int = 15
    max_concurrency: int | None = None


class Reject(Exception):
    """A Python agent refuses its input, for good. `findings` point into `input_data`."""

    def __init__(self, message: str, findings: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class Retry(Exception):
    """A Python agent asks to be called again, not before `after_s`."""

    def __init__(self, message: str = "try again", after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


class Agents(Protocol):
    """What other modules ask of the agents."""

    async def execute(self, task: Task) -> TaskResult:
        """Do `task` on the agent best placed, failover included. A failing agent is a result.

        Raises nothing but cancellation; cancelling it cancels the call. Repeating it calls again,
        with the same `key`: an agent that honours the key does the work once.
        """
        ...

    def needs(self, tenant: Tenant, agent_type: str, capability: str | None) -> tuple[str, ...]:
        """Names of the inputs a capability cannot do without; empty when it is not known here.

        From `required` of its input schema, and `text` for `input_types: ["text"]`. Never waits.
        """
        ...

    def known_types(self, tenant: Tenant) -> frozenset[str]:
        """Agent types registered, by this replica's last look. Never waits."""
        ...

    def in_process(self, agent_type: str) -> bool:
        """Whether calls of this type run in the caller's own process, and may kill it."""
        ...

    def saturated(self) -> frozenset[str]:
        """Agent types whose callers wait for a slot in this replica now. Never waits."""
        ...
