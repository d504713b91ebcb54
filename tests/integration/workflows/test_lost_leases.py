"""R8, R12: what a replica held when it lost its lease is told in its log, once for each step."""

from collections import Counter
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict
from workflow_replica import (
    Held,
    Replica,
    ScriptedAgents,
    a_document,
    a_step,
    fails,
    replica,
)

from orchestra.store.client import Store

pytestmark = pytest.mark.anyio


def undoable(name: str) -> dict[str, Any]:
    return a_step(name, compensate={"agent_type": "t"})


def told(lines: list[EventDict]) -> Counter[str]:
    """What the log says of steps that came to nothing here."""
    words = ("step.abandoned", "step.late_result")
    return Counter(line["event"] for line in lines if line["event"] in words)


async def nothing_held(by: Replica) -> None:
    with anyio.fail_after(60):
        while by.module.engine.hands.count:
            await anyio.lowlevel.checkpoint()


def hear_nothing(of: Replica, patch: pytest.MonkeyPatch) -> None:
    """A replica hears of no loss from its lease thread, and claims no more than it has."""
    patch.setattr(of.module.engine, "fence", lambda _tag=None: None)
    of.module.engine.hands.closed = True


@pytest.mark.parametrize("step", ["a", "~a"])
@pytest.mark.parametrize("first", ["the loss", "the answer"])
async def test_a_step_that_was_taken_over_is_told_once_whatever_comes_first(
    store: Store, monkeypatch: pytest.MonkeyPatch, first: str, step: str
) -> None:
    lost, kept, agents = Held(), Held(), ScriptedAgents()
    agents.on(step, lost, kept)
    agents.on("b", fails())
    with capture_logs() as lines:
        async with replica(store, agents) as former:
            execution = await former.start(a_document(undoable("a"), a_step("b", "a")))
            await lost.begun.wait()
            fence = former.module.engine.fence
            hear_nothing(former, monkeypatch)
            async with replica(store, agents) as heir:
                await heir.declare_dead(execution, but=heir)
                await kept.begun.wait()
                if first == "the answer":
                    lost.go_on()
                    await nothing_held(former)
                fence()
                await nothing_held(former)
                kept.go_on()
                shown = await heir.end(execution)

    assert shown.of("a") == ["compensated"]
    word = "step.late_result" if first == "the answer" else "step.abandoned"
    assert told(lines) == {word: 1}


async def test_a_step_that_cannot_be_handed_back_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, kept, agents = Held(), Held(), ScriptedAgents()
    agents.on("a", lost, kept)
    with capture_logs() as lines:
        async with replica(store, agents) as former:
            execution = await former.start(a_document(a_step("a")))
            await lost.begun.wait()
            hear_nothing(former, monkeypatch)
            async with replica(store, agents) as heir:
                await heir.declare_dead(execution, but=heir)
                await kept.begun.wait()
                await former.module.engine.drain(0.0)
                await nothing_held(former)
                kept.go_on()
                await heir.end(execution)

    assert told(lines) == {"step.abandoned": 1}


@pytest.mark.parametrize("known", [False, True])
async def test_a_step_that_is_lost_before_its_call_is_told_and_not_called(
    store: Store, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    agents, reached, go_on = ScriptedAgents(), anyio.Event(), anyio.Event()
    async with replica(store, agents) as former:
        engine = former.module.engine
        begun = engine.worker._recorder.begun

        async def wait_and_begin(*args: Any) -> bool:
            answer = await begun(*args) if known else None
            if known:  # the lease is over as soon as the intent is written
                monkeypatch.setattr(engine._a.lease, "fenced", lambda _tag: True)
            reached.set()
            await go_on.wait()
            return await begun(*args) if answer is None else answer

        monkeypatch.setattr(engine.worker._recorder, "begun", wait_and_begin)
        with capture_logs() as lines:
            execution = await former.start(a_document(undoable("a")))
            await reached.wait()
            hear_nothing(former, monkeypatch)
            async with replica(store, agents) as heir:
                await heir.declare_dead(execution, but=heir)
                shown = await heir.end(execution)
                go_on.set()
                await nothing_held(former)

    assert shown.of("a") == ["completed"]
    assert agents.steps() == ["a"], "the replica that lost it called, too"
    assert told(lines) == {"step.abandoned": 1}
