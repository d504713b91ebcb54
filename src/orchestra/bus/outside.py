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
