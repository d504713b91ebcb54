"""Steps that wait: for how long, and what they come to. Pure.

`waiting` says what to record when one begins, `woken` what when it is claimed again: then its time
has come, or its signal is here. The store decides which of the two was first.
"""

from typing import Final

from orchestra.agents import TaskError
from orchestra.workflows.expressions import NOTHING, ExpressionFailed
from orchestra.workflows.language.definition import Json, Wait
from orchestra.workflows.language.durations import parsed_ms, shown
from orchestra.workflows.language.instants import parsed_instant_ms
from orchestra.workflows.language.tables_wait import WAIT_MAX_MS
from orchestra.workflows.planning.facts import Names, Record, Work
from orchestra.workflows.planning.failing import Completion, Failure, broken, failed
from orchestra.workflows.planning.framing import unpack_signal

CODE: Final = "timeout.wait"
DUE: Final = b"-"


def signal_field(name: str) -> str:
    """Where the records of an execution have a signal."""
    return f"@!{name}"


def answer_fields(work: Work) -> list[str]:
    """What must be read when a step that may have waited is claimed again."""
    wait = work.node.step.wait
    if wait is None:
        return []
    return [f"{work.node.path}!", *([signal_field(wait.signal)] if wait.signal else [])]


def waiting(work: Work) -> Completion:
    """Begin to wait; what was interrupted by the failure of another step goes on (R36).

    Raises ExpressionFailed.
    """
    wait, before = work.node.step.wait, work.facts.records.get(work.node.path, {})
    assert wait is not None
    record: Record = {"status": "running", "try": work.claim.k, "attempts": work.claim.attempt}
    if before.get("status") == "running" and "wait" in before:
        record |= {"started_ms": before["started_ms"], "wait": before["wait"]}
    else:
        until_ms = _until_ms(work, wait)
        if isinstance(until_ms, Completion):
            return until_ms
        told: Record = {"for": "signal" if wait.signal else "time", "until_ms": until_ms}
        if wait.signal:
            told["signal"] = wait.signal
        record |= {"started_ms": work.now_ms, "wait": told}
    left_ms = record["wait"]["until_ms"] - work.now_ms
    if wait.signal:  # even when it is late: only the store knows whether the signal was first
        return Completion("A", record, spawn=f"signal\t{wait.signal}", delay_ms=max(1, left_ms))
    if left_ms <= 0:
        return _over(work, wait, record)
    return Completion("A", record, delay_ms=left_ms)


def woken(work: Work) -> Completion:
    """A step that waited, and is claimed again. Raises ExpressionFailed, CorruptRecord."""
    wait, answers = work.node.step.wait, work.facts.answers
    assert wait is not None
    record = dict(work.facts.records[work.node.path])
    signal = answers.get(signal_field(wait.signal)) if wait.signal else None
    if answers.get(f"{work.node.path}!") == DUE:
        return _over(work, wait, record)
    if signal is not None:
        return _completed(work, record, unpack_signal(signal).payload)
    return waiting(work)  # its timer was lost, and the sweeper brought it back


def _until_ms(work: Work, wait: Wait) -> int | Completion:
    """When it is over, whatever happens."""
    if wait.kind == "signal":
        return work.now_ms + wait.timeout_ms
    assert work.node.input is not None
    value: Json = work.node.input.render(work.names())
    if wait.kind == "for":
        delay_ms = parsed_ms(value)
        wanted = 'a duration with its unit, such as "30s"'
    else:
        instant_ms = parsed_instant_ms(value)
        delay_ms = None if instant_ms is None else instant_ms - work.now_ms
        wanted = "an RFC 3339 instant with its offset"
    if delay_ms is None:
        message = f"'{wait.kind}' came to {str(value)[:100]!r}, which is not {wanted}"
        return broken(work, TaskError("expression.type", message))
    if delay_ms > WAIT_MAX_MS:
        message = f"a step may wait {shown(WAIT_MAX_MS)}, this would be {shown(delay_ms)}"
        return broken(work, TaskError("expression.limit", message))
    return work.now_ms + delay_ms


def _over(work: Work, wait: Wait, record: Record) -> Completion:
    """Its time has come: what was to happen then, or that nobody answered."""
    if wait.kind != "signal":
        return _completed(work, record, None)
    rule = wait.on_timeout
    if rule.do == "continue":
        assert work.node.payload is not None
        output: Json = work.node.payload.render(work.names())
        record["reason"] = "timeout"
        return _completed(work, record, None if output is NOTHING else output)
    message = rule.message or f"no signal {wait.signal!r} within {shown(wait.timeout_ms)}"
    record = {**_ended(record), "ended_ms": work.now_ms}
    return failed(work, Failure(TaskError(rule.error or CODE, message), record))


def _completed(work: Work, record: Record, output: Json) -> Completion:
    record = {**_ended(record), "ended_ms": work.now_ms}
    if work.node.output is not None:
        names: Names = {**work.names(), "result": output, "request": {}}
        try:
            output = work.node.output.render(names)
        except ExpressionFailed as problem:
            return failed(work, Failure(TaskError(problem.code, str(problem)), record))
        output = None if output is NOTHING else output
    done = {**record, "status": "completed", "output": output}
    return Completion("C", done, succ=work.node.succ)


def _ended(record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "try"}
