"""The answers of the routes that inspect an execution, as the description of the API shows them."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from orchestra.workflows.routes.documents import Closed, Instant
from orchestra.workflows.routes.execution_documents import (
    Count,
    ExecutionState,
    Failure,
    Progress,
    StepState,
    StepType,
    Usage,
    Value,
)

Ms = Annotated[int, Meta(description="Milliseconds since 1970.")]


class Given(Closed, frozen=True):
    """What an execution was started with, whole."""

    execution_id: str
    input_data: Annotated[Any, Meta(description="JSON.")]


class TimelineBar(Closed, frozen=True):
    """A part of an attempt, in ms since the execution was created."""

    kind: Literal["queued", "running", "waiting"]
    state: Literal["running", "completed", "failed", "lost", "held", "stopped"]
    attempt: int
    from_ms: int
    to_ms: int
    agent: str | None
    open: Annotated[bool, Meta(description="The attempt has not ended.")]


class TimelineStep(Closed, frozen=True):
    """A step, with its attempts in time; the last 40 parts."""

    path: str
    type: StepType
    status: StepState
    attempts: Count
    bars: tuple[TimelineBar, ...]
    critical: Annotated[bool, Meta(description="It is on the critical path.")]


class CriticalStep(Closed, frozen=True):
    """A step on the critical path. `opens`: other steps on it are inside this one."""

    path: str
    took_ms: int
    share: Annotated[float, Meta(ge=0, le=1, description="Of the whole duration.")]
    opens: bool


class Moment(Closed, frozen=True):
    """The newest entry of the history until then, and when those beside it happened."""

    seq: Count
    of: Count
    type: str | None
    path: str | None
    at_ms: Ms | None
    previous_ms: Ms | None
    next_ms: Ms | None
    first_ms: Ms | None
    last_ms: Ms | None


class Timeline(Closed, frozen=True):
    """An execution in time: now, or as it was at a time."""

    execution_id: str
    status: ExecutionState
    at: Annotated[Instant | None, Meta(description="As of then; null: now.")]
    created_at: Instant
    last_at: Annotated[Instant, Meta(description="Of the newest entry of the history.")]
    duration_ms: Count
    progress: Progress
    usage: Usage
    event: Moment
    steps: tuple[TimelineStep, ...]
    steps_total: Count
    critical_path: tuple[CriticalStep, ...]


class Undoing(Closed, frozen=True):
    """A step that a rollback undoes. Of one that was undone: what came of it."""

    path: str
    outcome: Annotated[
        Literal["completed", "unknown", "running"],
        Meta(description="Of the step: `unknown` is undone all the same, without a result."),
    ]
    status: Annotated[StepState, Meta(description="Of the undoing.")]
    agent_type: str | None
    agent_id: str | None
    capability: str | None
    agent: Annotated[str | None, Meta(description="The agent that undid it.")]
    input_data: Value
    output: Value
    attempts: Count
    error: Failure | None
    ended_at: Instant | None


class Kept(Closed, frozen=True):
    """A step that a rollback leaves as it is."""

    path: str
    type: StepType
    status: StepState
    reason: Literal[
        "no_compensation", "event_was_published", "failed_for_certain", "never_ran", "not_begun"
    ]


class Preview(Closed, frozen=True):
    """What a rollback undoes, in order, and what stays. At most 500 of each."""

    execution_id: str
    status: ExecutionState
    possible: Annotated[bool, Meta(description="It can be asked for now.")]
    steps: tuple[Undoing, ...]
    steps_total: Count
    kept: tuple[Kept, ...]
    kept_total: Count
    blocked_at: Annotated[str | None, Meta(description="The step whose undoing failed.")]
    in_flight: Annotated[
        tuple[str, ...], Meta(description="What runs now: it is stopped, and may change the order.")
    ]
