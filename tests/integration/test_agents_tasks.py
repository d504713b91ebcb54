"""Direct tasks: waiting for less than they take, coming back, looking on, cancelling, twice."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest
from agent_replicas import an_agent, can
from products import Product, a_product, until

from orchestra.agents import PythonAgent, Reject, Task
from orchestra.agents.tasks.runs import Run, Runs

pytestmark = pytest.mark.anyio


class Hands:
    """What the agent of these tests does, and how often."""

    def __init__(self) -> None:
        self.begun, self.open, self.stopped = anyio.Event(), anyio.Event(), anyio.Event()
        self.times = 0

    async def wait(self, task: Task) -> object:
        self.times += 1
        self.begun.set()
        try:
            await self.open.wait()
        except BaseException:
            self.stopped.set()
            raise
        return {"said": task.input_data}

    async def refuse(self, task: Task) -> object:
        if task.input_data == {"x": "later"}:
            await self.open.wait()
        raise Reject("not this")

    @property
    def agent(self) -> PythonAgent:
        return an_agent("own", can("wait", self.wait), can("no", self.refuse))


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
async def product(store_url: str, hands: Hands) -> AsyncIterator[Product]:
    async with a_product(store_url, [hands.agent]) as made:
        yield made


@pytest.fixture
async def other(store_url: str, product: Product) -> AsyncIterator[Product]:
    async with a_product(store_url, [Hands().agent]) as made:
        yield made


def wanted(capability: str = "wait", **more: Any) -> dict[str, Any]:
    return {"agent_type": "own", "capability": capability, "input_data": {"x": 1}} | more


async def begun(product: Product, **headers: str) -> str:
    answer = await product.post("/api/agents/execute", wanted(), Prefer="respond-async", **headers)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/api/agents/tasks/{answer.json()['task_id']}"
    return answer.json()["task_id"]


async def events_of(product: Product, path: str, **headers: str) -> list[dict[str, str]]:
    """All events of a stream, to its end."""
    answer = await product.http.get(path, headers=headers)
    assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
    return read_events(answer.text)


def read_events(text: str) -> list[dict[str, str]]:
    blocks = [block for block in text.split("\n\n") if block.strip(": \n")]
    return [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks]


async def test_a_task_goes_on_after_202_and_its_result_stays(
    product: Product, other: Product, hands: Hands
) -> None:
    answer = await product.post("/api/agents/execute", wanted(), Prefer="wait=0")
    assert answer.status_code == 202, answer.text
    task = answer.json()["task_id"]
    here = await product.http.get(f"/api/agents/tasks/{task}")
    there = await other.http.get(f"/api/agents/tasks/{task}")
    hands.open.set()

    results: list[Any] = []
    async with anyio.create_task_group() as group:
        for one in (product, other):

            async def ask(one: Product = one) -> None:
                results.append(await events_of(one, f"/api/agents/tasks/{task}/events"))

            group.start_soon(ask)

    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "wait=0"
    assert here.json() == there.json() == answer.json()
    assert answer.json()["status"] == "running"
    assert [events[-1]["event"] for events in results] == ["result", "result"]
    for one in (product, other):
        shown = (await one.http.get(f"/api/agents/tasks/{task}")).json()
        assert (shown["status"], shown["output"]) == ("completed", {"said": {"x": 1}})
        assert shown["capability"] == "wait"


async def test_a_failure_is_kept_with_what_it_would_have_been(
    product: Product, hands: Hands
) -> None:
    body = wanted("no", input_data={"x": "later"})
    answer = await product.post("/api/agents/execute", body, Prefer="respond-async")
    at = f"/api/agents/tasks/{answer.json()['task_id']}"
    hands.open.set()
    [last] = await events_of(product, at + "/events")

    shown = (await product.http.get(at)).json()

    assert last["event"] == "error"
    assert shown["status"] == "failed"
    assert shown["error"]["problem"] == "input_invalid"
    assert (await product.http.get("/api/agents/tasks/tsk_none")).status_code == 404


async def test_cancelling_reaches_the_replica_that_runs_it(
    product: Product, other: Product, hands: Hands
) -> None:
    task = await begun(product)
    await hands.begun.wait()

    answer = await other.http.delete(f"/api/agents/tasks/{task}")
    again = await product.http.delete(f"/api/agents/tasks/{task}")

    assert answer.json()["status"] == again.json()["status"] == "cancelled"
    with anyio.fail_after(60):
        await hands.stopped.wait()


async def test_a_key_is_one_task_for_all_replicas(
    product: Product, other: Product, hands: Hands
) -> None:
    task = await begun(product, Idempotency_Key="k")
    assert await begun(other, Idempotency_Key="k") == task
    hands.open.set()

    first = await product.post("/api/agents/execute", wanted(), Idempotency_Key="k")
    second = await other.post("/api/agents/execute", wanted(), Idempotency_Key="k")
    wrong = await other.post("/api/agents/execute", wanted("no"), Idempotency_Key="k")
    fresh = await other.post("/api/agents/execute", wanted("no"), Idempotency_Key="l")

    assert first.json()["task_id"] == second.json()["task_id"] == task
    assert first.json()["output"] == second.json()["output"] == {"said": {"x": 1}}
    assert second.headers["idempotency-replayed"] == "true"
    assert (wrong.status_code, wrong.json()["code"]) == (422, "idempotency_mismatch")
    assert fresh.json()["code"] == "input_invalid"
    assert hands.times == 1


async def test_who_asks_for_events_gets_the_frames_and_the_result(
    product: Product, other: Product
) -> None:
    shown = await product.register("far")
    text: list[Any] = []

    async with anyio.create_task_group() as group:

        async def execute() -> None:
            body = {"agent_type": "pulled", "capability": "do", "input_data": {}}
            text.append(await product.post("/api/agents/execute", body, Accept="text/event-stream"))

        group.start_soon(poll_and_answer, other, shown["id"])
        await product.heard("far")
        group.start_soon(execute)

    events = read_events(text[0].text)
    assert [one["event"] for one in events] == ["delta", "progress", "result"]
    assert [one["id"] for one in events] == ["1", "2", "3"]
    assert '"text":"so far"' in events[0]["data"]
    task = text[0].headers["location"]
    again = await events_of(other, f"{task}/events", **{"Last-Event-ID": "2"})
    assert [one["event"] for one in again] == ["result"]


async def test_a_task_that_ends_before_its_record_is_written_is_seen_whole(
    product: Product, other: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = Runs.record

    async def late(runs: Runs, run: Run) -> None:
        await run.ended.wait()
        await record(runs, run)

    monkeypatch.setattr(Runs, "record", late)
    await test_who_asks_for_events_gets_the_frames_and_the_result(product, other)


async def poll_and_answer(product: Product, agent: str) -> None:
    [task] = (await product.post(f"/api/agents/{agent}/poll", {"slots": 1})).json()["tasks"]
    proof = {"lease": task["lease"]["id"], "fence": task["fence"]}
    for said in ({"delta": "so far"}, {"progress": {"done": 0.5}}):
        await product.post(task["links"]["heartbeat"], proof | said)
    await product.post(task["links"]["complete"], proof | {"output": 1})


async def test_frames_reach_those_who_look_through_another_replica(
    product: Product, other: Product
) -> None:
    shown = await product.register("far")
    body = {"agent_type": "pulled", "capability": "do", "input_data": {}}
    first = await poll_after(product, shown["id"], body)
    task, at = first
    found: list[Any] = []

    async with anyio.create_task_group() as group:

        async def look() -> None:
            found.extend(await events_of(other, f"{at}/events"))

        group.start_soon(look)
        here = product.agents._elsewhere.live._topics[at.rpartition("/")[2]]
        await until(lambda: here.remotes)
        proof = {"lease": task["lease"]["id"], "fence": task["fence"]}
        for n in range(3):
            await other.post(task["links"]["heartbeat"], proof | {"delta": f"part {n}"})
        await other.post(task["links"]["complete"], proof | {"output": 1})

    assert [one["event"] for one in found] == ["delta", "delta", "delta", "result"]


async def poll_after(product: Product, agent: str, body: Any) -> tuple[Any, str]:
    """A task that a worker has taken, and where it can be looked at."""
    taken: list[Any] = []
    at = ""

    async def poll() -> None:
        answer = await product.post(f"/api/agents/{agent}/poll", {"slots": 1})
        taken.extend(answer.json()["tasks"])

    async with anyio.create_task_group() as group:
        group.start_soon(poll)
        await product.heard("far")
        answer = await product.post("/api/agents/execute", body, Prefer="respond-async")
        assert answer.status_code == 202, answer.text
        at = answer.headers["location"]
    return taken[0], at


async def test_a_task_whose_replica_died_has_failed(store_url: str, hands: Hands) -> None:
    async with AsyncExitStack() as stack:
        other = await stack.enter_async_context(a_product(store_url, [hands.agent]))
        dying = await stack.enter_async_context(a_product(store_url, [hands.agent]))
        task = await begun(dying)
        runs = dying.agents._desk.runs
        runs._runs.clear()  # as if it had died: nobody says that it lives
        shown: Any = {}
        with anyio.fail_after(60):
            [last] = await events_of(other, f"/api/agents/tasks/{task}/events")

        shown = (await other.http.get(f"/api/agents/tasks/{task}")).json()
        hands.open.set()

    assert last["event"] == "error"
    assert (shown["status"], shown["error"]["code"]) == ("failed", "agent.lost")
