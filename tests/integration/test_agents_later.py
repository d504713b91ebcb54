"""Answers that come later: 202, then callbacks with a token, to any replica."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from http_peer import Peer, a_peer
from products import Product, a_product, until

from orchestra.agents import Task
from orchestra.agents.providers import Failure
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

TASK = {"agent_type": "slow", "capability": "do", "input_data": {}}


@pytest.fixture
async def product(store_url: str) -> AsyncIterator[Product]:
    async with a_product(store_url) as made:
        yield made


@pytest.fixture
async def other(store_url: str, product: Product) -> AsyncIterator[Product]:
    async with a_product(store_url) as made:
        yield made


@pytest.fixture
async def peer(product: Product) -> AsyncIterator[Peer]:
    async with a_peer(status=202) as made:
        await product.register("slow", agent_type="slow", endpoint=made.url, **{"async": True})
        yield made


@asynccontextmanager
async def asked(product: Product, peer: Peer) -> AsyncIterator[tuple[Any, list[Any]]]:
    """A caller who waits, and what its agent was sent."""
    answers: list[Any] = []

    async def ask() -> None:
        answers.append(await product.post("/api/agents/execute", TASK))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await until(lambda: peer.asked)
        yield peer.asked[-1].json, answers


async def call_back(product: Product, sent: Any, **said: Any) -> Any:
    path = sent["callback"]["url"].partition("//")[2].partition("/")[2]
    token = said.pop("token", sent["callback"]["token"])
    body = {"fence": sent["fence"], "seq": 1, "status": "completed"} | said
    return await product.post("/" + path, body, Authorization=f"Bearer {token}")


async def test_a_callback_to_any_replica_is_the_answer(
    product: Product, other: Product, peer: Peer
) -> None:
    async with asked(product, peer) as (sent, answers):
        running = await call_back(other, sent, status="running", progress={"done": 0.5})
        done = await call_back(other, sent, seq=2, output={"n": 1})
    again = await call_back(product, sent, seq=2, output={"n": 2})
    more = await call_back(product, sent, seq=3, output={"n": 3})

    assert [one.status_code for one in (running, done, again)] == [200, 200, 200]
    assert answers[0].json()["output"] == {"n": 1}
    assert (more.status_code, more.json()["code"]) == (409, "attempt_superseded")
    assert sent["callback"]["heartbeat_s"] == 30


async def test_a_token_is_good_for_its_task_and_fence_only(product: Product, peer: Peer) -> None:
    async with asked(product, peer) as (sent, answers):
        old = await call_back(product, sent, fence=sent["fence"] - 1)
        forged = await call_back(product, sent, token="orc_task_" + "A" * 43)
        key = await call_back(product, sent, token="something")
        url = "http://host/api/agents/tasks/tsk_other/callback"
        stray = await call_back(product, sent | {"callback": {**sent["callback"], "url": url}})
        agents = await product.http.get(
            "/api/agents", headers={"Authorization": f"Bearer {sent['callback']['token']}"}
        )
        await call_back(product, sent, output=1)

    assert (old.status_code, old.json()["code"]) == (409, "attempt_superseded")
    assert [one.status_code for one in (forged, key, stray, agents)] == [401] * 4
    assert answers[0].json()["output"] == 1


async def test_a_failure_said_later_is_the_callers(product: Product, peer: Peer) -> None:
    async with asked(product, peer) as (sent, answers):
        error = {"code": "stock.gone", "message": "sold out", "retryable": False}
        await call_back(product, sent, status="failed", error=error)

    assert answers[0].json()["error"]["code"] == "stock.gone"


async def test_an_answer_at_once_needs_no_callback(product: Product, peer: Peer) -> None:
    peer.says({"status": "completed", "output": "now"})

    async with asked(product, peer) as (sent, answers):
        pass

    late = await call_back(product, sent, output="later")
    assert answers[0].json()["output"] == "now"
    assert late.status_code == 409


async def test_silence_loses_the_attempt(product: Product, peer: Peer) -> None:
    later = product.agents._elsewhere.later
    agent = product.agents.registry.roster(DEFAULT_TENANT).find("slow")
    task = Task("tsk_1", DEFAULT_TENANT, {})
    expected = await later.expect(task, agent, 3, 60_000)
    lost = await expected.wait(10, 0.1)
    sent = {"fence": 3, "callback": {"url": expected.callback_url, "token": expected.token}}
    late = await call_back(product, sent, output=1)

    assert isinstance(lost, Failure)
    assert lost.error.code == "agent.lost"
    assert late.json()["code"] == "attempt_superseded"
