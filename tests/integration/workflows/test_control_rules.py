"""R29, R30, R32, R34, R36, R43: pausing, cancelling, timers, trying again, what is told."""

from typing import Any

import anyio
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

from orchestra.store.partitions import tag_number_of
from orchestra.workflows.history.executions import WrongState

pytestmark = pytest.mark.anyio

HOUR_MS = 3_600_000
IN_AN_HOUR: dict[str, Any] = {"max_attempts": 2, "initial": "1h", "max": "1h", "jitter": "none"}


async def test_r29_drain_hands_out_nothing_new_and_records_what_runs(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)
    execution = await engine.start(a_document(a_step("a"), a_step("b")))
    await held.begun.wait()

    answer = await engine.control(execution, "pause", reason="lunch")
    assert answer["status"] == "paused"
    shown = await engine.status(execution)
    assert shown["pause"] | {"at": ""} == {
        "at": "", "by": "ann", "mode": "drain", "reason": "lunch", "draining": True,
    }  # fmt: skip

    held.go_on()
    shown = await engine.until(execution, lambda shown: shown.of("a") == ["completed"])
    assert (shown["status"], shown["pause"]["draining"]) == ("paused", False)
    assert shown.of("b") == ["ready"]
    assert engine.agents.of("b") == []

    await engine.control(execution, "resume")
    shown = await engine.end(execution)
    assert (shown["status"], shown["pause"]) == ("completed", None)
    assert engine.agents.steps() == ["a", "b"]


async def test_r29_interrupt_stops_attempts_that_do_not_count_and_run_again(
    engine: Replica,
) -> None:
    held = Held()
    engine.agents.on("a", held, answers("second"))
    execution = await engine.start(a_document(a_step("a")))
    await held.begun.wait()

    await engine.control(execution, "pause", mode="interrupt")
    await held.stopped.wait()
    shown = await engine.until(execution, lambda shown: not shown["pause"]["draining"])
    assert (shown["pause"]["mode"], shown.of("a")) == ("interrupt", ["ready"])

    await engine.control(execution, "resume")

    shown = await engine.end(execution)
    first, second = engine.agents.of("a")
    assert (first.attempt, first.key) == (second.attempt, second.key)
    assert first.fence < second.fence
    assert (shown["output"], shown.step("a")["attempts"]) == ("second", 1)


async def test_r29_a_pause_before_anything_began_holds_it(engine: Replica) -> None:
    execution = await engine.start(a_document(a_step("a")), delay="1h")

    await engine.control(execution, "pause")
    await passes(engine.store, HOUR_MS)
    shown = await engine.until(execution, lambda shown: shown.of("a") == ["ready"])
    assert (shown["status"], engine.agents.calls) == ("paused", [])
    await engine.control(execution, "resume")

    assert (await engine.end(execution))["status"] == "completed"


async def test_r29_verbs_asked_again_answer_the_same(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)
    execution = await engine.start(a_document(a_step("a")))
    await held.begun.wait()

    assert await engine.control(execution, "pause") == await engine.control(execution, "pause")
    assert await engine.control(execution, "resume") == await engine.control(execution, "resume")
    assert await engine.control(execution, "cancel") == await engine.control(execution, "cancel")


async def test_r29_pausing_while_rolling_back_is_refused(engine: Replica) -> None:
    held = Held()
    engine.agents.on("~a", held)
    engine.agents.on("b", fails("payment.declined"))
    execution = await engine.start(
        a_document(a_step("a", compensate={"agent_type": "t"}), a_step("b"))
    )
    await held.begun.wait()

    with pytest.raises(WrongState) as refused:
        await engine.control(execution, "pause")

    assert refused.value.context["execution_status"] == "rolling_back"
    held.go_on()
    await engine.end(execution)


async def test_r30_the_executions_timeout_stands_still_while_paused(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)
    execution = await engine.start(a_document(a_step("a"), a_step("b"), timeout="1h"))
    await held.begun.wait()
    await engine.control(execution, "pause")
    held.go_on()
    await engine.until(execution, lambda shown: shown.of("b") == ["ready"])

    await passes(engine.store, 2 * HOUR_MS)
    await engine.control(execution, "resume")

    assert (await engine.end(execution))["status"] == "completed"


async def test_r30_a_total_timeout_stands_still_while_paused(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)
    execution = await engine.start(a_document(a_step("a"), a_step("b", total_timeout="1h")))
    await held.begun.wait()
    await engine.control(execution, "pause")
    held.go_on()
    await engine.until(execution, lambda shown: shown.of("b") == ["ready"])

    await passes(engine.store, 2 * HOUR_MS)
    await engine.control(execution, "resume")

    assert (await engine.end(execution))["status"] == "completed"


