"""What people ask about an execution: its attempts, its time, and what a rollback would do."""

import threading
from typing import Any

import pytest
from workflow_replica import Held, Replica, a_document, a_step, a_value, a_wait, fails, retrying

from orchestra.store.keys import DEFAULT_TENANT, Tenant
from orchestra.store.partitions import tag_number_of
from orchestra.workflows.history import previewing

pytestmark = pytest.mark.anyio

UNDO: dict[str, Any] = {
    "agent_type": "t",
    "task_type": "refund",
    "input_data": {"result": "${result}", "request": "${request}"},
}


def undoable(name: str, *after: str, **fields: Any) -> dict[str, Any]:
    return a_step(name, *after, **{"input_data": {"of": name}, "compensate": UNDO, **fields})


async def timeline(engine: Replica, execution: str, at_ms: int | None = None) -> dict[str, Any]:
    inspection = engine.module.inspection
    return await inspection.timeline(DEFAULT_TENANT, execution, at_ms, 1_000)


async def preview(engine: Replica, execution: str) -> dict[str, Any]:
    return await engine.module.inspection.preview(DEFAULT_TENANT, execution)


async def test_a_preview_lists_what_is_then_undone_in_order_with_the_same_input(
    engine: Replica,
) -> None:
    engine.agents.on("ship", fails("shipping.closed"))
    engine.agents.on("charge", fails("timeout.attempt", definite=False))
    steps = [
        {"id": "prepare", "type": "parallel", "branches": [
            {"id": "stock", "steps": [undoable("reserve")]},
            {"id": "risk", "steps": [a_step("fraud")]},
        ]},
        undoable("charge", "prepare", retry=retrying(1), on_error=[{"do": "continue"}]),
        undoable("ship", "charge", retry=retrying(1)),
        a_value("never", 1, "ship"),
    ]  # fmt: skip
    shown = await engine.run(a_document(*steps, rollback={"on": []}))
    assert shown["status"] == "failed"
    execution = shown["id"]

    told = await preview(engine, execution)
    await engine.control(execution, "rollback")
    ended = await engine.until(execution, lambda one: one["status"] == "rolled_back")

    order = [(one["path"], one["input_data"]) for one in told["steps"]]
    calls = [task for task in engine.agents.calls if str(task.step).startswith("~")]
    assert order == [(str(task.step)[1:], task.input_data) for task in calls]
    assert [one["path"] for one in told["steps"]] == ["charge", "prepare/stock/reserve"]
    assert [one["outcome"] for one in told["steps"]] == ["completed", "completed"]
    assert {one["status"] for one in told["steps"]} == {"waiting"}
    kept = {one["path"]: one["reason"] for one in told["kept"]}
    assert kept == {"prepare/risk/fraud": "no_compensation", "ship": "failed_for_certain"}
    assert told["possible"]
    after = await preview(engine, ended["id"])
    assert [one["status"] for one in after["steps"]] == ["completed", "completed"]
    assert [one["path"] for one in after["steps"]] == [path for path, _ in order]
    assert not after["possible"]


async def test_what_is_in_hand_or_of_unknown_outcome_is_said_to_be(engine: Replica) -> None:
    held = Held()
    engine.agents.on("lost", fails("timeout.attempt", definite=False))
    engine.agents.on("runs", held)
    execution = await engine.start(
        a_document(
            undoable("lost", retry=retrying(1)), undoable("runs"), undoable("later", "runs"),
            fail_fast=False, rollback={"on": []},
        )
    )  # fmt: skip
    await held.begun.wait()
    await engine.until(execution, lambda one: one.of("lost") == ["failed"])

    told = await preview(engine, execution)

    outcomes = {one["path"]: one["outcome"] for one in told["steps"]}
    assert outcomes == {"lost": "unknown", "runs": "running"}
    assert told["in_flight"] == ["runs"]
    assert {one["path"]: one["reason"] for one in told["kept"]} == {"later": "never_ran"}
    held.go_on()


async def test_each_attempt_is_told_with_its_error_and_the_next_one(engine: Replica) -> None:
    engine.agents.on("flaky", fails("agent.error", retryable=True), fails("agent.error"))
    shown = await engine.run(a_document(a_step("flaky", retry=retrying(2))))

    step = await engine.step(shown["id"], "flaky")

    assert [one["attempt"] for one in step["tries"]] == [1, 2]
    assert [one["state"] for one in step["tries"]] == ["failed", "failed"]
    assert [one["error"]["code"] for one in step["tries"]] == ["agent.error"] * 2
    assert [one["agent"] for one in step["tries"]] == ["scripted"] * 2
    assert step["tries"][0]["delay_ms"] is not None
    assert step["waits_on"] == []


async def test_what_a_step_waits_for_is_told(engine: Replica) -> None:
    held = Held()
    engine.agents.on("first", held)
    execution = await engine.start(a_document(a_step("first"), a_step("then", "first")))
    await held.begun.wait()

    assert (await engine.step(execution, "then"))["waits_on"] == ["first"]
    assert [one["state"] for one in (await engine.step(execution, "first"))["tries"]] == ["running"]
    held.go_on()


