"""What is to be recorded, as it arrives in a query string or in JSON: every finding at once."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast
from urllib.parse import parse_qsl

import msgspec

from orchestra.errors import Invalid, Problem
from orchestra.monitoring.metrics.asking import FINDINGS_MAX, LABEL, LABELS_MAX
from orchestra.monitoring.metrics.names import PREFIX
from orchestra.monitoring.metrics.series import Letter

BATCH_MAX: Final = 1_000
VALUE_MAX: Final = 1e15
PAST_MAX_S: Final = 3_600
AHEAD_MAX_S: Final = 300
VALUE_MAX_CHARS: Final = 128
NAME: Final = re.compile(r"^[A-Za-z_:][A-Za-z0-9_.:]{0,127}$")
UNIT: Final = re.compile(r"^[A-Za-z0-9_./%]{0,32}$")
LETTERS: Final[Mapping[str, Letter]] = {"counter": "f", "gauge": "g", "histogram": "h"}
FIELDS_MAX: Final = 64
_NOT_VALID: Final = "what is to be recorded is not valid"
KNOWN: Final = frozenset({"metric_name", "value", "labels", "type", "unit", "timestamp"})


class MetricInvalid(Invalid):
    """What is to be recorded is not valid. In a batch the pointers have its place."""


class Wish(msgspec.Struct, frozen=True):
    """One value to be recorded. `kind` and `unit` None: those the metric has."""

    name: str
    value: float
    labels: dict[str, str]
    kind: Letter | None
    unit: str | None
    at_ms: int


def from_form(body: bytes, now_ms: int) -> Wish:
    """The one in a form, written as in a query string. Raises MetricInvalid."""
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX
        )
    except ValueError:
        message = f"must be a form in UTF-8 of at most {FIELDS_MAX} fields"
        raise MetricInvalid(_NOT_VALID, [Problem("", "type", message)]) from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return from_query(found, now_ms, "")


def from_query(parameters: Mapping[str, Sequence[str]], now_ms: int, at: str = "/query") -> Wish:
    """The one in a query string: labels are `label.<name>=`. Raises MetricInvalid."""
    findings: list[Problem] = []
    body: dict[str, object] = {}
    labels: dict[str, object] = {}
    for name, values in parameters.items():
        if len(values) > 1:
            findings.append(
                Problem(f"{at}/{_escaped(name)}", "duplicate", "was given more than once")
            )
        if name.startswith("label."):
            labels[name.removeprefix("label.")] = values[0]
        else:
            body[name] = values[0]
    if "labels" in body:
        findings.append(Problem(f"{at}/labels", "unknown_field", "labels are label.<name>=<value>"))
    if labels:
        body["labels"] = labels
    text = body.get("value")
    if isinstance(text, str):
        body["value"] = _number(text)
    stamp = body.get("timestamp")
    if isinstance(stamp, str) and re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", stamp):
        body["timestamp"] = float(stamp)
    wish = _wish(body, at, now_ms, findings)
    _refuse(findings)
    return wish


def from_body(body: object, now_ms: int) -> Wish:
    """The one in a JSON body. Raises MetricInvalid."""
    findings: list[Problem] = []
    wish = _wish(body, "", now_ms, findings)
    _refuse(findings)
    return wish


def from_batch(body: object, now_ms: int) -> list[Wish]:
    """Those of `{"metrics": […]}`. Raises MetricInvalid."""
    findings: list[Problem] = []
    given = cast("dict[str, object]", body) if isinstance(body, dict) else {}
    if not isinstance(body, dict):
        findings.append(Problem("", "type", "must be an object"))
    findings += [
        Problem(f"/{_escaped(name)}", "unknown_field", "this field is unknown")
        for name in list(given)[:FINDINGS_MAX]
        if name != "metrics"
    ]
    metrics = given.get("metrics")
    if not isinstance(metrics, list):
        findings.append(Problem("/metrics", "type", "must be a list"))
        metrics = []
    rows = cast("list[object]", metrics)
    if isinstance(given.get("metrics"), list) and not 1 <= len(rows) <= BATCH_MAX:
        findings.append(Problem("/metrics", "out_of_range", f"has 1 to {BATCH_MAX} entries"))
        rows = []
    wishes = [_wish(row, f"/metrics/{i}", now_ms, findings) for i, row in enumerate(rows)]
    _refuse(findings)
    return wishes


def _refuse(findings: Sequence[Problem]) -> None:
    if findings:
        raise MetricInvalid(_NOT_VALID, findings[:FINDINGS_MAX])


def _wish(body: object, at: str, now_ms: int, findings: list[Problem]) -> Wish:
    """One of them; what is wrong leaves a finding."""

    def find(name: str, code: str, message: str) -> None:
        findings.append(Problem(f"{at}/{_escaped(name)}", code, message))

    if not isinstance(body, dict):
        findings.append(Problem(at, "type", "must be an object"))
        return Wish("", 0.0, {}, None, None, 0)
    given = cast("dict[str, Any]", body)
    for name in list(given)[:FINDINGS_MAX]:
        if name not in KNOWN:
            find(name, "unknown_field", "this field is unknown")
    name = _name(given, find)
    kind, unit = given.get("type"), given.get("unit")
    if kind is not None and kind not in (*LETTERS,):
        find("type", "out_of_range", f"is one of {', '.join(LETTERS)}")
    if unit is not None and not (isinstance(unit, str) and UNIT.fullmatch(unit)):
        find("unit", "type", "must match ^[A-Za-z0-9_./%]{0,32}$")
    value = _value(given, find)
    if kind == "counter" and value < 0:
        find("value", "value_invalid", "a counter only grows: not below 0")
    return Wish(
        name=name,
        value=value,
        labels=_labels(given.get("labels"), find),
        kind=LETTERS.get(kind) if isinstance(kind, str) else None,
        unit=unit if isinstance(unit, str) else None,
        at_ms=_instant(given.get("timestamp"), now_ms, find),
    )


def _name(given: Mapping[str, Any], find: Any) -> str:
    name = given.get("metric_name")
    if name is None:
        find("metric_name", "missing_field", "this field is required")
    elif not isinstance(name, str) or not NAME.fullmatch(name):
        find("metric_name", "name_invalid", "must match ^[A-Za-z_:][A-Za-z0-9_.:]{0,127}$")
    elif name.startswith(PREFIX):
        find("metric_name", "name_reserved", f"names that begin with {PREFIX} are ours")
    return name if isinstance(name, str) else ""


def _value(given: Mapping[str, Any], find: Any) -> float:
    if "value" not in given:
        find("value", "missing_field", "this field is required")
        return 0.0
    value = given["value"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        find("value", "value_invalid", "must be a finite number")
        return 0.0
    if abs(value) > VALUE_MAX:
        find("value", "value_invalid", "is beyond 1e15")
        return 0.0
    return float(value)


def _labels(labels: object, find: Any) -> dict[str, str]:
    if labels is None:
        return {}
    if not isinstance(labels, dict):
        find("labels", "type", "must be an object of strings")
        return {}
    found = cast("dict[str, object]", labels)
    if len(found) > LABELS_MAX:
        find("labels", "too_many", f"has at most {LABELS_MAX} labels")
        return {}
    for name, value in found.items():
        if not LABEL.fullmatch(name):
            find(f"labels/{name}", "name_invalid", "must match ^[a-z_][a-z0-9_]{0,31}$")
        elif not isinstance(value, str):
            find(f"labels/{name}", "type", "must be a string")
        elif len(value) > VALUE_MAX_CHARS or not value.isprintable():
            find(f"labels/{name}", "too_long", "has at most 128 printable characters")
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _instant(stamp: object, now_ms: int, find: Any) -> int:
    if stamp is None:
        return now_ms
    at_ms = _ms(stamp)
    if at_ms is None:
        find("timestamp", "type", "must be an RFC 3339 time or Unix seconds")
        return now_ms
    if not now_ms - PAST_MAX_S * 1_000 <= at_ms <= now_ms + AHEAD_MAX_S * 1_000:
        find("timestamp", "timestamp_out_of_range", "is over 1 h old or over 5 min ahead")
        return now_ms
    return at_ms


def _ms(stamp: object) -> int | None:
    if isinstance(stamp, str):
        try:
            found = datetime.fromisoformat(stamp[:40].replace(" ", "+") if "T" in stamp else "")
            return int(found.timestamp() * 1_000) if found.tzinfo is not None else None
        except (ValueError, OverflowError):
            return None
    if isinstance(stamp, bool) or not isinstance(stamp, int | float) or not math.isfinite(stamp):
        return None
    return int(stamp * 1_000) if abs(stamp) < 1e12 else None


def _number(text: str) -> object:
    """The number in a text; the text itself when it is none."""
    try:
        return (
            float(text) if re.fullmatch(r"[-+]?[0-9.]{1,40}([eE][-+]?[0-9]{1,3})?", text) else text
        )
    except ValueError:
        return text


def _escaped(name: str) -> str:
    """One part of a JSON Pointer (RFC 6901, section 4); `labels/x` is two."""
    first, slash, rest = name[:64].partition("/")
    parts = (first, rest) if slash and first == "labels" else (name[:64],)
    return "/".join(part.replace("~", "~0").replace("/", "~1") for part in parts)
