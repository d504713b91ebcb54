"""What a rollback will undo, in which order and with which input; what it will not, and why. Pure.

It is worked out as the engine does it, from the same stack and with the same templates: so what is
shown is what is then done, as long as nothing runs meanwhile.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from orchestra.instants import instant
from orchestra.workflows.history.chronicle import Line
from orchestra.workflows.history.showing import bounded, shown_error, shown_nodes
from orchestra.workflows.history.stored import STATES, Stored
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning import undoing
from orchestra.workflows.planning.facts import Claim, Facts, Record, Work
from orchestra.workflows.planning.plan import Node
from orchestra.workflows.planning.planner import Call

ITEMS_MAX: Final = 500
_MAY: Final = frozenset("NRPDFC")
_ACTS: Final = frozenset(("agent", "emit"))


def preview(stored: Stored, lines: Sequence[Line], tenant: str) -> dict[str, Json]:
    """The document of `GET …/rollback/preview`."""
    undone = [line.path[1:] for line in lines if line.kind == "C" and line.path[:1] == "~"]
    stack = [entry.decode().split("|", 2)[2] for entry in reversed(stored.undo)]
    order = list(dict.fromkeys([*undone, *stack]))
    facts, cause = _facts(stored), _cause(stored)
    steps = [_undoing(stored, path, facts, tenant, cause) for path in order[:ITEMS_MAX]]
    kept = list(_kept(stored, frozenset(order)))
    failing = stored.state.get("@z", b"").decode()
    blocked = failing[1:] if failing[:1] == "~" and stored.letter == "F" else None
    return {
        "execution_id": stored.id,
        "status": STATES[stored.letter],
        "possible": stored.letter in _MAY,
        "steps": steps,
        "steps_total": len(order),
        "kept": kept[:ITEMS_MAX],
        "kept_total": len(kept),
        "blocked_at": blocked,
        "in_flight": [n.path for n in shown_nodes(stored) if stored.status(n.path) == "running"][
            :ITEMS_MAX
        ],
    }


def _facts(stored: Stored) -> Facts:
    """What the engine would know."""
    records = {
        n: stored.record(n) for n in stored.records if n[0] not in "@$" and n[-1] not in "!>"
    }
    known = {path: record for path, record in records.items() if "status" in record}
    values = {n[1:]: msgspec.json.decode(v) for n, v in stored.records.items() if n[0] == "$"}
    return Facts(envelope=stored.envelope, records=known, variables=values)


def _cause(stored: Stored) -> Record | None:
    path = stored.state.get("@z", b"").decode()
    if path[:1] == "~":
        path = stored.state.get("@x", b"").decode()
    return stored.record(path).get("error") if path in stored.plan.nodes else None


def _undoing(
    stored: Stored, path: str, facts: Facts, tenant: str, cause: Record | None
) -> dict[str, Json]:
    """One step that is undone, or will be."""
    node, was = stored.plan.nodes[path], stored.record(f"~{path}")
    undo = node.undo
    assert undo is not None, "only steps with `compensate` are on the undo stack"
    claim = Claim("", "", stored.id, f"~{path}", tenant, 0, 0, 0, 0)
    made = undoing.call_of(Work(stored.plan, node, claim, facts, stored.now_ms), cause)
    state = stored.status(f"~{path}") if stored.mark(f"~{path}") else "waiting"
    forward = stored.status(path)
    outcome = "completed" if stored.record(path).get("status") == "completed" else "unknown"
    if forward == "running":
        outcome = "running"
    ended, href = was.get("ended_ms"), f"/api/executions/{stored.id}/steps/~{path}"
    wrong = made.record.get("error") if not isinstance(made, Call) else None
    sent = was.get("input", made.request if isinstance(made, Call) else None)
    written = undo.written
    return {
        "path": path,
        "outcome": outcome,
        "status": "completed" if forward == "compensated" else state,
        "agent_type": written.agent.type,
        "agent_id": written.agent.id,
        "capability": written.agent.capability or written.task_type,
        "agent": was.get("agent"),
        "input_data": bounded(sent, href),
        "output": bounded(was.get("output"), href),
        "attempts": was.get("attempts", 0),
        "error": shown_error(was.get("error") or wrong),
        "ended_at": instant(ended) if ended else None,
    }


def _kept(stored: Stored, undone: frozenset[str]) -> Iterator[dict[str, Json]]:
    """Steps with an effect that stays, or that had none, and why."""
    for node in shown_nodes(stored):
        if node.kind in _ACTS and node.path not in undone:
            state = stored.status(node.path)
            reason = _why_kept(node, state)
            yield {"path": node.path, "type": node.kind, "status": state, "reason": reason}


def _why_kept(node: Node, state: str) -> str:
    if state in ("waiting", "ready", "skipped"):
        return "never_ran"
    if node.kind == "emit":
        return "event_was_published" if state == "completed" else "never_ran"
    if node.undo is None:
        return "no_compensation"
    return "failed_for_certain" if state in ("failed", "retrying") else "not_begun"
