"""`/api/agents` over HTTP, behind the real edge, on a real store."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest
from agent_replicas import an_agent, can, replica
from edge import a_client, a_stage
from http_peer import Peer, a_peer
from steady import undisturbed

from orchestra.agents import Reject, Retry, Task
from orchestra.agents.module import AgentsModule
from orchestra.errors import Problem

pytestmark = pytest.mark.anyio

THREE_FIELDS = {
    "name": "text-processor-1",
    "agent_type": "text_processor",
    "capabilities": [
        {"name": "sentiment_analysis", "input_types": ["text"], "output_types": ["json"]}
    ],
}


async def sentiment(task: Task) -> object:
    given: Any = task.input_data
    if "text" not in given:
        raise Reject("no text", [Problem("/text", "missing_field", "is required")])
    if given["text"] == "busy":
        raise Retry("later", 2)
    if given["text"] == "broken":
        raise ValueError("hunter2")
    if given["text"] == "slow":
        await anyio.sleep_forever()
    return {"sentiment": "negative", "given": given}


CODE = [an_agent("text_processor", can("sentiment_analysis", sentiment))]


@pytest.fixture
async def agents(store_url: str) -> AsyncIterator[AgentsModule]:
    async with replica(store_url, CODE) as module:
        yield module


@pytest.fixture
async def http(agents: AgentsModule) -> AsyncIterator[httpx.AsyncClient]:
    async with a_client(a_stage(None, agents)) as client:
        yield client


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    async with a_peer() as made:
        yield made


def remote(peer: Peer, name: str = "far", **fields: Any) -> dict[str, Any]:
    return {"name": name, "agent_type": "remote", "capabilities": [], "endpoint": peer.url} | fields


async def test_the_originals_registration_is_answered_as_documented(
    http: httpx.AsyncClient,
) -> None:
    first = await http.post("/api/agents/register", json=THREE_FIELDS)
    again = await http.post("/api/agents/register", json=THREE_FIELDS)
    changed = await http.post("/api/agents/register", json=THREE_FIELDS | {"weight": 2})
    taken = await http.post(
        "/api/agents/register", json=THREE_FIELDS, headers={"If-None-Match": "*"}
    )

    assert first.status_code == 201
    made = first.json()
    assert first.headers["location"] == f"/api/agents/{made['id']}"
    assert {
        "name": "text-processor-1",
        "agent_type": "text_processor",
        "provider": "python",
        "status": "healthy",
        "revision": 1,
        "priority": 15,
        "capabilities": THREE_FIELDS["capabilities"],
        "warnings": [],
        "heartbeat": {"mode": "none"},
        "links": {"self": f"/api/agents/{made['id']}", "execute": "/api/agents/execute"},
    }.items() <= made.items()
    assert (again.status_code, again.json()["id"], again.json()["revision"]) == (200, made["id"], 1)
    assert (changed.json()["id"], changed.json()["revision"]) == (made["id"], 2)
    assert (taken.status_code, taken.json()["code"]) == (409, "agent_exists")


async def test_a_type_is_fixed(http: httpx.AsyncClient, peer: Peer) -> None:
    await http.post("/api/agents/register", json=remote(peer))

    answer = await http.post("/api/agents/register", json=remote(peer, agent_type="other"))

    assert (answer.status_code, answer.json()["code"]) == (409, "type_is_fixed")


async def test_findings_of_a_registration_are_one_problem(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/agents/register", json={"name": "", "prioritty": 3})

    assert answer.status_code == 422
    assert answer.json()["code"] == "registration_invalid"
    assert {(one["pointer"], one["code"]) for one in answer.json()["errors"]} == {
        ("/name", "format"),
        ("/prioritty", "unknown_field"),
        ("/agent_type", "missing_field"),
        ("/capabilities", "missing_field"),
    }


@pytest.mark.parametrize(
    "url", ["http://169.254.169.254/", "http://10.0.0.1/", "http://nothing.invalid/"]
)
async def test_a_forbidden_destination_is_refused_in_one_text(
    http: httpx.AsyncClient, peer: Peer, url: str
) -> None:
    answer = await http.post("/api/agents/register", json=remote(peer, endpoint=url))

    assert answer.status_code == 422
    [finding] = answer.json()["errors"]
    assert (finding["pointer"], finding["code"], finding["message"]) == (
        "/endpoint",
        "destination_not_allowed",
        "destination not allowed",
    )


async def test_an_agent_nobody_serves_waits_and_is_never_asked(http: httpx.AsyncClient) -> None:
    body = {"name": "resizer", "agent_type": "image", "capabilities": []}

    made = await http.post("/api/agents/register", json=body)
    asked = await http.post("/api/agents/execute", json={"agent_type": "image", "input_data": {}})

    assert made.status_code == 201
    assert (made.json()["provider"], made.json()["status"]) == ("pull", "waiting")
    assert (asked.status_code, asked.json()["code"]) == (503, "no_agent_available")


@pytest.mark.parametrize(
    "body",
    [
        {"agent_type": "text_processor",
         "input_data": {"task_type": "sentiment_analysis", "text": "bad"}},
        {"agent_type": "text_processor", "task_type": "sentiment_analysis", "text": "bad"},
        {"agent": "text_processor", "capability": "sentiment_analysis", "text": "bad"},
        {"capability": "sentiment_analysis", "input_data": {"text": "bad"}},
    ],
)  # fmt: skip
async def test_a_task_is_done_however_it_is_written(
    http: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    answer = await http.post("/api/agents/execute", json=body)

    assert answer.status_code == 200
    result = answer.json()
    assert result["task_id"].startswith("tsk_")
    assert (result["status"], result["degraded"], result["cached"]) == ("completed", False, False)
    assert result["capability"] == "sentiment_analysis"
    assert result["agent"]["name"] == "text_processor"
    assert result["output"]["sentiment"] == "negative"
    assert result["output"]["given"]["text"] == "bad"
    assert result["attempts"][0]["outcome"] == "ok"
    assert result["usage"]["cost_source"] == "unknown"


TEXT: dict[str, Any] = {"agent_type": "text_processor", "capability": "sentiment_analysis"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"agent_type": "nobody", "input_data": {}}, 404, "agent_type_unknown"),
        ({"agent": "nobody", "input_data": {}}, 404, "agent_unknown"),
        ({"agent_type": "text_processor", "capability": "fly"}, 422, "no_such_capability"),
        (TEXT | {"input_data": {}}, 422, "input_invalid"),
        (TEXT | {"input_data": {"text": "a"}, "text": "b"}, 422, "input_ambiguous"),
        ({"input_data": {}}, 422, "input_invalid"),
        ([], 422, "input_invalid"),
        (TEXT | {"timeout_ms": 5}, 422, "input_invalid"),
        (TEXT | {"version": "latest", "text": "a"}, 422, "input_invalid"),
        (TEXT | {"version": ">=9", "text": "a"}, 503, "no_agent_available"),
        (TEXT | {"text": "broken"}, 502, "agent_failed"),
        (TEXT | {"text": "busy"}, 502, "agent_failed"),
        (TEXT | {"text": "slow", "timeout_ms": 100}, 504, "deadline_exceeded"),
    ],
)
async def test_each_failure_is_a_problem_of_its_own(
    http: httpx.AsyncClient, body: object, status: int, code: str
) -> None:
    answer = await http.post("/api/agents/execute", json=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert "hunter2" not in answer.text


async def test_refusals_say_what_is_known_and_where_it_is_wrong(http: httpx.AsyncClient) -> None:
    unknown = await http.post("/api/agents/execute", json={"agent_type": "text_procesor"})
    refused = await http.post("/api/agents/execute", json=TEXT | {"input_data": {}})

    assert unknown.json()["known"] == ["text_processor"]
    assert refused.json()["errors"][0]["pointer"] == "/text"


async def test_a_pool_that_is_full_until_the_deadline_is_429(
    http: httpx.AsyncClient, peer: Peer
) -> None:
    await http.post("/api/agents/register", json=remote(peer, max_concurrency=1))
    reached = anyio.Event()

    async def hold() -> None:
        reached.set()
        await anyio.sleep_forever()

    peer.hold = hold
    body = {"agent_type": "remote", "input_data": {}}
    answers: list[httpx.Response] = []
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: http.post("/api/agents/execute", json=body))
        await reached.wait()
        short = body | {"timeout_ms": 200}
        answers.append(await undisturbed(lambda: http.post("/api/agents/execute", json=short), 0.1))
        group.cancel_scope.cancel()

    assert (answers[0].status_code, answers[0].json()["code"]) == (429, "pool_saturated")


async def test_agents_are_listed_page_by_page_and_filtered(
    http: httpx.AsyncClient, peer: Peer
) -> None:
    for i in range(5):
        body = remote(peer, f"far-{i}", labels={"zone": "eu" if i % 2 else "us"})
        await http.post("/api/agents/register", json=body)

    seen: list[str] = []
    cursor = ""
    while True:
        page = (await http.get(f"/api/agents/?limit=2&cursor={cursor}")).json()
        seen += [one["name"] for one in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert seen == ["text_processor", *(f"far-{i}" for i in range(5))]
    for query, count in (
        ("type=remote", 5), ("capability=sentiment_analysis", 1), ("label=zone:eu", 2),
        ("label=zone", 5), ("status=healthy", 6), ("status=stale", 0), ("type=none", 0),
    ):  # fmt: skip
        assert len((await http.get(f"/api/agents?{query}")).json()["items"]) == count, query
    assert (await http.get("/api/agents/?limit=201")).status_code == 422
    assert (await http.get("/api/agents/?cursor=junk")).status_code == 422


async def test_types_tell_what_is_declared(http: httpx.AsyncClient) -> None:
    answer = (await http.get("/api/agents/types")).json()

    [one] = answer["items"]
    assert (one["agent_type"], one["agents"]) == ("text_processor", 1)
    assert [capability["name"] for capability in one["capabilities"]] == ["sentiment_analysis"]


async def test_an_agent_is_found_by_id_and_name_until_it_is_removed(
    http: httpx.AsyncClient, peer: Peer
) -> None:
    made = (await http.post("/api/agents/register", json=remote(peer, "my agent"))).json()

    assert (await http.get(f"/api/agents/{made['id']}")).json()["name"] == "my agent"
    assert (await http.get("/api/agents/my%20agent")).json()["id"] == made["id"]
    assert (await http.delete("/api/agents/my%20agent?drain_s=1")).status_code == 204
    assert (await http.get(f"/api/agents/{made['id']}")).json()["code"] == "agent_unknown"
    assert (await http.delete(f"/api/agents/{made['id']}")).status_code == 404


async def test_a_heartbeat_is_told_when_the_next_is_due(
    http: httpx.AsyncClient, peer: Peer
) -> None:
    pushing = {"mode": "push", "interval_s": 1, "ttl_s": 2}
    made = (await http.post("/api/agents/register", json=remote(peer, heartbeat=pushing))).json()

    answer = await http.post(f"/api/agents/{made['id']}/heartbeat", json={"load": 0.5})

    assert answer.json() == {"next_in_s": 1, "drain": False, "revision": 1}
    assert made["links"]["heartbeat"] == f"/api/agents/{made['id']}/heartbeat"
    assert (await http.post("/api/agents/nobody/heartbeat")).status_code == 404


async def test_a_drained_agent_gets_no_tasks_until_it_is_enabled(
    http: httpx.AsyncClient, peer: Peer
) -> None:
    await http.post("/api/agents/register", json=remote(peer))
    body = {"agent_type": "remote", "input_data": {}}

    drained = await http.post("/api/agents/far/drain")
    refused = await http.post("/api/agents/execute", json=body)
    enabled = await http.post("/api/agents/far/enable")
    done = await http.post("/api/agents/execute", json=body)

    assert drained.json()["status"] == "draining"
    assert (refused.status_code, refused.json()["code"]) == (503, "no_agent_available")
    assert enabled.json()["status"] == "healthy"
    assert done.status_code == 200
