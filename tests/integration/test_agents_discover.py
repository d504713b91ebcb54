"""What is behind a URL: found, registered, followed as it changes, and used inside a workflow."""

import functools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import pytest
from agent_replicas import a_task, replica, store_at
from edge import a_client, a_stage
from http_peer import Asked, Peer, a_peer
from llmock import LlMock
from protocol_peers import Served

from orchestra.agents.discovery.asking import Asking
from orchestra.agents.discovery.following import Following
from orchestra.agents.discovery.told import Told
from orchestra.agents.module import AgentsModule
from orchestra.agents.records import A2AReach, Agent, McpReach, Registration
from orchestra.app import Ports, build_modules, prepare, running
from orchestra.clock import Ids, SystemClock, system_random
from orchestra.settings import Settings
from orchestra.store.failures import StoreAway
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio


@pytest.fixture
async def agents(store_url: str) -> AsyncIterator[AgentsModule]:
    async with replica(store_url) as module:
        yield module


@pytest.fixture
async def http(agents: AgentsModule) -> AsyncIterator[httpx.AsyncClient]:
    async with a_client(a_stage(None, agents)) as client:
        yield client


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


async def discover(http: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    answer = await http.post("/api/agents/discover", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_agent_is_found_behind_its_origin(http: httpx.AsyncClient, a2a: Served) -> None:
    answer = await discover(http, url=a2a.url)

    [found] = answer["found"]
    assert (found["kind"], found["url"], found["agent"]) == ("a2a", a2a.card, None)
    assert found["registration"] == {
        "name": "Test Agent", "agent_type": "test_agent", "provider": "a2a",
        "card_url": a2a.card, "description": "Says it again.",
    }  # fmt: skip
    assert "echo" in [one["name"] for one in found["capabilities"]]
    assert {one["kind"] for one in answer["tried"]} == {"mcp", "models"}
    made = await http.post("/api/agents/register", json=found["registration"])
    assert made.status_code == 201


@pytest.mark.parametrize("path", ["", "/mcp"])
async def test_a_server_of_tools_is_found_and_registered(
    http: httpx.AsyncClient, mcp: Served, path: str
) -> None:
    answer = await discover(
        http, url=mcp.url + path, register=True, name="Tools", agent_type="tools"
    )
    again = await discover(http, url=mcp.mcp, register=True, name="Tools", agent_type="tools")

    [found] = answer["found"]
    assert (found["kind"], found["url"]) == ("mcp", mcp.mcp)
    assert found["agent"]["status"] == "healthy"
    assert found["agent"]["version"] == "3.1.0"
    task = {"agent_type": "tools", "capability": "shout", "input_data": {"text": "a"}}
    assert (await http.post("/api/agents/execute", json=task)).json()["output"] == {"result": "A"}
    [known] = again["found"]
    assert known["agent"]["id"] == found["agent"]["id"]
    assert [one["code"] for one in known["agent"]["warnings"]] == ["agent_exists"]


async def test_models_are_found_to_choose_from(http: httpx.AsyncClient, llm_mock: LlMock) -> None:
    answer = await discover(http, url=llm_mock.openai, register=True)

    found = answer["found"]
    assert {one["kind"] for one in found} == {"models"}
    assert len(found) > 1
    first = found[0]["registration"]
    assert (first["provider"], first["base_url"]) == ("openai", llm_mock.openai)
    assert all(one["agent"] is None for one in found)
    made = await http.post("/api/agents/register", json=first)
    assert made.status_code == 201, made.text


async def test_nothing_is_found_and_said_so_where_nothing_is(
    http: httpx.AsyncClient, peer: Peer
) -> None:
    peer.says({"hello": "world"})

    answer = await discover(http, url=peer.url, register=True)

    assert answer["found"] == []
    assert len(answer["tried"]) == 4
    assert {one["code"] for one in answer["tried"]} == {"agent.invalid_response"}
    listed = await http.get("/api/agents")
    assert listed.json()["items"] == []


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({}, "/url", "missing_field"),
        ({"url": "file:///etc/passwd"}, "/url", "format"),
        ({"url": "http://169.254.169.254/latest"}, "/url", "destination_not_allowed"),
        ({"url": "http://u:p@127.0.0.1/"}, "/url", "format"),
        ({"url": "http://127.0.0.1/", "comand": ["sh"]}, "/comand", "unknown_field"),
    ],
)
async def test_where_nobody_may_look_nobody_looks(
    http: httpx.AsyncClient, body: object, pointer: str, code: str
) -> None:
    refused = await http.post("/api/agents/discover", json=body)

    assert refused.status_code == 422
    assert (pointer, code) in [(one["pointer"], one["code"]) for one in refused.json()["errors"]]


