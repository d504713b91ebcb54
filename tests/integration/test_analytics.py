"""Analytics of real executions: figures are those of their histories, and of nobody else's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import anyio
import pytest
from agent_replicas import an_agent, can
from products import Product, a_product

from orchestra.agents import Reject, Retry, Task

pytestmark = pytest.mark.anyio

SLOW_S = 0.15


class Hands:
    """What the test's own agents do."""

    def __init__(self) -> None:
        self.failures = 0

    async def quick(self, task: Task) -> object:
        """Answer what was sent."""
        return task.input_data

    async def slow(self, task: Task) -> object:
        """Take a while."""
        await anyio.sleep(SLOW_S)
        return task.input_data

    async def refuse(self, _: Task) -> object:
        """Fail, for good."""
        raise Reject("not this")

    async def shaky(self, task: Task) -> object:
        """Fail at first."""
        if task.attempt == 1:
            raise Retry("not now")
        return task.input_data

    def agent(self) -> Any:
        """As it is installed."""
        return an_agent(
            "own",
            can("quick", self.quick),
            can("slow", self.slow),
            can("no", self.refuse),
            can("shaky", self.shaky),
        )


def step(name: str, task: str = "quick", **more: Any) -> dict[str, Any]:
    """One step of the agent here."""
    return {"id": name, "agent_type": "own", "task_type": task, "context": "none", **more}


GRAPH = {
    "name": "graph",
    "steps": [
        step("a"),
        step("b", "slow", depends_on=["a"]),
        step("c", depends_on=["a"]),
        step("d", depends_on=["b", "c"]),
    ],
}
SHAKY = {
    "name": "shaky",
    "steps": [step("a", "shaky", retry={"max_attempts": 3, "initial": "50ms", "jitter": "none"})],
}
FAILS = {"name": "fails", "steps": [step("a"), step("b", "no", depends_on=["a"])]}
NESTED = {
    "name": "nested",
    "steps": [
        step("first"),
        {
            "id": "both",
            "type": "parallel",
            "depends_on": ["first"],
            "branches": [
                {"id": "one", "steps": [step("x", "slow")]},
                {"id": "two", "steps": [step("y")]},
            ],
        },
        step("last", depends_on=["both"]),
    ],
}


async def save(product: Product, document: Mapping[str, Any], **headers: str) -> str:
    """A new workflow, by its id."""
    answer = await product.post("/api/workflows", document, **headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def run(product: Product, workflow: str, given: object = None, **headers: str) -> Any:
    """One execution, when it has ended."""
    body = {"input_data": given if given is not None else {}}
    started = await product.post(f"/api/workflows/{workflow}/execute", body, **headers)
    assert started.status_code == 202, started.text
    path = f"/api/executions/{started.json()['execution_id']}/status?wait_ms=10000"
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with anyio.fail_after(30):
        while True:
            status = (await product.http.get(path, headers=named)).json()
            if status["ended_at"]:
                return status
            await anyio.sleep(0.02)


async def answer(product: Product, path: str, **headers: str) -> Any:
    """The document there."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    found = await product.http.get(f"/api/analytics/{path}", headers=named)
    assert found.status_code == 200, found.text
    return found.json()


async def profiled(product: Product, workflow: str, n: int, window: str = "1h") -> Any:
    """The answer about a workflow once it rests on so many executions, all of them counted."""
    with anyio.fail_after(60):
        while True:
            found = await answer(product, f"workflows/{workflow}?window={window}")
            if found["profiles"]["executions"] >= n and found["executions"]["ended"] >= n:
                return found
            await anyio.sleep(0.5)


async def history(product: Product, execution: str) -> list[dict[str, Any]]:
    """What happened, with instants in ms."""
    path = f"/api/executions/{execution}/history?limit=1000"
    items = (await product.http.get(path)).json()["items"]
    for item in items:
        item["ms"] = round(datetime.fromisoformat(item["at"]).timestamp() * 1_000)
    return items


async def test_a_critical_path_is_that_of_the_histories(store_url: str) -> None:
    async with a_product(store_url, [Hands().agent()]) as one:
        workflow = await save(one, GRAPH)
        ended = [await run(one, workflow) for _ in range(5)]
        found = await profiled(one, workflow, 5)
        print(found)
