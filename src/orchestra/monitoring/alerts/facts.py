"""What is kept and told with each transition of an alert, and how it becomes an event."""

from collections.abc import Collection, Mapping
from functools import lru_cache
from hashlib import sha256
from typing import Final

import msgspec
import structlog

from orchestra.bus import Event
from orchestra.monitoring.alerts import texts
from orchestra.monitoring.alerts.records import Rule, Severity
from orchestra.store import alert_keys, partitions
from orchestra.store.client import Store
from orchestra.store.keys import Tenant

log = structlog.get_logger(__name__)

SOURCE: Final = "/orchestra/alerts"
STREAM: Final = 2


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of the rule, at the time of the transition. `summary` is its template."""

    rule: str
    name: str
    labels: dict[str, str]
    severity: Severity
    kind: str = "threshold"
    summary: str = ""
    runbook: str = ""
    unit: str = ""
    notify: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    group_wait_s: int = 30
    repeat_s: int = 14_400
    threshold: float | None = None
    error: str = ""
    reason: str = ""
    """Why it is over, when it is not the value: `rule_deleted`, `rule_disabled`, `rule_changed`."""


DECODER: Final = msgspec.json.Decoder(Facts)
UNREADABLE: Final = (msgspec.DecodeError, ValueError, LookupError)
"""What reading a stored record raises that is not as it should be."""


def facts_of(
    rule: Rule, labels: Mapping[str, str], unit: str = "", *, error: str = "", reason: str = ""
) -> Facts:
    """What is told of an alert of a rule."""
    return Facts(
        rule=rule.id,
        name=rule.name,
        labels={**rule.labels, **labels},
        severity=rule.severity,
        kind=rule.kind,
        summary=rule.summary,
        runbook=rule.runbook,
        unit=unit,
        notify=rule.notify,
        group_by=rule.group_by,
        group_wait_s=rule.group_wait_s,
        repeat_s=rule.repeat_s,
        threshold=rule.threshold,
        error=error,
        reason=reason,
    )


def number(text: bytes | None) -> float | None:
    """A value as it is stored; empty: there was none."""
    return float(text) if text else None


def shown(facts: Facts, value: float | None) -> str:
    """What people read."""
    told = facts.summary.replace("${threshold}", texts.amount(facts.threshold, facts.unit))
    return texts.summary(told, facts.name, facts.labels, value, facts.unit)


class AlertSource:
    """The outbox of alerts, as a `Source` of the bus."""

    def __init__(self, store: Store) -> None:
        self._prefix = alert_keys.alerts(store.space)
        self._key = alert_keys.outbox(self._prefix)

    def streams(self) -> Mapping[str, str]:
        """The one stream there is."""
        return {self._key: self._prefix}

    def types(self) -> Collection[str] | None:
        """All it may tell."""
        return TYPES

    def event(self, key: str, position: str, fields: Mapping[str, bytes]) -> Event | None:
        """What was said of an alert, or of a rule; None: it cannot be read, and holds up nobody."""
        try:
            return self._event(key, position, fields)
        except UNREADABLE:
            log.exception("alert.entry_unreadable", position=position)
            return None

    def _event(self, key: str, position: str, fields: Mapping[str, bytes]) -> Event:
        data = said(fields)
        tag = _name(key)
        return Event(
            id=partitions.event_id(STREAM, tag & 0xFF, position, tag >> 8),
            type=fields["t"].decode(),
            source=SOURCE,
            key=fields["a"].decode(),
            tenant=Tenant(fields["tn"].decode()),
            origin="module",
            at_ms=int(fields["at"]),
            data=msgspec.Raw(msgspec.json.encode(data)),
        )


TYPES: Final = (
    "alert.fired",
    "alert.resolved",
    "alert.acknowledged",
    "alert.flapping",
    "alert.rule_failed",
)


def said(fields: Mapping[str, bytes]) -> dict[str, object]:
    """The data of an event: what stands in an entry of the outbox, or of the history."""
    facts = DECODER.decode(fields["f"])
    value = number(fields["v"])
    failed = fields["t"] == b"alert.rule_failed"
    made: dict[str, object] = {
        "alert_id": fields["a"].decode(),
        "rule_id": facts.rule,
        "name": facts.name,
        "kind": facts.kind,
        "labels": facts.labels,
        "severity": facts.severity,
        "value": value,
        "summary": f"{facts.name}: {facts.error}" if failed else shown(facts, value),
        "runbook": facts.runbook,
        "at_ms": int(fields["at"]),
        "episode": int(fields["n"]),
        "notify": facts.notify,
        "group_by": facts.group_by,
        "group_wait_s": facts.group_wait_s,
        "repeat_s": facts.repeat_s,
    }
    if "by" in fields:
        made["by"] = fields["by"].decode()
    if facts.reason:
        made["reason"] = facts.reason
    if facts.error:
        made["error"] = facts.error
    return made


@lru_cache(4)
def _name(key: str) -> int:
    """38 bits of the stream's name."""
    return int.from_bytes(sha256(key.encode()).digest()[:5], "big") >> 2
