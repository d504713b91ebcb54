"""The documents of the metrics routes, as the description of the API shows them."""

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
Type = Literal["counter", "gauge", "histogram"]
Name = Annotated[
    str, Meta(examples=["execution_time"], pattern=r"^[A-Za-z_:][A-Za-z0-9_.:]{0,127}$")
]
Labels = dict[str, str]
Values = list[float | None]


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document with these members and no others."""


class MetricRecord(Closed, frozen=True, omit_defaults=True):
    """One value of a metric."""

    metric_name: Name
    value: Annotated[float, Meta(description="Finite, within 1e15.", examples=[45.2])]
    labels: Annotated[Labels, Meta(description="At most 8, of few values.")] = {}
    type: Annotated[Type | None, Meta(description="The first record fixes it: histogram.")] = None
    unit: str | None = None
    timestamp: Annotated[
        str | float | None, Meta(description="RFC 3339 or Unix seconds: 1 h old to 5 min ahead.")
    ] = None


class MetricBatch(Closed, frozen=True):
    """Several values; all are recorded or none."""

    metrics: Annotated[list[MetricRecord], Meta(min_length=1, max_length=1_000)]


class Recorded(Closed, frozen=True):
    """What was recorded. It can be asked for a second later."""

    status: Literal["recorded"]
    metric_name: Name
    value: float
    type: Type
    timestamp: Instant


class BatchRecorded(Closed, frozen=True):
    """All of them were recorded."""

    status: Literal["recorded"]
    recorded: int


class MetricShown(Closed, frozen=True):
    """A metric."""

    name: str
    type: Type
    unit: str | None
    told: Annotated[str | None, Meta(description="What it is, if it is one of ours.")]
    own: Annotated[bool, Meta(description="Measured by the product itself.")]
    series: int


class MetricPage(Closed, frozen=True):
    """Metrics by name."""

    metrics: list[MetricShown]
    series_max: int


class MetricWhole(Closed, frozen=True):
    """A metric, and the labels of its series."""

    name: str
    type: Type
    unit: str | None
    told: str | None
    own: bool
    series: int
    labels: Annotated[dict[str, list[str]], Meta(description="Values of each, at most 50.")]
    aggregates: Annotated[list[str], Meta(description="What `agg` may be.")]


class SeriesShown(Closed, frozen=True, omit_defaults=True):
    """A value for each step; null: no data."""

    labels: Labels
    values: Values
    earlier: Annotated[Values | None, Meta(description="With `offset`.")] = None


class MetricAnswer(Closed, frozen=True, omit_defaults=True):
    """What was asked for."""

    metric: str
    type: Type | None
    agg: str | None
    unit: str | None
    from_: Annotated[Instant, Meta(description="Of the first step.")] = msgspec.field(name="from")
    to: Instant = ""
    step_s: int = 60
    error_max: Annotated[float, Meta(description="Of percentiles, as a share.")] = 0
    incomplete_from: Annotated[
        Instant | None, Meta(description="From here on it is not over yet.")
    ] = None
    series: list[SeriesShown] = []
    others: SeriesShown | None = None
    bounded: Annotated[
        dict[str, Any] | None, Meta(description="What was left out or changed, and how.")
    ] = None


class ExportedLine(Closed, frozen=True):
    """A line of an export."""

    metric: str
    agg: str
    labels: Labels
    at: Instant
    value: float


class ServiceShown(Closed, frozen=True):
    """A part of the product, over all replicas."""

    name: str
    status: Literal["healthy", "degraded", "unhealthy", "unknown"]
    since: Instant | None
    replicas: int
    detail: str | None


class UptimeShown(Closed, frozen=True):
    """Shares of the time that was watched in which a part did its job, on some replica at least."""

    share: Annotated[float | None, Meta(description="Of the last 90 days.")]
    days: Annotated[
        list[float | None],
        Meta(description="Of each, in UTC, the present one last; null: nobody watched."),
    ]


class ServiceWatched(ServiceShown, frozen=True):
    """A part, and how it was in the last 90 days."""

    uptime: UptimeShown | None


class ServicesShown(Closed, frozen=True):
    """How the product is."""

    generated_at: Instant
    status: Literal["healthy", "degraded", "unhealthy", "unknown"]
    replicas: Annotated[int, Meta(description="That told in the last 15 s.")]
    services: list[ServiceWatched]


class Overview(Closed, frozen=True):
    """Everything at a glance. What could not be had is null, and named in `partial`."""

    generated_at: Instant
    window: str
    status: Literal["healthy", "degraded", "unhealthy", "unknown"]
    partial: list[str]
    services: list[ServiceShown] | None
    executions: dict[str, Any] | None
    workflows: dict[str, Any] | None
    agents: dict[str, Any] | None
    events: dict[str, Any] | None
    queues: dict[str, Any] | None
    webhooks: dict[str, Any] | None
    alerts: dict[str, Any] | None
    usage: dict[str, Any] | None
    activity: Annotated[
        dict[str, Any] | None,
        Meta(
            description="The last 24 hours by the hour, the present one last: executions that ended"
            " by workflow, figures in `series`, and those of the 24 hours before in `day_before`."
        ),
    ]
    system: dict[str, Any] | None
    recent_executions: list[dict[str, Any]] | None
    recent_events: list[dict[str, Any]] | None
    next_schedules: list[dict[str, Any]] | None
    failing: list[dict[str, Any]] | None
