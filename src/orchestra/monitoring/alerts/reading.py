"""Rules as people write them: read with everything that is wrong, each with its place."""

from collections.abc import Callable, Sequence
from typing import Any, Final, cast
from urllib.parse import urlsplit

import msgspec

from orchestra.errors import Invalid, Problem
from orchestra.monitoring.alerts import texts
from orchestra.monitoring.alerts.builtin import CHANGEABLE
from orchestra.monitoring.alerts.fields import FINDINGS_MAX, NUMBER_MAX, Fields, duration_text
from orchestra.monitoring.alerts.records import (
    FOR_MAX_S,
    KINDS,
    NAME_MAX,
    OPS,
    SEVERITIES,
    TEXT_MAX,
    WINDOW_MAX_S,
    Kind,
    Rule,
)
from orchestra.monitoring.metrics.asking import LABELS_MAX
from orchestra.monitoring.metrics.functions import AGGREGATES
from orchestra.monitoring.metrics.wishes import NAME
from orchestra.store.keys import Tenant

CheckQuery = Callable[[str], Sequence[Problem]]
"""Everything wrong with a search of the log; pointers are empty."""

MEMBERS: Final = (
    "name", "kind", "metric", "agg", "of", "by", "where", "window", "op", "threshold", "recover",
    "for", "keep_firing", "min_samples", "no_data", "offset", "objective", "query", "scope",
    "severity", "enabled", "labels", "summary", "runbook", "notify", "group_by", "group_wait",
    "repeat",
)  # fmt: skip
OFFSET_MAX_S: Final = 80 * 86_400
QUERY_MAX: Final = 1_024
NOTIFY_MAX: Final = 10
REPEAT_S: Final = (60, 7 * 86_400)
GROUP_WAIT_MAX_S: Final = 3_600
ANOMALY_THRESHOLD: Final = 4.0
TAKEN: Final = ("alertname", "severity", "rule")
_AGGS: Final = tuple(dict.fromkeys(agg for kinds in AGGREGATES.values() for agg in kinds))
_OF_METRICS: Final = ("metric", "agg", "of", "by", "where", "scope")
_UNUSED: Final[dict[str, tuple[str, ...]]] = {
    "threshold": ("offset", "objective", "query"),
    "absent": ("offset", "objective", "query", "agg", "of", "no_data", "min_samples"),
    "change": ("objective", "query"),
    "anomaly": ("offset", "objective", "query", "op"),
    "burn_rate": ("offset", "query", "window", "agg"),
    "log": (*_OF_METRICS, "offset", "objective", "no_data", "min_samples"),
}


class RuleInvalid(Invalid):
    """The rule is not valid: everything that is wrong with it."""


def rule_of(body: object, tenant: Tenant, check: CheckQuery) -> Rule:
    """The rule a body describes, without an id. Raises RuleInvalid."""
    findings: list[Problem] = []
    fields = Fields(body, findings, MEMBERS)
    kind = fields.choice("kind", KINDS, "threshold")
    if kind == "view":
        fields.find("kind", "not_available", "saved views do not exist yet")
    _required(fields, kind)
    for name in _UNUSED.get(kind, ()):
        if fields.has(name):
            fields.find(name, "not_applicable", f"a rule of kind {kind} has no `{name}`")
    made = Rule(
        id="",
        tenant=tenant,
        kind=cast("Kind", kind),
        **_watched(fields, kind),
        **_judged(fields, kind),
        **_told(fields),
    )
    _together(fields, made)
    if made.query:
        for one in check(made.query):
            fields.find("query", one.code, one.message)
    if findings:
        raise RuleInvalid("the rule is not valid", findings[:FINDINGS_MAX])
    return made


def change_of(before: Rule, body: object, check: CheckQuery) -> Rule:
    """What a rule is changed to: all of it is given. Raises RuleInvalid."""
    after = rule_of(body, before.tenant, check)
    kept = {
        name: getattr(before, name)
        for name in ("id", "built_in", "created_ms", "updated_ms", "revision")
    }
    after = msgspec.structs.replace(after, **kept)
    if not before.built_in:
        return after
    findings = [
        Problem(f"/{_WRITTEN.get(name, name)}", "fixed", "a built-in rule keeps this as it is")
        for name in Rule.__struct_fields__
        if name not in CHANGEABLE and name not in kept
        if name != "installation" and getattr(after, name) != getattr(before, name)
    ]
    if findings:
        raise RuleInvalid("the rule comes with the product", findings)
    return msgspec.structs.replace(after, installation=before.installation)


