"""What executions do is counted from the journal: every entry once, whoever reads it."""

from typing import Any

import anyio
import pytest
from agent_replicas import an_agent, can
from metrics_truth import agrees, truth_of
from products import Product, a_product

from orchestra.agents import Reject, Retry, Task

pytestmark = pytest.mark.anyio


async def echo(task: Task) -> object:
    """Answer what was sent."""
    return task.input_data


async def refuse(_: Task) -> object:
    """Fail, for good."""
    raise Reject("not this")


async def ask_again(_: Task) -> object:
    """Fail, for now."""
    raise Retry("not now")


OWN = an_agent("own", can("do", echo), can("no", refuse), can("later", ask_again))


def step(name: str, task: str = "do", **more: Any) -> dict[str, Any]:
    """One step of the agent here."""
    return {"id": name, "agent_type": "own", "task_type": task, **more}


WORKFLOWS: tuple[dict[str, Any], ...] = (
    {"name": "fine", "steps": [step("a"), step("b", depends_on=["a"])]},
    {"name": "skips", "steps": [step("a"), step("b", **{"if": "false"})]},
    {"name": "fails", "steps": [step("a", "no")]},
    {
        "name": "retries",
        "steps": [step("a", "later", retry={"max_attempts": 3, "initial": "100ms"})],
    },
    {
        "name": "undoes",
        "rollback": {"on": ["failure"]},
        "steps": [
            step("a", compensate={"agent_type": "own", "input_data": {"task_type": "do"}}),
            step("b", "no", depends_on=["a"]),
        ],
    },
    {
        "name": "branches",
        "steps": [
            {"id": "s", "type": "switch", "cases": [{"when": "true", "steps": [step("in")]}]}
        ],
    },
)


async def saved(product: Product) -> list[str]:
    """All of the workflows; their ids."""
    found: list[str] = []
    for document in WORKFLOWS:
        answer = await product.post("/api/workflows", document)
        assert answer.status_code == 201, answer.text
        found.append(answer.json()["id"])
    return found


async def executed(product: Product, workflow: str) -> dict[str, Any]:
    """One execution, when it has ended."""
    started = await product.post(f"/api/workflows/{workflow}/execute", {})
    path = f"/api/executions/{started.json()['execution_id']}/status?wait_ms=10000"
    with anyio.fail_after(60):
        while True:
            status = (await product.http.get(path)).json()
            if status["status"] in ("completed", "failed", "rolled_back", "cancelled"):
                return status
            await anyio.sleep(0.02)


async def test_counts_are_those_of_the_histories(store_url: str) -> None:
    async with a_product(store_url, [OWN]) as one, a_product(store_url, [OWN]) as two:
        ended = [
            await executed(product, workflow)
            for workflow in await saved(one)
            for product in (one, two)
        ]

        await agrees(two, await truth_of(one, ended))

        assert {status["status"] for status in ended} == {"completed", "failed", "rolled_back"}


async def test_the_overview_says_what_the_histories_say(store_url: str) -> None:
    async with a_product(store_url, [OWN]) as one:
        ended = [await executed(one, workflow) for workflow in await saved(one)]
        truth = await truth_of(one, ended)
        await agrees(one, truth)

        with anyio.fail_after(60):
            while True:  # it is made once a second, and health is told now and then
                overview = (await one.http.get("/api/dashboard/overview")).json()
                if overview["executions"]["failed"] and overview["status"] == "healthy":
                    break
                await anyio.sleep(0.2)

    executions = overview["executions"]
    for name in ("completed", "failed", "cancelled", "rolled_back"):
        assert executions[name] == truth.executions[name]
    assert executions["running"] == executions["pending"] == executions["paused"] == 0
    assert sum(executions["per_minute"]) == len(ended)
    spent = sorted(spent for each in truth.seconds.values() for spent in each)
    median = spent[(len(spent) + 1) // 2 - 1] * 1_000
    assert abs(executions["p50_ms"] - median) <= median * 0.044 + 0.001
    assert overview["workflows"] == {"total": len(WORKFLOWS), "active": len(WORKFLOWS)}
    assert overview["events"]["count"] == truth.events.total()
    assert {row["workflow"] for row in overview["failing"]} == {"fails", "retries", "undoes"}
    assert len(overview["recent_executions"]) == len(ended)
    assert overview["system"]["replicas"] == 1
    assert {row["status"] for row in overview["services"]} == {"healthy"}
    assert overview["status"] == "healthy"
    assert overview["partial"] == ["next_schedules"]
