"""R6 to R14: transitions, holders, attempts."""

import anyio
import pytest
from steady import undisturbed
from store_time import passes
from workflow_replica import (
    Held,
    Replica,
    ScriptedAgents,
    Shown,
    a_document,
    a_step,
    a_value,
    answers,
    fails,
    hangs,
    replica,
    retrying,
)

from orchestra.store.client import Store
from orchestra.workflows.planning.framing import pack
from orchestra.workflows.ports import SCRIPTS

pytestmark = pytest.mark.anyio

HOUR_MS = 3_600_000
META = "o:{meta}:"


async def test_r6_a_result_is_seen_with_all_that_follows_from_it(engine: Replica) -> None:
    held = Held()
    engine.agents.on("b", held)
    execution = await engine.start(a_document(a_step("a"), a_step("b"), a_step("c")))
    await held.begun.wait()

    shown = await engine.status(execution)

    assert shown.of("a", "b", "c") == ["completed", "running", "waiting"]
    assert [kind for kind, path in await engine.events(execution) if path == "a"] == [
        "step.started",
        "step.completed",
    ]
    held.go_on()
    await engine.end(execution)


async def test_r7_another_replica_goes_on_from_the_records_and_repeats_nothing(
    store: Store,
) -> None:
    held, agents = Held(), ScriptedAgents()
    agents.on("b", held, answers("second"))
    async with replica(store, agents) as first:
        execution = await first.start(a_document(a_step("a"), a_step("b"), a_step("c")))
        await held.begun.wait()

    async with replica(store, agents) as second:
        await second.declare_dead(execution, but=second)
        shown = await second.end(execution)

    assert shown["status"] == "completed"
    assert agents.steps() == ["a", "b", "b", "c"]


async def test_r8_a_write_with_an_old_token_changes_nothing_and_is_noted_as_late(
    engine: Replica,
) -> None:
    held = Held(answers("right"))
    engine.agents.on("a", held)
    execution = await engine.start(a_document(a_step("a")))
    await held.begun.wait()
    token = (await engine.mark(execution, "a"))[1:]
    old = token.replace("1.", "0.", 1)

    reply = await engine.store.run(
        SCRIPTS["step_complete"], engine.prefix(execution), item=f"2|t|{execution}/a", token=old,
        out="C", record=pack({"status": "completed", "output": "wrong"}), sticky=0, max=0,
        queues="", delay_ms=0, bump=0, end="", escalate="", undo="", succ="", spawn="", emit="",
        vars="", told="",
    )  # fmt: skip

    assert reply[0] == 0
    assert (await engine.mark(execution, "a"))[1:] == token
    held.go_on()
    assert (await engine.end(execution))["output"] == "right"
    assert ("step.answered_late", "a") in await engine.events(execution)


async def test_r9_each_step_that_is_not_done_has_a_holder_a_timer_or_waits(
    engine: Replica,
) -> None:
    held = Held()
    engine.agents.on("held", held)
    engine.agents.on("again", fails("agent.error"))
    slow = {"max_attempts": 2, "initial": "1h", "jitter": "none"}
    execution = await engine.start(
        a_document(a_step("held"), a_step("again", retry=slow), a_step("after", "held", "again"))
    )
    await held.begun.wait()
    await engine.until(execution, lambda shown: shown.of("again") == ["retrying"])
    prefix = engine.prefix(execution)

    session = (await engine.mark(execution, "held")).split(".", 4)[4]
    claimed = await engine.store.read(prefix, "SMEMBERS", f"{prefix}wl:{session}")
    timers = await engine.store.read(prefix, "ZRANGE", f"{prefix}t", "0", "-1")

    assert claimed == [f"2|t|{execution}/held".encode()]
    assert f"R|2|t|{execution}/again".encode() in timers
    assert await engine.mark(execution, "after") == "w2"
    await engine.control(execution, "cancel")


async def test_r10_history_is_numbered_and_names_actor_and_cause(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)
    execution = await engine.start(a_document(a_step("a")), actor="ann")
    await held.begun.wait()
    await engine.control(execution, "pause", actor="key_7", reason="lunch")
    await engine.control(execution, "resume", actor="bob")
    early = await engine.history(execution)
    held.go_on()
    await engine.end(execution)

    late = await engine.history(execution)

    assert late[: len(early)] == early
    assert [item["seq"] for item in late] == list(range(1, len(late) + 1))
    by = {item["type"]: item["actor"] for item in late}
    assert by["workflow.accepted"] == {"type": "user", "id": "ann"}
    assert by["workflow.paused"] == {"type": "key", "id": "key_7"}
    assert by["workflow.resumed"] == {"type": "user", "id": "bob"}
    assert by["step.completed"] == {"type": "engine", "id": None}
    paused = next(item for item in late if item["type"] == "workflow.paused")
    assert paused["data"] == {"op": "pause", "reason": "lunch"}


async def test_r11_the_key_changes_after_a_definite_failure(engine: Replica) -> None:
    engine.agents.on("a", fails("agent.error"), answers(1))

    shown = await engine.run(a_document(a_step("a", retry=retrying())))

    first, second = engine.agents.of("a")
    assert shown.step("a")["attempts"] == 2
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.key != second.key
    assert first.fence < second.fence
    assert (first.execution, first.step, first.workflow) == (
        shown["id"],
        "a",
        shown["workflow_id"],
    )


@pytest.mark.parametrize("code", ["agent.lost", "timeout.attempt", "timeout.heartbeat"])
async def test_r11_the_key_stays_while_the_outcome_is_unknown(engine: Replica, code: str) -> None:
    engine.agents.on("a", fails(code, definite=False), answers(1))

    await engine.run(a_document(a_step("a", retry=retrying())))

    first, second = engine.agents.of("a")
    assert (first.attempt, second.attempt) == (1, 2)
    assert first.key == second.key


