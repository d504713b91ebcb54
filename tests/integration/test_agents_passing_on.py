"""What a request brings is passed on: hops and traces, by direct calls and by executions."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from edge import OneKey, a_client
from http_peer import Peer, a_peer

from orchestra.app import Ports, build_modules, prepare, running
from orchestra.security import Principal
from orchestra.security.key_text import new_key
from orchestra.security.roles import permissions_of
from orchestra.settings import Settings
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

KEY = new_key()
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
BROUGHT = {
    "x-api-key": KEY,
    "orchestra-hop": "3",
    "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01",
    "tracestate": "vendor=1",
}


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
    admin = Principal(DEFAULT_TENANT, "admin", "key_a", permissions_of("admin"))
    async with running(settings, stage, build_modules), a_client(stage) as client:
        stage.gateway.verifier = OneKey(KEY, admin)
        client.headers["x-api-key"] = KEY
        yield client


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


async def post(http: httpx.AsyncClient, path: str, body: Any, **more: str) -> Any:
    answer = await http.post(path, json=body, headers={**BROUGHT, **more})
    assert answer.status_code < 300, answer.text
    return answer.json()


async def test_hops_and_traces_reach_the_agent(http: httpx.AsyncClient, peer: Peer) -> None:
    agent = {"name": "far", "agent_type": "far", "endpoint": peer.url, "capabilities": []}
    step = {"id": "a", "agent_type": "far", "task_type": "work"}
    await post(http, "/api/agents/register", agent)

    await post(http, "/api/agents/execute", {"agent_type": "far", "input_data": {}})
    made = await post(http, "/api/workflows", {"name": "w", "steps": [step]})
    await post(http, f"/api/workflows/{made['id']}/execute", {}, prefer="wait=60")
    await http.post("/api/agents/execute", json={"agent_type": "far", "input_data": {}})

    direct, step_of_it, fresh = (asked.headers for asked in peer.asked)
    for headers in (direct, step_of_it):
        assert headers["orchestra-hop"] == "4"
        assert headers["traceparent"].split("-")[1::2] == [TRACE, "01"]
        assert headers["tracestate"] == "vendor=1"
    assert direct["traceparent"] != step_of_it["traceparent"] != BROUGHT["traceparent"]
    assert fresh["orchestra-hop"] == "1"
    assert TRACE not in fresh["traceparent"]
