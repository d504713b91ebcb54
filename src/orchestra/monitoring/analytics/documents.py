"""What analytics answers, as it is sent: each is also what the description of the API shows."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Instant = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC, with milliseconds.",
        examples=["2026-11-23T08:00:00.123Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
Ms = Annotated[float | None, Meta(description="Milliseconds; null: nothing was measured.")]
Usd = Annotated[float | None, Meta(description="US dollars; null: nothing is known.")]
Share = Annotated[float | None, Meta(description="From 0 to 1; null: nothing to divide by.")]


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document with these members and no others."""


class Resting(Closed, frozen=True):
    """On how many executions figures of steps rest. `sampled`: not on all that ended."""

    executions: int
    of: int | None
    sampled: bool
    from_: Annotated[Instant | None, Meta(description="The first of them ended here.")] = (
        msgspec.field(default=None, name="from")
    )
    bounded: dict[str, int] | None = None


class Percentiles(Closed, frozen=True):
    """Milliseconds. At most `error_max` off, as a share; 0: exact."""

    p50_ms: Ms
    p95_ms: Ms
    p99_ms: Ms
    mean_ms: Ms
    error_max: float


class Outcomes(Closed, frozen=True):
    """Executions that ended. The rate is of those that completed, failed or were rolled back."""

    ended: int
    completed: int
    failed: int
    cancelled: int
    rolled_back: int
    success_rate: Share


class Throughput(Closed, frozen=True):
    """Executions that ended, each hour; and each day, the present one last."""

    per_hour: float | None
    per_day: list[int]


class Spent(Closed, frozen=True):
    """Of all executions, failed attempts included, where the cost is known."""

    cost_usd: Usd
    cost_usd_each: Usd
    tokens: int | None
    tokens_each: float | None
    unpriced_steps: Annotated[
        int | None, Meta(description="In the profiles: used tokens at a price unknown here.")
    ]


class Waste(Closed, frozen=True):
    """What attempts took that failed and were made again."""

    attempts: Annotated[int | None, Meta(description="Of all executions.")]
    ms_each: Ms
    share_of_time: Share
    tokens: int | None
    cost_usd: Usd


class Failure(Closed, frozen=True):
    """Executions that ended so for the same reason."""

    step: str | None
    code: str
    executions: int
    share: Share


class Version(Closed, frozen=True):
    """One version, by the profiles."""

    version: int
    executions: int
    success_rate: Share
    p50_ms: Ms
    p95_ms: Ms
    cost_usd_each: Usd


class OnPath(Closed, frozen=True):
    """A step on the critical path. Shares of the duration, of the mean execution that completed."""

    step: str
    kind: str
    share: float
    waiting: float
    running: float
    executions: Annotated[int, Meta(description="In so many of them it is on the path.")]


class CriticalPath(Closed, frozen=True):
    """Where the time goes. `elsewhere`: between steps, and after the last one."""

    executions: int
    bottleneck: str | None
    elsewhere: Share
    steps: list[OnPath]


class StepFigures(Closed, frozen=True):
    """A step, by the profiles. Times run from its first attempt to its end."""

    step: str
    kind: str
    executions: int
    p50_ms: Ms
    p95_ms: Ms
    p99_ms: Ms
    wait_p50_ms: Ms
    failed: int
    retried: int
    tokens: int
    cost_usd: Usd


class WorkflowAnalytics(Closed, frozen=True):
    """A workflow in a window."""

    workflow: str
    name: str
    window: str
    since: Instant
    until: Instant
    executions: Outcomes
    duration: Percentiles
    throughput: Throughput
    spent: Spent
    retries: Waste
    failures: list[Failure]
    versions: list[Version]
    critical_path: CriticalPath
    steps: list[StepFigures]
    profiles: Resting


class WhatIf(Closed, frozen=True):
    """Executions again, had one step run so many times as long."""

    workflow: str
    name: str
    window: str
    step: str
    scale: float
    p50_ms: Ms
    p50_ms_then: Ms
    p95_ms: Ms
    p95_ms_then: Ms
    saves_ms: Annotated[Ms, Meta(description="Of the mean execution; negative: it takes longer.")]
    profiles: Resting


class Saves(Closed, frozen=True):
    """Of the mean execution."""

    ms: Ms
    cost_usd: Usd


Kind = Literal[
    "bottleneck",
    "sequence",
    "waiting",
    "retries",
    "timeout",
    "cheaper_agent",
    "same_input",
    "unused_branch",
    "version",
    "cost_outliers",
]


class Insight(Closed, frozen=True):
    """Something that can be done, what speaks for it, and what it would save."""

    id: str
    kind: Kind
    workflow: str
    name: str
    step: str | None
    text: str
    evidence: dict[str, Any]
    saves: Saves
    confidence: Annotated[float, Meta(description="From 0 to 1.")]
    href: str


class Insights(Closed, frozen=True):
    """At most 20, the largest saving first."""

    window: str
    since: Instant
    until: Instant
    insights: list[Insight]
    profiles: Resting
    bounded: dict[str, int] | None = None
