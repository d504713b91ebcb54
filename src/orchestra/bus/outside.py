"""Data of the events about what comes from outside, by inbound hooks."""

from typing import Any

import msgspec


class Received(msgspec.Struct, frozen=True):
    """Somebody outside told us something by an inbound hook. `target` as the hook has it."""

    hook: str
    name: str
    target: dict[str, Any]
    input: Any
    headers: dict[str, str]
    hop: int


class TriggerFailed(msgspec.Struct, frozen=True):
    """What a hook was for was refused: `event_id` is what came in, `code` and `reason` say why."""

    hook: str
    event_id: str
    workflow: str | None
    execution_id: str | None
    signal: str | None
    code: str
    reason: str


class NotificationFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A contact could not be told; without a contact, nobody is called what a rule says."""

    contact_id: str
    name: str
    channel: str
    error: str
    tries: int
    notification_id: str | None = None
    alert_id: str | None = None


class OfAlert(msgspec.Struct, frozen=True, kw_only=True):
    """What every event of an alert says; of a rule that fails, `alert_id` is the rule's.

    `episode`: how often it has fired. `by`: who sees to it. `reason`: why it is over, when that is
    not its value. `error`: why a rule fails.
    """

    alert_id: str
    rule_id: str
    name: str
    kind: str
    labels: dict[str, str]
    severity: str
    value: float | None
    summary: str
    runbook: str
    at_ms: int
    episode: int
    notify: tuple[str, ...]
    group_by: tuple[str, ...]
    group_wait_s: int
    repeat_s: int
    by: str | None = None
    reason: str | None = None
    error: str | None = None
