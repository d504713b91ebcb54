"""Rules that meet: containers with pauses, failures, retries and undoing."""

from typing import Any

import pytest
from store_time import passes
from workflow_replica import (
    Held,
    Replica,
    ScriptedAgents,
    a_document,
    a_step,
    a_value,
    answers,
    fails,
    replica,
    retrying,
)

from orchestra.store.client import Store

pytestmark = pytest.mark.anyio


def a_parallel(name: str, *, more: dict[str, Any] | None = None, **branches: Any) -> dict[str, Any]:
    """A parallel step of these branches."""
    made = [{"id": key, "steps": steps} for key, steps in branches.items()]
    return {"id": name, "type": "parallel", "branches": made, **(more or {})}


async def test_a_pause_holds_what_is_inside_containers(engine: Replica) -> None:
    held = Held()
    engine.agents.on("p/a/x", held)
    execution = await engine.start(
        a_document(a_parallel("p", a=[a_step("x"), a_step("y")], b=[a_step("z")]), a_step("end"))
    )
    await held.begun.wait()
    await engine.control(execution, "pause")
    held.go_on()
    shown = await engine.until(execution, lambda shown: shown.of("p/a/x") == ["completed"])
    assert shown["status"] == "paused"
    assert engine.agents.of("p/a/y") == []

    await engine.control(execution, "resume")

    assert (await engine.end(execution))["status"] == "completed"
    assert sorted(engine.agents.steps()) == ["end", "p/a/x", "p/a/y", "p/b/z"]


async def test_an_interrupt_runs_all_branches_again(engine: Replica) -> None:
    holds = [Held(), Held()]
    engine.agents.on("p/a/x", holds[0], answers("a"))
    engine.agents.on("p/b/x", holds[1], answers("b"))
    execution = await engine.start(a_document(a_parallel("p", a=[a_step("x")], b=[a_step("x")])))
    for hold in holds:
        await hold.begun.wait()

    await engine.control(execution, "pause", mode="interrupt")
    for hold in holds:
        await hold.stopped.wait()
    await engine.until(execution, lambda shown: not shown["pause"]["draining"])
    await engine.control(execution, "resume")

    assert (await engine.end(execution))["output"] == {"a": "a", "b": "b"}


async def test_a_tolerant_step_inside_a_branch_keeps_its_failure_there(engine: Replica) -> None:
    engine.agents.on("p/a/bad", fails("payment.declined"))
    inner = [a_step("bad"), a_value("mend", "${steps.bad.status}", "bad", run_when="all_done")]

    shown = await engine.run(a_document(a_parallel("p", a=inner, b=[a_value("z", 1)])))

    assert (shown["status"], shown["output"]) == ("completed", {"a": "failed", "b": 1})


async def test_a_failure_deep_inside_is_handled_by_the_nearest_rule(engine: Replica) -> None:
    engine.agents.on("o/b/s/x", fails("payment.declined"))
    rule = {"do": "steps", "steps": [a_value("mend", "mended")]}
    case = {"name": "one", "when": "true", "steps": [a_step("x"), a_step("never")]}
    inner = {"id": "s", "type": "switch", "cases": [case], "on_error": [rule]}

    shown = await engine.run(a_document(a_parallel("o", b=[inner]), a_step("after")))

    assert shown["status"] == "completed"
    assert shown.step("o/b/s")["output"] == "mended"
    assert engine.agents.of("o/b/s/never") == []


async def test_what_a_failed_container_did_is_undone_across_its_branches(engine: Replica) -> None:
    engine.agents.on("p/b/bad", fails("payment.declined"))
    undo = {"agent_type": "t", "input_data": {"of": "${result}"}}
    first = Held(answers("a"))
    engine.agents.on("p/a/x", first)
    bad = Held(fails("payment.declined"))
    engine.agents.on("p/b/bad", bad)
    execution = await engine.start(
        a_document(
            a_step("zero", input_data="zero", compensate=undo),
            a_parallel(
                "p",
                a=[a_step("x", compensate=undo)],
                b=[a_step("y", input_data="y", compensate=undo), a_step("bad")],
            ),
        )
    )
    await bad.begun.wait()
    first.go_on()
    await engine.until(execution, lambda shown: shown.of("p/a/x") == ["completed"])
    bad.go_on()

    shown = await engine.end(execution)

    assert shown["status"] == "rolled_back"
    given = [task.input_data for task in engine.agents.calls if str(task.step)[0] == "~"]
    assert given == [{"of": "a"}, {"of": "y"}, {"of": "zero"}]
    assert shown.of("zero", "p/a/x", "p/b/y") == ["compensated"] * 3


async def test_a_cancelled_sibling_that_may_have_worked_is_undone_without_result(
    engine: Replica,
) -> None:
    held, bad = Held(), Held(fails("payment.declined"))
    engine.agents.on("p/a/x", held)
    engine.agents.on("p/b/y", bad)
    undo = {"agent_type": "t", "input_data": {"of": "${result}"}}
    execution = await engine.start(
        a_document(a_parallel("p", a=[a_step("x", compensate=undo)], b=[a_step("y")]))
    )
    await held.begun.wait()
    await bad.begun.wait()

    bad.go_on()

    shown = await engine.end(execution)
    assert shown["status"] == "rolled_back"
    assert [task.input_data for task in engine.agents.of("~p/a/x")] == [{"of": {}}]