async def test_r12_our_own_crash_is_no_attempt_and_keeps_the_key(store: Store) -> None:
    held, agents = Held(), ScriptedAgents()
    agents.on("a", held, answers("done"))
    async with replica(store, agents) as first:
        execution = await first.start(a_document(a_step("a")))
        await held.begun.wait()

    async with replica(store, agents) as second:
        await second.declare_dead(execution, but=second)
        shown = await second.end(execution)
        events = await second.events(execution)

    before, after = agents.of("a")
    assert (shown["output"], shown.step("a")["attempts"]) == ("done", 1)
    assert (before.attempt, after.attempt) == (1, 1)
    assert before.key == after.key
    assert before.fence < after.fence
    assert ("step.recovered", "a") in events


async def test_r13_the_late_answer_of_a_superseded_attempt_changes_nothing(store: Store) -> None:
    early, agents = Held(answers("early")), ScriptedAgents()
    other = Held(answers("other"))
    agents.on("a", early, other)
    async with replica(store, agents) as first, replica(store, agents) as second:
        execution = await first.start(a_document(a_step("a")))
        await early.begun.wait()
        await second.declare_dead(execution, but=second)
        await other.begun.wait()
        early.go_on()
        await second.until(execution, lambda shown: shown["status"] == "running")
        with anyio.fail_after(60):
            while ("step.answered_late", "a") not in await second.events(execution):
                await anyio.lowlevel.checkpoint()
        other.go_on()
        shown = await second.end(execution)
        history = await second.history(execution)

    assert shown["output"] == "other"
    (late,) = [item for item in history if item["type"] == "step.answered_late"]
    assert late["data"]["late_result"]["output"] == "early"


async def test_r14_the_clock_that_expires_first_wins(engine: Replica) -> None:
    engine.agents.on("attempt", hangs)
    engine.agents.on("total", hangs)
    once = {"max_attempts": 1}

    shown = await engine.run(
        a_document(
            a_step("attempt", timeout="100ms", total_timeout="60s", retry=once),
            a_step("total", timeout="60s", total_timeout="100ms", retry=once),
            a_value("end", 1, "attempt", "total"),
            fail_fast=False,
        )
    )

    assert shown.step("attempt")["error"]["code"] == "timeout.attempt"
    assert shown.step("total")["error"]["code"] == "timeout.total"
    assert all(task.timeout_ms <= 100 for task in engine.agents.of("total"))


async def test_r14_the_total_timeout_spans_all_attempts(engine: Replica) -> None:
    engine.agents.on("a", hangs)

    step = a_step("a", timeout="100ms", total_timeout="250ms", retry=retrying(20))

    async def run() -> tuple[Shown, int]:
        before = len(engine.agents.calls)
        shown = await engine.run(a_document(step))
        return shown, len(engine.agents.calls) - before

    shown, calls = await undisturbed(run, 0.05, lambda: engine.store.read(META, "TIME"))

    assert shown.code == "timeout.total"
    assert 2 <= calls <= 3


async def test_r14_the_execution_ends_at_its_timeout(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)

    document = a_document(a_step("a"), timeout="100ms")
    shown = await undisturbed(
        lambda: engine.run(document), 0.03, lambda: engine.store.read(META, "TIME")
    )

    assert (shown["status"], shown.code) == ("failed", "timeout.execution")
    with anyio.fail_after(60):
        await held.stopped.wait()


async def test_r14_a_start_may_ask_for_a_shorter_timeout(engine: Replica) -> None:
    engine.agents.on("a", Held())

    shown = await engine.run(a_document(a_step("a")), timeout="100ms")

    assert shown.code == "timeout.execution"


async def test_r14_the_time_in_our_own_queue_is_taken_off_the_queue_timeout(
    engine: Replica,
) -> None:
    held = Held()
    engine.agents.on("a", held)
    execution = await engine.start(a_document(a_step("a"), a_step("b", queue_timeout="1h")))
    await held.begun.wait()
    held.go_on()
    await engine.end(execution)

    assert 3_000_000 < engine.agents.of("b")[0].queue_timeout_ms <= 3_600_000


async def test_r14_a_delayed_start_takes_nothing_off_the_queue_timeout(engine: Replica) -> None:
    execution = await engine.start(
        a_document(a_step("a", queue_timeout="100s", total_timeout="100s")), delay="1h"
    )
    await passes(engine.store, HOUR_MS)
    await engine.end(execution)

    (task,) = engine.agents.of("a")
    assert task.queue_timeout_ms > 50_000


async def test_r14_a_delayed_start_takes_nothing_off_the_executions_timeout(
    engine: Replica,
) -> None:
    execution = await engine.start(a_document(a_value("a", 1), timeout="100s"), delay="1h")
    await passes(engine.store, HOUR_MS)
    shown = await engine.end(execution)

    assert shown["status"] == "completed"


async def test_r14_what_ran_before_a_container_takes_nothing_off_the_clocks_inside(
    engine: Replica,
) -> None:
    held = Held()
    engine.agents.on("a", held)
    inner = a_step("b", queue_timeout="30s", total_timeout="30s")
    branch = {"id": "x", "steps": [inner]}

    execution = await engine.start(
        a_document(a_step("a"), {"id": "p", "type": "parallel", "branches": [branch]})
    )
    await held.begun.wait()
    await passes(engine.store, 45_000)  # less than a lease
    held.go_on()
    shown = await engine.end(execution)

    assert shown["status"] == "completed"
    assert engine.agents.of("p/x/b")[0].queue_timeout_ms > 10_000
