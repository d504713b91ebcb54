"""What analytics answers, as far as it is printed."""

from typing import Any

import msgspec


class Resting(msgspec.Struct, frozen=True):
    """On what figures of steps rest."""

    executions: int
    of: int | None
    sampled: bool


class OnPath(msgspec.Struct, frozen=True):
    """A step on the critical path."""

    step: str
    share: float
    waiting: float
    running: float


class Path(msgspec.Struct, frozen=True):
    """The critical path."""

    bottleneck: str | None
    steps: tuple[OnPath, ...]


class StepRow(msgspec.Struct, frozen=True):
    """A step."""

    step: str
    kind: str
    p50_ms: float | None
    p95_ms: float | None
    wait_p50_ms: float | None
    failed: int
    retried: int
    cost_usd: float | None


class Failure(msgspec.Struct, frozen=True):
    """Why executions failed."""

    step: str | None
    code: str
    executions: int


class Workflow(msgspec.Struct, frozen=True):
    """A workflow, as far as it is printed."""

    name: str
    window: str
    executions: dict[str, Any]
    duration: dict[str, Any]
    spent: dict[str, Any]
    failures: tuple[Failure, ...]
    critical_path: Path
    steps: tuple[StepRow, ...]
    profiles: Resting


class AgentRow(msgspec.Struct, frozen=True):
    """An agent."""

    agent: str
    tasks: int
    success_rate: float | None
    p50_ms: float | None
    p95_ms: float | None
    tokens: int | None
    cost_usd: float | None
    cost_usd_per_success: float | None


class Agents(msgspec.Struct, frozen=True):
    """The agents."""

    agents: tuple[AgentRow, ...]


class CostRow(msgspec.Struct, frozen=True):
    """What one of them cost."""

    key: str | None
    cost_usd: float | None
    tokens: int | None
    share: float | None


class Unpriced(msgspec.Struct, frozen=True):
    """What is in no sum."""

    steps: int
    tokens: int


class Costs(msgspec.Struct, frozen=True):
    """What was spent."""

    by: str
    cost_usd: float | None
    tokens: int | None
    lines: tuple[CostRow, ...]
    unpriced: Unpriced | None = None


class Saves(msgspec.Struct, frozen=True):
    """Of the mean execution."""

    ms: float | None
    cost_usd: float | None


class InsightRow(msgspec.Struct, frozen=True):
    """What can be done."""

    kind: str
    name: str
    text: str
    saves: Saves
    confidence: float


class Insights(msgspec.Struct, frozen=True):
    """The insights."""

    insights: tuple[InsightRow, ...]
    profiles: Resting
