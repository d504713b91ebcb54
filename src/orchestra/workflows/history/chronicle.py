"""The history of an execution: lines of its journal -> logs and history. Pure.

A line is `position|kind|path|token|data` (ENGINE.md §14); only this file reads the letters.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from orchestra import tracing
from orchestra.instants import instant
from orchestra.store import partitions
from orchestra.workflows.history.showing import shown_error, waits_for
from orchestra.workflows.history.stored import Stored
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.facts import Record

_STEP = {
    "R": ("step.started", "info"),
    "C": ("step.completed", "info"),
    "F": ("step.failed", "error"),
    "S": ("step.skipped", "info"),
    "Y": ("step.retry_scheduled", "warning"),
    "A": ("step.suspended", "info"),
    "G": ("step.answered", "info"),
    "H": ("step.held", "error"),
    "O": ("step.expanded", "debug"),
    "L": ("step.recovered", "warning"),
    "W": ("step.woken", "debug"),
    "Z": ("step.answered_late", "warning"),
}
_ENDS = {"D": "completed", "F": "failed", "C": "cancelled", "L": "rolled_back"}
_CONTROLS = {
    "pause": "paused",
    "interrupt": "paused",
    "resume": "resumed",
    "rollback": "rollback_started",
    "retry": "retried",
    "cancel": "cancel_requested",
    "signal": "signalled",
    "rollback_requested": "rollback_requested",
    "skip_undo_requested": "skip_undo_requested",
}
TYPES = frozenset(
    {name for name, level in _STEP.values() if level != "debug"}
    | {"step.compensated", "workflow.accepted", "workflow.started", "workflow.deadline_exceeded"}
    | {f"workflow.{name}" for name in (*_CONTROLS.values(), "controlled", *_ENDS.values(), "ended")}
)
"""Every name of `event_of` that is published."""
DATA_MAX_BYTES = 4 * 1024


class Line(NamedTuple):
    """One transition."""

    seq: int
    position: str
    kind: str
    path: str
    token: str
    data: str

    @property
    def at_ms(self) -> int:
        """When it happened, by the partition's clock."""
        return int(self.position.split("-")[0])

    @property
    def attempt(self) -> int | None:
        """The attempt it belongs to, from 1."""
        parts = self.token.split(".")
        return int(parts[1]) + 1 if len(parts) > 2 else None


def read(lines: list[bytes], first: int = 1) -> list[Line]:
    """The stored list, parsed. `first`: the number of its first line."""
    return [
        Line(seq, *(part.decode(errors="replace") for part in line.split(b"|", 4)))
        for seq, line in enumerate(lines, first)
    ]


def event_of(line: Line) -> tuple[str, str]:
    """Published name and level of a transition."""
    if line.kind in _STEP:
        name, level = _STEP[line.kind]
        if line.path[:1] == "~" and line.kind == "C":
            return "step.compensated", "info"
        return name, level
    match line.kind:
        case "N":
            return "workflow.accepted", "info"
        case "B":
            return "workflow.started", "info"
        case "T":
            return "workflow.deadline_exceeded", "error"
        case "K":
            return f"workflow.{_CONTROLS.get(line.data.split(chr(9))[0], 'controlled')}", "info"
        case "E":
            ended = _ENDS.get(line.data, "ended")
            return f"workflow.{ended}", "error" if ended == "failed" else "info"
        case _:
            return "workflow.noted", "debug"


def logs(stored: Stored, lines: list[Line], tag: int) -> Iterator[dict[str, Json]]:
    """The items of `GET /api/executions/{id}/logs`, oldest first."""
    last = {line.path: line for line in lines if line.kind == "R"}
    trace_id = _trace_id(stored)
    for line in lines:
        event, level = event_of(line)
        record = stored.record(line.path) if line.path and line.path[0] != "!" else {}
        agent = record.get("agent") if line.kind in "CF" else None
        yield {
            "id": partitions.event_id(0, tag, line.position),
            "at": instant(line.at_ms),
            "level": level,
            "event": event,
            "step": line.path or None,
            "attempt": line.attempt if line.path else None,
            "agent": agent,
            "message": _message(line, event, record),
            "data": _data(line, record, is_last=last.get(line.path) is line) | _sent(stored, line),
            "trace_id": trace_id,
        }


def _trace_id(stored: Stored) -> str:
    """The trace that it belongs to: that of who started it, or its own."""
    trace = tracing.read(stored.envelope.trace)
    if trace is not None:
        return trace.trace_id
    return tracing.derived_trace(stored.state["@t"].decode(), stored.id)


