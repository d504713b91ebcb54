"""The documents of the alert routes, as the description of the API shows them."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from orchestra.monitoring.alerts.records import Kind, NoData, Op, Severity, State

Instant = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC, with milliseconds.",
        examples=["2026-11-23T08:00:00.123Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
Duration = Annotated[
    str | int, Meta(description="`90s`, `5m`, `1h`, `7d`, or seconds.", examples=["5m"])
]
RuleId = Annotated[str, Meta(examples=["alr_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44"])]
AlertId = Annotated[str, Meta(examples=["alr_019ab12c-4f7e-7c31-9d52-0b6c8f1e2a44.3f2a9c01d7be"])]
Cursor = Annotated[str | None, Meta(description="Send it as `cursor`; null: the end.")]
Labels = dict[str, str]
Chosen = Annotated[
    dict[str, str | list[str]],
    Meta(description="Labels, each with a value or a list of those that are as good."),
]
Scope = Annotated[
    Literal["tenant", "installation"],
    Meta(description="Whose metric: without it the tenant's, if it has one of this name."),
]


class Closed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document with these members and no others."""


class RuleBody(Closed, frozen=True, kw_only=True, omit_defaults=True):
    """What is watched, and when somebody is told."""

    name: Annotated[str, Meta(min_length=1, max_length=128, examples=["Agent error rate"])]
    kind: Annotated[Kind, Meta(description="`view` is not available yet.")] = "threshold"
    metric: Annotated[str, Meta(examples=["orchestra_agent_tasks_total"])] = ""
    agg: Annotated[str | None, Meta(description="Without it what suits the metric.")] = None
    of: Annotated[Chosen, Meta(description="The part, of a ratio.")] = {}
    by: Annotated[list[str], Meta(description="An alert for each value of these labels.")] = []
    where: Chosen = {}
    window: Duration = "5m"
    op: Op = ">"
    threshold: Annotated[float | None, Meta(description="Required, but of absence.")] = None
    recover: Annotated[
        float | None, Meta(description="Where it is well again; without it the threshold.")
    ] = None
    for_: Annotated[Duration, Meta(description="At most 1d.")] = msgspec.field(
        name="for", default="0s"
    )
    keep_firing: Duration = "1m"
    min_samples: Annotated[int, Meta(ge=0, description="With fewer there is no data.")] = 0
    no_data: NoData = "ok"
    offset: Annotated[Duration, Meta(description="Of a change: against how long ago.")] = "7d"
    objective: Annotated[float, Meta(description="Of a burn rate: what shall be good.")] = 0.99
    query: Annotated[str, Meta(description="Of a rule about the log: a search.")] = ""
    scope: Scope | None = None
    severity: Severity = "warning"
    enabled: bool = True
    labels: Labels = {}
    summary: Annotated[
        str, Meta(description="With `${value}`, `${threshold}`, `${name}`, `${labels.…}` in it.")
    ] = ""
    runbook: str = ""
    notify: Annotated[list[str], Meta(description="Contacts; none: the default one.")] = []
    group_by: Annotated[list[str], Meta(description="Without it by `rule`.")] = []
    group_wait: Duration = "30s"
    repeat: Duration = "4h"


class Evaluation(Closed, frozen=True):
    """How the last evaluation went."""

    state: Literal["ok", "no_data", "failed"]
    since: Annotated[Instant | None, Meta(description="null: from the beginning.")]
    alerts: Annotated[int, Meta(description="Label sets that were judged then.")]
    dropped: Annotated[int, Meta(description="Label sets beyond 200, which nobody judges.")]
    error: str


class Warned(Closed, frozen=True):
    """Something that may be a mistake; the rule is kept all the same."""

    pointer: str
    code: str
    message: str
    near: list[str]


class RuleShown(RuleBody, frozen=True, kw_only=True):
    """A rule."""

    id: RuleId
    built_in: bool
    created_at: Instant | None
    updated_at: Instant | None
    revision: int
    evaluation: Evaluation
    warnings: list[Warned]


class RulePage(Closed, frozen=True):
    """Rules, the built-in ones first."""

    rules: list[RuleShown]
    cursor: Cursor


class Acknowledged(Closed, frozen=True):
    """Somebody sees to it."""

    by: str
    at: Instant


class AlertShown(Closed, frozen=True):
    """An alert."""

    id: AlertId
    rule_id: RuleId
    name: str
    labels: Labels
    severity: Severity
    state: State
    since: Instant
    fired_at: Instant | None
    value: float | None
    summary: str
    runbook: str
    episode: Annotated[int, Meta(description="How often it has fired.")]
    flapping: Annotated[bool, Meta(description="Over 4 firings in half an hour.")]
    acknowledged: Acknowledged | None
    silenced_by: Annotated[str | None, Meta(description="The silence that keeps it quiet.")]


class AlertPage(Closed, frozen=True):
    """Alerts that are not ok, the newest first."""

    alerts: list[AlertShown]
    cursor: Cursor


class Said(Closed, frozen=True):
    """Something that was said of an alert, or of a rule."""

    type: Annotated[str, Meta(examples=["alert.fired"])]
    at: Instant
    alert_id: str
    rule_id: RuleId
    name: str
    labels: Labels
    severity: Severity
    value: float | None
    summary: str
    episode: int
    by: str | None
    reason: str | None
    error: str | None


class SaidPage(Closed, frozen=True):
    """What was said in 90 days, the newest first."""

    items: list[Said]
    cursor: Cursor


class TestBody(RuleBody, frozen=True, kw_only=True):
    """A rule, and the span of time it is tried on."""

    from_: Annotated[str, Meta(description="An instant, or `-24h`.")] = msgspec.field(
        name="from", default="-24h"
    )
    to: str = "now"


class Episode(Closed, frozen=True):
    """One firing."""

    labels: Labels
    pending_at: Instant | None
    fired_at: Instant
    resolved_at: Instant | None
    worst: Annotated[float | None, Meta(description="The value farthest beyond the threshold.")]
    flapping: bool


class Tested(Closed, frozen=True):
    """When the rule would have fired."""

    from_: Instant = msgspec.field(name="from")
    to: Instant
    step_s: Annotated[int, Meta(description="Seconds between two looks.")]
    looks: int
    fired: Annotated[int, Meta(description="How often, over all label sets.")]
    episodes: Annotated[list[Episode], Meta(description="The first 200.")]
    no_data: Annotated[int, Meta(description="Looks that found nothing.")]
    bounded: Annotated[dict[str, Any] | None, Meta(description="What was left out, and why.")]
    warnings: list[Warned]