async def test_a_retry_runs_a_handler_again(engine: Replica) -> None:
    engine.agents.on("a", fails("payment.declined"))
    engine.agents.on("a/h", fails("help.absent"), answers("helped"))
    execution = await engine.start(
        a_document(a_step("a", on_error=[{"do": "steps", "steps": [a_step("h")]}]), a_step("b"))
    )
    assert (await engine.end(execution)).code == "help.absent"

    await engine.control(execution, "retry")

    shown = await engine.end(execution)
    assert (shown["status"], shown.step("a")["output"]) == ("completed", "helped")


async def test_a_retry_of_a_join_that_was_cut_short_keeps_what_it_has(engine: Replica) -> None:
    engine.agents.on("p/a/x", answers("a"))
    engine.agents.on("p/b/x", fails("payment.declined"), answers("b"))
    engine.agents.on("p/c/x", fails("payment.declined"), answers("c"))
    execution = await engine.start(
        a_document(
            a_parallel(
                "p", a=[a_step("x")], b=[a_step("x")], c=[a_step("x")],
                more={"join": 2, "fail_fast": False},
            )
        )
    )  # fmt: skip
    assert (await engine.end(execution))["status"] == "failed"

    await engine.control(execution, "retry")

    shown = await engine.end(execution)
    assert shown["status"] == "completed"
    assert shown["output"]["a"] == "a"
    assert len(shown["output"]) == 2
    assert len(engine.agents.of("p/a/x")) == 1


async def test_a_failed_execution_without_fail_fast_is_retried_and_gives_its_output(
    engine: Replica,
) -> None:
    engine.agents.on("b", fails("payment.declined"), answers(2))
    document = a_document(
        a_value("a", 1), a_step("b"), a_value("c", "${steps.b.output}", "b"),
        output={"a": "${steps.a.output}", "c": "${steps.c.output}"}, fail_fast=False,
    )  # fmt: skip
    execution = await engine.start(document)
    assert (await engine.end(execution)).code == "payment.declined"

    await engine.control(execution, "retry")

    assert (await engine.end(execution))["output"] == {"a": 1, "c": 2}


async def test_a_retry_by_another_replica_reads_what_it_needs(store: Store) -> None:
    agents = ScriptedAgents()
    agents.on("b", fails("payment.declined"), answers("done"))
    document = a_document(a_step("a", input_data=7), a_step("b", input_data="${steps.a.output}"))
    async with replica(store, agents) as first:
        execution = await first.start(document)
        await first.end(execution)

    async with replica(store, agents) as second:
        await second.control(execution, "retry")
        shown = await second.end(execution)

    assert shown["output"] == "done"
    assert [task.input_data for task in agents.of("b")] == [7, 7]


async def test_two_replicas_share_the_steps_of_one_execution(store: Store) -> None:
    async with replica(store) as first, replica(store) as second:
        branches: dict[str, Any] = {f"s{n}": [a_step("x")] for n in range(40)}
        execution = await first.start(a_document(a_parallel("p", **branches)))
        shown = await second.end(execution)

    called = [*first.agents.steps(), *second.agents.steps()]
    assert shown["status"] == "completed"
    assert len(called) == len(set(called)) == 40


async def test_an_execution_paused_here_is_resumed_and_cancelled_there(store: Store) -> None:
    async with replica(store) as first, replica(store) as second:
        held = Held()
        first.agents.on("a", held)
        second.agents.on("a", held)
        execution = await first.start(a_document(a_step("a"), a_step("b")))
        await held.begun.wait()
        await second.control(execution, "pause")
        assert (await first.status(execution))["status"] == "paused"
        await second.control(execution, "resume")

        await second.control(execution, "cancel")

        await held.stopped.wait()
        assert (await first.end(execution))["status"] == "cancelled"


async def test_a_cancelled_retry_never_comes(engine: Replica) -> None:
    engine.agents.on("a", fails("agent.error"))
    policy = {"max_attempts": 3, "initial": "1h", "max": "1h", "jitter": "none"}
    execution = await engine.start(a_document(a_step("a", retry=policy)))
    await engine.until(execution, lambda shown: shown.of("a") == ["retrying"])

    await engine.control(execution, "cancel")
    await passes(engine.store, 3_600_000)
    quiet = await engine.run(a_document(a_step("b", retry=retrying())))

    assert quiet["status"] == "completed"
    assert (await engine.status(execution))["status"] == "cancelled"
    assert len(engine.agents.of("a")) == 1


async def test_a_switch_that_is_skipped_opens_nothing(engine: Replica) -> None:
    case = {"when": "true", "steps": [a_step("x")]}
    switch = {"id": "s", "type": "switch", "if": "false", "cases": [case]}

    shown = await engine.run(a_document(switch))

    assert (shown["status"], shown.of("s", "s/x")) == ("completed", ["skipped", "absent"])


async def test_a_saga_is_undone_once_whoever_dies_in_between(store: Store) -> None:
    undo = {"agent_type": "t"}
    document = a_document(
        a_step("a", compensate=undo), a_step("b", compensate=undo), a_step("c")
    )  # fmt: skip
    held = Held()
    async with replica(store) as first:
        first.agents.on("c", fails("payment.declined"))
        first.agents.on("~b", held)
        execution = await first.start(document)
        await held.begun.wait()

    async with replica(store) as second:
        await second.declare_dead(execution, but=second)
        shown = await second.end(execution)
        events = await second.events(execution)

    assert shown["status"] == "rolled_back"
    assert second.agents.steps() == ["~b", "~a"]
    assert first.agents.of("~b")[0].key == second.agents.of("~b")[0].key
    assert [path for kind, path in events if kind == "step.compensated"] == ["~b", "~a"]
