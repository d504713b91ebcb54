"""R9: what nobody holds and nothing would wake is found, put back and counted."""

import pytest
from workflow_replica import Held, Replica, a_document, a_step, answers, fails

from orchestra.store.partitions import tag_number_of

pytestmark = pytest.mark.anyio


async def sweep(engine: Replica, execution: str) -> int:
    return await engine.module.sweeper.sweep(tag_number_of(execution), 0)


async def test_r9_a_step_whose_retry_timer_is_gone_is_put_back(engine: Replica) -> None:
    engine.agents.on("a", fails("agent.error"), answers(1))
    again = {"max_attempts": 2, "initial": "1h", "max": "1h", "jitter": "none"}
    execution = await engine.start(a_document(a_step("a", retry=again)))
    await engine.until(execution, lambda shown: shown.of("a") == ["retrying"])
    before = await sweep(engine, execution)
    prefix = engine.prefix(execution)
    removed = await engine.store.call(prefix, "ZREM", f"{prefix}t", f"R|2|t|{execution}/a")

    found = await sweep(engine, execution)

    assert (before, removed, found) == (0, 1, 1)
    assert (await engine.end(execution))["output"] == 1
    assert engine.module.sweeper.orphaned == 1


async def test_r9_a_parked_step_that_no_resume_knows_of_is_put_back(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)
    execution = await engine.start(a_document(a_step("a"), a_step("b")))
    await held.begun.wait()
    await engine.control(execution, "pause")
    held.go_on()
    await engine.until(execution, lambda shown: shown.of("a") == ["completed"])
    while_paused = await sweep(engine, execution)
    prefix = engine.prefix(execution)
    await engine.store.call(prefix, "DEL", f"{prefix}pk:{execution}")
    await engine.control(execution, "resume")

    found = await sweep(engine, execution)

    assert (while_paused, found) == (0, 1)
    assert (await engine.end(execution))["status"] == "completed"


async def test_r9_a_step_of_a_session_that_left_no_trace_is_put_back(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held, answers("again"))
    execution = await engine.start(a_document(a_step("a")))
    await held.begun.wait()
    prefix = engine.prefix(execution)
    token = (await engine.mark(execution, "a"))[1:]
    await engine.store.call(prefix, "HSET", f"{prefix}x:{execution}", "a", f"r{token}gone")

    found = await sweep(engine, execution)

    assert found == 1
    shown = await engine.end(execution)
    assert shown["output"] == "again"
