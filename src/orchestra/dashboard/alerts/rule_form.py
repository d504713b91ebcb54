"""A rule as a form, and back. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestra.dashboard.sheets import Entry, Group, Sheet

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
AGGS: Final = (
    "rate", "increase", "sum", "ratio", "last", "avg", "min", "max", "count", "p50", "p75", "p90",
    "p95", "p99", "p99.9",
)  # fmt: skip
ALWAYS: Final = (
    "name", "kind", "scope", "for", "keep_firing", "severity", "enabled", "labels", "summary",
    "runbook", "notify", "group_by", "group_wait", "repeat",
)  # fmt: skip
FIXED: Final = (
    "kind", "name", "metric", "agg", "of", "by", "where", "window", "op", "offset", "objective",
    "query", "scope",
)  # fmt: skip
"""What a rule that comes with the product keeps."""
PREFILLED: Final = ("metric", "agg", "by", "of", "where", "query", "name", "kind", "window",
                    "threshold", "op")  # fmt: skip
TEXT_MAX: Final = 4_096

_SEVERITIES: Final = (("info", "Info"), ("warning", "Warning"), ("critical", "Critical"))
_OPS: Final = ((">", "above"), (">=", "at or above"), ("<", "below"), ("<=", "at or below"))
_STRIKES: Final = Group("When it fires", (
    Entry("op", "The value is", "choice", options=_OPS, default=">"),
    Entry("threshold", "Threshold", "number", most=32, hint="a number, or 5 %"),
    Entry("for", "For at least", default="0s", most=12, hint="such as 5m; 0s: at once"),
    Entry("severity", "Severity", "pick", options=_SEVERITIES, default="warning", broad=False),
))  # fmt: skip
_ENDS: Final = Group("When it is over, and without data", (
    Entry("recover", "Well again at", "number", most=32, hint="without it the threshold"),
    Entry("keep_firing", "Well for", default="1m", most=12, hint="before it is over"),
    Entry("min_samples", "At least so many values", "number", most=12, placeholder="0",
          hint="else there is no data"),
    Entry("no_data", "Without data", "choice", default="ok",
          options=(("ok", "it is well"), ("alert", "it fires"), ("keep", "it stays as it was"))),
), folded=True, told="at the threshold, once it is well for a minute")  # fmt: skip
_MORE: Final = Group("Runbook, labels, repeats", (
    Entry("runbook", "What to do is written at", most=1_000, placeholder="https://", broad=True),
    Entry("labels", "Labels of its alerts", "labels", rows=2, most=2_000,
          placeholder="team=payments", hint="label=value, one a line"),
    Entry("group_by", "One message for each", "words", default="rule", most=300,
          hint="labels, with commas"),
    Entry("group_wait", "Waits for others", default="30s", most=12),
    Entry("repeat", "Said again every", default="4h", most=12),
    Entry("scope", "Whose metric", "choice",
          options=(("", "whoever has it"), ("tenant", "this tenant's"),
                   ("installation", "the installation's"))),
    Entry("enabled", "Armed", "flag", default="yes"),
), folded=True, told="one message for each rule, again every 4 hours")  # fmt: skip

Document = dict[str, Any]


def groups(
    metrics: Sequence[str] = (), contacts: Sequence[str] = (), fixed: Document | None = None
) -> list[Group]:
    """The form. `fixed`: the rule, if it comes with the product: what it watches stays."""
    told = Group("Who is told", (
        Entry("summary", "In a sentence", most=1_000, broad=True,
              placeholder="${labels.workflow}: ${value} of its executions fail",
              hint="${value}, ${threshold}, ${name} and ${labels.…} are filled in"),
        Entry("notify", "Contacts", "some", options=tuple((one, one) for one in contacts),
              hint="None: the default contact."),
    ))  # fmt: skip
    found = [_watched(metrics), _STRIKES, told, _ENDS, _MORE]
    if fixed is None:
        return found
    free = {*_members(str(fixed["kind"]))} - {*FIXED}
    return [
        Group(one.title, left, one.folded, one.told)
        for one in found
        if (left := tuple(each for each in one.entries if each.name in free))
    ]


def _watched(metrics: Sequence[str]) -> Group:
    return Group("What is watched", (
        Entry("name", "Name", required=True, most=128, broad=True, placeholder="Orders are late"),
        Entry("kind", "Fires when", "pick", options=KINDS, default="threshold"),
        Entry("metric", "Metric", most=128, mono=True, broad=True, suggestions=tuple(metrics)),
        Entry("query", "Lines that match", most=1_024, mono=True, broad=True,
              placeholder='level>=error -"client left"', hint="as in the search of the log"),
        Entry("agg", "Function", "choice", options=(("", "what suits it"), *AGGS)),
        Entry("window", "Over the last", default="5m", most=12, hint="10s to 30d"),
        Entry("of", "Part of it, for a ratio", "labels", rows=2, most=1_000, broad=False,
              placeholder="outcome=failed", hint="label=value, one a line"),
        Entry("by", "An alert for each", "words", most=300, placeholder="all together",
              hint="labels, with commas"),
        Entry("where", "Only where", "labels", rows=2, most=2_000, broad=False,
              placeholder="workflow=triage", hint="label=value, one a line"),
        Entry("offset", "Compared with so long ago", default="7d", most=12),
        Entry("objective", "What shall be good", "number", default="0.99", most=12,
              hint="0.99 or 99 %"),
    ))  # fmt: skip


def prefilled(given: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What an address says of a new rule: "alert on this" of a chart."""
    values: dict[str, str] = {}
    for name, value in given:
        text = value[:TEXT_MAX]
        if name not in PREFILLED or not text:
            continue
        if name in ("of", "where"):
            label, sign, rest = text.partition(":")
            text = f"{label}={rest}" if sign else text
            text = f"{values[name]}\n{text}" if name in values else text
        values[name] = text
    if values.get("metric"):
        values.setdefault("name", f"{values.get('agg', '')} {values['metric']}".strip()[:120])
    return values


def shown(rule: Document, contacts: Sequence[Document] = ()) -> Document:
    """A rule as people would have written it: without what goes without saying, names for ids."""
    names = {one["id"]: one["name"] for one in contacts}
    written = dict(rule) | {"notify": [names.get(one, one) for one in rule["notify"]]}
    if rule.get("recover") == rule.get("threshold"):
        written.pop("recover", None)
    if not rule.get("min_samples") and rule["kind"] != "anomaly":
        written.pop("min_samples", None)
    return written


def body_of(sheet: Sheet, before: Document | None = None) -> Document:
    """What is sent: what its kind has. Of a `before` that is built in much stays."""
    kept = before if before is not None and before["built_in"] else {}
    said = sheet.body()
    body = members_of({**said, "kind": kept.get("kind") or said.get("kind")})
    return body | {name: kept[name] for name in FIXED if name in kept}


def members_of(rule: Document) -> Document:
    """Of a rule what its kind has."""
    sent = _members(str(rule["kind"]))
    return {name: value for name, value in rule.items() if name in sent}


def _members(kind: str) -> tuple[str, ...]:
    return (*OF_KIND.get(kind, OF_KIND["threshold"]), *ALWAYS)
