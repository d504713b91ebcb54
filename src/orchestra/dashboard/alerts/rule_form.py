"""A rule as the fields of a form, and back. Pure.

Text that is no number stays text on its way to the interface, which says what is wrong with it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

OF_KIND: Final[Mapping[str, tuple[str, ...]]] = {
    "threshold": ("metric", "agg", "of", "by", "where", "window", "op", "threshold", "recover",
                  "min_samples", "no_data"),
    "absent": ("metric", "by", "where", "window"),
    "change": ("metric", "agg", "of", "by", "where", "window", "offset", "op", "threshold",
               "recover", "min_samples", "no_data"),
    "anomaly": ("metric", "agg", "of", "by", "where", "window", "threshold", "recover",
                "min_samples", "no_data"),
    "burn_rate": ("metric", "of", "by", "where", "objective", "op", "threshold", "recover",
                  "min_samples", "no_data"),
    "log": ("query", "window", "op", "threshold", "recover"),
}  # fmt: skip
KINDS: Final = (
    ("threshold", "a value is beyond a limit"),
    ("change", "it changed against earlier"),
    ("anomaly", "it is unlike what is usual"),
    ("absent", "nothing is measured any more"),
    ("burn_rate", "failures use up what is allowed"),
    ("log", "lines of the log match"),
)
ALWAYS: Final = (
    "for", "keep_firing", "severity", "enabled", "labels", "summary", "runbook", "notify",
    "group_by", "group_wait", "repeat",
)  # fmt: skip
FIXED: Final = (
    "kind", "name", "metric", "agg", "of", "by", "where", "window", "op", "offset", "objective",
    "query", "scope",
)  # fmt: skip
"""What a rule that comes with the product keeps."""
NUMBERS: Final = ("threshold", "recover", "min_samples", "objective")
PAIRS: Final = ("of", "where", "labels")
LISTS: Final = ("by", "group_by", "notify")
FIELDS: Final = ("name", "kind", "scope", *OF_KIND["threshold"], "offset", "objective", "query",
                 *ALWAYS)  # fmt: skip
PREFILLED: Final = ("metric", "agg", "by", "of", "where", "query", "name", "kind", "window",
                    "threshold", "op")  # fmt: skip
TEXT_MAX: Final = 4_096

Document = dict[str, Any]


def empty(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The fields of a new rule, with what an address says: "alert on this" of a chart."""
    values: dict[str, str] = dict.fromkeys(FIELDS, "")
    values |= {
        "kind": "threshold", "op": ">", "window": "5m", "for": "0s", "keep_firing": "1m",
        "severity": "warning", "enabled": "true", "no_data": "ok", "offset": "7d",
        "objective": "0.99", "group_by": "rule", "group_wait": "30s", "repeat": "4h",
    }  # fmt: skip
    for name, value in given:
        text = value[:TEXT_MAX]
        if name not in PREFILLED or not text:
            continue
        if name in ("of", "where"):
            label, sign, rest = text.partition(":")
            line = f"{label}={rest}" if sign else text
            values[name] = f"{values[name]}\n{line}" if values[name] else line
        else:
            values[name] = text
    if not values["name"] and values["metric"]:
        values["name"] = f"{values['agg']} {values['metric']}".strip()[:120]
    return values


def shown(rule: Document) -> dict[str, str]:
    """The fields of a rule that is there."""
    values = empty(())
    for name in FIELDS:
        if name not in rule:
            continue
        value = rule[name]
        if name in PAIRS:
            values[name] = "\n".join(
                f"{label}={one}" for label, many in value.items() for one in many_of(many)
            )
        elif name in LISTS:
            values[name] = ", ".join(value)
        elif isinstance(value, bool):
            values[name] = "true" if value else ""
        else:
            values[name] = "" if value is None else f"{value:g}" if _is_number(value) else value
    return values


def body_of(values: Mapping[str, str], before: Document | None = None) -> Document:
    """What is sent. `before` is the rule that is changed: of a built-in one much stays."""
    built_in = before is not None and before["built_in"]
    kind = str(before["kind"]) if before is not None and built_in else values["kind"]
    body: Document = {"name": values["name"], "kind": kind}
    for name in (*OF_KIND.get(kind, OF_KIND["threshold"]), "scope", *ALWAYS):
        if name == "enabled":
            body[name] = values[name] == "true"
        elif text := values.get(name, "").strip():
            body[name] = _read(name, text)
    if before is not None and built_in:
        body |= {name: before[name] for name in FIXED if name in before}
    return body


def _read(name: str, text: str) -> object:
    if name in NUMBERS:
        return number(text)
    if name in LISTS:
        return [part for part in (one.strip() for one in text.split(",")) if part]
    return pairs(text) if name in PAIRS else text


def pairs(text: str) -> Document:
    """`outcome=failed`, one a line; of a label that is there twice either will do."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        at = min((place for sign in "=:" if (place := line.find(sign)) >= 0), default=-1)
        label, value = (line[:at], line[at + 1 :]) if at >= 0 else (line, "")
        found.setdefault(label.strip(), []).append(value.strip())
    return {label: many if len(many) > 1 else many[0] for label, many in found.items()}


def many_of(value: object) -> list[object]:
    """Values of a label: it has one, or a list of those that are as good."""
    return cast("list[object]", value) if isinstance(value, list) else [value]


def number(text: str) -> object:
    """The number of a text such as `0.05`, `5 %`, `1e3`; else the text."""
    share = text.endswith("%")
    try:
        found = float(text.rstrip("% ").replace("_", ""))
    except ValueError:
        return text
    found = found / 100 if share else found
    if not -1e18 < found < 1e18:  # also what is no number
        return text
    return int(found) if found == int(found) else found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
