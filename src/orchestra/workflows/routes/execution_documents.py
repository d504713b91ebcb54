"""The answers of the executions routes, as the description of the API shows them.

Held against what is really sent, as those of `documents.py`.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType, field

from orchestra.workflows.routes.documents import Closed, Cursor, Instant, Links

Value = Annotated[
    Any,
    Meta(
        description="JSON. Over 16 KiB it is `{$truncated: true, bytes, href}`; the whole "
        "value is at `/steps/{path}`."
    ),
]
Count = Annotated[int, Meta(ge=0)]
ExecutionState = Literal[
    "pending", "running", "paused", "rolling_back",
    "completed", "failed", "cancelled", "rolled_back",
]  # fmt: skip
StepState = Literal[
    "waiting", "ready", "running", "retrying", "completed", "failed", "skipped", "compensated"
]
StepType = Literal[
    "agent", "transform", "set", "emit", "switch", "parallel", "wait", "branch", "output"
]


class Accepted(Closed, frozen=True):
    """An execution that was accepted, and will be carried out."""

    execution_id: Annotated[str, Meta(examples=["exe_019ab12d-77a0-7e05-8b14-5d2c9e3f6071"])]
    id: Annotated[str, Meta(description="The same as `execution_id`.")]
    workflow_id: str
    workflow_version: int
    status: Literal["pending"]
    created: Annotated[bool, Meta(description="False: this Idempotency-Key started it before.")]
    durability: Annotated[str, Meta(description="How well an acknowledged write is kept.")]
    links: Links


class Controlled(Closed, frozen=True):
    """The state after a control verb."""

    id: str
    execution_id: str
    status: ExecutionState


class Signalled(Closed, frozen=True):
    """A signal that counts. `steps`: paths of those that waited for it; none: it is kept."""

    id: str
    execution_id: str
    status: ExecutionState
    name: str
    steps: tuple[str, ...]
    received_at: Instant


class Progress(Closed, frozen=True):
    """Counts the steps of the body."""

    total: Count
    done: Count
    percent: Annotated[int, Meta(ge=0, le=100)]


class Usage(Closed, frozen=True):
    """Tokens and cost of all steps, as far as agents told."""

    input_tokens: Count
    output_tokens: Count
    cost_usd: float | None


class Failure(Closed, frozen=True):
    """Why something failed. `step` is where, when it is told about the execution."""

    code: Annotated[str, Meta(examples=["agent.error", "timeout.attempt"])]
    message: str
    attempt: int | UnsetType = UNSET
    agent: str | UnsetType | None = UNSET
    at: Instant | UnsetType | None = UNSET
    problem: Annotated[str | UnsetType, Meta(description="The kind, more exactly.")] = UNSET
    step: str | UnsetType = UNSET
    cause: "Failure | UnsetType | None" = UNSET


class ExecutionSummary(Closed, frozen=True):
    """An execution in a list."""

    id: str
    execution_id: str
    workflow_id: str
    workflow_name: str
    workflow_version: int
    status: ExecutionState
    labels: dict[str, str]
    error: Annotated[Failure | None, Meta(description="Why it failed.")]
    created_at: Instant
    ended_at: Instant | None
    duration_ms: Count | None
    links: Links


class ExecutionPage(Closed, frozen=True):
    """Executions, newest first."""

    items: tuple[ExecutionSummary, ...]
    next_cursor: Cursor


class Pause(Closed, frozen=True):
    """A pause that lasts. `draining`: attempts that were running still end."""

    at: Instant | None
    by: str
    mode: Literal["drain", "interrupt"]
    reason: str | None
    draining: bool


class Rollback(Closed, frozen=True):
    """A rollback: paths of steps that are undone, and that remain, the next one first."""

    cause: Annotated[str, Meta(description="The step that failed, or `request`.")]
    undone: tuple[str, ...]
    remaining: tuple[str, ...]
    blocked_at: Annotated[str | None, Meta(description="The step whose undoing failed.")]


class WaitsFor(Closed, frozen=True):
    """What a `wait` step waits for, or waited for: a time, or a signal until then."""

    for_: Annotated[Literal["time", "signal"], Meta(description="What ends it.")] = field(
        name="for"
    )
    signal: Annotated[str | None, Meta(description="Name of the signal.")]
    until: Instant | None


class Waiting(WaitsFor, frozen=True):
    """A step that waits."""

    step: Annotated[str, Meta(description="Its path.")]
    since: Instant | None


class StepShown(Closed, frozen=True):
    """A step. Its path is unique in the execution; `~path` is its undoing."""

    id: str
    path: str
    type: StepType
    status: StepState
    reason: Annotated[
        str | None,
        Meta(description="Why it was skipped; `timeout` of a wait that went on without a signal."),
    ]
    attempts: Count
    error: Failure | None
    agent: Annotated[str | None, Meta(description="The agent that did it.")]
    input_data: Value
    filled: Annotated[Any, Meta(description="Inputs that were taken from earlier steps.")]
    output: Value
    queued_ms: Count
    started_at: Instant | None
    ended_at: Instant | None
    duration_ms: Count | None
    case: Annotated[Any | UnsetType, Meta(description="The case a switch took.")] = UNSET
    degraded: Annotated[bool | UnsetType, Meta(description="Not by the best agent.")] = UNSET
    usage: dict[str, Any] | UnsetType | None = UNSET
    waits_for: Annotated[WaitsFor | UnsetType, Meta(description="Of a `wait` step.")] = UNSET
    blob: Annotated[str | UnsetType, Meta(description="Where the store has its record.")] = UNSET


class LogLine(Closed, frozen=True):
    """One thing that happened. `data` holds input or output, up to 4 KiB."""

    id: str
    at: Instant
    level: Literal["debug", "info", "warning", "error"]
    event: Annotated[str, Meta(examples=["step.completed"])]
    step: str | None
    attempt: int | None
    agent: str | None
    message: str
    data: dict[str, Any]
    trace_id: str | None


class StepPage(Closed, frozen=True):
    """Steps, in the order of the definition."""

    items: tuple[StepShown, ...]
    next_cursor: Cursor


class Execution(Closed, frozen=True):
    """Where an execution stands."""

    execution_id: str
    id: Annotated[str, Meta(description="The same as `execution_id`.")]
    workflow_id: str
    workflow_name: str
    workflow_version: int
    status: ExecutionState
    waiting_for: Annotated[
        tuple[Waiting, ...], Meta(description="What waits for a time or a signal now.")
    ]
    progress: Progress
    current_steps: Annotated[tuple[str, ...], Meta(description="Paths of those that run now.")]
    input_data: Value
    output: Value
    error: Failure | None
    created_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    duration_ms: Count
    usage: Usage
    labels: dict[str, str]
    pause: Pause | None
    rollback: Rollback | None
    parent: str | None
    forked_from: str | None
    durability: str
    links: Links
    steps: Annotated[tuple[StepShown, ...], Meta(description="The first 200.")]
    steps_next_cursor: Cursor


class Logs(Closed, frozen=True):
    """Log of an execution, oldest first. Send the last `id` as `after` for more."""

    execution_id: str
    logs: tuple[LogLine, ...]
    next_cursor: str | None


class Actor(Closed, frozen=True):
    """Who did it."""

    type: Literal["user", "key", "hook", "engine"]
    id: str | None


class Transition(Closed, frozen=True):
    """One numbered transition of an execution."""

    seq: int
    at: Instant
    type: str
    path: str | None
    attempt: int | None
    actor: Actor
    data: dict[str, Any]


class History(Closed, frozen=True):
    """Every transition, oldest first. Send `next_cursor` as `after` for more."""

    execution_id: str
    items: tuple[Transition, ...]
    next_cursor: int | None
