"""Every type of event that happens here by itself, and what its data is.

A field may be added; anything else is a new type. What clients publish has types of their own, and
no schema here.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from orchestra.bus.outside import NotificationFailed, OfAlert, Received, TriggerFailed

WORKFLOWS: Final = "/orchestra/workflows"
AGENTS: Final = "/orchestra/agents"
WEBHOOKS: Final = "/orchestra/webhooks"
MONITORING: Final = "/orchestra/monitoring"
ALERTS: Final = "/orchestra/alerts"
_SOURCES: Final = {
    "agent": AGENTS, "alert": ALERTS, "budget": AGENTS, "notification": MONITORING,
    "webhook": WEBHOOKS,
}  # fmt: skip


class OfExecution(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every event of an execution says."""

    execution_id: str
    step: str | None = None
    attempt: int | None = None


class Accepted(OfExecution, frozen=True, kw_only=True):
    """An execution is kept and will run."""

    definition: str


class Ended(OfExecution, frozen=True, kw_only=True):
    """An execution is over."""

    status: str


class Steered(OfExecution, frozen=True, kw_only=True):
    """Somebody asked for something."""

    op: str
    reason: str | None = None


class Signalled(OfExecution, frozen=True, kw_only=True):
    """Somebody sent a signal; its payload stands in the history."""

    op: str
    signal: str


class OfStep(msgspec.Struct, frozen=True, kw_only=True):
    """What every event of a step says."""

    execution_id: str
    step: str
    attempt: int | None


class RetryScheduled(OfStep, frozen=True, kw_only=True):
    """A step failed and is tried again."""

    error: Any = None
    delay_ms: int | None = None


class Suspended(OfStep, frozen=True, kw_only=True):
    """A step waits: `for`, `signal`, `until`."""

    waits_for: Any


class Answered(OfStep, frozen=True, kw_only=True):
    """A step has what it waited for."""

    signal: str | None = None


class AnsweredLate(OfStep, frozen=True, kw_only=True):
    """An attempt that was given up has answered."""

    late_result: Any


class OfAgent(msgspec.Struct, frozen=True, kw_only=True):
    """What every event of an agent says."""

    agent_id: str


class Registered(OfAgent, frozen=True, kw_only=True):
    """A revision of an agent."""

    name: str
    agent_type: str
    revision: int


class Removed(OfAgent, frozen=True, kw_only=True):
    """An agent is gone."""

    name: str
    agent_type: str
    reason: str


class Draining(OfAgent, frozen=True, kw_only=True):
    """An agent gets no new tasks."""

    name: str
    agent_type: str
    disabled: bool


class State(OfAgent, frozen=True, kw_only=True):
    """What is known of an agent changed."""

    reason: str | None = None
    silent_ms: int | None = None
    failed_checks: int | None = None


class Frozen(OfAgent, frozen=True, kw_only=True):
    """Heartbeats are not judged for a while."""

    reason: str
    pushing: int
    lapsed: int


class Reloaded(OfAgent, frozen=True, kw_only=True):
    """A plugin's file has changed."""

    file: str
    version: str | int | None
    error: str | None = None


class OverBudget(OfAgent, frozen=True, kw_only=True):
    """A budget is used up."""

    scope: str
    left_usd: float


class OfWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """What every event of an endpoint says."""

    webhook_id: str
    name: str


class Failing(OfWebhook, frozen=True, kw_only=True):
    """Nothing arrives since then."""

    failing_since_ms: int
    failures: int


class Disabled(OfWebhook, frozen=True, kw_only=True):
    """An endpoint is told nothing more."""

    reason: str
    failures: int


class Exhausted(OfWebhook, frozen=True, kw_only=True):
    """A delivery is a dead letter."""

    delivery_id: str
    error: str
    tries: int


class Told(msgspec.Struct, frozen=True):
    """A type: when it happens, and its data."""

    told: str
    data: type[msgspec.Struct]


