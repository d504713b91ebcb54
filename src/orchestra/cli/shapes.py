"""What the command line reads from the server's answers: those members that it shows.

Unknown members are ignored, absent ones have defaults: an older or newer server can be read.
"""

from typing import Any, cast

import msgspec

ENDED = frozenset({"completed", "failed", "cancelled", "rolled_back"})


class Finding(msgspec.Struct, frozen=True):
    """One thing wrong with what was sent. `pointer` is a JSON Pointer into it."""

    code: str = ""
    message: str = ""
    pointer: str = ""
    severity: str = "error"
    suggestion: str | None = None
    range: dict[str, int] | None = None


class ProblemDocument(msgspec.Struct, frozen=True):
    """RFC 9457, with our members."""

    status: int = 0
    title: str = ""
    detail: str = ""
    code: str = ""
    instance: str = ""
    errors: tuple[Finding, ...] = ()
    retryable: bool = False
    retry_after_ms: int | None = None
    known: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    attempts: tuple[Any, ...] = ()
    """Of a task that failed: each call to an agent."""


class Saved(msgspec.Struct, frozen=True):
    """A workflow, as saving and listing tell of it."""

    id: str
    name: str = ""
    version: int = 1
    status: str = "active"
    created_at: str = ""
    warnings: tuple[Finding, ...] = ()


class Workflows(msgspec.Struct, frozen=True):
    """A page of workflows."""

    items: tuple[Saved, ...] = ()
    next_cursor: str | None = None


class StepError(msgspec.Struct, frozen=True):
    """Why a step or an execution failed."""

    code: str = ""
    message: str = ""


class Step(msgspec.Struct, frozen=True):
    """The record of a step."""

    path: str
    type: str = ""
    status: str = ""
    reason: str | None = None
    attempts: int = 0
    error: StepError | None = None
    agent: str | None = None
    output: Any = None
    duration_ms: int | None = None
    degraded: bool = False


class Usage(msgspec.Struct, frozen=True):
    """What models of an execution took."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None


class Progress(msgspec.Struct, frozen=True):
    """How far an execution is, in steps of its body."""

    total: int = 0
    done: int = 0
    percent: float = 0


class Waiting(msgspec.Struct, frozen=True):
    """What a step waits for."""

    step: str
    signal: str | None = None
    until: str | None = None


class Execution(msgspec.Struct, frozen=True):
    """An execution: right after its start, and later."""

    id: str
    status: str = ""
    workflow_id: str = ""
    workflow_name: str = ""
    workflow_version: int = 0
    progress: Progress = Progress()
    current_steps: tuple[str, ...] = ()
    waiting_for: tuple[Waiting, ...] = ()
    output: Any = None
    error: StepError | None = None
    created_at: str | None = None
    started_at: str | None = None
    ended_at: str | None = None
    duration_ms: int | None = None
    usage: Usage = Usage()
    durability: Any = None
    steps: tuple[Step, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self.status in ENDED


class Signalled(msgspec.Struct, frozen=True):
    """A signal that counts, and the steps that waited for it."""

    id: str
    name: str = ""
    steps: tuple[str, ...] = ()


class Executions(msgspec.Struct, frozen=True):
    """A page of executions."""

    items: tuple[Execution, ...] = ()
    next_cursor: str | None = None


class LogLine(msgspec.Struct, frozen=True):
    """One thing that happened in an execution."""

    at: str = ""
    level: str = "info"
    event: str = ""
    step: str | None = None
    attempt: int | None = None
    agent: str | None = None
    message: str | None = None


class Logs(msgspec.Struct, frozen=True):
    """A page of an execution's log."""

    logs: tuple[LogLine, ...] = ()
    next_cursor: str | None = None


class Capability(msgspec.Struct, frozen=True):
    """One thing an agent can do."""

    name: str
    description: str = ""


class Agent(msgspec.Struct, frozen=True):
    """A registered agent."""

    id: str
    name: str = ""
    agent_type: str = ""
    provider: str = ""
    status: str = ""
    revision: int = 0
    capabilities: tuple[Capability, ...] = ()
    warnings: tuple[Any, ...] = ()
    endpoint: str | None = None
    base_url: str | None = None
    model: str | None = None
    card_url: str | None = None
    url: str | None = None
    plugin: dict[str, Any] | None = None
    pull: dict[str, Any] | None = None


class AgentPage(msgspec.Struct, frozen=True):
    """A page of agents."""

    items: tuple[Agent, ...] = ()
    next_cursor: str | None = None


class TaskAnswer(msgspec.Struct, frozen=True):
    """The result of one call of an agent."""

    task_id: str
    status: str = ""
    agent: Any = None
    capability: str | None = None
    output: Any = None


class Secret(msgspec.Struct, frozen=True):
    """What is told of a secret: never its value."""

    name: str
    version: int = 1
    reference: str = ""
    allowed_hosts: tuple[str, ...] = ()
    description: str = ""
    updated_at: str = ""
    updated_by: str = ""
    warnings: tuple[Finding, ...] = ()


class SecretPage(msgspec.Struct, frozen=True):
    """All secrets of the tenant."""

    items: tuple[Secret, ...] = ()


class Durability(msgspec.Struct, frozen=True):
    """What an acknowledged write survives: asked for, and in force."""

    requested: str = ""
    effective: str = ""
    replicas: int = 0


class Process(msgspec.Struct, frozen=True):
    """A process of the installation, and the modules it has."""

    host: str = ""
    pid: int = 0
    modules: tuple[str, ...] = ()


class Readiness(msgspec.Struct, frozen=True):
    """The answer of `/readyz`."""

    status: str = ""
    durability: Durability | None = None
    processes: tuple[Process, ...] = ()


def members(value: Any) -> dict[str, Any]:
    """The members of a JSON object; none of anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def items(value: Any) -> list[Any]:
    """The items of a JSON array; none of anything else."""
    return cast("list[Any]", value) if isinstance(value, list) else []
