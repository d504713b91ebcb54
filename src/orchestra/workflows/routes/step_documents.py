"""The answer of the route of one step, as the description of the API shows it."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from orchestra.workflows.routes.documents import Closed, Instant
from orchestra.workflows.routes.execution_documents import Count, Failure, LogLine, StepShown


class Tried(Closed, frozen=True):
    """One attempt. `queued_ms`: it waited for its agent; `delay_ms`: the next one waits."""

    attempt: int
    state: Literal["running", "waiting", "completed", "failed", "lost", "held", "stopped"]
    agent: str | None
    started_at: Instant
    ended_at: Instant | None
    queued_ms: Count
    duration_ms: Count | None
    delay_ms: float | None
    error: Failure | None
    usage: dict[str, Any] | None
    calls: Annotated[
        tuple[dict[str, Any], ...],
        Meta(description="Calls of agents, each with why this one; none where no choice was kept."),
    ]


class Place(Closed, frozen=True):
    """Where a step that is ready stands in its line; lines are kept by partition."""

    queue: str
    ahead: Count
    length: Count


class StepWhole(StepShown, frozen=True, kw_only=True):
    """A step with nothing left out."""

    history: tuple[LogLine, ...]
    tries: Annotated[tuple[Tried, ...], Meta(description="Its attempts; the last 50.")]
    waits_on: Annotated[
        tuple[str, ...], Meta(description="Steps that must be done before it may begin.")
    ]
    line: Annotated[Place | UnsetType, Meta(description="Of a step that is ready.")] = UNSET
    next_at: Annotated[
        Instant | UnsetType | None, Meta(description="When the next attempt begins.")
    ] = UNSET
    calls: Annotated[
        tuple[dict[str, Any], ...] | UnsetType,
        Meta(description="Calls of the last attempt, each with why this agent."),
    ] = UNSET
