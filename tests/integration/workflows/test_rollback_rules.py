"""R25 to R27: undoing."""

from typing import Any

import pytest
from store_time import passes
from workflow_replica import (
    Held,
    Replica,
    a_document,
    a_step,
    a_value,
    answers,
    fails,
    hangs,
    retrying,
)

from orchestra.workflows.history.executions import WrongState

pytestmark = pytest.mark.anyio

UNDO: dict[str, Any] = {
    "agent_type": "t",
    "input_data": {"result": "${result}", "request": "${request}", "error": "${error}"},
}


def undoable(name: str, *after: str, **fields: Any) -> dict[str, Any]:
    """A step that can be undone; its output is its name."""
    fields = {"input_data": name, "compensate": {**UNDO, "retry": retrying(2)}, **fields}
    return a_step(name, *after, **fields)


def undone(engine: Replica) -> list[str]:
    """Compensations in the order of their calls."""
    return [step for step in engine.agents.steps() if step[0] == "~"]


async def test_r25_compensations_run_in_reverse_order_of_completion(engine: Replica) -> None:
    slow = Held()
    engine.agents.on("slow", slow)
    engine.agents.on("last", fails("payment.declined"))
    execution = await engine.start(
        a_document(
            undoable("slow"), undoable("quick"), undoable("more", "quick"),
            a_step("last", "slow", "more"),
        )
    )  # fmt: skip
    await engine.until(execution, lambda shown: shown.of("more") == ["completed"])
    slow.go_on()

    shown = await engine.end(execution)

    assert shown["status"] == "rolled_back"
    assert undone(engine) == ["~slow", "~more", "~quick"]
    assert shown.of("slow", "quick", "more", "last") == ["compensated"] * 3 + ["failed"]
    assert shown["rollback"] == {
        "cause": "last", "undone": ["slow", "more", "quick"], "remaining": [], "blocked_at": None,
    } or sorted(shown["rollback"]["undone"]) == ["more", "quick", "slow"]  # fmt: skip


async def test_r25_one_compensation_at_a_time_across_branches(engine: Replica) -> None:
    first_undo = Held()
    engine.agents.on("~p/b/y", first_undo)
    engine.agents.on("~p/a/x", first_undo)
    engine.agents.on("last", fails("payment.declined"))
    branches = [{"id": "a", "steps": [undoable("x")]}, {"id": "b", "steps": [undoable("y")]}]
    execution = await engine.start(
        a_document({"id": "p", "type": "parallel", "branches": branches}, a_step("last"))
    )
    await first_undo.begun.wait()

    shown = await engine.status(execution)

    assert shown["status"] == "rolling_back"
    assert len(undone(engine)) == 1
    assert len(shown["rollback"]["remaining"]) == 2
    first_undo.go_on()
    shown = await engine.end(execution)
    assert shown["status"] == "rolled_back"
    order = [f"~{step}" for step in reversed(engine.agents.answered) if step[0] == "p"]
    assert undone(engine) == order


async def test_r25_a_compensation_sees_result_request_and_error(engine: Replica) -> None:
    engine.agents.on("a", answers({"id": 7}))
    engine.agents.on("b", fails("payment.declined", "no money"))

    await engine.run(a_document(undoable("a", input_data={"q": 1}), a_step("b")))

    given: Any = engine.agents.of("~a")[0].input_data
    assert (given["result"], given["request"]) == ({"id": 7}, {"q": 1})
    assert (given["error"]["code"], given["error"]["message"]) == ("payment.declined", "no money")


async def test_r26_a_step_that_surely_failed_is_not_undone(engine: Replica) -> None:
    engine.agents.on("b", fails("payment.declined"))

    shown = await engine.run(a_document(undoable("a"), undoable("b")))

    assert shown["status"] == "rolled_back"
    assert undone(engine) == ["~a"]


async def test_r26_a_step_of_unknown_outcome_is_undone_without_a_result(engine: Replica) -> None:
    engine.agents.on("b", hangs)

    shown = await engine.run(
        a_document(undoable("a"), undoable("b", timeout="100ms", retry=retrying(1)))
    )

    assert shown["status"] == "rolled_back"
    assert undone(engine) == ["~b", "~a"]
    given: Any = engine.agents.of("~b")[0].input_data
    assert (given["result"], given["request"]) == ({}, "b")
    assert given["error"]["code"] == "timeout.attempt"


async def test_r26_one_unknown_attempt_among_definite_ones_is_enough(engine: Replica) -> None:
    engine.agents.on("a", fails("agent.lost", definite=False), fails("agent.error"))

    await engine.run(a_document(undoable("a", retry=retrying(2))))

    assert undone(engine) == ["~a"]


async def test_r26_when_uncertain_false_undoes_only_what_completed(engine: Replica) -> None:
    engine.agents.on("b", hangs)
    undo = {**UNDO, "when_uncertain": False}

    await engine.run(
        a_document(
            undoable("a"), undoable("b", timeout="100ms", retry=retrying(1), compensate=undo)
        )
    )

    assert undone(engine) == ["~a"]


async def test_r26_a_compensation_has_a_key_of_its_own(engine: Replica) -> None:
    engine.agents.on("b", fails("payment.declined"))

    await engine.run(a_document(undoable("a"), a_step("b")))

    assert engine.agents.of("~a")[0].key not in ("", engine.agents.of("a")[0].key)