async def test_what_vanished_is_no_longer_picked_and_what_is_new_is(
    agents: AgentsModule, store_url: str, http: httpx.AsyncClient, a2a: Served, mcp: Served
) -> None:
    a2a.offers("echo", "fail")
    mcp.offers("slow", "add")
    await discover(http, url=a2a.url, register=True, name="far")
    await discover(http, url=mcp.url, register=True, name="tools")
    clock = SystemClock()
    roster = agents.registry.roster(DEFAULT_TENANT)
    before = roster.by_name["far"].offers, roster.by_name["tools"].offers
    a2a.offers("echo", "story")
    mcp.offers("slow")

    async with store_at(store_url) as store:
        following = Following(
            store, clock, Ids(clock, system_random()), system_random(), agents.registry
        )
        changed = [
            await following.follow(agents._asking, roster.by_name[name])
            for name in ("far", "tools", "far")
        ]

    assert before[0] == {"echo", "fail"}
    assert "add" not in before[1]
    assert changed[0].offers == {"echo", "story"}
    assert changed[1].offers - before[1] == {"add"}
    # Asked with the agent as it was before: somebody changed it since, so it stays.
    assert changed[2].revision == 1
    gone = await agents.execute(a_task("test_agent", capability="fail"))
    new = await agents.execute(a_task("test_agent", capability="story"))
    assert gone.error is not None
    assert new.output == "once upon a time"


async def test_one_replica_follows_for_all(
    agents: AgentsModule, store_url: str, peer: Peer
) -> None:
    asked: list[Asked] = []
    face = {"url": peer.url, "protocolBinding": "JSONRPC"}
    peer.says({"supportedInterfaces": [face], "skills": []}, cache_control="max-age=60")
    spec = Registration("far", "remote", "a2a", reach=A2AReach(peer.url), told=True)
    async with replica(store_url) as second:
        await second.registry.register(DEFAULT_TENANT, spec)
        with anyio.fail_after(60):
            while not peer.asked:  # noqa: ASYNC110 -- by another task of the module
                await anyio.sleep(0.05)
        await anyio.sleep(1.2)  # long enough for the other one, if it did

        asked = list(peer.asked)

    assert len(asked) == 1
    assert agents.registry.roster(DEFAULT_TENANT).by_name["far"].untold


class Away:
    """Asking, where the secrets cannot be had."""

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, agent: Agent, timeout_s: float = 3.0) -> Told:
        self.asked += 1
        raise StoreAway("the store is away")


async def test_a_store_that_is_away_does_not_end_the_following(
    agents: AgentsModule, store_url: str, peer: Peer
) -> None:
    clock, away = SystemClock(), Away()
    spec = Registration("far", "remote", "a2a", reach=A2AReach(peer.url), told=True)
    async with store_at(store_url) as store:
        following = Following(
            store, clock, Ids(clock, system_random()), system_random(), agents.registry
        )
        await agents.registry.register(DEFAULT_TENANT, spec)

        await following._look(cast("Asking", away))
        await following._look(cast("Asking", away))

    assert away.asked == 1  # not again at once


async def test_another_order_is_no_change(
    agents: AgentsModule, store_url: str, http: httpx.AsyncClient, mcp: Served
) -> None:
    found = await discover(http, url=mcp.url, register=True, name="tools")
    mcp.offers("add")
    mcp.offers()
    clock = SystemClock()

    async with store_at(store_url) as store:
        following = Following(
            store, clock, Ids(clock, system_random()), system_random(), agents.registry
        )
        tools = agents.registry.roster(DEFAULT_TENANT).by_name["tools"]
        same = await following.follow(agents._asking, tools)
    again = await http.post("/api/agents/register", json=found["found"][0]["registration"])

    assert same.revision == 1
    assert again.json()["revision"] == 1


async def test_a_server_that_is_away_keeps_what_it_told(
    agents: AgentsModule, http: httpx.AsyncClient, peer: Peer
) -> None:
    tools = [{"name": "add", "inputSchema": {"type": "object"}}, {"name": "add"}, {"name": "a\nb"}]
    peer.says({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}})
    body = {"name": "far", "agent_type": "remote", "provider": "mcp", "url": peer.url}

    async def first_number_only() -> None:
        number = peer.asked[-1].json["id"]
        peer.says({"jsonrpc": "2.0", "id": number, "result": {"tools": tools}})

    peer.hold = first_number_only
    made = (await http.post("/api/agents/register", json=body)).json()
    peer.hold = None
    peer.says({}, 503)
    again = (await http.post("/api/agents/register", json=body)).json()

    assert [one["name"] for one in made["capabilities"]] == ["add"]
    assert [one["code"] for one in made["warnings"]] == ["capability_unusable"] * 2
    assert again["capabilities"] == made["capabilities"]
    assert again["revision"] == 1
    assert [one["code"] for one in again["warnings"]] == ["agent_unreachable"]
    assert isinstance(agents.registry.roster(DEFAULT_TENANT).by_name["far"].spec.reach, McpReach)


