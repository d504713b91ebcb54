"""What a compensation is called with, and what follows from its answer."""

from typing import Any

from workflow_work import NOW_MS, a_work

from orchestra.agents import TaskError, TaskResult
from orchestra.workflows.planning import undoing
from orchestra.workflows.planning.facts import Record, Work
from orchestra.workflows.planning.failing import Completion
from orchestra.workflows.planning.planner import Call

UNDO: dict[str, Any] = {
    "agent_type": "u",
    "task_type": "refund",
    "input_data": {"result": "${result}", "request": "${request}"},
}
DONE: Record = {"status": "completed", "output": {"id": 7}, "input": {"q": 1}}


def a_saga(record: Record, **undo: Any) -> Work:
    """The undoing of a step with that record."""
    step = {"id": "x", "agent_type": "t", "input_data": {"q": 2}, "compensate": {**UNDO, **undo}}
    work = a_work(step, records={"x": record})
    work.claim.path = "~x"
    return work


def test_r26_a_completed_step_is_undone_with_its_result_and_request() -> None:
    call = undoing.call_of(a_saga(DONE), None)

    assert isinstance(call, Call)
    assert call.request == {"task_type": "refund", "result": {"id": 7}, "request": {"q": 1}}
    assert call.choice.type == "u"


def test_r26_an_unknown_outcome_has_an_empty_result() -> None:
    call = undoing.call_of(a_saga({"status": "failed", "input": {"q": 1}}), None)

    assert isinstance(call, Call)
    assert call.request == {"task_type": "refund", "result": {}, "request": {"q": 1}}


def test_r26_a_request_that_was_never_recorded_is_rendered_again() -> None:
    call = undoing.call_of(a_saga({"status": "failed"}), None)

    assert isinstance(call, Call)
    assert call.request == {"task_type": "refund", "result": {}, "request": {"q": 2}}


def test_a_compensation_that_cannot_be_rendered_fails() -> None:
    made = undoing.call_of(a_saga({"status": "failed"}, input_data={"id": "${result.id}"}), None)

    assert isinstance(made, Completion)
    assert (made.out, made.record["error"]["code"]) == ("F", "expression.missing")


def test_r27_a_failure_is_tried_again_and_then_blocks() -> None:
    refused = TaskResult(error=TaskError("agent.error", "no"))
    last = a_saga(DONE, retry={"max_attempts": 2})
    last.claim.u = 1

    first = undoing.after_call(a_saga(DONE), refused, {"ended_ms": NOW_MS}, lambda: 0.5)
    second = undoing.after_call(last, refused, {"ended_ms": NOW_MS}, lambda: 0.5)

    assert (first.out, first.bump) == ("Y", 1)
    assert (second.out, second.record["status"]) == ("F", "failed")
