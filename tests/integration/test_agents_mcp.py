"""Tools of MCP servers, by servers on the official SDK: found, called, cancelled, of both ages."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest
from agent_replicas import a_task, replica
from edge import a_client, a_stage
from http_peer import Peer, a_peer
from protocol_peers import Served

from orchestra.agents import Capability
from orchestra.agents.credentials import NoCredentials
from orchestra.agents.module import AgentsModule
from orchestra.agents.providers import Answer, Call, Failure
from orchestra.agents.providers.mcp import McpProvider
from orchestra.agents.providers.mcp_wire import McpWire
from orchestra.agents.records import Agent, McpReach, Registration
from orchestra.security.destinations import policy
from orchestra.security.outbound import Outbound
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

TOOLS = {"add", "shout", "breaks", "count", "slow", "cancelled"}


@pytest.fixture
async def agents(store_url: str) -> AsyncIterator[AgentsModule]:
    async with replica(store_url) as module:
        yield module


@pytest.fixture
async def http(agents: AgentsModule) -> AsyncIterator[httpx.AsyncClient]:
    async with a_client(a_stage(None, agents)) as client:
        yield client


@pytest.fixture
async def wire() -> AsyncIterator[McpWire]:
    outbound = Outbound(policy(("127.0.0.1",)))
    yield McpWire(outbound, NoCredentials())
    await outbound.aclose()


@pytest.fixture
def provider(wire: McpWire) -> McpProvider:
    return McpProvider(wire)


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


@pytest.fixture(params=["stateless", "older"])
def server(request: pytest.FixtureRequest, mcp: Served, mcp_older: Served) -> Served:
    return mcp if request.param == "stateless" else mcp_older


def an_agent(url: str, *capabilities: Capability, tools: tuple[str, ...] = ()) -> Agent:
    spec = Registration("far", "remote", "mcp", capabilities, reach=McpReach(url, tools))
    return Agent("agt_1", DEFAULT_TENANT, 1, 0, spec)


def a_call(tool: str | None, given: object, frames: list[Any] | None = None, **more: Any) -> Call:
    task = a_task("remote", input_data=given, key="orc-1", **more)
    return Call(task, tool, task.timeout_ms, 1, emit=None if frames is None else frames.append)


async def test_registered_by_its_url_alone_it_is_found_called_and_checked(
    http: httpx.AsyncClient, server: Served
) -> None:
    body = {"name": "far", "agent_type": "remote", "provider": "mcp", "url": server.mcp}

    made = await http.post("/api/agents/register", json=body)
    again = await http.post("/api/agents/register", json=body)
    task = {"agent_type": "remote", "input_data": {"task_type": "add", "a": 1, "b": 2}}
    done = await http.post("/api/agents/execute", json=task)

    document = made.json()
    assert (made.status_code, again.status_code, again.json()["revision"]) == (201, 200, 1)
    assert (document["status"], document["warnings"]) == ("healthy", [])
    tools = {one["name"]: one for one in document["capabilities"]}
    assert tools.keys() == TOOLS
    add = tools["add"]
    assert add["description"] == "Add two numbers."
    assert add["input_schema"]["required"] == ["a", "b"]
    assert add["output_schema"]["required"] == ["total"]
    assert done.json()["output"] == {"total": 3}


async def test_only_the_tools_that_were_named_are_taken(
    http: httpx.AsyncClient, mcp: Served
) -> None:
    body = {"name": "far", "agent_type": "remote", "provider": "mcp", "url": mcp.mcp}

    made = await http.post("/api/agents/register", json={**body, "tools": ["shout"]})
    given = await http.post(
        "/api/agents/register", json={**body, "name": "own", "capabilities": ["add", "sing"]}
    )

    assert [one["name"] for one in made.json()["capabilities"]] == ["shout"]
    assert [(one["pointer"], one["code"]) for one in given.json()["warnings"]] == [
        ("/capabilities/1", "capability_unserved")
    ]


async def test_a_command_is_never_taken_from_a_request(http: httpx.AsyncClient) -> None:
    body = {"name": "far", "agent_type": "remote", "provider": "mcp", "command": ["sh", "-c", "id"]}

    refused = await http.post("/api/agents/register", json=body)

    assert refused.status_code == 422
    assert "command_not_allowed" in [one["code"] for one in refused.json()["errors"]]


async def test_what_a_tool_says_on_the_way_is_passed_on(
    provider: McpProvider, server: Served
) -> None:
    frames: list[Any] = []

    said = await provider.call(an_agent(server.mcp), a_call("count", {"to": 2}, frames))

    assert isinstance(said, Answer)
    assert said.output == {"result": 2}
    assert frames == [
        {"event": "progress", "progress": 1, "total": 2, "message": "at 1"},
        {"event": "progress", "progress": 2, "total": 2, "message": "at 2"},
    ]


async def test_a_tool_that_fails_is_no_failure_of_its_server(
    provider: McpProvider, server: Served
) -> None:
    said = await provider.call(an_agent(server.mcp), a_call("add", {"a": "x"}))

    assert isinstance(said, Failure)
    assert (said.error.code, said.error.definite, said.outcome) == ("agent.error", True, "none")
    assert "valid integer" in said.error.message


async def test_closing_the_call_cancels_the_tool(provider: McpProvider, server: Served) -> None:
    agent = an_agent(server.mcp)
    before = await provider.call(agent, a_call("cancelled", {}))
    with anyio.fail_after(120):
        while await provider.call(agent, a_call("cancelled", {})) == before:
            with anyio.move_on_after(0.5) as left:  # it may not have begun by then
                await provider.call(agent, a_call("slow", {}))
            assert left.cancelled_caught
            await anyio.sleep(0.1)


async def test_which_age_a_server_is_of_is_asked_once(
    provider: McpProvider, wire: McpWire, mcp_older: Served, mcp: Served
) -> None:
    older, newer = an_agent(mcp_older.mcp), an_agent(mcp.mcp)

    assert await provider.check(older, 60) is None
    assert wire.opened(older)
    assert await provider.check(older, 60) is None

    other = McpWire(wire._outbound, NoCredentials())
    assert await McpProvider(other).check(newer, 60) is None
    assert not other.opened(newer)


async def test_a_stateless_call_has_the_headers_to_route_by(
    provider: McpProvider, peer: Peer
) -> None:
    schema: dict[str, object] = {
        "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "dry": {"type": "boolean", "x-mcp-header": "Dry"},
            "to": {"type": "object", "properties": {"name": {"x-mcp-header": "Name"}}},
            "odd": {"type": "string", "x-mcp-header": "a b"},
        }
    }
    agent = an_agent(peer.url, Capability("do it", input_schema=schema))
    given = {"region": "eu", "dry": True, "to": {"name": "Zoë"}, "odd": "x"}
    peer.says({"jsonrpc": "2.0", "id": 1, "result": {"content": [], "structuredContent": [1]}})

    said = await provider.call(agent, a_call("do it", given, trace=f"00-{'1' * 32}-{'2' * 16}-01"))

    assert isinstance(said, Answer)
    assert said.output == [1]
    [asked] = peer.asked
    expected = {
        "mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "do it",
        "mcp-param-region": "eu", "mcp-param-dry": "true", "idempotency-key": "orc-1",
        "mcp-param-name": "=?base64?Wm/Dqw==?=",
    }  # fmt: skip
    assert expected.items() <= asked.headers.items()
    assert asked.headers["traceparent"].startswith(f"00-{'1' * 32}-")
    assert asked.json["params"]["arguments"] == given
    meta = asked.json["params"]["_meta"]
    assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {}


@pytest.mark.parametrize(
    ("status", "body", "code", "asked"),
    [
        (401, {}, "agent.auth", 1),
        (500, {}, "agent.error", 1),
        (429, {}, "agent.rate_limited", 1),
        (302, {}, "agent.invalid_response", 1),
        (200, [], "agent.invalid_response", 1),
        (200, {"jsonrpc": "2.0", "id": 1, "result": {}}, "agent.invalid_response", 1),
        (200, {"jsonrpc": "2.0", "id": 1, "error": {"code": -32602}}, "agent.bad_request", 1),
        (200, {"jsonrpc": "2.0", "id": 1, "error": {"code": -32603}}, "agent.error", 1),
        # It refuses the version: an older server, maybe, so it is introduced to, and refuses that.
        (400, {"jsonrpc": "2.0", "id": 1, "error": {"code": -32022}}, "agent.bad_request", 2),
        (200, {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601}}, "agent.bad_request", 2),
        (404, {}, "agent.bad_request", 2),
        (200, {"jsonrpc": "2.0", "id": 1, "result": {"resultType": "input_required"}},
         "agent.input_required", 1),
    ],
)  # fmt: skip
async def test_each_answer_has_its_code(
    provider: McpProvider, peer: Peer, status: int, body: object, code: str, asked: int
) -> None:
    peer.says(body, status, location="http://127.0.0.1:1/")

    said = await provider.call(an_agent(peer.url), a_call("add", {}))

    assert isinstance(said, Failure)
    assert (said.error.code, len(peer.asked)) == (code, asked)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, {"jsonrpc": "2.0", "id": 1, "result": {"supportedVersions": []}}, None),
        (200, {"hello": "world"}, "agent.invalid_response"),
        (404, {}, "agent.bad_request"),
        (500, {}, "agent.error"),
        (403, {}, "agent.auth"),
    ],
)
async def test_a_server_is_well_only_when_it_says_so(
    provider: McpProvider, peer: Peer, status: int, body: object, code: str | None
) -> None:
    peer.says(body, status)

    error = await provider.check(an_agent(peer.url), 1)

    assert (error and error.code) == code


async def test_a_stream_without_its_answer_is_a_lost_one(provider: McpProvider, peer: Peer) -> None:
    peer.body = b'data: {"jsonrpc": "2.0", "method": "notifications/progress", "params": {}}\n\n'
    peer.headers = {"content-type": "text/event-stream"}

    said = await provider.call(an_agent(peer.url), a_call("add", {}))

    assert isinstance(said, Failure)
    assert (said.error.code, said.error.definite, said.outcome) == ("agent.lost", False, "fail")


async def test_a_task_without_a_tool_is_for_a_server_with_one(
    provider: McpProvider, mcp: Served
) -> None:
    one = await provider.call(an_agent(mcp.mcp, tools=("shout",)), a_call(None, {"text": "a"}))
    many = await provider.call(an_agent(mcp.mcp), a_call(None, {"text": "a"}))
    other = await provider.call(an_agent(mcp.mcp, tools=("shout",)), a_call("add", {}))
    listed = await provider.call(an_agent(mcp.mcp), a_call("add", [1]))

    assert isinstance(one, Answer)
    assert one.output == {"result": "A"}
    for said in (many, other, listed):
        assert isinstance(said, Failure)
        assert said.error.code == "agent.bad_request"


async def test_a_session_the_server_forgot_is_opened_again(
    wire: McpWire, provider: McpProvider, mcp_older: Served
) -> None:
    agent = an_agent(mcp_older.mcp)
    await provider.call(agent, a_call("shout", {"text": "a"}))
    peer_of = wire._peers["agt_1", 1]
    assert peer_of.session is not None
    async with httpx.AsyncClient(trust_env=False) as client:
        headers = {"mcp-session-id": peer_of.session.id, "mcp-protocol-version": "2025-11-25"}
        await client.delete(mcp_older.mcp, headers=headers)

    said = await provider.call(agent, a_call("shout", {"text": "b"}))

    assert isinstance(said, Answer)
    assert said.output == {"result": "B"}
