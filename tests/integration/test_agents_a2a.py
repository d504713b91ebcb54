"""Agents that speak A2A, by a server on the official SDK: found, called, streamed, cancelled."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, Literal

import anyio
import httpx
import pytest
from agent_replicas import a_task, replica
from edge import a_client, a_stage
from http_peer import Asked, Peer, a_peer
from protocol_peers import Served

from orchestra.agents import Capability
from orchestra.agents.credentials import NoCredentials
from orchestra.agents.module import AgentsModule
from orchestra.agents.providers import Answer, Call, Failure
from orchestra.agents.providers.a2a import A2AProvider
from orchestra.agents.providers.a2a_cards import Cards
from orchestra.agents.records import A2AReach, Agent, Registration
from orchestra.clock import ManualClock, SystemClock
from orchestra.security.destinations import policy
from orchestra.security.outbound import Outbound
from orchestra.store.keys import DEFAULT_TENANT

pytestmark = pytest.mark.anyio

Binding = Literal["HTTP+JSON", "JSONRPC"]
A_FILE = {"url": "file:///etc/passwd", "protocolBinding": "JSONRPC"}
SKILLS = ["echo", "story", "slow", "reject", "ask", "fail"]


@pytest.fixture
async def agents(store_url: str) -> AsyncIterator[AgentsModule]:
    async with replica(store_url) as module:
        yield module


@pytest.fixture
async def http(agents: AgentsModule) -> AsyncIterator[httpx.AsyncClient]:
    async with a_client(a_stage(None, agents)) as client:
        yield client


@pytest.fixture
async def provider() -> AsyncIterator[A2AProvider]:
    outbound, clock = Outbound(policy(("127.0.0.1",))), SystemClock()
    cards = Cards(outbound, clock, NoCredentials())
    yield A2AProvider(outbound, clock, NoCredentials(), cards)
    await outbound.aclose()


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


def an_agent(card_url: str, binding: Binding | None = None) -> Agent:
    spec = Registration("far", "remote", "a2a", reach=A2AReach(card_url, binding))
    return Agent("agt_1", DEFAULT_TENANT, 1, 0, spec)


def a_call(capability: str, frames: list[Any] | None = None, **given: Any) -> Call:
    fields: dict[str, Any] = {"input_data": {"text": "hi"}, "key": "orc-1", "session": "ses_1"}
    task = a_task("remote", **(fields | given))
    emit = None if frames is None else frames.append
    return Call(task, capability, task.timeout_ms, 1, emit=emit)


async def cancelled(server: Served, call: Callable[[], Awaitable[None]]) -> None:
    """Call until the server was told that one was cancelled: at first it may not have begun."""
    before = len(server.told()["cancelled"])
    with anyio.fail_after(120):
        while len(server.told()["cancelled"]) == before:
            await call()
            with anyio.move_on_after(5):
                while len(server.told()["cancelled"]) == before:  # noqa: ASYNC110 -- elsewhere
                    await anyio.sleep(0.02)


async def test_registered_by_its_card_alone_it_is_found_called_and_checked(
    http: httpx.AsyncClient, agents: AgentsModule, a2a: Served
) -> None:
    body = {"name": "far", "agent_type": "remote", "provider": "a2a", "card_url": a2a.card}

    made = await http.post("/api/agents/register", json=body)
    again = await http.post("/api/agents/register", json=body)
    task = {"agent_type": "remote", "capability": "echo", "input_data": {"text": "hi", "n": 1}}
    done = await http.post("/api/agents/execute", json=task)

    document = made.json()
    assert (made.status_code, again.status_code) == (201, 200)
    assert again.json()["revision"] == 1
    assert document["status"] == "healthy"
    assert document["warnings"] == []
    assert document["version"] == "1.2.0"
    assert [one["name"] for one in document["capabilities"]] == SKILLS
    assert document["capabilities"][0]["input_types"] == ["json", "text"]
    assert done.json()["output"] == {"heard": [{"text": "hi", "n": 1}], "text": ["hi"]}
    unknown = await http.post("/api/agents/execute", json={**task, "capability": "sing"})
    assert unknown.json()["code"] == "no_such_capability"
    assert agents.registry.roster(DEFAULT_TENANT).by_name["far"].spec.told


@pytest.mark.parametrize("binding", ["HTTP+JSON", "JSONRPC"])
async def test_each_binding_carries_the_message_and_streams(
    provider: A2AProvider, a2a: Served, binding: Binding
) -> None:
    frames: list[Any] = []

    said = await provider.call(an_agent(a2a.card, binding), a_call("story", frames))

    assert isinstance(said, Answer)
    assert said.output == "once upon a time"
    assert [one["text"] for one in frames if one["event"] == "delta"] == [
        "once ",
        "upon ",
        "a time",
    ]
    assert {"event": "progress", "message": "thinking"} in frames
    seen = a2a.told()["seen"][-1]
    assert (seen["message"], seen["context"]) == ("orc-1", "ses_1")
    assert (seen["data"], seen["text"]) == ([{"text": "hi"}], ["hi"])


@pytest.mark.parametrize("binding", ["HTTP+JSON", "JSONRPC"])
async def test_without_streaming_the_task_is_looked_at_until_its_end(
    provider: A2AProvider, a2a_plain: Served, binding: Binding
) -> None:
    said = await provider.call(an_agent(a2a_plain.card, binding), a_call("story", []))

    assert isinstance(said, Answer)
    assert said.output == "once upon a time"


@pytest.mark.parametrize(
    ("skill", "code", "retryable", "outcome"),
    [
        ("reject", "agent.bad_request", None, "none"),
        ("fail", "agent.error", None, "fail"),
        ("ask", "agent.input_required", False, "none"),
    ],
)
async def test_each_end_of_a_task_has_its_code(
    provider: A2AProvider, a2a: Served, skill: str, code: str, retryable: bool | None, outcome: str
) -> None:
    before = len(a2a.told()["cancelled"])

    said = await provider.call(an_agent(a2a.card), a_call(skill))

    assert isinstance(said, Failure)
    assert (said.error.code, said.error.retryable, said.outcome) == (code, retryable, outcome)
    assert said.error.definite
    # Nobody will answer its question, so the agent need not wait for it.
    assert len(a2a.told()["cancelled"]) - before == (1 if skill == "ask" else 0)


@pytest.mark.parametrize("binding", ["HTTP+JSON", "JSONRPC"])
async def test_a_call_that_is_cancelled_cancels_the_agents_task(
    provider: A2AProvider, a2a: Served, a2a_plain: Served, binding: Binding
) -> None:
    for server in (a2a, a2a_plain):

        async def call(server: Served = server) -> None:
            with anyio.move_on_after(0.5) as left:
                await provider.call(an_agent(server.card, binding), a_call("slow"))
            assert left.cancelled_caught

        await cancelled(server, call)


async def test_a_call_out_of_time_cancels_the_agents_task(
    provider: A2AProvider, a2a: Served
) -> None:
    found: list[Answer | Failure] = []

    async def call() -> None:
        found.append(await provider.call(an_agent(a2a.card), a_call("slow", timeout_ms=400)))

    await cancelled(a2a, call)

    said = found[-1]
    assert isinstance(said, Failure)
    assert (said.error.code, said.error.definite) == ("timeout.attempt", False)


async def test_a_broken_stream_is_taken_up_by_the_tasks_id(
    provider: A2AProvider, a2a_plain: Served, peer: Peer
) -> None:
    # A card that promises to stream, and an agent that sends the beginning and hangs up.
    card, asked = a_streaming_card(peer), list[str]()

    def answers(request: Asked) -> None:
        asked.append(request.headers.get("accept", ""))
        if "text/event-stream" in asked[-1]:
            begun = b'data: {"task": {"id": "t1", "status": {"state": "TASK_STATE_WORKING"}}}\n\n'
            peer.body, peer.headers = begun, {"content-type": "text/event-stream"}
        elif len(asked) == 1:
            peer.says(card)
        else:
            done = {"id": "t1", "status": {"state": "TASK_STATE_COMPLETED"}}
            parts = [{"data": {"n": 7}}]
            peer.says({**done, "artifacts": [{"artifactId": "a", "parts": parts}]})

    async def hold() -> None:
        answers(peer.asked[-1])

    peer.hold = hold

    said = await provider.call(an_agent(peer.url), a_call("echo"))

    assert isinstance(said, Answer)
    assert said.output == {"n": 7}


def a_streaming_card(peer: Peer, **fields: Any) -> dict[str, Any]:
    face = {"url": peer.url, "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"}
    return {
        "name": "far",
        "supportedInterfaces": [face],
        "capabilities": {"streaming": True},
        "skills": [{"id": "echo"}],
        **fields,
    }


async def test_a_card_is_asked_for_again_only_if_it_changed(
    provider: A2AProvider, peer: Peer
) -> None:
    peer.says(a_streaming_card(peer), etag='W/"1"', cache_control="max-age=60")
    agent = an_agent(peer.url)

    assert await provider.check(agent, 60) is None
    peer.status, peer.body = 304, b""
    assert await provider.check(agent, 60) is None

    assert "if-none-match" not in peer.asked[0].headers
    assert peer.asked[1].headers["if-none-match"] == 'W/"1"'


async def test_a_card_that_cannot_be_renewed_holds(peer: Peer, a2a: Served) -> None:
    outbound, clock = Outbound(policy(("127.0.0.1",))), ManualClock()
    cards = Cards(outbound, clock, NoCredentials())
    provider = A2AProvider(outbound, clock, NoCredentials(), cards)
    async with httpx.AsyncClient(trust_env=False) as client:
        peer.says((await client.get(a2a.card)).json(), cache_control="no-store")
    agent = an_agent(peer.url)
    assert isinstance(await provider.call(agent, a_call("echo")), Answer)
    clock.advance(1_000)
    peer.says({}, 500)

    said = await provider.call(agent, a_call("echo"))
    again = await provider.call(agent, a_call("echo"))

    assert isinstance(said, Answer)
    assert isinstance(again, Answer)
    assert len(peer.asked) == 2
    await outbound.aclose()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, {}, "agent.auth"),
        (500, {}, "agent.error"),
        (200, [], "agent.invalid_response"),
        (200, {"name": "old", "url": "http://127.0.0.1/"}, "agent.invalid_response"),
        (200, {"supportedInterfaces": [A_FILE]}, "agent.invalid_response"),
        (302, {}, "agent.invalid_response"),
    ],
)  # fmt: skip
async def test_a_card_that_cannot_be_used_is_said_to_be(
    provider: A2AProvider, peer: Peer, status: int, body: object, code: str
) -> None:
    peer.says(body, status)

    error = await provider.check(an_agent(peer.url), 60)
    said = await provider.call(an_agent(peer.url), a_call("echo"))

    assert error is not None
    assert error.code == code
    assert isinstance(said, Failure)
    assert said.error.code == code


async def test_the_interface_a_card_names_is_judged_when_it_is_dialled(
    provider: A2AProvider, peer: Peer
) -> None:
    face = {"url": "http://169.254.169.254/latest", "protocolBinding": "HTTP+JSON"}
    peer.says(a_streaming_card(peer, supportedInterfaces=[face]))

    said = await provider.call(an_agent(peer.url), a_call("echo"))

    assert isinstance(said, Failure)
    assert (said.error.code, said.error.message) == (
        "agent.unavailable",
        "destination not allowed",
    )


async def test_an_agent_that_is_not_there_is_registered_and_waits_until_it_is(
    http: httpx.AsyncClient, agents: AgentsModule, store_url: str, a2a: Served
) -> None:
    async with AsyncExitStack() as stack:
        peer = await stack.enter_async_context(a_peer())
        peer.says({}, 503)
        body = {"name": "far", "agent_type": "remote", "provider": "a2a", "card_url": peer.url}
        made = await http.post("/api/agents/register", json=body)
        task = {"agent_type": "remote", "input_data": {"text": "hi"}}
        early = await http.post("/api/agents/execute", json=task)
        card = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        peer.says((await card.get(a2a.card)).json())

        with anyio.fail_after(60):
            while (await http.get("/api/agents/far")).json()["status"] == "waiting":  # noqa: ASYNC110 -- as callers would
                await anyio.sleep(0.1)
        late = await http.post("/api/agents/execute", json={**task, "capability": "echo"})

    document = made.json()
    assert (made.status_code, document["status"], document["capabilities"]) == (201, "waiting", [])
    assert [one["code"] for one in document["warnings"]] == ["agent_unreachable"]
    assert document["warnings"][0]["pointer"] == "/card_url"
    assert early.status_code == 503
    assert late.json()["output"]["text"] == ["hi"]


async def test_given_capabilities_stand_whatever_the_card_says(
    http: httpx.AsyncClient, agents: AgentsModule, a2a: Served
) -> None:
    body = {
        "name": "far", "agent_type": "remote", "provider": "a2a", "card_url": a2a.card,
        "capabilities": [{"name": "story"}],
    }  # fmt: skip

    made = (await http.post("/api/agents/register", json=body)).json()

    assert [one["name"] for one in made["capabilities"]] == ["story"]
    agent = agents.registry.roster(DEFAULT_TENANT).by_name["far"]
    assert not agent.spec.told
    assert agent.spec.capabilities == (Capability("story"),)