async def test_r30_a_total_timeout_stands_still_while_paused_between_attempts(
    engine: Replica,
) -> None:
    held = Held(fails("agent.error"))
    engine.agents.on("a", held, answers(1))
    execution = await engine.start(a_document(a_step("a", total_timeout="1h", retry=retrying())))
    await held.begun.wait()
    await engine.control(execution, "pause")
    held.go_on()
    await engine.until(execution, lambda shown: shown.of("a") == ["ready"])

    await passes(engine.store, 2 * HOUR_MS)
    await engine.control(execution, "resume")

    assert (await engine.end(execution))["status"] == "completed"


async def test_r30_other_timers_run_on_and_their_effect_comes_on_resume(engine: Replica) -> None:
    engine.agents.on("a", fails("agent.error"), answers(1))
    execution = await engine.start(a_document(a_step("a", retry=IN_AN_HOUR)))
    await engine.until(execution, lambda shown: shown.of("a") == ["retrying"])

    await engine.control(execution, "pause")
    await passes(engine.store, HOUR_MS)
    await engine.until(execution, lambda shown: shown.of("a") == ["ready"])
    assert len(engine.agents.calls) == 1
    await engine.control(execution, "resume")

    await engine.end(execution)
    assert len(engine.agents.calls) == 2


async def test_r32_cancel_stops_running_attempts_and_starts_nothing(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)
    execution = await engine.start(a_document(a_step("a"), a_step("b")))
    await held.begun.wait()

    await engine.control(execution, "cancel", reason="enough")

    await held.stopped.wait()
    shown = await engine.until(execution, lambda shown: shown.of("a") == ["failed"])
    assert shown["status"] == "cancelled"
    assert shown.step("a")["error"]["code"] == "cancelled"
    assert (shown.of("b"), shown.step("b")["reason"]) == (["skipped"], "cancelled")
    assert engine.agents.of("b") == []


async def test_r32_cancel_rolls_back_where_configured(engine: Replica) -> None:
    held = Held()
    engine.agents.on("b", held)
    execution = await engine.start(
        a_document(a_step("a", compensate={"agent_type": "t"}), a_step("b"))
    )
    await held.begun.wait()

    await engine.control(execution, "cancel")

    shown = await engine.end(execution)
    assert shown["status"] == "rolled_back"
    assert [task.step for task in engine.agents.calls] == ["a", "b", "~a"]


async def test_r32_a_paused_execution_can_be_cancelled(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)
    execution = await engine.start(a_document(a_step("a")))
    await held.begun.wait()
    await engine.control(execution, "pause")

    await engine.control(execution, "cancel")

    assert (await engine.end(execution))["status"] == "cancelled"


@pytest.mark.parametrize("verb", ["cancel", "pause", "resume", "retry"])
async def test_r32_what_ended_well_cannot_be_steered(engine: Replica, verb: str) -> None:
    execution = (await engine.run(a_document(a_value("a", 1))))["id"]

    with pytest.raises(WrongState) as refused:
        await engine.control(execution, verb)

    assert refused.value.context == {"execution_status": "completed", "allowed": ["rollback"]}


async def test_r34_a_timer_that_fires_twice_has_one_effect(engine: Replica) -> None:
    engine.agents.on("a", fails("agent.error"), answers(1))
    execution = await engine.start(a_document(a_step("a", retry=IN_AN_HOUR)))
    await engine.until(execution, lambda shown: shown.of("a") == ["retrying"])
    timer = f"R|2|t|{execution}/a"
    prefix = engine.prefix(execution)

    for _ in range(3):
        await engine.store.call(prefix, "ZADD", f"{prefix}t", "1", timer)
        engine.module.engine.timer_set(tag_number_of(execution), 0)

    await engine.end(execution)
    await engine.store.call(prefix, "ZADD", f"{prefix}t", "1", timer)
    events = await engine.events(execution)
    assert events.count(("step.started", "a")) == 2
    assert len(engine.agents.calls) == 2


async def test_r34_a_deadline_that_fires_after_the_end_has_no_effect(engine: Replica) -> None:
    execution = (await engine.run(a_document(a_value("a", 1))))["id"]
    before = await engine.history(execution)
    prefix = engine.prefix(execution)

    await engine.store.call(prefix, "ZADD", f"{prefix}t", "1", f"D|{execution}")
    await engine.declare_dead(execution, but=engine)

    assert (await engine.status(execution))["status"] == "completed"
    assert await engine.history(execution) == before