@pytest.fixture
async def product(store_url: str, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """All of it, with secrets."""
    (tmp_path / "master.key").write_text("m" * 64)
    settings = Settings(
        store_url=store_url, durability="no", allow_weaker_durability=True, drain_s=1.0,
        network_allow=("127.0.0.1",), master_key_file=str(tmp_path / "master.key"),
    )  # fmt: skip
    stage = prepare(settings, [("127.0.0.1", 8000)], Ports.of_the_machine())
    stage.gateway._is_own = lambda _, __: True
    build = functools.partial(build_modules, python_agents=[])
    async with running(settings, stage, build), a_client(stage) as client:
        yield client


async def test_both_work_inside_a_workflow(
    product: httpx.AsyncClient, a2a: Served, mcp: Served
) -> None:
    await discover(product, url=a2a.url, register=True, agent_type="far")
    await discover(product, url=mcp.url, register=True, agent_type="tools")
    steps = [
        {"id": "sum", "agent_type": "tools", "task_type": "add", "input_data": {"a": 2, "b": 3}},
        {"id": "say", "agent_type": "far", "task_type": "echo",
         "input_data": {"text": "it is ${steps.sum.output.total}"}, "depends_on": ["sum"]},
    ]  # fmt: skip
    made = await product.post("/api/workflows", json={"name": "both", "steps": steps})
    assert made.status_code == 201, made.text

    at = f"/api/workflows/{made.json()['id']}/execute"
    ended = await product.post(at, json={}, headers={"Prefer": "wait=60"})
    status = await product.get(f"/api/executions/{ended.json()['id']}/status")

    assert status.json()["status"] == "completed", status.text
    assert a2a.told()["seen"][-1]["text"] == ["it is 5"]


async def said_on_the_way(product: httpx.AsyncClient, **task: Any) -> list[tuple[str, str]]:
    """The events of a task, each with its data."""
    answer = await product.post(
        "/api/agents/execute", json=task, headers={"Accept": "text/event-stream"}
    )
    assert answer.headers["content-type"].startswith("text/event-stream"), answer.text
    lines = (block.splitlines() for block in answer.text.split("\n\n") if "data: " in block)
    return [(name.removeprefix("event: "), data) for _, name, data in lines]


async def test_both_are_streamed_checked_and_cancelled_through_the_product(
    product: httpx.AsyncClient, a2a: Served, mcp: Served
) -> None:
    await discover(product, url=a2a.url, register=True, name="far", agent_type="far")
    await discover(product, url=mcp.url, register=True, name="tools", agent_type="tools")

    story = await said_on_the_way(product, agent_type="far", capability="story", input_data={})
    count = await said_on_the_way(
        product, agent_type="tools", capability="count", input_data={"to": 2}
    )
    well = [(await product.post(f"/api/agents/{one}/check")).json() for one in ("far", "tools")]
    before = len(a2a.told()["cancelled"])
    slow = {"agent_type": "far", "capability": "slow", "input_data": {}}
    begun = await product.post("/api/agents/execute", json=slow, headers={"Prefer": "wait=0"})
    with anyio.fail_after(60):
        while a2a.told()["seen"][-1]["capability"] != "slow":  # noqa: ASYNC110 -- another process
            await anyio.sleep(0.02)
    await product.delete(begun.headers["location"])
    with anyio.fail_after(60):
        while len(a2a.told()["cancelled"]) == before:  # noqa: ASYNC110 -- another process
            await anyio.sleep(0.02)

    assert [name for name, _ in story] == ["progress", "delta", "delta", "delta", "result"]
    assert "once upon a time" in story[-1][1]
    assert [name for name, _ in count] == ["progress", "progress", "result"]
    assert "at 1" in count[0][1]
    assert [one["well"] for one in well] == [True, True]


async def test_a_secret_goes_along_and_no_card_or_tool_brings_it_back(
    product: httpx.AsyncClient, peer: Peer
) -> None:
    secret = {"value": "a-secret-to-keep", "allowed_hosts": ["127.0.0.1"]}
    assert (await product.put("/api/secrets/far", json=secret)).is_success
    face = {"url": peer.url, "protocolBinding": "JSONRPC"}
    skill = {"id": "echo", "description": "by a-secret-to-keep"}
    peer.says({"name": "Far", "supportedInterfaces": [face], "skills": [skill]})
    auth = {"type": "bearer", "secret": "${secret:far}"}

    found = await discover(product, url=peer.url, register=True, auth=auth)
    peer.says({"error": {"code": -32602, "message": "no a-secret-to-keep"}}, 400)
    refused = await discover(product, url=peer.url, auth=auth)
    shown = await product.get("/api/agents")

    assert {asked.headers["authorization"] for asked in peer.asked} == {"Bearer a-secret-to-keep"}
    assert found["found"][0]["capabilities"][0]["description"] == "by ***"
    assert "no ***" in str(refused["tried"])
    for text in (str(found), str(refused), shown.text):
        assert "a-secret-to-keep" not in text
