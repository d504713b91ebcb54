"""The spans of an execution: its history as a trace. Pure.

They are told at its end, from what the store has kept, and not as they happen: so they are whole
whoever died meanwhile, and their times are those of the store. Times have milliseconds; what ends
in one ends with it, so that what an agent did meanwhile lies inside.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from orchestra import conventions as names
from orchestra import tracing
from orchestra.store.keys import Tenant
from orchestra.tracing import Span, Trace, Value
from orchestra.workflows.history.chronicle import Line, told
from orchestra.workflows.planning.facts import Envelope

STEPS_MAX: Final = 2_000
"""Of one execution. The first ones are told; the root says how many there were."""
STEPS_LEFT_OUT: Final = "orchestra.steps_left_out"
COLUMNS: Final = 6
_MS: Final = 1_000_000
_ITEM: Final = re.compile(r"\[\d+\]")
_ENDS: Final = {"D": "completed", "F": "failed", "C": "cancelled", "L": "rolled_back"}
_OVER: Final = {"C": "completed", "F": "failed", "S": "skipped"}
_PAUSES: Final = frozenset("YALHO")
"""What ends an attempt, but not its step."""


_OPENS: Final = frozenset("OA")
"""What holds other steps, or waits, is claimed twice for one attempt, and calls nobody."""


class Ended(msgspec.Struct, frozen=True):
    """An execution, as far as spans tell of it. `failures`: by step, the code of its last error."""

    execution: str
    tenant: Tenant
    envelope: Envelope
    failures: Mapping[str, str] = {}


def trace_of(tenant: str, execution: str, envelope: Envelope) -> Trace:
    """The trace it belongs to, at what it was started by; of its own without a span there."""
    return tracing.read(envelope.trace) or tracing.begun(tenant, execution)


def spans_of(ended: Ended, lines: list[Line], position: str) -> Iterator[Span]:
    """What happened until the end at `position`, since the end before it; the execution first."""
    ends = [i for i, line in enumerate(lines) if line.kind == "E"]
    at = next((n for n, i in enumerate(ends) if lines[i].position == position), None)
    if at is None:
        return
    episode = lines[ends[at - 1] + 1 if at else 0 : ends[at] + 1]
    yield from _Episode(ended, episode, at).spans()


class _Episode:
    """From the start, or from when it went on after its end, to its end."""

    def __init__(self, ended: Ended, lines: list[Line], number: int) -> None:
        self._ended, self._lines, self._number = ended, lines, number
        above = trace_of(ended.tenant, ended.execution, ended.envelope)
        self._parent = above.span_id
        self._trace = above.at(tracing.of_execution(ended.execution, number))
        self._begun = above.at(tracing.of_execution(ended.execution))
        self._of: dict[str, list[Line]] = {}
        for line in lines:
            if line.path and line.path[0] != ":":
                self._of.setdefault(line.path, []).append(line)
        self._steps = {path: some for path, some in self._of.items() if _began(some)}
        self._ids = {path: self._id(path) for path in self._steps}

    def spans(self) -> Iterator[Span]:
        """All of them."""
        root = self._root()
        told = list(self._steps)[:STEPS_MAX]
        if len(told) < len(self._steps):
            root.attributes[STEPS_LEFT_OUT] = len(self._steps) - len(told)
        yield root
        for path in told:
            yield from self._step(path)

    def _root(self) -> Span:
        ended, envelope = self._ended, self._ended.envelope
        status = _ENDS.get(self._lines[-1].data, self._lines[-1].data)
        known: dict[str, Value] = {
            names.GEN_AI_OPERATION: names.INVOKE_WORKFLOW,
            names.GEN_AI_WORKFLOW: envelope.workflow_name,
            names.WORKFLOW: envelope.workflow_id,
            names.WORKFLOW_VERSION: envelope.workflow_version,
            names.EXECUTION: ended.execution,
            names.EXECUTION_STATUS: status,
            names.TENANT: str(ended.tenant),
        }
        name = f"{names.INVOKE_WORKFLOW} {envelope.workflow_name}"
        parent = self._parent
        if self._number and not parent:
            parent = self._begun.span_id
        times = (self._lines[0].at_ms * _MS, _end_ns(self._lines[-1]))
        span = Span(name, "internal", self._trace, parent, times, known)
        if self._number:  # it went on after its end: not part of it, and not without it
            span.link(self._begun)
        if status != "completed":
            span.fail(status)
        return span

    def _step(self, path: str) -> Iterator[Span]:
        lines = self._steps[path]
        begins = [line for line in lines if line.kind == "R"]
        last = self._ending(lines)
        status = _status(path, last)
        known: dict[str, Value] = {
            names.STEP: path,
            names.STEP_STATUS: status,
            names.ATTEMPTS: begins[-1].attempt or 1,
            names.EXECUTION: self._ended.execution,
        } | _spent(last)
        plain = _ITEM.sub("[]", path)
        name = f"undo {plain[1:]}" if path[0] == "~" else f"step {plain}"
        times = (begins[0].at_ms * _MS, _end_ns(last))
        span = Span(
            name, "internal", self._trace.at(self._ids[path]), self._above(path), times, known
        )
        if status in ("failed", "cancelled"):
            span.fail(self._ended.failures.get(path, status))
        yield span
        if len(begins) > 1 and not any(line.kind in _OPENS for line in lines):
            yield from (self._attempt(path, lines, line) for line in begins)

    def _attempt(self, path: str, lines: list[Line], began: Line) -> Span:
        """One claim of a step that had several: tried again, resumed, or taken over."""
        n, known = began.attempt or 1, dict[str, Value]()
        after = lines[lines.index(began) + 1 :]
        last = next((one for one in after if one.kind in _PAUSES or one.kind in _OVER), None)
        last = last or self._lines[-1]
        known = {names.STEP: path, names.ATTEMPT: n, names.EXECUTION: self._ended.execution}
        known |= _spent(last)
        trace = self._trace.at(_attempt_id(self._ended.execution, began))
        times = (began.at_ms * _MS, _end_ns(last))
        span = Span(f"attempt {n}", "internal", trace, self._ids[path], times, known)
        match last.kind:
            case "F":
                span.fail(self._ended.failures.get(path, "failed"))
            case "Y":
                span.fail(_retried(last))
            case "L":
                span.fail("replica.lost")
            case "E":
                span.fail("cancelled")
            case _:
                pass
        return span

    def _id(self, path: str) -> str:
        """That of its only claim, which is what agents are told; else one of its own."""
        begins = [line for line in self._steps[path] if line.kind == "R"]
        if len(begins) == 1:
            return _attempt_id(self._ended.execution, begins[0])
        return tracing.derived("step", self._ended.execution, path, self._number)

    def _above(self, path: str) -> str:
        """The span of the step it lies in."""
        while "/" in path or path.endswith("]"):
            path = path.rpartition("/")[0] if not path.endswith("]") else path.rpartition("[")[0]
            if path in self._ids:
                return self._ids[path]
        return self._trace.span_id

    def _ending(self, lines: list[Line]) -> Line:
        """What ended a step; the end of all where nothing did."""
        over = [line for line in lines if line.kind in _OVER]
        return over[-1] if over else self._lines[-1]


def _attempt_id(execution: str, began: Line) -> str:
    return tracing.of_attempt(execution, began.path, began.token.partition(".")[0])


def _began(lines: list[Line]) -> bool:
    return any(line.kind == "R" for line in lines)


def _end_ns(line: Line) -> int:
    return line.at_ms * _MS + _MS - 1


def _status(path: str, last: Line) -> str:
    if last.kind == "E":
        return "cancelled"
    status = _OVER[last.kind]
    return "compensated" if path[0] == "~" and status == "completed" else status


def _spent(line: Line) -> dict[str, Value]:
    """Who did it, and what was used: in columns, as `recording.py` writes them."""
    columns = line.data.split("\t") if line.kind in ("C", "F") else []
    if len(columns) != COLUMNS or not columns[0]:
        return {}
    known: dict[str, Value] = {names.GEN_AI_AGENT: columns[0]}
    used = ((names.GEN_AI_INPUT_TOKENS, columns[3]), (names.GEN_AI_OUTPUT_TOKENS, columns[4]))
    known |= {name: int(text) for name, text in used if text.isdigit() and int(text)}
    return known


def code_of(record: dict[str, Any]) -> str:
    """The code of the error in a record."""
    error: dict[str, Any] = record.get("error") or {}
    return str(error.get("code", "failed"))


def _retried(line: Line) -> str:
    try:
        record: dict[str, Any] = told(line)
    except msgspec.DecodeError:
        return "failed"
    return code_of(record)
