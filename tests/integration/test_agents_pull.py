"""Pull agents: tasks wait in a queue, workers come for them, leases say whose they are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from products import Product, a_product, until

pytestmark = pytest.mark.anyio

TASK = {"agent_type": "pulled", "capability": "do", "input_data": {"x": 7}}
PATIENT = {"mode": "push", "interval_s": 10, "ttl_s": 30}
LONG_S = 61
"""Silent for so long, an agent is late, also where nobody looked for half a minute."""


async def silence(product: Product, agent: dict[str, Any], seconds: int) -> None:
    """So long nothing was heard of an agent, nor of the tasks that workers have."""
    store, prefix = product.agents.care.health._store, "o:a:{default/pulled}:"
    await store.call(prefix, "ZINCRBY", f"{prefix}hb", -1_000 * seconds, agent["id"])
    for task in await store.read(prefix, "ZRANGE", f"{prefix}tl", 0, -1):
        await store.call(prefix, "ZINCRBY", f"{prefix}tl", -1_000 * seconds, task)


@pytest.fixture
async def product(store_url: str) -> AsyncIterator[Product]:
    async with a_product(store_url) as made:
        yield made


@pytest.fixture
async def other(store_url: str, product: Product) -> AsyncIterator[Product]:
    async with a_product(store_url) as made:
        yield made


@asynccontextmanager
async def asked(product: Product, **more: Any) -> AsyncIterator[list[Any]]:
    """A caller who waits for a task, beside the block; afterwards the answer."""
    answers: list[Any] = []

    async def ask() -> None:
        answers.append(await product.post("/api/agents/execute", TASK | more))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        yield answers


async def poll(product: Product, agent: str, slots: int = 1, wait_s: int = 5) -> list[Any]:
    answer = await product.post(f"/api/agents/{agent}/poll", {"slots": slots, "wait_s": wait_s})
    assert answer.status_code in (200, 204), answer.text
    return answer.json()["tasks"] if answer.content else []


async def taken(product: Product, agent: str) -> Any:
    """The next task of the agent."""
    with anyio.fail_after(60):
        while not (tasks := await poll(product, agent)):
            pass
    return tasks[0]


def proof(task: Any, **more: Any) -> dict[str, Any]:
    return {"lease": task["lease"]["id"], "fence": task["fence"]} | more


async def say(product: Product, task: Any, verb: str, **more: Any) -> Any:
    return await product.post(task["links"][verb], proof(task, **more))


async def test_a_worker_comes_for_a_task_at_one_replica_and_answers_at_another(
    product: Product, other: Product
) -> None:
    shown = await product.register("far", max_concurrency=4)
    assert shown["status"] == "waiting"
    assert shown["pull"]["poll_url"] == f"/api/agents/{shown['id']}/poll"
    assert await poll(product, "far", wait_s=0) == []
    async with asked(product) as answers:
        task = await taken(other, shown["id"])
        done = await say(other, task, "complete", output={"n": 1}, usage={"input_tokens": 3})

    assert done.json() == {"status": "completed"}
    assert answers[0].json()["output"] == {"n": 1}
    assert answers[0].json()["usage"]["input_tokens"] == 3
    assert (task["spec"], task["input"]) == ("orchestra.task/1", {"x": 7})
    assert 0 < task["timeout_ms"] <= 60_000
    assert task["lease"]["ttl_ms"] == 30_000
    assert (await product.http.get("/api/agents/far")).json()["status"] == "healthy"


async def test_the_first_result_counts_and_a_repeat_of_it_is_welcome(product: Product) -> None:
    shown = await product.register("far")
    await poll(product, "far", wait_s=0)
    async with asked(product) as answers:
        task = await taken(product, shown["id"])
        said = [await say(product, task, "complete", output=n) for n in (1, 2)]
        beat = await say(product, task, "heartbeat")
    wrong = await product.post(task["links"]["complete"], proof(task) | {"fence": 0, "output": 3})
    forged = await product.post(
        task["links"]["complete"], {"lease": "lse_x." + shown["id"], "fence": task["fence"]}
    )

    assert [one.status_code for one in said] == [200, 200]
    assert answers[0].json()["output"] == 1
    assert beat.json() == {"extend_ms": 0, "cancel": False}
    assert (wrong.status_code, wrong.json()["code"]) == (409, "attempt_superseded")
    assert (forged.status_code, forged.json()["code"]) == (409, "lease_lost")


async def test_a_silent_worker_loses_its_task_and_another_agent_does_it(product: Product) -> None:
    first = await product.register("first", heartbeat=PATIENT, priority=1)
    second = await product.register("second", priority=2)
    for name in ("first", "second"):
        await poll(product, name, wait_s=0)
    async with asked(product) as answers:
        lost = await taken(product, first["id"])
        await silence(product, first, LONG_S)
        again = await taken(product, second["id"])
        late = await say(product, lost, "complete", output="late")
        await say(product, again, "complete", output="good")

    assert (late.status_code, late.json()["code"]) == (409, "attempt_superseded")
    told = answers[0].json()
    assert told["output"] == "good"
    assert [call["outcome"] for call in told["attempts"]] == ["unknown", "ok"]
    assert told["attempts"][0]["error"]["code"] == "agent.lost"


async def test_heartbeats_keep_a_task_and_tell_when_nobody_wants_it(product: Product) -> None:
    shown = await product.register("far", heartbeat=PATIENT)
    await poll(product, "far", wait_s=0)
    async with asked(product, timeout_ms=8_000) as answers:
        task = await taken(product, shown["id"])
        beats: list[Any] = []
        for _ in range(3):  # together for longer than it may be silent
            await silence(product, shown, 16)
            beats.append((await say(product, task, "heartbeat")).json())
        await until(lambda: answers)
        beats.append((await say(product, task, "heartbeat")).json())

    assert beats[0] == {"extend_ms": 30_000, "cancel": False}
    assert beats[-1]["cancel"]
    assert answers[0].status_code == 504


async def test_a_worker_with_its_hands_full_is_busy_and_not_silent(product: Product) -> None:
    shown = await product.register("far", heartbeat=PATIENT, max_concurrency=1)
    await poll(product, "far", wait_s=0)
    async with asked(product) as first:
        task = await taken(product, shown["id"])
        for _ in range(3):  # together for longer than it may be silent
            await silence(product, shown, 16)
            await say(product, task, "heartbeat")
        await product.agents.care.watch.round()
        assert (await product.http.get("/api/agents/far")).json()["status"] == "healthy"
        async with asked(product) as second:
            await say(product, task, "complete", output=1)
            task = await taken(product, shown["id"])
            await say(product, task, "complete", output=2)

    assert (first[0].json()["output"], second[0].json()["output"]) == (1, 2)


async def test_a_task_that_no_worker_took_goes_where_workers_are(product: Product) -> None:
    first = await product.register("gone", heartbeat=PATIENT, priority=1)
    second = await product.register("here", priority=2)
    for name in ("gone", "here"):
        await poll(product, name, wait_s=0)
    async with asked(product) as answers:
        store, prefix = product.agents.care.health._store, "o:a:{default/pulled}:"
        with anyio.fail_after(60):
            while not await store.read(prefix, "ZCARD", f"{prefix}tq:{first['id']}"):  # noqa: ASYNC110  -- in the store
                await anyio.sleep(0.01)
        await silence(product, first, LONG_S)
        await say(product, await taken(product, second["id"]), "complete", output=1)

    calls = answers[0].json()["attempts"]
    assert [call["outcome"] for call in calls] == ["failed", "ok"]
    assert calls[0]["error"]["code"] == "agent.unavailable"


async def test_what_a_worker_says_of_a_failure_is_the_callers(product: Product) -> None:
    shown = await product.register("far")
    await poll(product, "far", wait_s=0)
    errors = (
        ({"message": "no", "retryable": False}, 502, "agent.bad_request"),
        ({"code": "stock.gone", "message": "sold", "retryable": False}, 502, "stock.gone"),
    )
    for error, status, code in errors:
        async with asked(product) as answers:
            task = await taken(product, shown["id"])
            await say(product, task, "fail", error=error)
        assert (answers[0].status_code, answers[0].json()["error"]["code"]) == (status, code)


async def test_the_token_of_an_agent_is_good_for_that_agent(store_url: str) -> None:
    async with a_product(store_url) as product, a_product(store_url, own=False) as far:
        mine, his = await product.register("mine"), await product.register("his")
        again = await product.register("mine")
        bearer = {"Authorization": f"Bearer {mine['pull']['token']}"}
        wish = {"wait_s": 0}

        statuses = [
            (await far.post(f"/api/agents/{agent}/poll", wish, **headers)).status_code
            for agent, headers in (
                (mine["id"], bearer),
                ("mine", bearer),
                (his["id"], bearer),
                (mine["id"], {}),
                (mine["id"], {"Authorization": bearer["Authorization"] + "x"}),
            )
        ]
        elsewhere = await far.http.get("/api/agents", headers=bearer)
        await product.http.delete("/api/agents/mine")
        removed = await far.post(f"/api/agents/{mine['id']}/poll", wish, **bearer)

    assert "token" not in again["pull"]
    assert statuses == [204, 204, 404, 401, 401]
    assert elsewhere.status_code == 401
    assert removed.status_code in (401, 404)


async def test_a_queue_has_an_end(product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestra.agents.tasks.attempts.QUEUED_MAX", 1)
    await product.register("far")
    await poll(product, "far", wait_s=0)
    async with asked(product) as first, asked(product) as second:
        await until(lambda: first or second)
        full = (first or second)[0]
        await say(product, await taken(product, "far"), "complete", output=1)

    assert full.json()["code"] == "pool_saturated"
    assert full.headers["retry-after"]
    assert sorted(one.status_code for one in (*first, *second)) == [200, 429]


async def test_a_poll_ends_when_its_agent_is_removed(product: Product) -> None:
    shown = await product.register("far")
    answers: list[Any] = []

    async def wait() -> None:
        answers.append(await product.post(f"/api/agents/{shown['id']}/poll", {"wait_s": 20}))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await poll(product, "far", wait_s=0)
        await product.http.delete("/api/agents/far")
        await until(lambda: answers)

    assert answers[0].status_code == 404


async def test_what_is_wrong_with_a_report_is_told_at_once(product: Product) -> None:
    await product.register("far")
    wrong = await product.post("/api/agents/far/poll", {"slots": 101, "wait_s": "x"})
    nothing = await product.post("/api/agents/tasks/tsk_1/complete", {"output": 1})
    here = await product.register("here", agent_type="text_processor")
    brought = await product.post(f"/api/agents/{here['id']}/poll", {})

    assert {one["pointer"] for one in wrong.json()["errors"]} == {"/slots", "/wait_s"}
    assert {one["pointer"] for one in nothing.json()["errors"]} == {"/lease", "/fence"}
    assert (brought.status_code, brought.json()["code"]) == (409, "not_pulled")


async def test_a_nested_step_of_a_workflow_is_done_by_a_worker(product: Product) -> None:
    shown = await product.register("far")
    await poll(product, "far", wait_s=0)
    step = {"id": "in", "agent_type": "pulled", "task_type": "do"}
    switch = {"id": "s", "type": "switch", "cases": [{"when": "true", "steps": [step]}]}
    made = await product.post("/api/workflows", {"name": "w", "steps": [switch]})
    at = f"/api/workflows/{made.json()['id']}/execute"
    ended: list[Any] = []
    said: list[int] = []

    async def run() -> None:
        ended.append(await product.post(at, {}, Prefer="wait=60"))

    async with anyio.create_task_group() as group:
        group.start_soon(run)
        task = await taken(product, shown["id"])
        assert task["context"]["step_id"].endswith("in")
        said.append((await say(product, task, "heartbeat", delta="on it")).status_code)
        said.append((await say(product, task, "complete", output={"n": 1})).status_code)

    assert said == [200, 200]
    assert ended[0].json()["status"] == "completed"


async def state(product: Product) -> str:
    """How the agent stands."""
    return str((await product.http.get("/api/agents/far")).json()["status"])


async def late(product: Product) -> str:
    """Its status, once it is no longer healthy."""
    with anyio.fail_after(60):
        while True:
            told = (await product.http.get("/api/agents/far")).json()["status"]
            if told != "healthy":
                return str(told)
            await anyio.sleep(0.05)


async def test_an_agent_whose_only_worker_leaves_is_picked_no_more(product: Product) -> None:
    shown = await product.register("far")
    await poll(product, shown["id"], wait_s=0)
    left = await product.post(f"/api/agents/{shown['id']}/poll", {"slots": 0, "leaving": True})
    after = await late(product)
    nobody = await product.post("/api/agents/execute", TASK | {"timeout_ms": 5_000})
    await poll(product, shown["id"], wait_s=0)
    again = (await product.http.get("/api/agents/far")).json()["status"]

    assert left.status_code == 204
    assert (after, again) == ("stale", "healthy")
    assert nobody.json()["code"] == "no_agent_available"


async def test_a_worker_that_finishes_its_last_task_gets_no_more(product: Product) -> None:
    shown = await product.register("far")
    await poll(product, "far", wait_s=0)
    async with asked(product) as answers:
        task = await taken(product, shown["id"])
        await product.post(f"/api/agents/{shown['id']}/poll", {"slots": 0, "leaving": True})
        kept = await say(product, task, "heartbeat", leaving=True)
        while (status := await state(product)) == "healthy":
            await say(product, task, "heartbeat", leaving=True)
        await say(product, task, "complete", output=1)

    assert kept.json() == {"extend_ms": 30_000, "cancel": False}
    assert status == "stale"
    assert answers[0].json()["output"] == 1