async def test_r36_retry_calls_only_what_failed_and_what_was_skipped_for_it(
    engine: Replica,
) -> None:
    engine.agents.on("bad", fails("payment.declined"), answers("paid"))
    execution = await engine.start(
        a_document(
            a_step("good"), a_step("off", if_="false"), a_step("bad", "good", "off"),
            a_step("after", "bad"),
        )
    )  # fmt: skip
    assert (await engine.end(execution))["status"] == "failed"
    before = await engine.history(execution)

    assert (await engine.control(execution, "retry"))["status"] == "running"

    shown = await engine.end(execution)
    assert (shown["status"], shown["error"]) == ("completed", None)
    assert engine.agents.steps() == ["good", "bad", "bad", "after"]
    assert shown.of("good", "off", "bad", "after") == [
        "completed", "skipped", "completed", "completed",
    ]  # fmt: skip
    assert (await engine.history(execution))[: len(before)] == before


async def test_r36_the_new_logical_try_has_a_new_key_and_a_higher_fence(engine: Replica) -> None:
    engine.agents.on("a", fails("payment.declined"), answers(1))
    execution = await engine.start(a_document(a_step("a")))
    await engine.end(execution)

    await engine.control(execution, "retry")
    await engine.end(execution)

    first, second = engine.agents.of("a")
    assert first.key != second.key
    assert first.fence < second.fence
    assert second.attempt == 1


async def test_r36_steps_skipped_because_of_a_failure_are_decided_anew(engine: Replica) -> None:
    engine.agents.on("bad", fails("payment.declined"), answers(1))
    execution = await engine.start(
        a_document(
            a_step("bad"), a_step("other"), a_step("off", "bad"),
            a_value("end", "${steps.off.status}", "off", "other", run_when="any_completed"),
            fail_fast=False,
        )
    )  # fmt: skip
    shown = await engine.end(execution)
    assert shown["status"] == "failed"
    assert shown.step("off")["reason"] == "upstream_failed"

    await engine.control(execution, "retry")

    shown = await engine.end(execution)
    assert shown["status"] == "completed"
    assert shown.of("bad", "off") == ["completed", "completed"]


async def test_r36_inside_a_container_only_what_failed_runs_again(engine: Replica) -> None:
    engine.agents.on("p/b/y", fails("payment.declined"), answers("y"))
    branches = [
        {"id": "a", "steps": [a_step("x")]},
        {"id": "b", "steps": [a_step("w"), a_step("y"), a_step("z")]},
    ]
    execution = await engine.start(
        a_document(
            {"id": "p", "type": "parallel", "branches": branches, "fail_fast": False},
            a_step("end"),
        )
    )
    assert (await engine.end(execution))["status"] == "failed"

    await engine.control(execution, "retry")

    shown = await engine.end(execution)
    assert shown["status"] == "completed"
    steps = engine.agents.steps()
    assert {step: steps.count(step) for step in steps} == {
        "p/a/x": 1, "p/b/w": 1, "p/b/y": 2, "p/b/z": 1, "end": 1,
    }  # fmt: skip


async def test_r36_a_switch_keeps_its_case(engine: Replica) -> None:
    engine.agents.on("s/y", fails("payment.declined"), answers("y"))
    case = {"name": "one", "when": "input.x == 1", "steps": [a_step("x"), a_step("y")]}
    execution = await engine.start(
        a_document({"id": "s", "type": "switch", "cases": [case]}), {"x": 1}
    )
    await engine.end(execution)

    await engine.control(execution, "retry")

    shown = await engine.end(execution)
    assert (shown["status"], shown["output"]) == ("completed", "y")
    assert engine.agents.steps() == ["s/x", "s/y", "s/y"]


async def test_r36_a_total_timeout_begins_anew(engine: Replica) -> None:
    engine.agents.on("a", hangs, answers(1))
    execution = await engine.start(a_document(a_step("a", total_timeout="3s", retry=retrying(1))))
    assert (await engine.end(execution)).code == "timeout.total"

    await engine.control(execution, "retry")

    assert (await engine.end(execution))["status"] == "completed"


async def test_r36_what_failed_again_can_be_tried_again(engine: Replica) -> None:
    engine.agents.on("a", fails("payment.declined"), fails("payment.declined"), answers(1))
    execution = await engine.start(a_document(a_step("a")))

    for _ in range(2):
        assert (await engine.end(execution))["status"] == "failed"
        await engine.control(execution, "retry")

    assert (await engine.end(execution))["status"] == "completed"
    assert len({task.key for task in engine.agents.calls}) == 3


