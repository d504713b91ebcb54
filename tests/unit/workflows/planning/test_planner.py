"""What becomes of a step whose dependencies are done: pure decisions."""

import itertools
from typing import Any

import pytest
from workflow_work import NOW_MS, a_work

from orchestra.agents import TaskError, TaskResult
from orchestra.workflows.planning.facts import Work
from orchestra.workflows.planning.failing import Completion, Failure
from orchestra.workflows.planning.planner import Call, after_call, decide, join

STATUSES = ("completed", "failed", "skipped")
MIXES = list(itertools.product(STATUSES, repeat=3))
RUN_WHEN = ("none_failed", "all_completed", "any_completed", "any_failed", "all_done")


def promised(mix: tuple[str, ...], run_when: str) -> str | None:
    """The table of WORKFLOWS.md section 5, word by word."""
    runs = {
        "none_failed": "failed" not in mix and "completed" in mix,
        "all_completed": set(mix) == {"completed"},
        "any_completed": "completed" in mix,
        "any_failed": "failed" in mix,
        "all_done": True,
    }
    if runs[run_when]:
        return None
    return "upstream_failed" if run_when == "none_failed" and "failed" in mix else "upstream"


@pytest.mark.parametrize("run_when", RUN_WHEN)
@pytest.mark.parametrize("mix", MIXES, ids="-".join)
def test_r18_the_join_matrix_is_the_table(mix: tuple[str, ...], run_when: str) -> None:
    assert join(mix, run_when) == promised(mix, run_when)


def test_r18_a_step_without_dependencies_runs() -> None:
    assert join((), "none_failed") is None


@pytest.mark.parametrize("run_when", ["any_failed", "all_done"])
def test_an_undone_dependency_counts_as_failed(run_when: str) -> None:
    assert join(("compensated",), run_when) is None
    assert join(("compensated",), "none_failed") == "upstream_failed"


def needs_nothing(work: Work) -> tuple[str, ...]:
    """A capability that can do without anything."""
    return ()


def decided(work: Work) -> Completion:
    """The decision about what needs no agent."""
    made = decide(work, needs_nothing)
    assert isinstance(made, Completion)
    return made


def test_a_transform_is_done_as_soon_as_it_is_looked_at() -> None:
    made = decided(
        a_work({"id": "x", "type": "transform", "input_data": "${input.n}"}, given={"n": 3})
    )

    assert (made.out, made.record["status"], made.record["output"]) == ("C", "completed", 3)


def test_an_agent_step_is_a_call_with_its_rendered_request() -> None:
    made = decide(
        a_work({"id": "x", "agent_type": "t", "input_data": "${input}", "timeout": "7s"}, given=1),
        needs_nothing,
    )

    assert isinstance(made, Call)
    assert (made.request, made.timeout_ms, made.choice.type) == (1, 7_000, "t")


def test_r17_a_false_condition_skips() -> None:
    made = decided(a_work({"id": "x", "agent_type": "t", "if": "false"}))

    assert (made.out, made.record["reason"]) == ("S", "condition")


@pytest.mark.parametrize(
    ("step", "crashes", "broken"),
    [
        ({"type": "transform"}, 2, False),
        ({"type": "transform"}, 3, True),
        ({"agent_type": "t"}, 3, False),
        ({"agent_type": "t"}, 10, True),
    ],
)
def test_r12_a_step_in_hand_at_too_many_crashes_fails(
    step: dict[str, Any], crashes: int, broken: bool
) -> None:
    made = decide(a_work({"id": "x", **step}, claim={"c": crashes}), needs_nothing)

    failed = isinstance(made, Completion) and made.out == "F"
    assert failed is broken
    if broken:
        assert isinstance(made, Completion)
        assert made.record["error"]["code"] == "step.crash_loop"


def test_r12_an_agent_in_the_replica_is_given_up_sooner() -> None:
    work = a_work({"id": "x", "agent_type": "t"}, claim={"c": 3})
    work.in_process = True

    made = decide(work, needs_nothing)

    assert isinstance(made, Completion)
    assert made.record["error"]["code"] == "step.crash_loop"


def test_an_emitted_payload_is_bounded() -> None:
    step = {"id": "x", "type": "emit", "event_type": "big.one", "payload": "${input}"}

    made = decided(a_work(step, given="x" * 300_000))

    assert (made.out, made.record["error"]["code"]) == ("F", "expression.limit")


def answered(work: Work, result: TaskResult, **clocks: Any) -> Completion:
    """What is recorded about the answer."""
    call = decide(work, needs_nothing)
    assert isinstance(call, Call)
    record = {"input": call.request, "attempts": 1, "started_ms": NOW_MS, "ended_ms": NOW_MS + 5}
    return after_call(work, call, result, Failure(TaskError("", ""), record, **clocks), lambda: 0.5)


def refused(code: str = "agent.error", **more: Any) -> TaskResult:
    """A failed attempt."""
    return TaskResult(error=TaskError(code, "no", **more))


def test_an_answer_completes_the_step() -> None:
    made = answered(a_work({"id": "x", "agent_type": "t"}), TaskResult(output=[1]))

    assert (made.out, made.record["output"]) == ("C", [1])


@pytest.mark.parametrize(("definite", "bump"), [(True, 1), (False, 0)])
def test_r11_only_a_definite_failure_asks_for_a_new_key(definite: bool, bump: int) -> None:
    made = answered(a_work({"id": "x", "agent_type": "t"}), refused(definite=definite))

    assert (made.out, made.bump, made.delay_ms) == ("Y", bump, 500)


@pytest.mark.parametrize(("left_ms", "out"), [(None, "Y"), (501, "Y"), (500, "F")])
def test_r14_nothing_is_waited_for_beyond_the_total_timeout(left_ms: int | None, out: str) -> None:
    made = answered(a_work({"id": "x", "agent_type": "t"}), refused(), left_ms=left_ms)

    assert made.out == out


@pytest.mark.parametrize(("elapsed_ms", "out"), [(500, "Y"), (501, "F")])
def test_r15_max_elapsed_counts_the_delay(elapsed_ms: int, out: str) -> None:
    step = {"id": "x", "agent_type": "t", "retry": {"max_elapsed": "1s"}}

    assert answered(a_work(step), refused(), elapsed_ms=elapsed_ms).out == out


UNDO = {"agent_type": "t"}


@pytest.mark.parametrize(
    ("claim", "definite", "stays"),
    [
        ({}, True, False),
        ({}, False, True),
        ({"n": 2, "u": 1, "k": 1}, True, False),
        ({"n": 2, "u": 1, "k": 0}, True, True),
        ({"n": 2, "c": 1}, True, True),
    ],
)
def test_r26_only_what_certainly_did_not_happen_leaves_the_undo_stack(
    claim: dict[str, int], definite: bool, stays: bool
) -> None:
    step = {"id": "x", "agent_type": "t", "compensate": UNDO}

    made = answered(a_work(step, claim=claim), refused("payment.declined", definite=definite))

    assert made.undo.startswith("-") is not stays
    assert made.undo.endswith("|x")


@pytest.mark.parametrize(
    ("document", "end"),
    [
        ({}, "F"),
        ({"rollback": {"on": ["failure"]}}, "B"),
        ({"rollback": {"on": ["cancel"]}}, "F"),
    ],
)
def test_a_failure_of_the_body_ends_the_execution_as_rollback_says(
    document: dict[str, Any], end: str
) -> None:
    work = a_work({"id": "x", "agent_type": "t"}, document=document)

    assert answered(work, refused("payment.declined")).end == end
