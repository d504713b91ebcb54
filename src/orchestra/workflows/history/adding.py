"""What lots add to series: the names of these, and how much. Pure."""

import re
from collections.abc import Sequence
from typing import Any, Final, cast

import msgspec

from orchestra.instruments import Tally
from orchestra.workflows.history.chronicle import Line, event_of, told
from orchestra.workflows.history.lots import STEPS, UNKNOWN, Counts, End, Key, Labels, Lot, Step

LABEL_MAX: Final = 128
COLUMNS: Final = 6
KEYS_MAX: Final = 10_000
TYPES_MAX: Final = 1_000
_ITEM = re.compile(r"\[\d+\]")
_ENDS: Final = {"D": "completed", "F": "failed", "C": "cancelled", "L": "rolled_back"}
_UNDOING: Final = {b"C": "compensated", b"F": "undo_failed"}


class Adding:
    """What lots add. Remembers the names of what they add to."""

    def __init__(self) -> None:
        self._steps: dict[tuple[int, bytes, str, bytes, bytes], tuple[Key, Key | None, Key]] = {}
        self._ends: dict[tuple[int, bytes, str, bytes], tuple[Key, Key, Key | None]] = {}
        self._types: dict[tuple[bytes, bool, bytes], str] = {}

    def add(self, lot: Lot, into: Counts) -> None:
        """Add what a lot says."""
        for (kind, begins, tenant), n in lot.plain.items():
            if begins != b":":
                self._event(into, (lot.at_s, tenant, kind, begins == b"~", b""), n)
        for (said, tenant), n in lot.said.items():
            self._event(into, (lot.at_s, tenant, b"K", False, said), n)
        for (tenant, workflow), n in lot.started.items():
            labels = (("workflow", workflow),)
            _add(into, (tenant.decode(), "orchestra_executions_started_total", labels, lot.at_s), n)
            self._event(into, (lot.at_s, tenant, b"N", False, b""), n)
        for end, n in lot.ended.items():
            self._end(into, lot.at_s, end, n)
        for step, n in lot.steps.items():
            self._step(into, lot.at_s, step, n)

    def _event(self, into: Counts, event: tuple[int, bytes, bytes, bool, bytes], n: int) -> None:
        at_s, tenant, kind, undo, said = event
        name = self._type(kind, undo=undo, said=said)
        if name:
            labels = (("type", name),)
            _add(into, (tenant.decode(), "orchestra_events_total", labels, at_s), n)

    def _end(self, into: Counts, at_s: int, end: End, n: int) -> None:
        tenant, workflow, data, took_ms = end
        known = (at_s, tenant, workflow, data)
        names = self._ends.get(known)
        if names is None:
            if len(self._ends) >= KEYS_MAX:
                self._ends.clear()
            names = self._ends[known] = self._names_of_end(known)
        total, seconds, event = names
        _add(into, total, n)
        if took_ms is not None:
            _observe(into, seconds, took_ms / 1_000, n)
        if event:
            _add(into, event, n)

    def _names_of_end(self, known: tuple[int, bytes, str, bytes]) -> tuple[Key, Key, Key | None]:
        """What the end of an execution adds to: how many, how long, the event."""
        at_s, tenant, workflow, data = known
        whose, outcome = tenant.decode(), _ENDS.get(data.decode(), "ended")
        labels = (("outcome", outcome), ("workflow", workflow))
        event = self._type(b"E", undo=False, said=data.partition(b"\t")[0])
        return (
            (whose, "orchestra_executions_total", labels, at_s),
            (whose, "orchestra_execution_seconds", (("workflow", workflow),), at_s),
            (whose, "orchestra_events_total", (("type", event),), at_s) if event else None,
        )

    def _step(self, into: Counts, at_s: int, step: Step, n: int) -> None:
        kind, path, data, tenant, workflow = step
        known = (at_s, tenant, workflow, kind, path)
        names = self._steps.get(known)
        if names is None:
            if len(self._steps) >= KEYS_MAX:
                self._steps.clear()
            names = self._steps[known] = _steps_of(known)
        total, seconds, waits = names
        _add(into, total, n)
        self._event(into, (at_s, tenant, kind, path[:1] == b"~", b""), n)
        if kind == b"Y":
            _spent(into, (total[0], workflow, at_s), _retried(data), n)
        elif data[:2] == b"\t\t":  # no agent: only how long it took
            if seconds is not None:
                _observe(into, seconds, int(data[2:]) / 1_000, n)
        else:
            columns = data.split(b"\t")
            if len(columns) == COLUMNS:
                if seconds is not None:
                    _observe(into, seconds, int(columns[2]) / 1_000, n)
                    _observe(into, waits, int(columns[1] or 0) / 1_000, n)
                _spent(into, (total[0], workflow, at_s), columns, n)

    def _type(self, kind: bytes, *, undo: bool, said: bytes) -> str:
        """The type of the event that a transition is; empty for what is nobody's business."""
        key = (kind, undo, said)
        found = self._types.get(key)
        if found is None:
            line = Line(0, "0-0", kind.decode(), "~" if undo else "", "0", said.decode())
            name, level = event_of(line)
            found = "" if level == "debug" else name
            if len(self._types) < TYPES_MAX:
                self._types[key] = found
        return found


