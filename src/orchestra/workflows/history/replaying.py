"""An execution as it was at a time, and what it did until then: its history, folded. Pure."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Final

from orchestra.instants import instant
from orchestra.workflows.history import attempts, profiling
from orchestra.workflows.history.chronicle import Line, event_of
from orchestra.workflows.history.showing import shown_nodes
from orchestra.workflows.history.stored import STATES, Stored
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.plan import OUTPUT, Node, Steps

STEPS_MAX: Final = 2_000
"""So many are looked at for the critical path."""
BARS_MAX: Final = 40
"""Of one step. The last ones are told."""
_BECOMES: Final = {
    "R": "running", "C": "completed", "F": "failed", "S": "skipped", "Y": "retrying",
    "A": "running", "G": "ready", "W": "ready", "O": "running", "L": "ready", "H": "retrying",
}  # fmt: skip
_CONTROLS: Final = {
    "pause": "paused", "interrupt": "paused", "rollback": "rolling_back", "retry": "running",
}  # fmt: skip
_OVER: Final = frozenset(("completed", "failed", "cancelled", "rolled_back"))
_DONE: Final = frozenset(("completed", "failed", "skipped", "compensated"))


def state_at(lines: Sequence[Line], later: frozenset[str]) -> tuple[str, dict[str, str]]:
    """State of the execution, and of each step that was heard of, behind `lines`.

    `later`: paths that are heard of again afterwards, which a retry therefore ran again.
    """
    whole, began, steps = "pending", False, dict[str, str]()
    for line in lines:
        if line.kind in _BECOMES and line.path:
            steps[line.path] = _BECOMES[line.kind]
            if line.path[0] == "~" and line.kind == "C":
                steps[line.path[1:]] = "compensated"
        elif line.kind == "B":
            whole, began = "running", True
        elif line.kind == "E":
            whole = STATES.get(line.data, whole)
        elif line.kind == "K":
            whole = _controlled(line, whole, began, steps, later)
    if whole in _OVER:
        steps = {path: was if was in _DONE else "skipped" for path, was in steps.items()}
    return whole, steps


def _controlled(
    line: Line, whole: str, began: bool, steps: dict[str, str], later: frozenset[str]
) -> str:
    """The state after somebody asked for something. A retry forgets what it runs again."""
    op = line.data.partition("\t")[0]
    if op == "resume":
        return "running" if began else "pending"
    if op == "retry":
        steps |= {
            path: "waiting"
            for path, was in steps.items()
            if was in ("failed", "skipped") and path in later
        }
    return _CONTROLS.get(op, whole)


def timeline(
    stored: Stored, lines: Sequence[Line], at_ms: int | None, limit: int, with_path: bool = True
) -> dict[str, Json]:
    """The document of `GET …/timeline`; `at_ms`: as of then."""
    until = lines if at_ms is None else _until(lines, at_ms)
    rest = frozenset(line.path for line in lines[len(until) :])
    whole, states = state_at(until, rest | _retried(lines))
    if at_ms is None:
        whole = STATES[stored.letter]
        states |= {n.path: stored.status(n.path) for n in shown_nodes(stored)}
    created = stored.envelope.created_ms
    last = until[-1].at_ms if until else created
    now = stored.now_ms if at_ms is None else min(at_ms, stored.now_ms)
    end = last if whole in _OVER else max(last, now)
    mine = attempts.by_path(until)
    ends = _ends(mine)
    nodes = [n for n in _seen(stored, mine, states) if n.kind != "output"]
    made = {path: attempts.tries(some) for path, some in mine.items()}
    path = critical(stored, until) if with_path else set[str]()
    rows = [
        _row(node, made.get(node.path, []), states, _ready(node, ends, created), (created, end))
        | {"critical": node.path in path}
        for node in nodes[:limit]
    ]
    body = [n.path for n in stored.plan.body.nodes if n.path != OUTPUT]
    done = sum(states.get(one) in _DONE for one in body)
    return {
        "execution_id": stored.id,
        "status": whole,
        "at": instant(at_ms) if at_ms is not None else None,
        "created_at": instant(created),
        "last_at": instant(lines[-1].at_ms if lines else created),
        "duration_ms": max(0, end - created),
        "progress": {
            "total": len(body),
            "done": done,
            "percent": 100 * done // len(body) if body else 100,
        },
        "usage": _used(made),
        "event": _event(lines, until),
        "steps": rows,
        "steps_total": len(nodes),
        "critical_path": _told_path(path, rows, max(1, end - created)),
    }


def _until(lines: Sequence[Line], at_ms: int) -> Sequence[Line]:
    return lines[: bisect_right(lines, at_ms, key=lambda line: line.at_ms)]


def _retried(lines: Sequence[Line]) -> set[str]:
    """Steps that ran again because the whole execution was retried."""
    at = max((i for i, line in enumerate(lines) if line.kind == "K"
              and line.data.partition("\t")[0] == "retry"), default=-1)  # fmt: skip
    return {line.path for line in lines[at + 1 :]} if at >= 0 else set()


def _seen(stored: Stored, mine: Mapping[str, Any], states: Mapping[str, str]) -> list[Node]:
    """Steps of the body, each with those inside it that had been reached."""
    found: list[Node] = []

    def walk(steps: Steps) -> None:
        for node in steps.nodes:
            if not steps.path or node.path in mine or states.get(node.path, "") in _DONE:
                found.append(node)
                for inner in node.scopes():
                    walk(inner)

    walk(stored.plan.body)
    return found


def _ends(mine: Mapping[str, Sequence[Line]]) -> dict[str, int]:
    """When each step was done; of one that opened others also when it did, as `path>`."""
    found: dict[str, int] = {}
    for path, lines in mine.items():
        for line in lines:
            if line.kind in "CFS":
                found[path] = line.at_ms
            elif line.kind == "O":
                found.setdefault(f"{path}>", line.at_ms)
    return found


def _ready(node: Node, ends: Mapping[str, int], created_ms: int) -> int:
    """When its first attempt could begin: at the end of the last of what it waited for."""
    before = [ends.get(path, 0) for path in (*node.joins, *node.waits)]
    return max([created_ms, ends.get(f"{node.scope.path}>", 0), *before])


def _row(
    node: Node, found: Sequence[attempts.Try], states: Mapping[str, str], ready_ms: int,
    span: tuple[int, int],
) -> dict[str, Json]:  # fmt: skip
    created, end = span
    bars: list[dict[str, Json]] = []
    for one in found[-BARS_MAX:]:
        ready = min(ready_ms, one.claimed_ms) if one.number == found[0].number else one.claimed_ms
        for part in attempts.spans(one, ready, end):
            at = {"from_ms": part["from"] - created, "to_ms": part["to"] - created}
            tells = {"kind": part["kind"], "state": one.state, "attempt": one.number}
            bars.append({**tells, **at, "agent": one.agent, "open": one.ended_ms is None})
        ready_ms = one.ended_ms or ready_ms
    return {
        "path": node.path,
        "type": node.kind,
        "status": states.get(node.path, "waiting"),
        "attempts": max((one.number for one in found), default=0),
        "bars": bars[-BARS_MAX:],
    }


def critical(stored: Stored, lines: Sequence[Line]) -> set[str]:
    """Steps between the first and the one that ended last, each behind its latest dependency."""
    begin = stored.envelope.created_ms
    rows, _ = profiling.rows(stored.plan, profiling.tracks(lines), begin, {}, STEPS_MAX)
    done = [i for i, row in enumerate(rows) if row["ended_ms"]]
    found: set[int] = set()
    while done:
        at = max(done, key=lambda i: (rows[i]["ended_ms"], i))
        found.add(at)
        done = [i for i in rows[at]["depends_on"] if rows[i]["ended_ms"] and i not in found]
    return {str(rows[i]["path"]) for i in found}


def _told_path(
    path: set[str], rows: Sequence[dict[str, Json]], whole_ms: int
) -> list[dict[str, Json]]:
    """The critical path with what each step takes of the whole; a step inside another apart."""
    found: list[dict[str, Json]] = []
    around = {inner[:i] for inner in path for i, sign in enumerate(inner) if sign == "/"}
    for row in rows:
        if row["path"] not in path or not row["bars"]:
            continue
        took = row["bars"][-1]["to_ms"] - row["bars"][0]["from_ms"]
        found.append({
            "path": row["path"], "took_ms": took, "share": round(min(1.0, took / whole_ms), 4),
            "opens": row["path"] in around,
        })  # fmt: skip
    return found


def _used(made: Mapping[str, Sequence[attempts.Try]]) -> dict[str, Json]:
    used = [one.usage for some in made.values() for one in some if one.usage]
    costs = [one["cost_usd"] for one in used if one.get("cost_usd") is not None]
    return {
        "input_tokens": sum(one.get("input_tokens", 0) for one in used),
        "output_tokens": sum(one.get("output_tokens", 0) for one in used),
        "cost_usd": round(sum(costs), 6) if costs else None,
    }


def _event(lines: Sequence[Line], until: Sequence[Line]) -> dict[str, Json]:
    """Where in the history this is, and the instants before and after it."""
    here = until[-1] if until else None
    first = bisect_right(lines, here.at_ms - 1, key=lambda one: one.at_ms) if here else 0
    before = lines[first - 1].at_ms if first else None
    after = lines[len(until)].at_ms if len(until) < len(lines) else None
    return {
        "seq": here.seq if here else 0,
        "of": len(lines),
        "type": event_of(here)[0] if here else None,
        "path": (here.path or None) if here else None,
        "at_ms": here.at_ms if here else None,
        "previous_ms": before,
        "next_ms": after,
        "first_ms": lines[0].at_ms if lines else None,
        "last_ms": lines[-1].at_ms if lines else None,
    }
