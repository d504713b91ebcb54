"""How an execution is shown: what the store has -> the documents of WORKFLOWS.md §12. Pure."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from orchestra.instants import instant
from orchestra.workflows.history.stored import STATES, Stored
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.facts import Record
from orchestra.workflows.planning.plan import OUTPUT, Node, Steps

SHOWN_MAX_BYTES = 16 * 1024
STEPS_SHOWN = 200
_CANCELLED = {"code": "cancelled", "message": "what it was part of ended while it waited"}
_DONE = frozenset(("completed", "failed", "skipped", "compensated"))


def status(stored: Stored) -> dict[str, Json]:
    """The document of `GET /api/executions/{id}/status`."""
    envelope, letter = stored.envelope, stored.letter
    created_ms = envelope.created_ms
    ended_ms = int(stored.state["@f"]) if "@f" in stored.state else None
    nodes = list(shown_nodes(stored))
    body = [n.path for n in stored.plan.body.nodes if n.path != OUTPUT]
    done = sum(stored.status(path) in _DONE for path in body)
    running = [n.path for n in nodes if stored.status(n.path) == "running"]
    steps = [step(stored, n.path) for n in nodes[:STEPS_SHOWN]]
    base = f"/api/executions/{stored.id}"
    started = [stored.record(n.path).get("started_ms", 0) for n in nodes]
    first = min((ms for ms in started if ms), default=None)
    return {
        "execution_id": stored.id,
        "id": stored.id,
        "workflow_id": envelope.workflow_id,
        "workflow_name": envelope.workflow_name,
        "workflow_version": envelope.workflow_version,
        "status": STATES[letter],
        "waiting_for": [waiting(stored, n) for n in nodes if stored.awaits(n.path)],
        "progress": {
            "total": len(body),
            "done": done,
            "percent": 100 * done // len(body) if body else 100,
        },
        "current_steps": running,
        "input_data": bounded(envelope.input, f"{base}/input"),
        "output": output(stored) if letter == "D" else None,
        "error": error(stored),
        "created_at": instant(created_ms),
        "started_at": instant(first) if first else None,
        "ended_at": instant(ended_ms) if ended_ms else None,
        "duration_ms": max(0, (ended_ms or stored.now_ms) - created_ms),
        "usage": usage(stored, nodes),
        "labels": envelope.labels,
        "pause": _pause(stored),
        "rollback": _rollback(stored),
        "parent": None,
        "forked_from": None,
        "durability": stored.durability,
        "links": {
            name: f"{base}/{name}" if name != "self" else base
            for name in ("self", "status", "logs", "history", "steps")
        },
        "steps": steps,
        "steps_next_cursor": nodes[STEPS_SHOWN].path if len(nodes) > STEPS_SHOWN else None,
    }


def shown_nodes(stored: Stored) -> Iterator[Node]:
    """Every step that can be seen: those of the body, and those inside that were reached."""
    return _walk(stored, stored.plan.body)


def _walk(stored: Stored, steps: Steps) -> Iterator[Node]:
    for node in steps.nodes:
        if node.kind == "output" or (steps.path and not stored.mark(node.path)):
            continue
        yield node
        for inner in node.scopes():
            yield from _walk(stored, inner)


def step(stored: Stored, path: str, *, whole: bool = False) -> dict[str, Json]:
    """One step as it is shown; `whole` leaves nothing out however large it is."""
    node, record = stored.plan.nodes[path.removeprefix("~")], stored.record(path)
    state, href = stored.status(path), f"/api/executions/{stored.id}/steps/{path}"

    def fit(value: Json) -> Json:
        return value if whole else bounded(value, href)

    started, ended = record.get("started_ms"), record.get("ended_ms")
    reason = record.get("reason")
    if state == "skipped" and not reason:
        reason = "cancelled"
    failure = shown_error(record.get("error"))
    if state == "failed" and failure is None and node.kind == "wait":
        failure = dict(_CANCELLED)
    made: dict[str, Any] = {
        "id": node.step.id,
        "path": path,
        "type": node.kind,
        "status": state,
        "reason": reason,
        "attempts": stored.attempt(path) or record.get("attempts", 0),
        "error": failure,
        "agent": record.get("agent"),
        "input_data": fit(record.get("input")),
        "filled": record.get("filled", {}),
        "output": fit(record.get("output")),
        "queued_ms": record.get("queued_ms", 0),
        "started_at": instant(started) if started else None,
        "ended_at": instant(ended) if ended else None,
        "duration_ms": max(0, ended - started) if started and ended else None,
    }
    for name in ("case", "degraded", "usage", "blob"):
        if name in record:
            made[name] = record[name]
    if "wait" in record:
        made["waits_for"] = waits_for(record["wait"])
    if whole and "calls" in record:
        made["calls"] = record["calls"]
    return made


def waiting(stored: Stored, node: Node) -> dict[str, Json]:
    """What a step waits for: an entry of `waiting_for`."""
    record = stored.record(node.path)
    since_ms = record.get("started_ms")
    return {
        "step": node.path,
        **waits_for(record.get("wait")),
        "since": instant(since_ms) if since_ms else None,
    }


def waits_for(wait: Record | None) -> dict[str, Json]:
    """A time or a signal, and until when."""
    wait = wait or {}
    until_ms = wait.get("until_ms")
    return {
        "for": wait.get("for", "time"),
        "signal": wait.get("signal"),
        "until": instant(until_ms) if until_ms else None,
    }


def output(stored: Stored) -> Json:
    """Output of a completed execution."""
    href = f"/api/executions/{stored.id}/steps/"
    if OUTPUT in stored.plan.nodes:
        return bounded(stored.record(OUTPUT).get("output"), href + OUTPUT)
    for node in reversed(stored.plan.body.nodes):
        if stored.mark(node.path) == "c":
            return bounded(stored.record(node.path).get("output"), href + node.path)
    return None


def error(stored: Stored) -> Json:
    """Why it ended as it did; None when nothing went wrong."""
    cause = stored.state.get("@z", b"").decode()
    return None if not cause or stored.letter in "DC" else failed_at(cause, stored.record)


def failed_at(cause: str, record: Callable[[str], Record]) -> Json:
    """The error of an execution that ended because of the step `cause`, or of `!deadline`."""
    if cause == "!deadline":
        return {"code": "timeout.execution", "message": "the execution's timeout is over"}
    shown = shown_error(record(cause).get("error"))
    if cause[0] == "~":
        inner = shown["message"] if shown else ""
        message = f"undoing {cause[1:]!r} failed: {inner}"
        return {"code": "rollback.failed", "message": message, "step": cause[1:], "cause": shown}
    while inside := record(cause).get("cause"):
        cause = inside
    return {**shown, "step": cause} if shown else None


def shown_error(record: Record | None) -> dict[str, Json] | None:
    """An error with its instant in words."""
    if not record:
        return None
    made = {name: value for name, value in record.items() if name != "at_ms"}
    made["at"] = instant(record["at_ms"]) if record.get("at_ms") else None
    return made


def bounded(value: Json, href: str) -> Json:
    """The value, or where to get it when it is over 16 KiB."""
    if value is None or type(value) in (bool, int, float):
        return value
    size = len(msgspec.json.encode(value))
    if size <= SHOWN_MAX_BYTES:
        return value
    return {"$truncated": True, "bytes": size, "href": href}


def usage(stored: Stored, nodes: list[Node]) -> dict[str, Json]:
    """Tokens and cost of all steps."""
    found: list[dict[str, Any]] = [stored.record(n.path).get("usage") or {} for n in nodes]
    costs = [part["cost_usd"] for part in found if part.get("cost_usd") is not None]
    return {
        "input_tokens": sum(part.get("input_tokens", 0) for part in found),
        "output_tokens": sum(part.get("output_tokens", 0) for part in found),
        "cost_usd": round(sum(costs), 6) if costs else None,
    }


def _pause(stored: Stored) -> Json:
    if stored.letter != "P":
        return None
    at_ms, by, mode, reason = stored.pause or (0, "", "drain", "")
    return {
        "at": instant(at_ms) if at_ms else None,
        "by": by,
        "mode": mode,
        "reason": reason or None,
        "draining": int(stored.state.get("@r", b"0")) > 0,
    }


def _rollback(stored: Stored) -> Json:
    cause = stored.state.get("@z", b"").decode()
    began = stored.state.get("@x", b"").decode() if cause[:1] == "~" else cause
    undone = [p for p, v in stored.nested.items() if p[:1] == "~" and v[:1] == b"c"]
    if stored.letter not in "BL" and not undone and cause[:1] != "~":
        return None
    return {
        "cause": began or "request",
        "undone": [path[1:] for path in undone],
        "remaining": [entry.decode().split("|", 2)[2] for entry in reversed(stored.undo)],
        "blocked_at": cause[1:] if cause[:1] == "~" and stored.letter == "F" else None,
    }