def _steps_of(known: tuple[int, bytes, str, bytes, bytes]) -> tuple[Key, Key | None, Key]:
    """What a step adds to: how many, how long, waiting. No times of what undoes another one."""
    at_s, tenant, workflow, kind, path = known
    whose, undo = tenant.decode(), path[:1] == b"~"
    outcome = (undo and _UNDOING.get(kind)) or STEPS[kind]
    name = _ITEM.sub("[]", path.decode(errors="replace"))[:LABEL_MAX]
    of_step = (("step", name), ("workflow", workflow))
    seconds = (whose, "orchestra_step_seconds", of_step, at_s)
    return (
        (whose, "orchestra_steps_total", (("outcome", outcome), ("workflow", workflow)), at_s),
        seconds if kind in (b"C", b"F") and not undo else None,
        (whose, "orchestra_step_wait_seconds", of_step, at_s),
    )


def _spent(into: Counts, of: tuple[str, str, int], columns: Sequence[bytes], times: int) -> None:
    whose, workflow, at_s = of
    if len(columns) < COLUMNS:
        return
    agent = columns[0].decode(errors="replace")[:LABEL_MAX] or UNKNOWN
    for kind, text in (("input", columns[3]), ("output", columns[4])):
        if n := int(text):
            labels: Labels = (("agent", agent), ("kind", kind), ("workflow", workflow))
            _add(into, (whose, "orchestra_workflow_tokens_total", labels, at_s), n * times)
    if micro := int(columns[5]):
        labels = (("agent", agent), ("workflow", workflow))
        key = (whose, "orchestra_workflow_cost_usd_total", labels, at_s)
        _add(into, key, micro * times / 1_000_000)


def _add(into: Counts, key: Key, n: float) -> None:
    into[key] = cast("float", into.get(key, 0)) + n


def _observe(into: Counts, key: Key, value: float, n: int = 1) -> None:
    had = into.get(key)
    if had is None:
        had = into[key] = Tally()
    assert isinstance(had, Tally)
    had.add(value, n)


def _retried(data: bytes) -> list[bytes]:
    """The columns of an attempt that failed, from its record."""
    try:
        record: dict[str, Any] = told(Line(0, "0-0", "Y", "", "0", data.decode(errors="replace")))
    except msgspec.DecodeError:  # a record that lies elsewhere
        return []
    usage = cast("dict[str, Any]", record.get("usage") or {})
    numbers = (
        record.get("queued_ms", 0),
        0,
        usage.get("input_tokens", 0),
        usage.get("output_tokens", 0),
        round((usage.get("cost_usd") or 0) * 1_000_000),
    )
    return [str(record.get("agent") or "").encode(), *(str(int(n)).encode() for n in numbers)]
