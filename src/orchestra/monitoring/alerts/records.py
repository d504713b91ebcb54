"""What rules and alerts are."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Final, Literal, get_args

import msgspec

from orchestra.errors import Conflict, NotFound, TooMany
from orchestra.store.keys import Tenant

Kind = Literal["threshold", "absent", "change", "anomaly", "burn_rate", "log", "view"]
Op = Literal[">", ">=", "<", "<="]
NoData = Literal["ok", "alert", "keep"]
Severity = Literal["info", "warning", "critical"]
State = Literal["ok", "pending", "firing", "recovering"]
Verdict = Literal["breach", "hold", "clear", "keep", "gone"]
"""`hold`: between `threshold` and `recover`. `keep`: nobody knows. `gone`: it is judged no more."""
Type = Literal[
    "alert.fired", "alert.resolved", "alert.acknowledged", "alert.flapping", "alert.rule_failed"
]
Pairs = tuple[tuple[str, str], ...]
"""Labels and values; several values of one label: any of them."""

SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
STATES: Final[tuple[State, ...]] = get_args(State)
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
OPS: Final[tuple[Op, ...]] = get_args(Op)
OPEN: Final = frozenset(("firing", "recovering"))
"""States in which an alert is firing for people."""

RULES_MAX: Final = 500
"""Of a tenant, without the built-in ones."""
ALERTS_MAX: Final = 200
"""Of a rule."""
NAME_MAX: Final = 128
ID_MAX: Final = 128
TEXT_MAX: Final = 1_000
FOR_MAX_S: Final = 86_400
WINDOW_MAX_S: Final = 30 * 86_400
FLAP_FIRES: Final = 4
FLAP_S: Final = 1_800


class RuleUnknown(NotFound):
    """There is no rule of this id."""


class AlertUnknown(NotFound):
    """There is no alert of this id, or it was resolved long ago."""


class RuleMoved(Conflict):
    """Somebody else changed the rule meanwhile. Context: `revision`."""

    status = 412


class RuleBuiltIn(Conflict):
    """The rule comes with the product: it can be disabled, and cannot be deleted."""


class RuleQuota(TooMany):
    """There are too many rules for another one. Context: `limit`."""


class AlertNotFiring(Conflict):
    """Only an alert that fires can be acknowledged. Context: `state`."""


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is watched, and when somebody is told."""

    id: str
    tenant: Tenant
    name: str
    kind: Kind = "threshold"
    metric: str = ""
    agg: str | None = None
    """None: what suits the metric."""
    of: Pairs = ()
    """The part, of a ratio."""
    by: tuple[str, ...] = ()
    """An alert for each value of these labels; none: one for all series."""
    where: Pairs = ()
    window_s: int = 300
    op: Op = ">"
    threshold: float = 0.0
    recover: float = 0.0
    for_s: int = 0
    keep_firing_s: int = 60
    min_samples: int = 0
    no_data: NoData = "ok"
    offset_s: int = 7 * 86_400
    """Of a change: against how long ago."""
    objective: float = 0.99
    """Of a burn rate: the share that shall be good."""
    query: str = ""
    """Of a rule about the log."""
    severity: Severity = "warning"
    enabled: bool = True
    labels: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    """Added to those of each alert."""
    summary: str = ""
    runbook: str = ""
    notify: tuple[str, ...] = ()
    """Names or ids of contacts; none: the default one, if there is one."""
    group_by: tuple[str, ...] = ("rule",)
    group_wait_s: int = 30
    repeat_s: int = 14_400
    installation: bool = False
    """The series are the installation's, not the tenant's."""
    built_in: bool = False
    created_ms: int = 0
    updated_ms: int = 0
    revision: int = 1


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One label set of a rule that is, or was lately, not as it should be."""

    id: str
    rule: str
    tenant: Tenant
    name: str
    """Of the rule."""
    labels: dict[str, str]
    severity: Severity
    state: State
    since_ms: int
    """When it came into this state."""
    fired_ms: int | None
    value: float | None
    episode: int
    """How often it has fired."""
    flapping: bool
    acknowledged_by: str | None
    acknowledged_ms: int | None
    summary: str
    runbook: str


class Status(msgspec.Struct, frozen=True):
    """How the last evaluation of a rule went; written when it changes."""

    state: Annotated[str, "ok, no_data, failed"]
    since_ms: int = 0
    alerts: int = 0
    """Label sets that were judged."""
    dropped: int = 0
    """Label sets beyond the limit, which nobody judges."""
    error: str = ""


def alert_id(rule: str, labels: Mapping[str, str]) -> str:
    """The alert of a rule for these labels. The same everywhere, without asking."""
    text = msgspec.json.encode(sorted(labels.items()))
    return f"{rule}.{hashlib.blake2b(text, digest_size=6).hexdigest()}"


def rule_of(alert: str) -> str:
    """The id of its rule."""
    return alert.rpartition(".")[0]
