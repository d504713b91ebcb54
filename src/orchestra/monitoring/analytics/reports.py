"""What analytics answers about all of a tenant: agents, costs, trends, anomalies."""

from typing import Annotated

from msgspec import Meta

from orchestra.monitoring.analytics.documents import Closed, Instant, Ms, Resting, Share, Usd


class AgentFigures(Closed, frozen=True):
    """An agent in a window. null: nobody counts it, or there was none."""

    agent: str
    agent_type: str
    provider: str
    tasks: int
    success_rate: Share
    p50_ms: Ms
    p95_ms: Ms
    p99_ms: Ms
    first_token_p50_ms: Ms
    tokens: int | None
    cost_usd: Usd
    cost_usd_per_success: Usd
    retries: Annotated[int | None, Meta(description="Of all agents of its type.")]
    fallbacks: Annotated[int | None, Meta(description="Of all agents of its type.")]
    breaker_opened: int | None
    uptime: Annotated[Share, Meta(description="Of the looks at it: healthy or degraded.")]


class AgentAnalytics(Closed, frozen=True):
    """The agents of a tenant, ranked."""

    window: str
    since: Instant
    until: Instant
    ranked_by: str
    agents: list[AgentFigures]
    error_max: float
    bounded: dict[str, int] | None = None


class CostLine(Closed, frozen=True):
    """What one of them cost. `key` null: nobody knows which."""

    key: str | None
    cost_usd: Usd
    tokens: int | None
    share: Share


class Unpriced(Closed, frozen=True):
    """What was used at prices nobody knows, by the profiles. It is in no sum."""

    steps: int
    tokens: int
    agents: list[str]


class CostAnalytics(Closed, frozen=True):
    """What was spent, the dearest first; days in their order."""

    by: str
    window: str
    since: Instant
    until: Instant
    cost_usd: Usd
    tokens: int | None
    lines: list[CostLine]
    unpriced: Unpriced | None
    profiles: Resting | None
    bounded: dict[str, int] | None = None


class TrendLine(Closed, frozen=True):
    """How a figure of a workflow moves. `per_day` is in the unit of the figure."""

    workflow: str
    per_day: float
    low: float
    high: float
    certain: Annotated[bool, Meta(description="The whole range is above 0, or below.")]
    days: int
    first: float
    last: float
    values: list[float | None]


class TrendAnalytics(Closed, frozen=True):
    """Slopes by Theil and Sen, of daily medians; ranges hold 95 %."""

    of: str
    unit: str
    window: str
    since: Instant
    until: Instant
    trends: list[TrendLine]
    too_few_days: list[str]
    bounded: dict[str, int] | None = None


class Anomaly(Closed, frozen=True):
    """An hour unlike that hour of other weeks, and the one before it was, too."""

    workflow: str
    at: Instant
    value: float
    median: float
    deviations: float | None
    weeks: int
    executions: int


class AnomalyAnalytics(Closed, frozen=True):
    """Hours that are far from the median of their hour of the week."""

    of: str
    unit: str
    window: str
    since: Instant
    until: Instant
    anomalies: list[Anomaly]
    too_few_weeks: list[str]
    bounded: dict[str, int] | None = None
