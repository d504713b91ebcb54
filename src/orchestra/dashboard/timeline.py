"""The history of an execution as a Gantt chart: one row a step, one bar an attempt. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from orchestra.dashboard.charts import Bar, Row, gantt
from orchestra.dashboard.wording import at_ms

ROWS_MAX: Final = 200
_ENDS: Final = {
    "step.completed": "completed",
    "step.failed": "failed",
    "step.retry_scheduled": "retrying",
    "step.compensated": "compensated",
    "step.recovered": "recovering",
    "step.answered": "completed",
}

Document = dict[str, Any]


def timeline(run: Document, history: Sequence[Document], now_ms: int) -> Markup:
    """The chart of what happened so far."""
    begun: dict[str, float] = {}
    bars: dict[str, list[Bar]] = {}
    order: list[str] = []
    for event in history:
        path = str(event["path"] or "")
        if not path or path[0] == ":":  # a step of our own making
            continue
        if path not in bars:
            bars[path] = []
            order.append(path)
        if event["type"] == "step.started":
            begun[path] = at_ms(event["at"])
        elif event["type"] in _ENDS and path in begun:
            ended = at_ms(event["at"])
            bars[path].append(Bar(begun.pop(path), ended, _ENDS[event["type"]]))
    over = at_ms(run["ended_at"]) or now_ms
    for path, start in begun.items():
        bars[path].append(
            Bar(start, max(over, start), "running" if not run["ended_at"] else "skipped")
        )
    states = {step["path"]: step["status"] for step in run["steps"]}
    rows = [
        Row(path, path.rpartition("/")[2], path.count("/"), states.get(path, "pending"),
            tuple(bars[path]))
        for path in order[:ROWS_MAX]
    ]  # fmt: skip
    return gantt(rows, over)
