"""Rules and alerts as the documents of the API."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestra.instants import instant
from orchestra.monitoring.alerts.fields import duration_text
from orchestra.monitoring.alerts.picture import NOTHING
from orchestra.monitoring.alerts.records import Alert, Pairs, Rule, Status

Document = dict[str, Any]


def rule(one: Rule, status: Status | None, warnings: Sequence[Document] = ()) -> Document:
    """A rule, and how it goes."""
    told = status or NOTHING
    return {
        "id": one.id,
        **body(one),
        "built_in": one.built_in,
        "created_at": _maybe(one.created_ms),
        "updated_at": _maybe(one.updated_ms),
        "revision": one.revision,
        "evaluation": {
            "state": told.state,
            "since": _maybe(told.since_ms),
            "alerts": told.alerts,
            "dropped": told.dropped,
            "error": told.error,
        },
        "warnings": list(warnings),
    }


def body(one: Rule) -> Document:
    """What could be sent to make it. Members that its kind does not have are left out."""
    made: Document = {"name": one.name, "kind": one.kind}
    if one.kind == "log":
        made |= {"query": one.query}
    else:
        made |= {
            "metric": one.metric,
            "by": list(one.by),
            "where": _pairs(one.where),
            "scope": "installation" if one.installation else "tenant",
        }
    if one.kind not in ("log", "absent", "burn_rate") and one.agg:
        made["agg"] = one.agg
    if one.of:
        made["of"] = _pairs(one.of)
    if one.kind != "burn_rate":
        made["window"] = duration_text(one.window_s)
    if one.kind != "anomaly":
        made["op"] = one.op
    if one.kind != "absent":
        made |= {"threshold": one.threshold, "recover": one.recover}
    if one.kind not in ("log", "absent"):
        made |= {"min_samples": one.min_samples, "no_data": one.no_data}
    if one.kind == "change":
        made["offset"] = duration_text(one.offset_s)
    if one.kind == "burn_rate":
        made["objective"] = one.objective
    return made | {
        "for": duration_text(one.for_s),
        "keep_firing": duration_text(one.keep_firing_s),
        "severity": one.severity,
        "enabled": one.enabled,
        "labels": one.labels,
        "summary": one.summary,
        "runbook": one.runbook,
        "notify": list(one.notify),
        "group_by": list(one.group_by),
        "group_wait": duration_text(one.group_wait_s),
        "repeat": duration_text(one.repeat_s),
    }


def alert(one: Alert, silenced_by: str | None = None) -> Document:
    """An alert."""
    seen = one.acknowledged_by is not None and one.acknowledged_ms is not None
    return {
        "id": one.id,
        "rule_id": one.rule,
        "name": one.name,
        "labels": one.labels,
        "severity": one.severity,
        "state": one.state,
        "since": instant(one.since_ms),
        "fired_at": _maybe(one.fired_ms),
        "value": one.value,
        "summary": one.summary,
        "runbook": one.runbook,
        "episode": one.episode,
        "flapping": one.flapping,
        "acknowledged": {"by": one.acknowledged_by, "at": _maybe(one.acknowledged_ms)}
        if seen
        else None,
        "silenced_by": silenced_by,
    }


def said(one: Mapping[str, Any]) -> Document:
    """Something that was said."""
    kept = ("type", "alert_id", "rule_id", "name", "labels", "severity", "value", "summary")
    return {
        **{name: one[name] for name in kept},
        "at": instant(one["at_ms"]),
        "episode": one["episode"],
        **{name: one.get(name) for name in ("by", "reason", "error")},
    }


def _pairs(pairs: Pairs) -> Document:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _maybe(ms: int | None) -> str | None:
    return instant(ms) if ms else None
