"""What the alert routes say about themselves, for the description of the API."""

from typing import Final

from orchestra.bus import PositionInvalid
from orchestra.described import Answer, described
from orchestra.monitoring.alerts import documents
from orchestra.monitoring.alerts.reading import RuleInvalid
from orchestra.monitoring.alerts.records import (
    AlertNotFiring,
    AlertUnknown,
    RuleBuiltIn,
    RuleMoved,
    RuleQuota,
    RuleUnknown,
)
from orchestra.monitoring.alerts.turns import BackTestsCrowded
from orchestra.monitoring.metrics.answering import QueryTooWide
from orchestra.security.hardened import JSON_REFUSALS
from orchestra.store.failures import NotReplicated, StoreAway
from orchestra.store.repeats import IdempotencyMismatch

_WRITES: Final = (*JSON_REFUSALS, RuleInvalid, StoreAway, NotReplicated)
_EXAMPLE: Final = {
    "name": "Agent error rate",
    "metric": "orchestra_agent_tasks_total",
    "agg": "ratio",
    "of": {"outcome": "failed"},
    "by": ["agent"],
    "window": "5m",
    "op": ">",
    "threshold": 0.1,
    "recover": 0.05,
    "for": "2m",
    "keep_firing": "5m",
    "min_samples": 20,
    "severity": "warning",
    "summary": "${labels.agent}: ${value} of calls fail",
    "notify": ["oncall"],
}
_FEW: Final = {"name": "Slow checkout", "metric": "checkout_seconds", "threshold": 3}

CREATE: Final = described(
    {
        201: Answer(
            "The rule is kept.",
            [documents.RuleShown],
            headers=["Location", "ETag", "Idempotency-Replayed"],
        )
    },
    refusals=[*_WRITES, RuleQuota, IdempotencyMismatch],
    body=documents.RuleBody,
    examples={"errors of agents": _EXAMPLE, "as little as possible": _FEW},
)
LIST: Final = described(
    {200: Answer("Rules.", [documents.RulePage])}, refusals=[PositionInvalid, StoreAway]
)
ONE: Final = described(
    {200: Answer("The rule.", [documents.RuleShown], headers=["ETag"])},
    refusals=[RuleUnknown, StoreAway],
)
CHANGE: Final = described(
    {200: Answer("The rule as it is now.", [documents.RuleShown], headers=["ETag"])},
    refusals=[*_WRITES, RuleUnknown, RuleMoved],
    body=documents.RuleBody,
    examples={"errors of agents": _EXAMPLE},
)
REMOVE: Final = described(
    {204: Answer("It is gone; its alerts end within seconds.")},
    refusals=[RuleUnknown, RuleMoved, RuleBuiltIn, StoreAway, NotReplicated],
)
TEST: Final = described(
    {200: Answer("When the rule would have fired. Nothing is kept.", [documents.Tested])},
    refusals=[*JSON_REFUSALS, RuleInvalid, BackTestsCrowded, QueryTooWide, StoreAway],
    body=documents.TestBody,
    examples={"errors of agents": {**_EXAMPLE, "from": "-7d"}},
)
ALERTS: Final = described(
    {200: Answer("Alerts that are not ok.", [documents.AlertPage])},
    refusals=[PositionInvalid, StoreAway],
)
ALERT: Final = described(
    {200: Answer("The alert.", [documents.AlertShown])}, refusals=[AlertUnknown, StoreAway]
)
HISTORY: Final = described(
    {200: Answer("What was said.", [documents.SaidPage])}, refusals=[PositionInvalid, StoreAway]
)
ACKNOWLEDGE: Final = described(
    {200: Answer("Somebody sees to it: it is repeated to nobody.", [documents.AlertShown])},
    refusals=[AlertUnknown, AlertNotFiring, StoreAway, NotReplicated],
)
UNDO: Final = described(
    {200: Answer("Nobody sees to it any more.", [documents.AlertShown])},
    refusals=[AlertUnknown, AlertNotFiring, StoreAway, NotReplicated],
)