async def test_r43_events_are_written_by_the_transitions_they_tell_of(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", fails("agent.error"), held)
    execution = await engine.start(
        a_document(a_step("a", retry=retrying()), a_step("b", if_="false"), a_value("c", 1))
    )
    await held.begun.wait()
    await engine.control(execution, "pause")
    await engine.control(execution, "resume")
    held.go_on()
    await engine.end(execution)

    assert await engine.events(execution) == [
        ("workflow.accepted", None),
        ("workflow.started", None),
        ("step.started", "a"),
        ("step.retry_scheduled", "a"),
        ("step.started", "a"),
        ("workflow.paused", None),
        ("workflow.resumed", None),
        ("step.completed", "a"),
        ("step.started", "b"),
        ("step.skipped", "b"),
        ("step.started", "c"),
        ("step.completed", "c"),
        ("workflow.completed", None),
    ]


@pytest.mark.parametrize(
    ("undo", "verb", "expected"),
    [
        (False, "", ["step.failed", "workflow.failed"]),
        (True, "", ["step.failed", "workflow.rollback_started", "workflow.rolled_back"]),
        (False, "cancel", ["workflow.cancelled"]),
    ],
)
async def test_r43_the_end_is_told(
    engine: Replica, undo: bool, verb: str, expected: list[str]
) -> None:
    held = Held(fails("payment.declined"))
    engine.agents.on("b", held)
    more = {"compensate": {"agent_type": "t"}} if undo else {}
    execution = await engine.start(a_document(a_step("a", **more), a_step("b")))
    await held.begun.wait()
    if verb:
        await engine.control(execution, verb)
    else:
        held.go_on()
    await engine.end(execution)

    told = [kind for kind, _ in await engine.events(execution)]

    assert [kind for kind in told if kind in expected] == expected


async def test_r43_what_was_compensated_is_told(engine: Replica) -> None:
    execution = (
        await engine.run(a_document(a_step("a", compensate={"agent_type": "t"})))
    )["id"]  # fmt: skip
    await engine.control(execution, "rollback")
    await engine.end(execution)

    assert ("step.compensated", "~a") in await engine.events(execution)


async def test_logs_hold_input_and_output_of_each_step(engine: Replica) -> None:
    shown = await engine.run(
        a_document(a_step("a", input_data={"q": 1}, output={"r": "${result}"}))
    )

    logs = await engine.logs(shown["id"])

    by = {item["event"]: item for item in logs}
    assert by["step.started"]["data"] == {"input_data": {"q": 1}}
    assert by["step.completed"]["data"]["output"] == {"r": {"q": 1}}
    assert by["step.completed"]["agent"] == "scripted"
    assert [item["id"] for item in logs] == sorted(item["id"] for item in logs)


async def test_logs_are_filtered_and_paged(engine: Replica) -> None:
    engine.agents.on("b", fails("agent.error"), answers(1))
    shown = await engine.run(a_document(a_step("a"), a_step("b", retry=retrying())))
    every = await engine.logs(shown["id"])

    assert [item["event"] for item in await engine.logs(shown["id"], level="warning")] == [
        "step.retry_scheduled"
    ]
    assert {item["step"] for item in await engine.logs(shown["id"], step="b")} == {"b"}
    assert [i["event"] for i in await engine.logs(shown["id"], step="b", attempt="2")] == [
        "step.started", "step.completed",
    ]  # fmt: skip
    assert await engine.logs(shown["id"], q="nothing of the kind") == []
    found: list[Any] = []
    after: str | None = None
    while True:
        page = await engine.executions.logs("default", shown["id"], {"after": after}, 3)  # type: ignore[arg-type]
        found += page["logs"]
        after = page["next_cursor"]
        if after is None:
            break
    assert found == every


async def test_of_a_hundred_branches_each_is_told_once_and_in_order(engine: Replica) -> None:
    branches = [{"id": f"b{n}", "steps": [a_step("x")]} for n in range(100)]

    shown = await engine.run(
        a_document({"id": "p", "type": "parallel", "branches": branches}, a_step("end"))
    )

    logs = await engine.logs(shown["id"])
    assert [item["id"] for item in logs] == sorted({item["id"] for item in logs})
    assert len(engine.agents.calls) == 101


async def test_a_wait_ends_with_the_execution(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)
    execution = await engine.start(a_document(a_step("a")))
    await held.begun.wait()
    shown: list[Any] = []

    async def wait() -> None:
        shown.append(await engine.end(execution))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(wait)
        held.go_on()

    assert [one["status"] for one in shown] == ["completed"] * 5