TYPES: Final[Mapping[str, Told]] = {
    "workflow.accepted": Told("An execution is kept, and will run.", Accepted),
    "workflow.started": Told("Its first step is ready.", OfExecution),
    "workflow.completed": Told("It is over, and has an output.", Ended),
    "workflow.failed": Told("It is over; a step failed for good.", Ended),
    "workflow.cancelled": Told("It is over; somebody wanted that.", Ended),
    "workflow.rolled_back": Told("It is over, and what it did is undone.", Ended),
    "workflow.paused": Told("It begins no more steps.", Steered),
    "workflow.resumed": Told("It goes on.", Steered),
    "workflow.retried": Told("Its failed steps are tried again.", Steered),
    "workflow.rollback_started": Told("What it did is being undone.", Steered),
    "workflow.cancel_requested": Told("Somebody wants it to end.", Steered),
    "workflow.rollback_requested": Told("Somebody wants it undone.", Steered),
    "workflow.skip_undo_requested": Told("Somebody leaves a step as it is.", Steered),
    "workflow.signalled": Told("A signal came.", Signalled),
    "workflow.controlled": Told("Somebody steers it.", Steered),
    "workflow.deadline_exceeded": Told("It has taken longer than it may.", OfExecution),
    "step.started": Told("An attempt begins.", OfStep),
    "step.completed": Told("It has an output.", OfStep),
    "step.failed": Told("It failed for good.", OfStep),
    "step.skipped": Told("Its condition does not hold, or what it needs was skipped.", OfStep),
    "step.compensated": Told("What it did is undone.", OfStep),
    "step.suspended": Told("It waits for a time or a signal.", Suspended),
    "step.answered": Told("Its signal is here.", Answered),
    "step.held": Told("Whether it happened is unknown: somebody must decide.", OfStep),
    "step.retry_scheduled": Told("It failed, and is tried again.", RetryScheduled),
    "step.recovered": Told("The replica that ran it is gone: another one takes it.", OfStep),
    "step.answered_late": Told("An attempt that was given up has answered.", AnsweredLate),
    "agent.registered": Told("An agent is new.", Registered),
    "agent.updated": Told("An agent has a new revision.", Registered),
    "agent.removed": Told("An agent is gone.", Removed),
    "agent.draining": Told("An agent gets no new tasks.", Draining),
    "agent.drained": Told("Its last task has ended.", OfAgent),
    "agent.healthy": Told("It may be chosen.", State),
    "agent.recovered": Told("It may be chosen again.", State),
    "agent.unhealthy": Told("Its calls or its checks fail.", State),
    "agent.misconfigured": Told("It refuses its credentials.", State),
    "agent.stale": Told("Its heartbeat is late.", State),
    "agent.offline": Told("Nothing was heard of it for long.", State),
    "agent.expiry_frozen": Told("Most heartbeats are late at once: that is us.", Frozen),
    "agent.reloaded": Told("A plugin has changed and is loaded again.", Reloaded),
    "agent.reload_failed": Told("A plugin has changed and cannot be loaded.", Reloaded),
    "trigger.failed": Told("What came in by a hook was refused.", TriggerFailed),
    "webhook.received": Told("An inbound hook believed a request.", Received),
    "webhook.failing": Told("Every try has failed for a day.", Failing),
    "webhook.recovered": Told("It works again, after such a day.", OfWebhook),
    "webhook.disabled": Told("It is told nothing more: every try failed, or it is gone.", Disabled),
    "webhook.exhausted": Told("A delivery was given up after its last try.", Exhausted),
    "webhook.backlogged": Told("Too much waits for it: the oldest is skipped.", OfWebhook),
    "alert.fired": Told("What a rule watches is beyond its threshold.", OfAlert),
    "alert.resolved": Told("It is well again, or its rule is gone.", OfAlert),
    "alert.acknowledged": Told("Somebody sees to it.", OfAlert),
    "alert.flapping": Told("It fires again and again: no more is said until it rests.", OfAlert),
    "alert.rule_failed": Told("A rule cannot be evaluated; its alerts stay.", OfAlert),
    "notification.failed": Told("A contact could not be told of alerts.", NotificationFailed),
    "budget.exceeded": Told("A budget does not allow another call.", OverBudget),
}


STEP_OUTPUT_DELTA: Final = "step.output_delta"
STEP_REPORTED: Final = "step.reported"


class OutputDelta(msgspec.Struct, frozen=True, kw_only=True):
    """A part of what an attempt writes. `number` grows by one with all it says."""

    execution_id: str
    step: str
    attempt: int
    number: int
    text: str


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """What an attempt says of its progress, in the words of its agent."""

    execution_id: str
    step: str
    attempt: int
    number: int
    report: dict[str, Any]


FLEETING: Final[Mapping[str, Told]] = {
    STEP_OUTPUT_DELTA: Told("An agent writes; told to who looks on, and not kept.", OutputDelta),
    STEP_REPORTED: Told("An agent reports progress; told to who looks on, not kept.", Reported),
}


@cache
def catalogue() -> Sequence[Mapping[str, Any]]:
    """All of them, as `GET /api/events/types` shows them."""
    return [
        {
            "type": name,
            "told": told.told,
            "source": _SOURCES.get(name.partition(".")[0], WORKFLOWS),
            "data_schema": schema(told.data),
        }
        for name, told in (*TYPES.items(), *FLEETING.items())
    ]


@cache
def schema(data: type[msgspec.Struct]) -> Mapping[str, Any]:
    """JSON Schema of a struct without structs in it."""
    _, parts = msgspec.json.schema_components([data])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | parts[data.__name__]
