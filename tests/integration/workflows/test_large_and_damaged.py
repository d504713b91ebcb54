"""Results too large for a record, and records that are damaged."""

from typing import Any

import pytest
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
)

from orchestra.store.client import Store

pytestmark = pytest.mark.anyio

LARGE = "x" * 100_000
TOO_LARGE = "x" * 1_100_000


async def test_a_result_of_100_kb_is_a_blob_and_can_be_read_whole(engine: Replica) -> None:
    engine.agents.on("a", answers({"text": LARGE}))

    shown = await engine.run(a_document(a_step("a"), a_value("b", "${size(steps.a.output.text)}")))

    href = f"/api/executions/{shown['id']}/steps/a"
    assert shown["output"] == len(LARGE)
    assert shown.step("a")["output"] == {
        "$truncated": True, "bytes": len(LARGE) + 11, "href": href,
    }  # fmt: skip
    assert (await engine.step(shown["id"], "a"))["output"] == {"text": LARGE}
    prefix = engine.prefix(shown["id"])
    record = await engine.store.read(prefix, "HSTRLEN", f"{prefix}r:{shown['id']}", "a")
    assert record < 1_000


async def test_a_large_last_result_is_the_output_by_reference(engine: Replica) -> None:
    engine.agents.on("a", answers(LARGE))

    shown = await engine.run(a_document(a_step("a")))

    assert shown["output"]["$truncated"]
    assert shown["output"]["href"] == f"/api/executions/{shown['id']}/steps/a"


async def test_another_replica_reads_a_large_result(store: Store) -> None:
    held, agents = Held(answers("b")), ScriptedAgents()
    agents.on("a", answers({"text": LARGE}))
    agents.on("b", held, answers("b"))
    async with replica(store, agents) as first:
        execution = await first.start(
            a_document(a_step("a"), a_step("b", input_data="${size(steps.a.output.text)}"))
        )
        await held.begun.wait()

    async with replica(store, agents) as second:
        await second.declare_dead(execution, but=second)
        await second.end(execution)

    assert [task.input_data for task in agents.of("b")] == [len(LARGE), len(LARGE)]


async def test_a_result_over_1_mib_fails_its_step(engine: Replica) -> None:
    engine.agents.on("a", answers(TOO_LARGE))

    shown = await engine.run(a_document(a_step("a"), a_step("b")))

    assert (shown["status"], shown.code) == ("failed", "agent.too_large")
    assert shown.of("a", "b") == ["failed", "skipped"]


async def test_a_result_over_1_mib_can_be_handled_and_is_undone(engine: Replica) -> None:
    engine.agents.on("a", answers(TOO_LARGE))
    engine.agents.on("b", fails("payment.declined"))
    rule = {"match": ["agent.too_large"], "do": "continue", "output": "much"}

    shown = await engine.run(
        a_document(
            a_step("a", on_error=[rule], compensate={"agent_type": "t"}),
            a_step("b", input_data="${steps.a.output}"),
        )
    )

    assert engine.agents.of("b")[0].input_data == "much"
    assert shown["status"] == "rolled_back"
    assert len(engine.agents.of("~a")) == 1


async def test_many_large_branches_fail_their_join_not_the_engine(engine: Replica) -> None:
    branches: list[Any] = []
    for number in range(12):
        engine.agents.on(f"p/b{number}/x", answers(LARGE))
        branches.append({"id": f"b{number}", "steps": [a_step("x")]})

    shown = await engine.run(a_document({"id": "p", "type": "parallel", "branches": branches}))

    assert (shown["status"], shown.code) == ("failed", "agent.too_large")


async def damage(engine: Replica, execution: str, field: str) -> None:
    """Flip the last byte of a record in the store."""
    prefix = engine.prefix(execution)
    key = f"{prefix}r:{execution}"
    record = await engine.store.read(prefix, "HGET", key, field)
    flipped = record[:-1] + bytes([record[-1] ^ 1])
    await engine.store.call(prefix, "HSET", key, field, flipped)


async def test_a_damaged_record_fails_the_step_that_needs_it(store: Store) -> None:
    held, agents = Held(), ScriptedAgents()
    agents.on("b", held, answers(1))
    async with replica(store, agents) as first:
        execution = await first.start(
            a_document(a_step("a"), a_step("b", input_data="${steps.a.output}"))
        )
        await held.begun.wait()

    async with replica(store, agents) as second:
        await damage(second, execution, "a")
        await second.declare_dead(execution, but=second)
        shown = await second.end(execution)

    assert (shown["status"], shown.code) == ("failed", "corrupt-record")
    assert len(agents.of("b")) == 1


async def test_a_damaged_record_is_told_and_hides_nothing_else(engine: Replica) -> None:
    execution = (await engine.run(a_document(a_value("a", 1), a_value("b", 2))))["id"]

    await damage(engine, execution, "a")
    async with replica(engine.store) as other:
        shown = await other.status(execution)

        assert (shown["status"], shown["output"]) == ("completed", 2)
        assert shown.step("a")["error"]["code"] == "corrupt-record"
        assert await other.logs(execution)
        assert await other.history(execution)