async def test_a_step_that_is_to_begin_later_says_when(engine: Replica) -> None:
    execution = await engine.start(a_document(a_step("a")), delay="1h")

    step = await engine.step(execution, "a")

    created = (await engine.status(execution))["created_at"]
    assert step["status"] == "retrying"
    assert step["next_at"] > created
    assert step["tries"] == []


async def test_as_of_its_end_an_execution_is_as_it_is_now(engine: Replica) -> None:
    engine.agents.on("bad", fails("no.luck"), fails("no.luck"))
    ends = [
        await engine.run(
            a_document(undoable("a"), undoable("b", "a"), a_step("bad", "b"), rollback={"on": []})
        ),
        await engine.run(a_document(a_step("a"), a_value("v", 1, "a", if_="1 == 2"))),
    ]
    await engine.control(ends[0]["id"], "retry")
    again = await engine.end(ends[0]["id"])
    await engine.control(again["id"], "rollback")
    back = await engine.until(again["id"], lambda one: one["status"] == "rolled_back")
    for shown in (back, ends[1]):
        now = await timeline(engine, shown["id"])
        then = await timeline(engine, shown["id"], now["event"]["last_ms"])
        before = await timeline(engine, shown["id"], now["event"]["first_ms"] - 1)

        assert now["status"] == then["status"] == shown["status"]
        assert {s["path"]: s["status"] for s in now["steps"]} == {
            one["path"]: one["status"] for one in shown["steps"]
        }
        assert now["steps"] == then["steps"]
        assert {one["status"] for one in before["steps"]} == {"waiting"}
        assert before["status"] == "pending"
        assert before["event"]["next_ms"] == now["event"]["first_ms"]


async def test_walking_the_events_passes_every_state(engine: Replica) -> None:
    execution = await engine.start(a_document(a_step("a"), a_wait("nap", "a"), a_step("b", "nap")))
    await engine.until(execution, lambda one: len(one["waiting_for"]) == 1)
    await engine.control(execution, "pause")
    await engine.control(execution, "resume")
    await engine.signal(execution, "go")
    await engine.end(execution)

    seen: list[tuple[str, tuple[str, ...]]] = []
    at: int | None = (await timeline(engine, execution))["event"]["first_ms"]
    while at is not None:
        then = await timeline(engine, execution, at)
        seen.append((then["status"], tuple(one["status"] for one in then["steps"])))
        at = then["event"]["next_ms"]

    states = [whole for whole, _ in seen]
    assert states[-1] == "completed"
    assert "running" in states
    assert seen[-1][1] == ("completed", "completed", "completed")
    paths = (await timeline(engine, execution))["critical_path"]
    assert [one["path"] for one in paths] == ["a", "nap", "b"]
    assert sum(one["share"] for one in paths) <= 1.01


async def test_the_history_is_read_from_its_end_too(engine: Replica) -> None:
    shown = await engine.run(a_document(a_step("a"), a_step("b", "a")))
    execution, all_ = shown["id"], [item["seq"] for item in await engine.history(shown["id"])]

    found: list[int] = []
    after: int | None = 0
    while after is not None:
        page = await engine.executions.history(DEFAULT_TENANT, execution, after, 3, newest=True)
        found += [item["seq"] for item in page["items"]]
        after = page["next_cursor"]

    assert found == all_[::-1]
    far = await engine.executions.history(DEFAULT_TENANT, execution, 2**70, 3)
    last = await engine.executions.history(DEFAULT_TENANT, execution, 2**70, 3, newest=True)
    assert (far["items"], [item["seq"] for item in last["items"]]) == ([], all_[:-4:-1])
    log = await engine.logs(execution, order="desc")
    assert [one["id"] for one in log] == [one["id"] for one in await engine.logs(execution)][::-1]


async def test_expressions_of_a_preview_are_not_evaluated_on_the_loop(
    engine: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluated, worked_out = list[int](), previewing.preview

    def seen(*given: Any) -> dict[str, Any]:
        evaluated.append(threading.get_ident())
        return worked_out(*given)

    monkeypatch.setattr(previewing, "preview", seen)
    shown = await engine.run(a_document(undoable("charge")))

    told = await preview(engine, shown["id"])

    assert [one["path"] for one in told["steps"]] == ["charge"]
    assert len(evaluated) == 1
    assert threading.get_ident() not in evaluated


async def test_its_state_alone_is_known_to_its_tenant_from_the_archive_too(
    engine: Replica,
) -> None:
    execution = (await engine.run(a_document(a_step("a"))))["id"]
    state = engine.executions.state

    live = await state(DEFAULT_TENANT, execution), await state(Tenant("other"), execution)
    engine.module.retention._live_ms = 0
    await engine.module.retention.sweep(tag_number_of(execution))
    kept = await state(DEFAULT_TENANT, execution), await state(Tenant("other"), execution)

    assert live == kept == ("completed", None)
    assert await state(DEFAULT_TENANT, "exe_nothing") is None