async def test_r27_compensations_have_ten_attempts_by_default(engine: Replica) -> None:
    engine.agents.on("b", fails("payment.declined"))
    engine.agents.on("~a", fails("agent.error"))
    quick = {"initial": "1ms", "jitter": "none"}

    shown = await engine.run(
        a_document(
            a_step("a", compensate={"agent_type": "t"}), a_step("b"), rollback={"retry": quick}
        )
    )

    assert len(engine.agents.of("~a")) == 10
    assert (shown["status"], shown.code) == ("failed", "rollback.failed")


async def test_r27_what_cannot_be_undone_blocks_the_rest_until_asked_again(
    engine: Replica,
) -> None:
    engine.agents.on("c", fails("payment.declined"))
    engine.agents.on("~b", fails("help.absent"), answers("undone"))
    execution = await engine.start(a_document(undoable("a"), undoable("b"), a_step("c")))
    shown = await engine.end(execution)
    assert (shown["status"], shown.code) == ("failed", "rollback.failed")
    assert shown["rollback"]["blocked_at"] == "b"
    assert shown["rollback"]["remaining"] == ["b", "a"]
    assert undone(engine) == ["~b"]

    await engine.control(execution, "rollback")

    shown = await engine.until(execution, lambda shown: shown["status"] == "rolled_back")
    assert undone(engine) == ["~b", "~b", "~a"]
    assert shown["error"] is None or shown.code == "payment.declined"


async def test_r27_skip_passes_over_the_step_that_cannot_be_undone(engine: Replica) -> None:
    engine.agents.on("c", fails("payment.declined"))
    engine.agents.on("~b", fails("help.absent"))
    execution = await engine.start(a_document(undoable("a"), undoable("b"), a_step("c")))
    await engine.end(execution)

    await engine.control(execution, "rollback", skip=True)

    shown = await engine.until(execution, lambda shown: shown["status"] == "rolled_back")
    assert undone(engine) == ["~b", "~a"]
    assert shown.of("a", "b") == ["compensated", "completed"]


async def test_r27_retries_of_a_compensation_follow_its_policy(engine: Replica) -> None:
    engine.agents.on("b", fails("payment.declined"))
    engine.agents.on("~a", fails("agent.error"), answers(1))

    shown = await engine.run(a_document(undoable("a"), a_step("b")))

    assert shown["status"] == "rolled_back"
    assert [task.attempt for task in engine.agents.of("~a")] == [1, 2]
    assert ("step.compensated", "~a") in await engine.events(shown["id"])


async def test_rollback_may_follow_completed(engine: Replica) -> None:
    execution = (await engine.run(a_document(undoable("a"), undoable("b"))))["id"]

    answer = await engine.control(execution, "rollback", reason="changed my mind")

    assert answer["id"] == execution
    shown = await engine.until(execution, lambda shown: shown["status"] == "rolled_back")
    assert undone(engine) == ["~b", "~a"]
    assert shown["rollback"]["cause"] == "request"


async def test_rollback_may_follow_cancelled(engine: Replica) -> None:
    held = Held()
    engine.agents.on("b", held)
    execution = await engine.start(a_document(undoable("a"), a_step("b"), rollback={"on": []}))
    await held.begun.wait()
    await engine.control(execution, "cancel")
    await engine.until(execution, lambda shown: shown["status"] == "cancelled")

    await engine.control(execution, "rollback")

    await engine.until(execution, lambda shown: shown["status"] == "rolled_back")
    assert undone(engine) == ["~a"]


async def test_rollback_of_a_running_execution_stops_what_runs_and_undoes_all(
    engine: Replica,
) -> None:
    held = Held()
    engine.agents.on("b", held)
    execution = await engine.start(a_document(undoable("a"), undoable("b"), a_step("c")))
    await held.begun.wait()

    await engine.control(execution, "rollback")

    await held.stopped.wait()
    shown = await engine.end(execution)
    assert shown["status"] == "rolled_back"
    assert undone(engine) == ["~b", "~a"]
    assert engine.agents.of("c") == []


async def test_rollback_follows_a_failure_only_where_the_definition_says(engine: Replica) -> None:
    engine.agents.on("b", fails("payment.declined"))

    shown = await engine.run(a_document(undoable("a"), a_step("b"), rollback={"on": ["cancel"]}))

    assert (shown["status"], undone(engine)) == ("failed", [])


async def test_a_timeout_of_the_execution_is_rolled_back(engine: Replica) -> None:
    held = Held()
    engine.agents.on("b", held)
    execution = await engine.start(a_document(undoable("a"), a_step("b"), timeout="50s"))
    await held.begun.wait()
    await passes(engine.store, 50_000)  # less than a lease
    shown = await engine.end(execution)

    assert shown["status"] == "rolled_back"
    assert undone(engine) == ["~a"]


async def test_nothing_to_undo_leaves_a_failure_a_failure(engine: Replica) -> None:
    engine.agents.on("a", fails("payment.declined"))

    shown = await engine.run(a_document(undoable("a")))

    assert (shown["status"], shown.code) == ("failed", "payment.declined")


async def test_a_rollback_is_no_retry_and_no_retry_follows_it(engine: Replica) -> None:
    engine.agents.on("b", fails("payment.declined"))
    execution = (await engine.run(a_document(undoable("a"), a_step("b"))))["id"]

    for verb in ("retry", "resume", "pause", "cancel", "rollback"):
        with pytest.raises(WrongState) as refused:
            await engine.control(execution, verb)
        assert refused.value.context["execution_status"] == "rolled_back"
        assert refused.value.context["allowed"] == []


async def test_a_value_step_needs_no_undoing(engine: Replica) -> None:
    execution = (await engine.run(a_document(a_value("a", 1))))["id"]

    await engine.control(execution, "rollback")

    assert (await engine.end(execution))["status"] == "rolled_back"
