"""Bodies and answers of the routes of tasks, as the description of the API shows them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from orchestra.agents.routes.documents import CallShown, Closed

Count = Annotated[int, Meta(ge=0)]
Lease = Annotated[str, Meta(description="Of this attempt: the proof for what is said about it.")]
Fence = Annotated[int, Meta(ge=0, description="As in the envelope.")]
Instant = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Frame = Annotated[Any, Meta(description="Shown to whoever looks on: text, or an object.")]


class TaskRuns(Closed, frozen=True):
    """A task that goes on, or that was cancelled."""

    task_id: str
    created_at: Instant
    status: Literal["running", "cancelled"]


class TaskError(Closed, frozen=True):
    """Why it failed; `problem` is the code that `execute` would have answered with."""

    code: str
    message: str
    retryable: bool | None
    problem: str


class TaskFailed(Closed, frozen=True):
    """A task that failed."""

    task_id: str
    created_at: Instant
    status: Literal["failed"]
    error: TaskError
    attempts: tuple[CallShown, ...]


TaskEvents = {
    "title": "task events",
    "type": "string",
    "description": "Server-sent events: delta, progress, artifact, log, usage, each with its "
    "`attempt`; at last one `result` or `error` with the task. A comment at least every 15 s. "
    "`Last-Event-ID` goes on behind that one.",
}


class PollBody(msgspec.Struct, frozen=True):
    """What a worker has room for, and how long it waits for a task."""

    slots: Annotated[int, Meta(ge=0, le=100)] = 1
    wait_s: Annotated[int, Meta(ge=0, le=60)] = 25
    leaving: Annotated[
        bool, Meta(description="The worker stops: no tasks, and the agent is late at once.")
    ] = False


class LeaseShown(Closed, frozen=True):
    """Say a heartbeat within `ttl_ms`, else the task is lost."""

    id: Lease
    ttl_ms: Count


class EnvelopeShown(msgspec.Struct, frozen=True, kw_only=True):
    """A task for a worker, as an agent over HTTP gets it, with its lease."""

    spec: Literal["orchestra.task/1"]
    task_id: str
    attempt: int
    fence: Fence
    agent: dict[str, Any]
    capability: str | None
    input: Any
    context: dict[str, Any]
    timeout_ms: Count
    deadline: Instant
    lease: LeaseShown
    links: Annotated[dict[str, str], Meta(description="Where to say heartbeat, complete, fail.")]


class Polled(Closed, frozen=True):
    """Tasks to do."""

    tasks: tuple[EnvelopeShown, ...]


class WorkerBeat(msgspec.Struct, frozen=True, kw_only=True):
    """The worker is at it; `progress` and `delta` are shown to whoever looks on."""

    lease: Lease
    fence: Fence
    progress: Frame = None
    delta: Frame = None
    leaving: Annotated[
        bool, Meta(description="Its last tasks: the agent is not heard for longer by them.")
    ] = False


class BeatTaken(Closed, frozen=True):
    """`cancel`: nobody waits for it any more, stop."""

    extend_ms: Count
    cancel: bool


class WorkerDone(msgspec.Struct, frozen=True, kw_only=True):
    """The task is done."""

    lease: Lease
    fence: Fence
    output: Any = None
    usage: dict[str, Any] | None = None


class ErrorSaid(msgspec.Struct, frozen=True, kw_only=True):
    """Why it failed. `retryable` false: it is no use asking again."""

    message: str
    code: str | None = None
    retryable: bool | None = None
    retry_after_ms: Count | None = None


class WorkerFailed(msgspec.Struct, frozen=True, kw_only=True):
    """The task cannot be done."""

    lease: Lease
    fence: Fence
    error: ErrorSaid
    usage: dict[str, Any] | None = None


class Taken(Closed, frozen=True):
    """It counts; a repeat counts once."""

    status: Literal["running", "completed", "failed", "cancelled", "input_required"]


class CallbackBody(msgspec.Struct, frozen=True, kw_only=True):
    """How it goes with a task that was answered with 202."""

    fence: Fence
    seq: Annotated[int, Meta(ge=0, description="Grows; a repeat of one counts once.")]
    status: Literal["running", "completed", "failed", "cancelled", "input_required"]
    progress: Frame = None
    delta: Frame = None
    output: Any = None
    error: ErrorSaid | UnsetType = UNSET
    usage: dict[str, Any] | None = None
