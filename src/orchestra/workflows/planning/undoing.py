"""Compensations: what undoes a step, and what follows from its answer (R25 to R27). Pure."""

from collections.abc import Callable

from orchestra.agents import TaskError, TaskResult
from orchestra.workflows.expressions import NOTHING, ExpressionFailed
from orchestra.workflows.language.definition import Json
from orchestra.workflows.planning.facts import Names, Record, Work
from orchestra.workflows.planning.failing import (
    Completion,
    Failure,
    again,
    error_record,
    retry_delay_ms,
    shown_error,
)
from orchestra.workflows.planning.planner import Call


def call_of(work: Work, cause: Record | None) -> Call | Completion:
    """The call that undoes `work.node`. It sees `result` ({} when the outcome is unknown),
    `request`, and the `error` the execution is rolled back for.
    """
    undo = work.node.undo
    assert undo is not None, "only steps with `compensate` are on the undo stack"
    record = work.facts.records.get(work.node.path, {})
    known = record.get("status") == "completed"
    try:
        request = record.get("input")
        if request is None and work.node.input is not None:
            request = work.node.input.render(work.names())
        names: Names = {**work.names(), "result": record.get("output") if known else {}}
        names |= {"request": request, "error": shown_error(cause) if cause else None}
        rendered = undo.input.render(names)
    except ExpressionFailed as problem:
        return _failed(work, TaskError(problem.code, str(problem)), {"ended_ms": work.now_ms}, None)
    written = undo.written
    rendered = dict[str, Json]() if rendered is NOTHING else rendered
    return Call(written.agent, rendered, {}, written.timeout_ms, written.queue_timeout_ms)


def after_call(
    work: Work, result: TaskResult, record: Record, uniform: Callable[[], float]
) -> Completion:
    """Undone, tried again, or given up: then the rollback stops here."""
    if result.error is not None:
        return _failed(work, result.error, record, uniform)
    return Completion("C", {**record, "status": "completed", "output": result.output})


def _failed(
    work: Work, error: TaskError, record: Record, uniform: Callable[[], float] | None
) -> Completion:
    undo = work.node.undo
    assert undo is not None
    shown = error_record(error, work.claim.attempt, record.get("agent"), record["ended_ms"])
    if uniform is not None:
        policy = undo.written.retry
        delay = retry_delay_ms(policy, Failure(error, record), work.claim.attempt, uniform)
        if delay is not None:
            bump = 1 if error.definite else 0
            return Completion("Y", again(record, shown, delay), delay_ms=delay, bump=bump)
    return Completion("F", {**record, "status": "failed", "error": shown})
