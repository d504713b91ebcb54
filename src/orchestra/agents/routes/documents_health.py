"""Answers about how agents are, as the description of the API shows them."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from orchestra.agents import Status
from orchestra.agents.routes.documents import Closed, Count, Instant, TaskDone

Share = Annotated[float, Meta(ge=0, le=1)]


class Named(Closed, frozen=True):
    """Which agent."""

    id: str
    name: str


class LastCheck(Closed, frozen=True):
    """What the last check found. `auth`: it refused our credentials."""

    at: Instant
    outcome: Literal["ok", "fail", "auth"]
    duration_ms: Count
    message: str | None
    failures_in_row: Count
    successes_in_row: Count


class CheckShown(Closed, frozen=True):
    """How the agent is checked. `passive`: only its tasks and heartbeats tell how it is."""

    mode: Literal["active", "passive"]
    interval_s: int | None
    last: LastCheck | None


class BreakerShown(Closed, frozen=True):
    """Keeps tasks from an agent that fails. `half_open`: one task is let through to try."""

    state: Literal["closed", "open", "half_open"]
    failures_in_row: Count
    trips: Annotated[int, Meta(ge=0, description="How often it opened, less with each success.")]


class GateShown(Closed, frozen=True):
    """Nobody picks the agent while it is closed."""

    closed: bool
    until: Instant | None
    wait_ms: Count


class SaidShown(Closed, frozen=True):
    """What the agent said of itself with a heartbeat."""

    at: Instant
    load: float | UnsetType = UNSET
    in_flight: Count | UnsetType = UNSET
    version: str | UnsetType = UNSET
    status: str | UnsetType = UNSET


class HeardShown(Closed, frozen=True, kw_only=True):
    """Its heartbeats, where it sends any."""

    mode: Literal["none", "push"]
    interval_s: int | UnsetType = UNSET
    ttl_s: int | UnsetType = UNSET
    late: bool
    last_at: Instant | None
    age_s: float | None
    said: SaidShown | None


class SlotsShown(Closed, frozen=True):
    """Tasks it does now, for all replicas, and the most it does at once; null: not counted."""

    in_use: Count | None
    max: int | None


class HealthShown(Closed, frozen=True):
    """How an agent is, and why. `null` is what is not known, or does not apply."""

    agent: Named
    status: Status
    since: Instant | None
    reason: Annotated[str, Meta(description="In words.")]
    check: CheckShown
    breaker: BreakerShown | None
    gate: GateShown | None
    heartbeat: HeardShown
    slots: SlotsShown


class Fault(Closed, frozen=True):
    """What is wrong."""

    code: str
    message: str


class CheckDone(Closed, frozen=True):
    """A check that was asked for. `checked` false: the agent has nothing to ask for free."""

    checked: bool
    well: bool | None
    error: Fault | None
    duration_ms: Count
    health: HealthShown


class EventShown(Closed, frozen=True):
    """Something that happened to the agent."""

    id: str
    type: Annotated[str, Meta(examples=["agent.unhealthy"])]
    at: Instant
    data: dict[str, Any]


class EventPage(Closed, frozen=True):
    """Events, oldest first."""

    items: tuple[EventShown, ...]
    next_cursor: Annotated[str, Meta(description="Send it as `after` for what comes behind.")]


class DurationShown(Closed, frozen=True):
    """Milliseconds; null without any task."""

    mean: float | None
    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class FirstTokenShown(Closed, frozen=True):
    """Milliseconds until the first token, of tasks that were streamed."""

    p50: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class Outcomes(Closed, frozen=True):
    """Calls by how they ended. `unknown`: the agent may have done the work."""

    ok: Count
    failed: Count
    unknown: Count
    cancelled: Count


class TokensShown(Closed, frozen=True):
    """Tokens, of all calls that told; `input` includes the cached ones."""

    input: Count
    output: Count
    cached: Count


class Point(Closed, frozen=True):
    """One step of the window."""

    at: Instant
    tasks: Count
    success_rate: Share | None
    p50_ms: float | None
    p95_ms: float | None
    cost_usd: float | None


class PerformanceShown(Closed, frozen=True, kw_only=True, rename={"from_": "from"}):
    """What an agent did in a window, for all replicas. No data is `null`, never 0."""

    agent: Named
    window: str
    from_: Instant
    to: Instant
    step_s: Literal[60, 600]
    error_max: Annotated[float, Meta(description="How far off a percentile may be, as a share.")]
    tasks: Count
    outcomes: Outcomes
    success_rate: Annotated[Share | None, Meta(description="Of those that were not cancelled.")]
    duration_ms: DurationShown
    first_token_ms: FirstTokenShown
    queue_ms_mean: float | None
    tokens: TokensShown
    cost_usd: Annotated[float | None, Meta(description="Of tasks with a known price.")]
    tasks_priced: Count
    series: Annotated[tuple[Point, ...], Meta(description="One point a step, oldest first.")]


class TaskTested(TaskDone, frozen=True, kw_only=True):
    """A task that was done for a test."""

    test: Literal[True]


class TestBody(Closed, frozen=True, kw_only=True):
    """A task for this very agent. Without a body: empty input."""

    input_data: Annotated[Any, Meta(description="JSON, as the agent takes it.")] = None
    capability: str | None = None
    timeout_ms: Annotated[int, Meta(ge=100, le=3_600_000)] | None = 60_000
    session_id: Annotated[str, Meta(max_length=256)] | None = None
    output_schema: dict[str, Any] | None = None