def history(stored: Stored, lines: list[Line]) -> Iterator[dict[str, Json]]:
    """The items of `GET /api/executions/{id}/history`, oldest first."""
    actor = stored.envelope.actor
    for line in lines:
        event, _ = event_of(line)
        op, _, rest = line.data.partition("\t") if line.kind == "K" else ("", "", "")
        by = rest.partition("\t")[0] if op else (actor if line.kind == "N" else "")
        yield {
            "seq": line.seq,
            "at": instant(line.at_ms),
            "type": event,
            "path": line.path or None,
            "attempt": line.attempt if line.path else None,
            "actor": {"type": _actor_type(by), "id": by or None},
            "data": told(line) | _sent(stored, line),
        }


def _sent(stored: Stored, line: Line) -> dict[str, Json]:
    """The payload of a signal: in no event, for those go further."""
    if line.kind != "K" or not line.data.startswith("signal\t"):
        return {}
    signal = stored.signal(told(line)["signal"])
    return {"payload": _small(signal.payload)} if signal is not None else {}


def last_failures(lines: list[Line]) -> dict[str, Record]:
    """By step: the error of its last attempt that is followed by another one."""
    return {
        line.path: {"error": told(line).get("error"), "attempts": line.attempt}
        for line in lines
        if line.kind == "Y"
    }


def paused(lines: list[Line]) -> tuple[int, str, str, str] | None:
    """The last pause: when, by whom, mode, reason."""
    for line in reversed(lines):
        op, *rest = line.data.split("\t") if line.kind == "K" else [""]
        if op in ("pause", "interrupt"):
            by, reason = (*rest, "", "")[:2]
            return line.at_ms, by, "interrupt" if op == "interrupt" else "drain", reason
    return None


def _actor_type(actor: str) -> str:
    if not actor:
        return "engine"
    if actor.startswith("hook:"):
        return "hook"
    return "key" if actor.startswith("key_") else "user"


def _message(line: Line, event: str, record: dict[str, Any]) -> str:
    subject = f"step {line.path} " if line.path else "execution "
    verb = event.split(".")[1].replace("_", " ")
    error = _error(line, record)
    return subject + verb + (f": {error['code']}: {error['message']}" if error else "")


def _error(line: Line, record: dict[str, Any]) -> dict[str, Any] | None:
    if line.kind == "Y":
        return told(line).get("error")
    return record.get("error") if line.kind == "F" else None


def _data(line: Line, record: dict[str, Any], *, is_last: bool) -> dict[str, Json]:
    match line.kind:
        case "R":
            return {"input_data": _small(record.get("input"))} if is_last else {}
        case "C":
            made = {"output": _small(record.get("output")), "duration_ms": _duration(record)}
            return made | ({"handled": shown_error(record["error"])} if "error" in record else {})
        case "F":
            return {"error": shown_error(record.get("error"))}
        case "S":
            return {"reason": record.get("reason")}
        case "Y":
            raw = told(line)
            return {"error": shown_error(raw.get("error")), "delay_ms": raw.get("delay_ms")}
        case _:
            return told(line)


def _duration(record: dict[str, Any]) -> int | None:
    started, ended = record.get("started_ms"), record.get("ended_ms")
    return ended - started if started and ended else None


def told(line: Line) -> dict[str, Any]:
    """What the journal itself says."""
    match line.kind:
        case "Y":
            return msgspec.json.decode(line.data) if line.data else {}
        case "O":
            return {"steps": int(line.data or 0)}
        case "A":
            return {"waits_for": waits_for(_read(line.data).get("wait"))}
        case "G":
            return {"signal": line.data} if line.data else {}
        case "K":
            parts = line.data.split("\t")
            if parts[0] == "signal":
                return {"op": "signal", "signal": parts[2] if len(parts) > 2 else ""}
            reason = parts[2] if len(parts) > 2 and parts[2] else None
            return {"op": parts[0]} | ({"reason": reason} if reason else {})
        case "E":
            return {"status": _ENDS.get(line.data, line.data)}
        case "N":
            return {"definition": line.data}
        case "Z":
            return {"late_result": _read(line.data.partition(" ")[2])}
        case _:
            return {}


def _read(text: str) -> Json:
    """A record in the journal. That of a superseded attempt (R13) was cut at 4 KiB."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {"$truncated": True}


def _small(value: Json) -> Json:
    size = len(msgspec.json.encode(value))
    return value if size <= DATA_MAX_BYTES else {"$truncated": True, "bytes": size}