_WRITTEN: Final = {
    "window_s": "window", "for_s": "for", "keep_firing_s": "keep_firing", "offset_s": "offset",
    "group_wait_s": "group_wait", "repeat_s": "repeat",
}  # fmt: skip


def _required(fields: Fields, kind: str) -> None:
    match kind:
        case "log":
            fields.required("name", "query", "threshold")
        case "absent" | "anomaly":
            fields.required("name", "metric")
        case _:
            fields.required("name", "metric", "threshold")


def _watched(fields: Fields, kind: str) -> dict[str, Any]:
    """What is watched."""
    metric = fields.text("metric", 128, least=1)
    if metric and not NAME.fullmatch(metric):
        fields.find("metric", "format", "must be the name of a metric")
    agg = "ratio" if kind == "burn_rate" else fields.choice("agg", _AGGS, "")
    of = fields.pairs("of")
    if agg == "ratio" and not of and not fields.has("of"):
        fields.find("of", "missing_field", 'a ratio needs the part: {"outcome": "failed"}')
    elif of and agg != "ratio":
        fields.find("of", "not_applicable", "only a ratio has a part")
    return {
        "name": fields.text("name", NAME_MAX, least=1),
        "metric": metric,
        "agg": agg or None,
        "of": of,
        "by": fields.names("by", LABELS_MAX),
        "where": fields.pairs("where"),
        "window_s": fields.seconds("window", 300, 10, WINDOW_MAX_S),
        "offset_s": fields.seconds("offset", 7 * 86_400, 10, OFFSET_MAX_S),
        "objective": fields.number("objective", 0.99, 0.5, 0.99999),
        "query": fields.text("query", QUERY_MAX, least=1),
        "installation": fields.choice("scope", ("tenant", "installation"), "") == "installation",
    }


def _judged(fields: Fields, kind: str) -> dict[str, Any]:
    """When it is too much."""
    usual = ANOMALY_THRESHOLD if kind == "anomaly" else 0.0
    threshold = fields.number("threshold", usual, -NUMBER_MAX, NUMBER_MAX)
    return {
        "op": fields.choice("op", OPS, ">"),
        "threshold": threshold,
        "recover": fields.number("recover", threshold, -NUMBER_MAX, NUMBER_MAX),
        "for_s": fields.seconds("for", 0, 0, FOR_MAX_S),
        "keep_firing_s": fields.seconds("keep_firing", 60, 0, FOR_MAX_S),
        "min_samples": fields.whole("min_samples", 20 if kind == "anomaly" else 0, 0, 10**9),
        "no_data": fields.choice("no_data", ("ok", "alert", "keep"), "ok"),
    }


def _told(fields: Fields) -> dict[str, Any]:
    """Who is told what."""
    summary, runbook = fields.text("summary", TEXT_MAX), fields.text("runbook", TEXT_MAX)
    for stranger in texts.strangers(summary)[:5]:
        known = "${value}, ${threshold}, ${name}, ${labels.…}"
        fields.find("summary", "unknown_reference", f"{stranger} means nothing here: {known}")
    if runbook and not _is_web(runbook):
        fields.find("runbook", "format", "must be an address that begins with http:// or https://")
    return {
        "severity": fields.choice("severity", SEVERITIES, "warning"),
        "enabled": fields.flag("enabled", default=True),
        "labels": fields.labels("labels", TAKEN),
        "summary": summary,
        "runbook": runbook,
        "notify": fields.texts("notify", NOTIFY_MAX),
        "group_by": fields.names("group_by", LABELS_MAX, ("rule",)),
        "group_wait_s": fields.seconds("group_wait", 30, 0, GROUP_WAIT_MAX_S),
        "repeat_s": fields.seconds("repeat", 14_400, *REPEAT_S),
    }


def _together(fields: Fields, rule: Rule) -> None:
    """What is wrong only because of something else."""
    over = rule.op in (">", ">=")
    if rule.kind != "absent" and fields.has("recover"):
        wrong = rule.recover > rule.threshold if over else rule.recover < rule.threshold
        if wrong:
            side = "at most" if over else "at least"
            told = f"with {rule.op} it must be {side} the threshold: else it never recovers"
            fields.find("recover", "wrong_side", told)
    if rule.kind == "change" and rule.offset_s < rule.window_s:
        told = f"must be at least the window, {duration_text(rule.window_s)}"
        fields.find("offset", "out_of_range", told)


def _is_web(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and " " not in text
