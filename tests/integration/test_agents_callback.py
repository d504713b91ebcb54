"""An agent that calls back, over the whole product: from 202 to the answer of the caller."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
import pytest
from edge import a_client
from http_peer import Peer, a_peer

from orchestra.app import Ports, build_modules, prepare, running
from orchestra.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def http(store_url: str) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(
        store_url=store_url,
        durability="no",
        allow_weaker_durability=True,
        drain_s=1.0,
        network_allow=("127.0.0.1",),
    )
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: True
    async with running(settings, stage, build_modules), a_client(stage) as client:
        yield client


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        made.says({}, 202)
        yield made


class Agent:
    """What the agent knows after it was asked."""

    def __init__(self, http: httpx.AsyncClient, envelope: Any) -> None:
        self._http, self.envelope = http, envelope
        self.answered = anyio.Event()
        self._path = urlsplit(envelope["callback"]["url"]).path

    async def says(self, seq: int, status: str, **more: Any) -> httpx.Response:
        """One callback."""
        token = more.pop("token", self.envelope["callback"]["token"])
        fence = more.pop("fence", self.envelope["fence"])
        body = {"fence": fence, "seq": seq, "status": status, **more}
        headers = {"authorization": f"Bearer {token}"}
        return await self._http.post(self._path, json=body, headers=headers)


@asynccontextmanager
async def executing(
    http: httpx.AsyncClient, peer: Peer, answers: list[httpx.Response], **fields: Any
) -> AsyncIterator[Agent]:
    """A task that the agent has accepted."""
    spec = {"name": "far", "agent_type": "far", "endpoint": peer.url, "capabilities": []}
    made = await http.post("/api/agents/register", json=spec | {"async": True})
    assert made.status_code == 201, made.text
    asked = anyio.Event()

    async def hold() -> None:
        asked.set()

    async def execute() -> None:
        body = {"agent_type": "far", "input_data": {}, **fields}
        answers.append(await http.post("/api/agents/execute", json=body))
        agent.answered.set()

    peer.hold = hold
    async with anyio.create_task_group() as group:
        group.start_soon(execute)
        await asked.wait()
        agent = Agent(http, peer.asked[0].json)
        yield agent


async def test_a_callback_answers_the_caller_and_is_safe_to_repeat(
    http: httpx.AsyncClient, peer: Peer
) -> None:
    answers: list[httpx.Response] = []
    async with executing(http, peer, answers) as agent:
        running = await agent.says(1, "running", progress=0.5)
        forged = await agent.says(2, "completed", token="orc_task_" + "x" * 43)
        done = await agent.says(2, "completed", output={"n": 1}, usage={"output_tokens": 4})
        again = await agent.says(2, "completed", output={"n": 1}, usage={"output_tokens": 4})

    assert peer.asked[0].headers["prefer"] == "respond-async"
    assert [one.status_code for one in (running, forged, done, again)] == [200, 401, 200, 200]
    [answer] = answers
    assert (answer.status_code, answer.json()["output"]) == (200, {"n": 1})
    assert answer.json()["usage"]["output_tokens"] == 4


async def test_a_failure_that_is_called_back_is_the_agents(
    http: httpx.AsyncClient, peer: Peer
) -> None:
    answers: list[httpx.Response] = []
    async with executing(http, peer, answers) as agent:
        await agent.says(1, "failed", error={"code": "stock.gone", "message": "none left"})

    assert answers[0].status_code == 502
    assert answers[0].json()["error"]["code"] == "stock.gone"


async def test_whoever_is_too_late_is_told(http: httpx.AsyncClient, peer: Peer) -> None:
    answers: list[httpx.Response] = []
    async with executing(http, peer, answers, timeout_ms=3_000) as agent:
        with anyio.fail_after(60):
            await agent.answered.wait()
        late = await agent.says(1, "completed", output=1)

    assert answers[0].status_code == 504
    assert late.status_code in (401, 409)
