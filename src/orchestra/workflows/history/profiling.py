"""The profile of an ended execution: what its history says of each step, as times. Pure.

A step that opened others (a switch, a branch, a handler) is two rows: `open`, until its steps may
begin, and the row of its path, which waits for them. So the rows are one flat graph.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from orchestra.workflows.history.chronicle import Line, told
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.plan import Node, Plan

ROWS_MAX: Final = 300
_STATES: Final = {"C": "completed", "F": "failed", "S": "skipped", "H": "held"}
_COLUMNS: Final = 6
_PAUSES: Final = ("pause", "interrupt")
_AGAIN: Final = ("retry", "rollback", "skip_undo_requested", "rollback_requested")
OPEN: Final = "open"


@dataclass(slots=True)
class Track:
    """What the history says of one step."""

    first_ms: int
    last_ms: int
    opened_ms: int | None = None
    closing_ms: int | None = None
    ended_ms: int | None = None
    state: str = "running"
    attempts: int = 1
    lost_ms: int = 0
    lost: list[int] = field(default_factory=lambda: [0, 0, 0])
    """Of attempts that failed: tokens in, tokens out, millionths of a USD."""
    agent: str | None = None
    slot_ms: int = 0
    spent: list[int] = field(default_factory=lambda: [0, 0, 0])


class Told(msgspec.Struct, frozen=True):
    """What the record of a step adds to its history."""

    code: str | None = None
    cause: str | None = None
    """The step inside that made it fail."""
    priced: bool = False


NOTHING: Final = Told()


class Times(msgspec.Struct, frozen=True):
    """When an execution was accepted, began, ended; when it was paused."""

    created_ms: int
    started_ms: int
    ended_ms: int
    pauses: Sequence[tuple[int, int]]


def times(lines: Sequence[Line]) -> Times | None:
    """None of one that has not ended."""
    created = started = ended = stopped = 0
    pauses: list[tuple[int, int]] = []
    for line in lines:
        match line.kind:
            case "N":
                created = line.at_ms
            case "B":
                started = started or line.at_ms
            case "E":
                if stopped:  # cancelled while it was paused
                    pauses.append((stopped, line.at_ms))
                ended, stopped = line.at_ms, line.at_ms
            case "K":
                op = line.data.partition("\t")[0]
                if op in _PAUSES and not stopped:
                    stopped = line.at_ms
                elif stopped and (op == "resume" or (ended and op in _AGAIN)):
                    pauses.append((stopped, line.at_ms))
                    stopped = 0
            case _:
                pass
    if not ended:
        return None
    begin = created or (lines[0].at_ms if lines else ended)
    return Times(begin, started or begin, ended, tuple(pauses))


def tracks(lines: Sequence[Line]) -> dict[str, Track]:
    """By path, in the order in which they were claimed first. Without undoing and what is ours."""
    found: dict[str, Track] = {}
    for line in lines:
        path = line.path
        if not path or path[0] in "~!:" or line.kind not in "RYOCFSHA":
            continue
        track = found.get(path)
        if track is None:
            track = found[path] = Track(line.at_ms, line.at_ms)
        _follow(track, line)
    return found


def _follow(track: Track, line: Line) -> None:
    at_ms = line.at_ms
    match line.kind:
        case "R":
            if track.opened_ms is not None and track.closing_ms is None:
                track.closing_ms = at_ms
            track.last_ms, track.ended_ms, track.state = at_ms, None, "running"
            track.attempts = max(track.attempts, line.attempt or 1)
        case "Y":
            track.lost_ms += max(0, at_ms - track.last_ms)
            _add(track.lost, _of_retry(line))
        case "O":
            track.opened_ms, track.closing_ms = at_ms, None
        case "C" | "F" | "S" | "H":
            track.ended_ms, track.state = at_ms, _STATES[line.kind]
            columns = line.data.split("\t")
            if len(columns) >= _COLUMNS:
                track.agent, track.slot_ms = columns[0] or None, int(columns[1] or 0)
                _add(track.spent, [int(one or 0) for one in columns[3:6]])
        case _:
            pass


def _add(to: list[int], more: Sequence[int]) -> None:
    for i, n in enumerate(more):
        to[i] += n


def _of_retry(line: Line) -> list[int]:
    try:
        usage: dict[str, Any] = told(line).get("usage") or {}
    except msgspec.DecodeError:  # a record that lies elsewhere
        return [0, 0, 0]
    micro = round((usage.get("cost_usd") or 0) * 1_000_000)
    return [usage.get("input_tokens", 0), usage.get("output_tokens", 0), micro]


def rows(
    plan: Plan,
    found: Mapping[str, Track],
    begin_ms: int,
    records: Mapping[str, Told],
    most: int = ROWS_MAX,
) -> tuple[list[dict[str, Json]], bool]:
    """The rows of a profile, and whether some were left out. `records`: of failures and prices."""
    kept = [path for path in found if path in plan.nodes][:most]
    numbers: dict[tuple[str, str], int] = {}
    for path in kept:
        if found[path].opened_ms is not None:
            numbers[path, OPEN] = len(numbers)
        numbers[path, ""] = len(numbers)
    made: list[dict[str, Json]] = []
    for path in kept:
        track, node = found[path], plan.nodes[path]
        before = _before(node, numbers)
        if track.opened_ms is not None:
            made.append(_opening(node, track, before))
            inner = [n for n in node.inside if (n.path, "") in numbers]
            done = [n.path for n in inner if (found[n.path].ended_ms or 0)]
            before = [numbers[one, ""] for one in done] or [numbers[path, OPEN]]
        made.append(_row(node, track, before, records.get(path, NOTHING)))
    _queue(made, begin_ms)
    return made, len(kept) < len(found)


def _before(node: Node, numbers: Mapping[tuple[str, str], int]) -> list[int]:
    """Rows that a step waited for; in a scope without any: the opening of the scope."""
    names = [(path, "") for path in (*node.joins, *node.waits)] or [(node.scope.path, OPEN)]
    return [numbers[name] for name in names if name in numbers]


def _opening(node: Node, track: Track, before: list[int]) -> dict[str, Json]:
    assert track.opened_ms is not None
    return {
        "path": node.path,
        "part": OPEN,
        "kind": node.kind,
        "state": "completed",
        "started_ms": track.first_ms,
        "ended_ms": max(track.opened_ms, track.first_ms),
        "attempts": track.attempts,
        "depends_on": before,
    }


def _row(node: Node, track: Track, before: list[int], record: Told) -> dict[str, Json]:
    started = track.first_ms
    if track.opened_ms is not None:
        started = track.closing_ms or track.ended_ms or track.last_ms
    made: dict[str, Json] = {
        "path": node.path,
        "part": "",
        "kind": node.kind,
        "state": track.state,
        "started_ms": started,
        "ended_ms": track.ended_ms,
        "attempts": track.attempts,
        "last_ms": max(track.last_ms, started),
        "slot_ms": track.slot_ms,
        "agent": track.agent,
        "tokens": track.spent[:2],
        "cost_micro": track.spent[2],
        "priced": _priced(track, record),
        "lost_ms": track.lost_ms,
        "lost_tokens": sum(track.lost[:2]),
        "lost_micro": track.lost[2],
        "code": record.code,
        "depends_on": before,
    }
    return made


def _priced(track: Track, record: Told) -> bool | None:
    """Whether what it cost is known; None of a step that used nothing."""
    if not (track.spent[0] or track.spent[1] or track.spent[2]):
        return None
    return bool(track.spent[2]) or record.priced


def _queue(made: list[dict[str, Json]], begin_ms: int) -> None:
    """When each became ready: at the end of the last of what it waited for."""
    for row in made:
        ends: list[int] = [made[i]["ended_ms"] or 0 for i in row["depends_on"]]
        row["queued_ms"] = min(max([begin_ms, *ends]), row["started_ms"])


def shape(plan: Plan) -> dict[str, Json]:
    """What a version says of its steps, for those who compare it with what they do."""
    steps = [
        {
            "path": node.path,
            "kind": node.kind,
            "parent": node.scope.path,
            "depends_on": [*node.joins, *node.waits],
            "reads": sorted(set(node.visible.values())),
            "auto": node.kind == "agent" and node.step.context == "auto",
            "condition": node.condition is not None or node.step.run_when != "none_failed",
            "timeout_ms": node.step.timeout_ms if node.kind == "agent" else None,
            "branches": [
                {"name": one.name, "paths": [n.path for n in one.steps.nodes]}
                for one in node.choices
                if one.steps is not None
            ],
        }
        for node in plan.nodes.values()
        if node.kind != "output"
    ]
    return {"name": plan.definition.name, "digest": plan.digest, "steps": steps}
