"""The attempts of a step, as its lines of the history tell them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from orchestra.instants import instant
from orchestra.workflows.history.chronicle import Line, told
from orchestra.workflows.history.showing import shown_error
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.facts import Record

SHOWN_MAX: Final = 50
"""Of one step. The last ones are shown."""
_COLUMNS: Final = 6
_ENDS: Final = {"C": "completed", "F": "failed", "Y": "failed", "L": "lost", "H": "held"}
_OPENS: Final = "OA"


@dataclass(slots=True)
class Try:
    """One attempt. `waits_ms`: since when it waits for a time or a signal."""

    number: int
    claimed_ms: int
    ended_ms: int | None = None
    state: str = "running"
    agent: str | None = None
    queued_ms: int = 0
    waits_ms: int | None = None
    delay_ms: int | None = None
    error: Record | None = None
    usage: Record | None = None
    calls: Sequence[Record] = ()
    opened: bool = False


def tries(lines: Sequence[Line]) -> list[Try]:
    """Those of one step, in order. What opened other steps goes on with the same attempt."""
    found: list[Try] = []
    for line in lines:
        last = found[-1] if found else None
        open_ = last if last is not None and last.ended_ms is None else None
        if line.kind == "R":
            if open_ is not None and open_.opened:
                continue
            if open_ is not None:  # it was handed back: a pause, or its replica left
                open_.ended_ms, open_.state = line.at_ms, "stopped"
            found.append(Try(line.attempt or 1, line.at_ms))
        elif open_ is not None and line.kind in _OPENS:
            open_.opened = True
            open_.waits_ms = line.at_ms if line.kind == "A" else None
        elif open_ is not None and line.kind in _ENDS:
            open_.ended_ms, open_.state = line.at_ms, _ENDS[line.kind]
            _tell(open_, line)
    return found


def _tell(one: Try, line: Line) -> None:
    """What the line that ended it says."""
    if line.kind == "Y":
        record = _retried(line)
        one.agent, one.error = record.get("agent"), record.get("error")
        one.queued_ms, one.usage = record.get("queued_ms", 0), record.get("usage")
        one.delay_ms, one.calls = record.get("delay_ms"), record.get("calls", ())
        return
    columns = line.data.split("\t") if line.kind in "CF" else []
    if len(columns) == _COLUMNS:
        one.agent, one.queued_ms = columns[0] or None, _number(columns[1])
        used = [_number(text) for text in columns[3:]]
        if any(used):
            one.usage = {"input_tokens": used[0], "output_tokens": used[1]}
            one.usage["cost_usd"] = used[2] / 1_000_000 if used[2] else None


def _retried(line: Line) -> Record:
    try:
        return told(line)
    except msgspec.DecodeError:  # a record that lies elsewhere
        return {}


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def shown(lines: Sequence[Line], record: Record, *, over: bool) -> Iterator[dict[str, Json]]:
    """As the interface shows them. `record`: of the last one; `over`: no more will come."""
    found = tries(lines)
    for one in found[-SHOWN_MAX:]:
        is_last = one is found[-1]
        error, calls = one.error, one.calls
        if is_last:
            error = error or (record.get("error") if one.state != "completed" else None)
            calls = calls or record.get("calls", ())
        state = "stopped" if over and one.ended_ms is None else one.state
        if one.waits_ms is not None and state == "running":
            state = "waiting"
        yield {
            "attempt": one.number,
            "state": state,
            "agent": one.agent or (record.get("agent") if is_last else None),
            "started_at": instant(one.claimed_ms),
            "ended_at": instant(one.ended_ms) if one.ended_ms is not None else None,
            "queued_ms": one.queued_ms,
            "duration_ms": None if one.ended_ms is None else one.ended_ms - one.claimed_ms,
            "delay_ms": one.delay_ms,
            "error": shown_error(error),
            "usage": dict(one.usage) if one.usage else None,
            "calls": list(calls),
        }


def by_path(lines: Sequence[Line]) -> dict[str, list[Line]]:
    """The lines of each step, in the order in which steps were heard of."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        if line.path:
            found.setdefault(line.path, []).append(line)
    return found


def spans(one: Try, ready_ms: int, now_ms: int) -> Iterator[Mapping[str, Any]]:
    """An attempt as parts of a line in time: in a queue, at work, waiting."""
    end = now_ms if one.ended_ms is None else one.ended_ms
    begun = min(one.claimed_ms + one.queued_ms, end)
    if begun > ready_ms:
        yield {"kind": "queued", "from": ready_ms, "to": begun}
    if one.waits_ms is not None:
        yield {"kind": "waiting", "from": one.waits_ms, "to": max(end, one.waits_ms)}
    else:
        yield {"kind": "running", "from": begun, "to": end}
    if one.delay_ms:
        yield {"kind": "waiting", "from": end, "to": min(end + one.delay_ms, max(now_ms, end))}
