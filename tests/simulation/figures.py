"""What metrics must say of executions: from their histories, and from what agents said, alone.

Shares no code with the product: it reads the lists of transitions and the records of steps.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from simulation.checker import Line, Story

ERROR_MAX = 0.044
COLUMNS = 6
ENDS = {"D": "completed", "F": "failed", "C": "cancelled", "L": "rolled_back"}
NAMES = {
    "N": "workflow.accepted",
    "B": "workflow.started",
    "T": "workflow.deadline_exceeded",
    "R": "step.started",
    "C": "step.completed",
    "F": "step.failed",
    "S": "step.skipped",
    "Y": "step.retry_scheduled",
    "A": "step.suspended",
    "G": "step.answered",
    "H": "step.held",
    "L": "step.recovered",
    "Z": "step.answered_late",
}
OPERATIONS = {
    "pause": "paused",
    "interrupt": "paused",
    "resume": "resumed",
    "rollback": "rollback_started",
    "retry": "retried",
    "cancel": "cancel_requested",
    "rollback_requested": "rollback_requested",
    "skip_undo_requested": "skip_undo_requested",
}
OUTCOMES = {"C": "completed", "F": "failed", "S": "skipped", "Y": "retried"}


@dataclass
class Expected:
    """Counts by the values of labels, in the order of their names; and each value of a spread."""

    counts: dict[str, Counter[tuple[str, ...]]] = field(
        default_factory=lambda: defaultdict(Counter[tuple[str, ...]])
    )
    spreads: dict[str, dict[tuple[str, ...], list[float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list[float]))
    )
    ends_at_ms: list[int] = field(default_factory=list[int])


def expected(stories: Iterable[Story], spent: dict[tuple[str, str, int], Any]) -> Expected:
    """Of all executions; `spent`: what agents said of each call, by execution, path and fence."""
    made = Expected()
    for one in stories:
        name = one.plan.definition.name
        began_ms = one.lines[0].at_ms
        for line in one.lines:
            _event(made, line)
            if line.kind == "N":
                made.counts["orchestra_executions_started_total"][name,] += 1
            if line.kind == "E":
                made.counts["orchestra_executions_total"][ENDS[line.data], name] += 1
                took = made.spreads["orchestra_execution_seconds"][name,]
                took.append((line.at_ms - began_ms) / 1_000)
                made.ends_at_ms.append(line.at_ms)
            if line.kind in OUTCOMES and line.path[:1] != ":":
                _step(made, one, line, _heard(one, line, spent))
    return made


def _heard(one: Story, line: Line, spent: dict[tuple[str, str, int], Any]) -> Any:
    """What the agent said whose answer the line records; None when nobody heard one.

    A failure that steps handle is recorded when they are done, under a later fence.
    """
    if line.kind == "Y":
        return spent.get((one.id, line.path, line.fence))
    again = {each.fence for each in one.lines if each.path == line.path and each.kind == "Y"}
    fences = (each.fence for each in one.calls if each.path == line.path and each.outcome)
    asked = [fence for fence in fences if fence <= line.fence and fence not in again]
    if not asked or not _answered(one, line):
        return None
    return spent.get((one.id, line.path, max(asked)))


def _answered(one: Story, line: Line) -> bool:
    if not _is_last(one, line):
        return line.data.count("\t") == COLUMNS - 1
    return "agent" in one.records.get(line.path, {})


def _is_last(one: Story, line: Line) -> bool:
    """Whether the record of the step is that of this line: each that follows overwrites it."""
    return (
        line is [each for each in one.lines if each.path == line.path and each.kind in "CFSOAH"][-1]
    )


def _event(made: Expected, line: Line) -> None:
    kind = NAMES.get(line.kind, "")
    if line.kind == "E":
        kind = f"workflow.{ENDS[line.data]}"
    elif line.kind == "K":
        kind = f"workflow.{OPERATIONS[line.data.split(chr(9))[0]]}"
    elif line.kind == "C" and line.path[:1] == "~":
        kind = "step.compensated"
    if kind and line.path[:1] != ":":
        made.counts["orchestra_events_total"][kind,] += 1


def _step(made: Expected, one: Story, line: Line, spent: Any) -> None:
    name, undo = one.plan.definition.name, line.path[:1] == "~"
    undone = {"C": "compensated", "F": "undo_failed"}.get(line.kind) if undo else None
    outcome = undone or OUTCOMES[line.kind]
    made.counts["orchestra_steps_total"][outcome, name] += 1
    if spent is not None and line.kind in "CFY":
        tokens = made.counts["orchestra_workflow_tokens_total"]
        tokens[spent.agent, "input", name] += spent.input
        tokens[spent.agent, "output", name] += spent.output
        made.counts["orchestra_workflow_cost_usd_total"][spent.agent, name] += spent.micro
    if undo or line.kind not in "CF":
        return
    took_ms = _took_ms(one, line)
    if took_ms is not None:
        made.spreads["orchestra_step_seconds"][line.path, name].append(took_ms / 1_000)
        if spent is not None:
            waits = made.spreads["orchestra_step_wait_seconds"]
            waits[line.path, name].append(spent.queued_ms / 1_000)


def _took_ms(one: Story, line: Line) -> int | None:
    """From the record of the step; of an outcome that a later one has overwritten, its line."""
    record = one.records.get(line.path, {})
    if not _is_last(one, line):
        columns = line.data.split("\t")
        return int(columns[2]) if len(columns) > 2 else None
    if "started_ms" not in record or "ended_ms" not in record:
        return None
    return max(0, record["ended_ms"] - record["started_ms"])


def percentile(values: list[float], share: float) -> float:
    """The least value that so many are not above."""
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


def near(found: float | None, values: list[float], share: float) -> bool:
    """Whether a percentile is as near as it says."""
    if not values:
        return found is None
    true = percentile(values, share)
    return found is not None and abs(found - true) <= true * ERROR_MAX + 1e-9


def differences(found: Counter[Any], wanted: Counter[Any]) -> Iterator[str]:
    """What differs, a line each."""
    for key in sorted({*found, *wanted}):
        if found[key] != wanted[key]:
            yield f"{key}: {found[key]} instead of {wanted[key]}"
