"""Pull agents: tasks wait in a queue, workers come for them, leases say whose they are."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from products import Product, a_product

pytestmark = pytest.mark.anyio

TASK = {"agent_type": "pulled", "capability": "do"}
QUICK = {"mode": "push", "interval_s": 1, "ttl_s": 2}


@pytest.fixture
async def product(store_url: str) -> AsyncIterator[Product]:
    async with a_product(store_url) as made:
        yield made


class Asked:
    """A task being executed for a caller, beside the test."""

    def __init__(self) -> None:
        self.answer: Any = None
        self.done = anyio.Event()

    async def run(self, product: Product, **more: Any) -> None:
        """Ask, and keep the answer."""
        self.answer = await product.post("/api/agents/execute", TASK | more)
        self.done.set()


async def poll(product: Product, agent: str, slots: int = 1, wait_s: int = 5) -> list[Any]:
    answer = await product.post(f"/api/agents/{agent}/poll", {"slots": slots, "wait_s": wait_s})
    assert answer.status_code in (200, 204), answer.text
    return answer.json()["tasks"] if answer.content else []


def proof(task: Any, **more: Any) -> dict[str, Any]:
    return {"lease": task["lease"]["id"], "fence": task["fence"]} | more


async def test_a_worker_comes_for_a_task_and_its_output_is_the_callers(product: Product) -> None:
    shown = await product.register("far", max_concurrency=4)
    assert shown["status"] == "waiting"
    assert shown["pull"]["poll_url"] == f"/api/agents/{shown['id']}/poll"
    async with anyio.create_task_group() as group:
        asked, found = Asked(), []

        async def work() -> None:
            found.extend(await poll(product, shown["id"]))
            assert (
                await product.post(
                    f"{found[0]['links']['complete']}", proof(found[0], output={"n": 1})
                )
            ).status_code == 200

        group.start_soon(work)
        while (await product.http.get(f"/api/agents/{shown['id']}")).json()["status"] == "waiting":
            await anyio.sleep(0.005)
        group.start_soon(lambda: asked.run(product, input_data={"x": 7}))
        with anyio.fail_after(5):
            await asked.done.wait()

    assert asked.answer.json()["output"] == {"n": 1}
    [task] = found
    assert task["spec"] == "orchestra.task/1"
    assert task["input"] == {"x": 7}
    assert 0 < task["timeout_ms"] <= 60_000
    assert task["lease"]["ttl_ms"] == 30_000
