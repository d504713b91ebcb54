"""What instruments say of executions: counted by transitions, held against what is stored."""

from collections import Counter

import pytest
from workflow_replica import Held, Replica, a_document, a_step, a_value, fails

from orchestra.store import keys
from orchestra.store.client import Store
from orchestra.store.keys import DEFAULT_TENANT
from orchestra.workflows.history.surveying import Surveyor

pytestmark = pytest.mark.anyio

TELLS = {"N": "pending", "R": "running", "Z": "running", "P": "paused", "B": "rolling_back"}
NONE = dict.fromkeys(("pending", "paused", "rolling_back", "running"), 0)


async def stored(store: Store) -> dict[str, int]:
    """Live executions by state, each looked at."""
    found: Counter[str] = Counter()
    for tag in store.partitions:
        prefix = store.prefix(tag)
        for eid in await store.read(prefix, "ZRANGE", keys.live(prefix), 0, -1):
            state = await store.read(prefix, "HGET", keys.state(prefix, eid.decode()), "@s")
            found[TELLS[state.decode()]] += 1
    return NONE | found


async def surveyed(store: Store) -> dict[tuple[str, tuple[str, ...]], float]:
    readings = await Surveyor(store).survey()
    return {(gauge.name.removeprefix("orchestra_"), of): value for gauge, of, value in readings}


async def ready(store: Store) -> list[tuple[tuple[str, ...], float]]:
    """How long the oldest ready step has waited, by class."""
    found = await surveyed(store)
    return [(of, n) for (name, of), n in found.items() if name == "ready_oldest_seconds"]


async def agree(engine: Replica) -> dict[str, int]:
    """What is counted, which must be what is stored."""
    live = dict(await Surveyor(engine.store).live(DEFAULT_TENANT))
    assert live == await stored(engine.store)
    told = await surveyed(engine.store)
    assert {of[1]: n for (name, of), n in told.items() if name == "executions_live"} in (live, {})
    return live


async def test_live_executions_are_counted_in_every_state(engine: Replica) -> None:
    """Each kind of transition is made, and after each the counters say what is stored."""
    held, undoing = Held(), Held()
    engine.agents.on("a", held)
    engine.agents.on("~u", undoing)
    engine.agents.on("f", fails())

    waiting = await engine.start(a_document(a_value("v", 1)), delay="1h")
    paused = await engine.start(a_document(a_value("v", 1)), delay="1h")
    await engine.control(paused, "pause")
    working = await engine.start(a_document(a_step("a"), a_step("b", "a")))
    await held.begun.wait()
    assert await agree(engine) == {"pending": 1, "paused": 1, "rolling_back": 0, "running": 1}

    await engine.control(working, "pause")
    await engine.control(paused, "resume")
    assert await agree(engine) == {"pending": 2, "paused": 1, "rolling_back": 0, "running": 0}

    undo = {"agent_type": "t", "input_data": {}}
    saga = await engine.start(a_document(a_step("u", compensate=undo), a_step("f", "u")))
    await engine.control(working, "resume")
    held.go_on()
    await engine.end(working)
    await undoing.begun.wait()
    assert await agree(engine) == {"pending": 2, "paused": 0, "rolling_back": 1, "running": 0}

    undoing.go_on()
    await engine.end(saga)
    await engine.control(waiting, "cancel")
    await engine.control(paused, "cancel")
    again = await engine.start(a_document(a_step("f")))
    await engine.end(again)
    await engine.control(again, "retry")
    await engine.end(again)
    assert await agree(engine) == NONE
    for tag in engine.store.partitions:
        prefix = engine.store.prefix(tag)
        assert await engine.store.read(prefix, "HGETALL", keys.live_counts(prefix)) == []


async def test_the_age_of_what_is_ready_is_that_of_the_oldest(engine: Replica) -> None:
    engine.module.engine.hands.closed = True  # nobody takes anything any more
    document = a_document(a_step("a"))
    first, second = await engine.start(document), await engine.start(document)
    [(of, fresh)] = await ready(engine.store)
    for execution, age_s in ((first, 90), (second, 40)):
        prefix = engine.prefix(execution)
        seconds, _ = await engine.store.read(prefix, "TIME")
        state = f"q0.0.0.0@{(int(seconds) - age_s) * 1_000}"
        await engine.store.call(prefix, "HSET", keys.state(prefix, execution), "a", state)

    [(of_old, oldest)] = await ready(engine.store)

    assert of == of_old
    assert fresh >= 0
    assert oldest >= 90


async def test_a_step_says_since_when_it_is_ready(engine: Replica) -> None:
    """Also after a pause, and its counters are as they were."""
    engine.agents.on("a", fails("agent.overloaded", definite=True))
    engine.module.engine.hands.closed = True
    execution = await engine.start(a_document(a_step("a")))
    await engine.control(execution, "pause")
    await engine.control(execution, "resume")

    mark = await engine.mark(execution, "a")

    assert mark.partition("@")[0] == "q0.0.0.0"


async def test_steps_that_the_dead_hold_are_orphans_until_they_are_taken_back(store: Store) -> None:
    """Nobody ticks here: there is no engine."""
    prefix = store.prefix(store.partitions[0])
    seconds, _ = await store.read(prefix, "TIME")
    now_ms = int(seconds) * 1_000
    for name, until_ms, steps in (
        ("dead", -9_000, 3),
        ("late", -2_000, 4),
        ("alive", 3_600_000, 5),
    ):
        await store.call(prefix, "ZADD", keys.sessions(prefix), now_ms + until_ms, name)
        items = [f"5|t|exe_{n}/a" for n in range(steps)]
        await store.call(prefix, "SADD", f"{prefix}wl:{name}", *items)

    found = [(await surveyed(store))["steps_orphaned", ()]]
    await store.call(prefix, "HSET", keys.cursors(prefix), "@grace", now_ms + 60_000)
    found.append((await surveyed(store))["steps_orphaned", ()])

    assert found in ([3, 0], [7, 0])  # a machine that stalls makes the late one dead, too


async def test_who_has_nothing_left_is_told_of_as_having_none(engine: Replica) -> None:
    held = Held()
    engine.agents.on("a", held)
    surveyor = Surveyor(engine.store)
    execution = await engine.start(a_document(a_step("a")))
    await held.begun.wait()
    before = {of: n for _, of, n in await surveyor.survey() if len(of) == 2}
    held.go_on()
    await engine.end(execution)

    after = {of: n for _, of, n in await surveyor.survey() if len(of) == 2}

    assert (before[DEFAULT_TENANT, "running"], sum(before.values())) == (1, 1)
    assert after.keys() == before.keys()
    assert sum(after.values()) == 0
